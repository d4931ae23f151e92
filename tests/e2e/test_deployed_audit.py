"""The audit's own stack is deployed, and the deployed function audits under its own role, without AWS."""

from __future__ import annotations

import datetime as dt
import io
import json
import time
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from audit.calls import OPTIONAL, PERMISSIONS
from tests.lab import builds
from tests.lab.nightly import NIGHTLY
from tests.lab.runtime import LambdaRuntime, python
from tests.support.emulators.ministack import Account, DeniedOrFailed, account
from tests.support.emulators.secretsmanager.model import RotationSettings, Version
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.state import ACCOUNT
from tests.support.servers.process import new_folder
from tests.support.template.cloudformation import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.tls import Authority

OTHER: Final = "210987654321"
HANDLER: Final = "audit.entrypoint.lambda_handler"
ENDPOINT: Final = "AWS_ENDPOINT_URL_SECRETS_MANAGER"


@dataclass
class Deployed:
    """The stack, the account that it looks at, and whoever subscribed to its topic."""

    account: Account
    topic: str
    mail: str
    named: EmulatedSecretsManager
    """Secrets that name a function and a key, which ministack's list of secrets does not show."""

    def run(self, **forgotten: bool) -> dict[str, Any]:
        """Invoke the function and return its report. Raises DeniedOrFailed."""
        if forgotten:
            self.account.client("s3").delete_object(Bucket=self.bucket, Key="memory.sqlite")
        self.account.invoke(self.account.outputs["AuditFunctionArn"], {})
        return self.report()

    def report(self) -> dict[str, Any]:
        """Return the last report."""
        body = self.account.client("s3").get_object(Bucket=self.bucket, Key="latest/report.json")["Body"]
        return dict(json.loads(body.read()))

    @property
    def bucket(self) -> str:
        """Return the bucket's name."""
        return self.account.outputs["ReportsBucket"]

    @property
    def role(self) -> str:
        """Return the role's name."""
        return self.account.outputs["AuditRoleArn"].rpartition("/")[2]

    def told(self) -> list[str]:
        """Return what the topic told since it was asked last."""
        sqs, found = self.account.client("sqs"), list[Any]()
        while some := sqs.receive_message(QueueUrl=self.mail, MaxNumberOfMessages=10).get("Messages", []):
            for it in some:
                sqs.delete_message(QueueUrl=self.mail, ReceiptHandle=it["ReceiptHandle"])
            found += some
        return [json.loads(it["Body"])["Message"] for it in found]

    def look_at(self, url: str | None) -> None:
        """Have the function ask another Secrets Manager, or the account's own."""
        function, client = self.account.outputs["AuditFunctionArn"], self.account.client("lambda")
        variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        variables = {key: value for key, value in variables.items() if key != ENDPOINT}
        variables |= {ENDPOINT: url} if url else {}
        client.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


@pytest.fixture(scope="module")
def deployed(authority: Authority) -> Iterator[Deployed]:
    """Deploy the stack into an account in which something is wrong; the bucket's policy demands TLS."""
    with ExitStack() as stack:
        here = stack.enter_context(account(authority, python=python(), MINISTACK_ACCOUNT_ID=ACCOUNT))
        topic, mail = _subscribed(here)
        deploy(here, TopicArn=topic)
        _lend(here)
        _fill(here)
        named = stack.enter_context(EmulatedSecretsManager())
        _name(named, here)
        yield Deployed(here, topic, mail, named)


def deploy(here: Account, **parameters: str) -> None:
    """Deploy the stack with these parameters, or update it; by night with `sam deploy`."""
    template = builds.ready("audit") / "template.yaml"
    (here.deploy if NIGHTLY else here.change)(template, {"Arch": builds.architecture(), **parameters})


def _subscribed(here: Account) -> tuple[str, str]:
    topic = here.client("sns").create_topic(Name="changes")["TopicArn"]
    sqs = here.client("sqs")
    url = sqs.create_queue(QueueName="mail")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": queue}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    here.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    return str(topic), str(url)


def _lend(here: Account) -> None:
    """Lend the role what this server alone asks for: it takes GetFunctionConcurrency for PutFunctionConcurrency."""
    statement = {"Effect": "Allow", "Action": "lambda:PutFunctionConcurrency", "Resource": "*"}
    here.client("iam").put_role_policy(
        RoleName=here.outputs["AuditRoleArn"].rpartition("/")[2],
        PolicyName="lent",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def _fill(here: Account) -> None:
    """One secret that will be deleted and is in use, one with a version that is pending, a trail that records."""
    client, trails = here.client("secretsmanager"), here.client("cloudtrail")
    here.value(here.create_secret("shop/deleted", {"password": "one"}))
    client.delete_secret(SecretId="shop/deleted", RecoveryWindowInDays=7)
    here.create_secret("shop/pending", {"password": "one"})
    token = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    client.put_secret_value(
        SecretId="shop/pending", SecretString="two", ClientRequestToken=token, VersionStages=["AWSPENDING"]
    )
    here.client("s3").create_bucket(Bucket="trail", CreateBucketConfiguration={"LocationConstraint": REGION})
    trails.create_trail(Name="one", S3BucketName="trail", IsMultiRegionTrail=True)
    trails.start_logging(Name="one")
    here.client("ssm").put_parameter(Name="/shop/db/password", Value="one", Type="String")


def _name(named: EmulatedSecretsManager, here: Account) -> None:
    """Put a secret in that names a function, whose log says why it failed, and a key, and is shared."""
    key = here.client("kms").create_key()["KeyMetadata"]["Arn"]
    name = "secret-rotation-mysql"
    function = here.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=here.outputs["AuditRoleArn"],
        Handler="app.lambda_handler",
        Code={"ZipFile": _empty_zip()},
    )["FunctionArn"]
    permission = {"Principal": "secretsmanager.amazonaws.com", "SourceAccount": ACCOUNT}
    here.client("lambda").add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", **permission
    )
    here.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    client = named.client()
    arn = client.create_secret(Name="shop/named", SecretString="one", KmsKeyId=key)["ARN"]
    named.state.any(arn).rotation = RotationSettings(
        enabled=True, lambda_arn=function, rules={"AutomaticallyAfterDays": 30}
    )
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Action": "secretsmanager:GetSecretValue"}]}
    client.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(policy))


def _empty_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", "")
    return file.getvalue()


def unseen(report: dict[str, Any]) -> set[str]:
    """Return what the report says that whoever runs the audit is to be allowed."""
    return {it["remedy"] for it in report["findings"] if it["rule"] == "blind-spot" and it["state"] != "resolved"}


def found(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the findings of a report that are open, by rule and name."""
    return {(it["rule"], it["name"]) for it in report["findings"] if it["state"] != "resolved"}


def test_it_sees_everything_under_its_own_role(deployed: Deployed) -> None:
    """No call is denied; the page and the reports lie in the bucket, under the day and as the latest."""
    report = deployed.run(forgotten=True)
    assert unseen(report) == set()
    assert {("deleted-in-use", "shop/deleted"), ("parameter-clear-text", "/shop/db/password")} <= found(report)
    keys = {it["Key"] for it in deployed.account.client("s3").list_objects_v2(Bucket=deployed.bucket)["Contents"]}
    day = report["generated"][:10]
    names = ("page.html", "report.json", "findings.asff.jsonl", "findings.ocsf.jsonl")
    assert {f"{place}/{name}" for place in (day, "latest") for name in names} | {"memory.sqlite"} <= keys


def test_the_topic_is_told_of_changes_alone(deployed: Deployed) -> None:
    deployed.run(forgotten=True)
    deployed.told()
    assert deployed.run()["changes"]["new"] == 0
    assert deployed.told() == []
    deployed.account.client("secretsmanager").restore_secret(SecretId="shop/deleted")
    try:
        deployed.run()
        (text,) = deployed.told()
        assert "resolved, high: It will be deleted, and is in use: shop/deleted" in text
    finally:
        deployed.account.client("secretsmanager").delete_secret(SecretId="shop/deleted", RecoveryWindowInDays=7)


def test_what_could_not_be_told_is_told_by_the_next_run(deployed: Deployed) -> None:
    """The role lacks a permission, the function fails, and nothing counts as told."""
    deployed.account.client("s3").delete_object(Bucket=deployed.bucket, Key="memory.sqlite")
    deployed.told()
    with (
        deployed.account.without(deployed.role, "sns:Publish", "tell"),
        pytest.raises(DeniedOrFailed, match=r"AuthorizationError|AccessDenied"),
    ):
        deployed.run()
    assert deployed.told() == []
    deployed.run()
    (text,) = deployed.told()
    assert "new, high: It will be deleted, and is in use: shop/deleted" in text


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject"])
def test_without_its_bucket_it_fails_loudly(deployed: Deployed, action: str) -> None:
    with (
        deployed.account.without(deployed.role, action, "tell"),
        pytest.raises(DeniedOrFailed, match="AccessDenied"),
    ):
        deployed.run()


OWN: Final = "the account's own secrets"
NAMED: Final = "secrets that name a function and a key"
LAYERS: Final = [
    (OWN, {"secretsmanager:ListSecrets"}),
    (OWN, {"secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecretVersionIds"}),
    (
        NAMED,
        {
            "cloudtrail:DescribeTrails",
            "cloudtrail:LookupEvents",
            "kms:DescribeKey",
            "lambda:GetFunctionConfiguration",
            "logs:FilterLogEvents",
            "ssm:DescribeParameters",
        },
    ),
    (
        NAMED,
        {
            "cloudtrail:GetTrailStatus",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "lambda:GetPolicy",
        },
    ),
]
"""What is taken away together: nothing that has to be asked before another of the same set."""


@pytest.mark.parametrize(("secrets", "actions"), LAYERS, ids=["list", "secrets", "around", "deeper"])
def test_each_permission_is_used_and_enforced(deployed: Deployed, secrets: str, actions: set[str]) -> None:
    """With all of them nothing is unseen; without some the report names these, and no others."""
    deployed.look_at(deployed.named.url if secrets is NAMED else None)
    try:
        assert unseen(deployed.run(forgotten=True)) == set()
        with ExitStack() as less:
            for action in sorted(actions):
                less.enter_context(deployed.account.without(deployed.role, action, "look"))
            lost = unseen(deployed.run(forgotten=True))
    finally:
        deployed.look_at(None)
    areas = [needed for needed in PERMISSIONS.values() if actions & set(needed)]
    assert lost == {f"allow {' and '.join(needed)} to whoever runs the audit" for needed in areas}


def test_no_permission_was_left_out() -> None:
    """But the one that this server takes for another."""
    taken = set[str]().union(*(actions for _, actions in LAYERS))
    assert taken | {"lambda:GetFunctionConcurrency"} == {action for needed in PERMISSIONS.values() for action in needed}


def test_the_artefact_starts_in_lambdas_runtime(deployed: Deployed) -> None:
    """As `sam build` left it, read-only, with what Lambda's runtime brings and nothing else."""
    environment = deployed.account.environment() | {
        "AWS_REGION": REGION,
        "AUDIT_BUCKET": deployed.bucket,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    }
    nothing = new_folder("layer")

    def built(name: str) -> Path:
        return builds.ready("audit") / name if name != builds.LAYER else nothing

    with LambdaRuntime("audit", environment, timeout=900, built=built, handler=HANDLER) as runtime:
        answer: Any = runtime.invoke({})
        assert answer["verdict"] == deployed.report()["verdict"], runtime.text()
        assert "AuditFinished" in runtime.text()
    compiled = list((builds.ready("audit") / "AuditFunction/audit").glob("__pycache__/run.*.pyc"))
    assert [file.read_bytes()[4:8] for file in compiled] == [b"\x01\0\0\0"]


ASKED: Final = {"ReadValues": "true", "DropEmptyPending": "true", "Readers": f"arn:aws:iam::{ACCOUNT}:role/shop"}


def test_what_is_off_by_default_works_once_it_is_asked_for(deployed: Deployed) -> None:
    """An update grants what each parameter needs; without it the report names that, and by default nothing is asked."""
    here, weak = deployed.account, ("password-weak", "shop/pending")
    before = deployed.run(forgotten=True)
    assert "secretsmanager:GetSecretValue" not in before["calls"]
    assert weak not in found(before)
    deploy(here, TopicArn=deployed.topic, **ASKED)
    with here.without(deployed.role, "secretsmanager:GetSecretValue", "look"):
        assert unseen(deployed.run(forgotten=True)) == {
            f"allow {' and '.join(OPTIONAL['values'])} to whoever runs the audit"
        }
    report = deployed.run(forgotten=True)
    assert unseen(report) == set()
    assert weak in found(report)


def test_an_empty_version_loses_its_label(deployed: Deployed) -> None:
    """After that update, among secrets that can be as they are after a rotation that broke off."""
    secret = deployed.named.state.any(_stuck(deployed.named))
    ago = deployed.named.state.clock() - dt.timedelta(days=2)
    secret.changed = secret.created = secret.versions[STUCK].created = ago
    deployed.look_at(deployed.named.url)
    try:
        report = deployed.run(forgotten=True)
    finally:
        deployed.look_at(None)
    assert report["repaired"] == [secret.arn]
    assert "AWSPENDING" not in secret.labels


STUCK: Final = "0f1e2d3c-7425-40de-944b-e07fc1f90ae7"


def _stuck(named: EmulatedSecretsManager) -> str:
    """Put a secret in whose rotation broke off before it had a value."""
    arn = str(named.client().create_secret(Name="shop/stuck", SecretString="{}")["ARN"])
    secret = named.state.any(arn)
    secret.versions[STUCK] = Version(STUCK, named.state.clock())
    secret.labels["AWSPENDING"] = STUCK
    return arn


def test_a_state_machine_looks_at_each_region_by_itself(deployed: Deployed) -> None:
    """
    An update fans out: a map run with an execution for each part, and one report of all of them.

    This server does not ask for the state machine's role: that is held by the tests of the template.
    """
    here, regions = deployed.account, [REGION, "eu-central-1"]
    before = here.made()
    deploy(here, TopicArn=deployed.topic, FanOut="true", Regions=",".join(regions))
    assert before.items() - here.made().items() == {("AuditPermission", before["AuditPermission"])}
    here.client("s3").delete_object(Bucket=deployed.bucket, Key="memory.sqlite")
    deployed.told()
    client, machine = here.client("stepfunctions"), here.outputs["AuditStateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    until = time.monotonic() + 60
    while (ended := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert ended["status"] == "SUCCEEDED", ended
    (run,) = client.list_map_runs(executionArn=execution)["mapRuns"]
    counts = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
    assert (counts["total"], counts["succeeded"]) == (2, 2)
    report = deployed.report()
    assert report["regions"] == [f"{ACCOUNT}/{region}" for region in regions]
    assert unseen(report) == set()
    assert ("deleted-in-use", "shop/deleted") in found(report)
    keys = {it["Key"] for it in here.client("s3").list_objects_v2(Bucket=deployed.bucket)["Contents"]}
    assert {f"parts/{ACCOUNT}/{region}/memory.sqlite" for region in regions} <= keys
    (text,) = deployed.told()
    assert "new, high: It will be deleted, and is in use: shop/deleted" in text
    (target,) = here.client("events").list_targets_by_rule(Rule=here.made()["AuditSchedule"][1])["Targets"]
    assert target["Arn"] == machine
