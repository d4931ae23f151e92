"""What can be made to go wrong with Secrets Manager alone, beside what can with any service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.model import PENDING, Response
from tests.support.emulators.wire.faults import Hook as Hook  # noqa: PLC0414 what `watch` takes
from tests.support.emulators.wire.faults import Phase as Phase  # noqa: PLC0414 likewise
from tests.support.emulators.wire.faults import WireFaults, raising

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.journal import Call


@dataclass
class Delivery:
    """How often a step is delivered, and whether its deliveries run at the same time."""

    times: int = 1
    together: bool = False


@dataclass
class Faults(WireFaults):
    """All armed faults of the service."""

    _stale: int = 0
    _deliveries: dict[str, list[Delivery]] = field(default_factory=dict)

    def deny(self, operation: str, secret_id: str | None = None) -> None:
        """Let IAM refuse an operation from now on."""
        self._arm(_Denial(operation), operation, "before", None, name=secret_id)

    def deny_kms(self, operation: str = "GetSecretValue", secret_id: str | None = None) -> None:
        """Let KMS refuse the key to an operation from now on."""
        self._arm(raising(errors.kms_denied()), operation, "before", None, name=secret_id)

    def stale_reads(self, times: int = 1) -> None:
        """Let GetSecretValue not see a fresh AWSPENDING value yet (eventual consistency)."""
        self._stale += times

    def deliver_twice(self, step: str, *, together: bool = False) -> None:
        """Deliver a step twice the next time, one after the other or at the same time."""
        self._deliveries.setdefault(step, []).append(Delivery(2, together))

    def clear(self) -> None:
        """Disarm everything."""
        super().clear()
        self._deliveries.clear()
        self._stale = 0

    def hide_fresh(self, call: Call, response: Response) -> None:
        """Turn a read of the pending value into "not found" while stale reads are armed."""
        if call.operation != "GetSecretValue" or PENDING not in response.get("VersionStages", ()):
            return
        with self._lock:
            if self._stale == 0:
                return
            self._stale -= 1
        what = f"staging label: {PENDING}"
        raise errors.value_not_found(what)

    def delivery(self, step: str) -> Delivery:
        """Return how a step is to be delivered this time."""
        waiting = self._deliveries.get(step)
        return waiting.pop(0) if waiting else Delivery()


@dataclass(frozen=True)
class _Denial:
    operation: str

    def __call__(self, call: Call) -> None:
        raise errors.access_denied(self.operation, call.secret or "*")
