"""The engine keeps its promises on the stand-in for Redshift."""

from __future__ import annotations

import hashlib
import secrets
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.errors import GuardViolation
from rotation.model import Credential, Ownership, Password
from tests.contract.engine_contract import ClosingContract, EngineContract, NetworkContract
from tests.lab.stages.redshift import Stage, unique
from tests.support.emulators.redshift.server import RedshiftServer
from tests.support.emulators.redshift.watch import watched
from tests.support.emulators.redshift.words import quoted
from tests.support.network import proxy as wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Address
    from tests.contract.engine_contract import EngineLab
    from tests.support.servers.tls import Authority


class RedshiftLab:
    """The stand-in from behind, and a superuser as admin."""

    def __init__(self, stage: Stage, closed: int, way: RedshiftWire) -> None:
        self._stage = stage
        self._since = len(stage.server.logins)
        self.engine = stage.engine
        self.address = stage.address()
        self.closed = replace(self.address, port=closed)
        self.admin = stage.superuser()
        self.privileged = stage.server.user
        self.wire = way
        self.ways_to_close = ["VALID UNTIL '2020-01-01'"]

    def unique(self, stem: str = "app") -> str:
        return unique(stem)

    def password(self) -> Password:
        return self._stage.password()

    def create_user(self, name: str) -> Credential:
        """Make a user by a hash, as none of these statements may be split at an odd name."""
        password, salt = self.password(), secrets.token_bytes(32)
        digest = hashlib.sha256(password.reveal().encode() + salt).hexdigest()
        group = unique("readers")
        self._stage.run(
            f"CREATE USER {named(name)} PASSWORD {quoted(f'sha256|{digest}|{salt.hex()}')} CREATEDB",
            f"CREATE GROUP {group}",
            f"ALTER GROUP {group} ADD USER {named(name)}",
        )
        return Credential(name, password)

    def make_unequal(self, name: str) -> None:
        self._stage.run(f"ALTER USER {named(name)} NOCREATEDB")

    def close_user(self, name: str, how: str) -> None:
        self._stage.run(f"ALTER USER {named(name)} {how}")

    def refused_logins(self, name: str) -> int:
        return sum(not login.accepted and login.user == name for login in self._stage.server.logins[self._since :])


class RedshiftWire:
    """A proxy in front of the stand-in."""

    def __init__(self, proxy: wire.Proxy, address: Address) -> None:
        self._proxy = proxy
        self.address = address

    def silence(self) -> None:
        self._proxy.mode = wire.DEAF


def named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module")
def stage(authority: Authority) -> Iterator[Stage]:
    """Set the stage on a stand-in of its own."""
    with RedshiftServer(authority) as server:
        yield Stage(server)


@pytest.fixture
def lab(stage: Stage) -> Iterator[RedshiftLab]:
    """Set the lab up."""
    with wire.Proxy("127.0.0.1", stage.server.port) as proxy, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else gets it
        way = RedshiftWire(proxy, replace(stage.address(), port=proxy.port))
        yield RedshiftLab(stage, bound.getsockname()[1], way)


@pytest.fixture(autouse=True)
def sent() -> Iterator[list[str]]:
    """Keep what the engine sends, and fail where the guide's syntax has no such statement."""
    yield from watched()


class TestRedshift(EngineContract, ClosingContract, NetworkContract):
    """Run the specification; where Redshift cannot keep a promise, the case says what it does instead."""

    silent = frozenset({"lock"})

    def test_a_lock_excludes(self, lab: EngineLab) -> None:
        """Redshift has no lock that fits: nobody waits, and nobody is told to look again."""
        name = lab.unique("lock")
        with self.login(lab, lab.admin) as holder, self.login(lab, lab.admin) as other:
            assert not holder.lock(name)
            assert not other.lock(name)

    test_a_lock_excludes_other_users = test_a_lock_excludes
    test_a_lock_that_was_waited_for_says_so = test_a_lock_excludes

    def test_the_longest_names(self, lab: EngineLab) -> None:
        """Names of 127 bytes fit Redshift, and none more; the server behind the stand-in keeps 63 of them."""
        stem = lab.unique()
        user = lab.create_user(stem + "x" * (63 - len("_clone") - len(stem)))
        idle, _ = self.level(lab, self.pair(lab, user.username))
        assert self.accepts(lab, idle)
        assert lab.engine.traits.limits.name_bytes == 127
        with pytest.raises(GuardViolation):
            self.login(lab, replace(user, username="x" * 128))

    def test_the_mark(self, lab: RedshiftLab) -> None:  # type: ignore[override]
        """A role cannot name a pair, but tells for which version a known one was prepared last."""
        base = lab.create_user(lab.unique()).username
        pair = self.pair(lab, base)
        with self.login(lab, lab.admin) as session:
            assert session.prepared_version(pair) is None
            session.level(pair, lab.password())
            assert session.prepared_version(pair) == "version-1"
            assert session.mark_of(pair.clone) is None
            later = self.pair(lab, base, promote="base", version="version-2")
            session.level(later, lab.password())
            assert session.prepared_version(later) == "version-2"

    def test_a_user_cannot_tell_a_clones_mark_from_an_admins_word(self, lab: RedshiftLab) -> None:  # type: ignore[override]
        """A user sees its own roles alone: to it no other account is marked."""
        user = lab.create_user(lab.unique())
        pair = self.pair(lab, user.username)
        self.level(lab, pair)
        with self.login(lab, user) as session:
            assert session.mark_of(pair.clone) is None
            assert session.ownership(pair) is Ownership.UNMARKED
