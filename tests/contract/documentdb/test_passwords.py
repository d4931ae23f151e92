"""A user's password on MongoDB: set by itself, set by an admin, refused, ended."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.engines.documentdb import rights
from rotation.errors import (
    AuthenticationFailed,
    GuardViolation,
    PasswordRejected,
    PermissionDenied,
    RotationError,
    StatementFailed,
    Unreachable,
)
from rotation.model import Credential, Password
from tests.lab.stages.documentdb import unique
from tests.support.network import proxy as wire
from tests.support.servers.mongodb import fail_next

if TYPE_CHECKING:
    from tests.lab.stages.documentdb import Stage


def test_a_user_with_the_right_changes_its_own_password_and_takes_it_back(stage: Stage) -> None:
    """A revert through the session that is still open works."""
    user = stage.changer()
    new = replace(user, password=stage.password())
    with stage.login(user) as session:
        session.rehearse_password(user.username, new.password)
        session.set_password(user.username, new.password)
        stage.accepts(new)
        with pytest.raises(AuthenticationFailed):
            stage.login(user)
        session.set_password(user.username, user.password)
    stage.accepts(user)


def test_a_user_without_the_right_is_told_which_role_to_ask_for(stage: Stage) -> None:
    """The rehearsal says the same as the change, and neither changes anything."""
    user = stage.user()
    with stage.login(user) as session:
        for attempt in (session.rehearse_password, session.set_password):
            with pytest.raises(PermissionDenied) as caught:
                attempt(user.username, stage.password())
            assert "changeOwnPassword" in str(caught.value)
            assert f'grantRolesToUser("{user.username}"' in caught.value.remedy
            assert "masterarn" in caught.value.remedy
    stage.accepts(user)


def test_the_commands_of_the_remedy_give_the_right(stage: Stage) -> None:
    """What a message tells people to run does what it says."""
    user = stage.user()
    privilege = {"resource": {"db": "admin", "collection": ""}, "actions": ["changeOwnPassword"]}
    stage.server.run("createRole", rights.OWN_ROLE, privileges=[privilege], roles=[])
    grant = [{"role": rights.OWN_ROLE, "db": "admin"}]
    stage.server.run("grantRolesToUser", user.username, roles=grant)
    with stage.login(user) as session:
        session.rehearse_password(user.username, stage.password())
        session.set_password(user.username, user.password)


def test_an_admin_changes_a_users_password(stage: Stage) -> None:
    """The rehearsal changes nothing; roles, mechanisms and customData stay as they are."""
    user = stage.user(customData={"team": "tea"}, mechanisms=["SCRAM-SHA-1"])
    before = stage.described(user.username)
    new = replace(user, password=stage.password())
    with stage.login(stage.admin()) as session:
        session.rehearse_password(user.username, new.password)
        stage.accepts(user)
        session.set_password(user.username, new.password)
    stage.accepts(new)
    assert stage.described(user.username) == before


def test_an_admin_without_the_right_is_told_which_role_to_ask_for(stage: Stage) -> None:
    """Whoever may not manage users cannot change another's password."""
    user = stage.user()
    with stage.login(stage.changer()) as session:
        for attempt in (session.rehearse_password, session.set_password):
            with pytest.raises(PermissionDenied, match="userAdminAnyDatabase"):
                attempt(user.username, stage.password())
        with pytest.raises(PermissionDenied, match="userAdminAnyDatabase"):
            session.guard_target(user.username, allow_privileged=False)


def test_a_user_of_the_same_name_in_another_database_is_not_touched(stage: Stage) -> None:
    """A user is its name and its database."""
    user = stage.changer()
    other = stage.user(user.username, database="shop")
    with stage.login(user) as session:
        session.set_password(user.username, stage.password())
    with stage.login(other, auth_database="shop"):
        pass


def test_a_user_that_does_not_exist_is_named(stage: Stage) -> None:
    """The change fails, and so does the look at the target."""
    with stage.login(stage.admin()) as session:
        with pytest.raises(StatementFailed, match="does not exist"):
            session.set_password(unique("nobody"), stage.password())
        with pytest.raises(GuardViolation, match="does not exist in the database admin"):
            session.guard_target(unique("nobody"), allow_privileged=True)


@pytest.mark.parametrize("text", ["", "bell\a bell"])
def test_a_password_that_the_server_refuses_is_rejected(stage: Stage, text: str) -> None:
    """It would be refused again for ever."""
    user = stage.changer()
    with stage.login(user) as session, pytest.raises(PasswordRejected):
        session.set_password(user.username, Password(text))
    stage.accepts(user)


def test_an_ended_password_is_refused_until_one_is_set(stage: Stage) -> None:
    """Nobody knows what the server holds then, and an admin opens the account again."""
    user = stage.user()
    with stage.login(stage.admin()) as session:
        session.disable_password(user.username)
        with pytest.raises(AuthenticationFailed):
            stage.login(user)
        session.set_password(user.username, user.password)
    stage.accepts(user)


def test_a_lost_answer_says_that_nothing_is_known(stage: Stage) -> None:
    """The change may have taken effect."""
    user = stage.changer()
    with wire.Proxy("127.0.0.1", stage.server.port) as proxy:
        session = stage.login(user, port=proxy.port)
        proxy.mode = wire.LOSE_NEXT_ANSWER
        with pytest.raises(Unreachable) as caught:
            session.set_password(user.username, stage.password())
        assert caught.value.retryable
        session.__exit__(None, None, None)


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_the_deadline(stage: Stage) -> None:
    """After that nothing is sent any more."""
    user = stage.changer()
    with stage.login(user, seconds=0.6) as session:
        fail_next(stage.server, "usersInfo", blockConnection=True, blockTimeMS=1500)
        for _ in range(2):
            with pytest.raises(RotationError) as caught:
                session.set_password(user.username, stage.password())
            assert caught.value.retryable
    stage.accepts(user)


def test_a_majority_that_does_not_confirm_is_no_success(stage: Stage) -> None:
    """A password must be durable before its label moves."""
    user = stage.changer()
    fail_next(stage.server, "updateUser", writeConcernError={"code": 64, "errmsg": "waiting for replication"})
    with stage.login(user) as session, pytest.raises(StatementFailed) as caught:
        session.set_password(user.username, user.password)
    assert (caught.value.retryable, caught.value.code) == (True, "64")


def test_a_server_that_lists_no_privileges_is_taken_at_its_word(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then only the change shows whether it is allowed."""
    user = stage.user()
    with stage.login(user) as session:
        fail_next(stage.server, "connectionStatus", errorCode=40415)
        session.rehearse_password(user.username, stage.password())
        connection = session._connection  # noqa: SLF001
        monkeypatch.setattr(connection, "run", lambda *_, **__: {"authInfo": {"authenticatedUsers": [user.username]}})
        session.rehearse_password(user.username, stage.password())


@pytest.mark.parametrize(
    "roles",
    [
        ("root",),
        ("__system",),
        ("userAdminAnyDatabase",),
        ("restore",),
        ("backup",),
        ({"role": "userAdmin", "db": "admin"},),
        ({"role": "dbOwner", "db": "admin"},),
    ],
)
def test_an_administrator_is_no_target(stage: Stage, roles: tuple[object, ...]) -> None:
    """Unless the function's settings allow it."""
    powerful = stage.user(None, *roles)
    with stage.login(stage.admin()) as session:
        with pytest.raises(GuardViolation, match="more powerful than an application's"):
            session.guard_target(powerful.username, allow_privileged=False)
        session.guard_target(powerful.username, allow_privileged=True)


def test_power_through_a_role_of_ones_own_is_seen(stage: Stage) -> None:
    """Neither another role's name nor a privilege hides it."""
    actions, inherits = stage.role("grantRole"), unique("role")
    stage.server.run("createRole", inherits, privileges=[], roles=["userAdminAnyDatabase"])
    with stage.login(stage.admin()) as session:
        for role, said in ((actions, "the action grantRole"), (inherits, "the role userAdminAnyDatabase@admin")):
            with pytest.raises(GuardViolation, match=said):
                session.guard_target(stage.user(None, role).username, allow_privileged=False)


@pytest.mark.parametrize("collection", ["system.users", "system.roles"])
@pytest.mark.parametrize("database", ["", "admin"])
def test_a_user_that_writes_the_accounts_themselves_is_no_target(stage: Stage, collection: str, database: str) -> None:
    """It can give itself any role; that they are readable is enough to attack passwords."""
    resource = {"db": database, "collection": collection}
    with stage.login(stage.admin()) as session:
        for action in ("find", "insert", "update", "remove"):
            role = unique("role")
            stage.server.run("createRole", role, privileges=[{"resource": resource, "actions": [action]}], roles=[])
            with pytest.raises(GuardViolation, match=f"admin.{collection}"):
                session.guard_target(stage.user(None, role).username, allow_privileged=False)


@pytest.mark.parametrize("action", ["changeCustomData", "setAuthenticationRestriction", "dropUser", "revokeRole"])
def test_a_user_that_changes_the_accounts_of_others_is_no_target(stage: Stage, action: str) -> None:
    """Marks are proofs, and restrictions are kept."""
    user = stage.user(None, stage.role(action))
    with stage.login(stage.admin()) as session, pytest.raises(GuardViolation, match=action):
        session.guard_target(user.username, allow_privileged=False)


def test_a_right_on_every_resource_reaches_the_accounts(stage: Stage) -> None:
    """Reading statistics everywhere does not."""
    with stage.login(stage.admin()) as session:
        for action, powerful in (("update", True), ("collStats", False)):
            role, privilege = unique("role"), {"resource": {"anyResource": True}, "actions": [action]}
            stage.server.run("createRole", role, privileges=[privilege], roles=[])
            user = stage.user(None, role).username
            with pytest.raises(GuardViolation) if powerful else nullcontext():
                session.guard_target(user, allow_privileged=False)


def test_an_application_may_own_its_database(stage: Stage) -> None:
    """It is a target as long as its power ends there."""
    names = [
        stage.user(None, {"role": "dbOwner", "db": "shop"}, stage.role("createUser", database="shop")).username,
        stage.user(None, "readWriteAnyDatabase", "dbAdminAnyDatabase", "clusterAdmin").username,
        stage.changer().username,
    ]
    with stage.login(stage.admin()) as session:
        for name in names:
            session.guard_target(name, allow_privileged=False)


def test_documentdbs_own_user_is_never_a_target(stage: Stage) -> None:
    """Whatever the settings allow."""
    with stage.login(stage.admin()) as session, pytest.raises(GuardViolation, match="belongs to Amazon DocumentDB"):
        session.guard_target("serviceadmin", allow_privileged=True)


def test_a_user_without_a_password_is_no_target(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that proves itself otherwise cannot be rotated."""
    answer = {"users": [{"user": "app", "db": "admin", "roles": [], "mechanisms": ["external"]}]}
    with stage.login(stage.admin()) as session:
        monkeypatch.setattr(session._connection, "run", lambda *_, **__: answer)  # noqa: SLF001
        with pytest.raises(GuardViolation, match="by password"):
            session.guard_target("app", allow_privileged=True)


def test_nothing_is_waited_for_at_the_lock(stage: Stage) -> None:
    """MongoDB has none, and the labels need no second look for it."""
    with stage.login(stage.user()) as one, stage.login(stage.user()) as other:
        assert not one.lock("rotation of app")
        assert not other.lock("rotation of app")


def test_a_users_own_sessions_are_counted_and_their_operations_end(stage: Stage) -> None:
    """No command closes a connection; cursors and operations can be ended."""
    user = stage.user()
    with stage.login(user), stage.login(user), stage.login(user) as session:
        assert session.end_sessions(user.username) == 2
    with stage.login(user) as session:
        fail_next(stage.server, "killSessions", errorCode=59)
        assert session.end_sessions(user.username) == 0


def test_an_admin_ends_the_sessions_of_a_user(stage: Stage) -> None:
    """Their connections lose the login for good, and the account is closed until it is prepared again."""
    user = stage.user()
    admin = stage.admin("clusterMonitor")
    with stage.server.client(user.username, user.password.reveal()) as client, stage.login(admin) as session:
        client.shop.orders.find_one()
        assert session.end_sessions(user.username) == 1
        with pytest.raises(Exception, match="requires authentication"):
            client.shop.orders.find_one()
        with pytest.raises(AuthenticationFailed):
            stage.login(user)
        assert session.end_sessions(user.username) == 0
        assert session.end_sessions(unique("nobody")) == 0


def test_restrictions_that_nothing_would_remember_are_not_replaced(stage: Stage) -> None:
    """Without a mark they could not be given back."""
    here = [{"clientSource": ["127.0.0.1"]}]
    user = stage.user(authenticationRestrictions=here)
    with stage.login(stage.admin("clusterMonitor")) as session, pytest.raises(StatementFailed, match="no mark"):
        session.end_sessions(user.username)
    assert stage.described(user.username)["authenticationRestrictions"] == here


def test_an_admin_that_may_not_see_sessions_is_told_which_role_to_ask_for(stage: Stage) -> None:
    """Nothing is ended that cannot be counted."""
    user = stage.user()
    with stage.login(stage.admin()) as session, pytest.raises(PermissionDenied, match="clusterMonitor"):
        session.end_sessions(user.username)
    stage.accepts(user)


def test_a_server_that_drops_the_restrictions_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that go on are not reported as ended."""
    user = stage.user()
    with stage.login(stage.admin("clusterMonitor")) as session:
        connection = session._connection  # noqa: SLF001
        run = connection.run

        def dropping(command: str, *values: object, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
            fields.pop("authenticationRestrictions", None)
            return run(command, *values, **fields) if command != "updateUser" else {}

        monkeypatch.setattr(connection, "run", dropping)
        with pytest.raises(StatementFailed, match="no means to end the sessions"):
            session.end_sessions(user.username)


def test_no_message_shows_a_password(stage: Stage) -> None:
    """Neither the server's text nor the driver's is passed on."""
    user = Credential(stage.user().username, Password("pw-secret-in-clear"))
    with stage.login(stage.admin()) as session:
        for code in (2, 8, 13, 26, 51003):
            fail_next(stage.server, "updateUser", errorCode=code, times=2)
            with pytest.raises(RotationError) as caught:
                session.set_password(user.username, user.password)
            stage.server.run("configureFailPoint", "failCommand", mode="off")
            assert "pw-secret" not in f"{caught.value!r} {caught.value}"
            assert caught.value.__suppress_context__
