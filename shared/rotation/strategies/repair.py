"""
The repair of a lost password by the admin: no version of the secret holds a password that the server accepts.

Off unless the function's settings switch it on. Then the admin sets the pending password, but only for an account
that carries this secret's mark and is neither locked nor expired, and only after each refusal was one of the password.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from rotation.errors import AccountUnusable, GuardViolation, NotOurs, NoWorkingCredential, RotationError
from rotation.strategies import admins, locks, logins
from rotation.strategies.pending_version import still_pending
from rotation.strategies.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rotation.delivery import Delivery
    from rotation.model import Secret
    from rotation.ports import Session


def enter(delivery: Delivery, candidates: Iterable[Secret], admin: Secret | None) -> logins.Accepted | None:
    """
    Log in with the first candidate that is accepted; None where none is, and the admin may set the pending password.

    Raises what ``logins.first_accepted`` does where the admin may not.
    """
    if admin is None:
        return logins.first_accepted(delivery, candidates)
    repairable = cache(lambda: is_repairable(delivery, admin, partial(require_repairable, delivery)))
    try:
        return logins.first_accepted(delivery, _sparing(delivery, candidates, repairable), admin)
    except NoWorkingCredential as error:
        require_allowed(delivery, error, repairable)
        if _is_marked(delivery, admin):
            return None
        error.remedy += " The admin does not set it, since the account carries no mark of this secret."
        raise


def require_allowed(delivery: Delivery, error: NoWorkingCredential, repairable: Callable[[], bool]) -> None:
    """Raise the error, which names the setting where that would help, unless the settings let the admin repair it."""
    if error.for_passwords_alone and delivery.settings.repair_by_admin:
        return
    with suppress(RotationError):  # an admin that cannot look is of no help either
        if error.for_passwords_alone and repairable():
            error.remedy += (
                " Or let the admin set the new password: REPAIR_BY_ADMIN (the parameter RepairByAdmin of the stack)."
            )
    raise error


def is_repairable(delivery: Delivery, admin: Secret, require: Callable[[Session], object]) -> bool:
    """Say whether the admin could set the pending password, by a check of its session that raises what hinders it."""
    if delivery.refusals >= logins.MOST_REFUSALS:
        return False
    try:
        with admins.open_admin(delivery, admin) as session:
            require(session)
    except (AccountUnusable, GuardViolation, NotOurs):
        return False
    return True


def begin(delivery: Delivery, session: Session) -> bool:
    """
    Take the lock as the admin, and see there that the account is the secret's and of use; False where a twin did it.

    Raises NotOurs, GuardViolation or AccountUnusable, and RotationRefused where the rotation was abandoned.
    """
    locks.take(delivery, session, delivery.current.username)
    if not still_pending(delivery):
        return False
    require_repairable(delivery, session)
    return True


def require_repairable(delivery: Delivery, session: Session) -> None:
    """See as the admin that the account is the secret's and of use. Raises NotOurs, GuardViolation, AccountUnusable."""
    username = delivery.current.username
    if not _names(delivery, session):
        raise NotOurs(
            f"The account {username} does not carry the mark of this secret any more",
            where=delivery.current.arn,
            remedy="Set the server's password to AWSCURRENT's, or store the right one as AWSCURRENT.",
        )
    session.guard_target(username, allow_privileged=delivery.settings.allow_privileged_targets)
    session.require_usable(username)


def tell(delivery: Delivery) -> None:
    """Tell that the pending password was set by the admin, without a proof by one that was known."""
    delivery.observer.recovered(Recovery.BY_ADMIN, version=delivery.token)


def _sparing(delivery: Delivery, candidates: Iterable[Secret], repairable: Callable[[], bool]) -> Iterator[Secret]:
    """Leave the last login that may be refused to the proof of what the admin sets, where it may set it."""
    for candidate in candidates:
        last = delivery.refusals == logins.MOST_REFUSALS - 1
        if last and repairable() and delivery.settings.repair_by_admin:
            return
        yield candidate


def _is_marked(delivery: Delivery, admin: Secret) -> bool:
    with admins.open_admin(delivery, admin) as session:
        return _names(delivery, session)


def _names(delivery: Delivery, session: Session) -> bool:
    """Return whether the account's own mark names this secret and this user."""
    current = delivery.current
    mark = session.mark_of(current.username)
    return mark is not None and (mark.secret_arn, mark.base) == (current.arn, current.username)
