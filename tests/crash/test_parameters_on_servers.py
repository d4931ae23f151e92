"""Credentials that are parameters rotate on the real server of every engine, with each of its strategies."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import pytest

from rotation.engines import ENGINES
from tests.lab import documentdb, mariadb, mysql, postgresql, redshift
from tests.lab.beside_secrets import beside, require_rotated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.theatre import Theatre

STAGES: Final = {
    "mysql": ("mysql", mysql.STRATEGIES),
    "mariadb": ("mariadb", mariadb.STRATEGIES),
    "postgres": ("postgresql", postgresql.STRATEGIES),
    "postgresql": ("postgresql", postgresql.STRATEGIES),
    "redshift": ("redshift", redshift.STRATEGIES),
    "mongo": ("documentdb", documentdb.STRATEGIES),
    "docdb": ("documentdb", documentdb.STRATEGIES),
    "documentdb": ("documentdb", documentdb.STRATEGIES),
}
"""On whose stage each engine is played; Aurora has clusters (tests/crash/test_aurora.py)."""

_numbers = itertools.count()


def kinds() -> Iterator[object]:
    """Return each engine of the library with each strategy; `make test` plays two users on each stage."""
    for name in (it for it in ENGINES if not it.startswith("aurora")):
        stage, strategies = STAGES[name]
        for strategy in strategies:
            usual = name == stage and strategy == "alternating-users"
            marks = () if usual else pytest.mark.exhaustive
            yield pytest.param(name, stage, strategy, id=f"{name}-{strategy}", marks=marks)


@pytest.mark.parametrize(("engine", "stage", "strategy"), [*kinds()])
def test_a_parameter_rotates(request: pytest.FixtureRequest, engine: str, stage: str, strategy: str) -> None:
    """What readers have then logs in, with all rights, and no password stands in a log."""
    theatre: Theatre = request.getfixturevalue(f"{stage}_theatre")
    with beside(theatre, engine) as there:
        require_rotated(there, f"kept_{next(_numbers)}", strategy)
