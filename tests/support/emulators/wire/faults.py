"""What can be made to go wrong with any service: each method arms one fault, named by what a caller will see."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from tests.support.emulators.wire.errors import ConnectionCut, ServiceError

Phase = Literal["before", "after"]
Hook = Callable[[int, str, Phase], None]
Action = Callable[[Any], None]
T = TypeVar("T")


class Arrived(Protocol):
    """A call that a service got."""

    operation: str
    caller: str
    step: str | None

    def concerns(self, name: str) -> bool:
        """Tell whether the call is about what has that name."""


@dataclass
class Fault:
    """One armed fault; `left` is None for one that stays until `clear`."""

    action: Action = field(repr=False)
    operation: str | None
    phase: Phase
    left: int | None
    name: str | None = None
    step: str | None = None

    def matches(self, call: Arrived, phase: Phase) -> bool:
        """Tell whether this call at this phase is meant."""
        return (
            self.left != 0
            and self.phase == phase
            and self.operation in {None, call.operation}
            and self.step in {None, call.step}
            and (self.name is None or call.concerns(self.name))
        )


@dataclass
class WireFaults:
    """All armed faults of a service."""

    armed: list[Fault] = field(default_factory=list)
    internal: str = "InternalServiceError"
    """What the service calls an error of its own."""
    _hook: Hook | None = field(default=None, repr=False)
    _hook_caller: str | None = None
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def fail(
        self,
        operation: str,
        *,
        error: str | None = None,
        after_effect: bool = False,
        times: int = 1,
        secret_id: str | None = None,
        step: str | None = None,
    ) -> None:
        """Answer with an error, before or after the operation took effect."""
        failure = ServiceError(error or self.internal, f"An error was asked for in {operation}.")
        self._arm(raising(failure), operation, phase_of(after_effect=after_effect), times, name=secret_id, step=step)

    def throttle(self, operation: str, times: int = 1) -> None:
        """Answer that the rate was exceeded, before any effect."""
        self._arm(raising(ServiceError("ThrottlingException", "Rate exceeded")), operation, "before", times)

    def delay(self, operation: str, seconds: float, times: int = 1) -> None:
        """Answer late; the effect comes after the wait."""
        self._arm(lambda _call: time.sleep(seconds), operation, "before", times)

    def cut(self, operation: str, *, after_effect: bool = False, times: int = 1) -> None:
        """Drop the connection without an answer, before or after the effect."""
        self._arm(raising(ConnectionCut()), operation, phase_of(after_effect=after_effect), times)

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

    def hooked(self, call: Arrived) -> Callable[[Phase], None]:
        """Count a call for the hook, and return what tells it of a phase; nobody is told of another caller's."""
        with self._lock:
            hook = self._hook
            if hook is None or self._hook_caller not in {None, call.caller}:
                return lambda _phase: None
            self._count += 1
            return functools.partial(hook, self._count, call.operation)

    def around(self, call: Arrived, hook: Callable[[Phase], None], effect: Callable[[], T]) -> T:
        """Let an operation take effect between what strikes before and after it; the hook hears of errors, too."""
        hook("before")
        self.strike(call, "before")
        try:
            result = effect()
        except ServiceError:
            hook("after")
            raise
        hook("after")
        self.strike(call, "after")
        return result

    def strike(self, call: Arrived, phase: Phase) -> None:
        """Let every fault act that is armed for this call."""
        for fault in list(self.armed):
            with self._lock:
                if not fault.matches(call, phase):
                    continue
                fault.left = None if fault.left is None else fault.left - 1
            fault.action(call)

    def _arm(
        self,
        action: Action,
        operation: str | None,
        phase: Phase,
        times: int | None,
        *,
        name: str | None = None,
        step: str | None = None,
    ) -> None:
        self.armed.append(Fault(action, operation, phase, times, name, step))


def phase_of(*, after_effect: bool) -> Phase:
    """Return when a fault strikes."""
    return "after" if after_effect else "before"


def raising(error: Exception) -> Action:
    """Return what raises that error."""

    def action(_call: Arrived) -> None:
        raise error

    return action
