"""The journal of a parameter: pending values, and what was noted of them, each written once and never overwritten."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from rotation.model import OUR_LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OVER: Final = ".over"
"""What the name of an entry ends in that says of another: it is pending no more."""

PROBE: Final = "probe."
"""What the name of a value begins with that is there to be judged by the service; nobody reads it."""

KEPT: Final = 2
"""Of so many rotations before the current one the entries are kept: a stale read must still find its own."""

_TOKEN: Final = re.compile(r"([0-9a-f]{20})-([0-9]{1,15})-([0-9]{1,12})-([0-9]{1,4})")
_MARK: Final = re.compile(r"(rotation-[a-z-]+)\.([0-9]{1,9})")


class Token(NamedTuple):
    """What a pending value was made from, which is its name: whoever makes one from the same has the same token."""

    home: str
    """Stands for the parameter."""
    stamp: int
    """When that version was written, in milliseconds: a parameter made anew counts from 1 again."""
    number: int
    """The number of that version."""
    attempt: int

    def __str__(self) -> str:
        """Return the version's id."""
        return f"{self.home}-{self.stamp}-{self.number}-{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """Take a version's id for a token, if it is one."""
        found = _TOKEN.fullmatch(text)
        return cls(found[1], int(found[2]), int(found[3]), int(found[4])) if found else None


@dataclass(frozen=True, slots=True)
class Live:
    """The newest version of the parameter, as a reader sees it."""

    arn: str
    number: int
    stamp: int
    value: str = field(repr=False)
    beside: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The other parameters of a tree."""

    @property
    def home(self) -> str:
        """Return what stands for the parameter in the journal; nothing of its name shows."""
        return hashlib.sha256(self.arn.encode()).hexdigest()[:20]

    def token(self, attempt: int) -> Token:
        """Return the token of a value that is made from this version."""
        return Token(self.home, self.stamp, self.number, attempt)


@dataclass(slots=True)
class Journal:
    """What is known of a parameter's journal."""

    entries: dict[Token, str] = field(default_factory=dict, repr=False)
    over: set[Token] = field(default_factory=set)
    marks: dict[tuple[str, int], str] = field(default_factory=dict)
    """The versions that bear a label of our own, by label and number: the highest counts."""
    probes: set[str] = field(default_factory=set)
    """Names of values that were judged; a run that was cut left them."""

    def add(self, home: str, name: str, value: str) -> None:
        """Take in what stands under a name; what is not ours is passed over."""
        over = name.endswith(OVER)
        token = Token.parse(f"{home}-{name.removesuffix(OVER)}")
        mark = _MARK.fullmatch(name)
        if token is not None and over:
            self.over.add(token)
        elif token is not None:
            self.entries[token] = value
        elif mark is not None and mark[1] in OUR_LABELS:
            self.marks[mark[1], int(mark[2])] = value
        elif name.startswith(PROBE):
            self.probes.add(name)

    def update(self, other: Journal) -> None:
        """Take in what another one knows."""
        self.entries |= other.entries
        self.over |= other.over
        self.marks |= other.marks

    def last_mark(self, label: str) -> int:
        """Return the highest number of a label, 0 where there is none."""
        return max((number for name, number in self.marks if name == label), default=0)

    def marked(self) -> Iterable[tuple[str, str]]:
        """Return each label of our own with the version that bears it."""
        return [(label, self.marks[label, number]) for label, number in self.marks if number == self.last_mark(label)]

    def id_of(self, number: int, value: str, published: Callable[[str], str | None]) -> str:
        """Return the id of a live version: the token that it was published for, else its number (a person's)."""
        made = [token for token, held in self.entries.items() if token.number < number and published(held) == value]
        return str(max(made, key=lambda token: token[1:])) if made else f"v{number}"

    def last_entry(self) -> str | None:
        """Return the newest entry's value."""
        return max(self.entries.items(), key=lambda entry: entry[0][1:], default=(None, None))[1]

    def attempts(self, live: Live) -> set[Token]:
        """Return the tokens that were made from this version and are over."""
        return {token for token in self.over if token[:3] == live.token(1)[:3]}

    def pending(self, live: Live, expected: Token | None) -> Token | None:
        """Return the token that is pending: the first one made from this version that is not over."""
        known = {*self.entries, *([expected] if expected else [])} - self.over
        return min((token for token in known if token[:3] == live.token(1)[:3]), default=None)

    def outdated(self, live: Live, current: str) -> list[str]:
        """Return the names of what no reader of the journal needs any more; a person may have put an old value back."""
        known = {*self.entries, *self.over}
        old = [token for token in known if token.number < live.number - KEPT and str(token) != current]
        names = [str(token).partition("-")[2] for token in old]
        ours = [name for token, name in zip(old, names, strict=True) if token in self.entries]
        flags = [f"{name}{OVER}" for token, name in zip(old, names, strict=True) if token in self.over]
        marks = [f"{label}.{number}" for label, number in self.marks if number < self.last_mark(label)]
        return sorted([*ours, *flags, *marks, *self.probes])
