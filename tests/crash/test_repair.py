"""A password that nobody knows any more, set anew by the admin where that is allowed: on each real server."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest

from rotation.errors import NoWorkingCredential
from tests.lab.cutting.other_people import attempt
from tests.lab.cutting.sights import sight_of_application
from tests.support.crashes.invariants import require_kept
from tests.support.guides import pages

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre

ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/database-a1B2c3"
"""The ARN that the guides show."""

MARKING: Final = "COMMENT ON ROLE shop"
"""How the statement of the guides begins that marks a user by hand."""

PLAYS: Final = [
    (engine, strategy, rotations)
    for engine, strategy in (
        ("postgresql", "alternating-users"),
        ("postgresql", "single-user-by-admin"),
        ("documentdb", "alternating-users"),
        ("mariadb", "alternating-users"),
        ("redshift", "alternating-users"),
    )
    for rotations in (1, 2)
]
"""Where only an admin can write marks."""

NO_PROOF: Final = [
    ("mysql", "alternating-users"),
    ("mysql", "retained-password-by-admin"),
]
"""Where users can write the marks of their own accounts."""

_numbers = itertools.count()


def _server(application: Application) -> Any:  # noqa: ANN401 each engine's own
    return application.theatre.scene._server  # type: ignore[attr-defined] # noqa: SLF001 it has what a DBA uses


def mark_by_hand(application: Application) -> None:
    """Write the mark as docs/runbook.md says."""
    user = application.secret()["username"]
    _server(application).execute(pages.line(MARKING).replace("shop", user).replace(ARN, application.arn))


def lose(application: Application) -> None:
    """Change the passwords of all users, and tell nobody."""
    for user in {it["username"] for it in application.versions()}:
        application.theatre.scene.set_password(user, secrets.token_urlsafe(18))
    if application.strategy.startswith("retained"):
        user = application.secret()["username"]
        _server(application).execute(f"ALTER USER '{user}'@'%' DISCARD OLD PASSWORD")


@pytest.mark.parametrize(("engine", "strategy", "rotations"), PLAYS)
def test_an_admin_sets_a_password_that_nobody_knows_where_it_may(
    request: pytest.FixtureRequest, engine: str, strategy: str, rotations: int
) -> None:
    """Without the setting nothing is changed; with it the rotation completes, counted, and the next is as any other."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    application = theatre.application(f"lost_{next(_numbers)}", strategy)
    for _ in range(rotations):
        assert application.rotate().succeeded
    if strategy == "single-user-by-admin":
        mark_by_hand(application)
    lose(application)
    before = application.secret()
    assert isinstance(attempt(application), NoWorkingCredential)
    assert application.secret() == before
    handler: Any = theatre.handler
    logged = len(theatre.function_log.getvalue())
    with mock.patch.object(handler, "_settings", replace(handler._settings, repair_by_admin=True)):  # noqa: SLF001
        assert (error := attempt(application)) is None, error
    assert '"by-admin"' in theatre.function_log.getvalue()[logged:]
    require_kept(sight_of_application(application))
    assert application.rotate().succeeded
    require_kept(sight_of_application(application))
    assert theatre.leaked() == []


@pytest.mark.parametrize(("engine", "strategy"), NO_PROOF)
def test_a_mark_that_users_can_write_lets_nobody_in(request: pytest.FixtureRequest, engine: str, strategy: str) -> None:
    """Whoever had a password once could have written it: the error says so, and nothing is changed."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    application = theatre.application(f"lost_{next(_numbers)}", strategy)
    assert application.rotate().succeeded
    lose(application)
    handler: Any = theatre.handler
    with mock.patch.object(handler, "_settings", replace(handler._settings, repair_by_admin=True)):  # noqa: SLF001
        error = attempt(application)
    assert "the user itself can write the mark" in str(error)
    assert not any(application.is_accepted(version) for version in application.versions())
