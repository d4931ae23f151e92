"""Powertools for AWS Lambda: max_age is what the cache keeps, 5 seconds by default."""

import os

import pymysql
from aws_lambda_powertools.utilities import parameters

SECONDS = int(float(os.environ.get("CACHE_SECONDS", "60")))


def query(statement):
    """Return a statement's first row."""
    now = parameters.get_secret(os.environ["SECRET_ID"], max_age=SECONDS, transform="json")
    place = {"host": now["host"], "port": now["port"], "database": now["dbname"]}
    tls = {"ssl_ca": os.environ["DATABASE_CA"], "ssl_verify_cert": True, "ssl_verify_identity": True}
    credential = {"user": now["username"], "password": now["password"]}
    with pymysql.connect(**place, **credential, **tls) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()
