"""
The project's template as SAM hands it to CloudFormation.

``python -m tests.support.template.translation FILE`` writes what is made where everything is asked for, with every
function of the template carried out: checkov passes over a policy with an ``!If`` in it.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

from samtranslator.translator.transform import transform

from tests.support.template.cloudformation import ACCOUNT, REGION, Node, Stack, load, of_type
from tests.support.template.permissions import COMPLETE, KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERYTHING: Final[Mapping[str, str]] = {
    **COMPLETE,
    "SecretsLimitedBy": "name-or-tag",
    "SecretNames": "orders/*",
    "RotationGroup": "orders",
    "AdminGroup": "orders",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "FunctionAlias": "live",
    "VpcId": "vpc-1",
    "CreateSecretsManagerEndpoint": "true",
    "CreateRdsEndpoint": "true",
    "CreateRedshiftEndpoints": "true",
    "CreateParameterStoreEndpoints": "true",
    "ParameterPath": "/rotated",
    "ParameterAdminArns": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/admins/orders",
    "FollowLabels": "live",
    "LogKeyArn": KEY,
    "EnvironmentKeyArn": KEY,
    "ReservedConcurrency": "5",
}
"""Parameters under which every resource is made."""


def translated(region: str, template: Mapping[str, Node] | None = None) -> dict[str, Node]:
    """Return what SAM makes of a template, the project's if none is given, in a Region."""

    class ManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    source = copy.deepcopy(dict(template or load()))
    for name in of_type(source, "AWS::Serverless::Function"):
        source["Resources"][name]["Properties"]["CodeUri"] = "s3://bucket/function.zip"
    for name in of_type(source, "AWS::CloudFormation::Stack"):
        source["Resources"][name]["Properties"]["TemplateURL"] = "https://bucket.s3.amazonaws.com/nested.template"
    source["Resources"]["SharedLayer"]["Properties"]["ContentUri"] = "s3://bucket/layer.zip"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": region}):
        return dict(transform(source, {}, ManagedPolicies()))


def carried_out() -> dict[str, Node]:
    """Return the template that makes everything, without any function in its resources."""
    made = copy.deepcopy(Stack(EVERYTHING, translated(REGION)).resources)
    for one in made.values():
        one.pop("Condition", None)
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}


if __name__ == "__main__":
    Path(sys.argv[1]).parent.mkdir(exist_ok=True)
    Path(sys.argv[1]).write_text(json.dumps(carried_out(), indent=2), "utf-8")
