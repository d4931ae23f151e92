"""Parameter Store without a wire: takes a request through journal, hooks, faults and the operation."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.support.emulators.ssm import labels, reading, writing
from tests.support.emulators.ssm.names import key_of
from tests.support.emulators.wire import shapes
from tests.support.emulators.wire.errors import ConnectionCut, ServiceError, answer
from tests.support.emulators.wire.faults import WireFaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.emulators.ssm.journal import Call
    from tests.support.emulators.ssm.model import Request, Response
    from tests.support.emulators.ssm.state import State
    from tests.support.emulators.wire.faults import Hook, Phase

LOG = logging.getLogger(__name__)
OPERATOR: Final = "operator"
OPERATIONS: Final[dict[str, Callable[[State, Request, Call], Response]]] = {
    "AddTagsToResource": labels.add_tags_to_resource,
    "DeleteParameter": writing.delete_parameter,
    "DeleteParameters": writing.delete_parameters,
    "DescribeParameters": reading.describe_parameters,
    "GetParameter": reading.get_parameter,
    "GetParameterHistory": reading.get_parameter_history,
    "GetParameters": reading.get_parameters,
    "GetParametersByPath": reading.get_parameters_by_path,
    "LabelParameterVersion": labels.label_parameter_version,
    "ListTagsForResource": labels.list_tags_for_resource,
    "PutParameter": writing.put_parameter,
    "RemoveTagsFromResource": labels.remove_tags_from_resource,
    "UnlabelParameterVersion": labels.unlabel_parameter_version,
}
EXCLUSIVE: Final = frozenset(
    {"AddTagsToResource", "LabelParameterVersion", "PutParameter", "RemoveTagsFromResource", "UnlabelParameterVersion"}
)
"""What names TooManyUpdates among its errors in the API reference: "concurrent updates for a resource"."""


@dataclass
class Faults(WireFaults):
    """All armed faults of the service."""

    def deny(self, operation: str, name: str | None = None, *, overwrite: bool | None = None) -> None:
        """
        Let IAM refuse an operation from now on, on a name and all below it.

        ``overwrite`` is the condition key ssm:Overwrite (user guide, Restricting access: "Prevent changes to existing
        parameters"): the statement is then about puts that say so, and no others.
        """

        def action(call: Call) -> None:
            if overwrite in {None, call.parameters.get("Overwrite", False)}:
                raise ServiceError("AccessDeniedException", f"not authorized to perform: ssm:{operation}")

        self._arm(action, operation, "before", None, name=name)


@dataclass
class Service:
    """Parameter Store of one Region of one account."""

    state: State
    faults: Faults = field(default_factory=lambda: Faults(internal="InternalServerError"))
    target: str = "AmazonSSM."
    modelled: frozenset[str] = frozenset(shapes.service_model("ssm").shape_names)
    _updating: set[str] = field(default_factory=set)

    def call(self, operation: str, request: Request, caller: str) -> Response:
        """Answer a client: with every fault that is armed."""
        entry = self.state.journal.begin(operation, request, caller, self.state.clock())
        try:
            with self._alone(entry):
                response = self._with_faults(entry, request)
        except ServiceError as error:
            entry.outcome = error.code
            raise
        except BaseException as error:
            entry.outcome = "cut"
            raise ConnectionCut from error
        entry.outcome = "ok"
        return response

    def execute(self, operation: str, request: Request, caller: str = OPERATOR) -> Response:
        """Answer the operator, whom no fault strikes and who waits for nobody."""
        entry = self.state.journal.begin(operation, request, caller, self.state.clock())
        try:
            response = self._effect(entry, request)
        except ServiceError as error:
            entry.outcome = error.code
            raise
        entry.outcome = "ok"
        return response

    @contextmanager
    def _alone(self, call: Call) -> Iterator[None]:
        """Refuse an update while another one of the same parameter is under way, from its arrival to its answer."""
        updated = {key_of(name) for name in call.names} if call.operation in EXCLUSIVE else set()
        with self.state.lock:
            if updated & self._updating:
                message = ""  # seen with parallel puts of Terraform's: it may have no text
                raise answer(message, code="TooManyUpdates")
            self._updating |= updated
        try:
            yield
        finally:
            with self.state.lock:
                self._updating -= updated

    def _with_faults(self, call: Call, request: Request) -> Response:
        index, hook = self.faults.number(call)
        _run(hook, index, call.operation, "before")
        self.faults.strike(call, "before")
        failure: ServiceError | None = None
        response: Response = {}
        written = len(self.state.writes)
        try:
            response = self._effect(call, request)
        except ServiceError as error:
            failure = error
        if len(self.state.writes) > written:
            self.state.stale = self.state.stale_after
        _run(hook, index, call.operation, "after")
        if failure is not None:
            raise failure
        self.faults.strike(call, "after")
        return response

    def _effect(self, call: Call, request: Request) -> Response:
        """Run an operation as one atomic step."""
        if call.operation not in OPERATIONS:
            raise answer(f"{call.operation} is not emulated.", code="UnknownOperationException")
        shapes.validate(shapes.service_model("ssm"), call.operation, request)
        with self.state.lock:
            try:
                return OPERATIONS[call.operation](self.state, request, call)
            except ServiceError:
                raise
            except Exception as error:
                LOG.exception("defect in the emulated %s", call.operation)
                raise answer(f"defect of the emulator: {type(error).__name__}", code="InternalFailure") from error


def _run(hook: Hook | None, index: int, operation: str, phase: Phase) -> None:
    if hook is not None:
        hook(index, operation, phase)
