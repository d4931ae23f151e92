// mongodb: a MongoClient keeps its credential for life, so it is made anew when the server refuses it.
import { MongoClient } from "mongodb";
import { read } from "./secret.mjs";

const REFUSED = 18; // AuthenticationFailed
let client;

/** Return a client with the credential of now. */
async function made() {
  const now = await read();
  return new MongoClient(`mongodb://${now.host}:${now.port}`, {
    auth: { username: now.username, password: now.password },
    authSource: now.authSource ?? "admin",
    tls: true,
    tlsCAFile: process.env.DATABASE_CA,
    directConnection: true,
    heartbeatFrequencyMS: 500,
    maxIdleTimeMS: Number(process.env.IDLE_MS ?? 600000),
  });
}

/** Return what a command answers; a client whose credential has ended is replaced, and asked once more. */
export async function query(command) {
  client ??= await made();
  try {
    return await client.db("admin").command({ [command]: 1 });
  } catch (error) {
    if (error.code !== REFUSED) throw error;
  }
  await client.close();
  client = await made();
  return client.db("admin").command({ [command]: 1 });
}
