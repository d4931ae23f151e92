"""The events that have parameters rotated, checked: a schedule's, a queue's, an operator's, Parameter Store's own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rotation.entrypoints.secrets_manager import REVOKE
from rotation.errors import InvalidEvent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,1011}")
"""API reference, PutParameter, Name: Put takes no ARN."""

_PATH: Final = re.compile(r"(/[A-Za-z0-9_.-]+){1,15}")
_KEY: Final = re.compile(r"[^\x00-\x1f]{1,128}")
_FIELDS: Final = frozenset({"Parameters", "Paths", "Tags", "Days", "ScheduledTime", "WrittenBefore", "DryRun"})
_OF_A_REVOCATION: Final = frozenset({"Step", "Parameters", "EndSessions"})
_ACTION: Final = "Parameter Store Policy Action"
_CHANGE: Final = "Parameter Store Change"
_AHEAD: Final = timedelta(minutes=5)
"""How far a clock may be before ours, where that moves no wish beyond its own fulfilment: it would be granted twice."""

_MOST_DAYS: Final = 3650


@dataclass(frozen=True)
class Event:
    """Which parameters, and before when their newest version must have been written for them to be due."""

    before: datetime
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    revoke: bool = False
    """Whether the password of the version before is to end, and nothing else."""
    end_sessions: bool = False

    @property
    def one(self) -> str | None:
        """Return the name, where the event is about one parameter."""
        return self.names[0] if len(self.names) == 1 and not self.paths and not self.tags else None

    @classmethod
    def parse(cls, event: object, days: int, now: datetime) -> Event:
        """Read an event. Raises InvalidEvent that names the field, and never shows what it held."""
        if not isinstance(event, dict):
            _wrong("The event is not a JSON object")
        if "detail-type" in event:
            return cls._of_eventbridge(event, days, now)
        if "Step" in event:
            return cls._revocation(event, now)
        _require_fields(event, _FIELDS)
        found = cls(
            before=_threshold(event, days, now),
            names=_names(event),
            paths=_texts(event, "Paths", _PATH, "paths, each beginning with a slash and ending without one"),
            tags=_tags(event),
            dry_run=_truth(event, "DryRun"),
        )
        if not found.names and not found.paths and not found.tags:
            _wrong("The event names no parameter", "Give Parameters, Paths or Tags.")
        if found.dry_run and found.one is None:
            _wrong("A dry run is of one parameter", "Name it alone in Parameters.")
        return found

    @classmethod
    def _revocation(cls, event: Mapping[str, object], now: datetime) -> Event:
        if event["Step"] != REVOKE:
            _wrong(
                'The field "Step" names no step that can be asked for', f"A rotation takes all; only {REVOKE} is one."
            )
        _require_fields(event, _OF_A_REVOCATION)
        found = cls(now, _names(event), revoke=True, end_sessions=_truth(event, "EndSessions"))
        if found.one is None:
            _wrong("A revocation is of one parameter", "Name it alone in Parameters.")
        return found

    @classmethod
    def _of_eventbridge(cls, event: Mapping[str, object], days: int, now: datetime) -> Event:
        kind, detail = event.get("detail-type"), event.get("detail")
        if kind == _CHANGE:
            _wrong(
                "A change of a parameter starts no rotation: each rotation makes one, so it would never end",
                'Let the rule match the detail-type "Parameter Store Policy Action" alone.',
            )
        if kind != _ACTION or not isinstance(detail, dict):
            _wrong("The event of EventBridge is not of a parameter's policy", f'Its detail-type must be "{_ACTION}".')
        name = detail.get("parameter-name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            _wrong('The field "parameter-name" is missing or malformed')
        return cls(_moment(event, "time", now) - _unchanged(detail, days), (name,))


def _unchanged(detail: Mapping[str, object], days: int) -> timedelta:
    """Return for how long the value must not have changed: what the policy NoChangeNotification says, else the days."""
    try:
        attributes: Any = json.loads(str(detail.get("policy-content")))["Attributes"]
        return timedelta(**{str(attributes["Unit"]).lower(): int(attributes["After"])})
    except (ValueError, KeyError, TypeError, OverflowError):
        return timedelta(days=days)


def _threshold(event: Mapping[str, object], days: int, now: datetime) -> datetime:
    if event.get("WrittenBefore") is not None:
        if event.keys() & {"Days", "ScheduledTime"}:
            _wrong("WrittenBefore stands beside Days or ScheduledTime", "Give one or the other.")
        return _moment(event, "WrittenBefore", now, ahead=timedelta())
    asked = event.get("Days", days)
    if not isinstance(asked, int) or isinstance(asked, bool) or not 0 < asked <= _MOST_DAYS:
        _wrong('The field "Days" is no whole number from 1')
    moment = _moment(event, "ScheduledTime", now) if event.get("ScheduledTime") is not None else now
    return moment - timedelta(days=asked)


def _moment(event: Mapping[str, object], name: str, now: datetime, ahead: timedelta = _AHEAD) -> datetime:
    text = event.get(name)
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        _wrong(
            f'The field "{name}" is no time with its zone',
            "Give one such as 2026-01-31T06:00:00Z; in a schedule's input <aws.scheduler.scheduled-time>.",
        )
    if moment > now + ahead:
        _wrong(
            f'The field "{name}" is still to come',
            "A rotation is of what was written before. See that your clock is not ahead, and give a time that is past.",
        )
    return moment.astimezone(UTC)


def _require_fields(event: Mapping[str, object], known: frozenset[str]) -> None:
    for key in event.keys() - known:
        shown = key if isinstance(key, str) and re.fullmatch(r"\w{1,40}", key, re.ASCII) else "…"
        _wrong(f'The field "{shown}" is none of this event', f"It may have {', '.join(sorted(known))}.")


def _names(event: Mapping[str, object]) -> tuple[str, ...]:
    return _texts(event, "Parameters", NAME, "names of parameters, without their ARNs' beginning")


def _texts(event: Mapping[str, object], name: str, form: re.Pattern[str], wanted: str) -> tuple[str, ...]:
    given = event.get(name, [])
    if not isinstance(given, list) or not all(isinstance(it, str) and form.fullmatch(it) for it in given):
        _wrong(f'The field "{name}" is malformed', f"It must be a list of {wanted}.")
    return tuple(dict.fromkeys(given))


def _tags(event: Mapping[str, object]) -> Mapping[str, str]:
    given = event.get("Tags", {})
    if not isinstance(given, dict) or not all(
        isinstance(it, str) and _KEY.fullmatch(it) for pair in given.items() for it in pair
    ):
        _wrong('The field "Tags" is malformed', 'It must be an object of texts, such as {"rotation": "monthly"}.')
    return given


def _truth(event: Mapping[str, object], name: str) -> bool:
    given = event.get(name, False)
    if not isinstance(given, bool):
        _wrong(f'The field "{name}" is neither true nor false')
    return given


def _wrong(what: str, remedy: str = "") -> NoReturn:
    raise InvalidEvent(what, where="the event", remedy=f"{remedy} events/parameter.json shows one.".strip())
