"""
What a rotation of a pair costs where its base holds very many grants on a real MySQL: processor, statements, memory.

``python -m tests.bench.grants [GRANTS …]``: by default 500, 1,000 … 8,000. They are privileges on schemas (14 on each,
as one user of many tenants holds) and on columns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab import mysql
from tests.lab.theatre import Theatre, emulated
from tests.support.servers.mysql import MySQLServer
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVILEGES: Final = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, "
    "EXECUTE, CREATE VIEW, SHOW VIEW"
)
OF_A_SCHEMA: Final = PRIVILEGES.count(",") + 1
OF_A_TABLE: Final = 500


def on_schemas(count: int, user: str) -> Iterator[str]:
    """Return the statements for so many grants on schemas."""
    for number in range(count // OF_A_SCHEMA):
        yield f"GRANT {PRIVILEGES} ON {user}_{number}.* TO {user}@'%'"


def on_columns(count: int, user: str) -> Iterator[str]:
    """Return the statements for so many grants on columns."""
    for table in range(count // OF_A_TABLE):
        columns = [f"c{number}" for number in range(OF_A_TABLE)]
        yield f"CREATE TABLE shop.{user}_{table} ({', '.join(f'{column} int' for column in columns)})"
        yield f"GRANT SELECT ({', '.join(columns)}) ON shop.{user}_{table} TO {user}@'%'"


KINDS: Final = {"schemas": on_schemas, "columns": on_columns}


def main() -> None:
    """Rotate three times for each number of grants of each kind, and print a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grants", nargs="*", type=int, default=[500, 1000, 2000, 4000, 8000])
    wanted = parser.parse_args().grants
    tell("| grants | on | first rotation, s | promotes the base, s | promotes the clone, s | GRANT statements |")
    with (
        tempfile.TemporaryDirectory() as folder,
        MySQLServer(Authority.create(Path(folder), "Bench")) as server,
        emulated() as emulator,
    ):
        theatre = Theatre(mysql, mysql.MySQLScene(server), emulator)
        for count in wanted:
            for kind in KINDS:
                tell(row(theatre, server, count, kind))


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def row(theatre: Theatre, server: MySQLServer, count: int, kind: str) -> str:
    """Rotate three times, and tell the processor's time of each."""
    user = f"{kind}{count}"
    application = theatre.application(user, "alternating-users")
    server.execute(*KINDS[kind](count, user))
    mark, spent = server.mark(), []
    for _ in range(3):
        begun = time.process_time()
        if not application.rotate().succeeded:
            raise SystemExit("a rotation failed")
        spent.append(f"{time.process_time() - begun:.2f}")
    statements = server.log_text(mark).count("Query\tGRANT ")
    return f"| {count} | {kind} | {' | '.join(spent)} | {statements} |"


if __name__ == "__main__":
    main()
