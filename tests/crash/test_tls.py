"""
Whoever stands in the way, with whatever certificate or none: refused, before a byte of a password is sent.

What was sent is read at the wire, inside of TLS and outside.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import EngineError, TlsFailed
from rotation.model import Deadline
from tests.support.network.man_in_the_middle import Stranger, greeting_of, showing
from tests.support.servers.tls import Authority, self_signed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from rotation.model import Credential
    from tests.lab.stages.behind_a_proxy import Post

HOST: Final = "localhost"
SECONDS: Final = 5.0
FAULTS: Final[dict[str, Callable[[Authority, Path], ssl.SSLContext | None]]] = {
    "another authority": lambda _, folder: showing(Authority.create(folder, "Another").issue(HOST)),
    "another name": lambda ours, _: showing(ours.issue("elsewhere", ["elsewhere.example", "127.0.0.9"])),
    "expired": lambda ours, _: showing(ours.issue(HOST, expired=True)),
    "self-signed": lambda _, folder: showing(self_signed(folder, HOST)),
    "an old protocol": lambda ours, _: showing(ours.issue(HOST), old=True),
    "TLS stripped": lambda *_: None,
}


def meet(post: Post, who: Credential, stranger: Stranger, seconds: float = SECONDS) -> EngineError:
    """Log in where the stranger listens."""
    address = replace(post.direct, host=HOST, port=stranger.port)
    with pytest.raises(EngineError) as caught:
        post.users.engine.connect(address, who, Deadline(seconds))
    return caught.value


def stranger_before(post: Post, context: ssl.SSLContext | None) -> Stranger:
    """Stand before the server, and speak as it does."""
    greets = post.name in {"mysql", "mariadb"}
    return Stranger(post.name, context, greeting_of(post.direct.port) if greets else b"")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stranger_hears_nothing(post: Post, authority: Authority, tmp_path: Path, fault: str) -> None:
    """Neither the password nor the user's name; the failure is one of TLS, never a refused login."""
    who = post.users.user()
    with stranger_before(post, FAULTS[fault](authority, tmp_path)) as stranger:
        error = meet(post, who, stranger)
    assert isinstance(error, TlsFailed)
    assert stranger.inside == b""
    assert who.username.encode() not in stranger.heard
    assert who.password.reveal().encode() not in stranger.heard


def test_the_stranger_would_hear(post: Post, authority: Authority) -> None:
    """With the server's own certificate it is spoken to: what the tests above listen with is not deaf."""
    with stranger_before(post, showing(authority.issue(HOST))) as stranger:
        error = meet(post, post.users.user(), stranger, seconds=0.7)
    assert not isinstance(error, TlsFailed)
    assert stranger.inside
