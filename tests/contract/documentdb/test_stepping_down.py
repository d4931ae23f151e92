"""A primary that steps down in the middle of something, on real replica sets."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pymongo.server_description import ServerDescription

from rotation.engines.documentdb import login
from rotation.errors import GuardViolation, RotationError, Unreachable
from rotation.model import Credential, Deadline, Password
from tests.lab.stages.documentdb import Stage, pair_of
from tests.support.servers.mongodb import MongoReplicaSet, MongoServer, fail_next

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


@pytest.fixture(scope="module")
def stage(authority: Authority) -> Iterator[Stage]:
    """Set the stage on a server of its own: it is away for a second at a time."""
    with MongoServer(authority) as server:
        yield Stage(server)


def test_a_password_is_set_where_the_primary_is_then(stage: Stage) -> None:
    """By the user itself and by an admin, through the session that was open before."""
    user = stage.changer()
    for who in (user, stage.admin()):
        new = replace(user, password=stage.password())
        with stage.login(who) as session:
            stage.server.step_down(1)
            session.set_password(user.username, new.password)
        stage.accepts(new)
        user = new


def test_a_new_password_is_what_the_session_logs_in_with_then(stage: Stage) -> None:
    """A revert after a change finds the primary again, too."""
    user = stage.changer()
    with stage.login(user) as session:
        session.set_password(user.username, stage.password())
        stage.server.step_down(1)
        session.set_password(user.username, user.password)
    stage.accepts(user)


def test_a_pair_is_prepared_where_the_primary_is_then(stage: Stage) -> None:
    """The whole of it is done again."""
    base, admin = stage.user(), stage.admin()
    pair, clone = pair_of(base.username), stage.password()
    with stage.login(admin) as session:
        stage.server.step_down(1)
        session.level(pair, clone)
    stage.accepts(Credential(pair.clone, clone))


def test_a_login_waits_for_the_election(stage: Stage) -> None:
    """A set without a primary gets one within seconds."""
    user = stage.user()
    stage.server.step_down(1)
    stage.accepts(user)


def test_a_set_that_elects_nobody_is_unreachable(stage: Stage) -> None:
    """The wait is bounded by the deadline; where that ends in the middle of an answer, it is said to be missing."""
    user = stage.user()
    stage.server.step_down(4)
    try:
        with pytest.raises(Unreachable, match=r"takes writes|no answer in time") as raised:
            stage.login(user, seconds=2)
        assert raised.value.retryable
    finally:
        stage.server.wait_for_primary()


def test_a_change_that_may_have_been_made_before_is_not_known(stage: Stage) -> None:
    """The old password is refused on the new primary: only the next attempt can see which one counts."""
    user, meanwhile = stage.changer(), stage.password()
    with stage.login(user) as session:
        stage.server.run("updateUser", user.username, pwd=meanwhile.reveal())
        fail_next(stage.server, "updateUser", errorCode=189)
        with pytest.raises(Unreachable, match="not known") as caught:
            session.set_password(user.username, stage.password())
    assert caught.value.retryable
    stage.accepts(replace(user, password=meanwhile))


def test_a_node_that_is_down_for_a_moment_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there was a primary just now, a refused connection is part of the change."""
    user = stage.changer()
    attempts: list[int] = []
    described = login.Login._described  # noqa: SLF001

    def down_once(self: login.Login, *arguments: object) -> object:
        attempts.append(1)
        if len(attempts) == 1:
            raise Unreachable("down", engine="documentdb")
        return described(self, *arguments)  # type: ignore[arg-type]

    with stage.login(user) as session:
        fail_next(stage.server, "updateUser", errorCode=10107)
        monkeypatch.setattr(login.Login, "_described", down_once)
        session.set_password(user.username, user.password)
    assert len(attempts) == 2


def test_a_node_that_never_says_what_it_is_costs_the_deadline(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is never made ends the wait at the deadline."""
    monkeypatch.setattr(login, "_LOOK_SECONDS", 0.05)
    with pytest.raises(Unreachable):
        stage.login(stage.user(), seconds=0.001)


def led_to(monkeypatch: pytest.MonkeyPatch, *peer: object) -> None:
    """Let the node say that it is a secondary, and name its primary."""
    monkeypatch.setattr(ServerDescription, "is_writable", property(lambda _: False))
    monkeypatch.setattr(ServerDescription, "primary", property(lambda _: peer))


def test_a_primary_that_cannot_be_reached_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the secret's host that was not reached, and the secret has no "ssl" to take out."""
    user = stage.user()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setattr(login, "ELECTION_SECONDS", 0.3)
    led_to(monkeypatch, "localhost", port)
    with pytest.raises(Unreachable) as failed:
        stage.login(user)
    assert f"localhost:{port}" in str(failed.value)
    assert "ssl" not in str(failed.value)


def test_a_primary_without_an_address_is_told_apart(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of another network resolves to nothing."""
    user, listed = stage.user(), "mongo-0.mongo.internal.invalid"
    monkeypatch.setattr(login, "ELECTION_SECONDS", 0.3)
    led_to(monkeypatch, listed, 27017)
    with pytest.raises(Unreachable, match="no address") as failed:
        stage.login(user, hosts=(listed,))
    assert listed in str(failed.value)


def test_a_primary_that_the_secret_does_not_name_is_not_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No login goes where a server alone leads to; the error names it."""
    led_to(monkeypatch, "evil.example", 27017)
    with pytest.raises(GuardViolation, match=r"evil\.example:27017"):
        stage.login(stage.user())


def test_the_primary_is_found_through_any_node_of_a_set(authority: Authority) -> None:
    """A secondary names it, before anybody logs in there; after a change the new one is found."""
    with MongoReplicaSet(authority) as replica_set:
        primary = replica_set.primary
        secondary = next(node for node in replica_set.nodes if node is not primary)
        stage = Stage(primary)
        user = stage.changer()
        mark = secondary.mark()
        with stage.engine.connect(stage.address(secondary.port), user, Deadline(20)) as session:
            session.set_password(user.username, user.password)
            assert secondary.logins(mark).of(user.username).all == ()
            primary.step_down(30)
            session.set_password(user.username, user.password)
        stage.server = replica_set.primary
        assert stage.server is not primary
        stage.accepts(user)
        with pytest.raises(RotationError):
            stage.accepts(replace(user, password=Password("wrong")))
