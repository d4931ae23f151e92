"""Who read which secret, by CloudTrail's event history: kept where the reader is not on the list, and nobody else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, Sight

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit.calls import Budget
    from audit.memory import Memory
    from audit.settings import Settings

NAME: Final = "GetSecretValue"
"""Each read of a batch is an event of this name, too (Secrets Manager user guide, "Log events")."""
_SOURCE: Final = "secretsmanager.amazonaws.com"
_LATE: Final = timedelta(minutes=30)
"""Events come within 15 minutes as a rule (CloudTrail user guide, "How CloudTrail works"): so many are read again."""


class Reads:
    """The reads in a Region by anybody who is not on the list."""

    def __init__(self, trail: Any, sight: Sight, memory: Memory, settings: Settings, now: datetime) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Read by this client, keep in that memory, and note there what cannot be read."""
        self._trail, self._sight, self._memory = trail, sight, memory
        self._settings, self._now = settings, now

    def take_in(self, budget: Budget, own: str) -> None:
        """Keep the reads since the last run, but those of whoever runs the audit; nothing where there is no list."""
        if not self._settings.readers:
            return
        key = f"reads {self._sight.account} {self._sight.region}"
        oldest = self._now - timedelta(days=self._settings.reads_days)
        self._memory.forget_reads(oldest)
        last = self._memory.noted(key)
        since = max(oldest, datetime.fromisoformat(last) - _LATE) if last else oldest
        try:
            whole = self._pages(since, budget, own)
        except FAILURES as error:
            self._sight.failed("reads", error)
            return
        if not whole:
            advice = "watch reads by WatchReaders of the rotation stack, which is told of each"
            self._sight.lost("reads", "there are more than were read, the newest first", advice=advice)
        self._memory.note(key, self._now.isoformat())

    def _pages(self, since: datetime, budget: Budget, own: str) -> bool:
        """Read page by page, the newest first; return whether that was all."""
        request: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": NAME}],
            "StartTime": since,
            "EndTime": self._now,
            "MaxResults": 50,
        }
        for _ in range(self._settings.reads_pages):
            if not budget.take():
                return False
            answer = self._trail.lookup_events(**request)
            for event in answer["Events"]:
                self._keep(json.loads(event["CloudTrailEvent"]), event["EventTime"], own)
            if not answer.get("NextToken"):
                return True
            request["NextToken"] = answer["NextToken"]
        return False

    def _keep(self, detail: Mapping[str, Any], at: datetime, own: str) -> None:
        secret = (detail.get("requestParameters") or {}).get("secretId")
        who, caller = readers(detail.get("userIdentity") or {})
        allowed = {*self._settings.readers, own} & {who, caller}
        if secret and not allowed and not detail.get("errorCode") and detail.get("eventSource") == _SOURCE:
            place = (self._sight.account, self._sight.region)
            self._memory.read(*place, str(secret), who, at)


def readers(identity: Mapping[str, Any]) -> tuple[str, str]:
    """
    Return the role behind a caller, and the caller, as the list may name either; where there is none, what there is.

    CloudTrail user guide, "CloudTrail userIdentity element": a role's session names its role in sessionIssuer.
    """
    issuer = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    caller = identity.get("arn") or identity.get("principalId") or identity.get("invokedBy") or "somebody unnamed"
    return str(issuer or caller), str(caller)
