"""The admin: which secret may be one, how it logs in, and what it may not touch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rotation.credentials import secret_format
from rotation.credentials.secret_keys import present
from rotation.errors import AuthenticationFailed, GuardViolation, NotOurs, StoreDenied
from rotation.model import CLONE_SUFFIX, Ownership, Pair, in_region, region_of
from rotation.settings import REFERENCE, is_whole, named_beside
from rotation.strategies import logins
from rotation.strategies.proxies import require_database, require_own_name

if TYPE_CHECKING:
    from rotation.delivery import Delivery
    from rotation.model import Address, Mark, Secret
    from rotation.ports import Session

_ANY_SUFFIX: Final = "-000000"
"""Stands for the end of an ARN that lacks it: an entry of the list that leaves the end open means any."""


def marked_version(delivery: Delivery, admin: Secret | None) -> str | None:
    """Ask the server, through the admin, for which of the secret's versions it was last given a password."""
    if admin is None:
        return None
    with open_admin(delivery, admin) as session:
        mark = session.mark_of(delivery.current.username)
    return mark.version if mark is not None and mark.secret_arn == delivery.current.arn else None


def require_admin_allowed(delivery: Delivery, secret: Secret) -> str:
    """
    Return what to ask the store for: an ARN, or a reference. Raises GuardViolation unless the settings list it.

    A replica's value names the admin's secret in the primary's Region: the one here is meant, which is its replica. A
    name can end as an ARN does (prod-master): where the list leaves the end open, what is read then decides.
    """
    asked = in_region(secret.admin_arn or "", region_of(secret.arn))
    arn = named_beside(secret.arn, asked)
    left_open = arn != secret.arn and delivery.settings.admits_admin(f"{arn}{_ANY_SUFFIX}")
    if not left_open and not is_whole(arn):
        raise GuardViolation(
            'The secret\'s "masterarn" is not the whole ARN of a secret, which ends in a hyphen and six characters',
            where=secret.arn,
            remedy="Copy the ARN from the admin secret, with its end. It must be on the list ADMIN_SECRET_ARNS, too.",
        )
    if not left_open:
        _require_listed(delivery, secret, arn)
    return asked if asked.startswith(REFERENCE) else arn


def _require_listed(delivery: Delivery, secret: Secret, arn: str) -> None:
    if arn == secret.arn:
        raise GuardViolation(
            'The secret\'s "masterarn" names the secret itself',
            where=secret.arn,
            remedy="Name the secret of a user that may manage users.",
        )
    if not (delivery.settings.admits_admin(arn) or _bears_the_tag(delivery, arn)):
        raise GuardViolation(
            'The secret\'s "masterarn" is not among the admin secrets that this function may use',
            where=secret.arn,
            remedy="Add its whole ARN to ADMIN_SECRET_ARNS (the parameter AdminSecretArns of the stack), or correct "
            "it. A secret that was deleted and made again has another end. Where ADMIN_SECRET_TAG is set, the admin "
            "secret may bear that tag instead.",
        )


def _bears_the_tag(delivery: Delivery, arn: str) -> bool:
    """Ask for the tags, where one can make an admin secret: one call more. What must not be seen does not bear it."""
    if delivery.settings.admin_secret_tag is None:
        return False
    try:
        return delivery.settings.admits_tagged(delivery.store.tags_of(arn))
    except StoreDenied:
        return False


def read_admin(delivery: Delivery, secret: Secret) -> Secret:
    """Read the admin secret that the secret names. Raises GuardViolation where it may not be used for this user."""
    allowed = require_admin_allowed(delivery, secret)
    admin = _read(delivery, allowed)
    if admin.arn != allowed:  # an end that was left open may be another secret's
        _require_listed(delivery, secret, admin.arn)
    stem = secret.username.removesuffix(CLONE_SUFFIX)
    if admin.username in {secret.username, stem, stem + CLONE_SUFFIX}:
        raise GuardViolation(
            "The user that would be changed is the admin itself",
            where=secret.arn,
            remedy="Rotate an admin's own secret with the strategy single-user and no masterarn.",
        )
    return admin


def open_admin(delivery: Delivery, admin: Secret) -> Session:
    """
    Log in as the admin, at the admin secret's own address and under its own TLS setting.

    A refused login reads the admin secret once more: it may just have been rotated. Another address in it does not
    count, since AWSCURRENT was not proven there.
    """
    try:
        return logins.enter(delivery, admin.address, admin)
    except AuthenticationFailed as refusal:
        delivery.refusals += refusal.logins
        fresh = _read(delivery, admin.arn)
        if (
            delivery.refusals >= logins.MOST_REFUSALS
            or fresh.credential == admin.credential
            or fresh.address != admin.address
        ):
            raise AuthenticationFailed(
                "The server refused the admin's credential",
                engine=refusal.engine,
                code=refusal.code,
                where=refusal.where,
                remedy=f"{refusal.remedy} Otherwise correct the admin secret {admin.arn}: the server does not accept "
                "the password that it holds.".strip(),
            ) from None
    return logins.enter(delivery, fresh.address, fresh)


def require_unclaimed(session: Session, secret: Secret, username: str) -> None:
    """
    Raise NotOurs where the account is marked as another secret's: an admin neither changes nor copies such a one.

    It may be a base or a clone by its name, and is looked at as both; where either mark is ours, it is ours.
    """
    bases = {username, username.removesuffix(CLONE_SUFFIX)} - {""}
    pairs = [Pair(secret.arn, base, username, "") for base in sorted(bases)]
    found = {session.ownership(pair) for pair in pairs}
    if Ownership.FOREIGN in found and Ownership.OURS not in found:
        raise not_ours(pairs[0], Ownership.FOREIGN)


def require_this_region(secret: Secret, mark: Mark | None) -> None:
    """
    Raise NotOurs where the account went over to the same secret in another Region, which was promoted.

    The mark of the Region where AWSCURRENT was made is in its place: the secret itself came from there. A user could
    have written the mark, but gains nothing by a refusal.
    """
    arn = secret.arn
    if mark is None or mark.secret_arn == arn or in_region(mark.secret_arn, region_of(arn)) != arn:
        return
    if region_of(mark.secret_arn) == secret.overrides.made_at:
        return
    raise NotOurs(
        f"The account {secret.username} belongs to this secret in {region_of(mark.secret_arn)}, where it was promoted",
        where=arn,
        remedy="Nothing was changed. Switch the rotation off here: aws secretsmanager cancel-rotate-secret. To come "
        "back to this Region, see docs/regions.md, The way back.",
    )


def not_ours(pair: Pair, ownership: Ownership) -> NotOurs:
    """Make the error that says why an account may not be changed, and what proves whose it is."""
    if ownership is Ownership.FOREIGN:
        return NotOurs(
            f"The account {pair.idle} is marked as another secret's",
            where=pair.secret_arn,
            remedy="Correct the user in the secret. If it is this secret in another Region: switch the rotation off "
            "here where it was promoted there, else promote this one (docs/regions.md). If it is gone: take the mark "
            "off the account (docs/strategies.md, Who owns an account), and set ADOPT_UNMARKED_CLONES to true for one "
            "rotation.",
        )
    return NotOurs(
        f"The account {pair.idle} exists, and nothing proves that it belongs to this secret",
        where=pair.secret_arn,
        remedy="Rename or drop it if nobody uses it. If it is this secret's (made by another rotation function), "
        "set ADOPT_UNMARKED_CLONES to true for one rotation.",
    )


def _read(delivery: Delivery, arn: str) -> Secret:
    """Read an admin secret; one that RDS manages holds no host, which its tags and the control plane tell."""
    admin = secret_format.parse(
        delivery.store.read_admin(arn),
        delivery.engine.traits,
        lambda: delivery.topology.locate(delivery.store.tags_of(arn)),
    )
    require_database(admin)
    require_own_name(delivery, admin)
    return replace(admin, address=_acting_for(delivery, admin))


def _acting_for(delivery: Delivery, admin: Secret) -> Address:
    """Say where the admin's users live, and log it in where the application works, if its secret leaves that open."""
    theirs = delivery.current.address
    own = "dbname" in present(admin.document) or not delivery.engine.traits.levels_one_database
    return replace(
        admin.address,
        users_database=theirs.auth_database or "",
        database=admin.address.database if own else theirs.database,
        application_database=theirs.database,
    )
