"""Django: a database backend that asks the secret for the parameters of each connection."""

import os
import sys

import django
import secret
from django.conf import settings
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL's own, with the credential of now."""

    def get_connection_params(self):
        """Return the parameters of a connection that is about to be opened."""
        now = secret.read()
        return {**super().get_connection_params(), "user": now["username"], "password": now["password"]}


# In a project the class stands in a module base.py of a package of yours, and ENGINE in DATABASES names that package.
sys.modules["rotating"] = sys.modules["rotating.base"] = sys.modules[__name__]
place = secret.read()
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "rotating",
            "HOST": place["host"],
            "PORT": place["port"],
            "NAME": place["dbname"],
            "CONN_MAX_AGE": 300,
            "OPTIONS": {"sslmode": "verify-full", "sslrootcert": os.environ["DATABASE_CA"]},
        }
    }
)
django.setup()

from django.db import connection


def query(statement):
    """Return a statement's first row."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()
