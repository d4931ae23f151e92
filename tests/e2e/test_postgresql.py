"""Whole rotations of PostgreSQL secrets, through the handler of the function's own app.py."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest

from tests.bench import growth
from tests.lab.mirrored import beside_readers
from tests.lab.nightly import BESIDE_CLIENTS
from tests.lab.report import cutover_windows
from tests.support.emulators.rds import describing

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre

STRATEGIES = ("alternating-users", "single-user", "single-user-by-admin")
COSTS = {"alternating-users": (9, 3), "single-user": (9, 3), "single-user-by-admin": (11, 4)}
STATEMENTS = {"alternating-users": 19, "single-user": 8, "single-user-by-admin": 13}
"""The most messages to the server in a rotation in which nothing has to be levelled."""
GOOD = {"engine": "postgres", "host": "h", "username": "u", "password": "hunter2-hunter2"}
numbers = itertools.count()


def application(theatre: Theatre, strategy: str) -> Application:
    """Bring a new application onto the stage."""
    return theatre.application(f"e2e_{next(numbers)}", strategy)


in_both_worlds = pytest.mark.parametrize("theatre", ["as recorded", "by the manual"], indirect=True)


@pytest.fixture(params=["as recorded", pytest.param("by the manual", marks=pytest.mark.exhaustive)])
def theatre(request: pytest.FixtureRequest) -> Theatre:
    """Return the stage in a mode of the service; what differs between them is played in both, the rest by night."""
    name = "postgresql_theatre" if request.param == "as recorded" else "postgresql_theatre_of_the_manual"
    stage: Theatre = request.getfixturevalue(name)
    return stage


@pytest.mark.parametrize("strategy", STRATEGIES)
class TestEveryStrategy:
    @in_both_worlds
    def test_keeps_the_application_working_rotation_after_rotation(self, theatre: Theatre, strategy: str) -> None:
        """After each of four rotations AWSCURRENT has a new password and all of the application's rights."""
        shop = application(theatre, strategy)
        passwords = {shop.secret()["password"]}
        for _ in range(4):
            assert shop.rotate().succeeded
            shop.work()
            passwords.add(shop.secret()["password"])
        assert len(passwords) == 5

    @in_both_worlds
    def test_costs_what_the_design_says(self, theatre: Theatre, strategy: str) -> None:
        """A rotation makes so many calls, logins and round trips, and no login fails."""
        shop = application(theatre, strategy)
        for turn in range(3):
            mark = theatre.scene.mark()
            result = shop.rotate()
            accepted, refused = theatre.scene.logins(mark)
            assert (len(result.calls), accepted, refused) == (*COSTS[strategy], 0)
            assert not turn or growth.said(theatre.scene.log_text(mark)) <= STATEMENTS[strategy]

    def test_leaves_no_password_in_a_log(self, theatre: Theatre, strategy: str) -> None:
        """With log_statement=all neither the server's log nor the function's holds a password ever stored."""
        shop = application(theatre, strategy)
        for _ in range(2):
            assert shop.rotate().succeeded
        assert "ALTER ROLE" in theatre.scene.log_text()
        assert "AWSCURRENT is the new credential" in theatre.function_log.getvalue()
        assert len(theatre.emulator.stored_passwords()) > 2
        assert theatre.leaked() == []

    def test_passes_the_rotation_token_on_and_never_logs_it(self, theatre: Theatre, strategy: str) -> None:
        """PutSecretValue carries the token that proves whose rotation it is; no log shows it."""
        result = application(theatre, strategy).rotate()
        puts = [call for call in result.calls if call.operation == "PutSecretValue"]
        assert [call.with_rotation_token for call in puts] == [True]
        log = theatre.function_log.getvalue()
        assert not [token for token in theatre.emulator.journal.rotation_tokens if token in log]

    @in_both_worlds
    def test_changes_nothing_in_a_dry_run(self, theatre: Theatre, strategy: str) -> None:
        """RotateImmediately=false leaves credential, labels and users as they were, and a rotation still works."""
        shop = application(theatre, strategy)
        before = (shop.secret(), theatre.emulator.labels(shop.arn))
        result = theatre.player.dry_run(shop.arn)
        assert result.succeeded
        assert (shop.secret(), theatre.emulator.labels(shop.arn)) == before
        assert "Dry run: nothing stands in the way" in theatre.function_log.getvalue()
        assert shop.rotate().succeeded

    def test_ends_a_leaked_password_at_once(self, theatre: Theatre, strategy: str) -> None:
        """After a revocation AWSPREVIOUS's password is refused, AWSCURRENT works, and the next rotation does."""
        shop = application(theatre, strategy)
        assert shop.rotate().succeeded
        leaked = shop.secret("AWSPREVIOUS")
        for _ in range(2):
            shop.revoke(end_sessions=True)
            assert not shop.is_accepted(leaked)
        shop.work()
        assert shop.rotate().succeeded
        shop.work()

    @in_both_worlds
    def test_completes_when_each_step_arrives_twice(self, theatre: Theatre, strategy: str) -> None:
        """Twins of a step, one after the other or together, do no harm."""
        shop = application(theatre, strategy)
        for together in (False, True):
            for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
                theatre.emulator.faults.deliver_twice(step, together=together)
            result = shop.rotate()
            theatre.emulator.faults.clear()
            assert result.succeeded or theatre.player.retry(shop.arn).succeeded, result
            shop.work()


class TestClients:
    def test_of_a_pair_are_never_rejected(self, postgresql_theatre: Theatre) -> None:
        """In all rotations a client that reads AWSCURRENT before each login is rejected not once."""
        shop = application(postgresql_theatre, "alternating-users")
        seen = shop.rotate_beside_client(BESIDE_CLIENTS)
        assert seen.logins > BESIDE_CLIENTS
        assert seen.rejected == 0

    def test_of_a_pair_may_keep_the_secret_until_the_next_rotation(self, postgresql_theatre: Theatre) -> None:
        """A credential that was read once logs in until the rotation after the next begins."""
        shop = application(postgresql_theatre, "alternating-users")
        kept = shop.secret()
        assert shop.rotate().succeeded
        assert shop.is_accepted(kept)

    def test_of_a_single_user_wait_for_a_login_and_a_call(self, postgresql_theatre: Theatre) -> None:
        """In all rotations each window holds one login and one call, and a rejected client is let in again."""
        shop = application(postgresql_theatre, "single-user")
        begun = len(cutover_windows(postgresql_theatre.function_log.getvalue()))
        with shop.clients() as client:
            for _ in range(BESIDE_CLIENTS):
                mark = postgresql_theatre.scene.mark()
                assert shop.rotate().succeeded
                changed = postgresql_theatre.scene.log_text(mark).rpartition("ALTER ROLE")[2]
                assert changed.count("pg_catalog.pg_backend_pid()") == 1  # what a session of the function asks first
        assert len(cutover_windows(postgresql_theatre.function_log.getvalue())) - begun == BESIDE_CLIENTS
        assert client.seen.logins > client.seen.rejected
        assert shop.is_accepted(shop.secret())


class TestBadInput:
    @pytest.mark.parametrize(
        ("value", "error"),
        [
            ("not JSON, but has hunter2-hunter2 in it", "InvalidSecret"),
            ('["a list", "hunter2-hunter2"]', "InvalidSecret"),
            (json.dumps({**GOOD, "engine": "mysql"}), "InvalidSecret"),
            (json.dumps({key: GOOD[key] for key in GOOD.keys() - {"host"}}), "InvalidSecret"),
            (json.dumps({**GOOD, "port": True}), "InvalidSecret"),
            (json.dumps({**GOOD, "username": "u\nforged"}), "InvalidSecret"),
            (json.dumps({**GOOD, "rotation": {"adopt": True}}), "InvalidSettings"),
        ],
    )
    def test_in_a_secret_is_named_and_never_echoed(self, postgresql_theatre: Theatre, value: str, error: str) -> None:
        """A value that cannot be rotated fails in createSecret by a typed error, and nothing is stored."""
        emulator = postgresql_theatre.emulator
        name = f"bad-{next(numbers)}"
        request = {"Name": name, "SecretString": value, "ClientRequestToken": f"{name}-{'0' * 32}"}
        arn = str(emulator.execute("CreateSecret", request)["ARN"])
        begun = len(postgresql_theatre.function_log.getvalue())
        result = postgresql_theatre.player.rotate(arn)
        found = result.steps[-1].error
        assert (result.steps[-1].step, type(found).__name__) == ("createSecret", error)
        shown = f"{found!s} {found!r} {postgresql_theatre.function_log.getvalue()[begun:]}"
        assert "hunter2" not in shown
        assert "forged" not in shown
        assert emulator.value(arn) == value

    def test_in_a_token_changes_nothing(self, postgresql_theatre: Theatre) -> None:
        """A step for a token that is no version of the secret is refused, whichever step it is."""
        shop = application(postgresql_theatre, "alternating-users")
        before = (shop.secret(), postgresql_theatre.emulator.labels(shop.arn))
        for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
            result = postgresql_theatre.player.deliver(shop.arn, step, "0" * 36)
            assert type(result.error).__name__ == "RotationRefused"
        assert (shop.secret(), postgresql_theatre.emulator.labels(shop.arn)) == before


@pytest.mark.parametrize("strategy", ["alternating-users", pytest.param("single-user", marks=pytest.mark.exhaustive)])
def test_clients_that_read_mirrors(postgresql_theatre: Theatre, strategy: str) -> None:
    """With two users none is rejected, whatever the layout; with one, those that cache until they read again."""
    seen = beside_readers(application(postgresql_theatre, strategy), 2)
    rejected = {name: it.rejected for name, it in seen.items() if it.rejected}
    if strategy == "single-user":
        assert {name for name in seen if name.endswith("cached")} <= rejected.keys()
        assert max(it.longest for it in seen.values()) < 5000
    else:
        assert rejected == {}
    assert postgresql_theatre.leaked() == []


def test_a_failed_rotation_counts_its_error(postgresql_theatre: Theatre) -> None:
    """The embedded metrics count a failure under its class, and a success once, in finishSecret."""
    shop = application(postgresql_theatre, "alternating-users")
    begun = len(postgresql_theatre.function_log.getvalue())
    postgresql_theatre.player.deliver(shop.arn, "setSecret", "0" * 36)
    assert shop.rotate().succeeded
    lines = postgresql_theatre.function_log.getvalue()[begun:].splitlines()
    records = [json.loads(line) for line in lines if "_aws" in line]
    assert [record["error"] for record in records if "RotationFailed" in record] == ["RotationRefused"]
    assert len([record for record in records if "RotationSucceeded" in record]) == 1


def test_an_admin_that_rds_manages_is_found_by_its_tag(
    postgresql_theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin secret with a user and a password only costs two describes more: its tags, and the instance."""
    theatre = postgresql_theatre
    shop = application(theatre, "alternating-users")
    whole = json.loads(theatre.emulator.value(theatre.admin_arn) or "")
    bare = json.dumps({key: whole[key] for key in ("username", "password")})
    instance = "arn:aws:rds:eu-west-1:123456789012:db:shop"
    put = {"SecretId": theatre.admin_arn, "ClientRequestToken": f"bare-{'0' * 32}", "SecretString": bare}
    theatre.emulator.execute("PutSecretValue", put)
    tag = {"Key": "aws:rds:primaryDBInstanceArn", "Value": instance}
    theatre.emulator.execute("TagResource", {"SecretId": theatre.admin_arn, "Tags": [tag]})
    with describing("postgres", theatre.scene.host, theatre.scene.port) as (url, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", url)
        result = shop.rotate()
    restored = {**put, "ClientRequestToken": f"whole-{'0' * 32}", "SecretString": json.dumps(whole)}
    theatre.emulator.execute("PutSecretValue", restored)
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert len(result.calls) == 10
    assert [(one["Action"], one["DBInstanceIdentifier"]) for one in asked] == [(["DescribeDBInstances"], [instance])]
