"""The example stack by which mirrors follow what moves AWSCURRENT: lint-free, for its secrets alone, with our event."""

from __future__ import annotations

import json
from typing import Any, Final

import cfnlint.api
import cfnlint.config

from rotation.entrypoints.secrets_manager import SYNC, Event
from tests.support.guides.pages import ROOT
from tests.support.template.cloudformation import REGION, Stack, parse
from tests.support.watched.events import SECRET, of_label
from tests.unit.template.test_watch import matches

FILE: Final = ROOT / "docs/examples/mirrors.yaml"
FUNCTION: Final = f"arn:aws:lambda:{REGION}:123456789012:function:rotation-postgresql"
OTHER: Final = SECRET.replace("shop", "payroll")


def made() -> dict[str, Any]:
    given = {"SecretArns": f"{OTHER}1,{SECRET}", "FunctionArn": FUNCTION}
    return Stack(given, parse(FILE.read_text("utf-8"))).resources


def let_through(pattern: Any, event: dict[str, Any]) -> bool:  # noqa: ANN401 what JSON holds
    """Match as EventBridge does: of an array one element is enough (user guide, "Event patterns")."""
    return any(matches(pattern, {**event, "resources": one}) for one in event["resources"])


def test_it_has_no_finding() -> None:
    config = cfnlint.config.ManualArgs(regions=[REGION])
    assert cfnlint.api.lint(FILE.read_text("utf-8"), config=config) == []


def test_its_rule_lets_a_new_current_value_of_its_secrets_through() -> None:
    """Of other secrets, and of other labels, it lets nothing through."""
    pattern = made()["CurrentValueRule"]["Properties"]["EventPattern"]
    event = of_label("version")
    assert let_through(pattern, event)
    assert not let_through(pattern, {**event, "resources": [OTHER]})
    assert not let_through(pattern, {**event, "detail": {**event["detail"], "labelUpdated": "blue"}})
    assert not let_through(pattern, {**event, "source": "somebody's"})


def test_what_it_sends_is_the_operators_event() -> None:
    """
    The template's text with what stands at its path, as EventBridge puts it in: a text in quotes.

    "You must use JSON dot notation, not bracket notation" (API reference, InputTransformer): so it is the name.
    """
    (target,) = made()["CurrentValueRule"]["Properties"]["Targets"]
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"name": "$.detail.name"}
    name = of_label("version")["detail"]["name"]
    sent = json.loads(transformer["InputTemplate"].replace("<name>", json.dumps(name)))
    assert Event.parse(sent) == Event(SYNC, name, token="")
    assert target["Arn"] == made()["InvokedByTheRule"]["Properties"]["FunctionName"] == FUNCTION
