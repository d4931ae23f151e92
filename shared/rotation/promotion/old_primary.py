"""The secret in the Region that is left: whether it answers, and that it is not rotated any more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rotation.errors import GuardViolation, RotationRefused, StoreError, StoreUnavailable, VersionNotFound
from rotation.model import Stage, VersionState

if TYPE_CHECKING:
    from rotation.model import Versions
    from rotation.promotion.case import Case


def is_linked(here: Versions) -> bool:
    """Return whether the secret is a replica."""
    return here.primary_region not in {"", here.region}


def require_former(case: Case, here: Versions) -> None:
    """Raise GuardViolation where the secret is a replica of another Region than the event says."""
    former = case.request.former
    if is_linked(here) and here.primary_region != former:
        raise GuardViolation(
            f"The secret is a replica of {here.primary_region}, and not of {former}",
            where=here.arn,
            remedy='Correct "From" in the event. Nothing was changed.',
        )


def meet(case: Case, here: Versions) -> Versions | None:
    """
    Look at the old primary; None where it gives no answer, as after a disaster, or where it is a replica itself.

    Raises GuardViolation where it answers, is one with the replica still, and nobody said that this is meant. A refusal
    is an answer.
    """
    former, report = case.request.former, case.report
    unmeant = is_linked(here) and not case.request.force
    try:
        there = _seen(case)
    except StoreError as error:
        if unmeant and not isinstance(error, StoreUnavailable | VersionNotFound):
            raise GuardViolation(
                f"Secrets Manager in {former} answers, and does not show the primary secret: {error.what}",
                where=case.there(here.arn),
                remedy="Nothing was changed. Allow secretsmanager:DescribeSecret there, and run this again. Where the "
                'promotion is meant all the same, set "Force" to true.',
            ) from None
        report.tell(f"The secret in {former} was not seen: {error.what}")
        report.to_do.append(f"As soon as {former} answers: {_cancel(case)}")
        return None
    if unmeant:
        raise GuardViolation(
            f"The primary secret in {former} answers",
            where=there.arn,
            remedy="Nothing was changed: a promotion would leave two secrets of their own. Where this is meant, as in "
            'a drill or a planned move, set "Force" to true.',
        )
    if is_linked(there):
        report.tell(f"The secret in {former} is a replica of {there.primary_region}")
        return None
    _compare(case, here, there)
    return there


def switch_off(case: Case, there: Versions) -> None:
    """Switch the rotation there off."""
    former, report = case.request.former, case.report
    if there.rotates:
        work = f"Switch rotation off in {former}"
        report.attempt(work, lambda: case.store.cancel_rotation(former), _cancel(case))


def hold_still(case: Case, there: Versions) -> None:
    """
    See that no rotation there will end the password that was chosen here: for accounts that no mark protects.

    One that is under way goes on, whatever is switched off. Raises RotationRefused, retryable, while one is, where one
    went on since ``there`` was seen, and where rotation was not switched off.
    """
    former, pending = case.request.former, there.holding(Stage.PENDING)
    if pending is not None and there.state_of(pending) is VersionState.PENDING:
        raise RotationRefused(
            f"A rotation is under way in {former}, which could end the password that is promoted here",
            where=there.arn,
            remedy="Nothing was changed. Let it end, then run the promotion again. Or end it: "
            f"aws secretsmanager update-secret-version-stage --region {former} --secret-id {there.arn} "
            f"--version-stage {Stage.PENDING} --remove-from-version-id {pending}",
            retryable=True,
        )
    switch_off(case, there)
    if not there.rotates or case.report.dry_run:
        return
    now = _seen(case)
    if now.rotates:
        raise RotationRefused(
            f"Rotation in {former} was not switched off, and could end the password that is promoted here",
            where=there.arn,
            remedy=f"Nothing was changed here. Run the promotion again. If that does not help: {_cancel(case)}",
            retryable=True,
        )
    if now.stages != there.stages:
        raise RotationRefused(
            f"A rotation in {former} went on meanwhile",
            where=there.arn,
            remedy=f"Nothing was changed here. Rotation in {former} was switched off. Run the promotion again.",
            retryable=True,
        )


def _cancel(case: Case) -> str:
    there = case.there(case.request.secret_id)
    return f"aws secretsmanager cancel-rotate-secret --region {case.request.former} --secret-id {there}"


def _seen(case: Case) -> Versions:
    """Look at the secret there, and look again where no answer came: one that is lost is no disaster."""
    with suppress(StoreUnavailable):
        return case.store.describe_replica(case.request.former)
    return case.store.describe_replica(case.request.former)


def _compare(case: Case, here: Versions, there: Versions) -> None:
    """Tell of what has not come here, and of a rotation under way there."""
    former, report = case.request.former, case.report
    current, pending = there.holding(Stage.CURRENT), there.holding(Stage.PENDING)
    if is_linked(here) and current != here.holding(Stage.CURRENT):
        report.tell(f"AWSCURRENT in {former} is version {current}, which has not come here")
    if pending is not None and there.state_of(pending) is VersionState.PENDING:
        report.tell(f"A rotation is under way in {former}: version {pending}")
