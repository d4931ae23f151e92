"""
``make status``: the secrets that rotate, by function: when they rotated, what is pending, what went wrong last.

It reads ListSecrets, and the functions' own logs where the profile may read them. It changes nothing,
and reads no value of a secret. A failure counts as the last one until a rotation succeeded after it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.lab.report import Screen
from tests.lab.words import reached, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_secretsmanager.type_defs import SecretListEntryTypeDef

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
LOOKED_BACK: Final = dt.timedelta(days=7)
"""How far back the logs are searched for errors."""

_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=20)


@dataclass
class Attached:
    """A secret that names a rotation function."""

    name: str
    arn: str
    function: str
    rotated: dt.datetime | None
    due: dt.datetime | None
    pending: str | None
    """The version that carries AWSPENDING and is not current: a rotation under way, or one that failed."""
    error: str | None = None
    """What the function said last, which ends with what to do."""
    failed: dt.datetime | None = None

    @property
    def state(self) -> str:
        """What a person has to know first."""
        if self.error:
            return "failed"
        if self.due is not None and self.due < dt.datetime.now(dt.UTC):
            return "late"
        return "pending" if self.pending else "ok" if self.rotated else "never rotated"


@dataclass
class Fleet:
    """All that was found, and what could not be read."""

    secrets: list[Attached] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)

    def of(self, function: str) -> list[Attached]:
        """Return the secrets of a function."""
        return [one for one in self.secrets if one.function == function]


def attached(entry: SecretListEntryTypeDef) -> Attached:
    """Read an entry of ListSecrets that names a rotation function."""
    stages: Mapping[str, Sequence[str]] = entry.get("SecretVersionsToStages", {})
    pending = [version for version, its in stages.items() if PENDING in its and CURRENT not in its]
    return Attached(
        name=entry["Name"],
        arn=entry["ARN"],
        function=function_of(entry["RotationLambdaARN"]),
        rotated=entry.get("LastRotatedDate"),
        due=entry.get("NextRotationDate"),
        pending=next(iter(pending), None),
    )


def function_of(arn: str) -> str:
    """Return the function's name in its ARN, without version and alias."""
    return arn.split(":")[6] if arn.count(":") > 5 else arn


def read_secrets(client: Any, prefix: str) -> Iterator[Attached]:  # noqa: ANN401 of any Region, or an emulator
    """Yield every secret whose function's name begins with the prefix, by name."""
    found = []
    for page in client.get_paginator("list_secrets").paginate():
        found += [attached(entry) for entry in page["SecretList"] if "RotationLambdaARN" in entry]
    yield from sorted((one for one in found if one.function.startswith(prefix)), key=lambda one: one.name)


def read_errors(client: Any, function: str, since: dt.datetime) -> Iterator[dict[str, Any]]:  # noqa: ANN401 the same
    """Yield the errors in a function's log, oldest first, as the function wrote them."""
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{function}",
        startTime=int(since.timestamp() * 1000),
        filterPattern='{ $.level = "ERROR" }',
    )
    for event in (event for page in pages for event in page["events"]):
        try:
            line = json.loads(event["message"])
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("level") == "ERROR":
            yield {**line, "at": dt.datetime.fromtimestamp(event["timestamp"] / 1000, dt.UTC)}


def tell_errors(fleet: Fleet, client: Any, now: dt.datetime) -> None:  # noqa: ANN401 the same
    """Put each function's last errors beside its secrets; a log that cannot be read is named."""
    for function in sorted({one.function for one in fleet.secrets}):
        try:
            for line in read_errors(client, function, now - LOOKED_BACK):
                for one in fleet.of(function):
                    if line.get("secret") in (one.arn, one.name) and (one.rotated is None or line["at"] > one.rotated):
                        one.error, one.failed = said_by(line), line["at"]
        except (ClientError, BotoCoreError) as error:
            fleet.blind.append(f"the log of {function} was not read ({reason(error)}): its errors are not shown")


def said_by(line: Mapping[str, Any]) -> str:
    """Return what the function said."""
    return f"{line.get('error', 'error')} in {line.get('step', 'a step')}: {line.get('message', '')}"


def reason(error: ClientError | BotoCoreError) -> str:
    """Return an error's code, or its class: enough to look it up."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def look(secrets: Any, logs: Any, prefix: str) -> Fleet:  # noqa: ANN401 the same
    """Read the whole fleet."""
    fleet = Fleet(list(read_secrets(secrets, prefix)))
    tell_errors(fleet, logs, dt.datetime.now(dt.UTC))
    return fleet


def show(fleet: Fleet, screen: Screen, prefix: str) -> None:
    """Show a table for people: the worst first."""
    order = ["failed", "late", "pending", "never rotated", "ok"]
    count = len(fleet.secrets)
    rows = [
        (one.name, one.function.removeprefix(f"{prefix}-"), one.state, day(one.rotated), day(one.due))
        for one in sorted(fleet.secrets, key=lambda one: order.index(one.state))
    ]
    title = f"{count} secret{'s rotate' if count != 1 else ' rotates'} by {prefix}-…"
    screen.table(title, ("secret", "function", "state", "rotated", "due"), rows)
    for one in fleet.secrets:
        if one.error:
            screen.failure(f"{one.name}, {day(one.failed)}", one.error)
    for line in fleet.blind:
        screen.say(f"not seen: {line}")


def day(when: dt.datetime | None) -> str:
    """Return a time as people read it."""
    return "never" if when is None else f"{when.astimezone(dt.UTC):%Y-%m-%d %H:%M}"


def as_json(fleet: Fleet) -> str:
    """Return all of it for machines."""
    secrets = [{**asdict(one), "state": one.state} for one in fleet.secrets]
    return json.dumps({"secrets": secrets, "blind": fleet.blind}, default=str, indent=2)


def would_be_left(fleet: Fleet, screen: Screen) -> int:
    """Say which secrets would have no function if the stack were deleted, and how each is detached."""
    for one in fleet.secrets:
        screen.log(f"aws secretsmanager cancel-rotate-secret --secret-id {one.arn}")
    count = len(fleet.secrets)
    left = f"{count} secret{'s' * (count != 1)} would be left without a function"
    told = f"{left}: attach to another one, or run what stands above"
    screen.log(told if count else "No secret names a function of this stack. It can be deleted.")
    return 1 if count else 0


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make status", description=__doc__)
    parser.add_argument("--profile", help="a profile of your AWS configuration")
    parser.add_argument("--region", help="the Region, where the profile names none or another one")
    parser.add_argument("--endpoint", help="an emulator's address")
    parser.add_argument("--prefix", default="secret-rotation", help="FunctionPrefix of the stack")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--before-deleting", action="store_true", help="say what the stack's end would leave behind")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Look, and show: 0 where all is well, 1 where something failed or is late, 2 where nothing could be read."""
    return told("make status", lambda: _perform(arguments(given)))


def _perform(options: argparse.Namespace) -> int:
    screen = Screen()
    try:
        session = boto3.session.Session(profile_name=options.profile, region_name=options.region)
        secrets = session.client("secretsmanager", endpoint_url=options.endpoint, config=_CONFIG)
        fleet = look(secrets, session.client("logs", endpoint_url=options.endpoint, config=_CONFIG), options.prefix)
    except (ClientError, BotoCoreError) as error:
        print(reached("make status", reason(error)), file=sys.stderr)  # noqa: T201 for people
        return 2
    if options.before_deleting:
        return would_be_left(fleet, screen)
    if options.json:
        print(as_json(fleet))  # noqa: T201 for machines
    else:
        show(fleet, screen, options.prefix)
    return 1 if any(one.state in {"failed", "late"} for one in fleet.secrets) else 0


if __name__ == "__main__":
    sys.exit(main())
