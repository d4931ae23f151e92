"""
What the audit remembers from one run to the next, and puts together during a run: one SQLite file.

It holds answers of calls that are worth saving, findings with their first day, and one row for each secret. So memory
stays flat however many secrets there are, and the page is written from the file, the worst first.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from audit.model import Read
from audit.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from audit.model import Finding, Secret

_TABLES: Final = """
create table if not exists asked (arn text, what text, stamp text, answer text, run text, primary key (arn, what));
create table if not exists finding (
    id text primary key, rule text, severity integer, arn text, name text, region text, account text, kind text,
    title text, evidence text, remedy text, cause text, accepted text, first text, last text, state text, was integer);
create table if not exists secret (
    arn text primary key, name text, region text, account text, kind text, worst integer, function text,
    schedule text, due text, rotated text, row text);
create table if not exists read (
    account text, region text, secret text, reader text, first text, latest text,
    primary key (account, region, secret, reader));
create table if not exists login (mark text, arn text, primary key (mark, arn));
create table if not exists last (arn text primary key, account text, region text, known text);
create table if not exists note (key text primary key, value text);
create index if not exists by_arn on finding (arn);
create index if not exists by_login on login (arn);
create index if not exists by_worst on secret (worst desc, name);
create index if not exists by_function on secret (function);
"""
_OF_A_RUN: Final = ("secret", "last", "login")
"""Tables that each run makes anew."""
FIELDS: Final = ("id", "rule", "arn", "name", "region", "account", "kind", "title", "evidence", "remedy", "cause")
MEMORY: Final = "memory.sqlite"
SEEN: Final = ("new", "open", "worse", "accepted")
"""States of a finding that the last run saw."""
CHANGES: Final = ("new", "worse", "resolved")
"""States that are told."""
OPEN: Final = ("new", "open", "worse", "unseen")
"""States of a finding that somebody should act on; besides there are accepted and resolved."""


class Memory:
    """The file, while a run uses it."""

    def __init__(self, path: Path) -> None:
        """Open it, or begin it."""
        self._base = sqlite3.connect(path)
        self._base.row_factory = sqlite3.Row
        self._base.executescript(_TABLES)
        self.run = ""
        self.first = self.noted("last") is None
        """Whether there was no run before: then everything is new."""

    def begin(self, now: datetime) -> None:
        """Begin a run: the rows of secrets are made anew, findings wait to be seen again."""
        last = datetime.fromisoformat(self.noted("last") or "1970-01-01T00:00:00+00:00")
        self.run = max(now, last + timedelta(microseconds=1)).isoformat()  # no two runs bear the same name
        self.note("last", self.run)
        for table in _OF_A_RUN:
            self._base.execute(f"delete from {table}")  # noqa: S608 names of ours
        self._base.execute("delete from finding where state = 'resolved'")

    def close(self) -> None:
        """Write everything down."""
        self._base.commit()
        self._base.close()

    # Answers

    def recall(self, arn: str, what: str, stamp: str) -> Any:  # noqa: ANN401 what JSON holds
        """Return an answer that was given under the same stamp; None where there is none."""
        row = self._base.execute("select stamp, answer from asked where arn = ? and what = ?", (arn, what)).fetchone()
        return json.loads(row["answer"]) if row and stamp in {"", row["stamp"]} else None

    def remember(self, arn: str, what: str, stamp: str, answer: object) -> None:
        """Keep an answer."""
        row = (arn, what, stamp, json.dumps(answer), self.run)
        self._base.execute("insert or replace into asked values (?, ?, ?, ?, ?)", row)

    def forget(self, arn: str, what: str) -> None:
        """Drop an answer."""
        self._base.execute("delete from asked where arn = ? and what = ?", (arn, what))

    def forget_gone(self) -> None:
        """Drop the answers about secrets that are no longer listed."""
        self._base.execute("delete from asked where arn not in (select arn from secret)")

    # Findings

    def found(self, finding: Finding) -> str:
        """Enter a finding, and return its state: new, open, worse or accepted."""
        old = self._base.execute("select * from finding where id = ?", (finding.id,)).fetchone()
        accepted = finding.accepted
        state = "new" if old is None else "worse" if old["severity"] < finding.severity else "open"
        state = "accepted" if accepted else state
        first = old["first"] if old else self.run
        kept = [visible(getattr(finding, name)) for name in FIELDS]
        told = json.dumps([accepted.rule, accepted.until, accepted.by, accepted.why]) if accepted else ""
        row = dict(zip(FIELDS, kept, strict=True)) | {"severity": int(finding.severity), "accepted": told}
        row |= {"first": first, "last": self.run, "state": state, "was": old["severity"] if old else -1}
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        self._base.execute(f"insert or replace into finding ({names}) values ({marks})", row)  # noqa: S608 names of ours
        return state

    def resolve(self, blind: dict[tuple[str, str], frozenset[str]], needs: dict[str, frozenset[str]]) -> None:
        """
        Close what was not found again, except where the audit did not or could not look: that is open, and unseen.

        ``blind`` names each account and Region that was looked at, with the areas that were not seen there.
        """
        question = "select distinct account, region, rule from finding where last <> ?"
        for account, region, rule in self.select(question, self.run):
            lost = blind.get((account, region), frozenset({"secrets"}) if account else frozenset())
            unseen = bool(lost & (needs.get(rule, frozenset()) | {"secrets"})) and rule != "blind-spot"
            state = "unseen" if unseen else "resolved"
            which = (state, self.run, account, region, rule)
            change = "update finding set state = ? where last <> ? and account = ? and region = ? and rule = ?"
            self._base.execute(change, which)

    def findings(self, *states: str) -> Iterator[sqlite3.Row]:
        """Yield the findings in these states, the worst first; without any state, all."""
        marks = ", ".join("?" * len(states))
        which = f"where state in ({marks})" if states else ""
        yield from self._base.execute(f"select * from finding {which} order by severity desc, rule, name", states)  # noqa: S608 as above

    def of(self, arn: str) -> list[sqlite3.Row]:
        """Return the findings about one thing, the worst first."""
        return self._base.execute("select * from finding where arn = ? order by severity desc, rule", (arn,)).fetchall()

    def counted(self) -> dict[str, dict[int, int]]:
        """Return how many findings there are, by state and severity."""
        counts: dict[str, dict[int, int]] = {}
        for row in self._base.execute("select state, severity, count(*) as many from finding group by 1, 2"):
            counts.setdefault(row["state"], {})[row["severity"]] = row["many"]
        return counts

    # Reads

    def read(self, account: str, region: str, secret: str, reader: str, at: datetime) -> None:
        """Keep that somebody read what he named so; told twice, it is the same."""
        change = (
            "insert into read values (?, ?, ?, ?, ?, ?) on conflict do update set "
            "first = min(first, excluded.first), latest = max(latest, excluded.latest)"
        )
        when = at.astimezone(UTC).isoformat()
        self._base.execute(change, (account, region, visible(secret), visible(reader), when, when))

    def reads(self, account: str, region: str, named: tuple[str, ...]) -> tuple[Read, ...]:
        """Return who read a secret, however he named it."""
        marks = ", ".join("?" * len(named))
        question = (
            "select reader, min(first), max(latest) from read where account = ? and region = ? "  # noqa: S608 marks alone
            f"and secret in ({marks}) group by reader order by reader"
        )
        found = self._base.execute(question, (account, region, *named))
        return tuple(Read(who, *map(datetime.fromisoformat, times)) for who, *times in found)

    def forget_reads(self, before: datetime) -> None:
        """Drop the reads whose last was before a moment."""
        self._base.execute("delete from read where latest < ?", (before.astimezone(UTC).isoformat(),))

    # What is judged last

    def keep_last(self, arn: str, account: str, region: str, known: str) -> None:
        """Keep what the last rules need of a secret."""
        self._base.execute("insert or replace into last values (?, ?, ?, ?)", (arn, account, region, known))

    def kept_last(self, account: str, region: str) -> Iterator[str]:
        """Yield what was kept, of an account and a Region, or of all where a pattern says so."""
        question = "select known from last where account like ? and region like ? order by arn"
        yield from (row["known"] for row in self._base.execute(question, (account, region)))

    def log_in(self, mark: str, arn: str) -> None:
        """Keep that a secret holds a login, which a keyed hash stands for."""
        self._base.execute("insert or ignore into login values (?, ?)", (mark, arn))

    def share_key(self, key: str) -> None:
        """Have logins hashed by a key that other memories have, too: what another one hashed is read anew."""
        if self.noted("key") != key:
            self._base.execute("delete from asked where what = 'value'")
            self.note("key", key)

    def twins(self, arn: str) -> list[tuple[str, bool]]:
        """Return the names of other secrets that hold a login of this one, and whether each rotates."""
        question = (
            "select distinct secret.name, secret.schedule <> '' as rotates from login mine "
            "join login other on other.mark = mine.mark and other.arn <> mine.arn "
            "join secret on secret.arn = other.arn where mine.arn = ? order by 1"
        )
        return [(name, bool(rotates)) for name, rotates in self._base.execute(question, (arn,))]

    def raise_worst(self, arn: str, severity: int) -> None:
        """Note that a secret is worse than it seemed."""
        self._base.execute("update secret set worst = max(worst, ?) where arn = ?", (severity, arn))

    # Secrets

    def place(self, secret: Secret, worst: int, row: dict[str, object]) -> None:
        """Enter a secret's row."""
        due = secret.due.isoformat() if secret.due else ""
        rotated = secret.rotated.isoformat() if secret.rotated else ""
        schedule = secret.schedule.text if secret.schedule and secret.enabled else ""
        known = (
            secret.arn,
            secret.name,
            secret.region,
            secret.account,
            str(secret.kind),
            worst,
            secret.function,
        )
        values = (*known, schedule, due, rotated, json.dumps(row))
        self._base.execute("insert or replace into secret values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def has(self, arn: str) -> bool:
        """Return whether a secret was entered in this run."""
        return self._base.execute("select 1 from secret where arn = ?", (arn,)).fetchone() is not None

    def copy_secrets(self, file: Path) -> None:
        """Take over the rows of secrets from the memory of a part, and which Region each replica names."""
        self._base.commit()  # SQLite attaches nothing within a transaction
        self._base.execute("attach ? as part", (str(file),))
        for table in _OF_A_RUN:
            self._base.execute(f"insert or replace into {table} select * from part.{table}")  # noqa: S608 names of ours
        self._base.execute("insert or replace into asked select * from part.asked where what = 'primary'")
        self._base.commit()
        self._base.execute("detach part")

    def secrets(self) -> Iterator[sqlite3.Row]:
        """Yield the rows of secrets, the worst first."""
        yield from self._base.execute("select * from secret order by worst desc, name, region")

    def select(self, question: str, *values: object) -> list[sqlite3.Row]:
        """Ask a question of our own that has few answers."""
        return self._base.execute(question, values).fetchall()

    def each(self, question: str, *values: object) -> Iterator[sqlite3.Row]:
        """Yield the answers to a question of our own, however many there are."""
        yield from self._base.execute(question, values)

    # Notes

    def note(self, key: str, value: object) -> None:
        """Keep something about the run itself."""
        self._base.execute("insert or replace into note values (?, ?)", (key, json.dumps(value)))

    def noted(self, key: str) -> Any:  # noqa: ANN401 what JSON holds
        """Return what was kept."""
        row = self._base.execute("select value from note where key = ?", (key,)).fetchone()
        return json.loads(row["value"]) if row else None
