"""`make demo FAIL=1`: a rotation that lacks a right, the message about it, and what it says to do, which is enough."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.guides.pages import ROOT

OTHERS = [
    ("postgresql", "single-user-by-admin"),
    ("mysql", "alternating-users"),
    ("mysql", "retained-password-by-admin"),
    ("mysql", "single-user-by-admin"),
    ("mariadb", "alternating-users"),
    ("documentdb", "alternating-users"),
    ("documentdb", "single-user-by-admin"),
    ("redshift", "alternating-users"),
    ("aurora-postgresql", "alternating-users"),
    ("aurora-mysql", "single-user-by-admin"),
]
PLAYED = [("postgresql", "alternating-users"), *(pytest.param(*it, marks=pytest.mark.exhaustive) for it in OTHERS)]

CLAIMS = (
    "rotations that succeed are not told",
    "the rotation that lacked the right failed, and changed nothing",
    "two attempts that failed, each told twice by AWS, made one message",
    "it names the secret, the right that is missing, and what to run",
    "what it says to run and to type was enough: the next rotation succeeded",
    "the second message says that it is healed",
)


@pytest.mark.parametrize(("engine", "strategy"), PLAYED)
def test_the_demo_of_a_failure_keeps_what_it_claims(engine: str, strategy: str) -> None:
    """Whoever is on call sees two messages, and does what the first one says."""
    command = [sys.executable, "-m", "tests.lab", "--fail", "1", "--engine", engine, "--strategy", strategy]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 the project's own
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    shown = re.sub(r"\n +", " ", done.stdout)
    for claim in CLAIMS:
        assert f"✓ {claim}" in shown
    titles = re.findall(r"│ (Rotation .+): shop \(eu-west-1\)", done.stdout)
    assert titles == ["Rotation begins to fail", "Rotation is healed"]
