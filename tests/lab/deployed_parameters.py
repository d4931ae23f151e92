"""The deployed function for parameters, before an emulated Parameter Store that its role's own policies decide on."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.ssm.model import ACCOUNT, arn_of
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import ManualClock
from tests.support.emulators.wire.service import OPERATOR
from tests.support.template.iam import Request, Statement, allows, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.emulators.ministack import Account

PATH: Final = "/rotated"
ADMINS: Final = "/admins/orders"
SETTINGS: Final = {"ParameterPath": PATH, "ParameterAdminArns": f"{arn_of(ADMINS)}*"}
_DEPLOYED_IN: Final = "000000000000"
"""The account of the other emulator; parameters stand in one of their own."""

_SECONDS: Final = 120.0


class DeployedParameters:
    """Parameters, the stack's function for them, and its queue. The clock of the parameters is moved by hand."""

    def __init__(self, account: Account) -> None:
        """Let the function find the parameters, and its role decide on each of its calls."""
        self.clock = ManualClock()
        self.clock.advance(days=-40)
        self.emulator = EmulatedParameterStore(clock=self.clock)
        self.account = account

    def connect(self) -> None:
        """Tell the function where the parameters are, as Lambda's console can."""
        with_endpoint(self.account, self.function, self.emulator.url)
        self._allow_batches()
        self.emulator.faults.allow_only(lambda *asked: allows(self.policy(), Request(*asked)))

    def _allow_batches(self) -> None:
        """
        Grant SendMessageBatch where SendMessage is granted, which the emulator takes for an action of its own.

        Amazon SQS has none of that name. Its developer guide, "Amazon SQS batch actions", Permissions: "You cannot set
        permissions explicitly for SendMessageBatch … Instead, setting permissions for SendMessage … sets permissions
        for the corresponding batch versions of the actions."
        """
        iam = self.account.client("iam")
        policy = iam.get_role_policy(RoleName=self.role, PolicyName="rotation")["PolicyDocument"]
        for statement in policy["Statement"]:
            if "sqs:SendMessage" in listed(statement["Action"]):
                statement["Action"] = [*listed(statement["Action"]), "sqs:SendMessageBatch"]
        iam.put_role_policy(RoleName=self.role, PolicyName="rotation", PolicyDocument=json.dumps(policy))

    @property
    def function(self) -> str:
        """Return the function's ARN."""
        return self.account.outputs["ParameterStoreFunctionArn"]

    @property
    def role(self) -> str:
        """Return the name of its role."""
        return self.account.outputs["ParameterStoreRoleArn"].rpartition("/")[2]

    def policy(self) -> list[Statement]:
        """Read what the role may do at this moment."""
        return policy_of(self.account, self.role)

    def granted(self) -> set[str]:
        """Return the actions of Parameter Store that some statement allows."""
        allowed = (it for it in self.policy() if it["Effect"] == "Allow")
        return {action for it in allowed for action in listed(it["Action"]) if action.startswith("ssm:")}

    def called(self) -> set[str]:
        """Return the actions that the function has called so far, and was not refused."""
        return {f"ssm:{it.operation}" for it in self.emulator.journal.calls if it.caller != OPERATOR}

    def value(self, name: str) -> dict[str, Any]:
        """Return what an application would read."""
        return dict(json.loads(self.emulator.value(name)))

    def put(self, name: str, value: Mapping[str, Any]) -> str:
        """Put a credential, and return its name."""
        self.emulator.put(name, json.dumps(value))
        return name

    def rotate(self, *names: str, **fields: object) -> None:
        """Invoke the function, as an operator does after a leak. Raises DeniedOrFailed."""
        self.clock.advance(days=1)
        written_before = datetime.now(UTC).isoformat()
        self.account.invoke(self.function, {"Parameters": list(names), "WrittenBefore": written_before, **fields})

    def revoke(self, name: str) -> None:
        """Invoke the function, as an operator does next. Raises DeniedOrFailed."""
        self.account.invoke(self.function, {"Step": "revokePrevious", "Parameters": [name]})

    @contextmanager
    def firing(self) -> Iterator[str]:
        """Let the deployed schedule fire each minute, with what the Scheduler fills in, and give what it sends."""
        name = self.account.made()["ParameterStoreSchedule"][1]
        scheduler, now = self.account.client("scheduler"), datetime.now(UTC)
        target = scheduler.get_schedule(Name=name)["Target"]
        target["Input"] = target["Input"].replace("<aws.scheduler.scheduled-time>", f"{now:%Y-%m-%dT%H:%M:%SZ}")
        told = {"Name": name, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
        scheduler.update_schedule(**told, ScheduleExpression="rate(1 minute)")
        try:
            yield str(target["Input"])
        finally:
            scheduler.update_schedule(**told, ScheduleExpression="rate(1 minute)", State="DISABLED")

    def deliver(self, body: str, group: str) -> None:
        """Put a message into the queue, as a queue does that delivers one again."""
        self.account.client("sqs").send_message(
            QueueUrl=self.queue, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=str(time.monotonic())
        )

    @property
    def queue(self) -> str:
        """Return the queue's URL."""
        return self.account.made()["ParameterStoreQueue"][1]

    def left(self) -> int:
        """Count what is in the queue, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.account.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return sum(int(answer["Attributes"][it]) for it in names)


def with_endpoint(account: Account, function: str, url: str) -> None:
    """Tell a function where Parameter Store is."""
    functions = account.client("lambda")
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    variables["AWS_ENDPOINT_URL_SSM"] = url
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


def policy_of(account: Account, role: str) -> list[Statement]:
    """Read what a role may do at this moment, by its own policies and by those that are attached to it."""
    iam = account.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    found = [iam.get_role_policy(RoleName=role, PolicyName=it)["PolicyDocument"] for it in names]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    text = json.dumps([it for policy in found for it in listed(policy["Statement"])])
    statements: list[Statement] = json.loads(text.replace(_DEPLOYED_IN, ACCOUNT))
    return statements


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    give_up = time.monotonic() + _SECONDS
    while not true():
        assert time.monotonic() < give_up, what
        time.sleep(0.1)
