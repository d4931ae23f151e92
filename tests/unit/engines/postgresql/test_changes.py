"""What has to be changed so that a pair is equal, as pure functions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotation.engines.postgresql.accounts import Membership, Role, fitting, parse_mark, with_mark
from rotation.engines.postgresql.changes import Need, create, levelling, login_settings, lost_on_base, mark
from rotation.errors import GuardViolation
from rotation.model import Mark, Pair

ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:app-AbCdEf"
PAIR = Pair(ARN, "app", "app_clone", "version-1")
PLAIN = dict.fromkeys(("SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"), False)
MEMBER = Membership("app", "admin", admin=False, inherit=True, switch=True)
BASE = Role(
    name="app",
    oid=1,
    login=True,
    inherit=True,
    attributes=PLAIN,
    limit=-1,
    valid_until="infinity",
    comment="",
    memberships=(),
    settings={},
    everyones={},
    takes=frozenset(),
    owned={},
    granted={},
)
CLONE = replace(BASE, name="app_clone", oid=2, memberships=(MEMBER,), settings={("", "role"): "app"})
OLD, NEW = 150000, 160000


def lines(base: Role = BASE, clone: Role = CLONE, version: int = NEW) -> list[str]:
    return [str(change) for change in levelling(base, clone, {}, version)]


def test_equal_users_need_no_change() -> None:
    """Nothing is done where nothing differs."""
    assert lines() == []


def test_a_new_clone_is_made_a_member_that_acts_as_the_base() -> None:
    """Membership and the role of the login are all that a plain base asks for."""
    new = replace(CLONE, memberships=(), settings={})
    assert lines(clone=new) == [
        'GRANT "app" TO "app_clone" WITH INHERIT TRUE, SET TRUE',
        'ALTER ROLE "app_clone" SET "role" TO \'app\'',
    ]
    assert lines(clone=new, version=OLD)[0] == 'GRANT "app" TO "app_clone"'
    assert str(create(PAIR)) == 'CREATE ROLE "app_clone" NOLOGIN INHERIT'


@pytest.mark.parametrize("held", [replace(MEMBER, inherit=False), replace(MEMBER, switch=False)])
def test_a_membership_that_lacks_an_option_is_granted_again(held: Membership) -> None:
    """Since PostgreSQL 16 a membership can be without inheritance or without SET ROLE."""
    clone = replace(CLONE, memberships=(held,))
    assert lines(clone=clone) == ['GRANT "app" TO "app_clone" WITH INHERIT TRUE, SET TRUE']


def test_memberships_that_the_base_does_not_give_are_revoked_from_their_grantor() -> None:
    """A revocation that does not name another's grant only warns, since PostgreSQL 16."""
    extra = Membership("audit", "dba", admin=False, inherit=True, switch=True)
    clone = replace(CLONE, memberships=(replace(MEMBER, admin=True), extra))
    assert lines(clone=clone) == [
        'REVOKE ADMIN OPTION FOR "app" FROM "app_clone" GRANTED BY "admin"',
        'REVOKE "audit" FROM "app_clone" GRANTED BY "dba"',
    ]
    assert lines(clone=clone, version=OLD)[1] == 'REVOKE "audit" FROM "app_clone"'


def test_attributes_that_work_through_the_base_are_taken_from_the_clone() -> None:
    """CREATEDB comes through the role; REPLICATION and BYPASSRLS do not."""
    base = replace(BASE, attributes={**PLAIN, "CREATEDB": True, "REPLICATION": True})
    clone = replace(CLONE, attributes={**PLAIN, "CREATEDB": True, "BYPASSRLS": True}, inherit=False)
    assert lines(base, clone) == [
        'ALTER ROLE "app_clone" NOCREATEDB',
        'ALTER ROLE "app_clone" REPLICATION',
        'ALTER ROLE "app_clone" NOBYPASSRLS',
        'ALTER ROLE "app_clone" INHERIT',
    ]


def test_settings_are_copied_for_all_databases_and_for_one() -> None:
    """What the base has is set, what it has not is reset."""
    base = replace(BASE, settings={("", "work_mem"): "4MB", ("shop", "app.key"): "s3cret"})
    clone = replace(CLONE, settings={**CLONE.settings, ("", "lock_timeout"): "1s", ("", "work_mem"): "1MB"})
    assert lines(base, clone) == [
        'ALTER ROLE "app_clone" RESET "lock_timeout"',
        'ALTER ROLE "app_clone" SET "work_mem" TO \'4MB\'',
        'ALTER ROLE "app_clone" IN DATABASE "shop" SET "app"."key" TO …',
    ]


def test_a_setting_is_a_wish_and_the_role_is_not() -> None:
    """A setting that the admin may not copy warns; without the role the pair would not be equal."""
    base = replace(BASE, settings={("", "work_mem"): "4MB"})
    needs = {c.names[-1]: c.need for c in levelling(base, replace(CLONE, settings={}), {}, NEW)}
    assert needs == {"work_mem": Need.WISH, "role": Need.EQUALITY}


@pytest.mark.parametrize(
    ("kept", "values"),
    [
        ("public", ("public",)),
        ('"$user", public', ("$user", "public")),
        ('"a b","c""d", e', ("a b", 'c"d', "e")),
        ('"a,b", c', ("a,b", "c")),
        ('""', ("",)),
    ],
)
def test_a_list_of_names_is_taken_apart_and_quoted_anew(kept: str, values: tuple[str, ...]) -> None:
    """A search path as one text would be one name."""
    base = replace(BASE, settings={("", "search_path"): kept})
    assert levelling(base, CLONE, {}, NEW)[0].values == values


@pytest.mark.parametrize(
    ("name", "kept", "values"),
    [("search_path", 'A, "B"', ("a", "B")), ("local_preload_libraries", 'A, "B"', ("A", "B"))],
)
def test_names_without_quotes_are_folded_and_files_are_not(name: str, kept: str, values: tuple[str, ...]) -> None:
    """The server reads A as a, unless it is a library."""
    base = replace(BASE, settings={("", name): kept})
    assert levelling(base, CLONE, {}, NEW)[0].values == values


@pytest.mark.parametrize(
    ("kept", "shown"),
    [("o'neil", "'o''neil'"), ("a\\'; --", "E'a\\\\''; --'"), ("plain", "'plain'")],
)
def test_a_value_ends_no_statement_that_a_person_is_told_to_run(kept: str, shown: str) -> None:
    """The application wrote it; an administrator may run it."""
    base = replace(BASE, settings={("", "application_name"): kept})
    assert lines(base) == [f'ALTER ROLE "app_clone" SET "application_name" TO {shown}']


def test_limits_are_copied() -> None:
    """The connection limit and the end of validity are those of the base."""
    base = replace(BASE, limit=7, valid_until="2030-01-01 00:00:00+00")
    assert lines(base) == [
        'ALTER ROLE "app_clone" CONNECTION LIMIT 7',
        "ALTER ROLE \"app_clone\" VALID UNTIL '2030-01-01 00:00:00+00'",
    ]


@pytest.mark.parametrize(
    ("own", "everyone", "expected"),
    [
        ({}, {}, {("", "role"): "app"}),
        ({("", "role"): "owner"}, {}, {("", "role"): "owner"}),
        ({("", "role"): "none"}, {}, {("", "role"): "app"}),
        ({("", "role"): "app_clone"}, {}, {("", "role"): "app"}),
        ({("shop", "role"): "owner"}, {}, {("shop", "role"): "owner", ("", "role"): "app"}),
        ({}, {("shop", "role"): "owner"}, {("shop", "role"): "owner", ("", "role"): "app"}),
        ({}, {("", "role"): "owner", ("", "work_mem"): "4MB"}, {("", "role"): "owner"}),
        ({("", "role"): "owner"}, {("shop", "role"): "other"}, {("", "role"): "owner"}),
        ({("shop", "role"): "mine"}, {("shop", "role"): "theirs"}, {("shop", "role"): "mine", ("", "role"): "app"}),
    ],
)
def test_the_clones_login_takes_the_role_that_the_bases_login_takes(
    own: dict[tuple[str, str], str], everyone: dict[tuple[str, str], str], expected: dict[tuple[str, str], str]
) -> None:
    """A user's setting counts before the database's and everyone's, in one database before all."""
    assert login_settings(replace(BASE, settings=own), everyone, CLONE.name) == expected


def test_what_the_application_has_through_the_clone_alone_is_named() -> None:
    """The statements give it to the base; what the base has as well is not lost."""
    shared = Membership("readers", "dba", admin=False, inherit=True, switch=True)
    extra = replace(shared, role="audit")
    base = replace(BASE, memberships=(shared,))
    clone = replace(
        CLONE, memberships=(MEMBER, shared, extra, replace(extra, grantor="x")), attributes={**PLAIN, "CREATEDB": True}
    )
    statements = ['GRANT "audit" TO "app"', 'ALTER ROLE "app" CREATEDB']
    assert [str(change) for change in lost_on_base(base, clone)] == statements


def test_a_mark_is_the_last_line_and_keeps_a_persons_words() -> None:
    """A comment that was there stays; an older mark of ours goes."""
    first = with_mark("Owned by team A\nAsk them.", Mark(ARN, "app", "v1"))
    second = with_mark(first, Mark(ARN, "app", "v2"))
    assert second.splitlines()[:2] == ["Owned by team A", "Ask them."]
    assert second.count("aws-rotation") == 1
    assert parse_mark(second) == Mark(ARN, "app", "v2")
    assert with_mark(with_mark("", Mark(ARN, "a", "1")), Mark(ARN, "b", "2")).count("\n") == 0


def test_the_mark_is_shown_without_a_persons_words() -> None:
    """A comment may hold what does not belong into a log."""
    assert str(mark(PAIR, replace(CLONE, comment="private"))) == 'COMMENT ON ROLE "app_clone" IS …'


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "a person's words",
        "aws-rotation",
        "aws-rotation {",
        "aws-rotation []",
        "aws-rotation 1",
        'aws-rotation {"secret": "a"}',
    ],
)
def test_a_comment_without_a_whole_mark_proves_nothing(comment: str) -> None:
    """What cannot be read is no proof."""
    assert parse_mark(comment) is None


def test_a_name_that_the_server_would_cut_is_refused() -> None:
    """The limit counts bytes, not letters."""
    assert fitting("ä" * 31) == "ä" * 31
    with pytest.raises(GuardViolation, match="63 bytes"):
        fitting("ä" * 32)
