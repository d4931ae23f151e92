"""Logins that fail none in a healthy rotation: which candidates are tried where, and in which order."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from rotation.errors import AccountUnusable, AuthenticationFailed, GuardViolation, NoWorkingCredential, StoreError
from rotation.model import LAST_REFUSED, SEARCHING, Stage
from rotation.strategies import copies
from rotation.strategies.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from rotation.delivery import Delivery
    from rotation.model import Address, Deadline, Pair, Secret
    from rotation.ports import Session

MOST_REFUSALS: Final = 4
"""Refused logins in one invocation: servers lock accounts, and the service's retries multiply what is done here."""

_OTHERWISE: Final = (
    "Otherwise somebody changed the password outside the secret. Set the server's password to AWSCURRENT's, or store "
    "the right one as AWSCURRENT. The next retry goes on by itself."
)


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
            session = enter(delivery, place_of(candidate, admin), candidate)
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
    raise _none_accepted(delivery, refusals)


def proof_of(delivery: Delivery, secret: Secret, admin: Secret) -> AbstractContextManager[Session | None]:
    """
    Prove a version before the admin acts, and give the session that came of it; None where there is no room for one.

    A limit that the user's own connections have reached is told after the password was accepted, so that proves it.
    """
    try:
        return first_accepted(delivery, [secret], admin).session
    except AccountUnusable as full:
        if not full.proves_password:
            raise
        return nullcontext()


def told(session: Session | None, username: str, pair: Pair | None = None) -> Sequence[str]:
    """Say what a person should know as the user itself sees it, or that there was no room to look."""
    if session is None:
        return [f"All connections of {username} are in use, so nobody could look as {username} itself"]
    return session.cautions(username, pair)


def _none_accepted(
    delivery: Delivery, refusals: Sequence[tuple[Secret, AuthenticationFailed | AccountUnusable]]
) -> NoWorkingCredential:
    """Sum the refusals up: what the server said of which version, where and as whom it was tried, and what helps."""
    said: dict[str, list[str]] = {}
    for candidate, refusal in refusals:
        label = next((stage for stage in Stage if stage in candidate.stages), "no label")
        said.setdefault(refusal.what, []).append(f"version {candidate.version} ({label}) at {refusal.where}")
    remedies = dict.fromkeys(refusal.remedy for _, refusal in refusals if refusal.remedy)
    tried = ". ".join(f"{what}: {'; '.join(versions)}" for what, versions in said.items())
    error = NoWorkingCredential(
        f"The server accepts none of the passwords that the secret holds. {tried}",
        remedy=" ".join([*remedies, *_passed_over(delivery), _OTHERWISE]),
    )
    error.for_passwords_alone = all(isinstance(refusal, AuthenticationFailed) for _, refusal in refusals)
    return error


def _passed_over(delivery: Delivery) -> list[str]:
    """Name the likeliest version that was not tried, since AWSCURRENT was changed in more than its password."""
    return [
        f"Version {version} was not tried, since AWSCURRENT differs from it in {', '.join(sorted(keys))}. If its "
        "password is the right one: store it in AWSCURRENT where that change is yours, else move AWSCURRENT back to "
        "that version."
        for version, keys in islice(delivery.passed_over.items(), 1)
    ]


def prove(delivery: Delivery, secret: Secret, admin: Secret | None = None, patience: Deadline | None = None) -> None:
    """
    Log in as clients do, and out again; with less patience than the delivery has, where given.

    A refusal that comes only after the password was accepted (a limit of the account's) proves the password, too.
    """
    place = place_of(secret, admin)
    try:
        delivery.engine.connect(place, secret.credential, patience or delivery.deadline).__exit__(None, None, None)
    except AccountUnusable as refusal:
        if not refusal.password_accepted:
            raise


def accepts(delivery: Delivery, secret: Secret, admin: Secret | None = None) -> bool:
    """
    Return whether the server accepts the secret's password, even if it then refuses the login for another reason.

    Raises AccountUnusable where the refusal tells nothing of the password, and the EngineErrors of no answer.
    """
    try:
        prove(delivery, secret, admin)
    except AuthenticationFailed as refusal:
        delivery.refused.add(secret.version)
        delivery.refusals += refusal.logins
        return False
    return True


def is_elsewhere(secret: Secret, admin: Secret | None) -> bool:
    """Return whether clients log in elsewhere than where the admin acts."""
    return not place_of(secret, admin).is_place_of(secret.address)


def see_way(delivery: Delivery, secret: Secret, admin: Secret | None) -> None:
    """See that the server answers where clients log in, if that is elsewhere than where the admin acts."""
    if is_elsewhere(secret, admin) and secret.version not in delivery.refused:
        accepts(delivery, secret)


def require_way(delivery: Delivery, proven: Secret, admin: Secret | None) -> None:
    """
    See that what the admin's server accepted is accepted where clients log in, too, if that is elsewhere.

    The new password goes there only then; and a way that is closed is found while the old one works.
    """
    if is_elsewhere(proven, admin) and not accepts(delivery, proven):
        raise GuardViolation(
            f"The password that is accepted at {place_of(proven, admin)} is refused where clients log in",
            where=str(proven.address),
            remedy='Nothing was changed. Correct the host (or "rotation": {"host": …}) of the secret or of its admin '
            "secret, so that both name the same server.",
        )


def prove_where_changed(delivery: Delivery, secret: Secret, admin: Secret | None) -> None:
    """Log in where the admin acted, if clients log in elsewhere: what is refused there goes nowhere else."""
    if is_elsewhere(secret, admin) and not accepts(delivery, secret, admin):
        raise AuthenticationFailed(
            "The server refuses the password that its admin has just set",
            engine=delivery.engine.traits.name,
            where=str(place_of(secret, admin)),
            remedy="The retry sets it again. If this repeats, see what answers under that name.",
            retryable=True,
        )


def place_of(secret: Secret, admin: Secret | None) -> Address:
    """
    Return where a credential is to be proven: where the admin will act, if an admin will act.

    A server's word about itself decides nothing, so AWSCURRENT is proven on the very server that the admin changes.
    """
    if admin is None:
        return secret.address
    place = admin.address
    return replace(secret.address, host=place.host, port=place.port, cluster=place.cluster, hosts=place.hosts)


def enter(delivery: Delivery, address: Address, secret: Secret) -> Session:
    """Log in for a change; a proof goes where clients go instead."""
    place = delivery.for_changes(address, delivery.deadline)
    return delivery.engine.connect(place, secret.credential, delivery.deadline)


def _remember(delivery: Delivery, candidate: Secret, refusal: AuthenticationFailed | AccountUnusable) -> None:
    """
    Label the last version that was refused where it is an old one, so that a retry begins with those after it.

    The pending version is labelled, too: the label of another version's search says nothing of what is right now.
    """
    if candidate.stages.isdisjoint(Stage) and isinstance(refusal, AuthenticationFailed):
        with suppress(StoreError):  # the next retry then tries the same versions again
            copies.await_rest(delivery)
            delivery.store.label(candidate.version, LAST_REFUSED, None)
            if SEARCHING not in delivery.pending.stages:
                copies.await_rest(delivery, just_changed=True)
                delivery.store.label(delivery.token, SEARCHING, None)


def _by(candidate: Secret) -> Recovery:
    """Return what kind of version logged in after AWSCURRENT was refused."""
    if Stage.PENDING in candidate.stages:
        return Recovery.PENDING
    return Recovery.PREVIOUS if Stage.PREVIOUS in candidate.stages else Recovery.UNLABELLED


def _ends_the_search(refusal: AuthenticationFailed | AccountUnusable) -> bool:
    """Return whether more attempts are pointless (the password is right) or harmful (the account is locked)."""
    return isinstance(refusal, AccountUnusable) and (refusal.password_accepted or refusal.locked)
