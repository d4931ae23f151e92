"""Whose the users of a pair are on Redshift, by the roles that mark them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from redshift_connector.error import ProgrammingError

from rotation.engines.redshift import marks
from rotation.engines.redshift.text import identifier
from rotation.errors import StatementFailed
from rotation.model import Ownership
from tests.lab.stages.redshift import LEVELLING, pair_of, promoting_base, unique

if TYPE_CHECKING:
    from tests.lab.stages.redshift import Stage


def marks_of(stage: Stage, name: str) -> list[str]:
    rows = stage.server.query("SELECT role_name FROM pg_catalog.svv_user_grants WHERE user_name = %s", (name,))
    return [role for (role,) in rows if role.startswith("rotation_")]


@pytest.mark.parametrize("kind", ["superuser", "no superuser"])
def test_a_role_proves_both_users(stage: Stage, kind: str) -> None:
    """Whatever the admin is, it reads whose they are, and for which version they were prepared last."""
    admin = stage.superuser() if kind == "superuser" else stage.admin(*LEVELLING)
    pair = pair_of(stage.user().username)
    stage.level(pair, admin)
    later = promoting_base(pair)
    with stage.login(admin) as session:
        for one in (pair, later):
            assert session.ownership(one) is Ownership.OURS
            assert session.ownership(replace(one, secret_arn=pair.secret_arn + "x")) is Ownership.FOREIGN
        assert session.prepared_version(later) == pair.version
        assert session.mark_of(pair.base) is None
        assert session.mark_is_proof(pair.base)
    stage.level(later, admin)
    with stage.login(admin) as session:
        assert session.prepared_version(pair) == later.version
    assert marks_of(stage, pair.base) == marks_of(stage, pair.clone)
    assert len(marks_of(stage, pair.base)) == 1


def test_no_mark_is_left_behind(stage: Stage) -> None:
    """The role of the version before is dropped, and a rehearsal makes none."""
    _, _, pair = stage.pair()
    count = "SELECT count(*) FROM pg_catalog.svv_roles"
    before = stage.server.query(count)
    stage.level(promoting_base(pair))
    stage.level(promoting_base(pair), rehearse=True)
    assert stage.server.query(count) == before


def test_a_mark_is_no_right(stage: Stage) -> None:
    """It is not taken from a clone, and gives nothing: no permission stands behind it."""
    _, _, pair = stage.pair()
    (role,) = marks_of(stage, pair.clone)
    assert stage.server.query("SELECT * FROM redshift.grants WHERE identity = %s", (role,)) == []
    stage.run(f"REVOKE ROLE {role} FROM {pair.base}")
    assert stage.level(replace(pair, version=str(uuid4())))[1] == []
    assert marks_of(stage, pair.base) == marks_of(stage, pair.clone) != [role]


def test_a_mark_that_somebody_else_made_proves_nothing(stage: Stage) -> None:
    """Whoever may make roles could copy the name; only the admin's own and superusers' count."""
    _, _, pair = stage.pair()
    (role,) = marks_of(stage, pair.clone)
    forger = stage.admin("CREATE ROLE")
    stage.run(f"UPDATE redshift.roles SET owner = '{forger.username}' WHERE name = '{role}'")
    for admin in (stage.superuser(), stage.admin(*LEVELLING)):
        with stage.login(admin) as session:
            assert session.ownership(pair) is Ownership.UNMARKED
            assert session.prepared_version(pair) is None


def test_users_cannot_mark_themselves(stage: Stage) -> None:
    """An application makes no role, and takes none that it does not have."""
    _, clone, pair = stage.pair()
    stranger = stage.user()
    (role,) = marks_of(stage, pair.clone)
    for who in (clone, stranger):
        for statement in (f"GRANT ROLE {role} TO {stranger.username}", "CREATE ROLE forged", f"DROP ROLE {role} FORCE"):
            with pytest.raises(ProgrammingError, match="42501"):
                stage.as_clients_see(who, statement)


def test_a_user_made_anew_is_not_marked(stage: Stage) -> None:
    """The mark goes with the user, not with its name."""
    _, _, pair = stage.pair()
    stage.run(f"DROP USER {pair.clone}")
    stage.user(pair.clone)
    with stage.login(stage.superuser()) as session:
        assert session.ownership(pair) is Ownership.UNMARKED


def test_another_admin_goes_on(stage: Stage) -> None:
    """One that is no superuser reads a superuser's mark and adds its own; a superuser drops any."""
    _, _, pair = stage.pair()
    admin = stage.admin(*LEVELLING)
    second, third = promoting_base(pair), replace(pair, version=str(uuid4()))
    stage.level(second, admin)
    assert len(marks_of(stage, pair.clone)) == 2
    with stage.login(admin) as session:
        assert session.ownership(pair) is Ownership.OURS
        assert session.prepared_version(pair) == second.version
    with stage.login(stage.admin(*LEVELLING)) as session:
        assert session.prepared_version(pair) == pair.version
    stage.level(third)
    assert len(marks_of(stage, pair.clone)) == 1


def test_a_version_that_is_no_uuid_is_known_again(stage: Stage) -> None:
    """A caller may choose its own token."""
    base = stage.user()
    pair = pair_of(base.username, version="token-of-the-caller-0123456789abcdef")
    stage.level(pair)
    with stage.login(stage.superuser()) as session:
        assert session.prepared_version(pair) == pair.version


def test_an_admin_that_sees_no_roles_knows_no_owner(stage: Stage) -> None:
    """The account then counts as unmarked."""
    _, _, pair = stage.pair()
    with stage.login(stage.admin("ALTER USER")) as session:
        assert session.ownership(pair) is Ownership.UNMARKED
        assert session.prepared_version(pair) is None


def test_a_mark_that_another_delivery_dropped_is_worth_another_try(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two deliveries at once meet at the role of the version before; any other failure is none."""
    _, _, pair = stage.pair()
    gone = marks.Mark(pair.clone, unique("rotation"), "", "", own=True, by_superuser=False)
    monkeypatch.setattr(marks, "are_of", lambda *_: [gone])
    for named, retryable in ((identifier, True), (lambda _: "no name", False)):
        monkeypatch.setattr(marks, "identifier", named)
        with pytest.raises(StatementFailed) as failed:
            stage.level(promoting_base(pair))
        assert failed.value.retryable is retryable
