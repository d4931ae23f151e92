"""What becomes of a secret's rotations: when it begins to fail, when it is worse, when it is healed; else nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from watch.memory import Memory

SUCCEEDED: Final = "RotationSucceeded"
_KEPT: Final = timedelta(days=400)
"""Longer than it is known what was told, so that no later failure has the mark of an earlier one, and than most pauses
between two rotations: a secret that is known was ours."""
_MOST: Final = 50


class Turn(StrEnum):
    """What is worth a message."""

    BEGINS = "begins to fail"
    WORSE = "fails for another reason"
    HEALED = "healed"


@dataclass(frozen=True)
class State:
    """What is known of a secret's rotations."""

    number: int = 0
    """How often it changed: who saw an older one looks again."""
    at: datetime | None = None
    """The time of the newest event; one that is older comes too late to say anything."""
    since: datetime | None = None
    """Since when rotations fail; None where they do not."""
    causes: tuple[str, ...] = ()
    """The causes that were told since then."""

    def after(self, *, at: datetime, cause: str, well: bool) -> tuple[Turn | None, State]:
        """Return what an event says, and what is known afterwards; an unknown cause is never a new one."""
        if self.at and at < self.at:
            return None, self
        after = replace(self, number=self.number + 1, at=at)
        if well:
            return (Turn.HEALED if self.since else None), replace(after, since=None, causes=())
        if not self.since:
            return Turn.BEGINS, replace(after, since=at, causes=(cause,))
        if not cause or cause in self.causes or len(self.causes) == _MOST:
            return None, after
        return Turn.WORSE, replace(after, causes=(*self.causes, cause))


def read(memory: Memory, arn: str) -> State:
    """Return what is remembered of a secret."""
    item = memory.read(arn, "rotation")
    return State(item.get("turn", 0), _time(item, "at"), _time(item, "since"), tuple(item.get("causes", ())))


def write(memory: Memory, arn: str, before: State, state: State) -> None:
    """
    Remember it.

    Raises Busy where somebody else did meanwhile.
    """
    item: dict[str, Any] = {"turn": state.number, "causes": list(state.causes)}
    item |= {name: when.isoformat() for name in ("at", "since") if (when := getattr(state, name))}
    memory.write(arn, "rotation", item, _KEPT, "attribute_not_exists(about) OR turn = :n", {":n": before.number})


def _time(item: dict[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]) if name in item else None
