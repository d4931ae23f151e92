"""
The specification of ports.Engine and ports.Session. Every engine runs it, and so does the fake that stands in for one.

A subclass supplies the fixture ``lab``: a server, an admin, and what tests do behind the engine's back.
"""

from __future__ import annotations

import string
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import pytest

from rotation.errors import (
    AccessMismatch,
    AccountUnusable,
    AuthenticationFailed,
    GuardViolation,
    NotOurs,
    PermissionDenied,
    RotationError,
    StatementFailed,
    Unreachable,
)
from rotation.model import Address, Credential, Deadline, Mark, Ownership, Pair, Password
from rotation.topology.names import local_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rotation.ports import Engine, Session

ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
OTHER_ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-AbCdEf"
SECONDS: Final = 15.0
PRINTABLE: Final = string.ascii_letters + string.digits + string.punctuation


class EngineLab(Protocol):
    """A server under test, and what happens on it."""

    @property
    def engine(self) -> Engine:
        """The engine."""

    @property
    def address(self) -> Address:
        """Where the server is."""

    @property
    def closed(self) -> Address:
        """A place where nobody listens."""

    @property
    def admin(self) -> Credential:
        """A login that may manage the users that the lab makes."""

    @property
    def privileged(self) -> str:
        """A user that no application's secret should change."""

    def unique(self, stem: str = "app") -> str:
        """Return a name that no user of the server has."""

    def password(self) -> Password:
        """Make a password."""

    def create_user(self, name: str) -> Credential:
        """Make an application's user, with rights and without any mark."""

    def make_unequal(self, name: str) -> None:
        """Take access away from a clone, behind the engine's back."""

    def refused_logins(self, name: str) -> int:
        """Count the logins of that user that the server refused."""


def shown(error: BaseException) -> str:
    """Return all that anybody could print of an error, with what stands behind it."""
    text = "".join(traceback.format_exception(error))
    chain = [error, error.__cause__, error.__context__]
    return text + "".join(f"{it} {it!r} {vars(it)}" for it in chain if it is not None)


class Acts:
    """What the cases do with a lab."""

    @staticmethod
    def login(lab: EngineLab, who: Credential, seconds: float = SECONDS) -> Session:
        """Log in."""
        return lab.engine.connect(lab.address, who, Deadline(seconds))

    def accepts(self, lab: EngineLab, who: Credential) -> bool:
        """Return whether a login is accepted; any other failure than a refusal is one of the test."""
        try:
            with self.login(lab, who):
                return True
        except (AuthenticationFailed, AccountUnusable):
            return False

    @staticmethod
    def pair(lab: EngineLab, base: str, *, promote: str = "clone", version: str = "version-1") -> Pair:
        """Return a pair of which one is about to be promoted."""
        assert lab.engine
        pair = Pair(ARN, base, base, version)
        return replace(pair, idle=pair.clone) if promote == "clone" else pair

    def level(self, lab: EngineLab, pair: Pair, *, rehearse: bool = False) -> tuple[Credential, Sequence[str]]:
        """Prepare the idle user as the admin."""
        idle = Credential(pair.idle, lab.password())
        with self.login(lab, lab.admin) as session:
            return idle, session.level(pair, idle.password, rehearse=rehearse)


class EngineContract(Acts):
    """What an engine and its sessions promise."""

    # Logging in

    def test_a_right_credential_gives_a_session(self, lab: EngineLab) -> None:
        """A login that the server accepts can be used at once, and is one login."""
        user = lab.create_user(lab.unique())
        with self.login(lab, user) as session:
            session.rehearse_password(user.username, lab.password())
        assert lab.refused_logins(user.username) == 0

    def test_a_wrong_password_is_refused_once(self, lab: EngineLab) -> None:
        """A wrong password is AuthenticationFailed, after one attempt; the error says where and as whom it was."""
        user = lab.create_user(lab.unique())
        with pytest.raises(AuthenticationFailed) as refused:
            self.login(lab, replace(user, password=lab.password()))
        assert lab.refused_logins(user.username) == 1
        assert refused.value.where.startswith(f"{lab.address.host}:{lab.address.port}")
        assert refused.value.where.endswith(f", as {user.username}")

    def test_an_unknown_user_is_refused(self, lab: EngineLab) -> None:
        """A user that does not exist reads like a wrong password."""
        with pytest.raises(AuthenticationFailed):
            self.login(lab, Credential(lab.unique(), lab.password()))

    def test_a_closed_port_is_unreachable(self, lab: EngineLab) -> None:
        """Where nobody listens nothing is known of the credential, and the deadline holds."""
        start = time.monotonic()
        with pytest.raises(Unreachable) as error:
            lab.engine.connect(lab.closed, Credential("app", lab.password()), Deadline(3))
        assert error.value.retryable
        assert time.monotonic() - start < 5

    def test_an_expired_deadline_is_unreachable(self, lab: EngineLab) -> None:
        """Without time left no login is begun."""
        user = lab.create_user(lab.unique())
        with pytest.raises(Unreachable):
            self.login(lab, user, seconds=0)
        assert self.accepts(lab, user)

    @pytest.mark.parametrize("case", ["wrong password", "closed port", "no right", "no such user"])
    def test_no_error_shows_a_password(self, lab: EngineLab, case: str) -> None:
        """Neither text, nor arguments, nor what stands behind an error holds a password."""
        user, victim = lab.create_user(lab.unique()), lab.create_user(lab.unique())
        wrong, new = Credential(user.username, lab.password()), lab.password()

        def change(target: str) -> None:
            with self.login(lab, user) as session:
                session.set_password(target, new)

        acts: dict[str, Callable[[], object]] = {
            "wrong password": lambda: self.login(lab, wrong),
            "closed port": lambda: lab.engine.connect(lab.closed, wrong, Deadline(3)),
            "no right": lambda: change(victim.username),
            "no such user": lambda: change(lab.unique()),
        }
        with pytest.raises(RotationError) as error:
            acts[case]()
        for password in (user.password, wrong.password, new):
            assert password.reveal() not in shown(error.value)

    # Passwords

    def test_a_user_changes_its_own_password(self, lab: EngineLab) -> None:
        """The new password counts at once, the old one no more, and the open session can take it back."""
        old = lab.create_user(lab.unique())
        new = replace(old, password=lab.password())
        with self.login(lab, old) as session:
            session.set_password(old.username, new.password)
            assert self.accepts(lab, new)
            assert not self.accepts(lab, old)
            session.set_password(old.username, old.password)
            assert self.accepts(lab, old)
            assert not self.accepts(lab, new)

    @pytest.mark.parametrize("by", ["itself", "admin"])
    def test_a_rehearsal_changes_nothing(self, lab: EngineLab, by: str) -> None:
        """What would be allowed is proven without an effect."""
        user = lab.create_user(lab.unique())
        new = replace(user, password=lab.password())
        with self.login(lab, user if by == "itself" else lab.admin) as session:
            session.rehearse_password(user.username, new.password)
        assert self.accepts(lab, user)
        assert not self.accepts(lab, new)

    def test_an_admin_changes_a_users_password(self, lab: EngineLab) -> None:
        """An admin needs no old password."""
        old = lab.create_user(lab.unique())
        new = replace(old, password=lab.password())
        with self.login(lab, lab.admin) as session:
            session.set_password(old.username, new.password)
        assert self.accepts(lab, new)
        assert not self.accepts(lab, old)

    @pytest.mark.parametrize("act", ["set_password", "rehearse_password"])
    def test_a_user_changes_nobody_else(self, lab: EngineLab, act: str) -> None:
        """An application's user has no power over another, which a rehearsal finds, too."""
        user, victim = lab.create_user(lab.unique()), lab.create_user(lab.unique())
        with self.login(lab, user) as session, pytest.raises(PermissionDenied):
            getattr(session, act)(victim.username, lab.password())
        assert self.accepts(lab, victim)

    def test_a_password_is_ended_and_set_anew(self, lab: EngineLab) -> None:
        """Without a password no login is accepted, twice over; setting one opens the user again."""
        user = lab.create_user(lab.unique())
        with self.login(lab, lab.admin) as session:
            for _ in range(2):
                session.disable_password(user.username)
                assert not self.accepts(lab, user)
            session.set_password(user.username, user.password)
        assert self.accepts(lab, user)

    @pytest.mark.parametrize("stem", ['quo"ted %s;colon', "apo'str back\\s", "Upper%cent ü日本"])
    def test_odd_names(self, lab: EngineLab, stem: str) -> None:
        """A name is a name, whatever characters it has: for a user, for an admin, for a pair."""
        user = lab.create_user(lab.unique(stem))
        new = replace(user, password=lab.password())
        with self.login(lab, user) as session:
            session.lock(f"rotation of {user.username}")
            session.set_password(user.username, new.password)
        assert self.accepts(lab, new)
        idle, _ = self.level(lab, self.pair(lab, user.username))
        assert self.accepts(lab, idle)

    def test_the_longest_names(self, lab: EngineLab) -> None:
        """A name that fits whole is used whole."""
        limit = lab.engine.traits.of(lab.address.dialect).limits.name_bytes
        stem = lab.unique()
        for length in (limit, limit - len("_clone")):
            user = lab.create_user(stem + "x" * (length - len(stem)))
            with self.login(lab, user) as session:
                session.set_password(user.username, user.password)
            assert self.accepts(lab, user)
        idle, _ = self.level(lab, self.pair(lab, user.username))
        assert len(idle.username) == limit
        assert self.accepts(lab, idle)

    def test_every_character_of_a_password(self, lab: EngineLab) -> None:
        """Whatever the engine does not forbid may stand in a password, at any place."""
        limits = lab.engine.traits.limits
        allowed = "".join(it for it in PRINTABLE if it not in limits.forbidden)
        size = min(limits.password_max, len(allowed))
        texts = [allowed[:size], allowed[-size:], allowed[::-1][:size]]
        user = lab.create_user(lab.unique())
        for text in texts:
            with self.login(lab, user) as session:
                session.set_password(user.username, Password(text))
            user = replace(user, password=Password(text))
            assert self.accepts(lab, user)

    # Locks

    def test_a_lock_excludes(self, lab: EngineLab) -> None:
        """A lock that another session keeps too long is told as retryable; other names are free."""
        with self.login(lab, lab.admin) as holder, self.login(lab, lab.admin, seconds=2) as other:
            name = lab.unique("lock")
            assert not holder.lock(name)
            assert not other.lock(lab.unique("lock"))
            with pytest.raises(StatementFailed) as error:
                other.lock(name)
            assert error.value.retryable

    def test_a_lock_excludes_other_users(self, lab: EngineLab) -> None:
        """User and admin exclude each other."""
        user, name = lab.create_user(lab.unique()), lab.unique("lock")
        with self.login(lab, user) as holder, self.login(lab, lab.admin, seconds=2) as other:
            assert not holder.lock(name)
            with pytest.raises(StatementFailed):
                other.lock(name, {user.username})

    def test_a_lock_ends_with_its_session(self, lab: EngineLab) -> None:
        """Once the holder's session has ended the lock is free."""
        name = lab.unique("lock")
        with self.login(lab, lab.admin) as holder:
            holder.lock(name)
        with self.login(lab, lab.admin, seconds=5) as other:
            other.lock(name)

    def test_a_lock_that_was_waited_for_says_so(self, lab: EngineLab) -> None:
        """Who had to wait is told that something may have happened meanwhile."""
        name = lab.unique("lock")
        with self.login(lab, lab.admin) as other:
            holder = self.login(lab, lab.admin)
            holder.lock(name)
            timer = threading.Timer(0.2, holder.__exit__, (None, None, None))
            timer.start()
            assert other.lock(name)
            timer.join()

    # Whose an account is

    def test_an_ordinary_user_may_be_changed(self, lab: EngineLab) -> None:
        """An application's user passes the guard, privileged users allowed or not."""
        user = lab.create_user(lab.unique())
        with self.login(lab, lab.admin) as session:
            for allowed in (False, True):
                session.guard_target(user.username, allow_privileged=allowed)

    def test_a_privileged_user_may_not(self, lab: EngineLab) -> None:
        """A user that is more powerful passes only where that is allowed."""
        with self.login(lab, lab.admin) as session:
            with pytest.raises(GuardViolation):
                session.guard_target(lab.privileged, allow_privileged=False)
            session.guard_target(lab.privileged, allow_privileged=True)

    @pytest.mark.parametrize("allowed", [False, True])
    def test_a_user_that_does_not_exist_may_not(self, lab: EngineLab, *, allowed: bool) -> None:
        """What is not there cannot be changed."""
        with self.login(lab, lab.admin) as session, pytest.raises(GuardViolation):
            session.guard_target(lab.unique(), allow_privileged=allowed)

    def test_an_ordinary_user_is_usable(self, lab: EngineLab) -> None:
        """Nothing but its password keeps an application's user out, in use or without a password."""
        user = lab.create_user(lab.unique())
        with self.login(lab, lab.admin) as session:
            session.require_usable(user.username)
            session.disable_password(user.username)
            session.require_usable(user.username)

    def test_whose_a_clone_is(self, lab: EngineLab) -> None:
        """A clone is absent, then unmarked or ours, or another secret's."""
        absent, unmarked, ours, foreign = (lab.create_user(lab.unique()).username for _ in range(4))
        lab.create_user(self.pair(lab, unmarked).clone)
        self.level(lab, self.pair(lab, ours))
        self.level(lab, replace(self.pair(lab, foreign), secret_arn=OTHER_ARN))
        with self.login(lab, lab.admin) as session:
            found = [session.ownership(self.pair(lab, base)) for base in (absent, unmarked, ours, foreign)]
        assert found == [Ownership.ABSENT, Ownership.UNMARKED, Ownership.OURS, Ownership.FOREIGN]

    def test_whose_a_base_is(self, lab: EngineLab) -> None:
        """The base is ours as far as its clone's mark says so."""
        unmarked, ours, foreign = (lab.create_user(lab.unique()).username for _ in range(3))
        lab.create_user(self.pair(lab, unmarked).clone)
        self.level(lab, self.pair(lab, ours))
        self.level(lab, replace(self.pair(lab, foreign), secret_arn=OTHER_ARN))
        with self.login(lab, lab.admin) as session:
            found = [session.ownership(self.pair(lab, base, promote="base")) for base in (unmarked, ours, foreign)]
        assert found == [Ownership.UNMARKED, Ownership.OURS, Ownership.FOREIGN]

    def test_accounts_go_over_to_the_same_secret_of_another_region(self, lab: EngineLab) -> None:
        """From then on they are that secret's, and not the former one's any more, also where it is asked for again."""
        pair = self.pair(lab, lab.create_user(lab.unique()).username)
        idle, _ = self.level(lab, pair)
        there = replace(pair, secret_arn=ARN.replace("eu-west-1", "eu-central-1"))
        with self.login(lab, lab.admin) as session:
            assert pair.clone in session.take_over(there, ARN, rehearse=True)
            assert session.ownership(pair) is Ownership.OURS
            assert pair.clone in session.take_over(there, ARN)
            assert session.ownership(pair) is Ownership.FOREIGN
            assert session.ownership(there) is Ownership.OURS
            assert session.ownership(replace(there, idle=there.base)) is Ownership.OURS
            assert session.take_over(there, ARN) == []
            assert session.takes_changes()
        with self.login(lab, idle) as session:
            session.check_access(there)
        with pytest.raises(NotOurs):
            self.level(lab, pair)
        promoted, _ = self.level(lab, replace(there, idle=there.base, version="version-2"))
        assert self.accepts(lab, promoted)

    def test_accounts_go_over_by_an_admin_alone(self, lab: EngineLab) -> None:
        """A user cannot have its accounts taken for another secret's."""
        pair = self.pair(lab, lab.create_user(lab.unique()).username)
        idle, _ = self.level(lab, pair)
        there = replace(pair, secret_arn=ARN.replace("eu-west-1", "eu-central-1"))
        with self.login(lab, idle) as session, pytest.raises(PermissionDenied):
            session.take_over(there, ARN)

    def test_marks_of_others_stay(self, lab: EngineLab) -> None:
        """What is marked as another secret's, or not at all, is none of a promotion's business."""
        pair = self.pair(lab, lab.create_user(lab.unique()).username)
        there = replace(pair, secret_arn=ARN.replace("eu-west-1", "eu-central-1"))
        with self.login(lab, lab.admin) as session:
            assert session.take_over(there, ARN) == []
        self.level(lab, pair)
        with self.login(lab, lab.admin) as session:
            assert session.take_over(there, ARN.replace("eu-west-1", "us-east-1")) == []
            assert session.ownership(pair) is Ownership.OURS

    def test_the_mark(self, lab: EngineLab) -> None:
        """A prepared clone carries the secret, its base and the version; nobody else carries anything."""
        base = lab.create_user(lab.unique()).username
        pair = self.pair(lab, base)
        with self.login(lab, lab.admin) as session:
            assert session.mark_of(pair.clone) is None
            assert session.prepared_version(pair) is None
            session.level(pair, lab.password())
            assert session.mark_of(pair.clone) == Mark(ARN, base, "version-1")
            assert session.prepared_version(pair) == "version-1"
            assert session.mark_of(base) is None
            session.level(self.pair(lab, base, promote="base", version="version-2"), lab.password())
            assert session.prepared_version(pair) == "version-2"

    def test_a_user_cannot_tell_a_clones_mark_from_an_admins_word(self, lab: EngineLab) -> None:
        """What the mark says can be read by any session."""
        user = lab.create_user(lab.unique())
        pair = self.pair(lab, user.username)
        self.level(lab, pair)
        with self.login(lab, user) as session:
            assert session.mark_of(pair.clone) == Mark(ARN, user.username, "version-1")

    # Pairs

    def test_a_clone_is_made(self, lab: EngineLab) -> None:
        """The clone logs in, has the access of the base, and the base's password still works."""
        base = lab.create_user(lab.unique())
        pair = self.pair(lab, base.username)
        idle, changes = self.level(lab, pair)
        assert any(pair.clone in change for change in changes)
        assert self.accepts(lab, base)
        with self.login(lab, idle) as session:
            session.check_access(pair)

    def test_levelling_again_changes_the_password_alone(self, lab: EngineLab) -> None:
        """What is level already is left as it is, and no change is told."""
        base = lab.create_user(lab.unique())
        first, _ = self.level(lab, self.pair(lab, base.username))
        second, changes = self.level(lab, self.pair(lab, base.username, version="version-2"))
        assert list(changes) == []
        assert self.accepts(lab, second)
        assert not self.accepts(lab, first)

    def test_a_rehearsal_of_levelling_changes_nothing(self, lab: EngineLab) -> None:
        """It tells the changes that levelling would make, and makes none."""
        base = lab.create_user(lab.unique())
        pair = self.pair(lab, base.username)
        with self.login(lab, lab.admin) as session:
            told = session.level(pair, lab.password(), rehearse=True)
            assert session.ownership(pair) is Ownership.ABSENT
            assert session.mark_of(pair.clone) is None
        idle, made = self.level(lab, pair)
        assert list(told) == list(made)
        unused, told = self.level(lab, self.pair(lab, base.username, version="version-2"), rehearse=True)
        assert list(told) == []
        assert self.accepts(lab, idle)
        assert not self.accepts(lab, unused)

    def test_base_and_clone_are_promoted_in_turn(self, lab: EngineLab) -> None:
        """Each rotation gives the idle user a password, and leaves the other's alone."""
        active = lab.create_user(lab.unique())
        base = active.username
        for turn, promote in enumerate(["clone", "base", "clone", "base"]):
            pair = self.pair(lab, base, promote=promote, version=f"version-{turn}")
            idle, _ = self.level(lab, pair)
            assert self.accepts(lab, active)
            with self.login(lab, idle) as session:
                session.check_access(pair)
            active = idle

    def test_a_base_that_is_promoted_can_be_rehearsed(self, lab: EngineLab) -> None:
        """The rehearsal of the base's turn leaves its password, too."""
        base = lab.create_user(lab.unique())
        self.level(lab, self.pair(lab, base.username))
        unused, _ = self.level(lab, self.pair(lab, base.username, promote="base"), rehearse=True)
        assert self.accepts(lab, base)
        assert not self.accepts(lab, unused)

    def test_unequal_access_is_seen_by_the_user_itself(self, lab: EngineLab) -> None:
        """A clone that lost its access is not taken for the base's equal, and levelling mends it."""
        base = lab.create_user(lab.unique())
        pair = self.pair(lab, base.username)
        idle, _ = self.level(lab, pair)
        lab.make_unequal(pair.clone)
        with self.login(lab, idle) as session, pytest.raises(AccessMismatch):
            session.check_access(pair)
        idle, changes = self.level(lab, pair)
        assert changes
        with self.login(lab, idle) as session:
            session.check_access(pair)

    def test_levelling_needs_an_admin(self, lab: EngineLab) -> None:
        """An application's user cannot make itself a clone."""
        user = lab.create_user(lab.unique())
        pair = self.pair(lab, user.username)
        with self.login(lab, user) as session, pytest.raises(PermissionDenied):
            session.level(pair, lab.password())
        with self.login(lab, lab.admin) as session:
            assert session.ownership(pair) is Ownership.ABSENT

    def test_a_base_that_is_missing_is_never_made(self, lab: EngineLab) -> None:
        """Without its base a clone is not made, and without its clone a base is not promoted."""
        nobody, single = lab.unique(), lab.create_user(lab.unique())
        for pair in (self.pair(lab, nobody), self.pair(lab, single.username, promote="base")):
            with self.login(lab, lab.admin) as session, pytest.raises((AccessMismatch, GuardViolation)):
                session.level(pair, lab.password())
        assert self.accepts(lab, single)
        with self.login(lab, lab.admin) as session:
            assert session.ownership(self.pair(lab, nobody)) is Ownership.ABSENT
            assert session.ownership(self.pair(lab, nobody, promote="base")) is Ownership.ABSENT

    @pytest.mark.parametrize("promote", ["clone", "base"])
    def test_levelling_opens_a_user_whose_password_ended(self, lab: EngineLab, promote: str) -> None:
        """A user that was revoked is prepared like any other."""
        base = lab.create_user(lab.unique())
        self.level(lab, self.pair(lab, base.username))
        pair = self.pair(lab, base.username, promote=promote, version="version-2")
        with self.login(lab, lab.admin) as session:
            session.disable_password(pair.idle)
        idle, _ = self.level(lab, pair)
        assert self.accepts(lab, idle)

    # Sessions

    def test_a_users_sessions_end(self, lab: EngineLab) -> None:
        """An admin ends the sessions of one user, counts them, and leaves all others open."""
        user, other = lab.create_user(lab.unique()), lab.create_user(lab.unique())
        theirs = [self.login(lab, user) for _ in range(2)]
        with self.login(lab, other) as stays, self.login(lab, lab.admin) as session:
            assert session.end_sessions(user.username) == 2
            for ended in theirs:
                with pytest.raises(Unreachable):
                    ended.rehearse_password(user.username, lab.password())
                ended.__exit__(None, None, None)
            stays.rehearse_password(other.username, lab.password())
            assert self.accepts(lab, user)

    def test_a_user_ends_its_own_other_sessions(self, lab: EngineLab) -> None:
        """The session that asks stays open, and is not counted."""
        user = lab.create_user(lab.unique())
        theirs = self.login(lab, user)
        with self.login(lab, user) as session:
            assert session.end_sessions(user.username) == 1
            session.rehearse_password(user.username, lab.password())
        theirs.__exit__(None, None, None)

    def test_two_threads_do_not_meet(self, lab: EngineLab) -> None:
        """Sessions in two threads have nothing in common."""
        users = [lab.create_user(lab.unique()) for _ in range(2)]

        def change(user: Credential) -> Credential:
            for _ in range(5):
                new = replace(user, password=lab.password())
                with self.login(lab, user) as session:
                    session.set_password(user.username, new.password)
                user = new
            return user

        with ThreadPoolExecutor(2) as pool:
            changed = list(pool.map(change, users))
        assert all(self.accepts(lab, user) for user in changed)


class ClosingLab(EngineLab, Protocol):
    """A server that can keep a user out whatever its password is."""

    @property
    def ways_to_close(self) -> Sequence[str]:
        """How a user can be kept out."""

    def close_user(self, name: str, how: str) -> None:
        """Keep the user out, behind the engine's back."""


class ClosingContract(Acts):
    """What an engine promises of users that no password lets in; MongoDB has none."""

    def test_a_user_that_no_password_lets_in_is_not_usable(self, lab: ClosingLab) -> None:
        """An admin is told so, in words without a password, and nobody else is meant."""
        other = lab.create_user(lab.unique())
        for how in lab.ways_to_close:
            user = lab.create_user(lab.unique('quo"ted'))
            lab.close_user(user.username, how)
            with self.login(lab, lab.admin) as session:
                with pytest.raises(AccountUnusable) as error:
                    session.require_usable(user.username)
                session.require_usable(other.username)
            assert user.username in error.value.what + error.value.where
            assert user.password.reveal() not in shown(error.value)


class NetworkLab(EngineLab, Protocol):
    """A server that is really somewhere else."""

    @property
    def wire(self) -> Wire:
        """The way to the server, which can be made to fail."""


class Wire(Protocol):
    """A proxy in front of the server."""

    @property
    def address(self) -> Address:
        """Where the proxy listens."""

    def silence(self) -> None:
        """From now on nothing comes through, on open connections neither."""


class NetworkContract(Acts):
    """What an engine promises of a network; the fakes have none."""

    silent: ClassVar[frozenset[str]] = frozenset()
    """What the engine does without a word to the server."""

    def test_a_silent_server_is_unreachable(self, lab: NetworkLab) -> None:
        """A server that accepts the connection and says nothing costs the deadline and no more."""
        user = lab.create_user(lab.unique())
        lab.wire.silence()
        start = time.monotonic()
        with pytest.raises(Unreachable) as error:
            lab.engine.connect(lab.wire.address, user, Deadline(1))
        assert time.monotonic() - start < 3
        assert error.value.retryable
        assert user.password.reveal() not in shown(error.value)

    def test_a_host_that_is_this_machine_is_not_logged_in_to(self, lab: NetworkLab) -> None:
        """Where that is not allowed nothing is sent, however good the credential."""
        user = lab.create_user(lab.unique())
        with local_hosts(allowed=False), pytest.raises(GuardViolation, match="own machine"):
            self.login(lab, user)
        assert self.accepts(lab, user)

    def test_a_server_that_falls_silent_is_unreachable(self, lab: NetworkLab) -> None:
        """Every statement's wait ends at the deadline of its session, and so does the session's end."""
        user = lab.create_user(lab.unique())
        pair = self.pair(lab, user.username)
        acts: dict[str, Callable[[Session], object]] = {
            "set_password": lambda session: session.set_password(user.username, lab.password()),
            "lock": lambda session: session.lock(lab.unique("lock")),
            "level": lambda session: session.level(pair, lab.password()),
            "end_sessions": lambda session: session.end_sessions(user.username),
            "guard_target": lambda session: session.guard_target(user.username, allow_privileged=False),
        }
        deadline = Deadline(3)
        sessions = {act: lab.engine.connect(lab.wire.address, lab.admin, deadline) for act in acts.keys() - self.silent}
        lab.wire.silence()
        start = time.monotonic()
        with ThreadPoolExecutor(len(acts)) as pool:  # they wait together
            ends = {act: pool.submit(self._unreachable, one, acts[act]) for act, one in sessions.items()}
        assert {act: end.exception() for act, end in ends.items()} == dict.fromkeys(sessions)
        assert time.monotonic() - start < 5
        assert self.accepts(lab, user)

    @staticmethod
    def _unreachable(session: Session, act: Callable[[Session], object]) -> None:
        with session, pytest.raises(Unreachable):
            act(session)
