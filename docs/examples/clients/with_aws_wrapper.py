"""AWS Advanced Python Wrapper: its plugin reads the secret, keeps it for a year by default, and reads when refused."""

import os

import psycopg
import secret
from aws_advanced_python_wrapper import AwsWrapperConnection

SECONDS = int(os.environ.get("CACHE_SECONDS", "300"))
place = secret.read()


def connect():
    """Log in with a credential that the plugin has read, at most so many seconds and half an hour ago."""
    return AwsWrapperConnection.connect(
        psycopg.Connection.connect,
        host=place["host"],
        port=place["port"],
        dbname=place["dbname"],
        sslmode="verify-full",
        sslrootcert=os.environ["DATABASE_CA"],
        plugins="aws_secrets_manager",
        secrets_manager_secret_id=os.environ["SECRET_ID"],
        secrets_manager_expiration=SECONDS,
        autocommit=True,
    )


def query(statement):
    """Return a statement's first row."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()
