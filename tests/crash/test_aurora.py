"""
Let the writer of a cluster fail over after each effect of a rotation, and see that nothing is lost.

A writer is killed, and comes back as a reader; it is killed with all that the rotation did there, which nobody else
has heard of; and it becomes a reader whose sessions live on. `make test` plays some of the points, `make crash` all.
"""

from __future__ import annotations

import functools
import itertools
import json
import threading
import time
import uuid
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

import pytest

from rotation.errors import NotOurs, NoWorkingCredential
from tests.lab.beside_secrets import beside, require_rotated
from tests.lab.client import Rejected
from tests.lab.cutting import other_region
from tests.lab.cutting.failover import kill, lose, new_application, play, scene_of, switch_over, theatre
from tests.lab.cutting.other_people import abandon, attempt, complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.theatre import Application, Theatre
    from tests.support.crashes.tally import Tally
    from tests.support.emulators.secretsmanager.rotation import StepResult
    from tests.support.servers.tls import Authority

SOME = {
    ("aurora-postgresql", "alternating-users"): 9,
    ("aurora-postgresql", "single-user"): 5,
    ("aurora-postgresql", "single-user-by-admin"): 0,
    ("aurora-mysql", "alternating-users"): 17,
    ("aurora-mysql", "retained-password"): 7,
    ("aurora-mysql", "retained-password-by-admin"): 0,
    ("aurora-mysql", "single-user"): 7,
    ("aurora-mysql", "single-user-by-admin"): 0,
}
"""How far apart the points are that `make test` plays; 0: it plays none."""

_numbers = itertools.count()


@pytest.fixture(scope="module")
def clusters(authority: Authority) -> Iterator[Callable[[str], Theatre]]:
    """Return a cluster of each edition that is asked for, and the function."""
    with ExitStack() as stack:
        yield functools.cache(lambda edition: stack.enter_context(theatre(edition, authority)))


@pytest.fixture
def cluster(clusters: Callable[[str], Theatre], edition: str) -> Theatre:
    """Return the cluster of this edition."""
    return clusters(edition)


@pytest.fixture
def every(request: pytest.FixtureRequest, edition: str, strategy: str) -> int:
    """Return how far apart the points of this strategy are."""
    return 1 if request.config.getoption("--exhaustive") else SOME[edition, strategy]


def series(*, whole: bool = False, edition: str = "") -> pytest.MarkDecorator:
    """Return each strategy of each edition; those that `make test` leaves out, to `make crash` alone."""
    cases = [
        pytest.param(*case, marks=[pytest.mark.exhaustive] if whole or not apart else [], id="-".join(case))
        for case, apart in SOME.items()
        if edition in case[0]
    ]
    return pytest.mark.parametrize(("edition", "strategy"), cases)


@series()
def test_a_killed_writer(tally: Tally, cluster: Theatre, strategy: str, every: int) -> None:
    """Wherever the writer is killed, the rotation is done after one retry."""
    play(tally, lambda: nullcontext(cluster), strategy, kill, every=every)


def names() -> Iterator[object]:
    """Return each strategy of each edition with each name of its engine; `make test` plays one of each edition."""
    for edition, strategy in SOME:
        for engine in (edition, *(["aurora"] if edition == "aurora-mysql" else [])):
            usual = strategy == "single-user" and engine == edition
            marks = () if usual else pytest.mark.exhaustive
            yield pytest.param(edition, strategy, engine, id=f"{engine}-{strategy}", marks=marks)


@pytest.mark.parametrize(("edition", "strategy", "engine"), [*names()])
def test_a_parameter_rotates(cluster: Theatre, strategy: str, engine: str) -> None:
    """Where the credential is a parameter of Parameter Store."""
    with beside(cluster, engine) as there:
        require_rotated(there, f"kept_{next(_numbers)}", strategy)


@series(whole=True)
def test_a_promoted_secret_is_rotated_in_the_other_region(cluster: Theatre, strategy: str) -> None:
    """By the cluster's writer; the function of the Region that was left is refused."""
    application = new_application(cluster, strategy)
    assert application.rotate().succeeded
    there = other_region.beside(application)
    assert other_region.promote(there)["chosen"]["label"] == "AWSCURRENT"
    other_region.play(there)
    complete(there)
    there.work()
    abandon(application)
    assert isinstance(attempt(application), NotOurs | NoWorkingCredential)
    there.work()


@series(whole=True)
def test_a_killed_writer_that_gave_no_answer(tally: Tally, cluster: Theatre, strategy: str, every: int) -> None:
    """Where the last answer is lost with the writer, too."""
    play(tally, lambda: nullcontext(cluster), strategy, kill, every=every, answered=False)


@series(whole=True)
def test_a_killed_writer_whose_changes_are_lost(
    tally: Tally, authority: Authority, edition: str, strategy: str, every: int
) -> None:
    """The retry makes them again with the same password; what was lost after the last proof, the next rotation."""
    play(tally, lambda: theatre(edition, authority), strategy, lose, every=every)


@series(edition="aurora-mysql")
def test_a_writer_that_becomes_a_reader(tally: Tally, cluster: Theatre, strategy: str, every: int) -> None:
    """Wherever the writer becomes a reader, the rotation is done after one retry."""
    play(tally, lambda: nullcontext(cluster), strategy, switch_over, every=every)


@pytest.mark.parametrize("edition", ["aurora-postgresql", "aurora-mysql"])
def test_writes_that_were_not_replicated(authority: Authority, edition: str) -> None:
    """
    The writer dies with what nobody else has heard of.

    That is a whole rotation of one secret, which its next rotation repairs; what setSecret did for another one, whose
    retry sets the same password; and the first rotation of a pair, which a person has to take back. Aurora's servers
    share what was committed; this is what a secondary Region that takes over may lack.
    """
    with theatre(edition, authority) as stage:
        alone, pair, young = (
            new_application(stage, strategy) for strategy in ("single-user", "alternating-users", "alternating-users")
        )
        assert pair.rotate().succeeded
        scene_of(stage).cluster.catch_up()
        scene_of(stage).cluster.freeze()
        assert alone.rotate().succeeded
        assert young.rotate().succeeded
        pending: list[str | None] = []

        def fail_over(step: StepResult) -> None:
            if step.step == "setSecret" and not pending:
                pending.append(stage.emulator.value(pair.arn, "AWSPENDING"))
                lose(stage)

        result = pair.rotate(fail_over)
        assert [step.step for step in result.steps if step.error] == ["finishSecret"]
        pair.work()
        result = stage.player.retry(pair.arn)
        assert result.succeeded, [str(step.error) for step in result.steps]
        assert stage.emulator.value(pair.arn, "AWSCURRENT") == pending[0]
        pair.work()
        with pytest.raises(Rejected):
            alone.work()
        assert alone.rotate().succeeded
        alone.work()
        go_back(young)


def go_back(application: Application) -> None:
    """Recover a pair whose first rotation was lost as a whole: nobody knows its clone, nor whose its users are."""
    (step,) = (step for step in application.rotate().steps if step.error)
    assert isinstance(step.error, NotOurs)
    emulator = application.theatre.emulator
    labels = emulator.labels(application.arn)
    moved = {"MoveToVersionId": labels["AWSPREVIOUS"], "RemoveFromVersionId": labels["AWSCURRENT"]}
    application.theatre.player.abandon(application.arn)
    emulator.execute("UpdateSecretVersionStage", {"SecretId": application.arn, "VersionStage": "AWSCURRENT", **moved})
    application.work()
    assert application.rotate().succeeded
    application.work()


@pytest.mark.parametrize("edition", ["aurora-mysql"])
def test_a_reader_under_the_writers_name(cluster: Theatre) -> None:
    """Where the name still leads to the old writer, the step waits until it moves, and no login fails."""
    application = new_application(cluster, "retained-password")
    names = scene_of(cluster).cluster
    names.lead(writer=1 - names.writer)
    threading.Timer(2, names.lead).start()
    mark = cluster.scene.mark()
    assert application.rotate().succeeded
    assert cluster.scene.logins(mark)[1] == 0
    application.work()


@pytest.mark.parametrize("edition", ["aurora-postgresql", "aurora-mysql"])
def test_a_wrong_password_is_not_waited_for(cluster: Theatre) -> None:
    """A server that answers is believed, at once."""
    application = new_application(cluster, "single-user")
    put(cluster, application.arn, json.dumps({**application.secret(), "username": "nobody_here"}))
    told, begun = len(cluster.function_log.getvalue()), time.monotonic()
    assert not application.rotate().succeeded
    assert time.monotonic() - begun < 5
    assert "it gives no answer" not in cluster.function_log.getvalue()[told:]


@pytest.mark.parametrize("edition", ["aurora-postgresql", "aurora-mysql"])
@pytest.mark.parametrize("strategy", ["alternating-users", "single-user-by-admin"])
def test_an_admin_that_rds_manages(cluster: Theatre, managed: None, strategy: str) -> None:  # noqa: ARG001 it is there
    """Its secret names no server; the cluster of its tag is described, and is where the admin logs in."""
    application = new_application(cluster, strategy)
    scene = scene_of(cluster)
    before, asked, mark = application.secret()["password"], len(scene.asked), scene.mark()
    result = application.rotate()
    assert result.succeeded, [str(step.error) for step in result.steps]
    assert application.secret()["password"] != before
    resolved = 1 if strategy == "alternating-users" else 2  # in each step that the admin has a part in
    assert scene.asked[asked:] == ["DescribeDBClusters"] * resolved
    assert len(result.calls) == (9 if strategy == "alternating-users" else 11) + resolved
    assert scene.logins(mark) == (3 if strategy == "alternating-users" else 4, 0)
    application.work()


@pytest.fixture
def managed(cluster: Theatre) -> Iterator[None]:
    """Let the admin's secret be what RDS makes of one: a user, a password, and the cluster in a tag."""
    before = cluster.emulator.value(cluster.admin_arn, "AWSCURRENT") or ""
    tags = {"aws:rds:primaryDBClusterArn": str(scene_of(cluster).cluster.described()["DBClusterArn"])}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    kept = {key: value for key, value in json.loads(before).items() if key in {"username", "password"}}
    put(cluster, cluster.admin_arn, json.dumps(kept))
    cluster.emulator.execute("TagResource", {"SecretId": cluster.admin_arn, "Tags": listed})
    yield
    put(cluster, cluster.admin_arn, before)
    cluster.emulator.execute("UntagResource", {"SecretId": cluster.admin_arn, "TagKeys": list(tags)})


def put(cluster: Theatre, arn: str, value: str) -> None:
    """Store another value as AWSCURRENT."""
    request = {"SecretId": arn, "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
    cluster.emulator.execute("PutSecretValue", request)
