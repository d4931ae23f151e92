"""A replica is promoted on real servers, by the real function; the function of the Region that was left comes back."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import NotOurs, NoWorkingCredential, RotationError
from tests.lab.cutting import other_region
from tests.lab.cutting.other_people import abandon, attempt, complete
from tests.support.crashes.cuts import After, Cut, Scissors
from tests.support.crashes.effects import CUTTING

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre

MOST: Final = 90
KINDS: Final = (
    ("postgresql", "alternating-users"),
    ("mysql", "alternating-users"),
    ("mysql", "retained-password"),
    ("documentdb", "alternating-users"),
    ("postgresql", "single-user"),
    *(
        pytest.param(*kind, marks=pytest.mark.exhaustive)
        for kind in (
            ("mariadb", "alternating-users"),
            ("redshift", "alternating-users"),
            ("documentdb", "single-user"),
            ("mysql", "retained-password-by-admin"),
            ("postgresql", "single-user-by-admin"),
        )
    ),
)
_numbers = itertools.count()


def rotated(request: pytest.FixtureRequest, engine: str, strategy: str) -> Application:
    """Bring an application onto the engine's stage, and rotate it once."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    application = theatre.application(f"moved_{next(_numbers)}", strategy)
    assert application.rotate().succeeded
    return application


def require_fenced(application: Application, there: Application) -> None:
    """Let the old Region's function rotate: it is refused, and AWSCURRENT of the other Region logs in as before."""
    abandon(application)
    error = attempt(application)
    assert isinstance(error, NotOurs | NoWorkingCredential), error
    assert there.is_accepted(there.secret())
    there.work()


def require_nothing_revoked(application: Application, there: Application) -> None:
    """Let the old Region's function revoke, while what it knows may still be accepted: that ends nothing here."""
    with contextlib.suppress(RotationError):
        application.revoke()
    assert there.is_accepted(there.secret())


@pytest.mark.parametrize(("engine", "strategy"), KINDS)
def test_a_promoted_secret_is_rotated_there_and_nowhere_else(
    request: pytest.FixtureRequest, engine: str, strategy: str
) -> None:
    """A dry run writes nothing, neither there nor on the server; then it is promoted, rotated, and fenced."""
    application = rotated(request, engine, strategy)
    there = other_region.beside(application)
    emulator, labels = there.theatre.emulator, there.theatre.emulator.labels(there.arn)
    calls = len(emulator.calls())
    scissors = Scissors(MOST)
    with CUTTING[engine](scissors):
        assert other_region.promote(there, dry_run=True)["dryRun"]
    told = {line.partition(" ")[2] for line in scissors.trace}
    assert not told & {"ALTER", "CREATE", "DROP", "GRANT", "COMMENT", "updateUser", "createUser"}
    operations = {call.operation for call in emulator.calls()[calls:]}
    assert operations <= {"DescribeSecret", "GetSecretValue", "GetResourcePolicy", "ListSecretVersionIds"}
    assert emulator.labels(there.arn) == labels
    answer = other_region.promote(there)
    assert answer["chosen"]["label"] == "AWSCURRENT"
    assert there.is_accepted(there.secret())
    other_region.play(there)
    require_nothing_revoked(application, there)
    complete(there)
    require_fenced(application, there)
    complete(there)
    assert there.theatre.leaked() == []


def killed(request: pytest.FixtureRequest, engine: str, strategy: str, scissors: Scissors) -> None:
    """Kill a promotion, and let another one complete it; then it is rotated there, and nowhere else."""
    application = rotated(request, engine, strategy)
    there = other_region.beside(application)
    with CUTTING[engine](scissors), contextlib.suppress(Cut):
        other_region.promote(there)
    other_region.promote(there)
    other_region.play(there)
    complete(there)
    require_fenced(application, there)


@pytest.mark.parametrize(
    ("engine", "strategy", "effect"),
    [
        ("mysql", "alternating-users", "ALTER"),
        ("mariadb", "alternating-users", "StopReplicationToReplica"),
        ("redshift", "alternating-users", "TagResource"),
    ],
)
def test_a_promotion_of_a_pair_that_is_killed_behind_the_cut_is_completed(
    request: pytest.FixtureRequest, engine: str, strategy: str, effect: str
) -> None:
    """The link is cut, and the accounts are marked in part, or not at all."""
    scissors = After(effect)
    killed(request, engine, strategy, scissors)
    assert scissors.fired, scissors.trace


@pytest.mark.exhaustive
@pytest.mark.parametrize(("engine", "strategy"), KINDS)
def test_a_promotion_that_is_killed_on_a_server_is_completed(
    request: pytest.FixtureRequest, engine: str, strategy: str
) -> None:
    """After each call, login and statement."""
    for at in range(1, MOST):
        scissors = Scissors(at)
        killed(request, engine, strategy, scissors)
        if at > scissors.count:
            return
    raise AssertionError(scissors.trace)
