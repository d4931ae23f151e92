"""`make demo REGIONS=2`: a replica that lags, gets stuck and is promoted, and the way back; a client in each Region."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.guides.pages import ROOT

PLAYED = [
    ("postgresql", "alternating-users"),
    pytest.param("mysql", "retained-password", marks=pytest.mark.exhaustive),
    pytest.param("mysql", "alternating-users", marks=pytest.mark.exhaustive),
    pytest.param("documentdb", "alternating-users", marks=pytest.mark.exhaustive),
    pytest.param("postgresql", "single-user", marks=pytest.mark.exhaustive),
]

CLAIMS = (
    "the gate holds the next rotation",
    "the replica is promoted by a credential that the database accepts",
    "the function of the old Region is refused",
    "eu-west-1 rotates the secret again",
)


@pytest.mark.parametrize(("engine", "strategy"), PLAYED)
def test_the_demo_of_two_regions_keeps_what_it_claims(engine: str, strategy: str) -> None:
    """With two users or two passwords no login in either Region is rejected; with one password some are."""
    command = [sys.executable, "-m", "tests.lab", "--regions", "2", "--engine", engine, "--strategy", strategy]
    done = subprocess.run(  # noqa: S603 the project's own
        [*command, "--rotations", "1"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "✗ the" not in done.stdout
    for claim in CLAIMS:
        assert f"✓ {claim}" in done.stdout
    rows = re.findall(r" (eu-\S+) +(\d+) +(\d+) ", done.stdout)
    assert len(rows) == 8
    assert {region for region, _, _ in rows} == {"eu-west-1", "eu-central-1"}
    assert all(int(logins) > 1 for _, logins, _ in rows)
    if strategy != "single-user":
        assert [rejected for _, _, rejected in rows] == ["0"] * len(rows)
