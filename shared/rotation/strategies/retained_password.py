"""One user with two passwords: the new one is set beside the old one, which stays valid until the next rotation."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from rotation.errors import AccountUnusable, PasswordRejected
from rotation.model import CLONE_SUFFIX, LATE_CUTOVER, Mark, Provenance, StrategyName
from rotation.strategies import admins, copies, gate, locks, logins, recovery, repair
from rotation.strategies.pending_version import (
    UNSEEN,
    changed_meanwhile,
    give_up,
    made_from,
    promote,
    promote_proven,
    replaced_meanwhile,
    require_unmoved,
    still_pending,
)
from rotation.strategies.single_user import SingleUser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.delivery import Delivery
    from rotation.model import Password, Secret
    from rotation.ports import RetainingSession, Session

_ALONE: Final = SingleUser()


class RetainedPassword:
    """
    The server keeps the current password while it takes the new one: no client is rejected, not even one that caches.

    Where the server or the login's rights do not allow it, the password changes as late and as briefly as with a
    single one. That is decided once a rotation, in setSecret, and told to the later steps by a label of our own on
    the pending version.
    """

    name: Final = StrategyName.RETAINED_PASSWORD

    def propose(self, delivery: Delivery, current: Secret) -> tuple[str, Provenance | None]:
        """Keep the user, and record from which version the new one is made."""
        username, _ = _ALONE.propose(delivery, current)
        return username, Provenance(None, made_from=current.version, made_for=delivery.token)

    def set(self, delivery: Delivery) -> None:
        """Prove AWSCURRENT, set the pending password beside it, and see that AWSCURRENT still logs in."""
        if _is_late(delivery):
            _ALONE.set(delivery)
            return
        current, pending = delivery.current, delivery.pending
        admin = admins.read_admin(delivery, current) if current.admin_arn is not None else None
        violation = changed_meanwhile(delivery)
        marked = partial(admins.marked_version, delivery, admin)
        candidates = [current] if violation else recovery.candidates(delivery, marked)
        hindered = violation or replaced_meanwhile(delivery)
        with ExitStack() as stack:
            enter = logins.first_accepted if hindered else repair.enter
            try:
                entry = enter(delivery, candidates, admin)
            except AccountUnusable as full:
                if admin is None or hindered or not full.proves_password:
                    raise
                gate.require_in_step(delivery, current)
                self._retain_by_admin(delivery, stack, admin)
                return
            if entry is None:
                _ALONE.repair(delivery, stack, cast("Secret", admin))
                return
            session = stack.enter_context(entry.session)
            if entry.secret is pending:
                promote(delivery, current.version)
                return
            if hindered:
                give_up(delivery, hindered)
            gate.require_in_step(delivery, entry.secret)
            if entry.secret is not current:
                _fall_back(delivery, "AWSCURRENT is not accepted")
            elif admin is not None:
                self._retain_by_admin(delivery, stack, admin)
            elif not locks.take(delivery, session, current.username) or still_pending(delivery):
                admins.require_this_region(current, session.mark_of(current.username))
                self._retain(delivery, session)

    def test(self, delivery: Delivery) -> None:
        """Leave the proof to finishSecret: a step that arrives out of order has then nothing to rely on."""
        if _is_late(delivery):
            _ALONE.test(delivery)
            return
        delivery.observer.note(
            "Nothing to do yet: finishSecret logs in with the new password, then moves the label", strategy=self.name
        )

    def finish(self, delivery: Delivery) -> None:
        """Log in as clients will, and move the label; the compare-and-swap needs no other look at the secret."""
        if _is_late(delivery):
            _ALONE.finish(delivery)
            return
        logins.prove(delivery, delivery.pending)
        copies.await_rest(delivery)
        promote_proven(delivery, made_from(delivery) or delivery.current.version)

    def rehearse(self, delivery: Delivery, current: Secret, password: Password) -> Sequence[str]:
        """Log in, prove the right to keep two passwords (or to change the only one), and change nothing."""
        said, *told = _ALONE.prove(delivery, current, password)
        with self._changer(delivery, current) as session:
            obstacle = _retaining(session).retention_obstacle(current.username)
        if obstacle is not None:
            return [f"{said}: {obstacle}", *told, *gate.rejected_readers(delivery, current)]
        return [f"set a second password for {current.username} beside AWSCURRENT's, in setSecret", *told]

    def revoke(self, delivery: Delivery, previous: Secret, *, end_sessions: bool) -> int:
        """End the second password, after AWSCURRENT's is sure to be the first; then see that it is refused."""
        current = delivery.current
        if previous.username == current.username:
            with self._changer(delivery, current) as session:
                if _retaining(session).retention_obstacle(current.username) is None:
                    locks.take(delivery, session, current.username)
                    admins.require_this_region(current, session.mark_of(current.username))
                    require_unmoved(delivery)
                    session.set_password(current.username, current.credential.password)
                    _retaining(session).discard_retained(current.username)
        return _ALONE.revoke(delivery, previous, end_sessions=end_sessions)

    @staticmethod
    def _changer(delivery: Delivery, current: Secret) -> Session:
        """Log in as the user itself; where the secret names an admin, as the admin, once AWSCURRENT is proven there."""
        if current.admin_arn is None:
            return logins.first_accepted(delivery, [current]).session
        admin = admins.read_admin(delivery, current)
        with logins.proof_of(delivery, current, admin):
            return admins.open_admin(delivery, admin)

    def _retain_by_admin(self, delivery: Delivery, stack: ExitStack, admin: Secret) -> None:
        """Let the admin do it under the lock; whoever came in between, or an earlier delivery, has left a mark."""
        current, pending = delivery.current, delivery.pending
        username = current.username
        logins.require_way(delivery, current, admin)
        session = stack.enter_context(admins.open_admin(delivery, admin))
        waited = locks.take(delivery, session, username, admin)
        mark = session.mark_of(username)
        admins.require_this_region(current, mark)
        version = mark.version if mark else None
        if version == delivery.token and logins.accepts(delivery, pending, admin):
            logins.prove(delivery, current, admin)
            return
        expected = version == current.version or (version is None and delivery.deadline.elapsed() < UNSEEN)
        if (waited or not expected) and not still_pending(delivery):
            return
        session.guard_target(username, allow_privileged=delivery.settings.allow_privileged_targets)
        admins.require_unclaimed(session, current, username)
        self._retain(delivery, session, admin)

    def _retain(self, delivery: Delivery, session: Session, admin: Secret | None = None) -> None:
        """Set the pending password beside AWSCURRENT's; where one is all that is kept, leave it to finishSecret."""
        current, pending = delivery.current, delivery.pending
        retaining = _retaining(session)
        obstacle = retaining.retention_obstacle(current.username)
        if obstacle is not None:
            _fall_back(delivery, obstacle)
            return
        passwords = current.credential.password, pending.credential.password
        mark = Mark(current.arn, _base_of(current), delivery.token)
        try:
            if not retaining.retain_password(current.username, *passwords, mark, current.version):
                self._take_first_place(delivery, session, mark)
        except PasswordRejected as error:
            give_up(delivery, error)
        # the last look: whatever happened, clients of AWSCURRENT are let in
        logins.prove(delivery, current, admin)
        logins.prove_where_changed(delivery, pending, admin)
        delivery.observer.note("The user has the new password beside the old one", username=current.username)

    @staticmethod
    def _take_first_place(delivery: Delivery, session: Session, mark: Mark) -> None:
        """
        Set the pending password where another one than AWSCURRENT's is the first.

        It may be the pending one (set by an earlier delivery, or a twin). Otherwise an abandoned rotation or a person
        set another one, and AWSCURRENT's is provably the second: it is accepted, and it is not the first. A change
        that retains nothing leaves the second as it is.
        """
        pending = delivery.pending
        if logins.accepts(delivery, pending) or not still_pending(delivery):
            return
        _retaining(session).replace_first(pending.username, pending.credential.password, mark)
        delivery.observer.warn(
            "Another password was set beside AWSCURRENT's, by an abandoned rotation or by a person; "
            "it is not accepted any more",
            username=pending.username,
        )


def _base_of(current: Secret) -> str:
    """Return the base that the mark is to name: that of the pair, where the secret was one of two users before."""
    recorded = current.overrides.base
    return recorded if recorded is not None and recorded + CLONE_SUFFIX == current.username else current.username


def _is_late(delivery: Delivery) -> bool:
    return LATE_CUTOVER in delivery.pending.stages


def _fall_back(delivery: Delivery, reason: str) -> None:
    """Decide for a late cutover, durably; the label is probably still on AWSCURRENT, from the rotation before."""
    current = delivery.current
    copies.await_rest(delivery)
    delivery.store.label(delivery.token, LATE_CUTOVER, current.version if LATE_CUTOVER in current.stages else None)
    delivery.observer.note(f"The password will change in finishSecret, for a moment without the old one: {reason}")


def _retaining(session: Session) -> RetainingSession:
    """Take the session of an engine whose traits say that its servers may keep two passwords."""
    return cast("RetainingSession", session)
