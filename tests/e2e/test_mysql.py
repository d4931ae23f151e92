"""Whole rotations of MySQL's and MariaDB's secrets, through the handler of the function's own app.py."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from rotation.engines.mysql.session import MySQLSession
from tests.bench import growth
from tests.lab.mirrored import beside_readers
from tests.lab.mysql import connected
from tests.lab.nightly import BESIDE_CLIENTS
from tests.support.crashes.cuts import Cut, Scissors, cutting

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.lab.theatre import Application, Theatre
    from tests.support.emulators.secretsmanager.rotation import StepResult

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

STATEMENTS = {
    ("mysql", "retained-password"): 10,
    ("mysql", "retained-password-by-admin"): 20,
    ("mysql", "alternating-users"): 33,
    ("mysql", "single-user"): 11,
    ("mysql", "single-user-by-admin"): 27,
    ("mariadb", "alternating-users"): 47,
    ("mariadb", "single-user"): 11,
    ("mariadb", "single-user-by-admin"): 30,
}
"""The most statements of a rotation in which nothing has to be levelled."""

REPEATED = max(1, BESIDE_CLIENTS // 10)

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
    """Return each strategy on each server."""
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
        """A rotation makes so many calls and logins, also the first to promote either user; none fails."""
        shop = play.application()
        for turn in range(4):
            mark = play.theatre.scene.mark()
            result = shop.rotate()
            accepted, refused = play.theatre.scene.logins(mark)
            assert (len(result.calls), accepted, refused) == (*COSTS[play.engine, play.strategy], 0), turn
            assert not turn or growth.said(play.theatre.scene.log_text(mark)) <= STATEMENTS[play.engine, play.strategy]

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


OVERLAPPING = [play for play in COSTS if not play[1].startswith("single-user")]
"""The strategies that reject no client, not even one that keeps what it read."""


@pytest.mark.parametrize(("engine", "strategy"), OVERLAPPING)
class TestClients:
    def test_that_read_each_time_are_never_rejected(
        self, request: pytest.FixtureRequest, engine: str, strategy: str
    ) -> None:
        """In all rotations a client that reads AWSCURRENT before each login is rejected not once."""
        shop = _play(request, engine, strategy).application()
        seen = shop.rotate_beside_client(BESIDE_CLIENTS)
        assert seen.logins > BESIDE_CLIENTS
        assert seen.rejected == 0

    def test_that_keep_the_secret_until_the_next_rotation_are_never_rejected(
        self, request: pytest.FixtureRequest, engine: str, strategy: str
    ) -> None:
        """What was read after one rotation logs in after each step of the next; the one after that may end it."""
        shop = _play(request, engine, strategy).application()
        for _ in range(REPEATED):
            kept = shop.secret()
            assert _accepted_after_each_step(shop, kept) == [True] * 4

    def test_are_not_rejected_where_rotations_are_abandoned_in_between(
        self, request: pytest.FixtureRequest, engine: str, strategy: str
    ) -> None:
        """Each rotation is begun, given up after setSecret, and done anew: neither sort of client is rejected."""
        shop = _play(request, engine, strategy).application()
        with shop.clients() as client:
            for _ in range(REPEATED):
                kept = shop.secret()
                assert _abandoned_after_set(shop) == "setSecret"
                assert shop.is_accepted(kept)
                shop.await_client()
                assert shop.rotate().succeeded
                shop.await_client()
                assert shop.is_accepted(kept)
        assert client.seen.logins > 2 * REPEATED
        assert client.seen.rejected == 0
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


MIRRORED = [
    "retained-password",
    pytest.param("alternating-users", marks=pytest.mark.exhaustive),
    pytest.param("retained-password-by-admin", marks=pytest.mark.exhaustive),
]


@pytest.mark.parametrize("strategy", MIRRORED)
def test_clients_that_read_mirrors_are_never_rejected(mysql_theatre: Theatre, strategy: str) -> None:
    """As JSON, as a connection string, or as the password of a tree: read before each login, or cached."""
    seen = beside_readers(mysql_theatre.application(f"e2e_{next(numbers)}", strategy), 2)
    assert len(seen) >= (2 if strategy == "alternating-users" else 3)
    assert {name: it.rejected for name, it in seen.items() if it.rejected} == {}
    assert mysql_theatre.leaked() == []


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


@pytest.mark.parametrize("strategy", ["retained-password", "single-user", "alternating-users"])
def test_a_user_that_may_have_one_session(request: pytest.FixtureRequest, strategy: str) -> None:
    """MAX_USER_CONNECTIONS 1: the refusal of a second session proves the password, whichever strategy asks."""
    play = _play(request, "mysql", strategy)
    shop = play.application()
    _as_root(play.theatre, f"ALTER USER {shop.secret()['username']} WITH MAX_USER_CONNECTIONS 1")
    for _ in range(2):
        kept = shop.secret()
        result = shop.rotate()
        assert result.succeeded, [str(step.error) for step in result.steps]
        assert shop.is_accepted(kept) or strategy == "single-user"


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
@pytest.mark.parametrize("strategy", ["alternating-users", "single-user", "single-user-by-admin"])
def test_a_lock_that_anybody_holds_stops_nothing(request: pytest.FixtureRequest, engine: str, strategy: str) -> None:
    """Any login can take it: the rotation and the revocation go on, and the log names the holder where it is seen."""
    play = _play(request, engine, strategy)
    shop, mallory = play.application(), play.application().secret()
    user, since = shop.secret()["username"], len(play.theatre.function_log.getvalue())
    name = f"rotation-{hashlib.sha256(f'rotation of {user}'.encode()).hexdigest()[:48]}"
    with closing(connected(mallory, str(play.theatre.scene.bundle))) as other, other.cursor() as cursor:
        cursor.execute(f"SELECT GET_LOCK('{name}', 0)")
        assert cursor.fetchone() == (1,)
        for _ in range(2):
            kept = shop.secret()
            assert shop.rotate().succeeded
            shop.work()
        shop.revoke()
        assert not shop.is_accepted(kept)
        assert shop.is_accepted(shop.secret())
    told = play.theatre.function_log.getvalue()[since:]
    assert "Going on without the lock" in told
    assert mallory["username"] in told or strategy != "alternating-users"


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
class TestOtherPeoplesUsers:
    """Whoever knows a user's password once, and has a secret of the same function, gets nothing of the admin."""

    def test_a_marked_user_is_not_changed_for_another_secret(self, request: pytest.FixtureRequest, engine: str) -> None:
        """Neither user of a pair, by whatever strategy; and its own secret goes on rotating."""
        play = _play(request, engine, "alternating-users")
        shop = play.application()
        for _ in range(2):
            assert shop.rotate().succeeded
            known = shop.secret()
            for strategy in ("single-user", "alternating-users"):
                thief = _secret_of(play.theatre, known, strategy)
                error = play.theatre.player.rotate(thief).steps[-1].error
                assert type(error).__name__ == "NotOurs", error
                assert shop.is_accepted(known)
                assert not _as_root(play.theatre, "SELECT User FROM mysql.user WHERE User LIKE '%_clone_clone'")

    def test_what_a_user_wrote_of_itself_gives_nothing_away(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, engine: str
    ) -> None:
        """The repair by the admin goes by what an admin alone can write; on MySQL a user writes its own ATTRIBUTE."""
        play = _play(request, engine, "single-user-by-admin")
        theatre, shop = play.theatre, play.application()
        leaked = shop.secret()
        thief = _secret_of(theatre, {**leaked, "password": "I do not know it"}, "single-user")
        if engine == "mysql":
            mark = json.dumps({"aws-rotation": {"secret": thief, "base": leaked["username"], "version": ""}})
            same = f"BY '{leaked['password']}' REPLACE '{leaked['password']}'"
            with closing(connected(leaked, str(theatre.scene.bundle))) as own, own.cursor() as cursor:
                cursor.execute(f"ALTER USER CURRENT_USER() IDENTIFIED {same} ATTRIBUTE '{mark}'")
        environment = {**theatre.environment(), "REPAIR_BY_ADMIN": "true"}
        monkeypatch.setattr(theatre, "environment", lambda: environment)
        monkeypatch.setattr(theatre, "handler", theatre.load())
        error = theatre.player.rotate(thief).steps[-1].error
        assert type(error).__name__ == "NoWorkingCredential", error
        assert shop.is_accepted(leaked)
        assert not shop.is_accepted(json.loads(str(theatre.emulator.value(thief))))


class TestMovingOver:
    """Secrets of AWS's functions for alternating users: `user`@'%' and `user_clone`@'%', no marks."""

    @pytest.mark.parametrize("engine", ["mysql", "mariadb"])
    @pytest.mark.parametrize("earlier", [0, 1, 2, 3])
    def test_a_secret_goes_on_rotating(self, request: pytest.FixtureRequest, engine: str, earlier: int) -> None:
        """However often theirs rotated it, ours takes over, and the application keeps all of its rights."""
        shop = _play(request, engine, "alternating-users").application()
        user = shop.secret()["username"]
        for _ in range(earlier):
            _rotate_as_theirs(shop)
        names = [shop.secret()["username"]]
        assert "rotationRecord" not in shop.secret()
        for _ in range(3):
            kept = shop.secret()
            result = shop.rotate()
            assert result.succeeded, [str(step.error) for step in result.steps]
            assert shop.is_accepted(kept)
            shop.work()
            names.append(shop.secret()["username"])
        assert names == list(itertools.islice(itertools.cycle((user, f"{user}_clone")), earlier % 2, earlier % 2 + 4))

    @pytest.mark.parametrize("engine", ["mysql", "mariadb"])
    def test_a_secret_can_go_back_and_forth(self, request: pytest.FixtureRequest, engine: str) -> None:
        """Every key of theirs but user name and password stays as it was, and either goes on after the other."""
        shop = _play(request, engine, "alternating-users").application()
        before = shop.secret()
        for theirs in (True, False, True, True, False, False, True, False):
            kept = shop.secret()
            if theirs:
                _rotate_as_theirs(shop)
            else:
                result = shop.rotate()
                assert result.succeeded, [str(step.error) for step in result.steps]
            after = shop.secret()
            changing = dict.fromkeys(("username", "password", "rotationRecord"), "")
            assert {**after, **changing} == {**before, **changing}
            assert after["username"] != kept["username"]
            assert shop.is_accepted(kept)
            shop.work()

    @pytest.mark.parametrize("engine", ["mysql", "mariadb"])
    def test_a_clone_that_no_label_names_is_left_alone(self, request: pytest.FixtureRequest, engine: str) -> None:
        """An account of the clone's name alone proves nothing: the message names the setting that adopts it."""
        play = _play(request, engine, "alternating-users")
        shop, other = play.application(), play.application()
        clone = {**other.secret(), "username": f"{shop.secret()['username']}_clone"}
        _as_root(play.theatre, f"RENAME USER {other.secret()['username']} TO {clone['username']}")
        result = shop.rotate()
        assert type(result.steps[-1].error).__name__ == "NotOurs"
        assert "ADOPT_UNMARKED_CLONES" in str(result.steps[-1].error)
        assert shop.is_accepted(clone)
        shop.work()

    @pytest.mark.parametrize("engine", ["mysql", "mariadb"])
    def test_a_clone_that_no_label_names_is_adopted_where_that_is_set(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, engine: str
    ) -> None:
        """ADOPT_UNMARKED_CLONES takes it over once: level, marked, and known without the setting from then on."""
        theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
        shop, other = (_play(request, engine, "alternating-users").application() for _ in range(2))
        name = f"{shop.secret()['username']}_clone"
        _as_root(theatre, f"RENAME USER {other.secret()['username']} TO {name}")
        with monkeypatch.context() as adopting:
            environment = {**theatre.environment(), "ADOPT_UNMARKED_CLONES": "true"}
            adopting.setattr(theatre, "environment", lambda: environment)
            adopting.setattr(theatre, "handler", theatre.load())
            assert shop.rotate().succeeded
        assert shop.secret()["username"] == name
        shop.work()
        others = f"own_{other.secret()['username']}"
        assert not any(others in str(row) for row in _as_root(theatre, f"SHOW GRANTS FOR {name}"))
        for _ in range(2):
            assert shop.rotate().succeeded
            shop.work()


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
@pytest.mark.parametrize("earlier", [0, 1, 2, 3])
@pytest.mark.parametrize("others", [1, 2])
def test_a_late_delivery_of_an_abandoned_token_changes_nothing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, engine: str, earlier: int, others: int
) -> None:
    """A setSecret that stood still before the lock, while others rotated, finds under the lock that they did."""
    shop = _play(request, engine, "alternating-users").application()
    assert all(shop.rotate().succeeded for _ in range(earlier))
    lock = MySQLSession.lock
    rotated: list[bool] = []

    def late(session: MySQLSession, name: str, holders: Collection[str]) -> bool:
        monkeypatch.setattr(MySQLSession, "lock", lock)
        shop.theatre.player.abandon(shop.arn)
        rotated.extend(shop.rotate().succeeded for _ in range(others))
        return lock(session, name, holders)

    monkeypatch.setattr(MySQLSession, "lock", late)
    result = shop.rotate()
    assert rotated == [True] * others
    assert type(result.steps[-1].error).__name__ == "RotationRefused"
    shop.work()
    assert shop.is_accepted(shop.secret("AWSPREVIOUS"))
    assert shop.rotate().succeeded


def _rotate_as_theirs(shop: Application) -> None:
    """
    Do to accounts and secret what AWS's functions for alternating users do (their repository, February 2025).

    They copy what stands before TO in each grant, so that no right to pass on comes along, and no limit. On MariaDB
    each of these grants sets the password, and the mark of the one user is among them: a role, which the admin that
    made it may pass on. Accounts are named without a host part.
    """
    secret = shop.secret()
    base = secret["username"].removesuffix("_clone")
    other = f"{base}_clone" if secret["username"] == base else base
    password = f"theirs-{uuid.uuid4()}"
    on_mariadb = shop.theatre.scene.engine == "mariadb"
    if not on_mariadb and not _as_root(shop.theatre, f"SELECT User FROM mysql.user WHERE User = '{other}'"):
        _as_root(shop.theatre, f"CREATE USER '{other}' IDENTIFIED BY '{password}'")
    for (grant,) in _as_root(shop.theatre, f"SHOW GRANTS FOR '{secret['username']}'"):
        what, setting = str(grant).split(" TO ")[0], f" IDENTIFIED BY '{password}'" if on_mariadb else ""
        if " ON " in what:
            _as_root(shop.theatre, f"{what} TO '{other}'{setting}")  # out of the log, for the password
        else:
            _as_admin(shop.theatre, f"{what} TO '{other}'")
    ((kind,),) = _as_root(shop.theatre, f"SELECT ssl_type FROM mysql.user WHERE User = '{secret['username']}'")
    _as_root(shop.theatre, f"ALTER USER '{other}'@'%' REQUIRE {'SSL' if kind in {'ANY', b'ANY'} else 'NONE'}")
    if not on_mariadb:
        _as_root(shop.theatre, f"SET PASSWORD FOR '{other}' = '{password}'")
    value = json.dumps({**secret, "username": other, "password": password})
    put = {"SecretId": shop.arn, "ClientRequestToken": str(uuid.uuid4()), "SecretString": value}
    shop.theatre.emulator.execute("PutSecretValue", put)


def _play(request: pytest.FixtureRequest, engine: str, strategy: str) -> Play:
    return Play(request.getfixturevalue(f"{engine}_theatre"), engine, strategy)


def _accepted_after_each_step(shop: Application, kept: dict[str, Any]) -> list[bool]:
    """Rotate, and say after each step whether a credential still logs in."""
    seen: list[bool] = []
    assert shop.rotate(lambda _: seen.append(shop.is_accepted(kept))).succeeded
    return seen


def _abandoned_after_set(shop: Application) -> str:
    """Begin a rotation, cut it once setSecret is done, and give the token up; say which step was the last."""
    steps: list[str] = []

    def cut(step: StepResult) -> None:
        steps.append(step.step)
        if step.step == "setSecret":
            raise Cut

    with contextlib.suppress(Cut):
        shop.rotate(cut)
    shop.theatre.player.abandon(shop.arn)
    return steps[-1]


def _begun(shop: Application) -> str:
    """Begin a rotation, and cut it before testSecret's login."""
    scissors = Scissors(6)
    with cutting(scissors), contextlib.suppress(Cut):
        shop.rotate()
    assert scissors.fired
    return scissors.trace[-1]


def _secret_of(theatre: Theatre, known: dict[str, Any], strategy: str) -> str:
    """Make another secret about a user whose password is known."""
    kept = {key: known[key] for key in ("dbname",) if key in known}
    return theatre.create_secret(
        f"thief-{uuid.uuid4()}",
        known["username"],
        known["password"],
        masterarn=theatre.admin_arn,
        rotation={"strategy": strategy},
        **kept,
    )


def _as_admin(theatre: Theatre, statement: str) -> None:
    admin = json.loads(str(theatre.emulator.value(theatre.admin_arn)))
    with closing(connected(admin, str(theatre.scene.bundle))) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def _as_root(theatre: Theatre, statement: str) -> list[tuple[Any, ...]]:
    server: Any = theatre.scene._server  # type: ignore[attr-defined]  # noqa: SLF001 the scene's own
    rows: list[tuple[Any, ...]] = server.execute(statement, quiet=True)
    return rows
