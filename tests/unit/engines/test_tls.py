"""Whom the engines trust, and how they name what is wrong with a certificate."""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from rotation.engines import tls
from rotation.engines.tls import TlsFault, authorities, check, diagnose
from rotation.errors import InvalidSettings
from rotation.model import Deadline
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OTHERS, AMAZONS = "db.example", "orders.abc123.eu-west-1.rds.amazonaws.com"


@contextmanager
def server(answer: Callable[[socket.socket], object]) -> Iterator[tuple[str, int]]:
    """Return the address of a server that answers its one client in this way."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError), listening.accept()[0] as client:
                answer(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()
    thread.join(2)


def speaking_tls(files: tuple[Path, Path]) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    def answer(client: socket.socket) -> None:
        client.recv(1)
        with suppress(ssl.SSLError), context.wrap_socket(client, server_side=True) as encrypted:
            encrypted.recv(1)

    return answer


def ask(plain: socket.socket) -> bool:
    plain.sendall(b"?")
    return True


def asked(plain: socket.socket) -> bool:
    return ask(plain) and plain.recv(1) == b"S"


def fault(
    authority: Authority, files: tuple[Path, Path], host: str = "localhost", trusted: Path | None = None
) -> TlsFault | None:
    with server(speaking_tls(files)) as peer:
        return diagnose(peer, host, trusted or authority.bundle, Deadline(5), ask)


def test_a_good_certificate_has_no_fault(authority: Authority) -> None:
    """Nothing is named where nothing is wrong."""
    assert fault(authority, authority.issue("localhost")) is None


def test_an_expired_certificate_is_named(authority: Authority) -> None:
    """Expired is told from unknown."""
    assert fault(authority, authority.issue("localhost", expired=True)) is TlsFault.EXPIRED


def test_an_unknown_authority_is_named(authority: Authority, tmp_path: Path) -> None:
    """A certificate by somebody else is not trusted."""
    other = Authority.create(tmp_path, "Other")
    assert fault(authority, other.issue("localhost")) is TlsFault.UNKNOWN_AUTHORITY


@pytest.mark.parametrize(
    "name", ["shop.abc.mx-central-1.rds.amazonaws.com", "shop.abc.rds.cn-north-1.amazonaws.com.cn"]
)
def test_a_region_whose_authorities_are_not_shipped_is_named(authority: Authority, tmp_path: Path, name: str) -> None:
    """The remedy is one that people can carry out: a layer with the Region's bundle."""
    other = Authority.create(tmp_path, "Other")
    found = fault(authority, other.issue("localhost"), name)
    assert found is TlsFault.REGION_NOT_SHIPPED
    assert "make trust-layer" in found.value[1]
    shipped = "shop.abc.eu-west-1.rds.amazonaws.com"
    assert fault(authority, other.issue("localhost"), shipped) is TlsFault.UNKNOWN_AUTHORITY


def test_a_certificate_for_another_host_is_named(authority: Authority) -> None:
    """The name in the secret has to stand in the certificate, be it a name or an address."""
    assert fault(authority, authority.issue("localhost"), "db.example") is TlsFault.OTHER_HOST
    assert fault(authority, authority.issue("db", ["db.example"]), "127.0.0.1") is TlsFault.OTHER_HOST


def test_a_server_that_does_not_agree_to_tls_is_named(authority: Authority) -> None:
    """What the protocol answers before TLS decides."""
    with server(lambda client: client.sendall(b"N")) as peer:
        assert diagnose(peer, "localhost", authority.bundle, Deadline(5), asked) is TlsFault.NOT_OFFERED


def test_a_server_that_speaks_something_else_fails_the_handshake(authority: Authority) -> None:
    """What is no TLS is said to be none."""

    def answer(client: socket.socket) -> None:
        client.recv(1)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        while client.recv(4096):  # what is left unread would reset the connection
            pass

    with server(answer) as peer:
        assert diagnose(peer, "localhost", authority.bundle, Deadline(5), ask) is TlsFault.HANDSHAKE


def test_a_verification_error_that_has_no_name_is_a_failed_handshake(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL knows some eighty codes; those that are not listed share one message."""
    monkeypatch.setattr(tls, "_BY_CODE", {})
    assert fault(authority, authority.issue("localhost", expired=True)) is TlsFault.HANDSHAKE


def test_a_server_that_hangs_up_shows_no_fault(authority: Authority) -> None:
    """A cut connection says nothing of the certificate."""
    with server(lambda client: bool(client.recv(600))) as peer:
        assert diagnose(peer, "localhost", authority.bundle, Deadline(5), ask) is None


def test_a_server_that_is_not_there_shows_no_fault(authority: Authority) -> None:
    """A refused connection says nothing of the certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = listening.getsockname()
    assert diagnose(peer, "localhost", authority.bundle, Deadline(5), ask) is None


@pytest.mark.parametrize("begin", [ask, asked])
def test_a_silent_server_costs_the_time_that_was_given(
    authority: Authority, begin: Callable[[socket.socket], bool]
) -> None:
    """Neither the question nor the handshake is waited for beyond the deadline."""
    ended = threading.Event()
    with server(lambda _: ended.wait(5)) as peer:
        before = time.monotonic()
        assert diagnose(peer, "localhost", authority.bundle, Deadline(0.2), begin) is None
        assert time.monotonic() - before < 0.7
        ended.set()


def test_every_fault_says_what_to_do() -> None:
    """A fault is two sentences: what happened, and what to do."""
    assert all(len(fault.value) == 2 and all(fault.value) for fault in TlsFault)


def test_a_bundle_that_is_set_replaces_all_others(authority: Authority) -> None:
    """The named file is what counts, as it is."""
    assert check(authority.bundle) == authority.bundle
    for host in (OTHERS, AMAZONS):
        assert authorities(authority.bundle, host) == authority.bundle


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_bundle_without_a_certificate_is_refused_at_once(tmp_path: Path, content: str | None) -> None:
    """A wrong setting is found at start, and named."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(InvalidSettings, match=r"DATABASE_CA_BUNDLE .*bundle\.pem"):
        check(bundle)


@pytest.fixture
def _fresh() -> Iterator[None]:
    tls._combined.cache_clear()  # noqa: SLF001
    yield
    tls._combined.cache_clear()  # noqa: SLF001


@pytest.mark.usefixtures("_fresh")
def test_without_a_bundle_the_shipped_and_the_systems_authorities_count(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both stand in one file, which is written once."""
    other = Authority.create(tmp_path, "System")
    monkeypatch.setattr(tls, "SHIPPED", authority.bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(other.bundle))
    context = ssl.create_default_context(cafile=str(authorities(None, OTHERS)))
    names = {part[0][1] for entry in context.get_ca_certs() for part in entry["subject"]}
    assert names == {"Test authority", "System"}
    assert authorities(None, OTHERS) == authorities(None, OTHERS)


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize(("host", "fault"), [("db.example", None), (AMAZONS, TlsFault.UNKNOWN_AUTHORITY)])
def test_no_other_authority_vouches_for_a_name_that_aws_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, fault: TlsFault | None
) -> None:
    """A certificate by an authority of the system's is good for other names, and not for RDS's."""
    system = Authority.create(tmp_path, "System")
    monkeypatch.setenv("SSL_CERT_FILE", str(system.bundle))
    with server(speaking_tls(system.issue(host, [host]))) as peer:
        assert diagnose(peer, host, authorities(None, host), Deadline(5), ask) is fault


PUBLIC = {f"Amazon Root CA {number}" for number in range(1, 5)}


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (AMAZONS, "eu-west-1"),
        ("shop.cluster-abc.ap-south-1.docdb.amazonaws.com", "ap-south-1"),
        ("db.abc.eu-south-2.rds.amazonaws.com", "eu-south-2"),  # not eu-south-1's, whose name is nearly the same
        ("db.abc.il-central-1.rds.amazonaws.com", None),  # whose authorities are not shipped
    ],
)
def test_a_database_of_one_region_is_vouched_for_by_that_regions_authorities(host: str, region: str | None) -> None:
    """A login reads the file anew, so it holds no more than what may count."""
    names = set(re.findall("^# (.*), until", authorities(None, host).read_text("ascii"), re.MULTILINE))
    own = {f"Amazon RDS {region} Root CA {kind} G1" for kind in ("RSA2048", "RSA4096", "ECC384")} if region else set()
    assert names == own | PUBLIC
    assert authorities(None, host) == authorities(None, host)


@pytest.mark.parametrize(
    "host",
    [
        "shop.global-abc.global.rds.amazonaws.com",
        "orders.abc.eu-west-1.redshift.amazonaws.com",
        "something.amazonaws.com",
    ],
)
def test_other_names_of_amazons_are_vouched_for_by_any_of_its_authorities(host: str) -> None:
    """The endpoint of a global database leads to whichever Region has its writer."""
    assert authorities(None, host) == tls.SHIPPED


def test_authorities_are_read_again_only_when_their_file_has_changed(authority: Authority, tmp_path: Path) -> None:
    """What a login reads costs it more than all the rest."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.bundle.read_bytes())
    first = tls.verifying(bundle, ssl.SSLContext)
    assert tls.verifying(bundle, ssl.SSLContext) is first
    os.utime(bundle, (1, 1))
    assert tls.verifying(bundle, ssl.SSLContext) is not first


def test_a_system_that_keeps_no_authorities_adds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped ones are enough."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/cert.pem")
    monkeypatch.setattr(tls, "SYSTEM", ("/nowhere/bundle.crt",))
    assert tls.system_authorities() == b""
