"""
Exceptions: findings that somebody decided to leave as they are, with an owner, a reason and an end.

On the secret, a tag ``audit:accept/RULE`` says ``until=2027-03-31 by=team-db why=OPS-17``. For secrets that one cannot
tag, a file in TOML holds a table ``[[accept]]`` with ``rule``, ``secret`` (a name, an ARN, or a pattern), ``until``,
``by`` and ``why``. The tag ``audit:not-rotatable`` with the same value declares that nothing can rotate a secret.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from audit.model import Accepted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from audit.model import Finding, Secret

MARK: Final = "audit:"
"""What every tag begins with that the audit reads."""
TAG: Final = f"{MARK}accept/"
NOT_ROTATABLE: Final = f"{MARK}not-rotatable"
_PARTS: Final = re.compile(r"(until|by|why)=")


def parse(rule: str, subject: str, text: str) -> Accepted | None:
    """Read the value of a tag; None where owner, reason or end is missing or cannot be read."""
    found = _PARTS.split(text)[1:]
    given = {key: value.strip() for key, value in zip(found[::2], found[1::2], strict=False)}
    return _made(rule, subject, given)


def _made(rule: str, subject: str, given: Mapping[str, Any]) -> Accepted | None:
    until, by, why = (str(given.get(key) or "") for key in ("until", "by", "why"))
    try:
        dt.date.fromisoformat(until)
    except ValueError:
        return None
    return Accepted(rule, subject, until, by, why) if by and why else None


def declared(tags: Mapping[str, str], now: dt.datetime) -> Accepted | None:
    """Return the declaration that nothing can rotate a secret, while it lasts."""
    if NOT_ROTATABLE not in tags:
        return None
    found = parse("not-rotatable", "", tags[NOT_ROTATABLE])
    return found if found and not ended(found, now) else None


def ended(accepted: Accepted, now: dt.datetime) -> bool:
    """Return whether an exception's last day is over."""
    return dt.date.fromisoformat(accepted.until) < now.date()


@dataclass
class Exceptions:
    """All exceptions of a run: those of the file, and which of them were used."""

    listed: list[Accepted] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Entries of the file that name no owner, no reason or no end."""
    used: set[Accepted] = field(default_factory=set)

    @classmethod
    def read(cls, text: str) -> Exceptions:
        """Read the file; an entry that cannot be read is remembered as broken."""
        exceptions = cls()
        try:
            entries = tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n")).get("accept", [])
        except tomllib.TOMLDecodeError as error:
            exceptions.broken.append(f"the file is no TOML: {error}")
            return exceptions
        if not isinstance(entries, list) or not all(isinstance(it, dict) for it in entries):
            exceptions.broken.append("accept is no list of tables: begin each entry with [[accept]]")
            return exceptions
        for place, entry in enumerate(entries, 1):
            rule, subject = str(entry.get("rule") or ""), str(entry.get("secret") or "")
            made = _made(rule, subject, entry) if rule and subject else None
            if made is None:
                exceptions.broken.append(f"entry {place} ({rule or 'no rule'}, {subject or 'no secret'})")
            else:
                exceptions.listed.append(made)
        return exceptions

    def of(self, finding: Finding, tags: Mapping[str, str], now: dt.datetime) -> Accepted | None:
        """Return the exception that holds for a finding now."""
        for accepted in [*_tagged(finding.rule, finding.arn, tags), *self._listed_for(finding)]:
            self.used.add(accepted)
            if not ended(accepted, now):
                return accepted
        return None

    def _listed_for(self, finding: Finding) -> Iterator[Accepted]:
        for accepted in self.listed:
            names = (finding.name, finding.arn)
            if fnmatchcase(finding.rule, accepted.rule) and any(fnmatchcase(it, accepted.subject) for it in names):
                yield accepted

    def unused(self) -> list[Accepted]:
        """Return the entries of the file that no finding needed."""
        return [it for it in self.listed if it not in self.used]


def _tagged(rule: str, arn: str, tags: Mapping[str, str]) -> Iterator[Accepted]:
    for key in (f"{TAG}{rule}", f"{TAG}*"):
        if key in tags and (found := parse(key.removeprefix(TAG), arn, tags[key])):
            yield found


def on_secret(secret: Secret) -> Iterator[tuple[str, Accepted | None]]:
    """Yield each exception that a secret's tags name, by its tag; None for one that cannot be read."""
    for key, value in secret.tags.items():
        if key.startswith(TAG) or key == NOT_ROTATABLE:
            rule = key.removeprefix(TAG) if key.startswith(TAG) else "not-rotatable"
            yield key, parse(rule, secret.arn, value)


def too_long(accepted: Iterable[Accepted], days: int, now: dt.datetime) -> list[Accepted]:
    """Return the exceptions that end later than one may."""
    latest = now.date() + dt.timedelta(days=days)
    return [it for it in accepted if dt.date.fromisoformat(it.until) > latest]
