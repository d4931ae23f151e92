"""`sam deploy` of the template, and rotations by the deployed functions under their own roles, without AWS."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from tests.lab import runtime
from tests.lab.deployed import stages_of
from tests.lab.theatre import ADMIN, Scene
from tests.support.emulators.ministack import Account, DeniedOrFailed, account
from tests.support.template.functions import ROTATING, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tests.support.servers.tls import Authority

ENGINES: Final = ROTATING
"""The functions, each under the name of its folder; the first of its stages is played."""


class Deployed(NamedTuple):
    """The stack, and what stands on the other side of each function."""

    account: Account
    modules: dict[str, ModuleType]
    scenes: dict[str, Scene]
    admins: dict[str, str]

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
    """Start a server of each engine, and deploy the whole template beside them."""
    with ExitStack() as stack:
        # The build waits for disks and other processes, as the servers do.
        built = stack.enter_context(ThreadPoolExecutor(1)).submit(runtime.own)
        modules = {name: next(stages_of(name))[1] for name in ENGINES}
        scenes = {name: stack.enter_context(module.provide(authority)) for name, module in modules.items()}
        one = Deployed(stack.enter_context(account()), modules, scenes, {})
        for name, scene in scenes.items():
            password = secrets.token_urlsafe(18)
            scene.prepare_admin(ADMIN, password)
            value = {**one.place(name), "username": ADMIN, "password": password}
            # Below the path of what may be rotated: only the denial keeps it from being written.
            one.admins[name] = one.account.create_secret(f"orders/admin/{name}", value)
        parameters = {
            "Arch": "x86_64",
            "SecretsLimitedBy": "name-or-tag",
            "SecretNames": "orders/*",
            "AdminSecretArns": ",".join(one.admins.values()),
            "AllowLocalHosts": "true",
            "DatabaseCaBundle": str(scenes["postgresql"].bundle),
        }
        one.account.deploy(built.result(), parameters)
        yield one


@pytest.mark.parametrize("engine", ENGINES)
def test_a_deployed_function_rotates_under_its_own_role(deployed: Deployed, engine: str) -> None:
    """Two users that take turns, twice: an admin secret is read, a clone is made, and the base comes back."""
    arn = deployed.secret(engine, f"orders/{engine}", f"shop_{engine}")
    users = []
    for _ in range(2):
        deployed.account.rotate(arn, deployed.function(engine))
        current = deployed.account.value(arn)
        deployed.scenes[engine].work(current)
        users.append(current["username"])
    assert users == [f"shop_{engine}_clone", f"shop_{engine}"]


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
