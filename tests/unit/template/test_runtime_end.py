"""The Python that the functions run on in Lambda: not near its end."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Final

from tests.support import interpreter

TEMPLATE: Final = (Path(__file__).parents[3] / "template.yaml").read_text("utf-8")

DEPRECATED: Final = {"python3.13": dt.date(2029, 6, 30), "python3.14": dt.date(2030, 6, 30)}
"""
From when AWS gives a runtime no security updates; creation and updates of functions are blocked soon after.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, "Supported runtimes", column "Deprecation date".
"""

NOTICE: Final = dt.timedelta(days=365)


def runtimes() -> set[str]:
    """Return every runtime that the template names, for functions and for layers."""
    return set(re.findall(r"\bpython3\.\d+\b", TEMPLATE))


def late(today: dt.date) -> set[str]:
    """Name the runtimes that end within a year of a day."""
    return {name for name in runtimes() if DEPRECATED[name] - NOTICE <= today}


def test_no_runtime_ends_within_a_year() -> None:
    """A year before the announced end it is time for the next Python, or for a newer date on AWS's page."""
    assert not late(dt.datetime.now(dt.UTC).date())


def test_the_year_of_notice_is_kept() -> None:
    """The day before it begins nothing is late; on its first day the runtime is."""
    (runtime,) = runtimes()
    first = DEPRECATED[runtime] - NOTICE
    assert not late(first - dt.timedelta(days=1))
    assert late(first) == {runtime}


def test_the_suite_builds_for_the_runtime_that_is_deployed() -> None:
    """The Makefile and the tests of built functions take the template's Python."""
    assert runtimes() == {f"python{interpreter.LAMBDA}"}
    makefile = (Path(__file__).parents[3] / "Makefile").read_text("utf-8")
    assert f"\nLAMBDA_PYTHON ?= {interpreter.LAMBDA}\n" in makefile
