"""What the watch's template makes: its alarms and the body of its dashboard, by the parameters of a deployment."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tests.support.guides.pages import ROOT
from tests.support.template.cloudformation import ACCOUNT, REGION, Stack, parse

if TYPE_CHECKING:
    from tests.support.template.cloudformation import Node

NAME: Final = "secret-rotation-postgresql"
"""The function that is always there."""


@cache
def _source() -> dict[str, Node]:
    return parse((ROOT / "functions/watch/template.yaml").read_text("utf-8"))


def made(**parameters: str) -> dict[str, Node]:
    """Return the resources of the watch over the function for PostgreSQL, with everything that is optional."""
    everything = {
        "PostgresqlLogGroup": f"/aws/lambda/{NAME}",
        "KmsKeyArns": "arn:aws:kms:eu-west-1:123456789012:key/1",
        "WatchReaders": "arn:aws:iam::123456789012:role/app",
        "WatchWithoutTrail": "true",
    }
    return dict(Stack({**everything, **parameters}, _source()).resources)


def alarms(resources: dict[str, Node]) -> dict[str, Node]:
    """Return the properties of the alarms of metrics, by their names in the template."""
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"}


def body(**parameters: str) -> dict[str, Any]:
    """Return the body of the dashboard, with the alarms' ARNs as CloudWatch makes them."""
    resources = made(WatchDashboard="true", **parameters)

    def arn(found: re.Match[str]) -> str:
        name = resources[found[1]]["Properties"]["AlarmName"]
        return f'"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"'

    text = resources["Dashboard"]["Properties"]["DashboardBody"]
    read = json.loads(re.sub(r'"(\w+Alarm)\.Arn"', arn, text))
    assert isinstance(read, dict)
    return read
