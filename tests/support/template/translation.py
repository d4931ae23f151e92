"""The project's template as SAM hands it to CloudFormation."""

from __future__ import annotations

import copy
import os
from unittest import mock

from samtranslator.translator.transform import transform

from tests.support.template.cloudformation import Node, load, of_type


def translated(region: str) -> dict[str, Node]:
    """Return what SAM makes of the project's template in a Region."""

    class ManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    source = copy.deepcopy(load())
    for name in of_type(source, "AWS::Serverless::Function"):
        source["Resources"][name]["Properties"]["CodeUri"] = "s3://bucket/function.zip"
    source["Resources"]["SharedLayer"]["Properties"]["ContentUri"] = "s3://bucket/layer.zip"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": region}):
        return dict(transform(source, {}, ManagedPolicies()))
