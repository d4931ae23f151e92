"""The emulated Secrets Manager, as tests hold it: on the wire, with its faults, its clock and its journal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager.model import CURRENT
from tests.support.emulators.secretsmanager.service import Service
from tests.support.emulators.secretsmanager.state import Behaviour, State
from tests.support.emulators.secretsmanager.worlds import RECORDED, DryRunValue, PendingAfterFinish, World
from tests.support.emulators.wire.clock import Clock, system_clock
from tests.support.emulators.wire.server import EmulatedService

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.journal import Call, ServiceEvent


class EmulatedSecretsManager(EmulatedService):
    """Secrets Manager in this process, reachable at `url` while it is entered as a context."""

    def __init__(
        self,
        *,
        region: str = "eu-west-1",
        world: World = RECORDED,
        pending_after_finish: str | None = None,
        dry_run_value: str | None = None,
        require_rotation_token: bool = False,
        clock: Clock = system_clock,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Choose the behaviour where neither recordings nor documentation settle it; nothing listens yet.

        The two switches that people meet most may be given by themselves, by their values.
        """
        world = replace(
            world,
            pending_after_finish=PendingAfterFinish(pending_after_finish or world.pending_after_finish),
            dry_run_value=DryRunValue(dry_run_value or world.dry_run_value),
        )
        self.service = Service(State(Behaviour(region, require_rotation_token), world, clock=clock))
        self.state = self.service.state
        self.faults = self.service.faults
        self.journal = self.service.journal
        self.execute = self.service.execute
        self.calls = self.journal.calls
        self.stored_values = self.journal.stored_values
        self.stored_passwords = self.journal.stored_passwords
        super().__init__(self.service, host, port)

    @property
    def events(self) -> list[ServiceEvent]:
        """Return the service events so far."""
        return list(self.journal.events)

    def client(self, *, access_key: str = "test", attempts: int = 1, read_timeout: float = 20) -> SecretsManagerClient:
        """Return a client of this service; `access_key` names the caller in the journal."""
        client: SecretsManagerClient = self.make_client(
            "secretsmanager",
            self.state.behaviour.region,
            access_key=access_key,
            attempts=attempts,
            read_timeout=read_timeout,
        )
        return client

    def labels(self, secret_id: str) -> dict[str, str]:
        """Return a secret's labels and the version of each, without leaving a trace in the journal."""
        with self.state.lock:
            self.service.settle()
            return dict(self.state.any(secret_id).labels)

    def value(self, secret_id: str, stage: str = CURRENT) -> str | None:
        """Return the value under a label, or None, without leaving a trace in the journal."""
        with self.state.lock:
            self.service.settle()
            version = self.state.any(secret_id).at(stage)
            return None if version is None or version.value is None else version.value.content()

    def calls_during(self, step: str, token: str, caller: str | None = None) -> list[Call]:
        """Return the calls that arrived while a player delivered a step."""
        return self.journal.calls(step=step, token=token, caller=caller)
