"""The secret: read whenever a connection is opened, so that no rotation hurts."""

import json
import os

import boto3

secrets = boto3.client("secretsmanager")


def read():
    """Return what the secret holds now."""
    return json.loads(secrets.get_secret_value(SecretId=os.environ["SECRET_ID"])["SecretString"])
