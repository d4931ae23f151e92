"""Which of the versions that have come here is promoted: the first that the database accepts."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from rotation.errors import GuardViolation, InvalidSecret, InvalidSettings, NoWorkingCredential, VersionNotFound
from rotation.model import CLONE_SUFFIX, Stage
from rotation.strategies import admins, logins, recovery, repair, strategy_for
from rotation.strategies.proxies import require_own_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.delivery import Delivery
    from rotation.model import Secret
    from rotation.strategies import Strategy


class Chosen(NamedTuple):
    """A version that the database accepts, as it will read here; the admin, where there is one; the strategy."""

    secret: Secret
    admin: Secret | None
    strategy: Strategy
    lost: bool = False
    """Whether the database accepts none, so that the admin has to set a new password in a rotation."""


def choose(delivery: Delivery, former: str = "") -> Chosen:
    """
    Log in with AWSCURRENT, AWSPENDING, AWSPREVIOUS and what came without a label, in this order, until one is accepted.

    A copy may have come without its value, or a value without its label: what cannot be read is passed over. With the
    ARN that the secret had in the former Region, AWSCURRENT is chosen where a rotation may then repair it by the admin.

    Raises NoWorkingCredential where none is accepted, and GuardViolation where the database takes no changes. Raises
    VersionNotFound where none has come, InvalidSecret or InvalidSettings where none is well-formed.
    """
    candidates = _candidates(delivery)
    first = next(candidates, None)
    if first is None:
        with suppress(VersionNotFound):
            delivery.parse(delivery.store.read(Stage.CURRENT))  # one that has come and is malformed is told as that
        raise VersionNotFound(
            "No version of the secret has come here with a value that can be read",
            where=delivery.store.describe().arn,
            remedy="The copy may still be under way: run the promotion again. Nothing was changed.",
        )
    delivery.current = first
    strategy = strategy_for(first, delivery.settings)
    require_own_name(delivery, first)
    admin = admins.read_admin(delivery, first) if first.admin_arn is not None else None
    try:
        entry = logins.first_accepted(delivery, chain([first], candidates), admin)
    except NoWorkingCredential as error:
        error.remedy = (
            "The copy may still be under way: run the promotion again in a minute. If this stays, let an administrator "
            "of the database set the password that AWSCURRENT holds here, then run the promotion again."
        )
        if not former or admin is None:
            raise
        _require_repairable(delivery, error, admin, former)
        return Chosen(first, admin, strategy, lost=True)
    with entry.session as session:
        if not session.takes_changes():
            raise _read_only(entry.secret)
    logins.require_way(delivery, entry.secret, admin)
    delivery.current = entry.secret
    return Chosen(entry.secret, admin, strategy)


def _require_repairable(delivery: Delivery, error: NoWorkingCredential, admin: Secret, former: str) -> None:
    """
    Raise the error unless a rotation will be able to set a new password by the admin.

    Never is AWSCURRENT's set: whoever may write the secret could have chosen it. The function's settings allow it, and
    the account's own mark proves that it is the secret's, here or in the former Region. Raises GuardViolation, NotOurs
    or AccountUnusable where the account or the server is not to be changed.
    """
    current = delivery.current
    repair.require_allowed(delivery, error, admin, lambda: False)
    with admins.open_admin(delivery, admin) as session:
        if not session.takes_changes():
            raise _read_only(admin)
        mark = session.mark_of(current.username)
        bases = {current.username, current.username.removesuffix(CLONE_SUFFIX)}
        if mark is None or mark.secret_arn not in {current.arn, former} or mark.base not in bases:
            error.remedy += " The admin does not set it, since the account carries no mark of this secret."
            raise error
        repair.require_proof(session, current.arn, current.username)
        session.guard_target(current.username, allow_privileged=delivery.settings.allow_privileged_targets)
        session.require_usable(current.username)


def _read_only(secret: Secret) -> GuardViolation:
    return GuardViolation(
        "The database takes no changes: it is a replica still",
        where=str(secret.address),
        remedy="Promote the database first, or name its writer in Endpoint. Then run the promotion again.",
        retryable=True,
    )


def _candidates(delivery: Delivery) -> Iterator[Secret]:
    """Return what may be accepted, each credential once, and read no more than is asked for."""
    tried: list[Secret] = []
    for secret in chain(_labelled(delivery), _unlabelled(delivery)):
        if secret is None or any(secret.credential == one.credential for one in tried):
            continue
        if not tried or recovery.may_stand_in(delivery, secret):
            tried.append(secret)
            yield secret


def _labelled(delivery: Delivery) -> Iterator[Secret | None]:
    for stage in (Stage.CURRENT, Stage.PENDING, Stage.PREVIOUS):
        yield _readable(delivery, stage)


def _unlabelled(delivery: Delivery) -> Iterator[Secret | None]:
    for version in delivery.store.unlabelled():
        yield _readable(delivery, version=version)


def _readable(delivery: Delivery, stage: Stage | None = None, version: str | None = None) -> Secret | None:
    try:
        return delivery.parse(delivery.store.read(stage, version))
    except (VersionNotFound, InvalidSecret, InvalidSettings):
        return None
