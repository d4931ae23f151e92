"""An application whose pool holds all connections that its user may have: what rotates all the same, and what waits."""

from __future__ import annotations

import itertools
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import AccountUnusable
from tests.lab import mysql, postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from tests.lab.theatre import Application, Theatre

BY_ADMIN = [
    ("postgresql", "alternating-users"),
    ("postgresql", "single-user-by-admin"),
    ("mysql", "alternating-users"),
    ("mysql", "single-user-by-admin"),
    ("mysql", "retained-password-by-admin"),
    ("mariadb", "alternating-users"),
    ("mariadb", "single-user-by-admin"),
]
BY_ITSELF = [
    ("postgresql", "single-user"),
    ("mysql", "single-user"),
    ("mysql", "retained-password"),
    ("mariadb", "single-user"),
]

numbers = itertools.count()


@pytest.fixture
def application(request: pytest.FixtureRequest) -> Application:
    """Return an application of each strategy on each server."""
    engine, strategy = request.param
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    return theatre.application(f"pool_{next(numbers)}", strategy)


@contextmanager
def full_pool(application: Application) -> Iterator[None]:
    """Hold the one connection that the user may have: the server refuses its next login for that limit alone."""
    secret, scene = application.secret(), application.theatre.scene
    with session(application, secret):
        scene.limit(secret["username"], 1)
        yield
    scene.limit(secret["username"], 50)


def session(application: Application, secret: dict[str, Any]) -> AbstractContextManager[Any]:
    scene = application.theatre.scene
    if scene.engine == "postgres":
        return postgresql.connected(secret, str(scene.bundle))
    return closing(mysql.connected(secret, str(scene.bundle)))


@pytest.mark.parametrize("application", BY_ADMIN, indirect=True, ids="-".join)
def test_an_admin_rotates_while_the_pool_is_full(application: Application) -> None:
    """The refusal for the limit proves AWSCURRENT, in the dry run and in a revocation too."""
    for _ in range(2):
        with full_pool(application):
            dry = application.theatre.player.dry_run(application.arn)
            assert dry.succeeded, dry.steps[-1].error
            before = application.secret()
            result = application.rotate()
            assert result.succeeded, result.steps[-1].error
            assert application.secret()["password"] != before["password"]
        assert application.is_accepted(application.secret())
        application.work()
    with full_pool(application):
        leaked = application.secret("AWSPREVIOUS")
        application.revoke()
    assert not application.is_accepted(leaked)
    assert application.is_accepted(application.secret())


@pytest.mark.parametrize("application", BY_ITSELF, indirect=True, ids="-".join)
def test_a_user_that_changes_its_own_password_waits_for_room(application: Application) -> None:
    """It needs one session. The error says so, nothing is changed, and the retry completes."""
    with full_pool(application):
        before = application.secret()
        player = application.theatre.player
        for result in (player.dry_run(application.arn), application.rotate()):
            error = result.steps[-1].error
            assert isinstance(error, AccountUnusable), error
            assert error.retryable
            assert "room for one login of this function" in error.remedy
        assert application.secret() == before
    assert application.is_accepted(before)
    retried = application.theatre.player.retry(application.arn)
    assert retried.succeeded, retried.steps[-1].error
    assert application.is_accepted(application.secret())
