"""
Events as EventBridge delivers them.

Their shapes: Secrets Manager user guide, "CloudTrail entries for rotation", "Match Secrets Manager events with Amazon
EventBridge"; CloudTrail user guide, "userIdentity element" and "record contents"; KMS developer guide, "CloudTrail
entries: DisableKey, ScheduleKeyDeletion". That no response of DeleteSecret and the like has another key than arn, or
aRN until February 2024: Secrets Manager user guide, "Log with CloudTrail".
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
SECRET: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop/db-Qw3rTy"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
NOW: Final = datetime.now(UTC).replace(hour=3, minute=12, second=40, microsecond=0) - timedelta(days=1)
"""Yesterday: CloudWatch Logs takes nothing that is older than 14 days."""
OUR_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/rotation-PostgresqlRole-1A2B3C"
ADA: Final = f"arn:aws:iam::{ACCOUNT}:role/ops"
TAMPERING: Final = (
    "CancelRotateSecret",
    "DeleteResourcePolicy",
    "DeleteSecret",
    "PutResourcePolicy",
    "RemoveRegionsFromReplication",
    "StopReplicationToReplica",
)
ENDS: Final = (
    "RotationFailed",
    "RotationAbandoned",
    "RotationSucceeded",
    "TestRotationFailed",
    "TestRotationSucceeded",
)


def _wrapped(kind: str, source: str, at: datetime, detail: dict[str, Any], resources: list[str]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }


def of_service(name: str, secret: str = SECRET, *, at: datetime = NOW, error: str = "") -> dict[str, Any]:
    """Return how a rotation ended, by Secrets Manager itself."""
    detail: dict[str, Any] = {
        "eventVersion": "1.09",
        "userIdentity": {"accountId": ACCOUNT, "invokedBy": "secretsmanager.amazonaws.com"},
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "requestParameters": None,
        "responseElements": None,
        "additionalEventData": {"SecretId": secret},
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": ACCOUNT,
    }
    if error:
        detail["errorMessage"] = error
    return _wrapped("AWS Service Event via CloudTrail", "aws.secretsmanager", at, detail, [])


def assumed(role: str, session: str = "ada") -> dict[str, Any]:
    """Return who somebody is that took a role."""
    name = role.rpartition("/")[2]
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}",
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "userName": name}, "attributes": {}},
    }


def user(name: str) -> dict[str, Any]:
    """Return who a user of IAM is: without a session's issuer."""
    return {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}", "accountId": ACCOUNT, "userName": name}


ROOT_USER: Final = {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "principalId": ACCOUNT, "accountId": ACCOUNT}


def of_call(
    name: str,
    who: dict[str, Any] | None = None,
    *,
    at: datetime = NOW,
    request: dict[str, Any] | None = None,
    response: dict[str, Any] | None = None,
    service: str = "secretsmanager",
    **more: Any,  # noqa: ANN401 what a record may hold
) -> dict[str, Any]:
    """Return a call of an API."""
    arn = {"arn": SECRET, "name": "shop/db"}
    detail = {
        "eventVersion": "1.09",
        "userIdentity": who or assumed(ADA),
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "requestParameters": {"secretId": "shop/db"} if request is None else request,
        "responseElements": None if more.get("errorCode") or name.startswith("Get") else arn | (response or {}),
        "eventID": str(uuid.uuid4()),
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        **more,
    }
    return _wrapped("AWS API Call via CloudTrail", f"aws.{service}", at, detail, [])


def of_key(name: str, key: str = KEY) -> dict[str, Any]:
    """Return a call on a key."""
    listed = [{"ARN": key, "accountId": ACCOUNT, "type": "AWS::KMS::Key"}]
    answer = {"keyId": key} if name == "ScheduleKeyDeletion" else None
    return of_call(name, service="kms", request={"keyId": key}, resources=listed, responseElements=answer)


def of_label(version: str, secret: str = SECRET, *, at: datetime = NOW, label: str = "AWSCURRENT") -> dict[str, Any]:
    """Return a label that moved, which needs no trail."""
    detail = {"name": "shop/db", "labelUpdated": label, "versionId": version}
    return _wrapped("Secret Label Updated", "aws.secretsmanager", at, detail, [secret])


def of_schedule(at: datetime) -> dict[str, Any]:
    """Return what a rule with a schedule sends (EventBridge user guide, "Scheduled Event")."""
    return _wrapped("Scheduled Event", "aws.events", at, {}, [])
