"""aws-secretsmanager-caching: keep a value for less than the time between two rotations; its default is an hour."""

import json
import os

import psycopg
from aws_secretsmanager_caching import SecretCache, SecretCacheConfig

SECONDS = float(os.environ.get("CACHE_SECONDS", "300"))
cache = SecretCache(config=SecretCacheConfig(secret_refresh_interval=SECONDS))


def query(statement):
    """Return a statement's first row."""
    now = json.loads(cache.get_secret_string(os.environ["SECRET_ID"]))
    place = {"host": now["host"], "port": now["port"], "dbname": now["dbname"]}
    tls = {"sslmode": "verify-full", "sslrootcert": os.environ["DATABASE_CA"]}
    with psycopg.connect(user=now["username"], password=now["password"], **place, **tls) as connection:
        return connection.execute(statement).fetchone()
