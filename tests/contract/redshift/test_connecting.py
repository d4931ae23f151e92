"""Logging in to Redshift, and what stands in the way."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.engines import tls
from rotation.engines.redshift import Redshift, network
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    EngineError,
    GuardViolation,
    InvalidSecret,
    RotationError,
    StatementFailed,
    TlsFailed,
    Unreachable,
)
from rotation.model import Address, Credential, Deadline, Password
from tests.lab.stages.redshift import unique
from tests.support.emulators.redshift.server import RedshiftServer
from tests.support.emulators.redshift.wire import error, message
from tests.support.network import proxy as wire
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.stages.redshift import Stage

WHO = Credential("app", Password("Abcdefg1-of-app"))


def failure(stage: Stage, who: Credential, address: Address | None = None, seconds: float = 5) -> RotationError:
    with pytest.raises(RotationError) as caught:
        stage.engine.connect(address or stage.address(), who, Deadline(seconds))
    assert who.password.reveal() not in f"{caught.value} {caught.value!r}"
    return caught.value


def test_both_forms_of_a_password_are_accepted(stage: Stage) -> None:
    """MD5, as clear text and Redshift itself keep it, and the salted SHA-256 that this engine makes."""
    user = stage.user()
    stage.accepts(user)
    new = replace(user, password=stage.password())
    with stage.login(user) as session:
        session.set_password(user.username, new.password)
    stage.accepts(new)
    assert isinstance(failure(stage, user), AuthenticationFailed)


def test_a_name_is_sent_as_it_is(stage: Stage) -> None:
    """One that was created in double quotes keeps its capitals, and is another than the one in small letters."""
    user = stage.user(unique("MixedCase"))
    small = stage.user(user.username.lower())
    stage.accepts(user)
    stage.accepts(small)
    assert isinstance(failure(stage, replace(small, username=user.username)), AuthenticationFailed)


def test_a_refusal_names_the_place_and_what_to_do(stage: Stage) -> None:
    """The server says the same of a wrong password and of an unknown user."""
    user = stage.user()
    for who in (replace(user, password=Password("Wrong-1-password")), Credential(unique("nobody"), user.password)):
        refused = failure(stage, who)
        assert isinstance(refused, AuthenticationFailed)
        assert refused.code == "28000"
        assert str(stage.address()) in str(refused)
        assert refused.remedy


def test_a_user_past_its_time_and_one_without_password_are_refused(stage: Stage) -> None:
    """VALID UNTIL and PASSWORD DISABLE."""
    user = stage.user(options="VALID UNTIL '2020-01-01'")
    assert isinstance(failure(stage, user), AuthenticationFailed)
    stage.run(f"ALTER USER {user.username} VALID UNTIL 'infinity' PASSWORD DISABLE")
    assert isinstance(failure(stage, user), AuthenticationFailed)


def test_a_missing_database_is_named_after_the_password_was_accepted(stage: Stage) -> None:
    """It is no refusal of the credential."""
    refused = failure(stage, stage.user(), stage.address("nowhere"))
    assert isinstance(refused, AccountUnusable)
    assert refused.password_accepted


def test_a_user_at_its_limit_is_named_after_the_password_was_accepted(stage: Stage) -> None:
    """The limit of a user is looked at once the password was accepted."""
    user = stage.user(options="CONNECTION LIMIT 1")
    with stage.login(user):
        refused = failure(stage, user)
    assert isinstance(refused, AccountUnusable)
    assert refused.password_accepted
    assert refused.retryable


def test_a_name_that_the_server_would_cut_is_refused(stage: Stage) -> None:
    """Cut, it would be another user's."""
    assert isinstance(failure(stage, replace(WHO, username="a" * 128)), GuardViolation)


def test_a_zero_byte_is_refused(stage: Stage) -> None:
    """It would end the text for the server."""
    assert isinstance(failure(stage, replace(WHO, username="a\0b")), InvalidSecret)


def test_nobody_listening_is_unreachable(stage: Stage) -> None:
    """A refused connection is worth another try."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    refused = failure(stage, WHO, Address("localhost", port, "dev"))
    assert isinstance(refused, Unreachable)
    assert refused.retryable


def test_a_host_without_an_address_is_unreachable(stage: Stage) -> None:
    """A name that is none resolves to nothing."""
    assert "no address" in str(failure(stage, WHO, Address("a" * 70 + ".example", 5439, "dev")))


def test_the_next_address_is_tried_when_the_first_does_not_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each address of a host gets its share of the time."""
    monkeypatch.setattr(network, "resolve", lambda *_: ["127.0.0.2", "127.0.0.1"])
    stage.accepts(stage.user())


@contextmanager
def serving(answer: bytes, *, times: int = 1) -> Iterator[int]:
    """Answer each message with the same, and close the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(times):
                client, _ = listening.accept()
                with client:
                    client.recv(4096)
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


@pytest.fixture(scope="module")
def _collected() -> Iterator[None]:
    """Have what is left of sockets told, once for all that left some."""
    yield
    gc.collect()


@pytest.mark.usefixtures("_collected")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        message(b"?", b""),
        b"R\0\0",
        message(b"R", b"\0"),
        message(b"E", b"Cnot-utf-8\xff\0\0"),
        message(b"R", b"\0\0\0\x0aSCRAM-UNKNOWN\0\0"),
        message(b"R", b"\0\0\0\x63"),
        message(b"R", b"\0\0\0\x0br=x"),
        message(b"R", b"\0\0\0\x0cv=x"),
        message(b"T", b"\0\1x\0" + bytes(18)),
        message(b"D", b"\0\1\0\0\0\1x"),
        message(b"C", b"SELECT 1\0"),
    ],
)
def test_what_does_not_speak_the_protocol_is_unreachable(stage: Stage, answer: bytes) -> None:
    """Whatever it says, no refusal is read into it."""
    with serving(answer) as port:
        assert isinstance(failure(stage, WHO, Address("127.0.0.1", port, "dev", tls=False)), Unreachable)


@pytest.mark.parametrize("answer", [b"", b"X", b"E"])
def test_what_answers_something_else_than_tls_is_unreachable(stage: Stage, answer: bytes) -> None:
    """Only S and N are answers to the question for TLS."""
    with serving(answer) as port:
        assert isinstance(failure(stage, WHO, Address("127.0.0.1", port, "dev")), Unreachable)


def test_a_handshake_that_is_cut_off_is_unreachable(stage: Stage) -> None:
    """Nothing is known of the certificate."""
    with serving(b"S") as port:
        assert isinstance(failure(stage, WHO, Address("127.0.0.1", port, "dev")), Unreachable)


def test_a_handshake_that_makes_no_sense_is_a_failure_of_tls(stage: Stage) -> None:
    """A second look is taken to say what is wrong."""
    with serving(b"Sgarbage instead of a handshake", times=2) as port:
        assert isinstance(failure(stage, WHO, Address("127.0.0.1", port, "dev")), TlsFailed)


def test_the_password_is_not_given_in_clear_text_without_tls(stage: Stage) -> None:
    """Whoever stands in between could ask for it."""
    with serving(message(b"R", b"\0\0\0\x03")) as port:
        refused = failure(stage, WHO, Address("127.0.0.1", port, "dev", tls=False))
    assert "clear text" in str(refused)


def test_a_server_cannot_order_work_without_end(stage: Stage) -> None:
    """SCRAM's iterations are bounded before they are computed."""
    question = message(b"R", b"\0\0\0\x0aSCRAM-SHA-256\0") + message(b"R", b"\0\0\0\x0br=x,s=c2FsdA==,i=9999999")
    begin = time.monotonic()
    with serving(question) as port:
        refused = failure(stage, WHO, Address("127.0.0.1", port, "dev", tls=False))
    assert isinstance(refused, Unreachable)
    assert "iterations" in str(refused)
    assert not refused.retryable
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("code", "kind", "accepted"),
    [
        ("28P01", AuthenticationFailed, None),
        ("57P03", Unreachable, None),
        ("53300", AccountUnusable, False),
        ("42501", AccountUnusable, True),
        ("0A000", AccountUnusable, False),
    ],
)
def test_only_the_servers_word_is_a_refusal(
    stage: Stage, code: str, kind: type[EngineError], *, accepted: bool | None
) -> None:
    """The table goes by SQLSTATE; the text is not shown."""
    with serving(error(code, "text of the server")) as port:
        refused = failure(stage, WHO, Address("127.0.0.1", port, "dev", tls=False))
    assert type(refused) is kind
    assert getattr(refused, "password_accepted", None) is accepted
    assert "text of the server" not in str(refused)


def test_a_silent_server_costs_the_time_that_was_given(stage: Stage) -> None:
    """Before TLS, and when it falls silent after some bytes."""
    for mode in (wire.DEAF, wire.Mode(silent_after=40)):
        with wire.Proxy("127.0.0.1", stage.server.port, mode) as proxy:
            begin = time.monotonic()
            assert isinstance(failure(stage, WHO, Address("localhost", proxy.port, "dev"), 0.4), Unreachable)
            assert time.monotonic() - begin < 1.2


def test_a_question_for_tls_has_the_time_that_connecting_left(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first packet that has to be sent again costs seconds of the same deadline."""
    connect = socket.create_connection

    def slow(*where: Any, **more: Any) -> socket.socket:  # noqa: ANN401 the socket's
        time.sleep(0.8)
        return connect(*where, **more)

    monkeypatch.setattr(socket, "create_connection", slow)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        address = Address("127.0.0.1", silent.getsockname()[1], "dev")
        assert isinstance(failure(stage, WHO, address, seconds=1), Unreachable)
        assert time.monotonic() - begin < 1.5


@pytest.mark.parametrize("tls", [True, False])
def test_a_dripping_server_costs_the_time_that_was_given(stage: Stage, *, tls: bool) -> None:
    """Each byte that comes in prolongs nothing."""
    with wire.Proxy("127.0.0.1", stage.server.port, wire.Mode(drip=0.05)) as proxy:
        begin = time.monotonic()
        assert isinstance(failure(stage, WHO, Address("localhost", proxy.port, "dev", tls=tls), 0.5), Unreachable)
        assert time.monotonic() - begin < 1.2


def test_a_query_without_its_row_is_a_failed_statement(stage: Stage) -> None:
    """What it asked for may be gone by now."""
    user = stage.user()
    with stage.login(user) as session, pytest.raises(StatementFailed, match="without a row") as caught:
        session.require_usable(unique("nobody"))
    assert caught.value.where == f"{stage.address()}, as {user.username}"


def test_no_time_left_is_unreachable(stage: Stage) -> None:
    """Nothing is begun."""
    assert isinstance(failure(stage, WHO, seconds=0), Unreachable)


def test_a_server_without_tls_is_refused_unless_the_secret_says_so(authority: Authority) -> None:
    """The password is not sent; with "ssl": false the login goes without."""
    with RedshiftServer(authority, tls=False) as server:
        who = Credential(server.user, Password(server.password))
        engine = Redshift(authority.bundle)
        with pytest.raises(TlsFailed, match="offers no TLS"):
            engine.connect(Address("localhost", server.port, "dev"), who, Deadline(5))
        with engine.connect(Address("localhost", server.port, "dev", tls=False), who, Deadline(5)):
            assert [login.encrypted for login in server.logins] == [False]


def test_an_unencrypted_login_needs_the_secrets_word(stage: Stage) -> None:
    """With TLS on, every login of the engine is encrypted."""
    stage.accepts(stage.user())
    assert stage.server.logins[-1].encrypted


def test_a_certificate_for_another_host_is_refused(stage: Stage, authority: Authority) -> None:
    """The name in the secret is the one that counts."""
    stage.server.show(authority.issue("elsewhere", sans=["elsewhere.example"]))
    try:
        refused = failure(stage, WHO)
    finally:
        stage.server.show(authority.issue("localhost"))
    assert isinstance(refused, TlsFailed)
    assert "another host name" in str(refused)


def test_an_expired_certificate_is_refused(stage: Stage, authority: Authority) -> None:
    """The cause is named."""
    stage.server.show(authority.issue("localhost", expired=True))
    try:
        assert "expired" in str(failure(stage, WHO))
    finally:
        stage.server.show(authority.issue("localhost"))


def test_a_certificate_by_a_stranger_is_refused(stage: Stage, tmp_path: Path) -> None:
    """A bundle that is set replaces what is shipped; without one Amazon's and the system's authorities count."""
    stranger = Authority.create(tmp_path, "Stranger")
    for engine in (Redshift(stranger.bundle), Redshift()):
        with pytest.raises(TlsFailed, match="not trusted"):
            engine.connect(stage.address(), WHO, Deadline(5))


def test_the_shipped_authorities_are_redshifts_too() -> None:
    """The driver's own bundle stands beside Amazon's."""
    for host in ("db.example", "orders.abc.eu-west-1.redshift.amazonaws.com"):
        trusted = network.authorities(None, host)
        assert b"".join(network.SHIPPED.read_bytes().split()) in b"".join(trusted.read_bytes().split())
        assert tls.SHIPPED.read_bytes() in trusted.read_bytes()
        assert ssl.create_default_context(cafile=str(trusted)).cert_store_stats()["x509_ca"] > 50
