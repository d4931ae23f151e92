"""Events as EventBridge delivers them, read with suspicion: callers choose much of what stands in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from watch.model import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE: Final = "AWS Service Event via CloudTrail"
CALL: Final = "AWS API Call via CloudTrail"
LABEL: Final = "Secret Label Updated"
SCHEDULED: Final = "Scheduled Event"
SUMMARY: Final = "ReadsSummary"
MOVED: Final = "CurrentMoved"
"""Our own names of events that AWS gives none."""


class NotAnEvent(Exception):
    """What arrived is no event that a rule of the watch lets through."""


def event_of(raw: Any) -> Event:  # noqa: ANN401 what JSON holds
    """
    Read an event.

    Raises NotAnEvent.
    """
    try:
        return _READ[raw["detail-type"]](raw, raw.get("detail") or {})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        message = f"An event cannot be read: {type(error).__name__}"
        raise NotAnEvent(message) from None


def _text(value: object) -> str:
    """Return a text that can be written: a half of a character that JSON may hold cannot."""
    return str(value or "").encode(errors="replace").decode()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _of_service(raw: Mapping[str, Any], detail: Mapping[str, Any]) -> Event:
    """Secrets Manager user guide, "CloudTrail entries for rotation": the secret stands in additionalEventData alone."""
    return Event(
        str(detail["eventName"]),
        _text(detail.get("eventID") or raw["id"]),
        _time(detail["eventTime"]),
        str(raw["region"]),
        secret=_text(detail["additionalEventData"]["SecretId"]),
        error=_text(detail.get("errorMessage")),
    )


def _of_call(raw: Mapping[str, Any], detail: Mapping[str, Any]) -> Event:
    """Name what was called, by whom, and on what: the answer's ARN before what the caller wrote."""
    request, answer = detail.get("requestParameters") or {}, detail.get("responseElements") or {}
    keys = [it["ARN"] for it in detail.get("resources") or [] if it.get("ARN")]
    # Until February 2024 the answer's key was aRN.
    secret = answer.get("arn") or answer.get("aRN") or request.get("secretId") or (keys or [request["keyId"]])[0]
    who = detail["userIdentity"]
    return Event(
        str(detail["eventName"]),
        _text(detail["eventID"]),
        _time(detail["eventTime"]),
        str(raw["region"]),
        secret=_text(secret),
        by=_text(who.get("arn") or who.get("principalId") or who.get("invokedBy")),
        role=_text(((who.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")),
        version=_text(answer.get("versionId") or request.get("moveToVersionId")),
        request=request,
    )


def _of_label(raw: Mapping[str, Any], detail: Mapping[str, Any]) -> Event:
    """Name the secret whose current value is another one; a move there and back is two moves."""
    version, secret, at = _text(detail["versionId"]), _text(raw["resources"][0]), _time(raw["time"])
    return Event(MOVED, f"{secret} {version} {at}", at, str(raw["region"]), secret=secret, version=version)


def _of_schedule(raw: Mapping[str, Any], _: Mapping[str, Any]) -> Event:
    return Event(SUMMARY, str(raw["id"]), _time(raw["time"]), str(raw["region"]))


_READ: Final = {SERVICE: _of_service, CALL: _of_call, LABEL: _of_label, SCHEDULED: _of_schedule}
