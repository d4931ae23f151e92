"""PyMongo: a MongoClient keeps its credential for life, so it is made anew when the server refuses it."""

import os

import secret
from pymongo import MongoClient
from pymongo.errors import OperationFailure

REFUSED = 18  # AuthenticationFailed
client = None


def made():
    """Return a client with the credential of now."""
    now = secret.read()
    return MongoClient(
        now["host"],
        now["port"],
        username=now["username"],
        password=now["password"],
        authSource=now.get("authSource", "admin"),
        tls=True,
        tlsCAFile=os.environ["DATABASE_CA"],
        directConnection=True,
        heartbeatFrequencyMS=500,
        maxIdleTimeMS=int(os.environ.get("IDLE_MS", "600000")),
    )


def query(command):
    """Return what a command answers; a client whose credential has ended is replaced, and asked once more."""
    global client
    client = client or made()
    try:
        return client.admin.command(command)
    except OperationFailure as error:
        if error.code != REFUSED:
            raise
    client.close()
    client = made()
    return client.admin.command(command)
