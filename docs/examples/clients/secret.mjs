// The secret: read whenever a connection is opened, so that no rotation hurts.
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const secrets = new SecretsManagerClient({});

/** Return what the secret holds now. */
export async function read() {
  const answer = await secrets.send(new GetSecretValueCommand({ SecretId: process.env.SECRET_ID }));
  return JSON.parse(answer.SecretString);
}
