"""
A database server that lives in this process, as fast as the crash tests need it.

It keeps the promises of the ports and nothing else; the contract tests run against it as against the real servers.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from rotation.engines.session import login_at
from rotation.errors import (
    AccessMismatch,
    AccountUnusable,
    AuthenticationFailed,
    GuardViolation,
    LockWithheld,
    NotOurs,
    PasswordRejected,
    PermissionDenied,
    StatementFailed,
    Unreachable,
)
from rotation.model import Limits, Mark, Ownership, Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType

    from rotation.model import Address, Credential, Deadline, Pair, Password

HOST: Final = "memory.example"
PORT: Final = 5432
ADMIN: Final = "admin"
LOCK_WAIT: Final = 0.5


@dataclass
class Account:
    """A user: its password, what it may do, and what the server keeps beside it."""

    password: str | None
    rights: set[str] = field(default_factory=set)
    may_change: bool = True
    usable: bool = True
    full: bool = False
    """Whether all connections that the account may have are in use."""
    mark: Mark | None = None
    second: str | None = None
    may_retain: bool = True

    def accepts(self, password: str) -> bool:
        """Return whether it is one of the account's passwords."""
        return password in {self.password, self.second} - {None}


@dataclass
class MemoryServer:
    """Accounts, locks, and a count of logins; ``effect`` is called around every login and statement."""

    accounts: dict[str, Account] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sessions: list[MemorySession] = field(default_factory=list)
    reachable: bool = True
    read_only: bool = False
    """Whether it is a replica, which takes no changes."""
    forgets_versions: bool = False
    """Whether a mark says only whose an account is, as MariaDB's does."""
    users_write_marks: bool = False
    """Whether a user can write the mark beside its own account, as on MySQL."""
    others: dict[str, MemoryServer] = field(default_factory=dict)
    """Servers elsewhere, by host and port."""
    believes: bool = False
    """Whether it lets everybody in, whatever the password."""
    rejects: Callable[[str], bool] = lambda _: False
    effect: Callable[[str, str], None] = lambda _name, _phase: None
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    cautions: list[str] = field(default_factory=list)
    """What a person should know of the server."""
    withheld: dict[str, str] = field(default_factory=dict)
    """Locks that a stranger holds, and who that is."""
    mutex: threading.RLock = field(default_factory=threading.RLock)

    def admin(self) -> Account:
        """Return the account that may manage the others."""
        return self.accounts[ADMIN]

    def lock(self, name: str) -> threading.Lock:
        """Return the lock of that name."""
        with self.mutex:
            return self.locks.setdefault(name, threading.Lock())

    def let_in(self, credential: Credential, deadline: Deadline, where: str) -> MemorySession:
        """Open a session for whoever has the password, or is believed to."""
        with self.mutex:
            if self.believes:
                self.accounts.setdefault(credential.username, Account(None)).password = credential.password.reveal()
            account = self.accounts.get(credential.username)
            if account is None or not account.accepts(credential.password.reveal()):
                self.refused.append(credential.username)
                raise AuthenticationFailed("The server refused the login", engine="memory", where=where)
            if not account.usable:
                raise AccountUnusable(
                    "The account is at its limit", engine="memory", where=where, password_accepted=True
                )
            if account.full:
                full = AccountUnusable("All are in use", engine="memory", where=where, password_accepted=True)
                full.retryable = True
                raise full
            self.accepted.append(credential.username)
            session = MemorySession(self, credential.username, deadline)
            self.sessions.append(session)
            return session

    def logs_in(self, credential: Credential) -> bool:
        """Return whether a client would be accepted, without counting it."""
        account = self.accounts.get(credential.username)
        return account is not None and account.usable and account.accepts(credential.password.reveal())


class MemoryEngine:
    """The Engine of a MemoryServer."""

    def __init__(self, server: MemoryServer, limits: Limits | None = None) -> None:
        """Serve one server."""
        self.server = server
        self.names = {HOST}
        """What its host is called."""
        self.traits = Traits(
            name="memory",
            names=frozenset({"memory", "memory-of-two"}),
            two_passwords=frozenset({"memory-of-two"}),
            default_port=PORT,
            default_database="main",
            limits=limits or Limits(password_min=8, password_max=128, name_bytes=63),
        )

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> MemorySession:
        """Log in."""
        server, where = self.server, login_at(address, credential.username)
        server.effect("connect", "before")
        other = server.others.get(f"{address.host}:{address.port}")
        if other is not None:
            return other.let_in(credential, deadline, where)
        if not server.reachable or address.host not in self.names or deadline.remaining() <= 0:
            raise Unreachable("The server cannot be reached", engine="memory", where=where)
        session = server.let_in(credential, deadline, where)
        server.effect("connect", "after")
        return session


class MemorySession:
    """The Session of a MemoryServer."""

    def __init__(self, server: MemoryServer, username: str, deadline: Deadline) -> None:
        """Open."""
        self._server = server
        self._deadline = deadline
        self._username = username
        self._held: list[threading.Lock] = []
        self.open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Close the connection; the server lets its locks go."""
        self.open = False
        while self._held:
            self._held.pop().release()
        with self._server.mutex:
            if self in self._server.sessions:
                self._server.sessions.remove(self)

    def lock(self, name: str, holders: Collection[str] = ()) -> bool:
        """Take the lock; a session that tests hold it by stands for one of the rotation's own."""
        del holders
        if name in self._server.withheld:
            raise LockWithheld(self._server.withheld[name], engine="memory")
        lock = self._server.lock(name)
        if lock.acquire(blocking=False):
            self._held.append(lock)
            return False
        if not lock.acquire(timeout=LOCK_WAIT):
            raise StatementFailed("Another session holds the lock", engine="memory", retryable=True)
        self._held.append(lock)
        return True

    def rehearse_password(self, username: str, password: Password) -> None:
        """Check the right and the policy."""
        self._statement("rehearse", lambda: self._check_change(username, password))

    def set_password(self, username: str, password: Password) -> None:
        """Change the password."""

        def change() -> None:
            self._check_change(username, password).password = password.reveal()

        self._statement("set_password", change)

    def guard_target(self, username: str, *, allow_privileged: bool) -> None:
        """Refuse the admin and what is not there."""

        def check() -> None:
            if "admin" in self._account(username).rights and not allow_privileged:
                raise GuardViolation("The account is privileged", where=username)

        self._statement("guard_target", check)

    def require_usable(self, username: str) -> None:
        """Refuse an account that is at its limit."""
        if not self._account(username).usable:
            raise AccountUnusable("The account is at its limit", engine="memory", where=username)

    def mark_of(self, username: str) -> Mark | None:
        """Read the mark."""
        account = self._server.accounts.get(username)
        return account.mark if account else None

    def mark_is_proof(self, username: str) -> bool:  # noqa: ARG002 the port's
        """Ask the server."""
        return not self._server.users_write_marks

    def ownership(self, pair: Pair) -> Ownership:
        """Judge by the clone's mark, which only an admin writes."""
        if pair.idle not in self._server.accounts:
            return Ownership.ABSENT
        mark = self.mark_of(pair.clone)
        if mark is None:
            return Ownership.UNMARKED
        return Ownership.OURS if (mark.secret_arn, mark.base) == (pair.secret_arn, pair.base) else Ownership.FOREIGN

    def takes_changes(self) -> bool:
        """Ask the server."""
        return not self._server.read_only

    def take_over(self, pair: Pair, former: str, *, rehearse: bool = False) -> Sequence[str]:
        """Mark one account after the other, as on a server without transactions."""
        self._require_admin(pair.base)
        before = former, pair.base
        found = {name: self.mark_of(name) for name in (pair.base, pair.clone)}
        theirs = {name: mark for name, mark in found.items() if mark and (mark.secret_arn, mark.base) == before}
        for name, mark in () if rehearse else theirs.items():
            fresh = mark._replace(secret_arn=pair.secret_arn)
            self._statement("take_over", partial(setattr, self._account(name), "mark", fresh))
        return list(theirs)

    def prepared_version(self, pair: Pair) -> str | None:
        """Read the version from the mark."""
        mark = self.mark_of(pair.clone)
        return mark.version if mark and not self._server.forgets_versions else None

    def level(self, pair: Pair, password: Password, *, rehearse: bool = False) -> Sequence[str]:
        """Make the clone where it is missing, give it the base's rights, and the password last."""
        changes = self._changes(pair)
        if rehearse:
            self._statement("rehearse", lambda: self._check_policy(password))
            return changes

        def apply() -> None:
            self._check_policy(password)
            clone = self._server.accounts.setdefault(pair.clone, Account(None))
            clone.mark = Mark(pair.secret_arn, pair.base, pair.version)
            if pair.promotes_clone:
                clone.rights = set(self._account(pair.base).rights)
            self._account(pair.idle).password = password.reveal()

        self._statement("level", apply)
        return changes

    def check_access(self, pair: Pair) -> Sequence[str]:
        """Compare the rights of the two."""
        if self._account(pair.idle).rights != self._account(pair.active).rights:
            raise AccessMismatch("The two users differ", where=pair.idle)
        return self._server.cautions

    def cautions(self, username: str, pair: Pair | None = None) -> Sequence[str]:  # noqa: ARG002 the port's
        """Say what the test wants said."""
        return self._server.cautions

    def disable_password(self, username: str) -> None:
        """Take the password away."""

        def disable() -> None:
            self._require_admin(username)
            account = self._account(username)
            account.password = account.second = None

        self._statement("disable_password", disable)

    def retention_obstacle(self, username: str) -> str | None:
        """Ask the account."""
        return None if self._account(username).may_retain else "the account keeps one password"

    def retain_password(
        self, username: str, current: Password, pending: Password, mark: Mark, current_version: str
    ) -> bool:
        """Compare and swap by the user itself; from every state by the admin, in two statements."""
        del current_version
        account = self._check_change(username, pending)
        if username != self._username:
            self.set_password(username, current)
        elif account.password != current.reveal():
            return False

        def retain() -> None:
            if username != self._username:
                assert account.password == current.reveal()
            account.password, account.second, account.mark = pending.reveal(), account.password, mark

        self._statement("retain", retain)
        return True

    def replace_first(self, username: str, pending: Password, mark: Mark) -> None:
        """Change the first password, and mark the account."""

        def change() -> None:
            account = self._check_change(username, pending)
            account.password, account.mark = pending.reveal(), mark

        self._statement("replace_first", change)

    def discard_retained(self, username: str) -> None:
        """End the second password."""

        def discard() -> None:
            self._account(username).second = None

        self._statement("discard", discard)

    def end_sessions(self, username: str) -> int:
        """End the user's other sessions."""
        ended = [one for one in self._server.sessions if one is not self and one._username == username]  # noqa: SLF001 its own kind
        for session in ended:
            session.end()
        return len(ended)

    def _changes(self, pair: Pair) -> list[str]:
        self._require_admin(pair.idle)
        if self.ownership(pair) is Ownership.FOREIGN:
            raise NotOurs("The account is marked as another secret's", where=pair.idle)
        if not pair.promotes_clone:
            if extra := self._account(pair.clone).rights - self._account(pair.base).rights:
                raise AccessMismatch(f"The clone alone has {sorted(extra)}", where=pair.clone)
            return []
        wanted = self._account(pair.base).rights
        clone = self._server.accounts.get(pair.clone)
        held = clone.rights if clone else set()
        made = [] if clone else [f"create {pair.clone}"]
        return made + [f"grant {it}" for it in sorted(wanted - held)] + [f"revoke {it}" for it in sorted(held - wanted)]

    def _check_change(self, username: str, password: Password) -> Account:
        account = self._account(username)
        if username != self._username:
            self._require_admin(username)
        elif not account.may_change:
            raise PermissionDenied("The user may not change its own password", engine="memory")
        self._check_policy(password)
        return account

    def _check_policy(self, password: Password) -> None:
        if self._server.rejects(password.reveal()):
            raise PasswordRejected("The policy refuses the password", engine="memory")

    def _require_admin(self, username: str) -> None:
        if "admin" not in self._account(self._username).rights:
            raise PermissionDenied(f"No right to change {username}", engine="memory")

    def _account(self, username: str) -> Account:
        if username not in self._server.accounts:
            raise GuardViolation("The account does not exist", where=username)
        return self._server.accounts[username]

    def _statement(self, name: str, work: Callable[[], object]) -> None:
        self._server.effect(name, "before")
        if not (self.open and self._server.reachable and self._deadline.remaining()):
            raise Unreachable("The connection is gone", engine="memory")
        with self._server.mutex:
            work()
        self._server.effect(name, "after")
