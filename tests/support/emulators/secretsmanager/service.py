"""The service without a wire: takes a request through journal, hooks, faults and the operation."""

from __future__ import annotations

import copy
import functools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager.accounts import check_account
from tests.support.emulators.secretsmanager.errors import ConnectionCut, ServiceError, answer
from tests.support.emulators.secretsmanager.faults import Faults
from tests.support.emulators.secretsmanager.operations import OPERATIONS
from tests.support.emulators.secretsmanager.replicate import check_replica
from tests.support.emulators.secretsmanager.validation import service_model, validate
from tests.support.emulators.secretsmanager.worlds import Checks
from tests.support.emulators.wire.service import OPERATOR, answered, answered_or_cut, carried_out

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.journal import Call
    from tests.support.emulators.secretsmanager.model import Request, Response
    from tests.support.emulators.secretsmanager.state import State

LONGEST_WAIT = 60.0
UNCHANGING = frozenset({"DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds", "ListSecrets"})
"""What leaves every label where it is."""


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
        with self.journal.timed(entry), answered_or_cut(entry):
            hook = self.faults.hooked(entry)
            self._require_reachable()
            check_account(self.state, operation, request, caller)
            try:
                response = self.faults.around(entry, hook, functools.partial(self._effect, operation, request))
            except ServiceError as error:
                if error.code == "AccessDeniedException":
                    self._require_no_other_fault(operation, request)
                raise
            self.faults.hide_fresh(entry, response)
            return response

    def execute(self, operation: str, request: Request) -> Response:
        """Answer the operator, whom no fault strikes."""
        entry = self._enter(operation, request, OPERATOR)
        with answered(entry):
            return self._effect(operation, request)

    def _enter(self, operation: str, request: Request, caller: str) -> Call:
        with self.state.lock:
            secret_id = request.get("SecretId")
            secret = self.state.find(secret_id) if isinstance(secret_id, str) else None
            return self.journal.begin(operation, request, secret, caller, self.state.clock())

    def _require_no_other_fault(self, operation: str, request: Request) -> None:
        """Where the caller is checked last, tell first what else is wrong with a move of a label."""
        if operation == "UpdateSecretVersionStage" and self.state.world.checks is Checks.CALLER_LAST:
            with self.state.lock:
                OPERATIONS[operation](replace(self.state, secrets=copy.deepcopy(self.state.secrets)), request)

    def _effect(self, operation: str, request: Request) -> Response:
        """Run an operation as one atomic step: what raises leaves everything as it was."""
        if operation not in OPERATIONS:
            raise answer(f"{operation} is not emulated.", code="UnknownOperationException")
        validate(operation, request)
        with self.state.lock:
            self.settle()
            check_replica(self.state, operation, request)
            if operation in UNCHANGING:  # thousands of these come in an audit
                return copy.deepcopy(carried_out(operation, lambda: OPERATIONS[operation](self.state, request)))
            before = {arn: dict(secret.labels) for arn, secret in self.state.secrets.items()}
            response = carried_out(operation, lambda: OPERATIONS[operation](self.state, request))
            self.settle()
            self._note_labels(before)
            return copy.deepcopy(response)

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
