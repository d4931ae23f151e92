"""
Let the writer of a cluster fail over after each effect of a rotation, and see that nothing is lost.

PostgreSQL's writer is killed, and comes back as a reader. MySQL's becomes a reader whose sessions live on.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from rotation.engines.aurora import AuroraMySQL, AuroraPostgreSQL
from rotation.engines.mysql.connection import Connection as MySQLConnection
from rotation.engines.postgresql.connection import Connection as PostgresConnection
from tests.lab import aurora_mysql, aurora_postgresql
from tests.lab.theatre import Application, Theatre, emulated
from tests.support import wire
from tests.support.aurora.names import CLUSTER, CUSTOM, INSTANCES, READER, WRITER
from tests.support.cuts import Scissors, cutting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.errors import RotationError
    from tests.lab.aurora import ClusterScene
    from tests.support.secretsmanager.rotation import StepResult
    from tests.support.tls import Authority

POSTGRESQL = ((AuroraPostgreSQL, "_log_in"), (PostgresConnection, "run"))
MYSQL = ((AuroraMySQL, "_log_in"), (MySQLConnection, "run"))
LEAST = 9
MOST = 150

_numbers = itertools.count()


@dataclass
class Failing(Scissors):
    """Does not cut, but lets the cluster fail over."""

    fail_over: Callable[[], object] = lambda: None

    @contextmanager
    def around(self, name: str, lost: RotationError | None = None) -> Iterator[None]:  # noqa: ARG002 no answer is lost
        """Let an effect happen, and fail over if it is its turn."""
        self.count += 1
        number = self.count
        self.trace.append(f"{number} {name}")
        yield
        if number == self.at:
            self.fired = True
            self.fail_over()


@contextmanager
def theatre(module: Any, authority: Authority, *kind: Any) -> Iterator[Theatre]:  # noqa: ANN401 one of two modules
    with module.provide(authority, *kind) as scene, emulated() as emulator:
        yield Theatre(module, scene, emulator)


def require_survival(application: Application, failing: Failing, effects: Any) -> None:  # noqa: ANN401 passed on
    """Rotate; after at most one retry it is done, AWSCURRENT logs in at the new writer and may do what it could."""
    player = application.theatre.player
    before = application.secret()["password"]
    with cutting(failing, *effects):
        result = application.rotate()
    if not result.succeeded:
        assert failing.fired, result.failure
        result = player.retry(application.arn)
    assert result.succeeded, (failing.at, result.failure, [str(step.error) for step in result.steps])
    assert application.secret()["password"] != before
    application.work()


def play(application: Callable[[], Application], effects: Any, fail_over: Callable[[], object], every: int) -> None:  # noqa: ANN401 passed on
    """Fail over after every so many effects of a rotation, until there is none left."""
    for at in range(1, MOST, every):
        failing = Failing(at, fail_over=fail_over)
        require_survival(application(), failing, effects)
        if not failing.fired:
            assert at > LEAST
            return
    raise AssertionError(failing.trace)


@pytest.fixture(scope="module")
def postgresql(authority: Authority) -> Iterator[Theatre]:
    """Give a cluster of PostgreSQL, and the function."""
    with theatre(aurora_postgresql, authority) as made:
        yield made


@pytest.fixture(scope="module")
def mysql(authority: Authority) -> Iterator[Theatre]:
    """Give a cluster of MySQL, and the function."""
    with theatre(aurora_mysql, authority) as made:
        yield made


def scene_of(theatre: Theatre) -> ClusterScene:
    """Give the scene as what it is."""
    return cast("ClusterScene", theatre.scene)


def kill(theatre: Theatre) -> None:
    """Kill the writer; what is left of it comes back as a reader."""
    scene_of(theatre).fail_over()
    scene_of(theatre).cluster.rejoin()


def switch_over(theatre: Theatre) -> None:
    """Let the writer become a reader, whose sessions live on."""
    scene_of(theatre).cluster.switch_over()
    scene_of(theatre).stand()


@pytest.mark.parametrize(("strategy", "every"), [("alternating-users", 4), ("single-user", 2)])
def test_a_killed_writer_of_postgresql(postgresql: Theatre, strategy: str, every: int) -> None:
    """Wherever the writer is killed, the rotation is done after one retry."""
    play(
        lambda: postgresql.application(f"shop_{next(_numbers)}", strategy), POSTGRESQL, lambda: kill(postgresql), every
    )


@pytest.mark.parametrize(
    ("strategy", "every"), [("alternating-users", 4), ("retained-password", 1), ("single-user", 2)]
)
def test_a_writer_of_mysql_that_becomes_a_reader(mysql: Theatre, strategy: str, every: int) -> None:
    """Wherever the writer becomes a reader, the rotation is done after one retry."""
    play(lambda: mysql.application(f"shop_{next(_numbers)}", strategy), MYSQL, lambda: switch_over(mysql), every)


def test_a_reader_under_the_writers_name(mysql: Theatre) -> None:
    """Where the name still leads to the old writer, the step waits until it moves, and no login fails."""
    application = mysql.application(f"shop_{next(_numbers)}", "retained-password")
    cluster = scene_of(mysql).cluster
    cluster.lead(writer=1 - cluster.writer)
    threading.Timer(2, cluster.lead).start()
    mark = mysql.scene.mark()
    assert application.rotate().succeeded
    assert mysql.scene.logins(mark)[1] == 0
    application.work()


@pytest.mark.parametrize("place", [READER, CUSTOM, "instance", "identifier"])
@pytest.mark.parametrize("strategy", ["alternating-users", "single-user"])
def test_a_secret_that_names_another_endpoint(postgresql: Theatre, place: str, strategy: str) -> None:
    """The password is written at the writer, proven where clients go, and the API is asked at most twice."""
    scene = scene_of(postgresql)
    host = INSTANCES[1 - scene.cluster.writer] if place == "instance" else place
    named = {"dbClusterIdentifier": CLUSTER} if place == "identifier" else {"host": host, "port": scene.port}
    application = postgresql.application(f"shop_{next(_numbers)}", strategy)
    secret = {key: value for key, value in application.secret().items() if key not in {"host", "port"}}
    value = json.dumps({**secret, **named})
    request = {"SecretId": application.arn, "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
    postgresql.emulator.execute("PutSecretValue", request)
    scene.cluster.catch_up()
    asked, mark = len(scene.asked), postgresql.scene.mark()
    result = application.rotate()
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert postgresql.scene.logins(mark)[1] == 0
    assert len(scene.asked) - asked <= (4 if place == "instance" else 2)
    current = application.secret()
    assert {key: current[key] for key in named} == named
    assert ("host" in current) is ("host" in named)
    application.theatre.scene.work({**current, "host": WRITER, "port": scene.port})


def test_a_server_that_is_silent_for_25_seconds(postgresql: Theatre) -> None:
    """A cluster that resumes is waited for, with a line in the log; the rotation needs no retry."""
    cluster = scene_of(postgresql).cluster
    application = postgresql.application(f"shop_{next(_numbers)}", "single-user")
    told = len(postgresql.function_log.getvalue())
    with wire.Proxy("127.0.0.1", cluster.primary.port, wire.DEAF) as paused:
        cluster.names[WRITER].lead_to(paused.port)
        wakes = threading.Timer(25, lambda: setattr(paused, "mode", wire.PASS))
        wakes.start()
        begun = time.monotonic()
        result = application.rotate()
        wakes.join()
        cluster.lead()
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert 25 <= time.monotonic() - begun < 60
    assert postgresql.function_log.getvalue()[told:].count("it gives no answer") == 1
    application.work()


@pytest.mark.parametrize("edition", ["postgresql", "mysql"])
def test_a_wrong_password_is_not_waited_for(request: pytest.FixtureRequest, edition: str) -> None:
    """A server that answers is believed, at once."""
    theatre: Theatre = request.getfixturevalue(edition)
    application = theatre.application(f"shop_{next(_numbers)}", "single-user")
    value = json.dumps({**application.secret(), "username": "nobody_here"})
    new = {"SecretId": application.arn, "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
    theatre.emulator.execute("PutSecretValue", new)
    told, begun = len(theatre.function_log.getvalue()), time.monotonic()
    assert not application.rotate().succeeded
    assert time.monotonic() - begun < 5
    assert "it gives no answer" not in theatre.function_log.getvalue()[told:]


def test_a_write_that_was_not_replicated(postgresql: Theatre) -> None:
    """
    The writer dies with a password that nobody else has heard of; the retry sets the same one at its successor.

    Aurora's servers share what was committed; this is what a secondary Region that takes over may lack.
    """
    scene = scene_of(postgresql)
    application = postgresql.application(f"shop_{next(_numbers)}", "alternating-users")
    assert application.rotate().succeeded
    scene.cluster.catch_up()
    scene.cluster.freeze()

    def lose(step: StepResult) -> None:
        if step.step == "setSecret" and not lost:
            lost.append(postgresql.emulator.value(application.arn, "AWSPENDING"))
            scene.cluster.fail_over(losing=True)
            scene.stand()

    lost: list[str | None] = []
    result = application.rotate(lose)
    assert [step.step for step in result.steps if step.error] == ["finishSecret"]
    application.work()
    result = application.theatre.player.retry(application.arn)
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert postgresql.emulator.value(application.arn, "AWSCURRENT") == lost[0]
    application.work()
