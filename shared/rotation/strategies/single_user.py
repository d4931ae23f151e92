"""One user, one password: nothing is changed until the last step, and then as briefly as it can be."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from rotation.errors import AccountUnusable, GuardViolation, PasswordRejected, RotationError
from rotation.model import StrategyName
from rotation.strategies import admins, gate, locks, logins, recovery, repair
from rotation.strategies.cutover import cut_over
from rotation.strategies.pending_version import UNSEEN, changed_meanwhile, give_up, promote, still_pending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rotation.delivery import Delivery
    from rotation.model import Password, Provenance, Secret
    from rotation.ports import RetainingSession, Session


class SingleUser:
    """
    Late cutover: setSecret changes nothing, testSecret proves that the change will work, finishSecret makes it.

    The user changes its own password; where the secret names an admin, the admin does.
    """

    name: Final = StrategyName.SINGLE_USER

    def propose(self, delivery: Delivery, current: Secret) -> tuple[str, Provenance | None]:
        """Keep the user."""
        if current.admin_arn is not None:
            admins.require_admin_allowed(delivery, current)
        return current.username, None

    def set(self, delivery: Delivery) -> None:
        """Change nothing yet, so that the old password works until the new one is current."""
        delivery.observer.note("Nothing to change yet: the password changes in finishSecret", strategy=self.name)

    def test(self, delivery: Delivery) -> None:
        """Prove the login and the right to change the password; go forward where it was changed before."""
        pending = delivery.pending
        admin = self._admin(delivery, delivery.current)
        if admin is not None and changed_meanwhile(delivery) is None:
            with admins.open_admin(delivery, admin) as session:
                self._require_target(delivery, session)
                self._rehearse(delivery, session, pending)
            logins.see_way(delivery, delivery.current, admin)
            return
        entry = logins.first_accepted(delivery, self._candidates(delivery, admin), admin)
        with entry.session as session:
            if entry.secret is pending:
                promote(delivery, delivery.current.version)
            else:
                self._rehearse(delivery, session, pending)

    def finish(self, delivery: Delivery) -> None:
        """Cut over, under a lock in the server that is held until after the label has moved."""
        current, pending = delivery.current, delivery.pending
        admin = self._admin(delivery, current)
        with ExitStack() as stack:
            try:
                entry = repair.enter(delivery, self._candidates(delivery, admin), admin)
            except AccountUnusable as full:
                if admin is None or not full.proves_password:
                    raise
                self._cut_over_by(admin, delivery, stack)
                return
            if entry is None:
                self.repair(delivery, stack, cast("Secret", admin))
                return
            session = stack.enter_context(entry.session)
            if entry.secret is pending:
                promote(delivery, current.version)
                return
            gate.require_in_step_alone(delivery, entry.secret)
            waited = locks.take(delivery, session, current.username, admin)
            if (waited or delivery.deadline.elapsed() > UNSEEN) and not still_pending(delivery):
                return
            if admin is not None:
                logins.require_way(delivery, entry.secret, admin)
                session = stack.enter_context(admins.open_admin(delivery, admin))
                self._require_target(delivery, session)
            cut_over(delivery, session, entry.secret, admin)
            self._end_retained(delivery, session)

    def _cut_over_by(self, admin: Secret, delivery: Delivery, stack: ExitStack) -> None:
        """Leave all to the admin, lock too, where the user's own connections leave no room for a login as it."""
        gate.require_in_step_alone(delivery, delivery.current)
        session = stack.enter_context(admins.open_admin(delivery, admin))
        locks.take(delivery, session, delivery.current.username, admin)
        if still_pending(delivery):
            self._require_target(delivery, session)
            cut_over(delivery, session, delivery.current, admin)

    def rehearse(self, delivery: Delivery, current: Secret, password: Password) -> Sequence[str]:
        """Log in, prove the right to change the password, and change nothing."""
        return [*self.prove(delivery, current, password), *gate.rejected_readers(delivery, current)]

    def prove(self, delivery: Delivery, current: Secret, password: Password) -> Sequence[str]:
        """Do that, and say what would be changed, and what a person should know of the user."""
        admin = self._admin(delivery, current)
        changer = f"admin {admin.username}" if admin else "user itself"
        with ExitStack() as stack:
            if admin is None:
                session = stack.enter_context(logins.first_accepted(delivery, [current]).session)
                told = logins.told(session, current.username)
            else:
                told = logins.told(stack.enter_context(logins.proof_of(delivery, current, admin)), current.username)
                logins.require_way(delivery, current, admin)
                session = stack.enter_context(admins.open_admin(delivery, admin))
                self._require_target(delivery, session)
            session.rehearse_password(current.username, password)
        return [f"change the password of {current.username} (by the {changer}), in finishSecret", *told]

    def revoke(self, delivery: Delivery, previous: Secret, *, end_sessions: bool) -> int:
        """See that the old password is refused, as it is since the last rotation; end sessions where asked."""
        current = delivery.current
        if previous.username != current.username:
            raise GuardViolation(
                "AWSPREVIOUS names another user than AWSCURRENT, and this secret is one of a single user",
                where=previous.arn,
                remedy="Change or drop that user by hand; the function will not touch it.",
            )
        try:
            entry = logins.first_accepted(delivery, [current])
        except AccountUnusable as full:
            if end_sessions or not full.proves_password:
                raise
            self._require_refused(delivery, previous)
            return 0
        with entry.session as session:
            self._require_refused(delivery, previous)
            return session.end_sessions(current.username) if end_sessions else 0

    @staticmethod
    def _admin(delivery: Delivery, current: Secret) -> Secret | None:
        return admins.read_admin(delivery, current) if current.admin_arn is not None else None

    @staticmethod
    def _require_target(delivery: Delivery, session: Session) -> None:
        """As the admin, refuse a user that no application's secret should change, or that is another secret's."""
        current = delivery.current
        session.guard_target(current.username, allow_privileged=delivery.settings.allow_privileged_targets)
        admins.require_unclaimed(session, current, current.username)

    @staticmethod
    def _rehearse(delivery: Delivery, session: Session, pending: Secret) -> None:
        try:
            session.rehearse_password(pending.username, pending.credential.password)
        except PasswordRejected as error:
            give_up(delivery, error)

    @staticmethod
    def repair(delivery: Delivery, stack: ExitStack, admin: Secret) -> None:
        """Let the admin set a password that nobody knows any more, as briefly before the label as ever."""
        session = stack.enter_context(admins.open_admin(delivery, admin))
        if repair.begin(delivery, session):
            cut_over(delivery, session, None, admin)
            SingleUser._end_retained(delivery, session)
            repair.tell(delivery)

    @staticmethod
    def _end_retained(delivery: Delivery, session: Session) -> None:
        """End the second password that a rotation by another strategy has left, where there may be one."""
        current = delivery.current
        if not current.two_passwords:
            return
        retaining = cast("RetainingSession", session)
        with suppress(RotationError):  # AWSCURRENT has moved, and that is what counts
            if retaining.retention_obstacle(current.username) is None:
                retaining.discard_retained(current.username)

    @staticmethod
    def _candidates(delivery: Delivery, admin: Secret | None) -> Iterator[Secret]:
        """Return what may log in; give up where AWSCURRENT has got another content meanwhile."""
        violation = changed_meanwhile(delivery)
        if violation is not None:
            give_up(delivery, violation)
        marked = partial(admins.marked_version, delivery, admin)
        return recovery.candidates(delivery, marked)

    @staticmethod
    def _require_refused(delivery: Delivery, previous: Secret) -> None:
        if not logins.accepts(delivery, previous):
            return
        raise GuardViolation(
            "The server still accepts AWSPREVIOUS's password",
            where=str(previous.address),
            remedy="Rotate the secret again, and look for what else sets this user's password.",
        )
