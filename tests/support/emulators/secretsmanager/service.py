"""The service without a wire: takes a request through journal, hooks, faults and the operation."""

from __future__ import annotations

import copy
import functools
import logging
import time
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager.accounts import check_account
from tests.support.emulators.secretsmanager.errors import ConnectionCut, ServiceError, answer
from tests.support.emulators.secretsmanager.faults import Faults, Hook
from tests.support.emulators.secretsmanager.operations import OPERATIONS
from tests.support.emulators.secretsmanager.replicate import check_replica
from tests.support.emulators.secretsmanager.validation import service_model, validate

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.journal import Call
    from tests.support.emulators.secretsmanager.model import Request, Response
    from tests.support.emulators.secretsmanager.state import State

OPERATOR = "operator"
LONGEST_WAIT = 60.0
LOG = logging.getLogger(__name__)


class Service:
    """One Region of one account."""

    target = "secretsmanager."
    modelled = frozenset(service_model().shape_names)

    def __init__(self, state: State) -> None:
        """Serve this state."""
        self.state = state
        self.faults = Faults()
        self.journal = state.journal

    def call(self, operation: str, request: Request, caller: str) -> Response:
        """Answer a client: with every fault that is armed."""
        entry = self._enter(operation, request, caller)
        with self.journal.timed(entry):
            try:
                index, hook = self.faults.number(entry)
                self._require_reachable()
                check_account(self.state, operation, request, caller)
                response = self._with_faults(entry, request, functools.partial(_run_hook, hook, index))
            except ServiceError as error:
                entry.outcome = error.code
                raise
            except BaseException as error:
                entry.outcome = "cut"
                raise ConnectionCut from error
        entry.outcome = "ok"
        return response

    def execute(self, operation: str, request: Request) -> Response:
        """Answer the operator, whom no fault strikes."""
        entry = self._enter(operation, request, OPERATOR)
        try:
            response = self._effect(operation, request)
        except ServiceError as error:
            entry.outcome = error.code
            raise
        entry.outcome = "ok"
        return response

    def _enter(self, operation: str, request: Request, caller: str) -> Call:
        with self.state.lock:
            secret_id = request.get("SecretId")
            secret = self.state.find(secret_id) if isinstance(secret_id, str) else None
            return self.journal.begin(operation, request, secret, caller, self.state.clock())

    def _with_faults(self, call: Call, request: Request, hook: functools.partial[None]) -> Response:
        hook(call.operation, "before")
        self.faults.strike(call, "before")
        failure: ServiceError | None = None
        response: Response = {}
        try:
            response = self._effect(call.operation, request)
        except ServiceError as error:
            failure = error
        hook(call.operation, "after")
        if failure is not None:
            raise failure
        self.faults.strike(call, "after")
        self.faults.hide_fresh(call, response)
        return response

    def _effect(self, operation: str, request: Request) -> Response:
        """Run an operation as one atomic step: what raises leaves everything as it was."""
        if operation not in OPERATIONS:
            raise answer(f"{operation} is not emulated.", code="UnknownOperationException")
        validate(operation, request)
        with self.state.lock:
            self.settle()
            check_replica(self.state, operation, request)
            before = {arn: dict(secret.labels) for arn, secret in self.state.secrets.items()}
            response = self._run(operation, request)
            self.settle()
            self._note_labels(before)
            return copy.deepcopy(response)

    def _run(self, operation: str, request: Request) -> Response:
        """Turn a defect of the emulator into an answer that no test takes for a rule, and log it."""
        try:
            return OPERATIONS[operation](self.state, request)
        except ServiceError:
            raise
        except Exception as error:
            LOG.exception("defect in the emulated %s", operation)
            raise answer(f"defect of the emulator: {type(error).__name__}", code="InternalFailure") from error

    def _require_reachable(self) -> None:
        """Leave a caller without an answer where the Region is cut off."""
        regions = self.state.regions
        if regions is None or self.state.behaviour.region not in regions.cut_off:
            return
        give_up = time.monotonic() + LONGEST_WAIT
        while regions.hangs and time.monotonic() < give_up:
            time.sleep(0.02)
        raise ConnectionCut

    def settle(self) -> None:
        """Let come into this Region what is due from others."""
        if self.state.regions is not None:
            self.state.regions.settle()

    def _note_labels(self, before: dict[str, dict[str, str]]) -> None:
        """Enter into the journal which labels differ from those before."""
        for arn, secret in self.state.secrets.items():
            self.journal.label_changes(secret, before.get(arn, {}), self.state.clock())


def _run_hook(hook: Hook | None, index: int, operation: str, phase: str) -> None:
    if hook is not None:
        hook(index, operation, "before" if phase == "before" else "after")
