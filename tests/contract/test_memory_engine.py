"""The fake engine keeps the promises of an engine."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from rotation.model import Address, Credential, Password
from tests.contract.engine_contract import ClosingContract, EngineContract
from tests.support.memory.engine import ADMIN, HOST, PORT, Account, MemoryEngine, MemoryServer


class MemoryLab:
    """A MemoryServer from behind."""

    def __init__(self) -> None:
        self.admin = Credential(ADMIN, Password("admin-password"))
        self.server = MemoryServer({ADMIN: Account("admin-password", {"admin"})})
        self.engine = MemoryEngine(self.server)
        self.address = Address(HOST, PORT, "main")
        self.closed = replace(self.address, host="nowhere.example")
        self.privileged = ADMIN
        self.ways_to_close = ["limit"]

    def unique(self, stem: str = "app") -> str:
        return f"{stem}_{secrets.token_hex(4)}"

    def password(self) -> Password:
        return Password(f"pw-{secrets.token_hex(12)}")

    def create_user(self, name: str) -> Credential:
        user = Credential(name, self.password())
        self.server.accounts[name] = Account(user.password.reveal(), {"read orders"})
        return user

    def make_unequal(self, name: str) -> None:
        self.server.accounts[name].rights.clear()

    def close_user(self, name: str, how: str) -> None:
        assert how == "limit"
        self.server.accounts[name].usable = False

    def refused_logins(self, name: str) -> int:
        return self.server.refused.count(name)


@pytest.fixture
def lab() -> MemoryLab:
    """Set the lab up."""
    return MemoryLab()


class TestMemoryEngine(EngineContract, ClosingContract):
    """Run the specification."""
