"""Secrets and what stands around them, as an audit sees them: healthy ones, to which a test does one thing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, Final

from audit.classes import kind_of
from audit.model import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Access,
    Copy,
    Event,
    Function,
    Key,
    Kind,
    Parameter,
    Read,
    Secret,
    Version,
)
from audit.rules.mirrors import Mirror
from audit.rules.rule import Ground
from audit.schedule import Schedule
from audit.settings import Settings

NOW: Final = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
ACCOUNT: Final = "123456789012"
OTHER: Final = "210987654321"
REGION: Final = "eu-west-1"
ARN: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/database-a1B2c3"
OURS: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:secret-rotation-mysql"
THEIRS: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:SecretsManagerRDSMySQLRotation"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c"
MONTHLY: Final = Schedule.of({"AutomaticallyAfterDays": 30})
TOKEN: Final = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

HEALTHY: Final = Secret(
    arn=ARN,
    name="orders/database",
    region=REGION,
    account=ACCOUNT,
    kind=Kind.OURS,
    created=NOW - dt.timedelta(days=400),
    changed=NOW - dt.timedelta(days=10),
    rotated=NOW - dt.timedelta(days=10),
    accessed=NOW.replace(hour=0),
    due=NOW + dt.timedelta(days=20),
    enabled=True,
    function=OURS,
    schedule=MONTHLY,
    stages={"v2": (CURRENT,), "v1": (PREVIOUS,)},
    at_function=Function(OURS, exists=True, runtime="python3.13", timeout=60, invocable=True, secrets=1),
    access=Access(),
)
"""A secret that rotates as it should."""
PLAIN: Final = replace(
    HEALTHY, kind=Kind.UNROTATED, enabled=None, function="", schedule=None, due=None, rotated=None, at_function=None
)
"""A secret that nobody ever gave a rotation."""
FUNCTION: Final = Function(
    OURS, exists=True, runtime="python3.13", timeout=60, invocable=True, secrets=3, some=("a", "b")
)
A_KEY: Final = Key(KEY, "Enabled", customer=True, rotates=True)
PARAMETER: Final = Parameter(
    f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/db/password", "/shop/db/password", REGION, ACCOUNT, secure=True,
    modified=NOW - dt.timedelta(days=10),
)  # fmt: skip
MIRROR: Final = Mirror(replace(PARAMETER, description=ARN, key=KEY), ARN, rotated=NOW - dt.timedelta(days=10), key=KEY)


def ago(**units: float) -> dt.datetime:
    """Return a moment before now."""
    return NOW - dt.timedelta(**units)


def secret(**changes: Any) -> Secret:  # noqa: ANN401 fields of any type
    """Return a healthy secret with something else about it."""
    return replace(HEALTHY, **changes)


def plain(**changes: Any) -> Secret:  # noqa: ANN401 as above
    """Return a secret without rotation with something else about it."""
    return replace(PLAIN, **changes)


def pending(since: dt.datetime, *, empty: bool = False, **changes: Any) -> Secret:  # noqa: ANN401 as above
    """Return a secret with AWSPENDING on a version of its own."""
    versions = [Version("v2", frozenset({CURRENT}), ago(days=40), None)]
    versions += [] if empty else [Version(TOKEN, frozenset({PENDING}), since, None)]
    stages = {"v2": (CURRENT,), TOKEN: (PENDING,)}
    return secret(stages=stages, versions=tuple(versions), pending_since=since, **changes)


def version(stage: str, created: dt.datetime, accessed: dt.datetime | None = None) -> Version:
    """Return a version under a label; none for an empty one."""
    return Version(f"of {stage}", frozenset(filter(None, [stage])), created, accessed)


def copy(status: str = "InSync", accessed: dt.datetime | None = None, region: str = "eu-central-1") -> Copy:
    """Return a replica."""
    return Copy(region, status, "it failed" if status == "Failed" else "", accessed)


def read(reader: str, days: float = 1) -> Read:
    """Return a read by somebody, of so many days ago."""
    return Read(reader, ago(days=days), ago(days=days))


def failed(*days: float) -> tuple[Event, ...]:
    """Return RotationFailed events of so many days ago."""
    return tuple(Event("RotationFailed", ago(days=it), "step setSecret failed") for it in days)


def ground(**settings: Any) -> Ground:  # noqa: ANN401 as above
    """Return what the rules measure by."""
    return Ground(Settings(**settings), NOW)


def kind(**entry: Any) -> Kind:  # noqa: ANN401 as above
    """Return the class of an entry of ListSecrets."""
    tags = entry.pop("tags", {})
    return kind_of({"ARN": ARN, "Name": "orders/database", **entry}, tags, Settings(), NOW)
