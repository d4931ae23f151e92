"""Where moto does as the service does, the emulator and moto agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support.emulators.ssm.server import EmulatedParameterStore

if TYPE_CHECKING:
    from collections.abc import Mapping

SECURE = {"Type": "SecureString", "Value": "one"}
OF_A: dict[str, Any] = {"ResourceType": "Parameter", "ResourceId": "/a"}
PLAYS: Mapping[str, list[tuple[str, dict[str, Any]]]] = {
    "overwriting": [
        ("put_parameter", {"Name": "/a/b", **SECURE}),
        ("put_parameter", {"Name": "/a/b", **SECURE}),
        ("put_parameter", {"Name": "/a/b", "Value": "two", "Overwrite": True}),
        ("get_parameter", {"Name": "/a/b", "WithDecryption": True}),
        ("get_parameter", {"Name": "/a/b:1", "WithDecryption": True}),
        ("get_parameter", {"Name": "/a/b:9"}),
        ("get_parameter", {"Name": "/nobody"}),
        ("get_parameter_history", {"Name": "/a/b", "WithDecryption": True}),
    ],
    "creating": [
        ("put_parameter", {"Name": "/a", "Value": "x"}),
        ("put_parameter", {"Name": "/aws/a", **SECURE}),
        ("put_parameter", {"Name": "/a", "Value": "", "Type": "String"}),
        ("put_parameter", {"Name": "/a", **SECURE, "Overwrite": True, "Tags": [{"Key": "k", "Value": "v"}]}),
    ],
    "labels": [
        ("put_parameter", {"Name": "/a", **SECURE}),
        ("put_parameter", {"Name": "/a", **SECURE, "Overwrite": True}),
        ("label_parameter_version", {"Name": "/a", "ParameterVersion": 1, "Labels": ["x", "1st", "aws-x"]}),
        ("label_parameter_version", {"Name": "/a", "ParameterVersion": 2, "Labels": ["x"]}),
        ("label_parameter_version", {"Name": "/a", "ParameterVersion": 2, "Labels": [f"l{n}" for n in range(10)]}),
        ("label_parameter_version", {"Name": "/a", "ParameterVersion": 7, "Labels": ["x"]}),
        ("get_parameter", {"Name": "/a:x", "WithDecryption": True}),
        ("unlabel_parameter_version", {"Name": "/a", "ParameterVersion": 2, "Labels": ["x", "y"]}),
    ],
    "lists": [
        *(("put_parameter", {"Name": f"/a/{number:02}", **SECURE}) for number in range(12)),
        ("put_parameter", {"Name": "/a/b/c", **SECURE}),
        ("get_parameters", {"Names": ["/a/01", "/nobody"], "WithDecryption": True}),
        ("get_parameters_by_path", {"Path": "/a", "WithDecryption": True}),
        ("get_parameters_by_path", {"Path": "/a/b", "WithDecryption": True}),
        ("describe_parameters", {"ParameterFilters": [{"Key": "Path", "Option": "Recursive", "Values": ["/a/b"]}]}),
        ("delete_parameters", {"Names": ["/a/01", "/nobody"]}),
        ("delete_parameter", {"Name": "/a/01"}),
    ],
    "tags": [
        ("put_parameter", {"Name": "/a", **SECURE, "Tags": [{"Key": "k", "Value": "v"}]}),
        ("put_parameter", {"Name": "/b", **SECURE, "Tags": [{"Key": "k", "Value": "w"}]}),
        ("describe_parameters", {"ParameterFilters": [{"Key": "tag:k", "Values": ["v", "x"]}]}),
        ("describe_parameters", {"ParameterFilters": [{"Key": "tag:l", "Values": ["v"]}]}),
        (
            "add_tags_to_resource",
            {"ResourceType": "Parameter", "ResourceId": "/a", "Tags": [{"Key": "l", "Value": ""}]},
        ),
        ("remove_tags_from_resource", {"ResourceType": "Parameter", "ResourceId": "/a", "TagKeys": ["k"]}),
        ("list_tags_for_resource", {"ResourceType": "Parameter", "ResourceId": "/a"}),
        ("list_tags_for_resource", {"ResourceType": "Parameter", "ResourceId": "/nobody"}),
    ],
    "references to secrets": [
        ("get_parameter", {"Name": "/aws/reference/secretsmanager/nobody", "WithDecryption": True}),
        ("get_parameter", {"Name": "/aws/reference/secretsmanager/nobody"}),
    ],
    "a labelled oldest version": [
        ("put_parameter", {"Name": "/a", **SECURE}),
        ("label_parameter_version", {"Name": "/a", "ParameterVersion": 1, "Labels": ["x"]}),
        *(("put_parameter", {"Name": "/a", **SECURE, "Overwrite": True}) for _ in range(100)),
    ],
}
TOLD = ("Name", "Value", "Version", "Type", "Labels", "InvalidLabels", "RemovedLabels", "InvalidParameters", "TagList")


def play(client: Any, calls: list[tuple[str, dict[str, Any]]]) -> list[object]:  # noqa: ANN401 either service's
    """Call, and note what can be compared: names, numbers, values, labels, or the code of a refusal."""
    told: list[object] = []
    for operation, request in calls:
        try:
            told.append(_told(getattr(client, operation)(**request)))
        except ClientError as error:
            told.append(error.response["Error"]["Code"])
    return told


def _told(answer: Any) -> object:  # noqa: ANN401 any answer
    if isinstance(answer, list):
        return [_told(it) for it in answer]
    if not isinstance(answer, dict):
        return answer
    deeper = {key: answer[key] for key in ("Parameter", "Parameters", "DeletedParameters") if key in answer}
    return {key: _told(it) for key, it in deeper.items()} | {
        key: answer[key] for key in TOLD if answer.get(key) is not None
    }


@pytest.mark.parametrize("name", PLAYS)
def test_both_answer_alike(name: str) -> None:
    """The same calls in the same order lead to the same answers."""
    with EmulatedParameterStore() as emulator:
        ours = play(emulator.client(), PLAYS[name])
    with mock_aws():
        client = boto3.client("ssm", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        theirs = play(client, PLAYS[name])
    assert ours == theirs
