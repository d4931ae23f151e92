"""psycopg 3 and its pool: each connection that the pool opens reads the secret."""

import os

import psycopg
import secret
from psycopg_pool import ConnectionPool


class Connection(psycopg.Connection):
    """A connection by the credential of now."""

    @classmethod
    def connect(cls, conninfo="", **options):
        """Log in."""
        now = secret.read()
        place = {"host": now["host"], "port": now["port"], "dbname": now["dbname"]}
        return super().connect(conninfo, user=now["username"], password=now["password"], **place, **options)


pool = ConnectionPool(
    kwargs={"sslmode": "verify-full", "sslrootcert": os.environ["DATABASE_CA"]},
    connection_class=Connection,
    min_size=1,
    open=True,
)


def query(statement):
    """Return a statement's first row."""
    with pool.connection() as connection:
        return connection.execute(statement).fetchone()
