"""Which cuts leave the same behind."""

from __future__ import annotations

import pytest

from tests.support.crashes.cuts import Cut, Scissors, cutting


class Session:
    """Runs statements and commands, and logs in."""

    def run(self, statement: object) -> str:
        return f"ran {statement}"

    def log_in(self) -> None:
        """Need nothing."""


class Composed:
    """Shows itself as psycopg2's statements do."""

    def __str__(self) -> str:
        return "Composed([SQL('ALTER ROLE '), Identifier('u'), SQL(' PASSWORD '), Literal('hidden')])"


def played(scissors: Scissors, *statements: object) -> None:
    session = Session()
    with cutting(scissors, (Session, "run"), (Session, "log_in")):
        session.log_in()
        for statement in statements:
            session.run(statement)


def test_an_effect_is_named_by_its_verb_and_nothing_else() -> None:
    scissors = Scissors(0)
    played(scissors, "SELECT 1", "SET ROLE NONE", "SET PASSWORD = 'hidden'", Composed(), "updateUser", "...")
    names = ["log_in", "SELECT", "SET", "SET PASSWORD", "ALTER", "updateUser", "run"]
    assert scissors.trace == [f"{number} {name}" for number, name in enumerate(names, 1)]


def test_cuts_after_reads_are_alike_and_cuts_after_changes_of_one_kind() -> None:
    scissors = Scissors(0)
    played(scissors, "SELECT 1", "GRANT a TO b", "GRANT c TO d", "SET ROLE NONE", "SHOW GRANTS", "SET PASSWORD = ''")
    assert scissors.alike == [[1, 2], [3, 4], [5, 6], [7]]


def test_a_cut_is_after_its_effect() -> None:
    scissors = Scissors(2)
    with pytest.raises(Cut):
        played(scissors, "ALTER USER u", "ALTER USER v")
    assert scissors.trace == ["1 log_in", "2 ALTER"]
