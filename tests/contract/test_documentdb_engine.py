"""The DocumentDB engine keeps the promises of an engine, on a real MongoDB server."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.errors import AuthenticationFailed, PermissionDenied, Unreachable
from rotation.model import Mark
from tests.contract.engine_contract import ARN, EngineContract, NetworkContract
from tests.lab.stages.documentdb import ROLES, Stage, unique
from tests.support.network import proxy as wire
from tests.support.servers import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Address, Credential, Password
    from tests.contract.engine_contract import EngineLab
    from tests.support.servers.tls import Authority


class MongoLab:
    """A MongoDB server from behind, and an admin that is not root."""

    def __init__(self, stage: Stage, closed: int, way: MongoWire) -> None:
        self._stage = stage
        self._since = stage.server.mark()
        self._own = stage.role("changeOwnPassword")
        self.engine = stage.engine
        self.address = stage.address()
        self.closed = replace(self.address, port=closed)
        self.admin = stage.admin("clusterMonitor")
        self.privileged = stage.server.user
        self.wire = way

    def unique(self, stem: str = "app") -> str:
        return unique(stem)

    def password(self) -> Password:
        return self._stage.password()

    def create_user(self, name: str) -> Credential:
        return self._stage.user(name, *ROLES, self._own)

    def make_unequal(self, name: str) -> None:
        self._stage.server.run("revokeRolesFromUser", name, roles=list(ROLES))

    def refused_logins(self, name: str) -> int:
        return len(self._stage.server.logins(self._since).of(name).refused)


class MongoWire:
    """A proxy in front of the server."""

    def __init__(self, proxy: wire.Proxy, address: Address) -> None:
        self._proxy = proxy
        self.address = address

    def silence(self) -> None:
        self._proxy.mode = wire.DEAF


@pytest.fixture(scope="module")
def stage(authority: Authority) -> Iterator[Stage]:
    """Set the stage on a server of its own."""
    with addresses.mongo(authority) as server:
        yield Stage(server)


@pytest.fixture
def lab(stage: Stage) -> Iterator[MongoLab]:
    """Set the lab up."""
    with wire.Proxy("127.0.0.1", stage.server.port) as proxy, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else gets it
        way = MongoWire(proxy, replace(stage.address(), port=proxy.port))
        yield MongoLab(stage, bound.getsockname()[1], way)


class TestDocumentDB(EngineContract, NetworkContract):
    """Run the specification; where MongoDB cannot keep a promise, the case says what it does instead."""

    silent = frozenset({"lock"})

    def test_a_lock_excludes(self, lab: EngineLab) -> None:
        """MongoDB has no lock: nobody waits, and nobody is told to look again."""
        name = lab.unique("lock")
        with self.login(lab, lab.admin) as holder, self.login(lab, lab.admin) as other:
            assert not holder.lock(name)
            assert not other.lock(name)

    test_a_lock_excludes_other_users = test_a_lock_excludes
    test_a_lock_that_was_waited_for_says_so = test_a_lock_excludes

    def test_the_mark(self, lab: EngineLab) -> None:
        """Each account carries a mark of its own; the base's is there before it was ever prepared."""
        base = lab.create_user(lab.unique()).username
        pair = self.pair(lab, base)
        with self.login(lab, lab.admin) as session:
            assert session.mark_of(pair.clone) is None
            assert session.prepared_version(pair) is None
            session.level(pair, lab.password())
            assert session.mark_of(pair.clone) == Mark(ARN, base, "version-1")
            assert session.mark_of(base) == Mark(ARN, base, "")
            assert session.prepared_version(pair) == "version-1"
            session.level(self.pair(lab, base, promote="base", version="version-2"), lab.password())
            assert session.mark_of(base) == Mark(ARN, base, "version-2")
            assert session.prepared_version(pair) == "version-2"

    def test_a_user_cannot_tell_a_clones_mark_from_an_admins_word(self, lab: EngineLab) -> None:
        """A user sees its own mark, and no other user."""
        user = lab.create_user(lab.unique())
        pair = self.pair(lab, user.username)
        self.level(lab, pair)
        with self.login(lab, user) as session:
            assert session.mark_of(user.username) == Mark(ARN, user.username, "")
            with pytest.raises(PermissionDenied):
                session.mark_of(pair.clone)

    def test_a_users_sessions_end(self, lab: EngineLab) -> None:
        """An admin ends the sessions of one user by closing the account until it is prepared again."""
        user, other = lab.create_user(lab.unique()), lab.create_user(lab.unique())
        theirs = [self.login(lab, user) for _ in range(2)]
        with self.login(lab, other) as stays, self.login(lab, lab.admin) as session:
            assert session.end_sessions(user.username) == 2
            for ended in theirs:
                with pytest.raises(Unreachable):
                    ended.rehearse_password(user.username, lab.password())
                ended.__exit__(None, None, None)
            stays.rehearse_password(other.username, lab.password())
            with pytest.raises(AuthenticationFailed):
                self.login(lab, user)
