"""`make deploy-promotion` as the guide shows it, its questions answered, into an AWS on the loopback interface."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from tests.e2e.test_regions_guide import DEPLOY
from tests.support.emulators.ministack import account
from tests.support.guides.pages import ROOT
from tests.support.template.cloudformation import parse

if TYPE_CHECKING:
    from tests.support.emulators.ministack import Account

SOURCE: Final = parse((ROOT / "functions/replica_promotion/template.yaml").read_text("utf-8"))
REGION: Final = "eu-central-1"
SAID: Final = {
    "SharedLayerArn": f"arn:aws:lambda:{REGION}:123456789012:layer:SharedLayer:1",
    "SecretNames": "orders/*",
    "ApprovalTopicArn": f"arn:aws:sns:{REGION}:123456789012:approvals",
    "ApproverArns": "arn:aws:iam::123456789012:role/on-call",
}
CONFIRMED: Final = ("", "", "", "n")
"""Whether changes are confirmed, roles are made, what failed is rolled back; the answers are not saved."""


def client(here: Account, service: str) -> Any:  # noqa: ANN401 boto3 makes its clients' classes at run time
    """Return a client of root's in the Region that the guide names."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    make: Any = boto3.client  # the stubs know each service by its literal name
    return make(service, endpoint_url=here.url, region_name=REGION, **keys)


@pytest.mark.exhaustive
def test_the_stack_is_deployed_by_the_guides_command() -> None:
    """Its questions answered, there are the function, the state machine and the runbook, named as in the guide."""
    answers = ["secret-promotion", "", *(SAID.get(name, "") for name in SOURCE["Parameters"]), *CONFIRMED]
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    with account(documents=True) as here:
        done = subprocess.run(  # noqa: S603 the guide's
            ["/bin/sh", "-c", DEPLOY],
            cwd=ROOT,
            env={**bare, **here.environment(), "HOME": str(here.folder), "NO_PROXY": "localhost"},
            input="\n".join([*answers, ""]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        (stack,) = client(here, "cloudformation").describe_stacks(StackName="secret-promotion")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        made = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        function = made["ReplicaPromotionFunctionArn"]
        assert function.endswith(f"{REGION}:000000000000:function:secret-rotation-replica-promotion"), function
        assert made["PromotionFleetArn"].endswith(":stateMachine:secret-rotation-promotion-fleet")
        assert made["PromotionRunbookName"] == "secret-rotation-promotion"
