"""SQLAlchemy: the event do_connect puts the credential of now into each login."""

import os

import secret
from sqlalchemy import create_engine, event, text

now = secret.read()
engine = create_engine(
    f"postgresql+psycopg://{now['host']}:{now['port']}/{now['dbname']}",
    connect_args={"sslmode": "verify-full", "sslrootcert": os.environ["DATABASE_CA"]},
)


@event.listens_for(engine, "do_connect")
def log_in(_dialect, _record, _arguments, options):
    """Log in as the user of now: with two users, that changes too."""
    now = secret.read()
    options["user"], options["password"] = now["username"], now["password"]


def query(statement):
    """Return a statement's first row."""
    with engine.connect() as connection:
        return connection.execute(text(statement)).fetchone()
