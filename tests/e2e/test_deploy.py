"""`sam deploy` of the template, and rotations by the deployed functions under their own roles, without AWS."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.stores.parameter_store import dsn
from tests.lab import builds, deployed_mirrors, runtime
from tests.lab.client import Rejected
from tests.lab.deployed import stages_of
from tests.lab.deployed_mirrors import DeployedMirrors
from tests.lab.deployed_parameters import ADMINS, PATH, SETTINGS, DeployedParameters, until
from tests.lab.nightly import NIGHTLY
from tests.lab.theatre import ADMIN, Scene
from tests.support.emulators.ministack import Account, DeniedOrFailed, account
from tests.support.emulators.ssm.model import arn_of
from tests.support.template import released
from tests.support.template.functions import ROTATING, named
from tests.support.template.iam import Request, allows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.servers.tls import Authority

ENGINES: Final = ROTATING
"""The functions, each under the name of its folder; the first of its stages is played."""


TAGS: Final = {"cost-centre": "42"}


@dataclass
class Deployed:
    """The stack, what stands on the other side of each function, and what the release before left."""

    account: Account
    build: Path
    scenes: dict[str, Scene]
    admins: dict[str, str]
    before: dict[str, tuple[str, str]]
    """The resources that the released template made, from which the stack was updated."""
    stored: DeployedParameters
    """Parameters, and the function for them."""
    older: str = ""
    """A secret that the function of the released template rotated."""

    def function(self, engine: str) -> str:
        """Return the ARN of an engine's function, as the stack's outputs name it."""
        return self.account.outputs[named(engine, "FunctionArn")]

    def role(self, engine: str) -> str:
        """Return the name of its role."""
        return self.account.outputs[named(engine, "RoleArn")].rpartition("/")[2]

    def place(self, engine: str) -> dict[str, Any]:
        """Return what a secret says of where the database is."""
        scene = self.scenes[engine]
        return {"engine": scene.engine, "host": scene.host, "port": scene.port, "dbname": scene.database}

    def parameters(self) -> dict[str, str]:
        """Return what the stack is deployed with, which the released template has, too."""
        return {
            "Arch": "x86_64",
            "SecretsLimitedBy": "name-or-tag",
            "SecretNames": "orders/*",
            "AdminSecretArns": ",".join(self.admins.values()),
            "AllowLocalHosts": "true",
            "DatabaseCaBundle": str(self.scenes["postgresql"].bundle),
        }

    def users(self, engine: str, arn: str, times: int) -> list[str]:
        """Rotate a secret so often, work with each credential, and give its users."""
        users = []
        for _ in range(times):
            self.account.rotate(arn, self.function(engine))
            current = self.account.value(arn)
            self.scenes[engine].work(current)
            users.append(current["username"])
        return users

    def parameter(self, engine: str, user: str) -> str:
        """Make an application's user and its parameter, written forty days ago, and give the parameter's name."""
        password = secrets.token_urlsafe(18)
        self.scenes[engine].prepare(user, password, ADMIN)
        own = {"username": user, "password": password, "masterarn": arn_of(f"{ADMINS}-{engine}")}
        return self.stored.put(f"{PATH}/{user}", {**self.place(engine), **own})

    def secret(self, engine: str, name: str, user: str) -> str:
        """Make an application's user and its secret, attach the function, and give the secret's ARN."""
        password = secrets.token_urlsafe(18)
        self.scenes[engine].prepare(user, password, ADMIN)
        own = {"username": user, "password": password, "masterarn": self.admins[engine]}
        arn = self.account.create_secret(name, {**self.place(engine), **own})
        self.account.attach(arn, self.function(engine))
        return arn


@pytest.fixture(scope="module")
def deployed(authority: Authority) -> Iterator[Deployed]:
    """Start a server of each engine, deploy the released template beside them, rotate, and update to the present."""
    with ExitStack() as stack:
        # The build waits for disks and other processes, as the servers do.
        built = stack.enter_context(ThreadPoolExecutor(1)).submit(builds.ready)
        modules = {name: next(stages_of(name))[1] for name in ENGINES}
        scenes = {name: stack.enter_context(module.provide(authority)) for name, module in modules.items()}
        place = stack.enter_context(account(python=runtime.python()))
        one = Deployed(place, Path(), scenes, {}, {}, DeployedParameters(place))
        for name, scene in scenes.items():
            password = secrets.token_urlsafe(18)
            scene.prepare_admin(ADMIN, password)
            value = {**one.place(name), "username": ADMIN, "password": password}
            # Below the path of what may be rotated: only the denial keeps it from being written.
            one.admins[name] = one.account.create_secret(f"orders/admin/{name}", value)
            one.stored.put(f"{ADMINS}-{name}", value)
        one.build = built.result()
        one.account.deploy(released.beside(one.build), one.parameters())
        one.before = one.account.made()
        one.older = one.secret("postgresql", "orders/older", "older")
        assert one.users("postgresql", one.older, 1) == ["older_clone"]
        # The server knows no alarms of sums; tests/e2e/test_deployed_watch.py deploys the watch.
        present = {**one.parameters(), **SETTINGS, **deployed_mirrors.SETTINGS, "Watch": "none"}
        one.account.deploy(one.build / "template.yaml", present, TAGS)
        with one.stored.emulator:
            one.stored.connect()
            yield one


def lasting(made: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Return what a secret, a policy or a person may name: all but the layer, of which each deployment makes one."""
    return {name: it for name, it in made.items() if it[0] != "AWS::Lambda::LayerVersion"}


def test_an_update_replaces_nothing_and_rotations_go_on(deployed: Deployed) -> None:
    """From the last release to the present template: the same resources, and the other user's turn."""
    assert len(lasting(deployed.before)) >= 4 * len(ENGINES)
    assert lasting(deployed.before).items() <= lasting(deployed.account.made()).items()
    assert deployed.users("postgresql", deployed.older, 1) == ["older"]


TAGS_OF: Final[Mapping[str, Callable[[Account, str], Any]]] = {
    "AWS::Lambda::Function": lambda at, name: at.client("lambda").get_function(FunctionName=name)["Tags"],
    "AWS::Logs::LogGroup": lambda at, name: at.client("logs").list_tags_log_group(logGroupName=name)["tags"],
    "AWS::IAM::Role": lambda at, name: _by_key(at.client("iam").list_role_tags(RoleName=name)["Tags"]),
}


def _by_key(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_the_tags_of_the_stack_reach_what_takes_tags(deployed: Deployed) -> None:
    """For an account that demands a tag of its own on everything: `sam deploy --tags`."""
    made = deployed.account.made().values()
    assert {kind for kind, _ in made} >= TAGS_OF.keys()
    for kind, name in made:
        if kind in TAGS_OF:
            assert TAGS_OF[kind](deployed.account, name).items() >= {**TAGS, "application": "rotation-suite"}.items()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_deployed_function_rotates_under_its_own_role(deployed: Deployed, engine: str) -> None:
    """Two users that take turns, twice: an admin secret is read, a clone is made, and the base comes back."""
    arn = deployed.secret(engine, f"orders/{engine}", f"shop_{engine}")
    assert deployed.users(engine, arn, 2) == [f"shop_{engine}_clone", f"shop_{engine}"]


@pytest.mark.parametrize("action", ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"])
def test_a_role_without_a_permission_rotates_nothing(deployed: Deployed, action: str) -> None:
    """Each permission that a rotation uses is enforced: without it the step says that it was denied."""
    arn = deployed.secret("postgresql", f"orders/less-{action}", f"less_{action.lower()}")
    before = deployed.account.value(arn)
    with (
        deployed.account.without(deployed.role("postgresql"), f"secretsmanager:{action}"),
        pytest.raises(DeniedOrFailed, match=rf"{action} was denied"),
    ):
        deployed.account.rotate(arn, deployed.function("postgresql"))
    assert deployed.account.value(arn) == before


def test_a_secret_of_another_path_is_not_touched(deployed: Deployed) -> None:
    """What SecretNames does not name is denied, attached or not."""
    arn = deployed.secret("postgresql", "payroll/database", "payroll")
    with pytest.raises(DeniedOrFailed, match="denied"):
        deployed.account.rotate(arn, deployed.function("postgresql"))


def test_an_admin_secret_is_not_rotated_for_its_name(deployed: Deployed) -> None:
    """It stands below the path that SecretNames gives, it is read, and it cannot be written."""
    arn = deployed.admins["postgresql"]
    before = deployed.account.value(arn)
    deployed.account.attach(arn, deployed.function("postgresql"))
    with pytest.raises(DeniedOrFailed, match="PutSecretValue was denied"):
        deployed.account.rotate(arn, deployed.function("postgresql"))
    assert deployed.account.value(arn) == before


def test_secrets_manager_alone_may_invoke(deployed: Deployed) -> None:
    """Every deployed function has the permission, for this account."""
    for engine in ENGINES:
        policy = deployed.account.client("lambda").get_policy(FunctionName=deployed.function(engine))["Policy"]
        (statement,) = json.loads(policy)["Statement"]
        assert statement["Principal"] == {"Service": "secretsmanager.amazonaws.com"}
        assert "000000000000" in json.dumps(statement["Condition"])


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "documentdb"])
def test_the_function_for_parameters_rotates_under_its_own_role(deployed: Deployed, engine: str) -> None:
    """Two users that take turns; the admin's credential is a parameter, too. An operator ends a password."""
    name, seen = deployed.parameter(engine, f"kept_{engine}"), []
    for _ in range(2):
        deployed.stored.rotate(name)
        seen.append(deployed.stored.value(name))
        deployed.scenes[engine].work(seen[-1])
    assert [it["username"] for it in seen] == [f"kept_{engine}_clone", f"kept_{engine}"]
    log_in, bundle = next(stages_of(engine))[1].log_in, str(deployed.scenes[engine].bundle)
    log_in(seen[0], bundle)
    deployed.stored.revoke(name)
    with pytest.raises(Rejected):
        log_in(seen[0], bundle)
    deployed.scenes[engine].work(seen[1])


@pytest.mark.parametrize("action", ["GetParameter", "GetParameterHistory", "GetParametersByPath", "PutParameter"])
def test_a_role_without_a_permission_rotates_no_parameter(deployed: Deployed, action: str) -> None:
    """Each permission that a rotation uses is enforced: the function says which is missing, and nothing is changed."""
    name = deployed.parameter("postgresql", f"denied_{action.lower()}")
    before = deployed.stored.value(name)
    with (
        deployed.account.without(deployed.stored.role, f"ssm:{action}"),
        pytest.raises(DeniedOrFailed, match=f"{action} was denied"),
    ):
        deployed.stored.rotate(name)
    assert deployed.stored.value(name) == before
    deployed.scenes["postgresql"].work(before)


def test_a_parameter_outside_of_the_path_is_not_touched(deployed: Deployed) -> None:
    """Nor is an admin's: it is read, and cannot be written."""
    for name in ("/payroll/database", f"{ADMINS}-postgresql"):
        deployed.stored.put(name, deployed.stored.value(f"{ADMINS}-postgresql"))
        before = deployed.stored.emulator.value(name)
        with pytest.raises(DeniedOrFailed, match="denied"):
            deployed.stored.rotate(name)
        assert deployed.stored.emulator.value(name) == before


def test_the_schedule_has_what_is_due_rotated_once(deployed: Deployed) -> None:
    """Schedule, queue, function, a message for the parameter, its rotation; each message again changes nothing."""
    stored = deployed.stored
    stored.clock.advance(days=-40)  # rotations before moved it on, and only what is thirty days old is due
    name = deployed.parameter("postgresql", "on_schedule")
    before = stored.value(name)
    stored.clock.advance(seconds=(datetime.now(UTC) - stored.clock()).total_seconds())
    with stored.firing() as sent:
        until(lambda: stored.value(name) != before, "the schedule's event rotates nothing")
    until(lambda: not stored.left(), "the queue is not worked upon")
    deployed.scenes["postgresql"].work(stored.value(name))
    after, writes = stored.value(name), len(stored.emulator.journal.writes)
    due = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    for body in (sent, json.dumps({"Parameters": [name], "WrittenBefore": due})):
        calls = len(stored.emulator.journal.calls)
        stored.deliver(body, "again")
        until(lambda seen=calls: len(stored.emulator.journal.calls) > seen and not stored.left(), "it is not taken")  # type: ignore[misc]
    assert (stored.value(name), len(stored.emulator.journal.writes)) == (after, writes)


def test_the_function_for_parameters_may_do_no_more_than_it_does(deployed: Deployed) -> None:
    """What its role grants of Parameter Store was called by the tests before, and by events of the other kinds."""
    stored = deployed.stored
    stored.clock.advance(days=-40)
    name, other = (deployed.parameter("postgresql", user) for user in ("needed", "needed_too"))
    for _ in range(4):  # then the journal has entries to delete
        stored.rotate(name)
    stored.rotate(name, other)
    stored.rotate(Tags={"rotation": "monthly"})
    until(lambda: not stored.left(), "the queue is not worked upon")
    assert stored.granted() - stored.called() == {"ssm:ListTagsForResource"}, "asked of an admin that AWS manages"
    assert not allows(stored.policy(), Request("ssm:PutParameter", arn_of("/rotation/any"), {"ssm:Overwrite": "true"}))


@pytest.fixture(scope="module")
def mirrors(deployed: Deployed) -> Iterator[DeployedMirrors]:
    """Let the secrets of PostgreSQL's function have mirrors."""
    made = DeployedMirrors(deployed.account, deployed.function("postgresql"), deployed.role("postgresql"))
    with made.emulator:
        made.connect()
        yield made


def mirrored(deployed: Deployed, mirrors: DeployedMirrors, name: str) -> tuple[str, list[str]]:
    """Make a secret of two users and two mirrors that follow it; give its ARN and their names."""
    arn = deployed.secret("postgresql", f"orders/{name}", name)
    value, path = deployed.account.value(arn), f"{deployed_mirrors.PATH}/{name}"
    line = f"postgresql://{name}:-@{value['host']}:{value['port']}/{value['dbname']}"
    names = [mirrors.make(f"{path}/database", arn), mirrors.make(f"{path}/url", arn, line)]
    value["rotation"] = {"mirror": ", ".join(names)}
    deployed.account.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=json.dumps(value))
    return arn, names


def test_mirrors_follow_under_the_functions_own_role(deployed: Deployed, mirrors: DeployedMirrors) -> None:
    """An operator begins it, each rotation goes on, and the application works with what either parameter says."""
    arn, (whole, line) = mirrored(deployed, mirrors, "mirrored")
    mirrors.synchronise(arn)
    scene, read, users = deployed.scenes["postgresql"], mirrors.emulator.value, []
    for _ in range(2):
        users += deployed.users("postgresql", arn, 1)
        assert json.loads(read(whole)) == deployed.account.value(arn)
        said = dsn.read(read(line), line)
        assert said["username"] == users[-1]
        scene.work({**deployed.account.value(arn), **said})
    assert users == ["mirrored_clone", "mirrored"]
    assert mirrors.granted() - mirrors.asked == {"kms:GenerateDataKey"}, "for parameters of the advanced tier"
    assert mirrors.emulator.state.own(line).newest.key == deployed_mirrors.KEY
    assert mirrors.may_put("/mirrors/x")
    assert not any(map(mirrors.may_put, ("/mirrorsx/y", "/orders/database", f"{PATH}/x")))


def test_mirrors_follow_a_roll_back_by_hand(deployed: Deployed, mirrors: DeployedMirrors) -> None:
    """The example's rule sends the event by which they do; no rotation is told of the roll-back."""
    arn, (whole, line) = mirrored(deployed, mirrors, "rolled_back")
    mirrors.synchronise(arn)
    assert deployed.users("postgresql", arn, 1) == ["rolled_back_clone"]
    mirrors.follow_by_events(arn)
    secrets_manager = deployed.account.client("secretsmanager")
    labels = secrets_manager.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current, previous = (next(it for it, held in labels.items() if at in held) for at in ("AWSCURRENT", "AWSPREVIOUS"))
    moved = {"VersionStage": "AWSCURRENT", "RemoveFromVersionId": current, "MoveToVersionId": previous}
    secrets_manager.update_secret_version_stage(SecretId=arn, **moved)
    until(lambda: dsn.read(mirrors.emulator.value(line), line)["username"] == "rolled_back", "no mirror follows")
    assert json.loads(mirrors.emulator.value(whole)) == deployed.account.value(arn)


LACKING = ("ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter", "kms:Decrypt", "kms:Encrypt")


@pytest.mark.parametrize("action", LACKING)
def test_a_role_without_a_permission_writes_no_mirror(
    deployed: Deployed, mirrors: DeployedMirrors, action: str
) -> None:
    """Each permission is enforced, those on the key too; no password ends then, and both read as before."""
    arn, names = mirrored(deployed, mirrors, f"lacking_{action.partition(':')[2].lower()}")
    before = [mirrors.emulator.value(it) for it in names], deployed.account.value(arn)
    mirrors.taken = {action}
    try:
        with pytest.raises(DeniedOrFailed, match="was denied"):
            mirrors.synchronise(arn)
        with pytest.raises(DeniedOrFailed, match=r"A mirror does not hold AWSCURRENT: .* was denied"):
            deployed.account.rotate(arn, deployed.function("postgresql"))
    finally:
        mirrors.taken = set()
    assert ([mirrors.emulator.value(it) for it in names], deployed.account.value(arn)) == before
    deployed.scenes["postgresql"].work(before[1])


def test_the_release_before_can_be_deployed_again(deployed: Deployed) -> None:
    """Rolled back, for which the stack's parameters stay as they are: nothing is replaced, and rotations go on."""
    now = deployed.account.made()
    deploy = deployed.account.deploy if NIGHTLY else deployed.account.change
    deploy(released.beside(deployed.build), deployed.parameters())
    assert lasting(deployed.before).items() <= lasting(deployed.account.made()).items() <= now.items()
    users = deployed.users("postgresql", deployed.older, 2)
    assert set(users) == {"older", "older_clone"}
