"""
CloudTrail's event history, fed from the journals of emulated Secrets Managers, and the list of trails.

CloudTrail user guide, "LookupEvents": one attribute, newest first, 50 a page, 90 days. Secrets Manager user guide,
"CloudTrail entries for rotation": a service event names its secret in additionalEventData alone; "CloudTrail entries
for Secrets Manager": a read names the secret as its caller did, in requestParameters, and answers nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.wire.clock import epoch
from tests.support.emulators.wire.errors import answer
from tests.support.emulators.wire.server import EmulatedService, Request, Response

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tests.support.emulators.secretsmanager.journal import ServiceEvent

PAGE: Final = 50
KEPT: Final = timedelta(days=90)


@dataclass
class _Backend:
    events: Sequence[ServiceEvent]
    now: Any
    trails: list[dict[str, Any]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    asked: list[tuple[str, Request]] = field(default_factory=list)
    calls: list[tuple[datetime, Response]] = field(default_factory=list)
    """Calls of somebody's, which the history shows beside service events."""
    target: str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
    modelled: frozenset[str] = frozenset()

    def call(self, operation: str, request: Request, caller: str) -> Response:
        """Answer a client."""
        del caller
        self.asked.append((operation, request))
        if operation in self.denied:
            message = f"not authorized to perform: cloudtrail:{operation}"
            raise answer(message, code="AccessDeniedException")
        if operation == "LookupEvents":
            return self._look_up(request)
        if operation == "DescribeTrails":
            return {"trailList": self.trails}
        return {"IsLogging": next(it["logging"] for it in self.trails if it["TrailARN"] == request["Name"])}

    def _look_up(self, request: Request) -> Response:
        (wanted,) = request["LookupAttributes"]
        since = max(request["StartTime"], epoch(self.now() - KEPT))
        every = [*((it.at, _service_event(it)) for it in self.events), *self.calls]
        found = [it for it in every if it[1]["eventName"] == wanted["AttributeValue"] and epoch(it[0]) >= since]
        found.sort(key=lambda it: it[0], reverse=True)
        start, most = int(request.get("NextToken", "0")), request.get("MaxResults", PAGE)
        more = {"NextToken": str(start + most)} if start + most < len(found) else {}
        return {"Events": [_shown(*it) for it in found[start : start + most]]} | more


def _service_event(event: ServiceEvent) -> Response:
    return {
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": event.name,
        "additionalEventData": {"SecretId": event.secret},
        "eventType": "AwsServiceEvent",
    } | ({"errorMessage": event.message} if event.message else {})


def _shown(at: datetime, detail: Response) -> Response:
    detail = {**detail, "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return {"EventName": detail["eventName"], "EventTime": epoch(at), "CloudTrailEvent": json.dumps(detail)}


class EmulatedCloudTrail(EmulatedService):
    """CloudTrail of one Region in this process, reachable at `url` while it is entered as a context."""

    def __init__(self, events: Sequence[ServiceEvent], clock: Any) -> None:  # noqa: ANN401 a clock
        """Show these events; nothing listens yet."""
        self.backend = _Backend(events, clock)
        super().__init__(self.backend, "127.0.0.1", 0)

    def add_read(self, at: datetime, secret: str, identity: Response, error: str = "") -> None:
        """Have somebody have read a secret, by the name that he gave it."""
        detail = {"eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue", "readOnly": True}
        detail |= {"userIdentity": identity, "requestParameters": {"secretId": secret}, "responseElements": None}
        self.backend.calls.append((at, detail | ({"errorCode": error} if error else {})))

    def client(self, region: str) -> Any:  # noqa: ANN401 boto3 makes its clients' classes at run time
        """Return a client of this service."""
        return self.make_client("cloudtrail", region, access_key="test", attempts=1, read_timeout=20)
