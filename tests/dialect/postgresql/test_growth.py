"""A server may hold very much: the work grows with it, and no faster. By counts, which a busy machine keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench import growth
from tests.lab.nightly import NIGHTLY
from tests.lab.stages.postgresql import Stage, pair_of, unique

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.servers.postgresql_address import Postgres

TIMES = 10
MOST = {"roles": 1_000, "grants": 10_000, "databases": 200} if NIGHTLY else {"roles": 100, "grants": 1_000}


@pytest.fixture
def stage(postgres: Postgres) -> Stage:
    return Stage(postgres)


def as_roles(stage: Stage, user: str, count: int) -> None:
    names = [f"{user}_r{number}" for number in range(count)]
    stage.run("DO $$ BEGIN " + " ".join(f"CREATE ROLE {it}; GRANT {it} TO {user};" for it in names) + " END $$")


def as_grants(stage: Stage, user: str, count: int) -> None:
    tables = [f"{user}_t{number}" for number in range(count // 4)]
    made = " ".join(f"CREATE TABLE {it} (); GRANT SELECT, INSERT, UPDATE, DELETE ON {it} TO {user};" for it in tables)
    stage.run(f"DO $$ BEGIN {made} END $$")


def as_databases(stage: Stage, user: str, count: int) -> None:
    for number in range(count):
        stage.run("CREATE DATABASE {} TEMPLATE template0 OWNER {}", f"{user}_d{number}", user)


HELD: dict[str, Callable[[Stage, str, int], None]] = {
    "roles": as_roles,
    "grants": as_grants,
    "databases": as_databases,
}


def prepared(stage: Stage, what: str) -> Iterator[tuple[growth.Counts, growth.Counts]]:
    """Yield the counts of a first preparation and of the next one, for few and for many."""
    for parts in (TIMES, 1):
        user = stage.user(unique("g")).username
        HELD[what](stage, user, MOST[what] // parts)
        admin = stage.superuser()
        first = growth.counted(stage, admin, pair_of(user))
        yield first, growth.counted(stage, admin, pair_of(user, version="version-2"))


@pytest.mark.parametrize("what", MOST)
def test_the_work_does_not_grow_with_what_a_base_holds(stage: Stage, what: str) -> None:
    """The clone is a member of its base, so that nothing is copied."""
    (first, next_one), (first_of_many, next_of_many) = prepared(stage, what)
    assert first_of_many.statements == first.statements
    assert next_of_many.statements == next_one.statements
    assert first_of_many.within(first, TIMES)
    assert next_of_many.within(next_one, TIMES)
