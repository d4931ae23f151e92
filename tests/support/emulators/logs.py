"""
CloudWatch Logs, as far as FilterLogEvents shows what functions wrote, each in a log group of its own.

CloudWatch Logs API reference, FilterLogEvents: times in milliseconds; "Filter pattern syntax": a pattern of JSON fields
matches a line that is JSON, and no pattern matches all. Of patterns it knows ``{ $.field = "value" }`` alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tests.support.emulators.wire.errors import answer
from tests.support.emulators.wire.server import EmulatedService, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FIELD: Final = re.compile(r'\{ *\$\.(\w+) *= *"([^"]*)" *\}')
WRITTEN: Final = "%Y-%m-%d %H:%M:%S,%f%z"
"""How Powertools' Logger writes a time."""

STREAM: Final = "all"


@dataclass
class _Backend:
    groups: Mapping[str, Callable[[], str]]
    target: str = "Logs_20140328."
    modelled: frozenset[str] = frozenset({"ResourceNotFoundException", "InvalidParameterException"})

    def call(self, operation: str, request: Request, caller: str) -> Response:
        """Answer a client."""
        del caller
        name = (
            request.get("logGroupName") or str(request.get("logGroupIdentifier", "")).removesuffix(":*").split(":")[-1]
        )
        if operation != "FilterLogEvents":
            raise answer(f"{operation} is not emulated.", code="UnknownOperationException")
        if name not in self.groups:
            raise answer("The specified log group does not exist.", code="ResourceNotFoundException")
        events = [
            {
                "timestamp": at,
                "message": line,
                "ingestionTime": at,
                "logStreamName": STREAM,
                "eventId": str(number),
            }
            for number, (at, line) in enumerate(stamped(self.groups[name]()))
            if at >= request.get("startTime", 0) and at < request.get("endTime", at + 1) and _matches(request, line)
        ]
        return {"events": events}


class EmulatedLogs(EmulatedService):
    """CloudWatch Logs in this process; a group is what a function's text is read by."""

    def __init__(self, groups: Mapping[str, Callable[[], str]]) -> None:
        """Know the log groups by their names; nothing listens yet."""
        super().__init__(_Backend(groups), "127.0.0.1", 0)


def stamped(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its time in milliseconds; a line without one has that of the line before."""
    at = 0
    for line in text.splitlines():
        at = _time(line) or at
        yield at, line


def _time(line: str) -> int | None:
    try:
        return int(datetime.strptime(json.loads(line)["timestamp"], WRITTEN).timestamp() * 1000)  # noqa: DTZ007 it has a zone
    except (ValueError, KeyError, TypeError):
        return None


def _matches(request: Request, line: str) -> bool:
    pattern = request.get("filterPattern", "")
    if not pattern:
        return True
    found = FIELD.fullmatch(pattern.strip())
    if found is None:
        raise answer("Invalid filter pattern", code="InvalidParameterException")
    try:
        return bool(json.loads(line).get(found[1]) == found[2])
    except (ValueError, AttributeError):
        return False
