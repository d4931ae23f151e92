"""What each function needs to be allowed, as calls that IAM decides on, and calls that it must refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.support.template.cloudformation import ACCOUNT, REGION, STACK, function_arn
from tests.support.template.iam import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ATTACHED_TO: Final = "secretsmanager:resource/AllowRotationLambdaArn"
TAG: Final = "aws:ResourceTag/RotationGroup"
CALLER: Final = "lambda:SourceFunctionArn"
"""The key of every call that a function's own code makes; what Lambda does with its role has none."""

READING: Final = frozenset({"DescribeSecret", "GetSecretValue"})
WRITING: Final = frozenset({"ListSecretVersionIds", "PutSecretValue", "UpdateSecretVersionStage"})
"""What a rotation calls of Secrets Manager; ListSecretVersionIds is for the recovery of a version without a label."""
REPAIR: Final = "ReplicateSecretToRegions"
OVERWRITES: Final = "secretsmanager:ForceOverwriteReplicaSecret"

_RDS: Final = {"rds:DescribeDBClusters": "rds:cluster", "rds:DescribeDBInstances": "rds:db"}
_REDSHIFT: Final = {
    "redshift:DescribeClusters": "redshift:cluster",
    "redshift-serverless:ListNamespaces": "redshift-serverless:namespace",
    "redshift-serverless:ListWorkgroups": "redshift-serverless:workgroup",
}
LOOKUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "aurora": {**_RDS, "rds:DescribeGlobalClusters": "rds:global-cluster"},  # where the writer is
    "documentdb": {"rds:DescribeDBClusters": "rds:cluster"},  # it has no instances outside of clusters
    "redshift": _REDSHIFT,
}
"""What finds the database of an admin secret that AWS manages, where it is not RDS's two."""

NETWORK: Final = frozenset(
    f"ec2:{action}"
    for action in (
        "AssignPrivateIpAddresses",
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "UnassignPrivateIpAddresses",
    )
)
"""What Lambda does with the role of a function in a VPC (Lambda developer guide, "Configuring VPC access")."""

LOGGING: Final = frozenset({"logs:CreateLogStream", "logs:PutLogEvents"})
"""What Lambda does with the role for the log; the group is there already."""

ELSEWHERE: Final = "210987654321"
SECRET: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/database-a1B2c3"
ADMIN: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/admin-d4E5f6"
OTHER_ADMIN: Final = f"arn:aws:secretsmanager:{REGION}:{ELSEWHERE}:secret:shared/admin-g7H8i9"
"""An admin secret that another account shares, with its key."""
OTHER_REGION: Final = "eu-central-1"
REPLICA: Final = SECRET.replace(REGION, OTHER_REGION)
STRANGER: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payroll/database-j1K2l3"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c"
OTHER_KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/4b5a6978"
MIRROR: Final = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/mirrors/orders/database"
MIRRORS_VIA: Final = f"ssm.{REGION}.amazonaws.com"
VIA: Final = f"secretsmanager.{REGION}.amazonaws.com"

COMPLETE: Final[Mapping[str, str]] = {
    "AdminSecretArns": f"{ADMIN},{OTHER_ADMIN}",
    "KmsKeyArns": KEY,
    "SubnetIds": "subnet-1",
    "SecurityGroupIds": "sg-1",
    "ReplicaRepair": "true",
    "MirrorPath": "/mirrors",
}
"""Parameters under which a role has every statement but the denial that goes with names and tags."""

MODES: Final[Mapping[str, Mapping[str, str]]] = {
    "attachment": {},
    "attachment and name": {"SecretNames": "orders/*"},
    "attachment and tag": {"RotationGroup": "orders"},
    "name": {"SecretsLimitedBy": "name-or-tag", "SecretNames": "orders/*"},
    "tag": {"SecretsLimitedBy": "name-or-tag", "RotationGroup": "orders"},
    "name and tag": {"SecretsLimitedBy": "name-or-tag", "SecretNames": "orders/*", "RotationGroup": "orders"},
}
"""The ways to say which secrets are meant."""


def arn_of(function: str) -> str:
    """Return the ARN of the function of a folder."""
    return function_arn(f"{STACK}-{function.replace('_', '-')}")


def lookups(function: str) -> Mapping[str, str]:
    """Return the calls that find a managed admin's database, each with the kind of what it is asked for."""
    return LOOKUPS.get(function, _RDS)


def on_secret(action: str, arn: str, attached: str = "", group: str = "") -> Request:
    """Return a call on a secret that is attached to a function and tagged, or not."""
    context = {ATTACHED_TO: attached, TAG: group}
    return Request(f"secretsmanager:{action}", arn, {key: value for key, value in context.items() if value})


def on_replica(arn: str, region: str, primary: str, group: str = "orders") -> Request:
    """Return a look at a secret's labels in a Region; a primary's own Region is its primary Region too."""
    context = {"aws:RequestedRegion": region, "secretsmanager:SecretPrimaryRegion": primary, TAG: group}
    return Request("secretsmanager:DescribeSecret", arn, {key: value for key, value in context.items() if value})


def repairing(arn: str, attached: str, group: str = "orders", *, overwrites: bool = False) -> Request:
    """Return the request for a replica that failed; the library says each time whether it overwrites."""
    request = on_secret(REPAIR, arn, attached, group)
    return replace(request, context={**request.context, OVERWRITES: str(overwrites).lower()})


def with_key(action: str, secret: str, via: str = VIA, key: str = KEY) -> Request:
    """Return a call on a key, as Secrets Manager makes it for the caller."""
    context = {"kms:ViaService": via, "kms:EncryptionContext:SecretARN": secret}
    return Request(f"kms:{action}", key, {key: value for key, value in context.items() if value})


def _of_parameters(arn: str, key: str = KEY, via: str = MIRRORS_VIA) -> Iterator[Request]:
    """Return what is done with a mirror, and with its key (user guide, "How AWS Systems Manager … uses AWS KMS")."""
    yield from (Request(f"ssm:{action}", arn) for action in ("GetParameter", "GetParameterHistory", "PutParameter"))
    context = {"kms:ViaService": via, "kms:EncryptionContext:PARAMETER_ARN": arn}
    yield from (Request(f"kms:{action}", key, context) for action in ("Decrypt", "Encrypt", "GenerateDataKey"))


def _log_of(function: str) -> str:
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{STACK}-{function}:log-stream:any"


def needed(function: str) -> Iterator[Request]:
    """Return every call that rotations of every kind need, by the function and by Lambda for it."""
    yield from (Request(action, _log_of(function)) for action in LOGGING)
    yield from (Request(action, "*") for action in NETWORK)
    for request in _by_its_code(function):
        yield replace(request, context={**request.context, CALLER: arn_of(function)})


def _by_its_code(function: str) -> Iterator[Request]:
    # Secret and admin secret as they are in every mode: attached, and with the tag.
    yield from (on_secret(action, SECRET, arn_of(function), "orders") for action in READING | WRITING)
    yield from (on_secret(action, arn) for action in READING for arn in (ADMIN, OTHER_ADMIN))
    yield on_replica(REPLICA, OTHER_REGION, REGION)
    yield repairing(SECRET, arn_of(function))
    yield from _of_parameters(MIRROR)
    for action, kind in lookups(function).items():
        service, _, what = kind.partition(":")
        region = "" if what.startswith("global") else REGION
        yield Request(action, f"arn:aws:{service}:{region}:{ACCOUNT}:{what}:orders")
    # Secrets Manager user guide, "Lambda rotation function execution role permissions".
    yield from (with_key(action, SECRET) for action in ("Decrypt", "GenerateDataKey"))
    yield Request("kms:DescribeKey", KEY, {"kms:ViaService": VIA})
    yield from (with_key("Decrypt", arn) for arn in (ADMIN, OTHER_ADMIN))


def _of_other_regions(parameters: Mapping[str, str]) -> Iterator[Request]:
    """Return looks at secrets of other Regions that are no replicas of ours, and all else that is done to replicas."""
    yield on_replica(REPLICA, OTHER_REGION, OTHER_REGION)
    yield on_replica(REPLICA, OTHER_REGION, "")
    yield on_replica(REPLICA.replace(ACCOUNT, ELSEWHERE), OTHER_REGION, REGION)
    if parameters.get("SecretsLimitedBy") != "name-or-tag":
        yield on_replica(SECRET, REGION, REGION)
    if "RotationGroup" in parameters:
        yield on_replica(REPLICA, OTHER_REGION, REGION, group="")
    if "SecretNames" in parameters:
        yield on_replica(STRANGER.replace(REGION, OTHER_REGION), OTHER_REGION, REGION)
    look = on_replica(REPLICA, OTHER_REGION, REGION)
    others = WRITING | {"GetSecretValue"}
    yield from (replace(look, action=f"secretsmanager:{action}") for action in others)


def _repairs(ours: str, parameters: Mapping[str, str]) -> Iterator[Request]:
    """Return requests for replicas that overwrite, that are about another function's secret, or that nobody allowed."""
    yield repairing(SECRET, ours, overwrites=True)
    if parameters.get("SecretsLimitedBy") != "name-or-tag":
        yield repairing(SECRET, arn_of("another"))
    if parameters.get("ReplicaRepair") == "false":
        yield repairing(SECRET, ours)


def _no_mirrors(parameters: Mapping[str, str]) -> Iterator[Request]:
    """Return what is done with other parameters, by another key or way, or besides."""
    for other in (MIRROR.replace("/mirrors", "/other"), MIRROR.replace(ACCOUNT, ELSEWHERE)):
        yield from _of_parameters(other)
    yield from (it for it in _of_parameters(MIRROR, OTHER_KEY) if it.action.startswith("kms"))
    yield from (it for it in _of_parameters(MIRROR, via=VIA) if it.action.startswith("kms"))
    yield from (Request(f"ssm:{action}", MIRROR) for action in ("DeleteParameter", "LabelParameterVersion"))
    if parameters.get("MirrorPath") == "":
        yield from _of_parameters(MIRROR)


def forbidden(function: str, parameters: Mapping[str, str]) -> Iterator[Request]:
    """Return calls that no role may make, each a hair's breadth from one that it may."""
    ours = arn_of(function)
    for action in READING | WRITING:
        if parameters.get("SecretsLimitedBy") != "name-or-tag":
            yield on_secret(action, SECRET, group="orders")
            yield on_secret(action, SECRET, arn_of("another"), "orders")
        if "RotationGroup" in parameters:
            yield on_secret(action, SECRET, ours)
            yield on_secret(action, SECRET, ours, "payroll")
        if "SecretNames" in parameters:
            yield on_secret(action, STRANGER, ours, "orders")
        yield on_secret(action, SECRET.replace(ACCOUNT, ELSEWHERE), ours, "orders")
    yield from _of_other_regions(parameters)
    yield from _repairs(ours, parameters)
    yield from _no_mirrors(parameters)
    # An admin secret is not attached to the function: neither its name nor its tag makes it one to rotate.
    yield from (on_secret(action, arn, group="orders") for action in WRITING for arn in (ADMIN, OTHER_ADMIN))
    yield from (on_secret(action, ADMIN, arn_of("another"), "orders") for action in WRITING)
    for action in ("Decrypt", "GenerateDataKey"):
        yield with_key(action, SECRET, via="")
        yield with_key(action, SECRET, via="ssm.eu-west-1.amazonaws.com")
        yield with_key(action, "")
        yield with_key(action, SECRET.replace(ACCOUNT, ELSEWHERE))
        if "SecretNames" in parameters:
            yield with_key(action, STRANGER)
    yield with_key("Decrypt", ADMIN, via="")
    yield Request("kms:DescribeKey", KEY)
    yield Request("kms:DescribeKey", OTHER_KEY, {"kms:ViaService": VIA})
    yield from (with_key(action, SECRET, key=OTHER_KEY) for action in ("Decrypt", "GenerateDataKey"))
    yield with_key("Decrypt", ADMIN, key=OTHER_KEY)
    yield from (Request(action, _log_of("another")) for action in LOGGING)
    for action, kind in lookups(function).items():
        service, _, what = kind.partition(":")
        if service != "redshift-serverless":  # its lists take no resource
            yield Request(action, f"arn:aws:{service}:{REGION}:{ELSEWHERE}:{what}:orders")
    # The code of a function has no business with the network; Lambda has.
    yield from (Request(action, "*", {CALLER: ours}) for action in NETWORK)
