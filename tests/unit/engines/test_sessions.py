"""What sessions say of themselves, where no server is needed to know it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from rotation.engines.mysql import levelling, preparing
from rotation.engines.mysql.changes import Change
from rotation.engines.postgresql.passwords import Form
from rotation.engines.postgresql.session import PostgreSQLSession
from rotation.engines.session import ConnectedSession
from rotation.errors import AccessMismatch
from rotation.model import Pair

if TYPE_CHECKING:
    from rotation.engines.mysql.accounts import State

PAIR = Pair("arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf", "app", "app_clone", "version-1")


def test_a_session_has_nothing_to_tell() -> None:
    """Where its engine has not."""
    assert ConnectedSession[Any](None).cautions("app", PAIR) == ()


def test_a_comment_on_a_role_is_a_proof() -> None:
    """Only an admin can write it (PostgreSQL manual, COMMENT)."""
    session = PostgreSQLSession(cast("Any", None))
    assert session.mark_is_proof("app")


def test_parts_of_a_change_are_looked_at_one_by_one() -> None:
    """A change is needless where each of its parts is."""
    clone = cast("State", SimpleNamespace(grants=frozenset()))
    needless = levelling.needless(clone)
    unknown, taken = Change("ALTER USER"), Change("REVOKE …", taken=cast("Any", SimpleNamespace(kind="a privilege")))
    assert needless(taken)
    assert not needless(unknown)
    assert not needless(Change("…", parts=(taken, unknown)))
    assert needless(Change("…", parts=(taken, taken)))


def test_what_is_sent_for_a_password_shows_in_no_repr() -> None:
    """It may be the clear text."""
    assert "hunter2" not in repr(Form("hunter2-hunter2", clear=True))


def test_what_stays_different_is_named() -> None:
    """With the statements to run."""
    connection = cast("Any", SimpleNamespace(where="db:3306"))
    with pytest.raises(AccessMismatch, match="Run: GRANT A; GRANT B"):
        preparing._refuse_difference(connection, PAIR, [Change("GRANT A"), Change("GRANT B")])  # noqa: SLF001 what decides
    preparing._refuse_difference(connection, PAIR, [])  # noqa: SLF001 the same
