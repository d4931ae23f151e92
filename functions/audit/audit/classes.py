"""The class of a secret: who rotates it, if anybody can. It is decided before any rule is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from audit.acceptance import declared
from audit.model import Kind, Secret
from audit.schedule import Schedule
from audit.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from audit.settings import Settings


_PLAIN: Final = {
    "created": "CreatedDate",
    "changed": "LastChangedDate",
    "rotated": "LastRotatedDate",
    "accessed": "LastAccessedDate",
    "due": "NextRotationDate",
    "deleted": "DeletedDate",
    "enabled": "RotationEnabled",
}
"""Fields that AWS leaves out where it has nothing to say."""
_TEXTS: Final = {
    "function": "RotationLambdaARN",
    "key": "KmsKeyId",
    "service": "OwningService",
    "primary_region": "PrimaryRegion",
    "description": "Description",
}
"""Those that are empty then."""


def listed(entry: Mapping[str, Any], settings: Settings, now: datetime) -> Secret:
    """Read an entry of ListSecrets or an answer of DescribeSecret, which name the same things."""
    arn = str(entry["ARN"])
    region, account = arn.split(":")[3:5]
    tags = {tag["Key"]: tag.get("Value", "") for tag in entry.get("Tags") or []}
    stages = entry.get("SecretVersionsToStages") or entry.get("VersionIdsToStages") or {}
    told: dict[str, Any] = {name: entry.get(key) for name, key in _PLAIN.items()}
    told |= {name: entry.get(key) or "" for name, key in _TEXTS.items()}
    return Secret(
        arn=arn,
        name=visible(str(entry["Name"])),
        region=region,
        account=account,
        kind=kind_of(entry, tags, settings, now),
        schedule=Schedule.of(entry.get("RotationRules") or {}),
        tags=tags,
        stages={version: tuple(its) for version, its in stages.items()},
        **told,
    )


def kind_of(entry: Mapping[str, Any], tags: Mapping[str, str], settings: Settings, now: datetime) -> Kind:
    """
    Decide the class, the more binding one first.

    A service names itself in OwningService, and rotates without a function. Type is set for managed external secrets,
    which a role of the partner's rotates. A replica has another primary Region than the one that lists it (all: API
    reference, SecretListEntry). A rotation function may stay named when rotation is switched off.
    """
    region = str(entry["ARN"]).split(":")[3]
    if entry.get("DeletedDate"):
        return Kind.DELETED
    if entry.get("PrimaryRegion") not in {None, "", region}:
        return Kind.REPLICA
    if entry.get("OwningService") or entry.get("Type"):
        return Kind.SERVICE if entry.get("OwningService") else Kind.EXTERNAL
    if declared(tags, now):
        return Kind.DECLARED
    function = entry.get("RotationLambdaARN") or ""
    if not function:
        return Kind.UNROTATED
    return Kind.OURS if name_of(function).startswith(f"{settings.function_prefix}-") else Kind.FOREIGN


def name_of(function: str) -> str:
    """Return the name in a function's ARN, without version and alias."""
    parts = function.split(":")
    return parts[6] if len(parts) > 6 else function  # noqa: PLR2004 arn:aws:lambda:REGION:ACCOUNT:function:NAME
