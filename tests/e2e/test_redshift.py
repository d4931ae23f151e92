"""Whole rotations of Redshift's secrets, through the handler of the function's own app.py and the stand-in."""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg2
import pytest

from rotation.engines.redshift.session import RedshiftSession
from rotation.errors import AccessMismatch, RotationRefused
from tests.lab import redshift
from tests.lab.nightly import NIGHTLY
from tests.lab.theatre import Theatre, emulated
from tests.support.emulators.redshift.server import DATABASE, RedshiftServer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tests.lab.theatre import Application
    from tests.support.servers.tls import Authority

COSTS = {"alternating-users": (9, 3), "single-user": (9, 3), "single-user-by-admin": (11, 4)}
"""Calls and logins (design, "The calls")."""

numbers = itertools.count()


@pytest.fixture(scope="module")
def theatre(authority: Authority) -> Iterator[Theatre]:
    """Return the stand-in, the emulated Secrets Manager, and the function between them."""
    with redshift.provide(authority) as scene, emulated() as emulator:
        yield Theatre(redshift, scene, emulator)


@pytest.fixture(params=COSTS)
def shop(request: pytest.FixtureRequest, theatre: Theatre) -> Application:
    """Bring an application of each strategy onto the stage."""
    return theatre.application(f"e2e_{next(numbers)}", request.param)


def test_an_application_keeps_working_rotation_after_rotation(shop: Application) -> None:
    """After each of four rotations AWSCURRENT has a new password and all of the application's rights."""
    passwords = {shop.secret()["password"]}
    for _ in range(4):
        result = shop.rotate()
        assert result.succeeded, [str(step.error) for step in result.steps]
        shop.work()
        passwords.add(shop.secret()["password"])
    assert len(passwords) == 5


def test_a_rotation_costs_what_the_design_says(shop: Application, theatre: Theatre) -> None:
    """It makes so many calls and logins, and no login fails: from the first rotation on."""
    for turn in range(4):
        mark = theatre.scene.mark()
        result = shop.rotate()
        accepted, refused = theatre.scene.logins(mark)
        assert (len(result.calls), accepted, refused) == (*COSTS[shop.strategy], 0), turn


class ByMd5(redshift.RedshiftScene):
    """Where users were made by a clear password, which Redshift keeps as md5 (Developer Guide, "CREATE USER")."""

    def prepare(self, user: str, password: str, admin: str) -> None:
        super().prepare(user, password, admin)
        self.set_password(user, password)

    def set_password(self, user: str, password: str) -> None:
        kept = hashlib.md5(f"{password}{user}".encode(), usedforsecurity=False).hexdigest()
        self._server.execute(f"ALTER USER {user} PASSWORD 'md5{kept}'")


def as_psql_does(secret: Mapping[str, Any]) -> str:
    """Log in as clients do that speak PostgreSQL's protocol, and return what they say."""
    names = {"user": secret["username"], "password": secret["password"], "dbname": secret["dbname"]}
    try:
        psycopg2.connect(host="127.0.0.1", port=secret["port"], sslmode="disable", **names).close()
    except psycopg2.OperationalError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def theatre_of_md5(authority: Authority) -> Iterator[Theatre]:
    """Return a stage of such users."""
    with RedshiftServer(authority) as server, emulated() as emulator:
        yield Theatre(redshift, ByMd5(server), emulator)


@pytest.mark.parametrize("strategy", COSTS)
@pytest.mark.parametrize(
    ("stage", "said"), [("theatre_of_md5", ""), ("theatre", "authentication method 13 not supported")]
)
def test_clients_of_postgresqls_protocol_keep_logging_in(
    request: pytest.FixtureRequest, stage: str, said: str, strategy: str
) -> None:
    """They answer MD5's question alone; and who was asked by Redshift's own question still is."""
    theatre: Theatre = request.getfixturevalue(stage)
    shop = theatre.application(f"e2e_{next(numbers)}", strategy)
    for _ in range(3):
        told = as_psql_does(shop.secret())
        assert said in told
        assert bool(said) is bool(told)
        assert shop.rotate().succeeded
        assert shop.is_accepted(shop.secret())
    assert bool(said) is bool(as_psql_does(shop.secret()))


class WithoutSuperuser(redshift.RedshiftScene):
    """Where the application creates nothing, and its admin has what the guides name."""

    def prepare_admin(self, admin: str, password: str) -> None:
        self._server.execute(
            f"CREATE USER {admin} PASSWORD {redshift.hashed(password)} SYSLOG ACCESS UNRESTRICTED",
            "CREATE ROLE rotation",
            "GRANT CREATE USER, ALTER USER, CREATE ROLE, ACCESS SYSTEM TABLE TO ROLE rotation",
            f"GRANT ROLE rotation TO {admin}",
        )

    def prepare(self, user: str, password: str, admin: str) -> None:  # noqa: ARG002 the role is enough
        self._server.execute(f"CREATE USER {user} PASSWORD {redshift.hashed(password)}")


def test_an_admin_that_is_no_superuser_costs_no_more(authority: Authority) -> None:
    """From the first rotation on, as with a superuser."""
    with RedshiftServer(authority) as server, emulated() as emulator:
        theatre = Theatre(redshift, WithoutSuperuser(server), emulator)
        shop = theatre.application("plain", "alternating-users")
        for turn in range(4):
            mark = theatre.scene.mark()
            result = shop.rotate()
            assert result.succeeded, [str(step.error) for step in result.steps]
            assert (len(result.calls), *theatre.scene.logins(mark)) == (9, 3, 0), turn
        comes_late(shop)


def without_database(theatre: Theatre) -> None:
    """Store the admin's secret as Redshift's managed ones are, and most that people make in the console."""
    value = json.loads(str(theatre.emulator.value(theatre.admin_arn)))
    del value["dbname"]
    token = str(uuid.uuid4())
    request = {"SecretId": theatre.admin_arn, "SecretString": json.dumps(value), "ClientRequestToken": token}
    theatre.emulator.execute("PutSecretValue", request)


def test_the_admin_works_where_the_application_logs_in(authority: Authority) -> None:
    """Where its secret names no database; and where it names another one, nothing is promoted."""
    with RedshiftServer(authority) as server, emulated() as emulator:
        server.front.also["orders"] = DATABASE
        theatre = Theatre(redshift, redshift.RedshiftScene(server), emulator)
        shop = theatre.application("shop", "alternating-users")
        shop.put({**shop.secret(), "dbname": "orders"})
        stopped = shop.rotate()
        assert isinstance(stopped.steps[-1].error, AccessMismatch)
        assert "orders" in str(stopped.steps[-1].error)
        without_database(theatre)
        mark = len(server.logins)
        assert theatre.player.retry(shop.arn).succeeded
        assert {login.database for login in server.logins[mark:]} == {"orders"}
        shop.work()


def test_an_abandoned_delivery_that_comes_late_changes_nothing(theatre: Theatre) -> None:
    """The mark tells of the rotation in between, as Redshift has no lock that could."""
    shop = theatre.application(f"e2e_{next(numbers)}", "alternating-users")
    assert shop.rotate().succeeded
    comes_late(shop)


def comes_late(shop: Application) -> None:
    """Give a token up while its setSecret is under way, rotate with another, and let the first go on."""
    lock = RedshiftSession.lock
    passed: list[str] = []

    def late(session: RedshiftSession, name: str, holders: Collection[str] = ()) -> bool:
        if not passed:
            passed.append(name)
            shop.theatre.player.abandon(shop.arn)
            assert shop.rotate().succeeded
        return lock(session, name, holders)

    with mock.patch.object(RedshiftSession, "lock", late):
        result = shop.rotate()
    assert [step.step for step in result.steps] == ["createSecret", "setSecret"]
    assert isinstance(result.steps[-1].error, RotationRefused)
    assert shop.is_accepted(shop.secret())
    assert shop.is_accepted(shop.secret("AWSPREVIOUS"))
    assert shop.rotate().succeeded


def test_no_password_stands_in_a_log(shop: Application, theatre: Theatre) -> None:
    """Neither in the server's, nor in what went over the wire after a login, nor in the function's."""
    for _ in range(2):
        assert shop.rotate().succeeded
    assert "sha256|" in theatre.scene.log_text()
    assert len(theatre.emulator.stored_passwords()) > 2
    assert theatre.leaked() == []


def test_a_dry_run_changes_nothing(shop: Application, theatre: Theatre) -> None:
    """RotateImmediately=false leaves credential and labels as they were, and a rotation still works."""
    before = (shop.secret(), theatre.emulator.labels(shop.arn))
    result = theatre.player.dry_run(shop.arn)
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert (shop.secret(), theatre.emulator.labels(shop.arn)) == before
    assert shop.rotate().succeeded


def test_a_leaked_password_ends_at_once(shop: Application) -> None:
    """After a revocation AWSPREVIOUS's password is refused, AWSCURRENT works, and the next rotation does."""
    for _ in range(2):
        assert shop.rotate().succeeded
    leaked = shop.secret("AWSPREVIOUS")
    shop.revoke()
    assert not shop.is_accepted(leaked)
    shop.work()
    assert shop.rotate().succeeded
    shop.work()


def test_a_cached_secret_works_until_the_next_rotation(theatre: Theatre) -> None:
    """Clients of a pair that keep what they read are not rejected."""
    shop = theatre.application(f"e2e_{next(numbers)}", "alternating-users")
    for _ in range(3):
        cached = shop.secret()
        assert shop.rotate().succeeded
        assert shop.is_accepted(cached)


def test_twins_of_a_step_do_no_harm(shop: Application, theatre: Theatre) -> None:
    """One after the other or together, although there is no lock: AWSCURRENT works after each rotation."""
    for together in (False, True) * (2 if NIGHTLY else 1):
        for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
            theatre.emulator.faults.deliver_twice(step, together=together)
        result = shop.rotate()
        theatre.emulator.faults.clear()
        assert result.succeeded or theatre.player.retry(shop.arn).succeeded, result
        shop.work()
