"""The idle user's second password on a real server: it ends with the first one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.engines.mysql import passwords
from rotation.errors import PasswordRejected, PermissionDenied
from rotation.model import Mark
from tests.lab.stages.mysql import DATABASE, pair_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Credential, Password
    from tests.lab.stages.mysql import Stage


def retained(mysql: Stage, user: Credential, by_hand: Password) -> None:
    """Give the user another first password, as a person does who wants no client to be rejected."""
    mysql.run(f"ALTER USER {user.username} IDENTIFIED BY '{by_hand.reveal()}' RETAIN CURRENT PASSWORD")


@pytest.fixture
def checked(mysql: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Have a policy that cannot be read beforehand, as one that holds passwords against a dictionary."""
    mysql.run("INSTALL COMPONENT 'file://component_validate_password'")
    monkeypatch.setattr(passwords, "require_policy", lambda *_: None)
    yield mysql
    mysql.run("UNINSTALL COMPONENT 'file://component_validate_password'")


@pytest.mark.parametrize("promote", ["clone", "base"])
def test_the_idle_user_has_the_new_password_alone(mysql: Stage, promote: str) -> None:
    """Whatever was retained is refused after the rotation that sets its password; a rehearsal ends nothing."""
    base, admin, by_hand = mysql.retaining(), mysql.admin(), mysql.password()
    clone, _ = mysql.level(admin, pair_of(base.username))
    idle, pair = clone if promote == "clone" else base, pair_of(base.username, promote=promote, version="version-2")
    retained(mysql, idle, by_hand)
    mysql.level(admin, pair, rehearse=True)
    assert mysql.accepts(idle)
    new, _ = mysql.level(admin, pair)
    assert [mysql.accepts(one) for one in (idle, replace(idle, password=by_hand), new)] == [False, False, True]


def test_an_attempt_that_broke_off_before_it_ended_the_second_one(mysql: Stage) -> None:
    """Where the history refuses the password that is set already, what is left to do is done."""
    base, admin = mysql.user(options="PASSWORD HISTORY 5"), mysql.admin()
    pair, pending = pair_of(base.username), mysql.password()
    clone, _ = mysql.level(admin, pair)
    retained(mysql, clone, pending)
    mysql.run(f"GRANT DELETE ON {DATABASE}.* TO {base.username}")  # so that there is something to level, and to record
    with mysql.login(admin) as session, pytest.raises(PasswordRejected) as caught:
        session.level(pair, pending)
    assert caught.value.code == "3638"
    assert [mysql.accepts(one) for one in (clone, replace(clone, password=pending))] == [False, True]
    with mysql.login(replace(clone, password=pending)) as session:
        session.check_access(pair)


def test_a_password_that_the_policy_refuses_ends_nothing(checked: Stage) -> None:
    """The idle user's passwords stay as they are: the rotation is given up."""
    base, admin = checked.user(), checked.admin()
    clone, _ = checked.level(admin, pair_of(base.username))
    retained(checked, clone, checked.password())
    weak = type(base.password)("only-lower-case")
    with checked.login(admin) as session, pytest.raises(PasswordRejected) as caught:
        session.level(pair_of(base.username, version="version-2"), weak)
    assert caught.value.code == "1819"
    assert checked.accepts(clone)


@pytest.mark.parametrize("by", ["the user itself", "an admin"])
def test_the_first_password_is_replaced_and_the_second_one_stays(mysql: Stage, by: str) -> None:
    """The account's mark names the rotation that did it: another Region's function may look at it."""
    user, by_hand, pending = mysql.retaining(), mysql.password(), mysql.password()
    retained(mysql, user, by_hand)
    mark = Mark("arn", user.username, "version-2")
    with mysql.login(user if by == "the user itself" else mysql.admin()) as session:
        session.replace_first(user.username, pending, mark)
        assert session.mark_of(user.username) == mark
    credentials = (user, replace(user, password=by_hand), replace(user, password=pending))
    assert [mysql.accepts(one) for one in credentials] == [True, False, True]


def test_nobody_else_replaces_a_password(mysql: Stage) -> None:
    """The error names the right."""
    user, other = mysql.retaining(), mysql.user()
    with mysql.login(other) as session, pytest.raises(PermissionDenied, match="may not change the password"):
        session.replace_first(user.username, mysql.password(), Mark("arn", user.username, "version-2"))
    assert mysql.accepts(user)
