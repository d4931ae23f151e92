"""What the work of the guard and of levelling grows with: counted, not timed."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from rotation.engines.mysql import guard, levelling
from rotation.engines.mysql.accounts import State, default_options
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.grants import Kind, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.engines.mysql.connection import Connection

PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE, EXECUTE"
SHAPES = {
    "schemas": [f"GRANT {PRIVILEGES} ON `tenant_{number}`.* TO `app`@`%`" for number in range(400)],
    "columns": [f"GRANT SELECT (`c{number}`) ON `d`.`t{number % 7}` TO `app`@`%`" for number in range(2000)],
}


class Accounts:
    """A server with an account that holds much; it remembers what it was asked."""

    where = "here"
    user, account = "admin", Account("admin", "%")
    is_mariadb = keeps_attributes = keeps_two_passwords = False

    def __init__(self, rows: list[str]) -> None:
        self.mandatory_roles = ""
        self.rows = rows
        self.asked = 0

    def literal(self, text: str) -> str:
        return f"'{text}'"

    def recall(self, query: str) -> list[tuple[Any, ...]]:
        return self.run(query)

    def only(self, rows: list[tuple[Any, ...]]) -> str:
        return str(rows[0][0])

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        self.asked += 1
        if statement.startswith("SHOW CREATE USER"):
            words = "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$' REQUIRE NONE ACCOUNT UNLOCK"
            return [(words,)]
        return [(row,) for row in self.rows] if statement.startswith("SHOW GRANTS") else [("app", "%", None)]


def counted(act: Callable[[], object]) -> int:
    """Count the calls, of Python and of C, that an act makes."""
    calls = 0

    def seen(_frame: object, event: str, _what: object) -> None:
        nonlocal calls
        calls += event.endswith("call")

    sys.setprofile(seen)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


def guarded(rows: list[str]) -> int:
    server = Accounts(rows)
    calls = counted(lambda: guard.guard(cast("Connection", server), "app", allow_privileged=False))
    assert server.asked < 10
    return calls


def held(rows: list[str], account: Account) -> State:
    grants = frozenset(one for one in parse(rows, account) if one.kind is not Kind.DYNAMIC)
    return State(account, "x", False, (), False, default_options(), grants, {})  # noqa: FBT003


def levelled(rows: list[str]) -> int:
    """Give to a clone that has nothing, then look at a base that has nothing."""
    base = held(rows, Account("app", "%"))
    bare = replace(base, account=Account("app_clone", "%"), grants=frozenset())
    server = cast("Connection", Accounts(rows))

    def act() -> None:
        assert len(levelling.differences(server, base, bare)) <= len(rows)
        assert levelling.differences(server, base, base) == []
        assert levelling.lost_on_base(bare, base, frozenset())

    return counted(act)


@pytest.mark.parametrize("shape", ["schemas", "columns"])
@pytest.mark.parametrize("work", [guarded, levelled])
def test_twice_as_many_grants_are_twice_the_work(work: Callable[[list[str]], int], shape: str) -> None:
    """Not four times; a statement of levelling is one for each place."""
    rows = SHAPES[shape]
    half, whole = work(rows[: len(rows) // 2]), work(rows)
    assert half > len(rows) // 2
    assert whole < 2.2 * half
