"""
The repair of a lost password by the admin: no version of the secret holds a password that the server accepts.

Off unless the function's settings switch it on. Then the admin sets the pending password, but only for an account
that carries this secret's mark and is neither locked nor expired, and only after each refusal was one of the password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.errors import NotOurs, NoWorkingCredential
from rotation.strategies import admins, logins
from rotation.strategies.pending_version import still_pending
from rotation.strategies.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    if delivery.settings.repair_by_admin:
        candidates = _sparing(delivery, candidates, admin)
    try:
        return logins.first_accepted(delivery, candidates, admin)
    except NoWorkingCredential as error:
        require_allowed(delivery, error)
        if _is_marked(delivery, admin):
            return None
        error.remedy += " The admin does not set it, since the account carries no mark of this secret."
        raise


def require_allowed(delivery: Delivery, error: NoWorkingCredential) -> None:
    """Raise the error, which names the setting, unless the function's settings let the admin repair what it says."""
    if not error.for_passwords_alone:
        raise error
    if not delivery.settings.repair_by_admin:
        error.remedy += (
            " Or let the admin set the new password: REPAIR_BY_ADMIN (the parameter RepairByAdmin of the stack)."
        )
        raise error


def begin(delivery: Delivery, session: Session, lock: str) -> bool:
    """
    Take the lock as the admin, and see there that the account is the secret's and of use; False where a twin did it.

    Raises NotOurs, GuardViolation or AccountUnusable, and RotationRefused where the rotation was abandoned.
    """
    username = delivery.current.username
    session.lock(lock)
    if not still_pending(delivery):
        return False
    if not _names(delivery, session):
        raise NotOurs(
            f"The account {username} does not carry the mark of this secret any more",
            where=delivery.current.arn,
            remedy="Set the server's password to AWSCURRENT's, or store the right one as AWSCURRENT.",
        )
    session.guard_target(username, allow_privileged=delivery.settings.allow_privileged_targets)
    session.require_usable(username)
    return True


def tell(delivery: Delivery) -> None:
    """Tell that the pending password was set by the admin, without a proof by one that was known."""
    delivery.observer.recovered(Recovery.BY_ADMIN, version=delivery.token)


def _sparing(delivery: Delivery, candidates: Iterable[Secret], admin: Secret) -> Iterator[Secret]:
    """Leave the last login that may be refused to the proof of what the admin sets, where it may set it."""
    for candidate in candidates:
        if delivery.refusals == logins.MOST_REFUSALS - 1 and _is_marked(delivery, admin):
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
