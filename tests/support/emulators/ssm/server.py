"""The emulated Parameter Store, as tests hold it: on the wire, with its faults, its clock and its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.emulators.ssm.model import REGION, SECURE
from tests.support.emulators.ssm.service import Service
from tests.support.emulators.ssm.state import State
from tests.support.emulators.ssm.worlds import STRICT, World
from tests.support.emulators.wire.clock import Clock, system_clock
from tests.support.emulators.wire.server import EmulatedService
from tests.support.emulators.wire.service import OPERATOR

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class EmulatedParameterStore(EmulatedService):
    """Parameter Store in this process, reachable at `url` while it is entered as a context."""

    def __init__(
        self, *, world: World = STRICT, clock: Clock = system_clock, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Choose the behaviour where neither recordings nor documentation settle it; nothing listens yet."""
        self.state = State(world, clock)
        self.service = Service(self.state)
        self.faults = self.service.faults
        self.journal = self.state.journal
        self.execute = self.service.execute
        super().__init__(self.service, host, port)

    def client(self, *, access_key: str = "test", attempts: int = 1, read_timeout: float = 20) -> SSMClient:
        """Return a client of this service; `access_key` names the caller in the journal."""
        client: SSMClient = self.make_client(
            "ssm", REGION, access_key=access_key, attempts=attempts, read_timeout=read_timeout
        )
        return client

    def put(self, name: str, value: str, caller: str = OPERATOR) -> int:
        """Write a SecureString as a person does who keeps what is set of it, and give the version's number."""
        request = {"Name": name, "Value": value, "Type": SECURE, "Overwrite": True}
        if name in self.state.parameters:
            newest = self.state.parameters[name].newest
            kept = {"KeyId": newest.key, "Tier": newest.tier, "AllowedPattern": newest.pattern}
            request |= {key: it for key, it in kept.items() if it is not None}
        return int(self.execute("PutParameter", request, caller)["Version"])

    def value(self, name: str) -> str:
        """Return what is newest, without leaving a trace in the journal."""
        return self.state.own(name).newest.value
