"""MySQL Connector/Python: its pool keeps the credential it began with, so open connections by a function instead."""

import os

import mysql.connector
import secret


def connect():
    """Log in with the credential of now."""
    now = secret.read()
    return mysql.connector.connect(
        host=now["host"],
        port=now["port"],
        user=now["username"],
        password=now["password"],
        database=now["dbname"],
        ssl_ca=os.environ["DATABASE_CA"],
        ssl_verify_cert=True,
        ssl_verify_identity=True,
    )


def query(statement):
    """Return a statement's first row."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()
