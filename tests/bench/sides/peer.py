"""
What AWS's published functions need to run on this machine, where they lack it; each change names its reason.

Nothing of theirs is here: the files come from a checkout (``make bench PEER=…``) and run as they are.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any, Final

BUNDLE: Final = "DATABASE_CA_BUNDLE"
FILES: Final = {
    ("mysql", "single-user"): "SecretsManagerRDSMySQLRotationSingleUser",
    ("mysql", "alternating-users"): "SecretsManagerRDSMySQLRotationMultiUser",
    ("mysql", "retained-password"): "SecretsManagerRDSMySQLRotationSingleUser",
    ("mariadb", "single-user"): "SecretsManagerRDSMariaDBRotationSingleUser",
    ("mariadb", "alternating-users"): "SecretsManagerRDSMariaDBRotationMultiUser",
    ("postgresql", "single-user"): "SecretsManagerRDSPostgreSQLRotationSingleUser",
    ("postgresql", "alternating-users"): "SecretsManagerRDSPostgreSQLRotationMultiUser",
    ("documentdb", "single-user"): "SecretsManagerMongoDBRotationSingleUser",
    ("documentdb", "alternating-users"): "SecretsManagerMongoDBRotationMultiUser",
}
"""
The folder of the function that people have today, by stage and strategy: one user has one password there.

Their functions for Redshift are not among them: libpq does not speak the login that the stand-in asks for.
"""
ENGINES: Final = {"docdb": "mongo"}
"""What they call an engine, where a secret of ours says otherwise."""


def prepare() -> None:
    """Put in place what the function is about to import: its driver, and no other."""
    engine = os.environ["ENGINE"]
    if engine in {"mysql", "mariadb"}:
        _trust_mysql(engine)
    elif engine == "documentdb":
        _log_in_as_pymongo_3()
    else:
        sys.modules["pg"], sys.modules["pgdb"] = _pygresql()


def _trust_mysql(engine: str) -> None:
    """Name the tests' authority where /etc/pki/tls/cert.pem is fixed, and let MySQL 9 set a password as MySQL 8."""
    pymysql: Any = importlib.import_module("pymysql")
    connect = pymysql.connect

    def trusting(**named: Any) -> Any:  # noqa: ANN401 passed on
        return connect(**{**named, "ssl": named["ssl"] and {"ca": os.environ[BUNDLE]}})

    pymysql.connect = trusting
    execute = pymysql.cursors.Cursor.execute

    def executed(self: Any, query: str, args: Any = None) -> Any:  # noqa: ANN401 passed on
        if engine == "mysql" and query.startswith("SET PASSWORD"):
            query = query.replace("PASSWORD(%s)", "%s")  # gone since MySQL 8.0; theirs asks for it but in "8…"
        return execute(self, query, args)

    pymysql.cursors.Cursor.execute = executed


def _pygresql() -> tuple[ModuleType, ModuleType]:
    """Return psycopg2 as PyGreSQL: no index has a wheel of that, and both sides then have the same driver."""
    driver: Any = importlib.import_module("psycopg2")
    pg, pgdb = ModuleType("pg"), ModuleType("pgdb")

    def connect(**named: Any) -> Any:  # noqa: ANN401 passed on
        if "sslrootcert" in named:
            named["sslrootcert"] = os.environ[BUNDLE]
        try:
            return driver.connect(**named)
        except driver.OperationalError as refused:
            raise pg.InternalError(str(refused)) from None

    pg.__dict__["InternalError"] = type("InternalError", (Exception,), {})
    pgdb.__dict__["connect"] = connect
    return pg, pgdb


def _log_in_as_pymongo_3() -> None:
    """Give PyMongo 4 the login of PyMongo 3, ``Database.authenticate``, which the functions call."""
    pymongo: Any = importlib.import_module("pymongo")
    client: Any = pymongo.MongoClient

    class Database:
        """One that logs in late."""

        def __init__(self, place: dict[str, Any], name: str) -> None:
            self._place, self._name = place, name
            self._client: Any = None

        def authenticate(self, user: str, password: str) -> None:
            """Log in."""
            self._client = client(**self._place, username=user, password=password, authSource=self._name)
            self.command("ping")

        def command(self, *words: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
            """Run a command."""
            return self._client[self._name].command(*words, **named)

        def logout(self) -> None:
            """End the login."""
            self._client.close()

    class Client:
        """One that has not logged in."""

        def __init__(self, **place: object) -> None:
            ssl = place.pop("ssl")
            self._place = {**place, "tls": ssl, "tlsCAFile": os.environ[BUNDLE], "directConnection": True}

        def __getitem__(self, name: str) -> Database:
            return Database(self._place, name)

    pymongo.MongoClient = Client
