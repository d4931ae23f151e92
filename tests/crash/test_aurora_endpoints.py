"""Secrets that name a cluster in any other way than by its own endpoint, and servers that take their time."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from rotation.errors import GuardViolation
from tests.lab.cutting.failover import new_application, scene_of, theatre
from tests.lab.theatre import ADMIN
from tests.support.emulators.aurora.names import ALIASES, CLUSTER, CUSTOM, GLOBAL, INSTANCES, PROXY, READER, WRITER
from tests.support.network import proxy as wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Application, Theatre
    from tests.support.emulators.secretsmanager.rotation import RotationResult, StepResult
    from tests.support.servers.tls import Authority

OF_READER, OF_INSTANCE, OF_WRITER, OF_PROXY = (
    f"{name}.example.com" for name in ("reader", "instance", "writer", "proxied")
)
PLACES: Final = {
    "cluster": WRITER,
    "reader": READER,
    "custom": CUSTOM,
    "reading instance": INSTANCES[1],
    "writing instance": INSTANCES[0],
    "global": GLOBAL,
    "CNAME of the cluster": OF_WRITER,
    "CNAME of the reader": OF_READER,
    "CNAME of an instance": OF_INSTANCE,
    "CNAME of a proxy": OF_PROXY,
    "identifier": None,
}

ASKED: Final = {
    "cluster": 0,
    "reader": 1,
    "custom": 1,
    "reading instance": 2,
    "writing instance": 2,
    "global": 0,
    "CNAME of the cluster": 1,
    "CNAME of the reader": 1,
    "CNAME of an instance": 2,
    "identifier": 1,
}
"""Describe calls of a rotation; a CNAME is in no certificate, so that the API has to say what it stands for."""

MIXED: Final = (
    ("reader", "reading instance"),
    ("reading instance", "identifier"),
    ("identifier", "CNAME of an instance"),
    ("CNAME of an instance", "custom"),
    ("custom", "global"),
    ("cluster", "reader"),
)
"""How the user's secret names the cluster, and how the admin's does."""


@pytest.fixture(scope="module")
def postgresql(authority: Authority) -> Iterator[Theatre]:
    """Return a cluster of PostgreSQL, and the function."""
    with theatre("aurora-postgresql", authority) as made:
        ALIASES.update({OF_READER: READER, OF_INSTANCE: INSTANCES[1], OF_WRITER: WRITER, OF_PROXY: PROXY})
        yield made
        ALIASES.clear()


def put(theatre: Theatre, arn: str, place: str) -> Mapping[str, Any]:
    """Let a secret name the cluster in that way; gives what it says now."""
    secret = json.loads(theatre.emulator.value(arn, "AWSCURRENT") or "{}")
    host, port = PLACES[place], scene_of(theatre).port
    named = {"dbClusterIdentifier": CLUSTER} if host is None else {"host": host, "port": port}
    kept = {key: value for key, value in secret.items() if key not in {"host", "port", "dbClusterIdentifier"}}
    value = json.dumps({**kept, **named})
    request = {"SecretId": arn, "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
    theatre.emulator.execute("PutSecretValue", request)
    return named


def forget(theatre: Theatre) -> None:
    """Let the function be a new one, that remembers nothing."""
    assembly = cast("Any", theatre.handler)._assembly  # noqa: SLF001 what a function keeps from event to event
    assert hasattr(type(assembly), "_clusters")
    vars(assembly).pop("_clusters", None)


def rotate(application: Application, *, cold: bool = False) -> tuple[RotationResult, int, int, int]:
    """
    Rotate in a warm function, or one that is new in each step; gives what was asked, and logins with a password.

    Between two steps what the first one wrote is replicated: on a busy machine a reader may take longer than a step.
    """
    theatre = application.theatre
    scene, user = scene_of(theatre), application.secret()["username"].removesuffix("_clone")
    scene.cluster.catch_up()
    forget(theatre)
    asked, marks = len(scene.asked), [server.mark() for server in scene.cluster.servers]

    def between(_: StepResult) -> None:
        scene.cluster.catch_up()
        if cold:
            forget(theatre)

    result = application.rotate(between)
    logs = [server.logins(mark) for server, mark in zip(scene.cluster.servers, marks, strict=True)]
    ours = [log.of(user, f"{user}_clone", ADMIN) for log in logs]
    accepted, refused = (sum(len(getattr(log, kind)) for log in ours) for kind in ("accepted", "refused"))
    return result, len(scene.asked) - asked, accepted, refused


@pytest.mark.parametrize("cold", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("strategy", ["alternating-users", "single-user"])
@pytest.mark.parametrize("place", ASKED)
def test_calls_and_logins_by_what_a_secret_names(postgresql: Theatre, place: str, strategy: str, *, cold: bool) -> None:
    """
    The password is written at the writer, proven where clients go, no login fails, and at most two calls are added.

    A function that is new in each step, as Lambda may start it, asks again.
    """
    application = new_application(postgresql, strategy)
    for arn in (postgresql.admin_arn, application.arn):
        named = put(postgresql, arn, place)
    result, asked, accepted, refused = rotate(application, cold=cold)
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert len(result.calls) == 9
    assert ASKED[place] <= asked <= ASKED[place] * (2 if cold else 1)
    assert (accepted, refused) == (3, 0)
    current = application.secret()
    assert {key: current[key] for key in named} == named
    assert ("host" in current) is ("host" in named)
    postgresql.scene.work({**current, "host": WRITER, "port": postgresql.scene.port})


@pytest.mark.parametrize(
    "strategy", ["alternating-users", pytest.param("single-user-by-admin", marks=pytest.mark.exhaustive)]
)
@pytest.mark.parametrize(("user", "admin"), MIXED)
def test_an_admin_that_names_the_cluster_in_another_way(
    postgresql: Theatre, user: str, admin: str, strategy: str
) -> None:
    """However the two do it, the API is asked twice at most, and no login fails."""
    application = new_application(postgresql, strategy)
    put(postgresql, postgresql.admin_arn, admin)
    put(postgresql, application.arn, user)
    result, asked, _, refused = rotate(application)
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert asked <= 2
    assert refused == 0
    postgresql.scene.work({**application.secret(), "host": WRITER, "port": postgresql.scene.port})


def test_a_server_that_is_silent_for_25_seconds(postgresql: Theatre) -> None:
    """A cluster that resumes is waited for, with a line in the log; the rotation needs no retry."""
    cluster = scene_of(postgresql).cluster
    application = new_application(postgresql, "single-user")
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


def test_a_cname_of_a_proxy(postgresql: Theatre) -> None:
    """It is seen before anything is stored, and the refusal says what to do."""
    application = new_application(postgresql, "single-user")
    put(postgresql, application.arn, "CNAME of a proxy")
    result, *_ = rotate(application)
    (step,) = result.steps
    assert isinstance(step.error, GuardViolation)
    assert '"rotation": {"host"' in step.error.remedy
