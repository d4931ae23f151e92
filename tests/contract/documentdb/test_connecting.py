"""Logging in to MongoDB, and what stands in the way."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.engines import tls
from rotation.engines.documentdb import DocumentDB, login
from rotation.engines.documentdb.faults import LOGIN_CODES
from rotation.errors import (
    AuthenticationFailed,
    InvalidSecret,
    RotationError,
    StatementFailed,
    TlsFailed,
    Unreachable,
)
from rotation.model import Address, Credential, Deadline, Password
from tests.lab.stages.documentdb import unique
from tests.support.network import proxy as wire
from tests.support.servers.mongodb import MongoServer, fail_next
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.stages.documentdb import Stage


def failure(
    stage: Stage, who: Credential, address: Address | None = None, seconds: float = 5, engine: DocumentDB | None = None
) -> RotationError:
    with pytest.raises(RotationError) as caught:
        (engine or stage.engine).connect(address or stage.address(), who, Deadline(seconds))
    assert who.password.reveal() not in f"{caught.value} {caught.value!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def test_a_right_password_is_accepted_with_one_login(stage: Stage) -> None:
    """A session stands for one login and a first statement."""
    user, mark = stage.user(), stage.server.mark()
    stage.accepts(user)
    logins = stage.server.logins(mark).of(user.username)
    assert (len(logins.accepted), logins.refused) == (1, [])


def test_a_login_on_lambda_looks_at_the_node_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the driver finds itself on Lambda it waits for a first command, unless told to connect."""
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    stage.accepts(stage.user())


def test_a_wrong_password_and_an_unknown_user_are_refused(stage: Stage) -> None:
    """The server says the same of both."""
    user = stage.user()
    for who in (replace(user, password=Password("wrong")), replace(user, username=unique("nobody"))):
        error = failure(stage, who)
        assert isinstance(error, AuthenticationFailed)
        place = replace(stage.address(), database="admin")  # where the user was looked for
        assert (error.code, error.where) == ("18", f"{place}, as {who.username}")
        assert "authSource" in error.remedy


@pytest.mark.parametrize("code", LOGIN_CODES)
def test_every_code_of_a_refused_login_is_known(stage: Stage, code: int) -> None:
    """What the server says of a login has a meaning of its own."""
    fail_next(stage.server, "connectionStatus", errorCode=code)
    error = failure(stage, stage.user())
    assert type(error) is LOGIN_CODES[code].kind


def test_another_code_at_the_login_is_no_refusal(stage: Stage) -> None:
    """Only what says that the password is wrong is taken for that."""
    fail_next(stage.server, "connectionStatus", errorCode=8)
    assert isinstance(failure(stage, stage.user()), StatementFailed)


def test_the_mechanism_is_the_one_that_the_server_has(stage: Stage) -> None:
    """A user that has SCRAM-SHA-1 alone logs in by it, and no other is tried first."""
    user, mark = stage.user(mechanisms=["SCRAM-SHA-1"]), stage.server.mark()
    stage.accepts(user)
    logins = stage.server.logins(mark).of(user.username)
    assert [one.mechanism for one in logins.all] == ["SCRAM-SHA-1"]
    assert logins.refused == []


def test_users_live_in_admin_unless_the_secret_says_otherwise(stage: Stage) -> None:
    """The database of the application is never taken for the one that holds the user."""
    user = stage.user(database="shop")
    assert isinstance(failure(stage, user), AuthenticationFailed)
    with stage.login(user, auth_database="shop"):
        pass


def test_a_user_without_a_password_is_an_invalid_secret(stage: Stage) -> None:
    """Nobody in $external has a password to rotate."""
    address = replace(stage.address(), auth_database="$external")
    assert isinstance(failure(stage, stage.user(), address), InvalidSecret)


@pytest.mark.parametrize("text", ["bell\a", "half\ud800"])
def test_what_the_protocol_cannot_hold_is_an_invalid_secret(stage: Stage, text: str) -> None:
    """A character that RFC 4013 forbids cannot be sent, and is not shown."""
    assert isinstance(failure(stage, Credential(stage.user().username, Password(text))), InvalidSecret)
    assert isinstance(failure(stage, Credential(text, Password("pw-1"))), RotationError)


def test_an_address_that_is_none_is_an_invalid_secret(stage: Stage) -> None:
    """What the driver takes for no host at all never reaches a socket."""
    address = Address("localhost", stage.server.port, "shop", auth_database="")
    assert address.auth_database == ""
    broken = Address("mongodb://", stage.server.port, "shop")
    assert isinstance(failure(stage, stage.user(), broken), InvalidSecret)


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_a_server_that_is_down_is_unreachable_at_once(stage: Stage, host: str) -> None:
    """A refused connection is worth another try, and needs no wait."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    begin = time.monotonic()
    error = failure(stage, stage.user(), Address(host, port, "shop"))
    assert isinstance(error, Unreachable)
    assert error.retryable
    assert time.monotonic() - begin < 1


def test_a_silent_server_costs_the_time_that_was_given(stage: Stage) -> None:
    """A server that accepts and says nothing is unreachable, in time."""
    with wire.Proxy("127.0.0.1", stage.server.port, wire.DEAF) as proxy:
        begin = time.monotonic()
        error = failure(stage, stage.user(), stage.address(proxy.port), seconds=0.3)
        assert isinstance(error, Unreachable)
        assert time.monotonic() - begin < 1.2


def test_a_login_without_an_answer_costs_the_time_that_was_given(stage: Stage) -> None:
    """The statement that proves the login is bounded too."""
    user = stage.user()
    fail_next(stage.server, "connectionStatus", blockConnection=True, blockTimeMS=1500)
    begin = time.monotonic()
    error = failure(stage, user, seconds=0.5)
    assert error.retryable
    assert time.monotonic() - begin < 1.2


def test_an_unknown_authority_is_named(stage: Stage, tmp_path: Path) -> None:
    """A server of somebody else gets no password."""
    stranger = DocumentDB(Authority.create(tmp_path, "Stranger").bundle)
    error = failure(stage, stage.user(), engine=stranger)
    assert isinstance(error, TlsFailed)
    assert "authority that is not trusted" in str(error)


def test_a_fault_that_a_second_look_does_not_show_stays_general(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer the second time leaves the first word."""
    monkeypatch.setattr(tls, "diagnose", lambda *_: None)
    stranger = DocumentDB(Authority.create(tmp_path, "Stranger").bundle)
    assert "TLS handshake" in str(failure(stage, stage.user(), engine=stranger))


def test_no_name_is_looked_up_by_the_thread_that_waits(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's resolver has no limit: neither a login nor a second look at TLS asks it without one."""
    look_up, lookers = socket.getaddrinfo, []

    def noted(host: Any, *wanted: Any, **more: Any) -> Any:  # noqa: ANN401 the resolver's
        if host == stage.server.host:
            lookers.append(threading.current_thread())
        return look_up(host, *wanted, **more)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    stage.accepts(stage.user())
    stranger = DocumentDB(Authority.create(tmp_path, "Stranger").bundle)
    assert "authority that is not trusted" in str(failure(stage, stage.user(), engine=stranger))
    assert lookers
    assert threading.current_thread() not in lookers


def test_the_host_name_counts(stage: Stage, authority: Authority) -> None:
    """A certificate by the right authority for another host is none."""
    certificate = authority.issue("elsewhere", ["elsewhere.example"])
    with MongoServer(authority, certificate=certificate, lenient=True) as server:
        error = failure(stage, Credential("app", Password("pw-1")), stage.address(server.port))
    assert isinstance(error, TlsFailed)
    assert "another host name" in str(error)


def test_plain_text_only_where_the_secret_says_so(stage: Stage, authority: Authority) -> None:
    """There is no way back from TLS, and none to it."""
    with MongoServer(authority, tls=False) as server:
        root = Credential(server.user, Password(server.password))
        plain = replace(stage.address(server.port), tls=False)
        stage.engine.connect(plain, root, Deadline(5)).__exit__(None, None, None)
        error = failure(stage, root, replace(plain, tls=True))
        assert isinstance(error, TlsFailed)
        assert "offers no TLS" in str(error)
    wanted = failure(stage, stage.user(), replace(stage.address(), tls=False))
    assert isinstance(wanted, Unreachable)
    assert '"ssl": false' in wanted.remedy


def test_nothing_is_left_behind(stage: Stage) -> None:
    """Neither a thread nor a connection outlives a session, accepted or refused."""
    user = stage.user()
    time.sleep(1.2)
    before = len(threading.enumerate()), connections(stage)
    for _ in range(5):
        with stage.login(user) as session:
            assert len(threading.enumerate()) > before[0]
            session.mark_of(user.username)
        failure(stage, replace(user, password=Password("wrong")))
    time.sleep(1.2)
    assert (len(threading.enumerate()), connections(stage)) == before


def connections(stage: Stage) -> int:
    found = stage.server.root.admin.aggregate([{"$currentOp": {"allUsers": True, "idleConnections": True}}])
    return sum(one.get("appName") == "rotation" for one in found)


def test_a_session_has_one_connection_beside_the_monitor(stage: Stage) -> None:
    """A revert uses the login that the change was made with."""
    user = stage.changer()
    with stage.login(user) as session:
        before, mark = connections(stage), stage.server.mark()
        for _ in range(3):
            session.set_password(user.username, stage.password())
        session.set_password(user.username, user.password)
        assert connections(stage) == before
        assert stage.server.logins(mark).of(user.username).all == ()
    stage.accepts(user)


def test_closing_does_not_wait_for_a_server_that_is_gone(stage: Stage) -> None:
    """The farewell is bounded."""
    user = stage.user()
    with wire.Proxy("127.0.0.1", stage.server.port) as proxy:
        session = stage.login(user, port=proxy.port)
        proxy.mode = wire.DEAF
        begin = time.monotonic()
        session.__exit__(None, None, None)
        assert time.monotonic() - begin < login.CLOSE_SECONDS + 0.5
