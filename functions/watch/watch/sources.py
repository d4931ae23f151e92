"""What is asked of AWS beside the event: which function rotates the secret, and what that function wrote."""

from __future__ import annotations

import json
import urllib.parse
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from watch.model import Secret, Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watch.model import Event

_GONE: Final = frozenset(
    {
        "AccessDeniedException",
        "InvalidParameterException",
        "InvalidRequestException",
        "ResourceNotFoundException",
        "ValidationException",
    }
)
"""Answers after which nothing more can be known: gone, denied by a policy, or no name of anything."""
_BACK: Final = timedelta(minutes=30)
_AHEAD: Final = timedelta(minutes=2)
_PAGES: Final = 20
_CONSOLES: Final = {"cn": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com"}


class LogUnread(Exception):
    """The log of the function cannot be read: it is gone, or somebody denies it."""


class Sources:
    """Secrets Manager and CloudWatch Logs, of one Region."""

    def __init__(self, secrets: Any, logs: Any) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Ask these clients."""
        self._secrets, self._logs = secrets, logs

    def secret(self, name: str) -> Secret:
        """Return the secret; where it cannot be described, what the event says of it."""
        try:
            answer = self._secrets.describe_secret(SecretId=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return Secret(name, name.rpartition(":secret:")[2], found=False)
        function = str(answer.get("RotationLambdaARN") or "").split(":")
        return Secret(answer["ARN"], answer["Name"], function[6] if len(function) > 6 else "")  # noqa: PLR2004 its place in an ARN

    def error(self, secret: Secret, event: Event) -> Told:
        """Return the last error that the function wrote about the secret before the event."""
        try:
            found = [line for line in self._lines(secret, event) if line[0].get("level") == "ERROR"]
        except LogUnread as unread:
            return Told(unread=str(unread))
        if not found:
            return Told()
        line, link = found[-1]
        error, message, token = (str(line.get(name) or "") for name in ("error", "message", "token"))
        return Told(error, message, line.get("retryable") is True, link, token)

    def is_by_the_function(self, secret: Secret, event: Event) -> bool:
        """
        Return whether the function wrote that it worked on this version: it does so on every line of a rotation.

        Raises LogUnread.
        """
        return any(line.get("token") == event.version for line, _ in self._lines(secret, event))

    def _lines(self, secret: Secret, event: Event) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield what the function wrote about the secret, oldest first, each with its link. Raises LogUnread."""
        if not secret.function:
            return
        group = f"/aws/lambda/{secret.function}"
        request: dict[str, Any] = {
            "logGroupName": group,
            "startTime": _millis(event.at - _BACK),
            "endTime": _millis(event.at + _AHEAD),
            # An ARN of Secrets Manager's own answer: it holds no quote.
            "filterPattern": f'{{ $.secret = "{secret.arn}" }}',
        }
        for _ in range(_PAGES):
            try:
                answer = self._logs.filter_log_events(**request)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code not in _GONE:
                    raise
                raise LogUnread(code) from None
            for one in answer["events"]:
                line = _json(one["message"])
                if line.get("secret") == secret.arn:
                    yield line, log_link(event.region, group, one)
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]


def log_link(region: str, group: str, line: dict[str, Any] | None = None) -> str:
    """Return the address of a log group in the console, or of one of its lines."""
    domain = next((it for part, it in _CONSOLES.items() if region.startswith(f"{part}-")), "console.aws.amazon.com")
    place = f"https://{region}.{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{_twice(group)}"
    if not line:
        return place
    where = _once(f"?start={line['timestamp']}&refEventId={line['eventId']}")
    return f"{place}/log-events/{_twice(str(line['logStreamName']))}{where}"


def _once(text: str) -> str:
    """Quote as the console's own addresses do, behind the fragment's mark: with a dollar for the per cent sign."""
    return urllib.parse.quote(text, safe="").replace("%", "$")


def _twice(text: str) -> str:
    return _once(urllib.parse.quote(text, safe=""))


def _millis(at: Any) -> int:  # noqa: ANN401 a time
    return int(at.timestamp() * 1000)


def _json(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
