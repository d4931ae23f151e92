"""What MongoDB does when a password changes under it: each fact that the engine builds on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pymongo.errors import OperationFailure

from rotation.engines.documentdb.accounts import LAST_SERIAL
from rotation.errors import StatementFailed
from rotation.model import Ownership, Password
from tests.lab.stages.documentdb import pair_of
from tests.support.servers.mongodb import REPLICATION

if TYPE_CHECKING:
    from tests.lab.stages.documentdb import Stage


def test_no_password_stands_in_the_log_at_high_verbosity(stage: Stage) -> None:
    """Clear text is sent inside verified TLS, and the server redacts it, also in what it refuses."""
    user, admin = stage.changer(), stage.admin("clusterMonitor")
    with stage.login(user) as session:
        session.set_password(user.username, stage.password())
        session.set_password(user.username, user.password)
    base, _ = stage.level(admin, pair_of(user.username))
    stage.level(admin, pair_of(user.username, promote="base", version="version-2"))
    with stage.login(admin) as session:
        session.disable_password(base.username)
        session.end_sessions(base.username)
    weak = stage.user()
    with stage.login(weak) as session, pytest.raises(Exception, match="changeOwnPassword"):
        session.set_password(weak.username, stage.password())
    text = stage.server.log_text()
    assert '"pwd":"xxx"' in text
    assert REPLICATION in text, "the log is written at a high verbosity"
    assert len(stage.made) > 6
    assert [password for password in stage.made if password in text] == []


def test_an_open_connection_outlives_a_change_of_its_password(stage: Stage) -> None:
    """Only new logins are refused; so a session that is open can put the old password back."""
    user = stage.user()
    with stage.server.client(user.username, user.password.reveal()) as client, stage.login(stage.admin()) as session:
        client.shop.orders.find_one()
        session.set_password(user.username, stage.password())
        client.shop.orders.find_one()


def test_a_password_that_is_set_without_a_word_resets_the_mechanisms(stage: Stage) -> None:
    """That is why the engine repeats those that the user has."""
    user = stage.user(mechanisms=["SCRAM-SHA-1"])
    stage.server.run("updateUser", user.username, pwd="pw-other")
    assert stage.described(user.username)["mechanisms"] == ["SCRAM-SHA-1", "SCRAM-SHA-256"]


def test_a_user_may_not_change_its_mark_with_its_password(stage: Stage) -> None:
    """The right to its password is not the right to its customData."""
    user = stage.changer()
    with stage.server.client(user.username, user.password.reveal()) as client:
        with pytest.raises(OperationFailure) as refused:
            client.admin.command("updateUser", user.username, pwd="pw-other", customData={})
        assert refused.value.code == 13


def test_a_mark_that_a_user_forged_gives_away_nobody_else(stage: Stage) -> None:
    """With changeOwnCustomData a user can mark itself, which proves nothing of it or of the account beside it."""
    forger = stage.user(None, "readWrite", stage.role("changeOwnCustomData"))
    pair = pair_of(forger.username)
    victim = stage.user(pair.clone)
    mark = {"secret": pair.secret_arn, "base": pair.base, "version": "v", "serial": LAST_SERIAL, "granted": []}
    with stage.server.client(forger.username, forger.password.reveal()) as client:
        client.admin.command("updateUser", forger.username, customData={"aws-rotation": mark})
    with stage.login(stage.admin()) as session:
        assert session.ownership(pair) is Ownership.UNMARKED
        assert session.ownership(replace(pair, idle=pair.base)) is Ownership.UNMARKED
        assert session.ownership(replace(pair, idle=pair.base, secret_arn="another")) is Ownership.FOREIGN
        assert session.mark_of(forger.username) is not None
        assert not session.mark_is_proof(forger.username)
    stage.accepts(victim)


def test_each_user_is_known_by_its_own_name(stage: Stage) -> None:
    """The server shows the login, whatever roles it has."""
    base, admin = stage.user(), stage.admin()
    clone, _ = stage.level(admin, pair_of(base.username))
    for who in (base, clone):
        with stage.server.client(who.username, who.password.reveal()) as client:
            (shown,) = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
            assert shown["user"] == who.username


def test_each_user_sees_its_own_operations(stage: Stage) -> None:
    """And ends its own. Not the other's, unless a role shows more."""
    base, admin = stage.user(), stage.admin()
    clone, _ = stage.level(admin, pair_of(base.username))
    with stage.server.client(base.username, base.password.reveal()) as other, other.start_session() as session:
        other.shop.orders.insert_many([{"item": number} for number in range(4)])
        cursor = other.shop.orders.find(batch_size=2, session=session)
        next(cursor)
        with stage.server.client(clone.username, clone.password.reveal()) as client:
            client.admin.command("killSessions", [session.session_id])
            assert len(list(cursor)) >= 3
            own = client.admin.aggregate([{"$currentOp": {"allUsers": False, "idleConnections": True}}])
            seen = {user["user"] for operation in own for user in operation.get("effectiveUsers", [])}
            assert seen == {clone.username}
            with pytest.raises(OperationFailure):
                client.admin.aggregate([{"$currentOp": {"allUsers": True}}])
        cursor = other.shop.orders.find(batch_size=2, session=session)
        next(cursor)
        other.admin.command("killSessions", [session.session_id])
        with pytest.raises(OperationFailure):
            list(cursor)


def test_of_several_that_create_the_clone_one_wins_and_the_others_may_look_again(stage: Stage) -> None:
    """CreateUser is the lock that MongoDB has."""
    base, admin = stage.user(), stage.admin()
    pair = pair_of(base.username)
    passwords = [stage.password() for _ in range(4)]

    def prepare(password: Password) -> str:
        with stage.login(admin) as session:
            try:
                session.level(pair, password)
            except StatementFailed as error:
                return "look again" if error.retryable else "failed"
        return "prepared"

    with ThreadPoolExecutor(4) as pool:
        outcomes = set(pool.map(prepare, passwords))
    assert "prepared" in outcomes
    assert outcomes <= {"prepared", "look again"}
    assert stage.roles(pair.clone) == stage.roles(base.username)
    assert json.dumps(stage.described(pair.clone)["customData"]).count(pair.version) == 1


NAMES = ["quo\"te'd", "per%cent %s {}", "$user", "dot.ted", "ünïcödé-名前", "a/b:c@d", "n" * 57]


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_of_any_name_rotates(stage: Stage, name: str) -> None:
    """Both turns, the checks and the guard."""
    base, admin = stage.user(name, {"role": "readWrite", "db": "shop"}, stage.role("changeOwnPassword")), stage.admin()
    with stage.login(base) as session:
        session.set_password(name, base.password)
    clone, _ = stage.level(admin, pair_of(name))
    with stage.login(clone) as session:
        session.check_access(pair_of(name))
    again, _ = stage.level(admin, pair_of(name, promote="base", version="version-2"))
    with stage.login(again) as session:
        session.check_access(pair_of(name, promote="base"))
    with stage.login(admin) as session:
        session.guard_target(name, allow_privileged=False)


@pytest.mark.parametrize("text", ["%s {} $where", "pässwörd-密码-ﬃ", " leading and trailing ", "a" * 100])
def test_a_password_of_any_kind_logs_in(stage: Stage, text: str) -> None:
    """What is set is what is asked for."""
    user = stage.changer()
    with stage.login(user) as session:
        session.set_password(user.username, Password(text))
    stage.accepts(replace(user, password=Password(text)))
