"""The statements that the engine can write, held against the syntax of the Redshift Database Developer Guide."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from rotation.engines.redshift.accounts import Flags, User, levelling
from rotation.engines.redshift.owned import Thing
from rotation.engines.redshift.rights import ITSELF, Right, grant, revoke, revoke_option
from rotation.model import Password
from tests.lab.stages.redshift import pair_of, promoting_base
from tests.support.emulators.redshift.syntax import FORMS, is_known, matching
from tests.support.emulators.redshift.watch import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.stages.redshift import Stage

RIGHTS: Final = (
    Right("GROUP", ("readers",), "", ""),
    Right("ROLE", ("writers",), "", ""),
    Right("TABLE", ("s", 'odd "name"'), "", "TRUNCATE"),
    Right("COLUMN", ("s", "t"), "a", "UPDATE"),
    Right("SCHEMA", ("s",), "", "USAGE"),
    Right("SCHEMA", ("s",), "TABLES", "SELECT"),
    Right("DATABASE", ("dev",), "", "TEMPORARY"),
    Right("FUNCTION", ("s", "f"), "integer, character varying", "EXECUTE"),
    Right("PROCEDURE", ("s", "p"), "", "EXECUTE"),
    Right("LANGUAGE", ("plpythonu",), "", "USAGE"),
    Right("DATASHARE", ("share",), "", "SHARE"),
    Right("MODEL", ("s", "m"), "", "EXECUTE"),
    Right("ASSUMEROLE", ("arn:aws:iam::123456789012:role/it's",), "", "EXFUNC"),
    Right("ASSUMEROLE", ("default-aws-iam-role",), "", "CREATE MODEL"),
    Right("RLS", ("s", "t", "own rows"), "", "0"),
    Right("MASKING", ("s", "t", "hidden"), '("card"."number") USING ("card"."number", "kind")', "7"),
    Right("DEFAULT", (ITSELF, "s", "readers", "group"), "RELATION", "SELECT"),
    Right("DEFAULT", (ITSELF, "", "writers", "role"), "FUNCTION", "EXECUTE"),
    Right("DEFAULT", ("owner", "s", ITSELF, "user"), "PROCEDURE", "EXECUTE"),
    Right("DEFAULT", (ITSELF, "", "public", "public"), "RELATION", "INSERT"),
)
THINGS: Final = (
    Thing("TABLE", ("s", "t")),
    Thing("SCHEMA", ("s",)),
    Thing("FUNCTION", ("s", "f"), "integer"),
    Thing("PROCEDURE", ("s", "p"), ""),
    Thing("DATABASE", ("dev",)),
)
OPTIONAL: Final = frozenset({right.kind for right in RIGHTS}) - {"GROUP", "COLUMN", "ASSUMEROLE", "RLS", "MASKING"}


SENT: Final = (
    "limit of time",
    "create",
    "password",
    "password md5",
    "createdb",
    "make role",
    "drop role",
    "role",
    "begin",
    "commit",
    "rollback",
)
"""Forms that a pair's rotations send."""


def statements() -> Iterator[str]:
    """Return a statement of every kind that the engine can write."""
    for right in RIGHTS:
        for option in {False, right.kind in OPTIONAL}:
            yield grant(right, "app_clone", option=option)
    for right in RIGHTS:
        yield revoke(right, "app_clone")
        if right.kind in OPTIONAL:
            yield revoke_option(right, "app_clone")
    yield from (thing.give_to("app") for thing in THINGS)
    plain = User(
        "app_clone",
        Flags(superuser=False, createdb=False, valid_until="infinity", settings={"a_b": "1"}),
        "UNLIMITED",
        "RESTRICTED",
        0,
    )
    settings = {"search_path": '"$user", public, "odd ""name"', "app.note": "it's \\", "query_group": "x"}
    full = User(
        "app",
        Flags(superuser=True, createdb=True, valid_until="2037-01-01 00:00:00", settings=settings),
        "5",
        "UNRESTRICTED",
        60,
    )
    for base, clone in ((full, plain), (plain, full)):
        yield from (change.statement for change in levelling(base, clone))


@pytest.mark.parametrize("statement", sorted(set(statements())))
def test_a_statement_has_the_documented_form(statement: str) -> None:
    """Every statement that the engine can write is one that the guide describes."""
    assert matching(statement)


@pytest.fixture(scope="module")
def whole(stage: Stage) -> list[str]:
    """Level a pair through its rotations, change passwords, and keep what was sent."""
    base = stage.user(options="CREATEDB")
    with contextmanager(watched)() as kept:
        stage.level(pair_of(base.username), rehearse=True)
        stage.level(pair_of(base.username))
        stage.level(promoting_base(pair_of(base.username)))
        with stage.login(stage.superuser()) as session:
            session.rehearse_password(base.username, Password("Rehearsed-1"))
            session.set_password(base.username, base.password)
            session.disable_password(base.username)
    return [statement for statement in kept if not statement.lstrip().startswith("SELECT")]


@pytest.mark.parametrize("name", SENT)
def test_what_is_sent_has_the_documented_form(whole: list[str], name: str) -> None:
    """Each form is seen on its way to the server, and nothing without a form is."""
    assert [statement for statement in whole if not matching(statement)] == []
    assert any(name in matching(statement) for statement in whole)


def test_every_form_is_used(whole: list[str]) -> None:
    """A form that nothing has is one too many."""
    seen = {name for statement in [*whole, *statements()] for name in matching(statement)}
    assert seen == FORMS.keys()


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER USER \"a\" PASSWORD 'clear'",
        'GRANT "a" TO "b"',
        "SELECT 1 FROM pg_catalog.pg_shadow",
        "SELECT 1 FROM pg_user",
        "SELECT pg_catalog.pg_has_role('a')",
    ],
)
def test_what_the_guide_does_not_describe_is_not_known(statement: str) -> None:
    """Other statements, other relations, and names that a search path could turn elsewhere."""
    assert not is_known(statement)
