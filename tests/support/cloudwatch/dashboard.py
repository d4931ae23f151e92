"""
What a dashboard's body may say: CloudWatch API reference, "Dashboard body structure and syntax".

PutDashboard takes a body with mistakes and answers with messages; here each mistake is a complaint.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Node = Mapping[str, Any]

TEXT: Final = {"type": "string"}
FLAG: Final = {"type": "boolean"}
REGION: Final = {"type": "string", "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]$"}
PERIOD: Final = {"type": "integer", "minimum": 60, "multipleOf": 60}
ALARM: Final = {"type": "string", "pattern": r"^arn:aws[a-z-]*:cloudwatch:[a-z0-9-]+:[0-9]{12}:alarm:.+$"}


def _closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:  # noqa: ANN401 a schema
    """Return an object that holds these members and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


_AXIS: Final = _closed(min={"type": "number"}, max={"type": "number"}, label=TEXT, showUnits=FLAG)
_LINE: Final = _closed(
    ("value",),
    label=TEXT,
    value={"type": "number"},
    color=TEXT,
    fill={"enum": ["above", "below"]},
    visible=FLAG,
    yAxis={"enum": ["left", "right"]},
)
_RENDERED: Final[dict[str, Any]] = {
    "label": TEXT,
    "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
    "id": {"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*$"},
    "period": PERIOD,
    "region": REGION,
    "stat": TEXT,
    "visible": FLAG,
    "yAxis": {"enum": ["left", "right"]},
}
_EXPRESSION: Final = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "prefixItems": [_closed(("expression",), expression=TEXT, **_RENDERED)],
}
_METRIC: Final = {
    "type": "array",
    "minItems": 2,
    "prefixItems": [TEXT, TEXT],
    "items": {"anyOf": [TEXT, _closed(**_RENDERED)]},
}
PROPERTIES: Final[dict[str, dict[str, Any]]] = {
    "text": _closed(("markdown",), markdown=TEXT, background={"enum": ["transparent", "solid"]}),
    "alarm": _closed(
        ("alarms",),
        alarms={"type": "array", "minItems": 1, "maxItems": 100, "items": ALARM},
        sortBy={"enum": ["default", "stateUpdatedTimestamp", "timestamp"]},
        states={"type": "array", "items": {"enum": ["ALARM", "INSUFFICIENT_DATA", "OK"]}},
        title=TEXT,
    ),
    "log": _closed(
        ("region", "query"),
        region=REGION,
        query={"type": "string", "pattern": "^SOURCE '"},
        title=TEXT,
        view={"enum": ["table", "timeSeries", "bar", "pie"]},
        stacked=FLAG,
    ),
    "metric": _closed(
        ("region", "metrics"),
        metrics={"type": "array", "minItems": 1, "maxItems": 500, "items": {"anyOf": [_EXPRESSION, _METRIC]}},
        annotations=_closed(horizontal={"type": "array", "items": _LINE}),
        region=REGION,
        title=TEXT,
        view={"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie"]},
        stacked=FLAG,
        stat=TEXT,
        period=PERIOD,
        legend=_closed(position={"enum": ["right", "bottom", "hidden"]}),
        liveData=FLAG,
        yAxis=_closed(left=_AXIS, right=_AXIS),
    ),
}
SCHEMA: Final = _closed(
    ("widgets",),
    start={"type": "string", "pattern": "^-P(T?[0-9]+[HMDW]|[0-9]+[DWM])$"},
    periodOverride={"enum": ["auto", "inherit"]},
    widgets={
        "type": "array",
        "maxItems": 500,
        "items": {
            "oneOf": [
                _closed(
                    ("type", "properties"),
                    type={"const": kind},
                    x={"type": "integer", "minimum": 0, "maximum": 23},
                    y={"type": "integer", "minimum": 0},
                    width={"type": "integer", "minimum": 1, "maximum": 24},
                    height={"type": "integer", "minimum": 1, "maximum": 1000},
                    properties=properties,
                )
                for kind, properties in PROPERTIES.items()
            ]
        },
    },
)


def complaints(body: Node) -> Iterator[str]:
    """Return what is wrong with a body: its form, and widgets that lie upon each other or beyond the grid of 24."""
    for error in Draft202012Validator(SCHEMA).iter_errors(body):
        yield f"{error.json_path}: {error.message[:200]}"
    for one, other in itertools.combinations(body.get("widgets", []), 2):
        if _overlap(one, other, "x", "width") and _overlap(one, other, "y", "height"):
            yield f"{one['type']} at {one['x']},{one['y']} lies upon {other['type']} at {other['x']},{other['y']}"
    for one in body.get("widgets", []):
        if one["x"] + one["width"] > 24:
            yield f"{one['type']} at {one['x']},{one['y']} is too wide"


def _overlap(one: Node, other: Node, begins: str, length: str) -> bool:
    return bool(one[begins] < other[begins] + other[length] and other[begins] < one[begins] + one[length])
