"""What happened lately: CloudTrail's event history, which needs no trail, the functions' own logs, and the trails."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, MISSING, Sight, reason
from audit.model import Event, Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAMES: Final = ("RotationFailed", "RotationAbandoned", "RotationSucceeded")
_DECIDE: Final = frozenset({"RotationFailed", "RotationAbandoned"})
"""What rules ask for; the others only stand in the calendar, since LastRotatedDate tells of each success."""
STARTED: Final = "RotationStarted"
BACK: Final = timedelta(days=28)
"""How far back the calendar of the page shows."""
_PAGES: Final = 40
"""Of one kind of event: at two calls a second, 20 seconds (CloudTrail user guide, quotas of LookupEvents)."""


class History:
    """The events of a Region."""

    def __init__(self, trail: Any, logs: Any, sight: Sight, now: datetime) -> None:  # noqa: ANN401 clients
        """Read by these clients, and note there what cannot be read."""
        self._trail, self._logs, self._sight, self._now = trail, logs, sight, now

    def events(self, *more: str) -> Mapping[str, list[Event]]:
        """Return the events of rotations by the ARN or name of the secret, of more names too where they are given."""
        found: dict[str, list[Event]] = defaultdict(list)
        for name in (*NAMES, *more):
            try:
                for secret, event in self._of(name):
                    found[secret].append(event)
            except FAILURES as error:
                self._sight.failed("events", error, name)
                break
        return found

    def _of(self, name: str) -> Iterator[tuple[str, Event]]:
        request: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}],
            "StartTime": self._now - BACK,
            "EndTime": self._now,
            "MaxResults": 50,
        }
        for _ in range(_PAGES):
            answer = self._trail.lookup_events(**request)
            for event in answer["Events"]:
                detail = json.loads(event["CloudTrailEvent"])
                # User guide, "CloudTrail entries for rotation": the secret stands in additionalEventData alone.
                secret = (detail.get("additionalEventData") or {}).get("SecretId", "")
                yield str(secret), Event(name, event["EventTime"], str(detail.get("errorMessage") or ""))
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]
        if name in _DECIDE:
            self._sight.lost("events", f"more than {_PAGES * 50} of a kind", name, "nothing: the oldest were left out")

    def told(self, functions: Iterable[str]) -> Mapping[str, Told]:
        """Return the last error that each of our functions wrote, by the secret that it names."""
        found: dict[str, Told] = {}
        for function in functions:
            try:
                found.update(self._lines(function))
            except FAILURES as error:
                if reason(error) not in MISSING:
                    self._sight.failed("logs", error, function)
        return found

    def _lines(self, function: str) -> Iterator[tuple[str, Told]]:
        """Yield the errors in a function's log, oldest first."""
        request: dict[str, Any] = {
            "logGroupName": f"/aws/lambda/{function}",
            "startTime": int((self._now - timedelta(days=7)).timestamp() * 1000),
            "filterPattern": '{ $.level = "ERROR" }',
        }
        for _ in range(_PAGES):
            answer = self._logs.filter_log_events(**request)
            for event in answer["events"]:
                line = _line(event["message"])
                if line.get("level") == "ERROR" and line.get("secret"):
                    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    error, step, message = (str(line.get(key) or "") for key in ("error", "step", "message"))
                    yield str(line["secret"]), Told(error, step, message, at)
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]
        self._sight.lost("logs", "more pages than are read", function, "nothing: the newest were left out")

    def has_trail(self) -> bool | None:
        """Return whether a trail that is switched on records this Region; None where that could not be read."""
        try:
            for trail in self._trail.describe_trails()["trailList"]:
                here = trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == self._sight.region
                if here and self._trail.get_trail_status(Name=trail["TrailARN"])["IsLogging"]:
                    return True
        except FAILURES as error:
            self._sight.failed("trails", error)
            return None
        return False


def _line(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
