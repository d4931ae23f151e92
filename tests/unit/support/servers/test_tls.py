"""The throw-away authority makes certificates that clients judge as they judge real ones."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path


def handshake(bundle: Path, pair: tuple[Path, Path], name: str) -> None:
    """Let a client that trusts `bundle` talk to a server that shows `pair`."""
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(*pair)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            inside.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        ssl.create_default_context(cafile=bundle).wrap_socket(ours, server_hostname=name).close()
    finally:
        ours.close()
        server.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_an_issued_certificate_is_trusted_for_the_loopback_names(authority: Authority, name: str) -> None:
    """A server certificate is good for localhost by name and by address."""
    handshake(authority.bundle, authority.issue("server"), name)


def test_a_certificate_holds_for_the_names_it_was_issued_for(authority: Authority) -> None:
    """A client that wants another name refuses the certificate."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(authority.bundle, authority.issue("server", ["db.example.com"]), "localhost")


def test_an_expired_certificate_is_refused_as_expired(authority: Authority) -> None:
    """A certificate issued as expired fails for that reason alone."""
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        handshake(authority.bundle, authority.issue("server", expired=True), "localhost")


def test_another_authority_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    """Two authorities of the same name do not vouch for each other."""
    other = Authority.create(tmp_path, "Test authority")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(other.bundle, authority.issue("server"), "localhost")


def test_a_key_is_for_its_owner_only(authority: Authority) -> None:
    """A key file has mode 600, without which PostgreSQL does not start."""
    _, key = authority.issue("server")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_every_certificate_has_files_of_its_own(authority: Authority) -> None:
    """Issuing twice for one name overwrites nothing."""
    assert not set(authority.issue("server")) & set(authority.issue("server"))
