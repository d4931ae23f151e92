"""Two users with the same access: the idle one gets the new password, and the label moves to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from rotation.errors import (
    AccountUnusable,
    InvalidSecret,
    NoWorkingCredential,
    PasswordRejected,
    RotationRefused,
)
from rotation.model import CLONE_SUFFIX, Ownership, Pair, Provenance, Stage, StrategyName
from rotation.strategies import admins, copies, gate, locks, logins, pairs, repair
from rotation.strategies.pending_version import (
    UNSEEN,
    changed_meanwhile,
    give_up,
    made_from,
    moved_meanwhile,
    promote,
    promote_proven,
    require_unmoved,
    still_pending,
)
from rotation.strategies.single_user import SingleUser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.delivery import Delivery
    from rotation.errors import RotationError
    from rotation.model import Password, Secret
    from rotation.ports import Session


class AlternatingUsers:
    """
    ``user`` and ``user_clone``, as in AWS's rotation functions, so that a secret can move over without change.

    The old credential works until the next rotation begins: no client is rejected, not even one that caches.
    """

    name: Final = StrategyName.ALTERNATING_USERS

    def propose(self, delivery: Delivery, current: Secret) -> tuple[str, Provenance | None]:
        """Name the other user of the pair, and record what later steps need to know of it."""
        admins.require_admin_allowed(delivery, current)
        base = pairs.base_of(delivery, current)
        limit = delivery.engine.traits.name_bytes(current.engine)
        if len((base + CLONE_SUFFIX).encode()) > limit:
            raise InvalidSecret(
                f'The user name leaves no room for "{CLONE_SUFFIX}" in the {limit} bytes of a name',
                where=current.arn,
                remedy="Use a shorter user name, or the strategy single-user.",
            )
        idle = base + CLONE_SUFFIX if current.username == base else base
        return idle, Provenance(base, made_from=current.version, made_for=delivery.token)

    def set(self, delivery: Delivery) -> None:
        """Prove AWSCURRENT where the admin will act, then let the admin bring the idle user level."""
        current, pending = delivery.current, delivery.pending
        pair = pairs.pair_of(delivery, pending)
        admin = admins.read_admin(delivery, current)
        violation = changed_meanwhile(delivery, of_a_pair=True)
        candidates = [current] if violation else pairs.candidates(delivery, pair)
        try:
            entry = logins.first_accepted(delivery, candidates, admin)
        except AccountUnusable as full:
            if not full.proves_password:
                raise
            self._go_on(delivery, pair, admin, current, violation)
            return
        except NoWorkingCredential as error:
            if violation or moved_meanwhile(delivery):
                raise
            require = partial(self._require_repairable, pair=pair)
            repair.require_allowed(delivery, error, admin, lambda: repair.is_repairable(delivery, admin, require))
            self._repair(delivery, pair, admin)
            return
        with entry.session as session:
            if entry.secret is pending:
                delivery.tell(session.check_access(pair))
                promote(delivery, current.version)
                return
            self._go_on(delivery, pair, admin, entry.secret, violation)

    def _go_on(
        self, delivery: Delivery, pair: Pair, admin: Secret, proven: Secret, violation: RotationError | None
    ) -> None:
        """Let the admin prepare the idle user, once a version was proven and nothing has come in between."""
        if violation := violation or moved_meanwhile(delivery):
            give_up(delivery, violation)
        gate.require_in_step(delivery, proven)
        logins.require_way(delivery, proven, admin)
        with admins.open_admin(delivery, admin) as session:
            self._prepare(delivery, session, pair, admin, proven)

    def _repair(self, delivery: Delivery, pair: Pair, admin: Secret) -> None:
        """Let the admin give the idle user, if it is marked as ours, the pending password without any other proof."""
        with admins.open_admin(delivery, admin) as session:
            locks.take(delivery, session, pair.base, admin)
            if still_pending(delivery):
                self._require_repairable(session, pair)
                self._level(delivery, session, pair, admin)
                repair.tell(delivery)

    def test(self, delivery: Delivery) -> None:
        """Leave the proof to finishSecret, which relies on no other step; but look at the way round a proxy."""
        own = delivery.pending.overrides
        if own.host or own.port:
            logins.accepts(delivery, delivery.pending)
        delivery.observer.note(
            "Nothing to do yet: finishSecret logs in with the new credential, then moves the label", strategy=self.name
        )

    def finish(self, delivery: Delivery) -> None:
        """
        Log in as clients will, see that the user acts with the access of the pair, and move the label.

        The compare-and-swap needs no other look at the secret where the pending value records what it was made from.
        """
        pending = delivery.pending
        with delivery.engine.connect(pending.address, pending.credential, delivery.deadline) as session:
            delivery.tell(session.check_access(pairs.pair_of(delivery, pending)))
        copies.await_rest(delivery)
        known = made_from(delivery) if pending.overrides.base else None
        promote_proven(delivery, known or delivery.current.version)

    def rehearse(self, delivery: Delivery, current: Secret, password: Password) -> Sequence[str]:
        """Do all that setSecret would, but for the effect."""
        idle, provenance = self.propose(delivery, current)
        pair = Pair(current.arn, (provenance and provenance.base) or idle, idle, delivery.token, current.version)
        admin = admins.read_admin(delivery, current)
        with logins.proof_of(delivery, current, admin) as own:
            told = logins.told(own, current.username, pair)
        logins.require_way(delivery, current, admin)
        with admins.open_admin(delivery, admin) as session:
            self._require_ours(delivery, session, pair, admin)
            changes = session.level(pair, password, rehearse=True)
            return [*changes, *told, *session.cautions(current.username, pair)]

    def revoke(self, delivery: Delivery, previous: Secret, *, end_sessions: bool) -> int:
        """Let the admin end the idle user's password; sessions end before it too: one can hold the statement up."""
        current = delivery.current
        if previous.username == current.username:
            return SingleUser().revoke(delivery, previous, end_sessions=end_sessions)
        pair = Pair(current.arn, pairs.base_of(delivery, current), previous.username, previous.version)
        pairs.require_in_pair(pair, current)
        admin = admins.read_admin(delivery, current)
        with logins.proof_of(delivery, current, admin):
            pass
        with admins.open_admin(delivery, admin) as session:
            ownership = session.ownership(pair)
            if ownership is Ownership.FOREIGN:
                raise admins.not_ours(pair, ownership)
            if ownership is not Ownership.OURS and not pairs.is_accepted(delivery, previous, admin):
                return 0  # that password is refused already, whoever's the account is
            require_unmoved(delivery)
            ended = session.end_sessions(pair.idle) if end_sessions else 0
            locks.take(delivery, session, pair.base, admin)
            require_unmoved(delivery)
            session.disable_password(pair.idle)
            return ended + (session.end_sessions(pair.idle) if end_sessions else 0)

    def _prepare(self, delivery: Delivery, session: Session, pair: Pair, admin: Secret, proven: Secret) -> None:
        if proven is delivery.current:
            pair = replace(pair, current=delivery.current.version)
        waited = locks.take(delivery, session, pair.base, admin)
        if (waited or self._overtaken(delivery, session, pair)) and not still_pending(delivery):
            return
        if proven is not delivery.current:
            self._require_marked(session, pair)
        self._level(delivery, session, pair, admin, proven)

    def _level(
        self, delivery: Delivery, session: Session, pair: Pair, admin: Secret, proven: Secret | None = None
    ) -> None:
        self._require_ours(delivery, session, pair, admin)
        try:
            changes = session.level(pair, delivery.pending.credential.password)
        except PasswordRejected as error:
            if not logins.accepts(delivery, delivery.pending, admin):  # a policy may refuse what is set already
                give_up(delivery, error)
            return
        self._require_unovertaken(delivery, session, pair, proven)
        logins.prove_where_changed(delivery, delivery.pending, admin)
        delivery.tell(changes, f"Levelled {pair.idle}: ")
        delivery.observer.note("The idle user has the new password", username=pair.idle, changes=len(changes))

    @staticmethod
    def _require_unovertaken(delivery: Delivery, session: Session, pair: Pair, proven: Secret | None) -> None:
        """
        See that no other rotation came in between, which a server without locks does not keep out.

        One that did may have put the user into use whose password was just set: it gets AWSCURRENT's back, if that
        was made from what was proven here.
        """
        if delivery.deadline.elapsed() < UNSEEN:
            return
        try:
            still_pending(delivery)
        except RotationRefused:
            current = delivery.parse(delivery.store.read(Stage.CURRENT))
            if current.username == pair.idle and proven is not None and pairs.was_made_from(current, proven):
                session.level(replace(pair, version=current.version), current.credential.password)
                delivery.observer.warn("Another rotation came in between; its password was set again")
            raise

    def _require_repairable(self, session: Session, pair: Pair) -> None:
        self._require_marked(session, pair)
        repair.require_proof(session, pair.secret_arn, pair.idle)
        session.require_usable(pair.idle)

    @staticmethod
    def _require_marked(session: Session, pair: Pair) -> None:
        if (ownership := session.ownership(pair)) is not Ownership.OURS:
            raise admins.not_ours(pair, ownership)

    @staticmethod
    def _overtaken(delivery: Delivery, session: Session, pair: Pair) -> bool:
        """Return whether another rotation may have come in between; what is not there yet needs no record of it."""
        prepared = session.prepared_version(pair)
        if prepared is None:
            return session.ownership(pair) is not Ownership.ABSENT
        return prepared not in {delivery.token, delivery.current.version}

    def _require_ours(self, delivery: Delivery, session: Session, pair: Pair, admin: Secret) -> None:
        """Refuse privileged targets, and an account that nothing proves to be this secret's."""
        privileged = delivery.settings.allow_privileged_targets
        session.guard_target(pair.active, allow_privileged=privileged)
        admins.require_unclaimed(session, delivery.current, pair.active)
        ownership = session.ownership(pair)
        if ownership is Ownership.ABSENT and pair.promotes_clone:
            return
        session.guard_target(pair.idle, allow_privileged=privileged)
        if ownership is Ownership.OURS:
            return
        if ownership is Ownership.UNMARKED and (
            delivery.settings.adopt_unmarked_clones or pairs.holds_its_password(delivery, pair, admin)
        ):
            delivery.observer.warn(f"Adopted the account {pair.idle}, which carried no mark")
            return
        raise admins.not_ours(pair, ownership)
