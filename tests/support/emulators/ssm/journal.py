"""What happened, for assertions: calls, and every value that was read or written. Values never show in a repr."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.emulators.wire.service import Entry

if TYPE_CHECKING:
    from datetime import datetime

    from tests.support.emulators.ssm.model import Request, Version


@dataclass(kw_only=True)
class Call(Entry):
    """One API call, and the parameters that it names."""

    names: tuple[str, ...]

    def concerns(self, name: str) -> bool:
        """Tell whether the call is about the parameter of that name, or one below it."""
        return any(asked == name or asked.startswith(f"{name}/") for asked in self.names)


@dataclass(frozen=True)
class Seen:
    """A version that was given to a reader, or written by a caller."""

    at: datetime
    caller: str
    operation: str
    name: str
    version: int
    value: str = field(repr=False)


@dataclass(frozen=True)
class Change:
    """EventBridge's "Parameter Store Change" (user guide, Monitoring Parameter Store events): it names no version."""

    operation: str
    name: str
    type: str


@dataclass
class Journal:
    """Everything since the service started."""

    calls: list[Call] = field(default_factory=list)
    reads: list[Seen] = field(default_factory=list)
    writes: list[Seen] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self, operation: str, request: Request, caller: str, at: datetime) -> Call:
        """Enter a call that has just arrived."""
        named = [request.get(key) for key in ("Name", "Path", "ResourceId")]
        several = request.get("Names")
        names = tuple(it for it in [*named, *(several if isinstance(several, list) else [])] if isinstance(it, str))
        shown = {key: value for key, value in request.items() if key != "Value"}
        with self._lock:
            number = len(self.calls) + 1
            call = Call(number=number, operation=operation, caller=caller, names=names, parameters=shown, at=at)
            self.calls.append(call)
        return call

    def read(self, call: Call, name: str, version: Version) -> None:
        """Enter what a reader is shown."""
        self.reads.append(Seen(call.at, call.caller, call.operation, name, version.number, version.value))

    def wrote(self, call: Call, name: str, version: Version) -> None:
        """Enter what a caller wrote."""
        self.writes.append(Seen(version.at, call.caller, call.operation, name, version.number, version.value))
        self.changes.append(Change("Create" if version.number == 1 else "Update", name, version.type))

    def counted(self, caller: str | None = None) -> list[str]:
        """Return the operations that were called, in their order."""
        return [call.operation for call in self.calls if caller in {None, call.caller}]
