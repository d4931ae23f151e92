"""An emulated account of two Regions, as an audit sees it: services, a clock that goes back, and what is put in."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Self

import boto3
import botocore.session
from moto import mock_aws

from audit.calls import Clients
from tests.support.emulators.cloudtrail import EmulatedCloudTrail
from tests.support.emulators.secretsmanager.minimal_function import MinimalFunction
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import ManualClock

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.emulators.secretsmanager.model import Secret

HERE: Final = "eu-west-1"
THERE: Final = "eu-central-1"
ACCOUNT: Final = "123456789012"
OTHER: Final = "210987654321"
OURS: Final = f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:secret-rotation-mysql"
STRONG: Final = "kR7!vQ2@xW9#mZ4$"
"""A password with which nothing is wrong."""
_KEYS: Final = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
_MOTO: Final = frozenset({"kms", "lambda", "logs"})


class _Function(MinimalFunction):
    """One that changes the password and leaves everything else, as any function for databases does."""

    def value_for(self, event: dict[str, str]) -> str:
        """Return AWSCURRENT with another password."""
        value = json.loads(self.client.get_secret_value(SecretId=event["SecretId"])["SecretString"])
        return json.dumps({**value, "password": f"{STRONG}{next(self.passwords)}"})


class Account:
    """The account, while it is entered as a context. Its clock stands at `now` when it is looked at."""

    def __init__(self, *regions: str) -> None:
        """Have these Regions; two where none is named."""
        self.now = dt.datetime.now(dt.UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        self.clock = ManualClock(self.now)
        self.secrets = Regions(*(regions or (HERE, THERE)), clock=self.clock)
        self.parameters = {region: EmulatedParameterStore(clock=self.clock) for region in self.secrets.at}
        self.trails = {
            region: EmulatedCloudTrail(it.journal.events, lambda: self.now) for region, it in self.secrets.at.items()
        }
        self._stack = ExitStack()
        self._clients: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Self:
        """Start every service."""
        self._stack.enter_context(mock_aws())
        self._stack.enter_context(self.secrets)
        for service in (*self.parameters.values(), *self.trails.values()):
            self._stack.enter_context(service)
        self.here = self.secrets[HERE]
        self.client = self.here.client()
        self.function = _Function(self.client)
        self._player = RotationPlayer(self.here, self.function)
        # Accounts that are there at the same time share what moto keeps.
        self._role = self._made("iam", HERE).create_role(RoleName=f"f{id(self)}", AssumeRolePolicyDocument="{}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop them."""
        self._stack.close()

    def clients(self) -> Clients:
        """Return the clients that the audit gets."""
        return Clients(botocore.session.get_session(), self._made)

    def _made(self, service: str, region: str) -> Any:  # noqa: ANN401 boto3 makes its clients' classes at run time
        """Return a client; each is made once, which takes longer than most of what it is asked."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._make(service, region)
        return self._clients[service, region]

    def _make(self, service: str, region: str) -> Any:  # noqa: ANN401 as above
        if service == "secretsmanager":
            return self.secrets[region].client(attempts=3)
        if service == "ssm":
            return self.parameters[region].client()
        if service == "cloudtrail":
            return self.trails[region].client(region)
        make: Any = boto3.client  # the stubs know each service by its literal name
        return make(service, region_name=region, **_KEYS)

    def at(self, **ago: float) -> dt.datetime:
        """Set the clock back to so long before now, or to now."""
        moment = self.now - dt.timedelta(**ago)
        self.clock.advance(seconds=(moment - self.clock()).total_seconds())
        return moment

    def clear(self) -> None:
        """Take out every secret, event and fault; functions, keys and trails stay."""
        self.at()
        for emulator in self.secrets.at.values():
            emulator.faults.clear()
            emulator.state.secrets.clear()
            emulator.journal.events.clear()
        for trail in self.trails.values():
            trail.backend.denied.clear()
            trail.backend.calls.clear()
            trail.backend.asked.clear()

    # What is put in

    def secret(self, name: str, *, days: float = 200, read: float | None = 1, **options: Any) -> str:  # noqa: ANN401 of CreateSecret
        """Create a secret so many days ago, read last so many days ago; give its ARN."""
        self.at(days=days)
        value = {"engine": "mysql", "host": f"{name}.example", "username": "app", "password": STRONG}
        arn = str(self.client.create_secret(Name=name, SecretString=json.dumps(value), **options)["ARN"])
        self.read(name, read)
        return arn

    def read(self, name: str, days: float | None, stage: str = "AWSCURRENT") -> None:
        """Read a secret, so many days ago."""
        if days is not None:
            self.at(days=days)
            self.client.get_secret_value(SecretId=name, VersionStage=stage)
            self.at()

    def rotate(self, name: str, function: str, *, days: float, fails: str = "", **rules: Any) -> None:  # noqa: ANN401 RotationRules
        """Attach a function and rotate, so many days ago; AWSCURRENT is read since then, and no older version."""
        self.at(days=days)
        self.function.fails = [fails] if fails else []
        options: dict[str, Any] = {
            "RotationLambdaARN": function,
            "RotationRules": rules or {"AutomaticallyAfterDays": 30},
        }
        self.client.rotate_secret(SecretId=name, **options)
        self._player.run()
        for version in self.known(name).versions.values():
            version.accessed = None
        self.read(name, 1)

    def retry(self, name: str, *, days: float, fails: str) -> None:
        """Reattempt a rotation, so many days ago."""
        self.at(days=days)
        self.function.fails = [fails]
        self._player.retry(name)
        self.at()

    def known(self, name: str, region: str = HERE) -> Secret:
        """Return a secret as the service keeps it."""
        return self.secrets[region].state.any(name)

    def add_function(self, name: str, *, runtime: str = "python3.13", timeout: int = 60, **policy: str) -> str:
        """Make a function that Secrets Manager of this account may invoke; ``policy`` is of another permission."""
        client = self._made("lambda", HERE)
        made = client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Role=self._role["Role"]["Arn"],
            Handler="app.lambda_handler",
            Code={"ZipFile": b"PK\x05\x06" + b"\x00" * 18},
            Timeout=timeout,
        )
        given = {"Principal": "secretsmanager.amazonaws.com", "SourceAccount": ACCOUNT} | policy
        permission = {key: value for key, value in given.items() if value}
        client.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", **permission)
        return str(made["FunctionArn"])

    def add_alias(self, name: str, alias: str) -> None:
        """Give a function an alias that Secrets Manager may invoke."""
        client = self._made("lambda", HERE)
        client.create_alias(
            FunctionName=name, Name=alias, FunctionVersion=client.publish_version(FunctionName=name)["Version"]
        )
        permission = {"Principal": "secretsmanager.amazonaws.com", "SourceAccount": ACCOUNT}
        client.add_permission(
            FunctionName=name, Qualifier=alias, StatementId="s", Action="lambda:InvokeFunction", **permission
        )

    def stop_function(self, name: str) -> None:
        """Take its concurrency away."""
        self._made("lambda", HERE).put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    def add_key(self, *, enabled: bool = True, rotates: bool = True) -> str:
        """Make a KMS key."""
        client = self._made("kms", HERE)
        made = client.create_key()["KeyMetadata"]
        if rotates:
            client.enable_key_rotation(KeyId=made["KeyId"])
        if not enabled:
            client.disable_key(KeyId=made["KeyId"])
        return str(made["Arn"])

    def log(self, function: str, *lines: dict[str, Any], days: float) -> None:
        """Let a function have written lines, so many days ago."""
        client, group = self._made("logs", HERE), f"/aws/lambda/{function}"
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="one")
        at = int((self.now - dt.timedelta(days=days)).timestamp() * 1000)
        events = [{"timestamp": at + place, "message": json.dumps(line)} for place, line in enumerate(lines)]
        client.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)

    def put_parameter(self, name: str, *, days: float, secure: bool = True) -> None:
        """Write a parameter, so many days ago."""
        self.at(days=days)
        kind = "SecureString" if secure else "String"
        store = self.parameters[HERE]
        if name in store.state.parameters:
            store.execute("DeleteParameter", {"Name": name})
        store.execute("PutParameter", {"Name": name, "Value": "one", "Type": kind})
        self.at()

    def read_by(self, name: str, identity: dict[str, Any], *, days: float = 1, error: str = "") -> None:
        """Let event history show a read, under the name or ARN that its caller gave, so many days ago."""
        self.trails[HERE].add_read(self.now - dt.timedelta(days=days), name, identity, error)

    def add_trail(self, region: str, *, logging: bool = True) -> None:
        """Have a trail in a Region."""
        arn = f"arn:aws:cloudtrail:{region}:{ACCOUNT}:trail/one"
        self.trails[region].backend.trails.append({"TrailARN": arn, "HomeRegion": region, "logging": logging})
