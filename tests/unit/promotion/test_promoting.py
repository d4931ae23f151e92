"""A replica is promoted: what comes of it, in which order, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from rotation.errors import (
    GuardViolation,
    InvalidSettings,
    NotOurs,
    NoWorkingCredential,
    RotationError,
    RotationRefused,
    StoreError,
    VersionNotFound,
)
from rotation.model import Mark
from rotation.promotion import promoting
from tests.support.crashes.cuts import Scissors, cutting
from tests.support.emulators.secretsmanager.replication import AfterStop, Order, Replication
from tests.support.memory.engine import PORT
from tests.support.memory.regions import AWAY, FUNCTION, HOME, STRATEGIES, TwoRegions

PLACE = "Write this Region's place into the secret"
WRITES = {"StopReplicationToReplica", "PutSecretValue", "UpdateSecretVersionStage", "RotateSecret", "TagResource"}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr("rotation.strategies.replicas.LOOKS", (0,))
    monkeypatch.setattr("rotation.machine.REREAD_PAUSES", ())


@pytest.fixture(params=STRATEGIES)
def lost(request: pytest.FixtureRequest) -> TwoRegions:
    """Two Regions, of which the home is lost after two rotations."""
    scene = TwoRegions(request.param, replication=Replication(after_stop=AfterStop.GONE))
    for _ in range(2):
        scene.rotate()
    scene.regions.cut(HOME)
    return scene


def operations(scene: TwoRegions, region: str) -> list[str]:
    return [call.operation for call in scene.regions[region].calls(caller="function")]


def test_a_promoted_secret_logs_in_and_rotates(lost: TwoRegions) -> None:
    """AWSCURRENT is accepted at once, and rotations go on in the other Region."""
    answer = lost.promote()
    assert lost.logs_in()
    assert answer["chosen"]["label"] == "AWSCURRENT"
    assert answer["function"] == FUNCTION.format(AWAY)
    assert lost.run_due() == [None]
    lost.rotate(AWAY)
    assert lost.logs_in()
    assert lost.server.refused == []


def test_a_second_promotion_does_nothing(lost: TwoRegions) -> None:
    """What is done is seen, and left alone."""
    lost.promote()
    lost.run_due()
    before = lost.accounts(), lost.regions[AWAY].labels("app"), len(lost.regions[AWAY].calls())
    answer = lost.promote()
    assert [step["state"] for step in answer["steps"]] == ["done before"]
    assert (lost.accounts(), lost.regions[AWAY].labels("app")) == before[:2]
    assert not WRITES & {call.operation for call in lost.regions[AWAY].calls()[before[2] :]}


def test_a_second_promotion_switches_the_old_rotation_off(lost: TwoRegions) -> None:
    """Once the old Region answers; nothing else is done."""
    lost.promote()
    lost.run_due()
    lost.regions.restore(HOME)
    answer = lost.promote()
    assert [step["step"] for step in answer["steps"]] == [f"Switch rotation off in {HOME}", "Promote"]
    assert not lost.regions[HOME].execute("DescribeSecret", {"SecretId": "app"})["RotationEnabled"]


def test_a_dry_run_changes_nothing(lost: TwoRegions) -> None:
    """It says what would be done: no write, and no statement that changes anything."""
    before = lost.accounts(), lost.regions[AWAY].labels("app")
    statements: list[str] = []
    lost.server.effect = lambda name, _phase: statements.append(name)
    called = len(lost.regions[AWAY].calls())
    answer = lost.promote(dry_run=True)
    assert (lost.accounts(), lost.regions[AWAY].labels("app")) == before
    assert set(statements) <= {"connect"}
    assert not WRITES & {call.operation for call in lost.regions[AWAY].calls()[called:]}
    states = {step["step"]: step["state"] for step in answer["steps"]}
    assert states["Stop the replication to here"] == "would be done"
    assert "done" not in states.values()


def test_the_old_function_changes_nothing_any_more(lost: TwoRegions) -> None:
    """The fence: it meets the new marks, or a password that has ended, and refuses."""
    lost.promote()
    assert lost.run_due() == [None]
    before = lost.accounts()
    error = lost.come_back()
    assert isinstance(error, NotOurs | NoWorkingCredential)
    assert lost.accounts() == before
    assert lost.logs_in()


@pytest.mark.parametrize(
    ("strategy", "wishes"),
    [
        ("alternating-users", []),
        ("retained-password by admin", ["VersionIdsToStages"]),  # the memory server marks the clone alone
        ("single-user", ["VersionIdsToStages"]),
        ("single-user by admin", ["VersionIdsToStages"]),
        ("retained-password", ["VersionIdsToStages", "revokePrevious"]),
    ],
)
def test_what_no_mark_keeps_off_is_told(strategy: str, wishes: list[str]) -> None:
    """The rotation that is the fence has to end first; of two passwords the old one works until it is ended."""
    scene = TwoRegions(strategy)
    scene.rotate()
    scene.regions.cut(HOME)
    to_do = [told for told in scene.promote()["toDo"] if "VersionIdsToStages" in told or "revokePrevious" in told]
    assert len(to_do) == len(wishes)
    assert all(wish in told and HOME in told for wish, told in zip(wishes, to_do, strict=True))


def test_an_old_region_that_runs_on_unseen_can_end_the_only_password() -> None:
    """Before the rotation here has begun to change it: what that rotation says then is what has to be done."""
    scene = TwoRegions("single-user")
    scene.rotate()
    scene.regions.cut(HOME)
    scene.promote()
    assert scene.come_back() is None
    assert [str(failure) for failure in scene.run_due()] == ["testSecret: NoWorkingCredential"]


# What stands in the way is seen before anything is cut


def linked(scene: TwoRegions) -> bool:
    """Return whether the replica is one still."""
    secret = scene.regions.find("app", AWAY)
    return secret is not None and secret.primary_region == HOME


def refused(scene: TwoRegions, kind: type[RotationError], **event: Any) -> RotationError:  # noqa: ANN401 JSON
    """Expect a refusal that has changed nothing."""
    before = scene.accounts(), scene.regions[AWAY].labels("app")
    with pytest.raises(kind) as caught:
        scene.promote(**event)
    assert (scene.accounts(), scene.regions[AWAY].labels("app")) == before
    assert linked(scene)
    return caught.value


@pytest.fixture
def scene() -> TwoRegions:
    """Two Regions that are well, after a rotation."""
    made = TwoRegions("alternating-users", replication=Replication(after_stop=AfterStop.GONE))
    made.rotate()
    return made


def test_a_primary_that_answers_is_not_left_by_accident(scene: TwoRegions) -> None:
    """Where it is meant, its rotation is switched off first."""
    assert "answers" in refused(scene, GuardViolation).what
    answer = scene.promote(Force=True)
    assert {"step": f"Switch rotation off in {HOME}", "state": "done"} in answer["steps"]
    assert not linked(scene)
    assert not scene.regions[HOME].execute("DescribeSecret", {"SecretId": "app"})["RotationEnabled"]


def test_a_primary_that_may_not_be_looked_at_answers(scene: TwoRegions) -> None:
    """A refusal comes of a Region that is there; with Force the promotion goes on, and the command is told."""
    scene.regions[HOME].faults.deny("DescribeSecret")
    assert "does not show the primary secret" in refused(scene, GuardViolation).what
    answer = scene.promote(Force=True)
    assert f"aws secretsmanager cancel-rotate-secret --region {HOME} --secret-id {scene.arn}" in answer["toDo"][0]
    assert not linked(scene)


def test_a_primary_that_is_deleted_is_lost(scene: TwoRegions) -> None:
    del scene.regions[HOME].state.secrets[scene.arn]
    scene.promote()
    assert not linked(scene)


def test_one_answer_that_is_lost_is_no_disaster(scene: TwoRegions) -> None:
    """The old primary is asked again, and found to be there."""
    with cutting(Scissors(2, kills=False)) as scissors, pytest.raises(GuardViolation, match="answers"):
        scene.promote()
    assert scissors.fired
    assert not WRITES & {*operations(scene, AWAY)}


def test_a_rotation_under_way_in_the_old_region_is_told(scene: TwoRegions) -> None:
    """So is what has not come here."""
    scene.regions.stick("app", AWAY)
    scene.player(HOME).rotate("app")
    scene.regions[HOME].execute("RotateSecret", {"SecretId": "app", "ClientRequestToken": "7" * 36})
    told = " ".join(scene.promote(Force=True, dry_run=True)["attention"])
    assert "which has not come here" in told
    assert f"A rotation is under way in {HOME}: version {'7' * 36}" in told


def test_a_rotation_that_may_not_be_switched_off_is_left_to_a_person(scene: TwoRegions) -> None:
    """The marks keep it from changing anything; the command is told."""
    scene.regions[HOME].faults.deny("CancelRotateSecret")
    answer = scene.promote(Force=True)
    assert f"aws secretsmanager cancel-rotate-secret --region {HOME} --secret-id {scene.arn}" in answer["toDo"]
    assert not linked(scene)


def test_a_rotation_that_cannot_be_switched_off_is_waited_for_where_no_mark_keeps_it_off() -> None:
    """It could end the only password; once it is off by the command that is told, the promotion goes on."""
    scene = TwoRegions("single-user")
    scene.rotate()
    scene.regions[HOME].faults.deny("CancelRotateSecret")
    error = refused(scene, RotationRefused, Force=True)
    assert "was not switched off" in error.what
    assert f"aws secretsmanager cancel-rotate-secret --region {HOME} --secret-id {scene.arn}" in error.remedy
    scene.regions[HOME].execute("CancelRotateSecret", {"SecretId": "app"})
    assert scene.promote(Force=True)["fence"] == "rotation"


def test_another_primary_than_the_one_that_was_meant(scene: TwoRegions) -> None:
    """The event is about another Region."""
    assert f"replica of {HOME}, and not of us-east-1" in refused(scene, GuardViolation, From="us-east-1").what


def test_a_database_that_is_a_replica_still(lost: TwoRegions) -> None:
    """The database is promoted first."""
    lost.server.read_only = True
    assert refused(lost, GuardViolation).retryable


def test_nobody_logs_in(lost: TwoRegions) -> None:
    """The copy may still be under way; where it is not, what is to be done is told, and helps."""
    for name in {"app", "app_clone"} & lost.server.accounts.keys():
        lost.server.accounts[name].password, lost.server.accounts[name].second = "unknown", None
    error = refused(lost, NoWorkingCredential)
    assert "set the password that AWSCURRENT holds" in error.remedy
    current = lost.credential()
    lost.server.accounts[current.username].password = current.password.reveal()
    lost.promote()
    assert lost.logs_in()


def test_an_account_of_another_secret(scene: TwoRegions) -> None:
    """It is never taken over, and a rotation would stop at it."""
    scene.server.accounts["app_clone"].mark = Mark(scene.arn.replace("secret:app", "secret:other"), "app", "v")
    assert "another secret" in refused(scene, NotOurs, Force=True).what


def test_no_function_is_known(scene: TwoRegions) -> None:
    """It is the one of the old Region, where that answers; else it has to be named."""
    scene.regions.cut(HOME)
    case = scene.case()
    case.function = ""
    with pytest.raises(InvalidSettings, match="No rotation function"):
        promoting.promote(case)
    scene.regions.restore(HOME)
    case = scene.case(Force=True)
    case.function = ""
    assert promoting.promote(case).answer()["function"] == FUNCTION.format(AWAY)


def test_the_rules_are_the_old_regions(scene: TwoRegions) -> None:
    """RotateSecret takes one of the two ways in which Describe says when."""
    rules = {"ScheduleExpression": "rate(9 days)", "Duration": "2h"}
    scene.regions[HOME].execute("CancelRotateSecret", {"SecretId": "app"})
    request = {"SecretId": "app", "ClientRequestToken": "7" * 36, "RotationRules": rules}
    scene.regions[HOME].execute("RotateSecret", request)
    scene.player(HOME).run()
    scene.arrive()
    assert scene.promote(Force=True)["rules"] == rules


def test_no_value_has_come() -> None:
    """Only labels have: there is nothing to choose from."""
    scene = TwoRegions("single-user", replication=Replication(Order.LABELS_FIRST), gap=timedelta(days=9))
    scene.regions.cut(HOME)
    assert "No version" in refused(scene, VersionNotFound).what


@pytest.mark.parametrize("rotation", [{"strategy": "none"}, {"mirror": ["/orders"]}])
def test_a_value_that_is_malformed_is_told_as_that(rotation: dict[str, Any]) -> None:
    """It has come, so that waiting for another copy would not help."""
    scene = TwoRegions("alternating-users", rotation=rotation)
    scene.regions.cut(HOME)
    assert f'The key "{next(iter(rotation))}"' in refused(scene, InvalidSettings).what


# What comes of the copy that was under way


def test_a_label_whose_value_never_came() -> None:
    """AWSPREVIOUS's user is the other one of the pair, and still logs in."""
    scene = TwoRegions("alternating-users", replication=Replication(Order.LABELS_FIRST, after_stop=AfterStop.GONE))
    scene.rotate()
    scene.regions.gap = timedelta(days=9)
    scene.player(HOME).rotate("app")
    scene.regions[AWAY].service.settle()
    scene.regions.cut(HOME)
    answer = scene.promote()
    assert answer["chosen"]["label"] == "AWSPREVIOUS"
    assert scene.logs_in()
    assert scene.run_due() == [None]


def test_a_value_whose_label_never_came() -> None:
    """With one password it is the only one that logs in."""
    scene = TwoRegions("single-user", replication=Replication(after_stop=AfterStop.GONE))
    scene.regions.gap = timedelta(days=9)
    scene.player(HOME).rotate("app")
    scene.regions[AWAY].service.settle()
    scene.regions.cut(HOME)
    answer = scene.promote()
    assert answer["chosen"]["label"] == "no label"
    assert "The database does not accept AWSCURRENT" in " ".join(answer["attention"])
    assert scene.logs_in()
    assert scene.run_due() == [None]


def swapped(scene: TwoRegions) -> dict[str, str]:
    labels = scene.regions[AWAY].labels("app")
    moved = {"MoveToVersionId": labels["AWSPREVIOUS"], "RemoveFromVersionId": labels["AWSCURRENT"]}
    return {"SecretId": "app", "VersionStage": "AWSCURRENT", **moved}


def test_what_comes_while_it_is_cut_is_chosen_from_anew(lost: TwoRegions) -> None:
    """A last copy may arrive between the choice and the cut."""
    case = lost.case()
    stop = case.store.stop_replication

    def arriving() -> None:
        stop()
        lost.regions[AWAY].execute("UpdateSecretVersionStage", swapped(lost))

    case.store.stop_replication = arriving  # type: ignore[method-assign]
    promoting.promote(case)
    assert lost.logs_in()


# The place here


def test_a_database_with_another_name_here(lost: TwoRegions) -> None:
    """The value says so, once; then the next rotation is a healthy one."""
    lost.engine.names.add("there.example")
    answer = lost.promote(Endpoint=f"there.example:{PORT}")
    assert json.loads(lost.regions[AWAY].value("app") or "")["host"] == "there.example"
    assert {"step": PLACE, "state": "done"} in answer["steps"]
    assert lost.run_due() == [None]
    lost.rotate(AWAY)
    assert lost.logs_in()


def test_a_dry_run_of_another_name(lost: TwoRegions) -> None:
    """It logs in there, and stores nothing."""
    lost.engine.names.add("there.example")
    before = lost.regions[AWAY].value("app")
    answer = lost.promote(dry_run=True, Endpoint="there.example")
    assert {"step": PLACE, "state": "would be done"} in answer["steps"]
    assert lost.regions[AWAY].value("app") == before


def test_a_put_that_somebody_took_back(scene: TwoRegions) -> None:
    """A repetition does nothing to a token that has its value, so the label is moved there."""
    scene.engine.names.add("there.example")
    scene.regions.cut(HOME)
    case = scene.case(Endpoint="there.example")
    case.store.attach = lambda *_, **__: None  # type: ignore[method-assign]
    promoting.promote(case)
    put = scene.regions[AWAY].labels("app")["AWSCURRENT"]
    scene.regions[AWAY].execute("UpdateSecretVersionStage", swapped(scene))
    scene.promote(Endpoint="there.example")
    assert scene.regions[AWAY].labels("app")["AWSCURRENT"] == put


def test_a_move_that_is_refused_is_looked_at(lost: TwoRegions) -> None:
    """What was moved all the same is done; what was not is told."""
    case = lost.case()

    def refuse(token: str, replacing: str) -> None:
        raise StoreError(f"refused {token} {replacing}")

    case.store.promote = refuse  # type: ignore[method-assign]
    current = lost.regions[AWAY].labels("app")["AWSCURRENT"]
    promoting._move(case, current, None)  # noqa: SLF001 a race that no schedule makes
    with pytest.raises(StoreError, match="refused"):
        promoting._move(case, "7" * 36, current)  # noqa: SLF001 likewise


# What is told


def test_a_policy_that_names_the_old_region_is_told(scene: TwoRegions) -> None:
    """It is left as it is."""
    statement = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": scene.arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    scene.regions[HOME].execute("PutResourcePolicy", {"SecretId": "app", "ResourcePolicy": policy})
    scene.arrive()
    assert f"policy names {HOME}" in " ".join(scene.promote(dry_run=True, Force=True)["attention"])
    scene.regions[AWAY].faults.deny("GetResourcePolicy")
    assert "policy was not seen" in " ".join(scene.promote(Force=True)["attention"])


def test_a_function_that_may_not_be_attached_is_told(scene: TwoRegions) -> None:
    """By the refusal; once it may, the next promotion attaches it."""
    scene.regions[AWAY].faults.deny("RotateSecret")
    with pytest.raises(StoreError, match="RotateSecret was denied"):
        scene.promote(Force=True)
    scene.regions[AWAY].faults.clear()
    scene.promote(Force=True)
    assert scene.run_due() == [None]


def test_a_tag_that_may_not_be_written_is_left_to_a_person(scene: TwoRegions) -> None:
    """Nothing hangs on it."""
    scene.regions[AWAY].faults.deny("TagResource")
    assert f"Tag the secret: rotation:promoted-from={HOME}" in scene.promote(Force=True)["toDo"]


def test_mirrors_that_have_to_exist_here_are_told() -> None:
    """Parameter Store copies nothing to another Region."""
    scene = TwoRegions("alternating-users", rotation={"mirror": "/orders/database"})
    assert "refused: /orders/database" in " ".join(scene.promote(dry_run=True, Force=True)["attention"])


def test_the_answer_holds_no_password(lost: TwoRegions) -> None:
    """Neither does what the log is told."""
    answer = json.dumps(lost.promote())
    said = "".join([answer, *lost.notes.said, *lost.notes.warned])
    assert lost.credential().password.reveal() not in said
    assert "admin-password" not in said


def test_an_old_primary_that_follows_already(lost: TwoRegions) -> None:
    """Where it was made a replica of this Region, it is left alone."""
    lost.promote()
    lost.run_due()
    lost.regions.restore(HOME)
    stale = lost.regions[HOME].labels("app")["AWSCURRENT"]
    lost.give_back(AWAY, HOME, OverwriteStale=stale)
    assert f"is a replica of {AWAY}" in " ".join(lost.promote()["attention"])


def test_an_old_primary_that_is_rotated_no_more(scene: TwoRegions) -> None:
    """There is nothing to switch off, and its days count as rules."""
    scene.regions[HOME].execute("CancelRotateSecret", {"SecretId": "app"})
    secret = scene.regions.find("app", HOME)
    assert secret is not None
    secret.rotation.rules = {"AutomaticallyAfterDays": 7}
    answer = scene.promote(Force=True)
    assert not [step for step in answer["steps"] if "Switch" in step["step"]]
    assert answer["rules"] == {"AutomaticallyAfterDays": 7}


def test_a_version_about_another_database_is_not_taken(scene: TwoRegions) -> None:
    """Whoever changed AWSCURRENT's place meant it: an older version is named, and its password goes nowhere."""
    document = json.loads(scene.regions[HOME].value("app") or "")
    value = json.dumps({**document, "host": "elsewhere.example", "password": "another"})
    scene.engine.names.add("elsewhere.example")
    request = {"SecretId": "app", "SecretString": value, "ClientRequestToken": "7" * 36}
    scene.regions[HOME].execute("PutSecretValue", request)
    scene.arrive()
    scene.regions.cut(HOME)
    refused(scene, NoWorkingCredential)
    assert len(scene.server.refused) == 1
