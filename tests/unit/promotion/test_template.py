"""The stack of the promotion: what its function may do, both ways, and who may invoke it."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import cfnlint.api
import pytest
import yaml
from samtranslator.translator.transform import transform

from rotation.entrypoints.promotion import PROMOTED, Standing
from tests.support.emulators.secretsmanager.replication import AfterStop, Replication
from tests.support.guides.pages import ROOT
from tests.support.memory.regions import AWAY, HOME, TwoRegions
from tests.support.template.cloudformation import ACCOUNT, REGION, Stack, of_type, parse
from tests.support.template.iam import Request, allows, listed, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.emulators.secretsmanager.journal import Call
    from tests.support.template.cloudformation import Node

SOURCE: Final = parse((ROOT / "functions/replica_promotion/template.yaml").read_text("utf-8"))
OLD_REGION: Final = "us-east-1"
SECRET: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/database-a1B2c3"
ADMIN: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:admins/orders-d4E5f6"
STRANGER: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payroll/database-j1K2l3"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c"
NEEDED: Final = {
    "SharedLayerArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:SharedLayer:1",
    "SecretNames": "orders/*",
}
EVERYTHING: Final = {**NEEDED, "AdminSecretArns": ADMIN, "KmsKeyArns": KEY, "PromotionSecrets": SECRET}
HERE: Final = (
    "DescribeSecret",
    "GetResourcePolicy",
    "GetSecretValue",
    "ListSecretVersionIds",
    "PutSecretValue",
    "ReplicateSecretToRegions",
    "RotateSecret",
    "TagResource",
    "UpdateSecretVersionStage",
)
THERE: Final = ("CancelRotateSecret", "DescribeSecret")
STOP: Final = "StopReplicationToReplica"
EVERYTHING_COPIED: Final = Replication(unlabelled_copied=True, after_stop=AfterStop.GONE)


def policy(parameters: dict[str, str] | None = None) -> list[dict[str, Any]]:
    made = Stack(parameters or EVERYTHING, SOURCE).resources
    return statements(made["ReplicaPromotionRole"])


def on(action: str, resource: str, **context: str) -> Request:
    return Request(f"secretsmanager:{action}", resource, context)


@pytest.mark.parametrize("action", HERE)
def test_it_may_do_what_a_promotion_does_with_those_secrets_alone(action: str) -> None:
    assert allows(policy(), on(action, SECRET))
    assert not allows(policy(), on(action, STRANGER))
    elsewhere = allows(policy(), on(action, SECRET.replace(REGION, OLD_REGION)))
    assert elsewhere is (action in THERE)


def test_it_cuts_the_link_of_replicas_alone() -> None:
    key = "secretsmanager:SecretPrimaryRegion"
    assert allows(policy(), Request("secretsmanager:StopReplicationToReplica", SECRET, {key: OLD_REGION}))
    assert not allows(policy(), Request("secretsmanager:StopReplicationToReplica", SECRET, {key: REGION}))
    assert not allows(policy(), Request("secretsmanager:StopReplicationToReplica", STRANGER, {key: OLD_REGION}))


def test_in_the_old_region_it_looks_and_switches_rotation_off() -> None:
    there = SECRET.replace(REGION, OLD_REGION)
    assert all(allows(policy(), on(action, there)) for action in THERE)
    assert not allows(policy(), on("GetSecretValue", there))
    assert not allows(policy(), on("DeleteSecret", SECRET))
    assert not allows(policy(), on("RemoveRegionsFromReplication", SECRET))


def test_admin_secrets_are_read_and_never_written() -> None:
    assert allows(policy(), on("GetSecretValue", ADMIN))
    assert not allows(policy(), on("PutSecretValue", ADMIN))
    assert not allows(policy(NEEDED), on("GetSecretValue", ADMIN))


def test_nothing_is_granted_that_is_not_listed_here() -> None:
    """Beside what Lambda, the keys and the search for writers need."""
    granted = {action for it in policy() for action in listed(it["Action"]) if action.startswith("secretsmanager:")}
    assert granted == {f"secretsmanager:{it}" for it in {*HERE, *THERE, "StopReplicationToReplica"}}
    for statement in policy():
        assert statement["Effect"] == "Allow"
        assert "*" not in listed(statement["Resource"])


def restore_an_older_database(scene: TwoRegions) -> None:
    """Let the database accept what a version without a label holds, and nothing else."""
    secret = scene.regions.find("app", HOME)
    assert secret is not None
    held = [it for version, it in secret.versions.items() if it.value and version not in secret.labels.values()]
    newest = max(held, key=lambda it: it.created).value
    assert newest is not None
    document = scene.document(newest.content())
    for name in ("app", "app_clone"):
        scene.server.accounts[name].password = "unknown"
    scene.server.accounts[document["username"]].password = document["password"]


def calls_of_promotions() -> Iterator[tuple[TwoRegions, str, Call]]:
    """Give each call of a promotion in this Region and a return from it: one well, one with an older database."""
    for accepted in ("AWSCURRENT", "a version without a label"):
        scene = TwoRegions("alternating-users", replication=EVERYTHING_COPIED)
        for _ in range(3):
            scene.rotate()
        scene.regions.cut(HOME)
        scene.promote()
        assert scene.run_due() == [None]
        scene.rotate(AWAY)
        scene.regions.restore(HOME)
        scene.give_back(AWAY, HOME, OverwriteStale=scene.regions[HOME].labels("app")["AWSCURRENT"])
        scene.arrive()
        if accepted != "AWSCURRENT":
            restore_an_older_database(scene)
        scene.engine.names.add("here.example")
        before = {region: len(scene.regions[region].calls(caller="function")) for region in (HOME, AWAY)}
        scene.promote(HOME, Force=True, Endpoint="here.example")
        scene.give_back(HOME, AWAY, OverwriteStale=scene.regions[AWAY].labels("app")["AWSCURRENT"])
        for region, earlier in before.items():
            for call in scene.regions[region].calls(caller="function")[earlier:]:
                yield scene, region, call


def test_what_it_calls_of_secrets_manager_is_what_its_role_grants() -> None:
    """Each call, with the keys that conditions ask for, is allowed; and nothing is that was never called."""
    called = set()
    for scene, region, call in calls_of_promotions():
        role = policy({**NEEDED, "SecretNames": "app", "AdminSecretArns": scene.admin})
        primary = AWAY if call.operation == STOP else region
        asked = on(call.operation, str(call.secret), **{"secretsmanager:SecretPrimaryRegion": primary})
        assert allows(role, asked), asked
        called.add(asked.action)
    granted = {action for it in policy() for action in listed(it["Action"]) if action.startswith("secretsmanager:")}
    assert called == granted


def test_nobody_but_the_rule_of_rds_invokes_it() -> None:
    """Where secrets are named for that; people and plans invoke it by rights of their own."""
    made = {"Resources": Stack(EVERYTHING, SOURCE).resources}
    (permission,) = of_type(made, "AWS::Lambda::Permission").values()
    assert permission["Properties"]["Principal"] == "events.amazonaws.com"
    (rule,) = of_type(made, "AWS::Events::Rule").values()
    assert set(rule["Properties"]["EventPattern"]["detail"]["EventID"]) == PROMOTED
    quiet = {"Resources": Stack(NEEDED, SOURCE).resources}
    assert not of_type(quiet, "AWS::Events::Rule")
    assert not of_type(quiet, "AWS::Lambda::Permission")


def test_an_event_promotes_nothing_unless_it_was_asked_for() -> None:
    made = Stack(NEEDED, SOURCE).resources["ReplicaPromotionFunction"]["Properties"]
    variables = made["Environment"]["Variables"]
    assert not Standing.from_environment({name: str(value) for name, value in variables.items()}).acts


def translated() -> dict[str, Node]:
    class ManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    source = copy.deepcopy(SOURCE)
    source["Resources"]["ReplicaPromotionFunction"]["Properties"]["CodeUri"] = "s3://bucket/function.zip"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        return dict(transform(source, {}, ManagedPolicies()))


@pytest.mark.no_cover  # it runs nothing of the library
def test_what_sam_makes_of_it_has_no_finding() -> None:
    config = cfnlint.config.ManualArgs(regions=[REGION])
    assert cfnlint.api.lint(yaml.safe_dump(translated()), config=config) == []


@pytest.mark.parametrize("name", sorted(SOURCE["Parameters"]))
def test_a_parameter_is_described_and_grouped(name: str) -> None:
    grouped = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert SOURCE["Parameters"][name]["Description"].endswith(".")
    assert [name in group["Parameters"] for group in grouped].count(True) == 1
