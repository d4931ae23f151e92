"""An audit in parts finds what one in a piece finds, and says which part is missing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from audit.acceptance import Exceptions
from audit.job import REPORT, Done, Job, carry_out, carry_out_part, put_together
from audit.memory import MEMORY
from audit.parts import Part, planned
from audit.settings import Settings
from tests.support.audited.account import ACCOUNT, HERE, OTHER, THERE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.audited.account import Account

LISTED = '[[accept]]\nrule = "never-read"\nsecret = "never-*"\nuntil = 2099-01-01\nby = "a"\nwhy = "b"\n'
PARTS = [Part(ACCOUNT, HERE), Part(ACCOUNT, THERE)]


def job(account: Account, folder: Path, regions: list[str]) -> Job:
    folder.mkdir(exist_ok=True)
    settings = Settings(policies_per_second=10_000, versions_per_second=10_000)
    every = [(ACCOUNT, account.clients())] if regions else []
    ends = time.monotonic() + 60
    return Job(every, regions, settings, Exceptions.read(LISTED), folder, account.now, ends, "s3://b/p")


def looked(account: Account, folder: Path, *regions: str) -> None:
    for region in regions:
        carry_out_part(job(account, folder / region, [region]))


def joined(account: Account, folder: Path, since: str = "2000-01-01T00:00:00Z") -> Done:
    files: Iterator[tuple[Part, Path]] = ((it, folder / it.region / MEMORY) for it in PARTS)
    return put_together(job(account, folder, []), files, since)


def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / REPORT).read_text("utf-8")))


def findings(told: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(it["rule"], it["arn"], it["state"]) for it in told["findings"]}


def test_every_account_and_region_is_a_part() -> None:
    role = f"arn:aws:iam::{OTHER}:role/secrets-audit"
    assert planned([], [HERE], ACCOUNT) == [Part(ACCOUNT, HERE)]
    assert planned([role], [HERE, THERE], ACCOUNT) == [Part(OTHER, HERE, role), Part(OTHER, THERE, role)]
    assert Part(OTHER, HERE, role).key == f"parts/{OTHER}/{HERE}/memory.sqlite"


def test_parts_together_are_the_whole(faulty: Account, tmp_path: Path) -> None:
    """The same findings, secrets, counts and calls; orphans and the list of exceptions are judged in the end."""
    whole = tmp_path / "whole"
    carry_out(job(faulty, whole, [HERE, THERE]))
    looked(faulty, tmp_path, HERE, THERE)
    done = joined(faulty, tmp_path)
    one, other = report(whole), report(tmp_path)
    assert findings(other) == findings(one)
    assert len(one["findings"]) > 40
    shared = ("verdict", "counts", "changes", "kinds", "secrets_seen", "parameters_seen", "functions", "secrets")
    assert {it: other[it] for it in shared} == {it: one[it] for it in shared}
    assert other["calls"] == one["calls"]
    assert done.summary


def test_what_could_not_be_told_stays_new(faulty: Account, tmp_path: Path) -> None:
    """Parts that were looked at twice before anybody was told: what is new is decided where it is told."""
    looked(faulty, tmp_path, HERE, THERE)
    looked(faulty, tmp_path, HERE, THERE)
    assert joined(faulty, tmp_path).head.changes["new"] > 40
    looked(faulty, tmp_path, HERE, THERE)
    again = joined(faulty, tmp_path)
    assert (again.head.changes["new"], again.summary) == (0, None)


@pytest.mark.parametrize("how", ["absent", "old"])
def test_a_part_that_did_not_finish_is_a_blind_spot(faulty: Account, tmp_path: Path, how: str) -> None:
    """It resolves nothing, and the other parts stand."""
    looked(faulty, tmp_path, HERE, THERE)
    joined(faulty, tmp_path)
    since = "2000-01-01T00:00:00Z"
    if how == "absent":
        (tmp_path / HERE / MEMORY).unlink()
        looked(faulty, tmp_path, THERE)
    else:
        late = faulty.now.replace(year=faulty.now.year + 1)
        files = [(it, tmp_path / it.region / MEMORY) for it in PARTS]
        since = late.isoformat()
        carried = job(faulty, tmp_path / THERE, [THERE])
        carried.now = late
        carry_out_part(carried)
        done = put_together(job(faulty, tmp_path, []), files, since)
    if how == "absent":
        done = joined(faulty, tmp_path, since)
    told = report(tmp_path)
    (spot,) = (it for it in told["findings"] if it["rule"] == "blind-spot")
    assert (spot["region"], spot["severity"]) == (HERE, "critical")
    assert "did not finish" in spot["evidence"]
    assert "not the whole picture" in done.head.verdict
    assert done.head.changes["resolved"] == 0
    states = {it["state"] for it in told["findings"] if it["region"] == HERE and it["rule"] != "blind-spot"}
    assert states == {"unseen"}
