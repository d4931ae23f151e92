"""The mark in customData, which a user with the right to may have written itself."""

from __future__ import annotations

from typing import Any

import pytest

from rotation.engines.documentdb.accounts import MARK, Record, Role, in_shell, parse_account, parse_record
from rotation.engines.documentdb.rights import reaches
from rotation.model import Mark

RECORD = Record(Mark("arn:secret", "app", "v1"), 3, frozenset({"read@shop"}))


@pytest.mark.parametrize("closed", [None, (), ({"clientSource": ["10.0.0.0/8"]},)])
def test_a_record_is_read_as_it_was_written(closed: tuple[dict[str, Any], ...] | None) -> None:
    """Nothing is lost on the way through the server."""
    record = Record(RECORD.mark, RECORD.serial, RECORD.granted, closed)
    assert parse_record(record.written()) == record


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [],
        {},
        {"secret": 1, "base": "app", "version": "v", "serial": 1},
        {"secret": "a", "base": None, "version": "v", "serial": 1},
        {"secret": "a", "base": "app", "version": [], "serial": 1},
        {"secret": "a", "base": "app", "version": "v", "serial": "1"},
        {"secret": "a", "base": "app", "version": "v"},
        {"secret": "a", "base": "app", "version": "v", "serial": True},
        {"secret": "a", "base": "app", "version": "v", "serial": -1},
        {"secret": "a", "base": "app", "version": "v", "serial": 2**63 - 1},
    ],
)
def test_what_is_no_mark_counts_as_none(value: object) -> None:
    """A malformed one proves nothing, and breaks nothing."""
    assert parse_record(value) is None


def test_odd_entries_of_a_mark_are_left_out() -> None:
    """Only what could have been written is read."""
    written = {**RECORD.written(), "granted": ["read@shop", 7], "closed": [{}, "x"]}
    assert parse_record(written) == Record(RECORD.mark, 3, RECORD.granted, ({},))
    assert parse_record({**written, "granted": "x", "closed": "x"}) == Record(RECORD.mark, 3)


def test_a_user_is_read_with_or_without_the_servers_details() -> None:
    """DocumentDB gives less than MongoDB."""
    account = parse_account({"user": "app", "db": "admin", "roles": [{"role": "read", "db": "shop"}]})
    assert account.roles == {Role("read", "shop")}
    assert (account.mechanisms, account.restrictions, account.record, account.unrelated) == (None, (), None, {})
    marked = parse_account({"user": "app", "customData": {MARK: RECORD.written(), "team": "tea"}})
    assert (marked.record, marked.unrelated) == (RECORD, {"team": "tea"})


def test_commands_are_written_as_the_shell_reads_them() -> None:
    """A name with a quote in it ends no string."""
    assert in_shell("admin", "dropUser", 'a"b') == 'db.getSiblingDB("admin").dropUser("a\\"b")'


@pytest.mark.parametrize(
    ("resource", "wanted"),
    [
        ({"anyResource": True}, True),
        ({"db": "", "collection": ""}, True),
        ({"db": "admin", "collection": ""}, True),
        ({"db": "admin", "collection": "system.users"}, False),
        ({"db": "shop", "collection": ""}, False),
        ({"cluster": True}, False),
    ],
)
def test_a_privilege_reaches_a_database_or_not(resource: dict[str, Any], *, wanted: bool) -> None:
    """As the manual's "Resource Document" says."""
    assert reaches({"resource": resource, "actions": []}, "admin") is wanted
