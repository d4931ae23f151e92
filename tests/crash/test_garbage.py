"""
Servers that say what no server says: the bytes of a login are altered on the way, or are any bytes.

Whatever comes of it is a session, or one of the engine's errors; it takes no longer than it may, and shows no password.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rotation.errors import EngineError, NotTheServer
from rotation.model import Deadline
from tests.lab.nightly import NIGHTLY

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from rotation.model import Address, Credential
    from tests.lab.stages.behind_a_proxy import Post

SECONDS: Final = 0.7
"""What a login may take; altered lengths make it wait for all of that."""

SLACK: Final = 3.0
"""Seconds by which a busy machine may be late."""

TOGETHER: Final = 6
"""Logins that are tried at a time."""

some = settings(
    max_examples=1_000 if NIGHTLY else 12,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


@dataclass(frozen=True)
class Change:
    """What happens to what the server says, from its n-th byte on."""

    at: int
    mask: int = 0
    """What is flipped in that byte."""
    inserted: bytes = b""
    removed: int = 0

    def applied(self, said: bytes, before: int) -> bytes:
        """Alter what comes after so many bytes."""
        here = self.at - before
        if not 0 <= here < len(said):
            return said
        return said[:here] + bytes([said[here] ^ self.mask]) + self.inserted + said[here + 1 + self.removed :]


class Liar:
    """Stands before a server, or in its place, and alters what it says."""

    def __init__(self, target: tuple[str, int] | None, change: Change) -> None:
        """Take the server, if there is one; without it, what the change inserts is all that is said."""
        self._target, self._change = target, change

    def __enter__(self) -> Self:
        """Listen."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        for one in [self._listening, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listening.accept()[0]
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._target is None:
                client.recv(self._change.removed)
                client.sendall(self._change.inserted)
                return
            server = socket.create_connection(self._target, 5)
            self._open.append(server)
            threading.Thread(target=_carry, args=(client, server, Change(-1)), daemon=True).start()
            _carry(server, client, self._change)


def _carry(source: socket.socket, target: socket.socket, change: Change) -> None:
    before = 0
    with contextlib.suppress(OSError):
        while said := source.recv(65536):
            target.sendall(change.applied(said, before))
            before += len(said)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def is_let_in(post: Post, address: Address, user: Credential) -> bool:
    """Log in, and see that it ends in time, and how."""
    start, let_in = time.monotonic(), False
    try:
        with post.users.engine.connect(address, user, Deadline(SECONDS)):
            let_in = True
    except (EngineError, NotTheServer) as error:
        text = f"{error} {error!r} {error.__cause__} {error.__context__ if not error.__suppress_context__ else ''}"
        assert user.password.reveal() not in text
    assert time.monotonic() - start < SECONDS + SLACK
    return let_in


def side_by_side(meet: Callable[..., None], **drawn: st.SearchStrategy[Any]) -> None:
    """Meet everything that is drawn: most of it makes a login wait for all of its time, and they wait together."""
    meetings: list[tuple[dict[str, Any], Future[None]]] = []
    with ThreadPoolExecutor(TOGETHER) as pool:

        @some
        @given(**drawn)
        def draw(**one: Any) -> None:  # noqa: ANN401 whatever was drawn
            meetings.append((one, pool.submit(meet, **one)))

        draw()
    for one, met in meetings:
        if error := met.exception():
            error.add_note(f"It was {one}.")
            raise error


changes = st.builds(
    Change,
    at=st.integers(0, 400),
    mask=st.integers(0, 255),
    inserted=st.binary(max_size=20),
    removed=st.sampled_from([0, 0, 1, 4, 100]),
)


def test_a_login_whose_answers_are_altered_ends_in_time_and_in_sense(post: Post) -> None:
    """Over TLS and without it, at any byte; what is not altered is let in, and what is at its first byte is not."""
    user = post.users.user()
    target = (post.server.host, post.server.port)
    for mask in (0, 0xFF):
        with Liar(target, Change(0, mask)) as liar:
            assert is_let_in(post, replace(post.direct, port=liar.port), user) == (mask == 0)

    def altered(change: Change, *, tls: bool) -> None:
        with Liar(target, change) as liar:
            is_let_in(post, replace(post.direct, port=liar.port, tls=tls and post.direct.tls), user)

    side_by_side(altered, change=changes, tls=st.booleans())


def test_a_server_that_says_anything_is_no_server(post: Post) -> None:
    """Whatever it says first, and whether it listened before."""
    user = post.users.user()
    starts = st.sampled_from(
        [b"", b"S", b"N", b"E\0\0\0\x10SFATAL\0C28P01\0", b"\x4a\0\0\0\x0a9.0.0\0", b"\x16\x03\x03"]
    )

    def anything(said: bytes, heard: int, *, tls: bool) -> None:
        with Liar(None, Change(0, inserted=said, removed=heard)) as liar:
            is_let_in(post, replace(post.direct, port=liar.port, tls=tls), user)

    said = st.tuples(starts, st.binary(max_size=200)).map(b"".join)
    side_by_side(anything, said=said, heard=st.sampled_from([0, 1, 4096]), tls=st.booleans())
