"""What can be made to go wrong: each method arms one fault, and its name says what a caller will see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.errors import ConnectionCut, ServiceError
from tests.support.emulators.secretsmanager.journal import Call
from tests.support.emulators.secretsmanager.model import PENDING, Response

Phase = Literal["before", "after"]
Hook = Callable[[int, str, Phase], None]
Action = Callable[[Call], None]


@dataclass
class Fault:
    """One armed fault; `left` is None for one that stays until `clear`."""

    action: Action = field(repr=False)
    operation: str | None
    phase: Phase
    left: int | None
    secret_id: str | None = None
    step: str | None = None

    def matches(self, call: Call, phase: Phase) -> bool:
        """Tell whether this call at this phase is meant."""
        secret = call.secret or ""
        return (
            self.left != 0
            and self.phase == phase
            and self.operation in {None, call.operation}
            and self.step in {None, call.step}
            and self.secret_id in {None, secret, secret.rpartition(":")[2][: -len("-XXXXXX")]}
        )


@dataclass
class Delivery:
    """How often a step is delivered, and whether its deliveries run at the same time."""

    times: int = 1
    together: bool = False


@dataclass
class Faults:
    """All armed faults of a service."""

    armed: list[Fault] = field(default_factory=list)
    _hook: Hook | None = field(default=None, repr=False)
    _hook_caller: str | None = None
    _count: int = 0
    _stale: int = 0
    _deliveries: dict[str, list[Delivery]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def fail(
        self,
        operation: str,
        *,
        error: str = "InternalServiceError",
        after_effect: bool = False,
        times: int = 1,
        secret_id: str | None = None,
        step: str | None = None,
    ) -> None:
        """Answer with an error, before or after the operation took effect."""
        failure = ServiceError(error, f"An error was asked for in {operation}.")
        self._arm(
            _raising(failure),
            operation,
            _phase(after_effect=after_effect),
            times,
            secret_id=secret_id,
            step=step,
        )

    def throttle(self, operation: str, times: int = 1) -> None:
        """Answer that the rate was exceeded, before any effect."""
        self._arm(_raising(ServiceError("ThrottlingException", "Rate exceeded")), operation, "before", times)

    def deny(self, operation: str, secret_id: str | None = None) -> None:
        """Let IAM refuse an operation from now on."""
        self._arm(_Denial(operation), operation, "before", None, secret_id=secret_id)

    def deny_kms(self, operation: str = "GetSecretValue", secret_id: str | None = None) -> None:
        """Let KMS refuse the key to an operation from now on."""
        self._arm(_raising(errors.kms_denied()), operation, "before", None, secret_id=secret_id)

    def delay(self, operation: str, seconds: float, times: int = 1) -> None:
        """Answer late; the effect comes after the wait."""
        self._arm(lambda _call: time.sleep(seconds), operation, "before", times)

    def cut(self, operation: str, *, after_effect: bool = False, times: int = 1) -> None:
        """Drop the connection without an answer, before or after the effect."""
        self._arm(_raising(ConnectionCut()), operation, _phase(after_effect=after_effect), times)

    def stale_reads(self, times: int = 1) -> None:
        """Let GetSecretValue not see a fresh AWSPENDING value yet (eventual consistency)."""
        self._stale += times

    def deliver_twice(self, step: str, *, together: bool = False) -> None:
        """Deliver a step twice the next time, one after the other or at the same time."""
        self._deliveries.setdefault(step, []).append(Delivery(2, together))

    def watch(self, hook: Hook, caller: str | None = None) -> None:
        """Call `hook(index, operation, phase)` before and after the effect of every call from now on.

        The index counts from 1, calls of `caller` only if one is given. What the hook raises drops the
        connection without an answer, except a ServiceError, which becomes the answer.
        """
        with self._lock:
            self._hook, self._hook_caller, self._count = hook, caller, 0

    def kill_at(self, index: int, phase: Phase = "before", caller: str | None = None) -> None:
        """Cut the index-th call before or after its effect, and all calls after it before theirs."""

        def hook(number: int, _operation: str, now: Phase) -> None:
            if number > index or (number == index and now == phase):
                raise ConnectionCut

        self.watch(hook, caller)

    def revive(self) -> None:
        """End what `watch` or `kill_at` began."""
        with self._lock:
            self._hook = None

    def clear(self) -> None:
        """Disarm everything."""
        self.revive()
        self.armed.clear()
        self._deliveries.clear()
        self._stale = 0

    def _arm(
        self,
        action: Action,
        operation: str,
        phase: Phase,
        times: int | None,
        *,
        secret_id: str | None = None,
        step: str | None = None,
    ) -> None:
        self.armed.append(Fault(action, operation, phase, times, secret_id, step))

    def number(self, call: Call) -> tuple[int, Hook | None]:
        """Return the index of a call for the hook, and the hook if it is meant for this caller."""
        with self._lock:
            if self._hook is None or self._hook_caller not in {None, call.caller}:
                return 0, None
            self._count += 1
            return self._count, self._hook

    def strike(self, call: Call, phase: Phase) -> None:
        """Let every fault act that is armed for this call."""
        for fault in list(self.armed):
            with self._lock:
                if not fault.matches(call, phase):
                    continue
                fault.left = None if fault.left is None else fault.left - 1
            fault.action(call)

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


def _phase(*, after_effect: bool) -> Phase:
    return "after" if after_effect else "before"


def _raising(error: Exception) -> Action:
    def action(_call: Call) -> None:
        raise error

    return action
