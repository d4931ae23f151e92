"""Whole rotations of MongoDB secrets, through the handler of the function's own app.py."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from typing import TYPE_CHECKING

import pytest

from rotation.engines.documentdb import login
from tests.lab import documentdb
from tests.lab.nightly import BESIDE_CLIENTS
from tests.lab.theatre import ADMIN, Theatre, emulated
from tests.support.emulators.secretsmanager.worlds import BY_THE_MANUAL, RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.theatre import Application, Scene
    from tests.support.servers.mongodb import MongoServer
    from tests.support.servers.tls import Authority

STRATEGIES = documentdb.STRATEGIES
COSTS = {"alternating-users": (9, 3), "single-user": (9, 3), "single-user-by-admin": (11, 4)}
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
numbers = itertools.count()


WORLDS = {"as recorded": RECORDED, "by the manual": BY_THE_MANUAL}
in_both_worlds = pytest.mark.parametrize("theatre", WORLDS, indirect=True)


@pytest.fixture(scope="module")
def managed(authority: Authority) -> Iterator[tuple[Scene, str]]:
    """Start a server, and make the admin with its password."""
    with documentdb.provide(authority) as scene:
        scene.prepare_admin(ADMIN, password := secrets.token_urlsafe(18))
        yield scene, password


@pytest.fixture(scope="module", params=["as recorded", pytest.param("by the manual", marks=pytest.mark.exhaustive)])
def theatre(request: pytest.FixtureRequest, managed: tuple[Scene, str]) -> Iterator[Theatre]:
    """Return the stage in a mode of the service; what differs between them is played in both, the rest by night."""
    scene, password = managed
    with emulated(WORLDS[request.param]) as emulator:
        yield Theatre(documentdb, scene, emulator, password)


def application(theatre: Theatre, strategy: str) -> Application:
    """Bring a new application onto the stage."""
    return theatre.application(f"e2e_{next(numbers)}", strategy)


def server_of(theatre: Theatre) -> MongoServer:
    """Return the server behind the stage."""
    scene = theatre.scene
    assert isinstance(scene, documentdb.MongoScene)
    return scene._server  # noqa: SLF001


@pytest.mark.parametrize("strategy", STRATEGIES)
class TestEveryStrategy:
    @in_both_worlds
    def test_costs_what_the_design_says(self, theatre: Theatre, strategy: str) -> None:
        """Rotation after rotation makes so many calls and logins, fails none, and keeps all of the rights."""
        shop = application(theatre, strategy)
        for _ in range(4):
            mark = theatre.scene.mark()
            result = shop.rotate()
            assert result.succeeded, [str(step.error) for step in result.steps]
            accepted, refused = theatre.scene.logins(mark)
            assert (len(result.calls), accepted, refused) == (*COSTS[strategy], 0)
            shop.work()

    def test_leaves_no_password_in_a_log(self, theatre: Theatre, strategy: str) -> None:
        """At the verbosity -vv neither the server's log nor the function's holds a password ever stored."""
        shop = application(theatre, strategy)
        for _ in range(2):
            assert shop.rotate().succeeded
        assert '"pwd":"xxx"' in theatre.scene.log_text()
        assert len(theatre.emulator.stored_passwords()) > 2
        assert theatre.leaked() == []

    @in_both_worlds
    def test_changes_nothing_in_a_dry_run(self, theatre: Theatre, strategy: str) -> None:
        """RotateImmediately=false leaves credential, labels and users as they were, and a rotation still works."""
        shop = application(theatre, strategy)
        before = (shop.secret(), theatre.emulator.labels(shop.arn))
        assert theatre.player.dry_run(shop.arn).succeeded
        assert (shop.secret(), theatre.emulator.labels(shop.arn)) == before
        assert shop.rotate().succeeded

    @pytest.mark.parametrize("earlier", [1, 2])
    def test_ends_a_leaked_password_at_once(self, theatre: Theatre, strategy: str, earlier: int) -> None:
        """After a revocation AWSPREVIOUS's password is refused, AWSCURRENT works, and the next rotation does."""
        shop = application(theatre, strategy)
        for _ in range(earlier):
            assert shop.rotate().succeeded
        leaked = shop.secret("AWSPREVIOUS")
        for end_sessions in (False, True, True):
            shop.revoke(end_sessions=end_sessions)
            assert not shop.is_accepted(leaked)
        shop.work()
        assert shop.rotate().succeeded
        shop.work()

    def test_completes_when_each_step_arrives_twice(self, theatre: Theatre, strategy: str) -> None:
        """Twins of a step, one after the other or together, do no harm."""
        shop = application(theatre, strategy)
        for together in (False, True):
            for step in STEPS:
                theatre.emulator.faults.deliver_twice(step, together=together)
            result = shop.rotate()
            theatre.emulator.faults.clear()
            assert result.succeeded or theatre.player.retry(shop.arn).succeeded, result
            shop.work()

    @pytest.mark.parametrize("step", STEPS)
    def test_survives_a_step_down_before_each_step(
        self, theatre: Theatre, strategy: str, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The primary is found again within the invocation, after the first login of the step, too."""
        shop, server = application(theatre, strategy), server_of(theatre)
        opened, place = login.Login.open, STEPS.index(step)
        pending = {"here": False}

        def stepping_down(self: login.Login, *, again: bool = False) -> login.Client:
            client = opened(self, again=again)
            if pending.pop("here", False):
                server.step_down(1)
            return client

        def before(number: int) -> None:
            if number == place:
                pending["here"] = True

        monkeypatch.setattr(login.Login, "open", stepping_down)
        before(0)
        done = itertools.count(1)
        result = shop.rotate(lambda _: before(next(done)))
        assert result.succeeded, [str(one.error) for one in result.steps]
        server.wait_for_primary()
        shop.work()

    def test_leaves_no_thread_behind(self, theatre: Theatre, strategy: str) -> None:
        """Each client that a rotation opens is closed."""
        shop = application(theatre, strategy)
        time.sleep(1.2)
        before = sum("pymongo" in thread.name for thread in threading.enumerate())
        assert shop.rotate().succeeded
        time.sleep(1.2)
        assert sum("pymongo" in thread.name for thread in threading.enumerate()) <= before


class TestRoles:
    def test_that_were_taken_away_are_gone_from_the_clone(self, theatre: Theatre) -> None:
        """The next rotation that promotes the clone brings it level with its base."""
        shop, server = application(theatre, "alternating-users"), server_of(theatre)
        base = shop.secret()["username"]
        server.run("grantRolesToUser", base, roles=["readAnyDatabase"])
        for _ in range(2):
            assert shop.rotate().succeeded
        server.run("revokeRolesFromUser", base, roles=["readAnyDatabase"])
        assert shop.rotate().succeeded
        clone = server.run("usersInfo", shop.secret()["username"])["users"][0]
        assert clone["user"] == f"{base}_clone"
        assert {"role": "readAnyDatabase", "db": "admin"} not in clone["roles"]
        shop.work()

    def test_of_a_user_that_may_not_change_its_password_are_named(self, theatre: Theatre) -> None:
        """TestSecret fails before anything has changed, and says which role is missing."""
        shop, server = application(theatre, "single-user"), server_of(theatre)
        server.run("revokeRolesFromUser", shop.secret()["username"], roles=[documentdb.CHANGE_OWN])
        result = shop.rotate()
        assert "changeOwnPassword" in str(result.steps[-1].error)
        assert result.steps[-1].step == "testSecret"
        shop.work()


class TestSecrets:
    @pytest.mark.parametrize("engine", ["mongo", "docdb", "documentdb"])
    def test_of_every_name_rotate(self, theatre: Theatre, engine: str) -> None:
        """Those of AWS's function for MongoDB, and of DocumentDB."""
        user = f"e2e_{next(numbers)}"
        theatre.scene.prepare(user, "pw-first-password", "")
        arn = theatre.create_secret(user, user, "pw-first-password", engine=engine)
        assert theatre.player.rotate(arn).succeeded

    def test_whose_user_lives_elsewhere_name_the_database(self, theatre: Theatre) -> None:
        """AuthSource is what says so, and dbname never does."""
        user, server = f"e2e_{next(numbers)}", server_of(theatre)
        privilege = {"resource": {"db": "shop", "collection": ""}, "actions": [documentdb.CHANGE_OWN]}
        server.run("createRole", f"own_{user}", database="shop", privileges=[privilege], roles=[])
        server.run("createUser", user, database="shop", pwd="pw-first-password", roles=[f"own_{user}"])
        arn = theatre.create_secret(user, user, "pw-first-password", authSource="shop")
        assert theatre.player.rotate(arn).succeeded
        assert not theatre.player.rotate(theatre.create_secret(f"{user}x", user, "pw-first-password")).succeeded

    def test_whose_pair_lives_elsewhere_is_managed_by_an_admin_of_admin(self, theatre: Theatre) -> None:
        """The admin logs in where its own secret says, and changes users where the rotated secret says."""
        user, server = f"e2e_{next(numbers)}", server_of(theatre)
        server.run("createUser", user, database="shop", pwd="pw-first-password", roles=["readWrite"])
        named = {"authSource": "shop", "masterarn": theatre.admin_arn}
        arn = theatre.create_secret(user, user, "pw-first-password", **named)
        for _ in range(3):
            result = theatre.player.rotate(arn)
            assert result.succeeded, [str(step.error) for step in result.steps]
        users = {one["user"] for one in server.run("usersInfo", 1, database="shop")["users"]}
        assert {user, f"{user}_clone"} <= users
        assert f"{user}_clone" not in {one["user"] for one in server.run("usersInfo", 1)["users"]}


def test_clients_of_a_pair_are_never_rejected(theatre: Theatre) -> None:
    """In all rotations a client that reads AWSCURRENT before each login is rejected not once."""
    shop = application(theatre, "alternating-users")
    seen = shop.rotate_beside_client(BESIDE_CLIENTS)
    assert seen.logins > BESIDE_CLIENTS
    assert seen.rejected == 0
