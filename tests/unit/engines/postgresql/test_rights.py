"""Which right is missing, by the version of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from rotation.engines.postgresql.passwords import missing_grant

if TYPE_CHECKING:
    from rotation.engines.postgresql.connection import Connection


class Catalogs:
    """A connection that knows the rights of one admin."""

    user = "admin"

    def __init__(self, version: int, *rows: tuple[Any, ...]) -> None:
        self.version = version
        self._rows = rows

    def run(self, *_: object) -> list[tuple[Any, ...]]:
        return list(self._rows)


@pytest.mark.parametrize(
    ("version", "row", "remedy"),
    [
        (160000, (True, "app", False, False), 'Run: GRANT "app" TO "admin" WITH ADMIN OPTION;'),
        (
            160000,
            (False, "app", False, False),
            'Run: ALTER ROLE "admin" CREATEROLE; GRANT "app" TO "admin" WITH ADMIN OPTION;',
        ),
        (150000, (False, "app", False, False), 'Run: ALTER ROLE "admin" CREATEROLE;'),
        (160000, (False, None, None, False), 'Run: ALTER ROLE "admin" CREATEROLE;'),
        (150000, (True, "app", True, False), "Only a superuser may change a superuser."),
    ],
)
def test_the_statement_that_helps_is_named(version: int, row: tuple[Any, ...], remedy: str) -> None:
    """Since PostgreSQL 16 CREATEROLE alone does not reach other users."""
    assert missing_grant(cast("Connection", Catalogs(version, row)), "app") == remedy


def test_where_nothing_is_missing_the_restriction_of_rds_is_named() -> None:
    """rds.restrict_password_commands is what is left."""
    assert "rds_password" in missing_grant(cast("Connection", Catalogs(150000, (True, "app", False, False))), "app")
