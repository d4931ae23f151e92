"""
An execution of a state machine, by the interpreter of the Amazon States Language that moto has of LocalStack.

What it calls is given by the test. Nothing of the definition is left out or replaced.
"""

from __future__ import annotations

import io
import json
import re
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support.emulators.wire.clock import epoch
from tests.support.emulators.wire.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PARSER: Final = "moto.stepfunctions.parser.asl"
_TASKS: Final = f"{_PARSER}.component.state.exec.state_task"
_CALLERS: Final = (
    f"{_TASKS}.lambda_eval_utils",
    f"{_TASKS}.service.state_task_service_aws_sdk",
    f"{_TASKS}.service.state_task_service_sns",
)
_MANY: Final = re.compile(r"\.\.|\*|\?\(|:")
"""
What makes a path yield a list, however many it finds.

Amazon States Language, "Paths": a path may yield several values, as JsonPath says. moto raises where a path with more
than one of these yields none; LocalStack, json_path.py, says why it looks at them by their form.
"""
_REGION: Final = "eu-central-1"
_ROLE: Final = "arn:aws:iam::123456789012:role/fleet"


class FunctionRaised:
    """Lambda as the state machine calls it: a function's error is an answer."""

    def __init__(self, function: Callable[[dict[str, Any]], Any]) -> None:
        """Keep what is invoked."""
        self._function = function

    def invoke(self, *, FunctionName: str, Payload: bytes, **_: object) -> dict[str, Any]:  # noqa: ARG002, N803 the API's names
        """Lambda's API reference, Invoke, and the runtime's error object: errorType is the exception's class."""
        try:
            said, failed = self._function(json.loads(Payload)), {}
        except Exception as error:  # noqa: BLE001 whatever the function raises
            said = {"errorType": type(error).__name__, "errorMessage": str(error)}
            failed = {"FunctionError": "Unhandled"}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(said).encode()), **failed}


@dataclass
class Topic:
    """SNS as the state machine calls it: each message is kept."""

    told: list[dict[str, Any]] = field(default_factory=list)

    def publish(self, *, Message: Any, Subject: str, **_: object) -> dict[str, str]:  # noqa: ANN401, N803 the API's
        """Keep a message. Step Functions developer guide, Amazon SNS: an object goes out as JSON."""
        self.told.append({"Subject": Subject, **(json.loads(Message) if isinstance(Message, str) else Message)})
        return {"MessageId": str(len(self.told))}

    def tokens(self) -> list[str]:
        """Take the tokens out of the messages that have one still."""
        return [message.pop("TaskToken") for message in self.told if "TaskToken" in message]


@contextmanager
def _in_place_of(clients: Mapping[str, Any]) -> Iterator[None]:
    """Let the interpreter call these in the place of AWS's services, and know a path that yields a list."""
    with ExitStack() as stack:
        for module in _CALLERS:
            stack.enter_context(mock.patch(f"{module}.boto_client_for", lambda service, **_: clients[service]))
        form = f"{_PARSER}.utils.json_path._contains_slice_or_wildcard_array"
        stack.enter_context(mock.patch(form, lambda path: _MANY.search(path) is not None))
        stack.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))
        yield


@contextmanager
def deployed(
    definition: Mapping[str, Any], clients: Mapping[str, Any], name: str = "fleet"
) -> Iterator[tuple[Any, str]]:
    """Return a client of Step Functions, and the ARN of a state machine that calls these clients."""
    with _in_place_of(clients):
        client: Any = boto3.client("stepfunctions", _REGION)
        made = client.create_state_machine(name=name, roleArn=_ROLE, definition=json.dumps(definition))
        yield client, made["stateMachineArn"]


class StateMachines:
    """Step Functions as it is called over the wire."""

    target = "AWSStepFunctions."
    modelled: frozenset[str] = frozenset()

    def __init__(self, client: Any) -> None:  # noqa: ANN401 boto3 makes its clients' classes at run time
        """Let a client of the interpreter answer."""
        self._client = client

    def call(self, operation: str, request: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Answer a client. Raises ServiceError."""
        try:
            answered = getattr(self._client, xform_name(operation))(**request)
        except ClientError as error:
            raise ServiceError(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        del answered["ResponseMetadata"]
        return {name: epoch(it) if isinstance(it, datetime) else it for name, it in answered.items()}


def execute(
    definition: Mapping[str, Any], said: object, clients: Mapping[str, Any], answer: Callable[[], object] | None = None
) -> dict[str, Any]:
    """
    Execute it to its end, and give what DescribeExecution says; a token in the topic is answered by what is given.

    Raises TimeoutError where it does not end within a minute.
    """
    topic: Topic = clients["sns"]
    with deployed(definition, clients) as (client, machine):
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(said))["executionArn"]
        for _ in range(1200):
            found: dict[str, Any] = client.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                return found
            for token in topic.tokens():
                assert answer is not None
                client.send_task_success(taskToken=token, output=json.dumps(answer()))
            time.sleep(0.05)
    raise TimeoutError(found)
