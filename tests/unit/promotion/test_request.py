"""The events of a promotion and of a return: what is read, and what is refused with a word about the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rotation.errors import InvalidEvent
from rotation.promotion.request import Promotion, Return, parse

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders/database-a1B2c3"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:rotation-PostgreSQLFunction-abc"
LEAST: dict[str, Any] = {"SecretId": ARN, "From": "eu-west-1", "DryRun": True}
BACK: dict[str, Any] = {"SecretId": ARN, "ReplicateTo": "eu-west-1", "DryRun": True}


def test_the_least_that_a_promotion_needs() -> None:
    """What is left out changes nothing."""
    assert parse(LEAST) == Promotion(ARN, dry_run=True, former="eu-west-1")


def test_all_that_a_promotion_takes() -> None:
    """Each field ends where the secret's JSON, or RotateSecret, has it."""
    rules = {"ScheduleExpression": "cron(0 16 1,15 * ? *)", "Duration": "3h"}
    more = {
        "Endpoint": "db.example:5433",
        "DatabaseEndpoint": "own.example",
        "Cluster": "orders",
        "AdminSecret": ARN,
        "Function": FUNCTION,
        "Rules": rules,
        "Force": True,
    }
    place = {"host": "db.example", "port": 5433, "rotation.host": "own.example"}
    place |= {"dbClusterIdentifier": "orders", "masterarn": ARN}
    assert parse(LEAST | more) == Promotion(
        ARN, dry_run=True, former="eu-west-1", place=place, function=FUNCTION, rules=rules, force=True
    )


def test_a_return() -> None:
    """The version that may be lost is named, or nothing is."""
    assert parse(BACK) == Return(ARN, dry_run=True, region="eu-west-1")
    stale = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    assert parse(BACK | {"OverwriteStale": stale}) == Return(ARN, dry_run=True, region="eu-west-1", stale=stale)


OF_A_PLAN = {"InvokedBy": "Region switch", "PlanArn": "arn:…", "ExecutionId": "…", "StepName": "promote"}
"""What a block of ARC Region switch puts beside the payload that it is given (API reference, Lambdas, payload)."""


@pytest.mark.parametrize("name", ["promote", "return"])
def test_the_files_that_show_how(name: str) -> None:
    """They are read as they are, and change nothing when they are sent so."""
    assert parse(json.loads(Path("events", f"{name}.json").read_text())).dry_run


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ([], "not a JSON object"),
        ({**LEAST, "Froce": True}, '"Froce" is not known'),
        ({**LEAST, "canary-7f3a": 1}, '"…" is not known'),
        ({**LEAST, **OF_A_PLAN}, '"ExecutionId" is not known'),
        ({"SecretId": ARN, "From": "eu-west-1"}, '"DryRun" is missing'),
        ({**LEAST, "DryRun": "false"}, '"DryRun" is neither'),
        ({**LEAST, "Force": 1}, '"Force" is neither'),
        ({**LEAST, "SecretId": "orders/database"}, '"SecretId" is missing or malformed'),
        ({"From": "eu-west-1", "DryRun": True}, '"SecretId" is missing'),
        ({"SecretId": ARN, "DryRun": True}, '"From" is missing'),
        ({**LEAST, "From": "eu-central-1"}, '"From" and "SecretId" contradict'),
        ({**LEAST, "From": "Ireland"}, '"From" is missing or malformed'),
        ({**LEAST, "Endpoint": "canary-7f3a://x"}, '"Endpoint" is missing or malformed'),
        ({**LEAST, "Function": FUNCTION.replace("eu-central-1", "eu-west-1")}, '"Function" and "SecretId" contradict'),
        ({**LEAST, "AdminSecret": ARN.replace("eu-central-1", "eu-west-1")}, '"AdminSecret" and "SecretId" contradict'),
        ({**LEAST, "Rules": "rate(30 days)"}, '"Rules" is missing or malformed'),
        ({**LEAST, "Rules": {"Duration": "3h"}}, '"Rules" is missing or malformed'),
        (
            {**LEAST, "Rules": {"ScheduleExpression": "rate(3 days)", "AutomaticallyAfterDays": 3}},
            '"Rules" is missing or malformed',
        ),
        ({**LEAST, "Rules": {"AutomaticallyAfterDays": 0}}, '"Rules" is missing or malformed'),
        ({**LEAST, "Rules": {"AutomaticallyAfterDays": True}}, '"Rules" is missing or malformed'),
        ({**LEAST, "Rules": {"ScheduleExpression": "daily"}}, '"Rules" is missing or malformed'),
        ({**LEAST, "Rules": {"AutomaticallyAfterDays": 3, "Duration": "long"}}, '"Rules" is missing or malformed'),
        ({**LEAST, "Rules": {"AutomaticallyAfterDays": 3, "Every": "day"}}, '"Rules" is missing or malformed'),
        ({**LEAST, "OverwriteStale": "7" * 36}, '"OverwriteStale" and "From" contradict'),
        ({**BACK, "From": "eu-west-1"}, '"ReplicateTo" and "From" contradict'),
        ({**BACK, "ReplicateTo": "eu-central-1"}, '"ReplicateTo" and "SecretId" contradict'),
        ({**BACK, "OverwriteStale": "all of it"}, '"OverwriteStale" is missing or malformed'),
    ],
)
def test_what_is_refused(event: object, field: str) -> None:
    """The field is named, and what it held is not shown."""
    with pytest.raises(InvalidEvent) as caught:
        parse(event)
    assert field in caught.value.what
    assert "canary-7f3a" not in str(caught.value)
    assert "events/promote.json" in caught.value.remedy
