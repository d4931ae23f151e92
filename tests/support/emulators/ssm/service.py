"""Parameter Store without a wire: takes a request through journal, hooks, faults and the operation."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.support.emulators.ssm import labels, reading, writing
from tests.support.emulators.ssm.model import arn_of
from tests.support.emulators.ssm.names import key_of, selected
from tests.support.emulators.wire import shapes
from tests.support.emulators.wire.errors import ServiceError, answer
from tests.support.emulators.wire.faults import WireFaults
from tests.support.emulators.wire.service import OPERATOR, answered, answered_or_cut, carried_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.emulators.ssm.journal import Call
    from tests.support.emulators.ssm.model import Request, Response
    from tests.support.emulators.ssm.state import State

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

    def allow_only(self, may: Callable[[str, str, Mapping[str, str]], bool]) -> None:
        """
        Let a policy decide on every call from now on: by its action, what it is about, and the keys of conditions.

        A call about several names needs the right to each. What names none is about all (Service Authorization
        Reference, "AWS Systems Manager", Resource types).
        """

        def action(call: Call) -> None:
            says = str(call.parameters.get("Overwrite", False)).lower()
            keys = {"ssm:Overwrite": says} if call.operation == "PutParameter" else {}
            about = [arn_of(selected(name)[0]) for name in call.names] or ["*"]
            if not all(may(f"ssm:{call.operation}", resource, keys) for resource in about):
                raise ServiceError("AccessDeniedException", f"not authorized to perform: ssm:{call.operation}")

        self._arm(action, None, "before", None)


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
        with answered_or_cut(entry), self._alone(entry):
            return self.faults.around(entry, self.faults.hooked(entry), lambda: self._effect_of_client(entry, request))

    def execute(self, operation: str, request: Request, caller: str = OPERATOR) -> Response:
        """Answer the operator, whom no fault strikes and who waits for nobody."""
        entry = self.state.journal.begin(operation, request, caller, self.state.clock())
        with answered(entry):
            return self._effect(entry, request)

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

    def _effect_of_client(self, call: Call, request: Request) -> Response:
        """Do the same for a client, whose writes readers may see late."""
        written = len(self.state.writes)
        try:
            return self._effect(call, request)
        finally:
            if len(self.state.writes) > written:
                self.state.stale = self.state.stale_after

    def _effect(self, call: Call, request: Request) -> Response:
        """Run an operation as one atomic step."""
        if call.operation not in OPERATIONS:
            raise answer(f"{call.operation} is not emulated.", code="UnknownOperationException")
        shapes.validate(shapes.service_model("ssm"), call.operation, request)
        with self.state.lock:
            return carried_out(call.operation, lambda: OPERATIONS[call.operation](self.state, request, call))
