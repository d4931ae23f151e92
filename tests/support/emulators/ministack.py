"""AWS on the loopback interface, with IAM enforced: ministack, to which `sam deploy` deploys the template.

What it does not do as AWS does, so that no test relies on it: RotateSecret calls no function and promotes at once,
PutSecretValue overwrites, KMS is not enforced, the condition key secretsmanager:resource/AllowRotationLambdaArn is
absent (a stack that is deployed here limits its secrets by name), VPCs and reserved concurrency are only noted.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
import urllib.request
import uuid
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

from tests.support.servers.process import ServerProcess, free_port, new_folder
from tests.support.template import package
from tests.support.template.cloudformation import REGION, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.servers.tls import Authority

STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")
BUCKET: Final = "artifacts"
STACK: Final = "rotation"
_SAM: Final = ROOT / ".tools/sam/bin/sam"
_PYTHON: Final = ROOT / ".tools/ministack/bin/python"
_START: Final = "import sys; from ministack.app import main; sys.exit(main())"
# Nobody but AWS's own services may send events of a source that begins with aws. (EventBridge API, PutEvents).
_AS_SERVICES: Final = (
    "from ministack.services import eventbridge; put = eventbridge._put_events; "
    "eventbridge._put_events = lambda sent, allow_aws_source=True: put(sent, allow_aws_source); "
)
# It knows no documents of Systems Manager: one is made by its name alone (CloudFormation, AWS::SSM::Document: Ref).
_WITH_DOCUMENTS: Final = (
    "from ministack.services.cloudformation import provisioners; "
    "provisioners._RESOURCE_HANDLERS['AWS::SSM::Document'] = {'create': lambda _, its, stack: (its['Name'], {})}; "
)
# Its stacks know no alarm over several metrics, and none of alarms (CloudFormation, AWS::CloudWatch::Alarm, which takes
# Metrics or one metric; AWS::CloudWatch::CompositeAlarm, whose Ref is its name). A property that CloudWatch's API does
# not take, or in another form, fails the stack here as it does there.
_WITH_ALARMS: Final = """
import botocore.session, botocore.validate
from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners
api, of_one = botocore.session.get_session().get_service_model("cloudwatch"), provisioners._cw_metric_alarm_record
ONE = ("MetricName", "Namespace", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Unit")
def checked(operation, its):
    report = botocore.validate.ParamValidator().validate(its, api.operation_model(operation).input_shape)
    if report.has_errors():
        raise ValueError(report.generate_report())
def alarm(name, its):
    its = {**its, "Threshold": float(its["Threshold"])}  # CloudFormation makes a number of a parameter's text
    checked("PutMetricAlarm", its)
    if "Metrics" not in its:
        return of_one(name, its)
    if its.keys() & set(ONE):
        raise ValueError("Metrics stands beside what is said of one metric")
    known = of_one(name, {**its, "Metrics": None, "MetricName": "none", "Namespace": "none"})
    return {key: it for key, it in known.items() if key not in ONE} | {"Metrics": its["Metrics"]}
def alarm_of_alarms(_, its, stack):
    checked("PutCompositeAlarm", its)
    status, _, body = cloudwatch._put_composite_alarm({}, its, False, is_json=True)
    if status != 200:
        raise ValueError(body)
    return its["AlarmName"], {"Arn": cloudwatch._composite_alarms[its["AlarmName"]]["AlarmArn"]}
provisioners._cw_metric_alarm_record = alarm
provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::CompositeAlarm"] = {"create": alarm_of_alarms}
"""
# It runs functions on its own Python.
_ON: Final = (
    "from ministack.core import lambda_runtime; worker = lambda_runtime._PYTHON_WORKER_SCRIPT; "
    "lambda_runtime._detect_runtime_binary = lambda _: ({python!r}, worker); "
)
_START_SECONDS: Final = 60
# The server knows its own key ids as root.
_ROOT_KEYS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}


class DeniedOrFailed(Exception):
    """An invocation of a function that ended with an error; the text is what Lambda answered."""


class Account:
    """An account of its own, with root's clients and the stack that is deployed into it."""

    def __init__(self, url: str, folder: Path, bundle: Path | None = None) -> None:
        """Know where the server is, where files may stand, and what its certificate is verified by if it has one."""
        self.url, self.folder, self._bundle = url, folder, bundle
        self.outputs: dict[str, str] = {}
        self._parameters = set[str]()
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:  # noqa: ANN401 boto3 makes its clients' classes at run time
        """Return the client of root's."""
        if service not in self._clients:
            self._clients[service] = self._made(service)
        return self._clients[service]

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            client.close()

    def _made(self, service: str) -> Any:  # noqa: ANN401 as above
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        settings = Config(retries={"total_max_attempts": 1}, read_timeout=120, proxies={})
        make: Any = boto3.client  # the stubs know each service by its literal name
        trust = str(self._bundle) if self._bundle else None
        return make(service, endpoint_url=self.url, region_name=REGION, config=settings, verify=trust, **keys)

    def deploy(self, template: Path, parameters: Mapping[str, str], tags: Mapping[str, str] | None = None) -> None:
        """`sam deploy` a template beside what was built, and read the stack's outputs."""
        self._make_bucket()
        chosen = [f"{name}={value}" for name, value in parameters.items()]
        command: list[str | Path] = [_SAM, "deploy", "--template-file", template, "--stack-name", STACK]
        command += ["--s3-bucket", BUCKET, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
        command += ["--tags", *(f"{key}={value}" for key, value in tags.items())] if tags else []
        done = subprocess.run(
            [*command, "--parameter-overrides", *chosen],
            env={**_clean_environment(self.folder), **self.environment(), "SAM_CLI_POLL_DELAY": "1"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self._read_outputs()

    def change(self, template: Path, parameters: Mapping[str, str]) -> None:
        """Do the same by the services' own API, where not `sam deploy` is what a test is about: it takes seconds."""
        self._make_bucket()
        stacks, done = self.client("cloudformation"), "update" if self.outputs else "create"
        getattr(stacks, f"{done}_stack")(
            StackName=STACK,
            TemplateURL=package.Bucket(BUCKET, self.client("s3")).template(template),
            Parameters=package.parameters(template, parameters, self._parameters),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        looks = {"Delay": 0.2, "MaxAttempts": 600}
        stacks.get_waiter(f"stack_{done}_complete").wait(StackName=STACK, WaiterConfig=looks)
        self._read_outputs()

    def _make_bucket(self) -> None:
        if not self.outputs:
            self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def _read_outputs(self) -> None:
        (made,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
        self._parameters = {it["ParameterKey"] for it in made["Parameters"]}

    def environment(self) -> dict[str, str]:
        """Return the variables by which the SDK works as root in this account."""
        trust = {"AWS_CA_BUNDLE": str(self._bundle)} if self._bundle else {}
        return {**_ROOT_KEYS, **trust, "AWS_ENDPOINT_URL": self.url}

    def made(self) -> dict[str, tuple[str, str]]:
        """Return the type and the physical id of each resource of the stack, by its name in the template."""
        found = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        return {it["LogicalResourceId"]: (it["ResourceType"], it["PhysicalResourceId"]) for it in found}

    def create_secret(self, name: str, value: Mapping[str, Any]) -> str:
        """Store a secret, and give its ARN."""
        secret = self.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(value))
        return str(secret["ARN"])

    def value(self, arn: str) -> dict[str, Any]:
        """Read AWSCURRENT as a client does."""
        answer = self.client("secretsmanager").get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")
        return dict(json.loads(answer["SecretString"]))

    def attach(self, arn: str, function: str) -> None:
        """Make the function the secret's."""
        self.client("secretsmanager").rotate_secret(
            SecretId=arn, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30}
        )

    def rotate(self, arn: str, function: str) -> str:
        """Do what the service does, since the server's own RotateSecret does not: a token, and the four steps."""
        token = str(uuid.uuid4())
        # AWS stages a version without a value; this server has none without.
        self.client("secretsmanager").put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString="{}", VersionStages=["AWSPENDING"]
        )
        for step in STEPS:
            self.invoke(function, {"Step": step, "SecretId": arn, "ClientRequestToken": token})
        return token

    def invoke(self, function: str, event: Mapping[str, Any]) -> None:
        """Invoke a function. Raises DeniedOrFailed with what it answered."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        text = answer["Payload"].read().decode()
        if "FunctionError" in answer or "errorMessage" in text:
            raise DeniedOrFailed(text)

    @contextmanager
    def without(self, role: str, action: str, named: str = "rotation") -> Iterator[None]:
        """Take an action out of every statement of a role's policy for a while."""
        iam = self.client("iam")
        policy = iam.get_role_policy(RoleName=role, PolicyName=named)["PolicyDocument"]
        less = json.loads(json.dumps(policy))
        for statement in less["Statement"]:
            statement["Action"] = [it for it in _listed(statement["Action"]) if it != action]
        less["Statement"] = [it for it in less["Statement"] if it["Action"]]
        assert less != policy
        iam.put_role_policy(RoleName=role, PolicyName=named, PolicyDocument=json.dumps(less))
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=named, PolicyDocument=json.dumps(policy))


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 what a policy says
    return value if isinstance(value, list) else [value]


@contextmanager
def account(
    authority: Authority | None = None,
    *,
    python: Path | None = None,
    sends: bool = False,
    documents: bool = False,
    alarms: bool = False,
    **more: str,
) -> Iterator[Account]:
    """
    Start the server, give an account, and stop the server; an authority has it speak TLS alone.

    ``python`` is what functions run on, in place of the server's own; ``sends`` lets PutEvents send what only AWS's own
    services do; ``documents`` lets a stack have documents, ``alarms`` those over several metrics and of other alarms.
    """
    port, folder = free_port(), new_folder("ministack")
    settings = {
        **_clean_environment(folder),
        **(_with_tls(authority) if authority else {}),
        **more,
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "false",
        "DOCKER_HOST": "unix:///nowhere",
        "LOG_LEVEL": "WARNING",
    }
    server = ServerProcess(
        [_PYTHON, "-c", _program(python, sends=sends, documents=documents, alarms=alarms)],
        settings,
        folder / "log",
        run_as={},
    )
    try:
        bundle = authority.bundle if authority else None
        url = f"{'https' if bundle else 'http'}://localhost:{port}"
        _wait(url, server, bundle)
        with closing(Account(url, folder, bundle)) as here:
            yield here
    finally:
        server.kill()  # it keeps nothing, and would take ten seconds to end


def _program(python: Path | None, *, sends: bool, documents: bool, alarms: bool) -> str:
    changes = [_ON.format(python=str(python))] if python else []
    return "\n".join([*changes, _AS_SERVICES * sends, _WITH_DOCUMENTS * documents, _WITH_ALARMS * alarms, _START])


def _with_tls(authority: Authority) -> dict[str, str]:
    certificate, key = authority.issue("ministack")
    return {
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate),
        "MINISTACK_SSL_KEY": str(key),
        "AWS_CA_BUNDLE": str(authority.bundle),  # functions inherit it
    }


def _clean_environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's AWS settings, which the server would pass on to every function."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "SAM_CLI_TELEMETRY": "0"}


def _wait(url: str, server: ServerProcess, bundle: Path | None) -> None:
    end = time.monotonic() + _START_SECONDS
    trust = ssl.create_default_context(cafile=bundle) if bundle else None
    while time.monotonic() < end and server.alive:
        with suppress(OSError), urllib.request.urlopen(f"{url}/_ministack/health", timeout=2, context=trust):  # noqa: S310 ours
            return
        time.sleep(0.1)
    raise RuntimeError("ministack did not start")
