"""`make demo STORE=parameter-store`: a client that reads each time, and one that caches as the extension does."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.guides.pages import ROOT

PLAYED = [
    ("postgresql", "alternating-users"),
    pytest.param("mysql", "retained-password", marks=pytest.mark.exhaustive),
    pytest.param("documentdb", "alternating-users", marks=pytest.mark.exhaustive),
    pytest.param("postgresql", "single-user", marks=pytest.mark.exhaustive),
]

CLAIMS = ("the same event again finds nothing due, with 2 calls", "every event rotated once", "the function failed no")


@pytest.mark.parametrize(("engine", "strategy"), PLAYED)
def test_the_demo_of_a_parameter_keeps_what_it_claims(engine: str, strategy: str) -> None:
    """With two users or two passwords neither client is rejected; with one password the screen says for how long."""
    command = [sys.executable, "-m", "tests.lab", "--store", "parameter-store", "--engine", engine]
    done = subprocess.run(  # noqa: S603 the project's own
        [*command, "--strategy", strategy, "--rotations", "2", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "✗" not in done.stdout
    assert "dry run: " in done.stdout
    for claim in CLAIMS:
        assert f"✓ {claim}" in done.stdout
    layout = "/rotated/shop/password" if strategy == "retained-password" else "/rotated/shop"
    assert f"its parameter {layout}\n" in re.sub(r"\n +", " ", done.stdout)
    rows = re.findall(r"^ *(reads it each time|caches it for 300 s) +(\d+) +(\d+)", done.stdout, re.MULTILINE)
    assert len(rows) == 2
    assert all(int(logins) > 1 for _, logins, _ in rows)
    if strategy == "single-user":
        assert "in life, with a cache" in done.stdout
    else:
        assert [rejected for _, _, rejected in rows] == ["0", "0"]
