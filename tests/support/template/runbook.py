"""
A runbook of Systems Manager Automation, executed by the rules of its user guide, as it is called over the wire.

Of the guide are the chapters "Data elements and parameters" (parameters, onFailure, isEnd, outputs), "Systems Manager
Automation actions reference" and "Automation system variables". What it leaves open is a switch.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.wire.errors import answer
from tests.support.emulators.wire.shapes import service_model, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MODEL: Final = service_model("ssm")
_VARIABLE: Final = re.compile(r"\{\{ ?([\w.]+) ?\}\}")
_NO_OUTPUT: Final = "No output available yet because the step is not successfully executed"


class _Failed(Exception):
    """A step has failed."""


class _Waits(Exception):
    """A step waits for people."""


@dataclass
class Execution:
    """One execution of a runbook: what it was given, how far it came, and what its steps gave."""

    document: str
    values: dict[str, Any]
    steps: list[Mapping[str, Any]]
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    failure: str = ""


class Runbooks:
    """Systems Manager, with the runbooks of an account."""

    target = "AmazonSSM."
    modelled = frozenset(shape.name for shape in _MODEL.error_shapes)

    def __init__(
        self, documents: Mapping[str, Mapping[str, Any]], clients: Mapping[str, Any], *, errors_fail: bool
    ) -> None:
        """
        Know the content of each document, what is called, and whether a step fails with the function that it invokes.

        Of that the guide says: FunctionError, among the outputs, "indicates that an error occurred while executing the
        function". It does not say what becomes of the step.
        """
        self._documents, self._clients, self._errors_fail = documents, clients, errors_fail
        self.executions: dict[str, Execution] = {}
        self._actions: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "aws:invokeLambdaFunction": self._invoke,
            "aws:executeScript": _run_script,
            "aws:approve": self._ask,
        }

    def call(self, operation: str, request: dict[str, Any], _caller: str) -> dict[str, Any]:
        """Answer a client. Raises ServiceError."""
        validate(_MODEL, operation, request)
        operations = {
            "StartAutomationExecution": self._start,
            "GetAutomationExecution": self._get,
            "SendAutomationSignal": self._signal,
        }
        return operations[operation](request)

    def _start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = request["DocumentName"]
        if name not in self._documents:
            raise answer("There is no such document.", code="AutomationDefinitionNotFoundException")
        content = self._documents[name]
        values = _checked(content["parameters"], request.get("Parameters", {}))
        execution = Execution(name, values, list(content["mainSteps"]))
        self.executions[execution.identifier] = execution
        self._go_on(execution)
        return {"AutomationExecutionId": execution.identifier}

    def _get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._found(request)
        outputs = self._documents[execution.document]["outputs"]
        told = {name: [str(execution.values.get(name, _NO_OUTPUT))] for name in outputs}
        about = {"AutomationExecutionId": execution.identifier, "DocumentName": execution.document}
        state = {"AutomationExecutionStatus": execution.status, "FailureMessage": execution.failure}
        return {"AutomationExecution": {**about, **state, "Outputs": told}}

    def _signal(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Go on or end: the API reference has Approve and Reject for an execution that waits for approval."""
        execution, signal = self._found(request), request["SignalType"]
        if execution.status != "Waiting" or signal not in {"Approve", "Reject"}:
            raise answer("Nothing waits for this signal.", code="InvalidAutomationSignalException")
        step = execution.steps.pop(0)
        execution.status = "InProgress"
        if signal == "Reject":
            execution.status, execution.failure = "Failed", f"{step['name']} was rejected"
        else:
            self._go_on(execution)
        return {}

    def _found(self, request: Mapping[str, Any]) -> Execution:
        try:
            return self.executions[request["AutomationExecutionId"]]
        except KeyError:
            raise answer("There is no such execution.", code="AutomationExecutionNotFoundException") from None

    def _go_on(self, execution: Execution) -> None:
        """Take step after step: to the end, to a failure, or to one that waits for people."""
        while execution.steps:
            step = execution.steps[0]
            assert step.get("onFailure", "Abort") == "Abort"
            try:
                outputs = self._actions[step["action"]](_filled(step["inputs"], execution.values))
            except _Waits:
                execution.status = "Waiting"
                return
            except _Failed as error:
                execution.status, execution.failure = "Failed", f"{step['name']}: {error}"
                return
            execution.values |= {f"{step['name']}.{name}": value for name, value in outputs.items()}
            execution.steps = [] if step.get("isEnd") else execution.steps[1:]
        execution.status = "Success"

    def _invoke(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """aws:invokeLambdaFunction: its outputs are StatusCode, FunctionError, LogResult, and Payload as text."""
        payload = inputs["Payload"].encode()
        said = self._clients["lambda"].invoke(FunctionName=inputs["FunctionName"], Payload=payload)
        outputs = {**said, "Payload": said["Payload"].read().decode()}
        if self._errors_fail and "FunctionError" in outputs:
            raise _Failed(outputs["Payload"])
        return outputs

    def _ask(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """aws:approve: tells the topic, and waits for as many approvals as are required."""
        assert inputs["MinRequiredApprovals"] == 1
        self._clients["sns"].publish(Message=json.dumps({"Message": inputs["Message"]}), Subject="Approval")
        raise _Waits


def _checked(declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the value of each parameter; each is a text here. Raises ServiceError."""
    wrong = sorted(given.keys() - declared.keys())
    values = {name: it["default"] for name, it in declared.items() if "default" in it}
    values |= {name: value[0] for name, value in given.items() if len(value) == 1}
    wrong += [name for name, it in declared.items() if not _is_allowed(it, values.get(name))]
    if wrong:
        raise answer(f"Not as declared: {wrong}", code="InvalidAutomationExecutionParametersException")
    return values


def _is_allowed(declared: Mapping[str, Any], value: str | None) -> bool:
    if value is None or not re.search(declared.get("allowedPattern", ""), value):
        return False
    return value in declared.get("allowedValues", [value])


def _filled(inputs: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 JSON
    """Return inputs in which each variable is what it stands for; one that is not there is a defect of the runbook."""
    if isinstance(inputs, dict):
        return {name: _filled(value, values) for name, value in inputs.items()}
    if isinstance(inputs, list):
        return [_filled(value, values) for value in inputs]
    return _VARIABLE.sub(lambda found: str(values[found[1]]), inputs) if isinstance(inputs, str) else inputs


def _run_script(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """aws:executeScript: calls the handler of a Python script; the step fails where it raises."""
    assert inputs["Runtime"].startswith("python3.")
    scope: dict[str, Any] = {}
    exec(inputs["Script"], scope)  # noqa: S102 the runbook's own
    try:
        return {"Payload": scope[inputs["Handler"]](inputs.get("InputPayload", {}), {})}
    except Exception as error:
        raise _Failed(f"{type(error).__name__}: {error}") from error
