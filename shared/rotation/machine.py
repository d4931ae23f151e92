"""
The rotation state machine.

Theory of operation
-------------------
Secrets Manager rotates a secret by invoking the function four times, with the same token: createSecret, setSecret,
testSecret, finishSecret. The token is the id of a version that carries AWSPENDING. When a step fails the service
starts again from createSecret, later, and as often as it likes. An invocation may be repeated, delayed, reordered,
or run beside its twin; it may be cut off anywhere.

So no step trusts what an earlier one did. Each observes what is, and the observation has two halves:

- which labels the token's version carries: that is the *state*, and the table below says what each step does there.
  What is not in the table is refused, and this is the only place where that is decided;
- which credentials the server accepts: the strategies look at that, and act only upon an acceptance.

AWSPENDING is the write-ahead log. A new password is durable there before a database sees it, and a retry goes
forward with the same password; the value of a token is never changed. Moving AWSCURRENT is the commit. The
service then takes AWSPENDING off, or leaves it on the now current version. Either way the version is CURRENT, and
every step that still arrives for it has nothing left to do. When somebody moves AWSCURRENT back from there,
AWSPREVIOUS joins AWSPENDING on the version that was left: it is ROLLED_BACK, and no step brings it forward again.

RotateSecret with RotateImmediately=false sends testSecret alone, on a temporary AWSPENDING version with no value or
with a copy of the current one (user guide, "Rotation by Lambda function"; RotateSecret API reference). That is the
dry run: an EMPTY version that is to be tested, or a pending value that equals AWSCURRENT's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from rotation import steps
from rotation.delivery import AlreadyCurrent
from rotation.errors import RotationRefused, VersionNotFound
from rotation.model import Stage, Step, VersionState
from rotation.strategies import replicas
from rotation.strategies.pending_version import require_rotation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.delivery import Delivery


class Transition(NamedTuple):
    """What a step does in a state, and the state that the version is in afterwards."""

    action: Callable[[Delivery], None]
    leads_to: VersionState


TRANSITIONS: Final[Mapping[VersionState, Mapping[Step, Transition]]] = {
    VersionState.EMPTY: {
        Step.TEST: Transition(steps.dry_run, VersionState.EMPTY),
    },
    VersionState.PENDING: {
        Step.CREATE: Transition(steps.create, VersionState.PENDING),
        Step.SET: Transition(steps.set_pending, VersionState.PENDING),
        Step.TEST: Transition(steps.test_pending, VersionState.PENDING),
        Step.FINISH: Transition(steps.finish, VersionState.CURRENT),
    },
    VersionState.CURRENT: dict.fromkeys(Step, Transition(steps.already_done, VersionState.CURRENT)),
    VersionState.ROLLED_BACK: {},
    VersionState.STRAY: {},
    VersionState.UNKNOWN: {},
}

REMEDIES: Final[Mapping[VersionState, str]] = {
    VersionState.EMPTY: "Run createSecret first; the service does so when it retries the rotation.",
    VersionState.ROLLED_BACK: "AWSCURRENT was moved away from this version, and stays where it is. To rotate again, "
    "take AWSPENDING off this version, then start a new rotation with RotateSecret.",
    VersionState.STRAY: "That rotation is over. Start a new one with RotateSecret.",
    VersionState.UNKNOWN: "That rotation was abandoned, or never begun. Start a new one with RotateSecret.",
}

REREAD_PAUSES: Final = (0.1, 0.3, 0.8)
"""Seconds to wait for a fresh AWSPENDING that the service shows but cannot read yet (reads lag behind writes)."""


def advance(delivery: Delivery, step: Step) -> None:
    """Observe the token's version and do what the table says. Raises RotationRefused where it says nothing."""
    state = _observe(delivery, step)
    transition = TRANSITIONS[state].get(step)
    if transition is None:
        raise RotationRefused(
            f"{step} is not possible: the version is {state.value}",
            where=f"version {delivery.token}",
            remedy=REMEDIES[state],
        )
    try:
        transition.action(delivery)
    except AlreadyCurrent:
        steps.already_done(delivery)


def _observe(delivery: Delivery, step: Step) -> VersionState:
    """See the state at the lowest cost: createSecret needs the labels, the others the pending value anyway."""
    if step is Step.CREATE:
        versions = delivery.store.describe()
        replicas.require_primary(versions)
        require_rotation(versions)
        delivery.versions = versions
        return versions.state_of(delivery.token)
    for pause in (*REREAD_PAUSES, None):
        try:
            delivery.staged = delivery.store.read(Stage.PENDING, delivery.token)
        except VersionNotFound:
            delivery.versions = versions = delivery.store.describe()
            replicas.require_primary(versions)
            state = versions.state_of(delivery.token)
            if state is not VersionState.PENDING:
                return state
        else:
            return VersionState.of({Stage.PENDING, *delivery.staged.stages})
        if pause is not None:
            time.sleep(min(pause, delivery.deadline.remaining()))
    return VersionState.EMPTY
