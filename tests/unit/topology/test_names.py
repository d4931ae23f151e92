"""The addresses and the names of a host, looked up within a deadline."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from rotation.errors import GuardViolation
from rotation.model import Deadline
from rotation.topology.names import NAMES_SECONDS, local_hosts, names_of, require_elsewhere, resolve


def test_a_host_has_its_addresses_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's order is kept, and what it says twice is tried once."""
    found = [(0, 0, 0, "", (address, 5432)) for address in ("::1", "127.0.0.1", "::1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert resolve("db.example", 5432, Deadline(1)) == ["::1", "127.0.0.1"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example"])
def test_a_host_without_an_address_is_said_to_have_none(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows, or that is none, has no address."""
    if host.endswith(".invalid"):
        monkeypatch.setattr(socket, "getaddrinfo", _unknown)
    assert resolve(host, 5432, Deadline(5)) == []


def _unknown(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


def test_a_resolver_that_stays_silent_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking a name up ends at the deadline, too."""
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(5) and [])
    begin = time.monotonic()
    assert resolve("db.example", 5432, Deadline(0.1)) == []
    assert time.monotonic() - begin < 0.5
    ended.set()


# This machine itself

HERE = (
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "169.254.169.254", "169.254.100.1"),  # noqa: S104 looked up only
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254"),
)
ELSEWHERE = ("10.0.0.1", "172.31.0.9", "192.168.1.1", "100.64.0.1", "203.0.113.7", "fd00::1", "2001:db8::1")


def known(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Have the host have these addresses."""
    found = [(0, 0, 0, "", (address, 5432)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize("numeric", HERE)
def test_a_host_that_is_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch, numeric: str) -> None:
    """By what its name leads to, whatever else it leads to; the error names the setting."""
    known(monkeypatch, "10.0.0.1", numeric)
    with local_hosts(allowed=False):
        for look_up in (resolve, require_elsewhere):
            with pytest.raises(GuardViolation, match="own machine") as refused:
                look_up("db.example", 5432, Deadline(1))
            assert refused.value.where == f"db.example, which is {numeric}"
            assert "ALLOW_LOCAL_HOSTS" in refused.value.remedy
    assert resolve("db.example", 5432, Deadline(1)) == ["10.0.0.1", numeric]
    require_elsewhere("db.example", 5432, Deadline(1))


def test_any_other_host_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Private networks are where databases stand."""
    known(monkeypatch, *ELSEWHERE)
    with local_hosts(allowed=False):
        assert resolve("db.example", 5432, Deadline(1)) == list(ELSEWHERE)
        require_elsewhere("db.example", 5432, Deadline(1))
        with local_hosts(allowed=True):
            known(monkeypatch, *HERE)
            assert resolve("db.example", 5432, Deadline(1)) == list(HERE)


# Names


def test_a_host_has_all_names_of_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each link of a chain of CNAMEs, as the C library tells of them, in plain form."""
    chain = ("orders-1.rds.example.", ["db.example", "Orders.Cluster.example"], ["10.0.0.1"])
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda _: chain)
    assert names_of("DB.example.", Deadline(1)) == {"db.example", "orders.cluster.example", "orders-1.rds.example"}


def test_a_host_that_nobody_knows_has_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made up."""
    monkeypatch.setattr(socket, "gethostbyname_ex", _unknown)
    assert names_of("db.example", Deadline(1)) == {"db.example"}


def test_names_are_not_waited_for_as_long_as_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent resolver costs a few seconds of the step at most."""
    ended = threading.Event()
    monkeypatch.setattr("rotation.topology.names.NAMES_SECONDS", 0.1)
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda _: ended.wait(5) and ("", [], []))
    begin = time.monotonic()
    assert names_of("db.example", Deadline(60)) == {"db.example"}
    assert time.monotonic() - begin < 1
    assert NAMES_SECONDS < 10
    ended.set()
