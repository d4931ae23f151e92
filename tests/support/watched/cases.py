"""Events, each with the rules that let it in: held by more than one matcher against the patterns of the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.watched import events
from tests.support.watched.events import ADA, KEY, TAMPERING, assumed, of_call, of_key, of_label, of_service, user

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION = "secret-rotation-postgresql"
BY_HAND = ("PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage")


def cases(ours: str, reader: str) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Yield them, where ``ours`` is a rotation function's role, and ``reader`` a role that may read."""
    strangers = (assumed(ADA), user("eve"), events.ROOT_USER)
    yield from ((of_service(name), {"RotationsRule"}) for name in events.ENDS)
    yield from ((of_call(name), {"TamperingRule"}) for name in (*TAMPERING, "RotateSecret"))
    yield from ((of_call("DeleteSecret", who), {"TamperingRule"}) for who in (user("eve"), assumed(ours)))
    yield from ((of_call(name, who), {"WritesRule"}) for name in BY_HAND for who in (*strangers, assumed(reader)))
    yield from ((of_key(name), {"KeysRule"}) for name in ("DisableKey", "ScheduleKeyDeletion"))
    yield of_label("v"), {"LabelsRule"}
    yield from ((of_call("GetSecretValue", who), {"ReadsRule"}) for who in strangers)
    for event in _of_nobodys_concern(ours, reader):
        yield event, set()


def _of_nobodys_concern(ours: str, reader: str) -> Iterator[dict[str, Any]]:
    """Yield what a rule would let in, but for one thing."""
    function = assumed(ours, FUNCTION)
    yield from (of_call(name, function) for name in (*BY_HAND, "GetSecretValue"))
    yield from (
        of_call(name, errorCode="AccessDenied") for name in ("DeleteSecret", "PutSecretValue", "GetSecretValue")
    )
    yield of_call("GetSecretValue", assumed(reader))
    yield from (of_call(name) for name in ("DescribeSecret", "CreateSecret", "TagResource"))
    yield from (of_service(name) for name in ("RotationStarted", "TestRotationStarted", "EndSecretVersionDelete"))
    yield from (of_key(name) for name in ("EnableKey", "CancelKeyDeletion"))
    yield of_key("DisableKey", KEY.replace("0f1e", "ffff"))
    yield of_label("v", label="BLUE")
    yield {**of_call("DeleteSecret"), "source": "ours.secretsmanager"}
    yield {**of_service("RotationFailed"), "detail-type": "AWS API Call via CloudTrail"}
    yield events.of_schedule(events.NOW)
