"""Every statement that the engine sends in a test, held against the guide's syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

from rotation.engines.redshift.connection import Connection
from tests.support.emulators.redshift.syntax import is_known

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_TESTS = ("SELECT redshift.", "SELECT pg_sleep(", "SELECT 1", "SHOW search_path", "DROP ROLE no name")
"""How statements begin that tests put into the engine's place."""


def watched() -> Iterator[list[str]]:
    """Return the statements that are sent; fail at the end where one is not known."""
    sent: list[str] = []
    run = Connection.run

    def keep(connection: Connection, statement: str, *values: object) -> object:
        sent.append(statement)
        return run(connection, statement, *values)

    with mock.patch.object(Connection, "run", keep):
        yield sent
    unknown = {it for it in sent if not is_known(it) and not it.startswith(OF_TESTS)}
    assert unknown == set(), "No test of the syntax knows them (tests/support/emulators/redshift/syntax.py)"
