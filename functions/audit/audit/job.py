"""A whole audit, in Lambda and at a desk alike: look, sum up, and write every output into a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from audit import parts
from audit.memory import CHANGES, MEMORY, Memory
from audit.outputs import report
from audit.outputs.head import Head, head_of
from audit.outputs.others import TOLD, asff, ocsf
from audit.outputs.page import writing
from audit.outputs.summary import summary_of
from audit.run import Audit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from audit.acceptance import Exceptions
    from audit.calls import Clients, Sight
    from audit.parts import Part
    from audit.settings import Settings

PAGE: Final = "page.html"
REPORT: Final = "report.json"
OUTPUTS: Final = (PAGE, REPORT, "findings.asff.jsonl", "findings.ocsf.jsonl")
CHANGED: Final = "changed.asff.jsonl"
"""What Security Hub is told of this run; nobody keeps it."""


@dataclass
class Job:
    """What is to be looked at, and where the outputs go: into the folder that also holds the memory."""

    accounts: Iterable[tuple[str, Clients]]
    regions: Iterable[str]
    settings: Settings
    exceptions: Exceptions
    folder: Path
    now: datetime
    ends: float
    link: str = ""
    lost: list[Sight] = field(default_factory=list)
    """Accounts that could not be looked at; what yields the accounts fills it."""
    progress: Callable[[str, int], None] = lambda _region, _many: None
    key: str = ""
    """By which each part of an audit hashes logins, so that they can be compared; else a memory has its own."""


@dataclass(frozen=True)
class Done:
    """What came of it."""

    head: Head
    summary: str | None
    """The text for those who subscribed; None where nothing changed."""
    oldest: int
    """Days of the oldest password that a schedule rotates."""


def carry_out(job: Job) -> Done:
    """Look at everything, and write everything."""
    audit = _looked(job)
    audit.judge_all_together()
    return _concluded(job, audit)


def carry_out_part(job: Job) -> None:
    """Look at a part, and keep what is there in its memory; the outputs come when the parts are put together."""
    audit = _looked(job)
    audit.finish()
    parts.keep(audit)
    audit.memory.close()


def put_together(job: Job, files: Iterable[tuple[Part, Path]], since: str) -> Done:
    """Put the parts together that were looked at since then, and write everything; each file is there when it comes."""
    audit = _begun(job)
    for part, file in files:
        parts.take_in(audit, part, file, since)
    audit.judge_all_together()
    return _concluded(job, audit)


def _begun(job: Job) -> Audit:
    memory = Memory(job.folder / MEMORY)
    memory.begin(job.now)
    if job.key:
        memory.share_key(job.key)
    return Audit(memory, job.settings, job.exceptions, job.now, job.ends, job.progress)


def _looked(job: Job) -> Audit:
    audit = _begun(job)
    for account, clients in job.accounts:
        audit.look(clients, account, job.regions)
    audit.sights += job.lost
    audit.judge_crowds()
    return audit


def _concluded(job: Job, audit: Audit) -> Done:
    memory = audit.memory
    audit.finish()
    head = head_of(audit)
    _write(job.folder, head, memory)
    done = Done(head, summary_of(head, memory, job.link), _oldest(memory, job.now))
    memory.close()
    return done


def _write(folder: Path, head: Head, memory: Memory) -> None:
    with (folder / REPORT).open("w", encoding="utf-8") as file:
        report.write(file, head, memory)
    with (folder / PAGE).open("w", encoding="utf-8") as file:
        writing.write(file, head, memory)
    _lines(folder / "findings.asff.jsonl", asff, memory.findings(*TOLD))
    _lines(folder / "findings.ocsf.jsonl", ocsf, memory.findings(*TOLD))
    _lines(folder / CHANGED, asff, memory.findings(*CHANGES))


def _lines(file: Path, form: Callable[[sqlite3.Row], dict[str, object]], rows: Iterable[sqlite3.Row]) -> None:
    """Write what is about an account; what is about the audit itself is no resource of anybody's."""
    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{json.dumps(form(row))}\n" for row in rows if row["account"])


def _oldest(memory: Memory, now: datetime) -> int:
    """Return the age of the oldest password among those that rotate."""
    question = "select min(rotated) as oldest from secret where rotated <> '' and schedule <> ''"
    oldest = memory.select(question)[0]["oldest"]
    return (now - now.fromisoformat(oldest)).days if oldest else 0
