"""Logging in to PostgreSQL, and what stands in the way."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from psycopg2 import OperationalError, extensions

from rotation.engines.postgresql import PostgreSQL, engine
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    GuardViolation,
    InvalidSecret,
    RotationError,
    TlsFailed,
    Unreachable,
)
from rotation.model import Address, Credential, Deadline, Password
from tests.lab.stages.postgresql import unique
from tests.support.network import proxy as wire
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.stages.postgresql import Stage


def failure(stage: Stage, who: Credential, address: Address | None = None, seconds: float = 5) -> RotationError:
    with pytest.raises(RotationError) as caught:
        stage.engine.connect(address or stage.address(), who, Deadline(seconds))
    assert who.password.reveal() not in f"{caught.value} {caught.value!r}"
    return caught.value


def test_a_right_password_is_accepted(stage: Stage) -> None:
    """A session stands for a login and a first statement."""
    stage.accepts(stage.user())


def test_a_wrong_password_and_an_unknown_user_are_refused(stage: Stage) -> None:
    """The server says the same of both."""
    user = stage.user()
    assert isinstance(failure(stage, replace(user, password=Password("wrong"))), AuthenticationFailed)
    assert isinstance(failure(stage, replace(user, username=unique("nobody"))), AuthenticationFailed)


def test_a_refusal_names_the_place_and_what_to_do(stage: Stage) -> None:
    """Whoever reads the message knows where to look."""
    error = failure(stage, Credential("nobody", Password("wrong")))
    assert str(stage.address()) in str(error)
    assert error.remedy


def test_a_missing_database_is_named_after_the_password_was_accepted(stage: Stage) -> None:
    """A database's name is a name, whatever it looks like: it is never taken for connection parameters."""
    user = stage.user()
    for name in ("nowhere", "host=elsewhere user=postgres", "postgres://elsewhere/postgres", "it's \\ here"):
        error = failure(stage, user, stage.address(name))
        assert isinstance(error, AccountUnusable)
        assert error.password_accepted


def test_a_server_that_is_down_is_unreachable(stage: Stage) -> None:
    """A refused connection is worth another try."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    error = failure(stage, stage.user(), Address("localhost", port, "postgres"))
    assert isinstance(error, Unreachable)
    assert error.retryable


def test_a_host_without_an_address_is_unreachable(stage: Stage) -> None:
    """A name that is none resolves to nothing."""
    error = failure(stage, stage.user(), Address("a" * 70 + ".example", 5432, "postgres"))
    assert isinstance(error, Unreachable)
    assert "no address" in str(error)


def test_the_next_address_is_tried_when_the_first_refuses(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the first address of the host."""
    user = stage.user()
    monkeypatch.setattr(engine, "resolve", lambda *_: ["127.0.0.2", "127.0.0.1"])
    stage.accepts(user)


def test_an_address_that_stays_silent_takes_its_share_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address of a host gets an equal share of the time that is left."""
    user = stage.user()
    monkeypatch.setattr(engine, "resolve", lambda *_: ["127.0.0.2", "127.0.0.1"])
    with socket.create_server(("127.0.0.2", stage.server.port)), stage.login(user, seconds=2):
        pass


def test_a_silent_server_costs_the_time_that_was_given(stage: Stage) -> None:
    """A server that accepts and says nothing is unreachable, in time."""
    with wire.Proxy(stage.server.host, stage.server.port, wire.DEAF) as proxy:
        begin = time.monotonic()
        error = failure(stage, stage.user(), Address("localhost", proxy.port, "postgres"), seconds=0.3)
        assert isinstance(error, Unreachable)
        assert time.monotonic() - begin < 1


def test_a_first_statement_without_an_answer_is_no_login(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed when the session does not come about."""
    opened: list[extensions.connection] = []

    class Failing:
        def __init__(self, raw: extensions.connection, *_: object) -> None:
            opened.append(raw)
            raise OperationalError

    monkeypatch.setattr(engine, "Connection", Failing)
    with pytest.raises(OperationalError):
        stage.login(stage.user())
    assert opened[0].closed


def test_a_session_that_ends_at_once_is_tried_once_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of the database's owner may have ended it; the second login brings its own. Then it is unreachable."""
    opened: list[extensions.connection] = []

    class Ending:
        def __init__(self, raw: extensions.connection, *_: object) -> None:
            opened.append(raw)
            raise Unreachable("ended", engine="postgresql")

    monkeypatch.setattr(engine, "Connection", Ending)
    with pytest.raises(Unreachable):
        stage.login(stage.user())
    assert [raw.closed for raw in opened] == [1, 1]


def test_tls_that_is_not_offered_is_not_done_without(stage: Stage) -> None:
    """There is no way back to plain text."""
    with wire.Proxy(stage.server.host, stage.server.port, wire.NO_TLS) as proxy:
        error = failure(stage, stage.user(), Address("localhost", proxy.port, "postgres"))
    assert isinstance(error, TlsFailed)
    assert "offers no TLS" in str(error)


def test_plain_text_only_where_the_secret_says_so(stage: Stage) -> None:
    """The shared server has no line for connections without TLS, and says so."""
    error = failure(stage, stage.user(), replace(stage.address(), tls=False))
    assert isinstance(error, AccountUnusable)
    assert "pg_hba.conf" in str(error)


def test_an_unknown_authority_is_named(stage: Stage, tmp_path: Path) -> None:
    """A server of somebody else gets no password."""
    stranger = PostgreSQL(Authority.create(tmp_path, "Stranger").bundle)
    with pytest.raises(TlsFailed, match="authority that is not trusted"):
        stranger.connect(stage.address(), stage.user(), Deadline(5))


def test_a_fault_that_a_second_look_does_not_show_stays_general(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer the second time leaves libpq's word."""
    monkeypatch.setattr("rotation.engines.tls.diagnose", lambda *_: None)
    stranger = PostgreSQL(Authority.create(tmp_path, "Stranger").bundle)
    with pytest.raises(TlsFailed, match="TLS handshake"):
        stranger.connect(stage.address(), stage.user(), Deadline(5))


@pytest.mark.parametrize("text", ["nul\0", "half\ud800"])
def test_what_postgresql_cannot_hold_is_an_invalid_secret(stage: Stage, text: str) -> None:
    """Neither a NUL nor half a character can be sent, and neither is shown."""
    assert isinstance(failure(stage, Credential("app", Password(f"{text} secret"))), InvalidSecret)


def test_a_user_name_that_the_server_would_cut_is_refused(stage: Stage) -> None:
    """Another user's name begins like it."""
    assert isinstance(failure(stage, Credential("a" * 64, Password("secret"))), GuardViolation)


def test_a_refusal_in_another_encoding_is_understood(stage: Stage) -> None:
    """The driver cannot decode what a server in Latin-1 writes; the engine can."""
    text = "FATAL:  Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen"
    severity, words = text.split(":  ")
    fields = b"".join(key + value.encode("latin-1") + b"\0" for key, value in ((b"S", severity), (b"M", words)))
    message = b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        address = Address("127.0.0.1", listening.getsockname()[1], "postgres", tls=False)
        with _answering(listening, message):
            error = failure(stage, Credential("app", Password("secret")), address)
    assert isinstance(error, AuthenticationFailed)


class _answering:  # noqa: N801 reads as a phrase
    """A server that answers its one client with one message."""

    def __init__(self, listening: socket.socket, message: bytes) -> None:
        import threading  # noqa: PLC0415

        self._thread = threading.Thread(target=self._serve, args=(listening, message))

    def _serve(self, listening: socket.socket, message: bytes) -> None:
        with listening.accept()[0] as client:
            client.recv(4096)
            client.sendall(message)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def test_nothing_of_the_environment_leaks_in(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Libpq's variables, its password file and its service file have no say."""
    user = stage.user()
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{user.password.reveal()}\n")
    passfile.chmod(0o600)
    services = tmp_path / "services"
    services.write_text("[other]\nhost=elsewhere\nport=1\nsslmode=disable\n")
    leaks = {"PGPASSFILE": str(passfile), "PGSERVICEFILE": str(services), "PGSERVICE": "other", "PGPORT": "1"}
    leaks |= {"PGOPTIONS": "-c nonsense=1", "PGHOSTADDR": "192.0.2.1", "PGSSLMODE": "disable", "PGUSER": "x"}
    leaks |= {"PGSSLCERT": str(passfile), "PGTARGETSESSIONATTRS": "standby", "PGDATABASE": "x"}
    for name, value in leaks.items():
        monkeypatch.setenv(name, value)
    stage.accepts(user)
    assert isinstance(failure(stage, replace(user, password=Password("wrong"))), AuthenticationFailed)
