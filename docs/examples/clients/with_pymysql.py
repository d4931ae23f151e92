"""PyMySQL: a function that opens a connection, for SQLAlchemy's creator or a pool of your own."""

import os

import pymysql
import secret


def connect():
    """Log in with the credential of now."""
    now = secret.read()
    return pymysql.connect(
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
