"""What the transition table names: one short action a step. How the password is changed is the strategy's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.credentials import seals, secret_format
from rotation.credentials.password_policy import policy_for
from rotation.errors import GuardViolation, VersionNotFound
from rotation.model import Credential, Stage
from rotation.strategies import copies, gate, mirrors, replicas, strategy_for
from rotation.strategies.pending_version import require_no_rotation, require_not_overtaken, require_own
from rotation.strategies.proxies import require_own_name

if TYPE_CHECKING:
    from rotation.delivery import Delivery
    from rotation.model import Password, Provenance, Secret


def create(delivery: Delivery) -> None:
    """
    Store the new credential as AWSPENDING, durably, before any server hears of it.

    1. The token has no value yet: it gets one.
    2. It has one, from a delivery before: that one is kept, whatever this delivery would have made.
    """
    try:
        current = delivery.current
    except VersionNotFound as error:
        raise VersionNotFound(
            "The secret has no current value to rotate from",
            where=error.where,
            remedy="Store the user's present credential as AWSCURRENT, then rotate again.",
        ) from None
    gate.require_in_step_or_begun(delivery)
    strategy = strategy_for(current, delivery.settings)
    require_own_name(delivery, current)
    username, provenance = strategy.propose(delivery, current)
    value = _rendered(delivery, current, Credential(username, _new_password(delivery, current)), provenance)
    stored = delivery.store.stage_pending(delivery.token, value)
    if stored:
        require_not_overtaken(delivery)
    delivery.observer.note(
        "Stored the new credential as AWSPENDING" if stored else "Kept the credential that AWSPENDING holds already",
        strategy=strategy.name,
        username=username,
    )


def set_pending(delivery: Delivery) -> None:
    """Let the strategy prepare the server for the pending credential."""
    replicas.require_made_here(delivery.pending)
    require_own(delivery)
    strategy_for(delivery.pending, delivery.settings).set(delivery)


def test_pending(delivery: Delivery) -> None:
    """Let the strategy prove that finishSecret will succeed; a pending copy of the current value is a dry run."""
    if delivery.pending.overrides.made_for != delivery.token and _is_copy(delivery):
        dry_run(delivery)
    else:
        require_own(delivery)
        strategy_for(delivery.pending, delivery.settings).test(delivery)


def finish(delivery: Delivery) -> None:
    """Let the strategy make the pending version the current one."""
    replicas.require_made_here(delivery.pending)
    require_own(delivery)
    strategy = strategy_for(delivery.pending, delivery.settings)
    strategy.finish(delivery)
    delivery.observer.note("AWSCURRENT is the new credential", strategy=strategy.name)
    copies.follow(delivery)
    mirrors.follow(delivery)


def already_done(delivery: Delivery) -> None:
    """Succeed: the token's version is AWSCURRENT, so an earlier delivery got there."""
    delivery.observer.note("Nothing to do: the version is AWSCURRENT already")
    mirrors.follow(delivery)


def dry_run(delivery: Delivery) -> None:
    """Check all that a rotation will need, change nothing, and tell people what one would do."""
    delivery.versions = delivery.versions or delivery.store.describe()
    replicas.require_primary(delivery.versions)
    current = delivery.current
    strategy = strategy_for(current, delivery.settings)
    require_own_name(delivery, current)
    username, provenance = strategy.propose(delivery, current)
    password = _new_password(delivery, current)
    changes = strategy.rehearse(delivery, current, password)
    value = _rendered(delivery, current, Credential(username, password), provenance)
    delivery.store.rehearse(current.version, value)
    replicas.rehearse(delivery, delivery.versions)
    mirrors.rehearse(delivery, current)
    for change in changes:
        delivery.observer.note(f"Dry run: a rotation would do this: {change}")
    delivery.observer.note("Dry run: nothing stands in the way of a rotation", strategy=strategy.name)


def revoke_previous(delivery: Delivery, *, end_sessions: bool) -> None:
    """
    End AWSPREVIOUS's password now, and the sessions of its user where asked: for an operator, after a leak.

    Doing it twice does no harm. Raises RotationRefused while a rotation is under way, since the user that
    AWSPREVIOUS names is the one that it prepares.
    """
    versions = delivery.store.describe()
    replicas.require_primary(versions)
    require_no_rotation(versions)
    if versions.holding(Stage.PREVIOUS) is None:
        delivery.observer.note("Nothing to revoke: no version is labelled AWSPREVIOUS")
        return
    previous = delivery.parse(delivery.store.read(Stage.PREVIOUS))
    if previous.credential == delivery.current.credential:
        raise GuardViolation(
            "AWSPREVIOUS holds the same credential as AWSCURRENT",
            where=f"version {previous.version}",
            remedy="Rotate the secret; that ends the leaked password.",
        )
    mirrors.let_follow(delivery)
    ended = strategy_for(delivery.current, delivery.settings).revoke(delivery, previous, end_sessions=end_sessions)
    delivery.observer.note(
        "The password of AWSPREVIOUS is not accepted any more", username=previous.username, sessions_ended=ended
    )


def sync_mirrors(delivery: Delivery) -> None:
    """Let the secret's mirrors hold AWSCURRENT, for an operator. Doing it twice does no harm."""
    replicas.require_primary(delivery.store.describe())
    mirrors.synchronise(delivery)


def _is_copy(delivery: Delivery) -> bool:
    return delivery.pending.document == delivery.current.document


def _rendered(delivery: Delivery, current: Secret, credential: Credential, provenance: Provenance | None) -> str:
    """Write the pending value that is made from AWSCURRENT."""
    seal = seals.sealing(delivery.settings.seal_key, delivery.token, current)
    return secret_format.render(current, credential, provenance, replicas.region_to_record(delivery), seal)


def _new_password(delivery: Delivery, secret: Secret) -> Password:
    """Make a password by the rules of the function, the secret and the engine."""
    limits, settings = delivery.engine.traits.of(secret.engine).limits, delivery.settings
    beside = mirrors.FORBIDDEN if secret.overrides.mirror else ""
    limits = replace(limits, forbidden=limits.forbidden + settings.forbidden_characters + beside)
    return policy_for(limits, settings.password, secret.overrides.password, settings.password_bits).generate()
