"""Whole rotations of MySQL's and MariaDB's secrets, through the handler of the function's own app.py."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support.cuts import Cut, Scissors, cutting

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre

COSTS = {
    ("mysql", "retained-password"): (8, 3),
    ("mysql", "retained-password-by-admin"): (9, 4),
    ("mysql", "alternating-users"): (9, 3),
    ("mysql", "single-user"): (9, 3),
    ("mysql", "single-user-by-admin"): (11, 4),
    ("mariadb", "alternating-users"): (9, 3),
    ("mariadb", "single-user"): (9, 3),
    ("mariadb", "single-user-by-admin"): (11, 4),
}
"""Calls and logins (design, "The calls"); RetainedPassword with its last look."""

numbers = itertools.count()


class Play(NamedTuple):
    """A stage, and a strategy that is played on it."""

    theatre: Theatre
    engine: str
    strategy: str

    def application(self) -> Application:
        """Bring a new application onto the stage."""
        return self.theatre.application(f"e2e_{next(numbers)}", self.strategy)


@pytest.fixture(params=COSTS, ids="-".join)
def play(request: pytest.FixtureRequest) -> Play:
    """Give each strategy on each server."""
    engine, strategy = request.param
    return Play(request.getfixturevalue(f"{engine}_theatre"), engine, strategy)


class TestEveryStrategy:
    def test_keeps_the_application_working_rotation_after_rotation(self, play: Play) -> None:
        """After each of four rotations AWSCURRENT has a new password and all of the application's rights."""
        shop = play.application()
        passwords = {shop.secret()["password"]}
        for _ in range(4):
            result = shop.rotate()
            assert result.succeeded, [str(step.error) for step in result.steps]
            shop.work()
            passwords.add(shop.secret()["password"])
        assert len(passwords) == 5

    def test_costs_what_the_design_says(self, play: Play) -> None:
        """A rotation makes so many calls and logins, and no login fails."""
        shop = play.application()
        assert shop.rotate().succeeded
        for turn in range(2):
            mark = play.theatre.scene.mark()
            result = shop.rotate()
            accepted, refused = play.theatre.scene.logins(mark)
            calls, logins = COSTS[play.engine, play.strategy]
            if (play.engine, play.strategy, turn) == ("mariadb", "alternating-users", 0):
                # the base gets its mark when it is first promoted; until then AWSPREVIOUS proves it
                calls, logins = calls + 1, logins + 1
            assert (len(result.calls), accepted, refused) == (calls, logins, 0), turn

    def test_leaves_no_password_in_a_log(self, play: Play) -> None:
        """With the general log on neither it nor the function's log holds a password ever stored."""
        shop = play.application()
        for _ in range(2):
            assert shop.rotate().succeeded
        assert "SET PASSWORD" in play.theatre.scene.log_text() or "ALTER USER" in play.theatre.scene.log_text()
        assert len(play.theatre.emulator.stored_passwords()) > 2
        assert play.theatre.leaked() == []

    def test_changes_nothing_in_a_dry_run(self, play: Play) -> None:
        """RotateImmediately=false leaves credential, labels and users as they were, and a rotation still works."""
        shop = play.application()
        before = (shop.secret(), play.theatre.emulator.labels(shop.arn))
        result = play.theatre.player.dry_run(shop.arn)
        assert result.succeeded
        assert (shop.secret(), play.theatre.emulator.labels(shop.arn)) == before
        assert shop.rotate().succeeded

    def test_ends_a_leaked_password_at_once(self, play: Play) -> None:
        """After a revocation AWSPREVIOUS's password is refused, AWSCURRENT works, and the next rotation does."""
        shop = play.application()
        assert shop.rotate().succeeded
        leaked = shop.secret("AWSPREVIOUS")
        for _ in range(2):
            shop.revoke()
            assert not shop.is_accepted(leaked)
        shop.work()
        assert shop.rotate().succeeded
        shop.work()

    def test_completes_when_each_step_arrives_twice(self, play: Play) -> None:
        """Twins of a step, one after the other or together, do no harm."""
        shop = play.application()
        for together in (False, True):
            for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
                play.theatre.emulator.faults.deliver_twice(step, together=together)
            result = shop.rotate()
            play.theatre.emulator.faults.clear()
            assert result.succeeded or play.theatre.player.retry(shop.arn).succeeded, result
            shop.work()


@pytest.mark.parametrize("strategy", ["retained-password", "retained-password-by-admin", "alternating-users"])
def test_a_secret_that_was_read_once_logs_in_until_the_next_rotation(mysql_theatre: Theatre, strategy: str) -> None:
    """Clients that cache are not rejected, also where rotations are abandoned in between."""
    shop = mysql_theatre.application(f"e2e_{next(numbers)}", strategy)
    for _ in range(3):
        kept = shop.secret()
        token = _begun(shop)
        assert shop.is_accepted(kept), token
        mysql_theatre.player.abandon(shop.arn)
        assert shop.rotate().succeeded
        assert shop.is_accepted(kept)
        shop.work()


def test_without_the_right_to_two_passwords_the_change_is_late(mysql_theatre: Theatre) -> None:
    """The function falls back to the late cutover, says why, and fails no login."""
    user = f"e2e_{next(numbers)}"
    shop = mysql_theatre.application(user, "retained-password")
    _as_root(mysql_theatre, f"REVOKE APPLICATION_PASSWORD_ADMIN ON *.* FROM {user}")
    for turn in range(3):
        mark = mysql_theatre.scene.mark()
        old = shop.secret()
        result = shop.rotate()
        assert result.succeeded, [str(step.error) for step in result.steps]
        accepted, refused = mysql_theatre.scene.logins(mark)
        assert (len(result.calls), accepted, refused) == (11, 4, 0), turn
        assert not shop.is_accepted(old)
        shop.work()
    assert "GRANT APPLICATION_PASSWORD_ADMIN" in mysql_theatre.function_log.getvalue()


def _begun(shop: Application) -> str:
    """Begin a rotation, and cut it before testSecret's login."""
    scissors = Scissors(6)
    with cutting(scissors), contextlib.suppress(Cut):
        shop.rotate()
    assert scissors.fired
    return scissors.trace[-1]


def _as_root(theatre: Theatre, statement: str) -> None:
    server: Any = theatre.scene._server  # type: ignore[attr-defined]  # noqa: SLF001 the scene's own
    server.execute(statement, quiet=True)
