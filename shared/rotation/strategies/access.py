"""Who logs in: candidates tried in an order that fails no login in a healthy rotation, and the admin."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from rotation import secret_format
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    GuardViolation,
    NotOurs,
    NoWorkingCredential,
    StoreError,
)
from rotation.model import CLONE_SUFFIX, LAST_REFUSED, SEARCHING, Ownership, Stage
from rotation.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotation.delivery import Delivery
    from rotation.model import Address, Deadline, Pair, Secret
    from rotation.ports import Session

MOST_REFUSALS: Final = 4
"""Refused logins in one invocation: servers lock accounts, and the service's retries multiply what is done here."""


_PROXY: Final = re.compile(r".+\.proxy-[a-z0-9-]+\.[a-z0-9-]+\.rds\.amazonaws\.com(\.cn)?\.?", re.IGNORECASE)
_AMAZON: Final = re.compile(r".+\.rds\.amazonaws\.com(\.cn)?\.?|[0-9.]+|.*:.*", re.IGNORECASE)


class Accepted(NamedTuple):
    """A credential that the server accepted, and the session that came of it."""

    secret: Secret
    session: Session


def first_accepted(delivery: Delivery, candidates: Iterable[Secret], admin: Secret | None = None) -> Accepted:
    """
    Log in with the first candidate that the server accepts; at the admin's address where an admin is named.

    A refusal that the server itself sent lets the next candidate be tried; failures of the network or of TLS end
    the step. Raises NoWorkingCredential, or the first candidate's AccountUnusable, which says more.
    """
    refusals: list[tuple[Secret, AuthenticationFailed | AccountUnusable]] = []
    for candidate in candidates:
        try:
            session = _enter(delivery, place_of(candidate, admin), candidate)
        except (AuthenticationFailed, AccountUnusable) as refusal:
            refusals.append((candidate, refusal))
            delivery.refused.add(candidate.version)
            delivery.refusals += getattr(refusal, "logins", 1)
            if delivery.refusals >= MOST_REFUSALS or _ends_the_search(refusal):
                break
        else:
            if refusals:
                delivery.observer.recovered(_by(candidate), version=candidate.version)
            return Accepted(candidate, session)
    _remember(delivery, *refusals[-1])
    first = refusals[0][1]
    if isinstance(first, AccountUnusable):
        raise first
    tried = ", ".join(candidate.version for candidate, _ in refusals)
    error = NoWorkingCredential(
        f"The server accepts none of the passwords that the secret holds for this user (versions {tried})",
        where=str(place_of(refusals[0][0], admin)),
        remedy="Somebody changed the password outside the secret, or dropped the user. Set the server's password "
        "to AWSCURRENT's, or store the right one as AWSCURRENT; the next retry goes on by itself.",
    )
    error.for_passwords_alone = all(isinstance(refusal, AuthenticationFailed) for _, refusal in refusals)
    raise error


def prove(delivery: Delivery, secret: Secret, admin: Secret | None = None, patience: Deadline | None = None) -> None:
    """Log in as clients do, and out again; with less patience than the delivery has, where given."""
    place = place_of(secret, admin)
    delivery.engine.connect(place, secret.credential, patience or delivery.deadline).__exit__(None, None, None)


def accepts(delivery: Delivery, secret: Secret, admin: Secret | None = None) -> bool:
    """
    Say whether the server accepts the secret's password, be it that it refuses the login for another reason after it.

    Raises AccountUnusable where the refusal tells nothing of the password, and the EngineErrors of no answer.
    """
    try:
        prove(delivery, secret, admin)
    except AuthenticationFailed as refusal:
        delivery.refused.add(secret.version)
        delivery.refusals += refusal.logins
        return False
    except AccountUnusable as refusal:
        if not refusal.password_accepted:
            raise
    return True


def require_way(delivery: Delivery, secret: Secret, admin: Secret | None) -> None:
    """
    See that the server answers where clients log in, if that is elsewhere than where the admin acts.

    The new password will be proven there, while the old one is refused: a way that is closed is found before that.
    """
    if place_of(secret, admin) != secret.address and secret.version not in delivery.refused:
        accepts(delivery, secret)


def marked_version(delivery: Delivery, admin: Secret | None) -> str | None:
    """Ask the server, through the admin, for which of the secret's versions it was last given a password."""
    if admin is None:
        return None
    with open_admin(delivery, admin) as session:
        mark = session.mark_of(delivery.current.username)
    return mark.version if mark is not None and mark.secret_arn == delivery.current.arn else None


def place_of(secret: Secret, admin: Secret | None) -> Address:
    """
    Say where a credential is to be proven: where the admin will act, if an admin will act.

    A server's word about itself decides nothing, so AWSCURRENT is proven on the very server that the admin changes.
    """
    if admin is None:
        return secret.address
    place = admin.address
    return replace(secret.address, host=place.host, port=place.port, cluster=place.cluster)


def require_admin_allowed(delivery: Delivery, secret: Secret) -> str:
    """Give the admin secret's ARN. Raises GuardViolation unless the function's settings list it."""
    arn = secret.admin_arn or ""
    _require_listed(delivery, secret, arn)
    return arn


def _require_listed(delivery: Delivery, secret: Secret, arn: str) -> None:
    if arn == secret.arn:
        raise GuardViolation(
            'The secret\'s "masterarn" names the secret itself',
            where=secret.arn,
            remedy="Name the secret of a user that may manage users.",
        )
    if not delivery.settings.admits_admin(arn):
        raise GuardViolation(
            'The secret\'s "masterarn" is not among the admin secrets that this function may use',
            where=secret.arn,
            remedy="Add its ARN to ADMIN_SECRET_ARNS (the parameter AdminSecretArns of the stack), or correct it.",
        )


def read_admin(delivery: Delivery, secret: Secret) -> Secret:
    """Read the admin secret that the secret names. Raises GuardViolation where it may not be used for this user."""
    admin = _read(delivery, require_admin_allowed(delivery, secret))
    _require_listed(delivery, secret, admin.arn)  # a name without its suffix may be another secret's
    stem = secret.username.removesuffix(CLONE_SUFFIX)
    if admin.username in {secret.username, stem, stem + CLONE_SUFFIX}:
        raise GuardViolation(
            "The user that would be changed is the admin itself",
            where=secret.arn,
            remedy="Rotate an admin's own secret with the strategy single-user and no masterarn.",
        )
    return admin


def require_own_name(delivery: Delivery, secret: Secret) -> None:
    """Raise GuardViolation where the host is another name (a CNAME) of an RDS Proxy."""
    host = secret.address.host
    if host and not _AMAZON.fullmatch(host):  # what RDS itself names is no other name of a proxy
        require_database(secret, delivery.names_of(host, delivery.deadline))


def require_database(secret: Secret, names: Iterable[str] = ()) -> None:
    """
    Raise GuardViolation where the host is an RDS Proxy: it knows AWSCURRENT alone, and refuses what is to be proven.

    No other host has such a name (RDS user guide, "Connecting to a database through RDS Proxy").
    """
    if any(_PROXY.fullmatch(name) for name in (secret.address.host, *names)):
        raise GuardViolation(
            "The host is an RDS Proxy, which accepts nothing but AWSCURRENT",
            where=str(secret.address),
            remedy='Name the database\'s own endpoint: in "rotation": {"host": …} of the rotated secret, beside the '
            "proxy for its clients; in an admin's secret, as the host itself.",
        )


def open_admin(delivery: Delivery, admin: Secret) -> Session:
    """
    Log in as the admin, at the admin secret's own address and under its own TLS setting.

    A refused login reads the admin secret once more: it may just have been rotated. Another address in it does not
    count, since AWSCURRENT was not proven there.
    """
    try:
        return _enter(delivery, admin.address, admin)
    except AuthenticationFailed as refusal:
        delivery.refusals += refusal.logins
        fresh = _read(delivery, admin.arn)
        if delivery.refusals >= MOST_REFUSALS or fresh.credential == admin.credential or fresh.address != admin.address:
            raise AuthenticationFailed(
                "The server refused the admin's credential",
                engine=refusal.engine,
                code=refusal.code,
                where=str(admin.address),
                remedy=f"Correct the admin secret {admin.arn}; it holds a password that the server does not accept.",
            ) from None
    return _enter(delivery, fresh.address, fresh)


def not_ours(pair: Pair, ownership: Ownership) -> NotOurs:
    """Make the error that says why an account may not be changed, and what proves whose it is."""
    if ownership is Ownership.FOREIGN:
        return NotOurs(
            f"The account {pair.idle} is marked as another secret's",
            where=pair.secret_arn,
            remedy="Correct the user in the secret. If that secret is gone, or is this one before its Region was "
            "promoted: take the mark off the account (README, Whose the clone is), and set ADOPT_UNMARKED_CLONES to "
            "true for one rotation.",
        )
    return NotOurs(
        f"The account {pair.idle} exists, and nothing proves that it belongs to this secret",
        where=pair.secret_arn,
        remedy="Rename or drop it if nobody uses it. If it is this secret's (made by another rotation function), "
        "set ADOPT_UNMARKED_CLONES to true for one rotation.",
    )


def _enter(delivery: Delivery, address: Address, secret: Secret) -> Session:
    """Log in for a change; a proof goes where clients go instead."""
    place = delivery.for_changes(address, delivery.deadline)
    return delivery.engine.connect(place, secret.credential, delivery.deadline)


def _read(delivery: Delivery, arn: str) -> Secret:
    """Read an admin secret; one that RDS manages holds no host, which its tags and the control plane tell."""
    admin = secret_format.parse(
        delivery.store.read_admin(arn),
        delivery.engine.traits,
        lambda: delivery.topology.locate(delivery.store.tags_of(arn)),
    )
    require_database(admin)
    require_own_name(delivery, admin)
    users = delivery.current.address.auth_database or ""
    return replace(admin, address=replace(admin.address, users_database=users))


def _remember(delivery: Delivery, candidate: Secret, refusal: AuthenticationFailed | AccountUnusable) -> None:
    """
    Label the last version that was refused where it is an old one, so that a retry begins with those after it.

    The pending version is labelled, too: the label of another version's search says nothing of what is right now.
    """
    if candidate.stages.isdisjoint(Stage) and isinstance(refusal, AuthenticationFailed):
        with suppress(StoreError):  # the next retry then tries the same versions again
            delivery.store.label(candidate.version, LAST_REFUSED, None)
            if SEARCHING not in delivery.pending.stages:
                delivery.store.label(delivery.token, SEARCHING, None)


def _by(candidate: Secret) -> Recovery:
    """Say what kind of version logged in after AWSCURRENT was refused."""
    if Stage.PENDING in candidate.stages:
        return Recovery.PENDING
    return Recovery.PREVIOUS if Stage.PREVIOUS in candidate.stages else Recovery.UNLABELLED


def _ends_the_search(refusal: AuthenticationFailed | AccountUnusable) -> bool:
    """Say whether more attempts are pointless (the password is right) or harmful (the account is locked)."""
    return isinstance(refusal, AccountUnusable) and (refusal.password_accepted or refusal.locked)
