"""Cutting a rotation after its n-th effect (a call, a login, a statement): a kill, or an answer that is lost."""

from __future__ import annotations

import itertools
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from rotation.errors import StoreUnavailable, Unreachable
from rotation.stores import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.errors import RotationError


_VERB: Final = re.compile(r"^[a-z]\w+$|\bSET PASSWORD\b|\b[A-Z]{3,}\b(?!\()")
"""A command of MongoDB's; the first word of a statement, also as psycopg2's SQL('…') shows it."""

CHANGES_NOTHING: Final = frozenset(
    {
        *("DescribeSecret", "GetSecretValue", "log_in", "_log_in", "usersInfo", "connectionStatus"),
        *("SELECT", "SHOW", "WITH", "SET", "RESET", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"),
    }
)
"""Effects that leave everything as it was: a kill after one of them is a kill after the one before."""


class Cut(BaseException):
    """The process is gone: no handler of the code under test may notice."""


@dataclass
class Scissors:
    """Counts effects, and cuts after one of them."""

    at: int
    kills: bool = True
    """Whether the process is gone; else the effect took place, and its answer does not come."""
    arrives: bool = True
    """Whether the effect takes place; else it is asked for, and no answer comes."""
    count: int = 0
    fired: bool = False
    trace: list[str] = field(default_factory=list)

    @contextmanager
    def around(self, name: str, lost: RotationError | None = None) -> Iterator[None]:
        """Let an effect happen, and cut if it is its turn; ``lost`` is how a lost answer shows."""
        self.count += 1
        number = self.count
        self.trace.append(f"{number} {name}")
        self.fired |= number == self.at
        if number == self.at and not self.arrives:
            raise lost or Unreachable("No answer", engine="cut")
        yield
        if number == self.at:
            if self.kills:
                raise Cut
            raise lost or Unreachable("No answer", engine="cut")

    @property
    def alike(self) -> list[list[int]]:
        """The effects by number, together where cuts after them are alike: runs of reads, and of one kind of change."""
        names = [told.partition(" ")[2] for told in self.trace]
        kinds = ["" if name in CHANGES_NOTHING else name for name in names]
        return [[*run] for _, run in itertools.groupby(range(1, len(kinds) + 1), lambda number: kinds[number - 1])]


class After(Scissors):
    """Kills after the first effect of a name."""

    def __init__(self, effect: str) -> None:
        """Know the effect."""
        super().__init__(at=0)
        self.effect = effect

    @contextmanager
    def around(self, name: str, lost: RotationError | None = None) -> Iterator[None]:
        """Let it be the turn of the effect of that name."""
        if name == self.effect and not self.at:
            self.at = self.count + 1
        with super().around(name, lost):
            yield


@contextmanager
def cutting(scissors: Scissors, *effects: tuple[type, str]) -> Iterator[Scissors]:
    """Put the scissors around all calls of Secrets Manager, and around the methods given."""
    translated = refusals.translated  # each call goes through it, and nothing else does

    @contextmanager
    def call(operation: str, *arguments: Any, **named: Any) -> Iterator[None]:  # noqa: ANN401 passed on
        lost = StoreUnavailable("No answer")
        with scissors.around(operation, lost), translated(operation, *arguments, **named):
            yield

    patches = [mock.patch.object(refusals, "translated", call)]
    patches += [mock.patch.object(kind, name, _cut_method(scissors, getattr(kind, name))) for kind, name in effects]
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield scissors


def _cut_method(scissors: Scissors, method: Callable[..., Any]) -> Callable[..., Any]:
    def cut(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
        with scissors.around(_name(method, *arguments)):
            return method(*arguments, **named)

    return cut


def _name(method: Callable[..., Any], *arguments: object) -> str:
    """Name an effect: a statement by its verb, a command of MongoDB's by itself, all else by the method."""
    said = str(arguments[1]) if method.__name__ == "run" else ""
    verb = _VERB.search(said)
    return verb[0] if verb else method.__name__
