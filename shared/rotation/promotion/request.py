"""What is asked for: the event of a promotion, or of a return, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rotation.errors import InvalidEvent
from rotation.model import region_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET: Final = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]{1,512}")
_FUNCTION: Final = re.compile(
    r"arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]+)?"
)
_REGION: Final = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-[0-9]{1,2}")
_ENDPOINT: Final = re.compile(
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_.])?)(?::(?P<port>[0-9]{1,5}))?"
)
_CLUSTER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}")
_VERSION: Final = re.compile(r"[A-Za-z0-9-]{32,64}")
_EXPRESSION: Final = re.compile(r"(?:rate|cron)\([A-Za-z0-9 *?/,#-]{1,200}\)")
_DURATION: Final = re.compile(r"[0-9]{1,3}h")
_MOST_DAYS: Final = 1000
"""API reference, RotationRulesType."""

_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "SecretId": (_SECRET, "the whole ARN of the secret in this Region"),
    "From": (_REGION, "the Region that the primary is or was in, such as eu-west-1"),
    "Endpoint": (_ENDPOINT, "a host, or a host and a port with a colon between them"),
    "DatabaseEndpoint": (_ENDPOINT, "a host, or a host and a port with a colon between them"),
    "Cluster": (_CLUSTER, "the identifier of the cluster in this Region"),
    "AdminSecret": (_SECRET, "the whole ARN of an admin secret in this Region"),
    "Function": (_FUNCTION, "the ARN of a rotation function in this Region"),
    "ReplicateTo": (_REGION, "the Region that is to have a replica"),
    "OverwriteStale": (_VERSION, "the id of the version that is AWSCURRENT there"),
}
_SWITCHES: Final = frozenset({"DryRun", "Force"})
_RULES: Final = "Rules"
_DRY_RUN: Final = "true to see what would be done, false to do it"
_WHEN: Final = (
    'what RotateSecret takes: {"ScheduleExpression": "rate(30 days)"} or {"AutomaticallyAfterDays": 30}, and '
    '"Duration" as in "3h"'
)
_TIMES: Final = ("AutomaticallyAfterDays", "ScheduleExpression")
_OF_A_RETURN: Final = frozenset({"SecretId", "DryRun", "ReplicateTo", "OverwriteStale"})


@dataclass(frozen=True)
class Promotion:
    """Make the replica here a secret of its own."""

    secret_id: str
    dry_run: bool
    former: str
    """The Region of the old primary."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """What the secret's JSON says otherwise here, by key."""
    function: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False


@dataclass(frozen=True)
class Return:
    """Make the secret of another Region a replica of the one here."""

    secret_id: str
    dry_run: bool
    region: str
    stale: str = ""
    """The version that may be lost there."""


def is_secret(text: object) -> bool:
    """Return whether it has the form of a secret's ARN."""
    return isinstance(text, str) and _SECRET.fullmatch(text) is not None


def is_function(text: object) -> bool:
    """Return whether it has the form of a Lambda function's ARN."""
    return isinstance(text, str) and _FUNCTION.fullmatch(text) is not None


def parse(event: object) -> Promotion | Return:
    """
    Read an event. Raises InvalidEvent that names the field, and never shows what it held.

    DryRun has no default: where it is forgotten, neither a promotion nor a report in its place is what was meant.
    """
    if not isinstance(event, dict):
        raise _wrong("The event is not a JSON object")
    if strange := sorted(map(str, event.keys() - _FORMS.keys() - _SWITCHES - {_RULES})):
        shown = strange[0] if re.fullmatch("[A-Za-z]{1,40}", strange[0]) else "…"
        raise _wrong(f'The field "{shown}" is not known', "Take it out, or correct its name.")
    for name in _SWITCHES & event.keys():
        if not isinstance(event[name], bool):
            raise _wrong(f'The field "{name}" is neither true nor false')
    if "DryRun" not in event:
        raise _malformed("DryRun", _DRY_RUN)
    texts = {name: _text(event, name) for name in _FORMS if name in event or name == "SecretId"}
    return _return(event, texts) if "ReplicateTo" in texts else _promotion(event, texts)


def _return(event: Mapping[str, Any], texts: Mapping[str, str]) -> Return:
    if mixed := sorted(event.keys() - _OF_A_RETURN):
        raise _contradiction("ReplicateTo", mixed[0], "Send two events.")
    if texts["ReplicateTo"] == region_of(texts["SecretId"]):
        raise _contradiction("ReplicateTo", "SecretId", "Name the other Region.")
    return Return(texts["SecretId"], event["DryRun"], texts["ReplicateTo"], texts.get("OverwriteStale", ""))


def _promotion(event: Mapping[str, Any], texts: Mapping[str, str]) -> Promotion:
    own = region_of(texts["SecretId"])
    if "From" not in texts:
        raise _malformed("From", _FORMS["From"][1])
    if "OverwriteStale" in texts:
        raise _contradiction("OverwriteStale", "From", "It belongs to an event with ReplicateTo.")
    if texts["From"] == own:
        raise _contradiction("From", "SecretId", "Name the Region of the old primary.")
    for name in ("AdminSecret", "Function"):
        if name in texts and region_of(texts[name]) != own:
            raise _contradiction(name, "SecretId", f"Name one in {own}.")
    return Promotion(
        texts["SecretId"],
        event["DryRun"],
        texts["From"],
        _place(texts),
        texts.get("Function", ""),
        _rules(event),
        event.get("Force", False),
    )


def _place(texts: Mapping[str, str]) -> dict[str, Any]:
    place: dict[str, Any] = {}
    for field_name, stem in (("Endpoint", ""), ("DatabaseEndpoint", "rotation.")):
        if found := _ENDPOINT.fullmatch(texts.get(field_name, "")):
            place[f"{stem}host"] = found["host"]
            place |= {f"{stem}port": int(found["port"])} if found["port"] else {}
    keys = {"Cluster": "dbClusterIdentifier", "AdminSecret": "masterarn"}
    return place | {key: texts[name] for name, key in keys.items() if name in texts}


def _rules(event: Mapping[str, Any]) -> dict[str, Any]:
    """Read the rules as RotateSecret takes them: days, or an expression, and a window."""
    rules = event.get(_RULES, {})
    days, expression = (rules.get(key) for key in _TIMES) if isinstance(rules, dict) else (None, None)
    known = {
        "AutomaticallyAfterDays": isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= _MOST_DAYS,
        "ScheduleExpression": isinstance(expression, str) and bool(_EXPRESSION.fullmatch(expression)),
        "Duration": isinstance(rules, dict) and bool(_DURATION.fullmatch(str(rules.get("Duration")))),
    }
    timed = (days is None) != (expression is None)
    if not isinstance(rules, dict) or (rules and not (timed and all(known.get(str(key)) for key in rules))):
        raise _malformed(_RULES, _WHEN)
    return dict(rules)


def _text(event: Mapping[str, Any], name: str) -> str:
    form, wanted = _FORMS[name]
    value = event.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise _malformed(name, wanted)
    return value


def _malformed(name: str, wanted: str) -> InvalidEvent:
    return _wrong(f'The field "{name}" is missing or malformed', f"It must be {wanted}.")


def _contradiction(name: str, other: str, remedy: str) -> InvalidEvent:
    return _wrong(f'The fields "{name}" and "{other}" contradict each other', remedy)


def _wrong(what: str, remedy: str = "") -> InvalidEvent:
    return InvalidEvent(
        what, where="the event", remedy=f"{remedy} events/promote.json and events/return.json show how.".strip()
    )
