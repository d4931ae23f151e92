"""
What never happens (design, "What never happens"): ten invariants, each with a name.

Two things are held against them. A ``Sight`` is what a stage looks like at an instant. A ``Chronicle`` is what was
asked of the servers and of the store, invocation by invocation; ``recorder`` writes it. What a test does
not observe it leaves out, and that breaks nothing. ``require_kept(sight, chronicle)`` raises Violated, which names
each invariant that is broken and shows what broke it; ``violations`` gives the same as a list.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.crashes.proofs import Proofs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

MOST_REFUSALS: Final = 4
"""Refused logins of an invocation (the design's number, written down again so that the code's cannot drift)."""


class Invariant(StrEnum):
    """What has to hold at every instant, whatever crashed."""

    CURRENT_LOGS_IN = "AWSCURRENT logs in"
    NO_PASSWORD_IS_LOST = "a password that the server holds is in a stored version"
    ACCESS_IS_EQUAL = "whoever is current has the base's rights, and all that the application uses"
    ONLY_OURS_IS_CHANGED = "only accounts of this secret are changed, and the admin logs in at its own address only"
    NOTHING_IS_WRITTEN_DOWN = "no password stands in anything that is written"
    TLS_STAYS_ON = "no login is sent without verified TLS unless the secret says so"
    HEALTHY_FAILS_NO_LOGIN = "a healthy rotation fails no login"
    ONLY_ACCEPTANCE_COUNTS = "after a refusal nothing is done before this secret's user was let in"
    ACCOUNTS_STAY_OPEN = "at most four logins are refused in an invocation, and none is tried after a lock"
    ONLY_PROVEN_DECIDES = (
        "a value that no server accepted decides neither where a password goes, nor what it is, nor how strong it is"
    )


class Kind(StrEnum):
    """What happened in an invocation."""

    BEGAN = "began"
    TRIED = "tried a login"
    ACCEPTED = "was let in"
    REFUSED = "was refused"
    LOCKED = "was told that the account is locked"
    CHANGED = "asked for a change of"
    LABELLED = "asked for a label:"


class Event(NamedTuple):
    """One thing that happened: whom it was about (a user, or a label), where, and whether the way was encrypted."""

    kind: Kind
    subject: str
    place: str = ""
    encrypted: bool = True

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.kind} {self.subject} {self.place}".strip()


@dataclass
class Chronicle:
    """
    What was asked of servers and store, by thread and invocation.

    ``ours`` are the users that this secret may change. ``admin`` and ``admin_place`` (as an Address shows itself,
    without the database) name the admin and where alone it may log in.
    """

    ours: frozenset[str] = frozenset()
    admin: str | None = None
    admin_place: str = ""
    healthy: bool = False
    """Whether nothing was disturbed, so that no login may fail."""
    plain_text_allowed: bool = False
    repair_allowed: bool = False
    """Whether the function's settings let an admin act where no credential of the secret is accepted."""
    threads: dict[int, list[Event]] = field(default_factory=dict)
    proofs: Proofs = field(default_factory=Proofs, repr=False)
    """What was stored, sent and set, from the beginning."""

    def note(self, kind: Kind, subject: str, place: str = "", *, encrypted: bool = True) -> None:
        """Write down what the calling thread's invocation did."""
        self.threads.setdefault(threading.get_ident(), []).append(Event(kind, subject, place, encrypted))

    def clear(self) -> None:
        """Forget what happened so far, but for what is proven."""
        self.threads.clear()

    def events(self) -> Iterator[Event]:
        """Return all events, thread by thread."""
        return itertools.chain.from_iterable(self.threads.values())

    def invocations(self) -> Iterator[list[Event]]:
        """Return the events of each invocation; what came before the first one that began is one too."""
        for events in self.threads.values():
            begun = [at for at, event in enumerate(events) if event.kind is Kind.BEGAN]
            for start, end in itertools.pairwise([0, *begun, len(events)]):
                yield events[start:end]


@dataclass(frozen=True)
class Sight:
    """What a stage looks like at an instant; what is not observed is left as it is here."""

    current_logs_in: bool = True
    in_the_window: bool = False
    """Whether a single user's password may just be between two versions: after a cut, until a clean run."""
    lost: Collection[str] = ()
    """Users whose password on the server is in no stored version."""
    missing_rights: Collection[str] = ()
    extra_rights: Collection[str] = ()
    """What the current user has too little or too much of, beside the base and beside what the application uses."""
    written: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Everything that was written, by the name of the log it stands in."""
    passwords: Collection[str] = field(default=(), repr=False)
    """Every password that was ever made."""


class Violated(AssertionError):
    """An invariant is broken."""


class Violation(NamedTuple):
    """Which invariant, and what broke it."""

    invariant: Invariant
    what: str

    def __str__(self) -> str:
        """Name both."""
        return f"NOT TRUE: {self.invariant}: {self.what}"


def _current_logs_in(sight: Sight, _: Chronicle) -> Iterator[str]:
    if not (sight.current_logs_in or sight.in_the_window):
        yield "it is refused"


def _no_password_is_lost(sight: Sight, _: Chronicle) -> Iterator[str]:
    yield from (f"that of {user}" for user in sight.lost)


def _access_is_equal(sight: Sight, _: Chronicle) -> Iterator[str]:
    yield from (f"lacks {right}" for right in sorted(sight.missing_rights))
    yield from (f"has {right} besides" for right in sorted(sight.extra_rights))


def _only_ours_is_changed(_: Sight, chronicle: Chronicle) -> Iterator[str]:
    for event in chronicle.events():
        if event.kind is Kind.CHANGED and event.subject not in chronicle.ours:
            yield str(event)
        if event.kind is Kind.TRIED and event.subject == chronicle.admin and event.place != chronicle.admin_place:
            yield str(event)


def _nothing_is_written_down(sight: Sight, _: Chronicle) -> Iterator[str]:
    """Look for each password as it is, and as JSON writes it; never show it."""
    for name, text in sight.written.items():
        for password in sight.passwords:
            if password in text or json.dumps(password)[1:-1] in text:
                yield f"{name} holds one"
                break


def _tls_stays_on(_: Sight, chronicle: Chronicle) -> Iterator[str]:
    if not chronicle.plain_text_allowed:
        yield from (f"{event} in clear" for event in chronicle.events() if not event.encrypted)


def _healthy_fails_no_login(_: Sight, chronicle: Chronicle) -> Iterator[str]:
    if chronicle.healthy:
        yield from (str(event) for event in chronicle.events() if event.kind in {Kind.REFUSED, Kind.LOCKED})


def _only_acceptance_counts(_: Sight, chronicle: Chronicle) -> Iterator[str]:
    """Look for the secret's own users: an admin's login proves nothing of the secret."""
    for events in chronicle.invocations():
        refused = accepted = False
        for event in events:
            ours = event.subject in chronicle.ours
            refused |= ours and event.kind in {Kind.REFUSED, Kind.LOCKED}
            accepted |= ours and event.kind is Kind.ACCEPTED
            acted = event.kind in {Kind.CHANGED, Kind.LABELLED}
            if acted and refused and not accepted and not chronicle.repair_allowed:
                yield str(event)


def _accounts_stay_open(_: Sight, chronicle: Chronicle) -> Iterator[str]:
    for events in chronicle.invocations():
        kinds = Counter(event.kind for event in events)
        refused = kinds[Kind.REFUSED] + kinds[Kind.LOCKED]
        if refused > MOST_REFUSALS:
            yield f"{refused} in one"
        locked: set[str] = set()
        for event in events:
            if event.kind is Kind.LOCKED:
                locked.add(event.subject)
            elif event.kind is Kind.TRIED and event.subject in locked:
                yield f"{event} after the lock"


def _only_proven_decides(_: Sight, chronicle: Chronicle) -> Iterator[str]:
    yield from chronicle.proofs.broken(by_admin=chronicle.repair_allowed)


RULES: Final[Mapping[Invariant, Callable[[Sight, Chronicle], Iterator[str]]]] = {
    Invariant.CURRENT_LOGS_IN: _current_logs_in,
    Invariant.NO_PASSWORD_IS_LOST: _no_password_is_lost,
    Invariant.ACCESS_IS_EQUAL: _access_is_equal,
    Invariant.ONLY_OURS_IS_CHANGED: _only_ours_is_changed,
    Invariant.NOTHING_IS_WRITTEN_DOWN: _nothing_is_written_down,
    Invariant.TLS_STAYS_ON: _tls_stays_on,
    Invariant.HEALTHY_FAILS_NO_LOGIN: _healthy_fails_no_login,
    Invariant.ONLY_ACCEPTANCE_COUNTS: _only_acceptance_counts,
    Invariant.ACCOUNTS_STAY_OPEN: _accounts_stay_open,
    Invariant.ONLY_PROVEN_DECIDES: _only_proven_decides,
}


def violations(sight: Sight | None = None, chronicle: Chronicle | None = None) -> list[Violation]:
    """Hold what was seen and what was done against each invariant."""
    sight, chronicle = sight or Sight(), chronicle or Chronicle()
    return [Violation(name, what) for name, rule in RULES.items() for what in rule(sight, chronicle)]


def require_kept(sight: Sight | None = None, chronicle: Chronicle | None = None, *, told: object = "") -> None:
    """Raise Violated unless each invariant holds; ``told`` is shown beside it (the schedule that led here)."""
    broken = violations(sight, chronicle)
    if broken:
        raise Violated("\n".join([*map(str, broken), str(told)]))
