"""
The repair of a lost password by the admin: no version of the secret holds a password that the server accepts.

Off unless the function's settings switch it on. Then the admin sets the pending password, but only for an account
that carries this secret's mark and is neither locked nor expired. Each refusal before has to be one of the password.

Nothing that the secret says is proven then. So the mark has to be one that an admin alone can write. What decides
where the new password goes, and what it is made of, has to be what the admin's secret and the function's settings say.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from rotation.credentials.vouching import differences
from rotation.errors import AccountUnusable, GuardViolation, NotOurs, NoWorkingCredential, RotationError
from rotation.model import PasswordRules
from rotation.strategies import admins, locks, logins
from rotation.strategies.pending_version import still_pending
from rotation.strategies.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rotation.delivery import Delivery
    from rotation.model import Secret
    from rotation.ports import Session

_PLACE: Final = frozenset(
    {"host", "port", "rotation.host", "rotation.port", "rotation.hosts", "dbClusterIdentifier", "ssl"}
)
"""What has to be as in the admin's secret: where the new password will be sent, by clients too."""
_HINT: Final = "the user itself can write the mark of its account on this server"
_BY_HAND: Final = "Set the server's password to AWSCURRENT's, or store the right one as AWSCURRENT."


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
        require_allowed(delivery, error, admin, repairable)
        with admins.open_admin(delivery, admin) as session:
            obstacle = _mark_obstacle(delivery, session)
        if obstacle is None:
            return None
        error.remedy += f" The admin does not set it, since {obstacle}."
        raise


def require_allowed(
    delivery: Delivery, error: NoWorkingCredential, admin: Secret, repairable: Callable[[], bool]
) -> None:
    """
    Raise the error, which names the setting where that would help, unless the admin may repair it.

    The function's settings have to allow it; and the secret, of which nothing is proven, must not decide where the
    new password goes or how strong it is.
    """
    if error.for_passwords_alone and delivery.settings.repair_by_admin:
        if unproven := _unproven(delivery.current, admin):
            error.remedy += (
                f" The admin does not set it, since nothing proves these keys of the secret: {', '.join(unproven)}. "
                "Let them be as in the admin's secret, and leave rules for passwords out."
            )
            raise error
        return
    with suppress(RotationError):  # an admin that cannot look is of no help either
        if error.for_passwords_alone and repairable():
            error.remedy += (
                " Or let the admin set the new password: REPAIR_BY_ADMIN (the parameter RepairByAdmin of the stack)."
            )
    raise error


def is_repairable(delivery: Delivery, admin: Secret, require: Callable[[Session], object]) -> bool:
    """Return whether the admin could set the pending password; the check of its session raises what hinders it."""
    if delivery.refusals >= logins.MOST_REFUSALS or _unproven(delivery.current, admin):
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
    if obstacle := _mark_obstacle(delivery, session):
        raise NotOurs(f"The admin does not repair {username}: {obstacle}", where=delivery.current.arn, remedy=_BY_HAND)
    session.guard_target(username, allow_privileged=delivery.settings.allow_privileged_targets)
    session.require_usable(username)


def require_proof(session: Session, arn: str, username: str) -> None:
    """Raise NotOurs where the user itself could have written the mark of its account."""
    if not session.mark_is_proof(username):
        raise NotOurs(f"The mark of the account {username} proves nothing: {_HINT}", where=arn, remedy=_BY_HAND)


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


def _unproven(secret: Secret, admin: Secret) -> list[str]:
    """Return the keys that decide where the password goes, or what it is made of, and are not the admin's or absent."""
    rules = {"rules for passwords"} if secret.overrides.password != PasswordRules() else set()
    return sorted({*(differences(admin, secret) & _PLACE), *rules})


def _mark_obstacle(delivery: Delivery, session: Session) -> str | None:
    """Return why the account's own mark does not prove that it is this secret's and this user's; None where it does."""
    current = delivery.current
    mark = session.mark_of(current.username)
    if mark is None or (mark.secret_arn, mark.base) != (current.arn, current.username):
        return "the account carries no mark of this secret"
    return None if session.mark_is_proof(current.username) else _HINT
