"""
What the core needs from the outside, as Protocols.

An engine, a store or a topology is whatever keeps these promises; the contract tests are their specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from types import TracebackType

    from rotation.model import (
        Address,
        Credential,
        Deadline,
        Mark,
        Ownership,
        Pair,
        Password,
        Replica,
        Stage,
        StoredVersion,
        Traits,
        Versions,
    )


class Caution(str):
    """A line about a levelling or a login that a person should look at."""

    __slots__ = ()


class Session(Protocol):
    """
    A login that the server accepted, with a first statement answered.

    Every wait is bounded by the deadline that the session was opened with. All methods raise EngineError:
    Unreachable when the connection ends or no answer comes (whether the statement took effect is then not
    known), PermissionDenied with the grant that is missing, StatementFailed for the rest.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def lock(self, name: str, holders: Collection[str] = ()) -> bool:
        """
        Take the server-side lock of that name until the session ends; say whether it had to be waited for.

        Raises StatementFailed, retryable, when another session keeps it too long. Raises LockWithheld where that is
        the session of a user who is neither the one that logged in nor among the ``holders``.
        """

    def rehearse_password(self, username: str, password: Password) -> None:
        """Prove that ``set_password`` would be allowed, and change nothing."""

    def set_password(self, username: str, password: Password) -> None:
        """
        Give the user that password; durable when it returns. The clear text is not sent where a hash will do.

        Raises PasswordRejected when the server's policy refuses the value.
        """

    def guard_target(self, username: str, *, allow_privileged: bool) -> None:
        """
        Refuse (GuardViolation) an account that no application's secret should change.

        Those are: one that is more powerful than an application's, unless that is allowed; one that cannot
        log in by password (IAM, directory); one that does not exist.
        """

    def require_usable(self, username: str) -> None:
        """
        Raise AccountUnusable where the account is locked or expired, so that a new password would be of no use.

        An admin asks, of a user that ``guard_target`` let pass.
        """

    def mark_of(self, username: str) -> Mark | None:
        """Read whose the account is, as far as a mark beside it says so."""

    def mark_is_proof(self, username: str) -> bool:
        """
        Return whether only an admin can have written what marks that account; what the user can write is a hint.

        The admin relies upon that where no password of the secret is accepted.
        """

    def ownership(self, pair: Pair) -> Ownership:
        """Return whose the idle account of the pair is, by what the server keeps of it."""

    def take_over(self, pair: Pair, former: str, *, rehearse: bool = False) -> Sequence[str]:
        """
        Mark as the pair's each of its accounts that is marked as the ``former`` secret's, and name those.

        A promotion alone asks, of the same secret in another Region. Every other mark stays as it is. A call that broke
        off is completed by another one. With ``rehearse`` it names the accounts, and changes nothing.
        """

    def prepared_version(self, pair: Pair) -> str | None:
        """
        Return the secret's version for which ``level`` last prepared either user of the pair, if a mark says so.

        Read under the lock it tells whether another rotation came in between.
        """

    def level(self, pair: Pair, password: Password, *, rehearse: bool = False) -> Sequence[str]:
        """
        Make the idle user the equal of the active one, give it the password last, and name each change made.

        A line that a person should look at is a Caution.

        The clone is created where it is missing, born unable to log in, and marked. In the rotation that
        promotes the clone its access is granted and revoked to match the base; in the one that promotes the
        base nothing is revoked. With ``rehearse`` it says what it would do, and changes nothing.

        Raises AccessMismatch, naming the difference and the statement to run, where the two cannot be made
        equal; then nothing was changed that the application uses, and the password was not set.
        """

    def check_access(self, pair: Pair) -> Sequence[str]:
        """
        As the idle user itself: raise AccessMismatch unless it acts with the access of the pair.

        Gives in words what a person should know of that access all the same.
        """

    def cautions(self, username: str, pair: Pair | None = None) -> Sequence[str]:
        """
        Say in words what a person should know before the user, or that pair, is rotated; a dry run asks.

        As the user itself it tells of its login, as an admin of the rest.
        """

    def disable_password(self, username: str) -> None:
        """End the user's password; no login by password is accepted until one is set."""

    def end_sessions(self, username: str) -> int:
        """End the user's other open sessions, and count them."""

    def takes_changes(self) -> bool:
        """Return whether the server is one that takes changes, now; those of a reader raise ReadOnlyServer."""


class RetainingSession(Session, Protocol):
    """A session with a server that may keep two passwords for a user: the first one, and one that it retains."""

    def retention_obstacle(self, username: str) -> str | None:
        """Say in words why the server or the login's rights do not allow it for that user; None where they do."""

    def retain_password(
        self, username: str, current: Password, pending: Password, mark: Mark, current_version: str
    ) -> bool:
        """
        Make the pending password the first one and retain the current one, and record the mark where possible.

        By the user itself it is one statement, a compare-and-swap: False, and nothing changed, where the current
        password is not the first one any more. An admin makes it so from every state, under the lock that it
        took. ``current_version`` is the id of the version that holds the current password.
        """

    def replace_first(self, username: str, pending: Password, mark: Mark) -> None:
        """Set the pending password in the place of the first one, and record the mark; the second one stays."""

    def discard_retained(self, username: str) -> None:
        """End the second password now, where there is one."""


class Engine(Protocol):
    """A kind of database server."""

    traits: Traits

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> Session:
        """
        Log in, and have a first statement answered; the whole of it within the deadline.

        Raises AuthenticationFailed only where the server said so, AccountUnusable for any other refusal that
        the server itself sent, TlsFailed and Unreachable for everything before that.
        """


class SecretStore(Protocol):
    """
    One secret in the place where it is kept, and the read access to admin secrets beside it.

    All methods raise StoreError: StoreDenied, VersionNotFound, or StoreUnavailable when no answer came, so
    that it is not known whether the operation took effect.
    """

    def describe(self) -> Versions:
        """Read the labels of all versions, and what is known of replicas."""

    def describe_replica(self, region: str) -> Versions:
        """Read the labels of the replica in a Region; StoreError where that Region cannot be asked."""

    def replicate(self, replica: Replica) -> None:
        """Ask the service to try a replica that failed again, which overwrites and removes nothing."""

    def read(self, stage: Stage | None = None, version: str | None = None) -> StoredVersion:
        """Read one version; with both given they must name the same one, else VersionNotFound. Bytes: InvalidSecret."""

    def stage_pending(self, token: str, value: str) -> bool:
        """Store the pending value durably; False when the token has one already, which is then kept."""

    def promote(self, token: str, replacing: str) -> None:
        """
        Move AWSCURRENT from ``replacing`` to the token's version: a compare-and-swap.

        Raises StoreError when AWSCURRENT is not on ``replacing`` (any more).
        """

    def label(self, token: str, label: str, leaving: str | None) -> None:
        """Move a label of our own to the token's version; ``leaving`` is where it probably is."""

    def unstage(self, token: str) -> None:
        """Take AWSPENDING off the token's version; nothing happens where it is not there."""

    def unlabelled(self) -> Sequence[str]:
        """Return the ids of the versions without a label (but ours) that can still be read, newest first."""

    def rehearse(self, version: str, value: str) -> None:
        """Prove the right to make such a value AWSCURRENT in the place of that version, and change nothing."""

    def read_admin(self, arn: str) -> StoredVersion:
        """Read another secret's AWSCURRENT."""

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """Read another secret's tags."""


class Mirrors(Protocol):
    """Parameters that follow a secret. Each names the ARN of its secret, else NotOurs: nobody can aim at another's."""

    def constant_names(self, name: str) -> bool:
        """Return whether one holds the password alone, so that the user's name beside it may never change."""

    def value(self, name: str) -> str:
        """Read one. Raises StoreError, or InvalidSecret where it is not encrypted."""

    def shown(self, name: str, held: str, value: str, credential: Credential) -> str:
        """Return what one that holds that is to hold for a value. Raises InvalidSecret where its layout is unknown."""

    def write(self, name: str, arn: str, value: str) -> None:
        """Write one that is there. Raises StoreUnavailable where it is not known whether that took effect."""

    def check(self, name: str, arn: str) -> None:
        """See that it is there, the secret's, and that it may be written. Raises NotOurs, StoreError."""


class Topology(Protocol):
    """Where a database really is, by the control plane's word."""

    def locate(self, tags: Mapping[str, str]) -> Mapping[str, object] | None:
        """
        Find the database that a managed admin secret belongs to, by the tags that AWS put on the secret.

        Gives the secret fields that it lacks (``engine``, ``host``, ``port``), or None when no tag says.
        """


class Clusters(Protocol):
    """Which server of a cluster takes changes, by the control plane's word."""

    def writer_of(self, address: Address, deadline: Deadline) -> Address | None:
        """
        Return where the writer of the address's cluster is; None where the control plane knows no such address.

        Raises GuardViolation where that cluster has no writer here. Raises StoreError where the control plane cannot be
        asked, with the permission or the endpoint that is missing.
        """

    def forget(self, since: float) -> None:
        """Forget what was learnt before that point in time (``time.monotonic``): it has led to no writer."""


class Observer(Protocol):
    """Who is told what a rotation does."""

    def note(self, message: str, **fields: object) -> None:
        """Tell what was decided or done; the fields hold no secret."""

    def warn(self, message: str, **fields: object) -> None:
        """Tell what a person should look at."""

    def recovered(self, reason: str, **fields: object) -> None:
        """Tell that something out of order was put right, and how; it is counted, too."""

    def measure(self, name: str, value: float, unit: str, *, region: str | None = None) -> None:
        """Count or time something, perhaps of a replica's Region: a CloudWatch metric's name, value and unit."""
