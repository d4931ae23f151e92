"""Logins at what answers as no MongoDB does, and at hosts whose names are looked up slowly."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import bson
import pytest

from rotation.engines.documentdb import DocumentDB
from rotation.errors import InvalidSecret, RotationError, StatementFailed, Unreachable
from rotation.model import Address, Credential, Deadline, Password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Document = dict[str, Any]
Answer = bytes | Document

HELLO: Final = {"ok": 1.0, "ismaster": True, "isWritablePrimary": True, "maxWireVersion": 17, "minWireVersion": 0}
WHO: Final = Credential("app", Password("pw-of-app"))
HEADER: Final = struct.Struct("<iiii")
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


def answered(sasl: Document, hello: Answer = HELLO) -> Callable[[str, Document], Answer]:
    """Answer the beginning of a login by this, and everything else as a server would."""

    def answer(command: str, _: Document) -> Answer:
        if command in {"hello", "ismaster"}:
            return hello
        return {"ok": 1.0, "conversationId": 1, "done": False, **sasl} if command == "saslstart" else {"ok": 1.0}

    return answer


def read(stream: Any) -> tuple[int, int, Document]:  # noqa: ANN401 a file of bytes
    """Read a message: its number, its kind and its document."""
    size, number, _, kind = HEADER.unpack(stream.read(HEADER.size))
    content = stream.read(size - HEADER.size)
    start = content.index(b"\0", 4) + 9 if kind == OP_QUERY else 5
    return number, kind, bson.decode(content[start:])


def written(number: int, kind: int, answer: Answer) -> bytes:
    """Write the answer to a message as its kind wants it (MongoDB manual, "MongoDB Wire Protocol")."""
    document = answer if isinstance(answer, bytes) else bson.encode(answer)
    before = struct.pack("<iqii", 8, 0, 0, 1) if kind == OP_QUERY else bytes(5)
    answers = OP_REPLY if kind == OP_QUERY else OP_MSG
    return HEADER.pack(HEADER.size + len(before) + len(document), 1, number, answers) + before + document


@contextlib.contextmanager
def serving(answer: Callable[[str, Document], Answer]) -> Iterator[int]:
    """Answer every command by what is given, on a port of the loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak(client: socket.socket) -> None:
            with client, client.makefile("rb") as stream, contextlib.suppress(OSError, struct.error):
                while True:
                    number, kind, asked = read(stream)
                    client.sendall(written(number, kind, answer(next(iter(asked)).lower(), asked)))

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=speak, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def failure(
    answer: Callable[[str, Document], Answer], who: Credential = WHO, seconds: float = 3, host: str = "127.0.0.1"
) -> RotationError:
    """Log in, and give what comes of it."""
    with serving(answer) as port, pytest.raises(RotationError) as caught:
        DocumentDB().connect(Address(host, port, "shop", tls=False), who, Deadline(seconds))
    assert who.password.reveal() not in f"{caught.value} {caught.value!r}"
    return caught.value


def agreed(_: str, asked: Document, *, iterations: bytes) -> Answer:
    """Begin a SCRAM login as a server would, with this number of iterations."""
    if "payload" not in asked:
        return HELLO
    nonce = bytes(asked["payload"]).rpartition(b"r=")[2]
    return {"ok": 1.0, "conversationId": 1, "payload": b"r=" + nonce + b"x,s=c2FsdHNhbHQ=,i=" + iterations}


@pytest.mark.parametrize(
    "sasl",
    [
        {},
        {"payload": b""},
        {"payload": b"r=x,s=eA=="},
        {"payload": "r=x"},
        {"payload": b"i=x"},
        {"payload": 5},
        {"payload": b"r=x,s=eA==,i=4096"},
        {"payload": b"r=x,s=eA==,i=1"},
    ],
    ids=str,
)
def test_what_is_no_step_of_a_login_is_unreachable(sasl: Document) -> None:
    """The driver raises whatever it stumbles over; neither the secret is to blame, nor a statement."""
    error = failure(answered(sasl))
    assert (type(error), error.retryable) == (Unreachable, True)
    assert "does not speak MongoDB's protocol" in str(error)


@pytest.mark.parametrize("number", [b"1000001", b"9" * 20, b" +2_147_483_647 ", b"4096,i=8000000"])
def test_a_server_cannot_order_work_without_end(number: bytes) -> None:
    """Its iterations are bounded before they are computed, however it writes them, and no thread goes on."""
    begun, before = time.monotonic(), time.process_time()
    error = failure(lambda command, asked: agreed(command, asked, iterations=number))
    assert (type(error), error.retryable) == (Unreachable, False)
    assert "iterations" in str(error)
    time.sleep(0.3)
    assert time.process_time() - before < 0.25
    assert time.monotonic() - begun < 2


def test_what_is_no_number_of_iterations_is_left_to_the_driver() -> None:
    """It stumbles over it."""
    error = failure(lambda command, asked: agreed(command, asked, iterations=b"many"))
    assert "does not speak MongoDB's protocol" in str(error)


def test_a_node_that_describes_itself_oddly_is_unreachable() -> None:
    """It is the driver's monitor that stumbles over it."""
    error = failure(answered({}, {**HELLO, "hosts": 5}))
    assert "does not speak MongoDB's protocol" in str(error)


@pytest.mark.parametrize("spoken", [{"maxWireVersion": 2}, {"minWireVersion": 99, "maxWireVersion": 99}])
def test_a_node_that_the_driver_cannot_speak_with_is_named(spoken: Document) -> None:
    """Its protocol is too old, or too new."""
    error = failure(answered({}, HELLO | spoken))
    assert isinstance(error, StatementFailed)
    assert "version of the protocol" in str(error)


def test_a_node_that_refuses_to_describe_itself_refuses_no_login() -> None:
    """Nobody has shown a password yet, whatever the code."""
    error = failure(answered({}, {"ok": 0.0, "code": 18, "errmsg": "no"}))
    assert type(error) is Unreachable


def test_an_answer_that_cannot_be_decoded_is_named() -> None:
    """No log of the server has more of it."""
    error = failure(answered({}, bson.encode(HELLO)[:-1] + b"\1"))
    assert isinstance(error, StatementFailed)
    assert "cannot be decoded" in str(error)
    assert "log" not in str(error)


@pytest.mark.parametrize(
    "who",
    [
        Credential("half\ud800", WHO.password),
        Credential("app", Password("half\ud800")),
        Credential("app", Password("\u05d01")),
        Credential("app", Password("\u00ad")),
    ],
    ids=["name", "surrogate", "direction", "nothing left"],
)
def test_what_the_driver_cannot_prepare_is_an_invalid_secret(who: Credential) -> None:
    """RFC 4013 and UTF-8 decide, whatever the server would say."""

    def answer(command: str, asked: Document) -> Answer:
        mechanisms = {"saslSupportedMechs": ["SCRAM-SHA-256"]} if command in {"hello", "ismaster"} else {}
        return {**HELLO, **mechanisms, "asked": len(asked)}

    assert isinstance(failure(answer, who), InvalidSecret)


def test_a_slow_look_at_the_hosts_name_costs_the_time_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver has no limit; the second look, for the login itself, is the one that is slow."""
    look_up, looks = socket.getaddrinfo, []

    def slow(*wanted: Any, **more: Any) -> Any:  # noqa: ANN401 the resolver's
        if wanted[0] == "localhost":
            looks.append(threading.current_thread())
            time.sleep(0 if len(looks) == 1 else 2.5)
        return look_up(*wanted, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    begin = time.monotonic()
    error = failure(answered({}), host="localhost", seconds=0.5)
    assert (type(error), error.retryable) == (Unreachable, True)
    assert time.monotonic() - begin < 1.5
    assert threading.current_thread() not in looks
