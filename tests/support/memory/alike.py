"""
What is stored and what a server holds at a moment: a copy to go on from, and what tells two moments apart.

A schedule of cuts that leaves what another one left goes on as that one did: it need not be played to its end.
"""

from __future__ import annotations

import copy
import copyreg
import json
import re
import threading
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.secretsmanager.journal import Journal

if TYPE_CHECKING:
    from tests.support.memory.regions import TwoRegions

copyreg.pickle(type(threading.Lock()), lambda _: (threading.Lock, ()))  # a copy of a lock is one that nobody holds
copyreg.pickle(type(threading.RLock()), lambda _: (threading.RLock, ()))

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PASSWORDS: Final = frozenset({"password", "second"})
_NO_MATTER: Final = frozenset({"accessed", "rotation_token"})
"""What the service keeps, and what nothing depends on."""


def copied(scene: TwoRegions) -> TwoRegions:
    """Return the same two Regions and the same database once more, with journals that are empty."""
    memo: dict[int, Any] = {id(emulator.journal): Journal() for emulator in scene.regions.at.values()}
    return copy.deepcopy(scene, memo)


def told(scene: TwoRegions) -> str:
    """Return all that what follows depends on."""
    states = [emulator.state for emulator in scene.regions.at.values()]
    held = [(it.secrets, it.due) for it in states]
    around = scene.regions.cut_off, scene.regions.lag, scene.engine.names, scene.clock()
    return alike(held, scene.server.accounts, around)


def alike(*held: object) -> str:
    """Return the same for what differs in random alone: versions and passwords by when each is first named."""
    return repr(_Teller({}).tell(held))


class _Teller:
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def tell(self, it: Any) -> Any:  # noqa: ANN401 whatever a state is made of
        if isinstance(it, str) and not isinstance(it, Enum):
            return self.tell(json.loads(it)) if it.startswith("{") else _ID.sub(lambda found: self._name(found[0]), it)
        if is_dataclass(it):
            return {one.name: self._field(one.name, getattr(it, one.name)) for one in fields(it)}
        if isinstance(it, dict):
            return {self.tell(key): self._field(key, value) for key, value in it.items()}
        if isinstance(it, set | frozenset):
            return sorted(map(self.tell, it))
        return [self.tell(one) for one in it] if isinstance(it, list | tuple) else it

    def _field(self, name: str, value: object) -> object:
        if name in _NO_MATTER:
            return None
        return self._name(str(value)) if name in _PASSWORDS and value is not None else self.tell(value)

    def _name(self, made: str) -> str:
        return self._names.setdefault(made, f"<{len(self._names)}>")
