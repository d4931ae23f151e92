"""
The errors of a rotation.

Every message says what happened, where, and what to do next. It never holds a password, nor any text of a
driver or a server: such a text can quote a statement with a password in it.

RotationError
├── InvalidEvent, InvalidSecret, InvalidSettings
├── RotationRefused        the transition table has no such step from here
├── GuardViolation         host, user or privilege differs from what may be changed (NotTheServer: it is a pooler)
├── NoWorkingCredential    none of the stored versions is accepted
├── NotOurs                an account without proof that it belongs to this secret
├── AccessMismatch         the two users of a pair are not equal
├── StoreError             VersionNotFound, StoreUnavailable, StoreDenied
└── EngineError            AuthenticationFailed, AccountUnusable, Unreachable, TlsFailed,
                           PermissionDenied, PasswordRejected,
                           StatementFailed (ReadOnlyServer: it is a replica, or has become one), LockWithheld
"""

from __future__ import annotations

OWN_ENDPOINT = (
    'Name the database\'s own endpoint: in "rotation": {"host": …, "port": …} of the rotated secret, beside the proxy '
    "for its clients; in an admin's secret, as the host itself."
)
"""What helps where a proxy or a pooler stands before the server."""


class RotationError(Exception):
    """A rotation step that cannot go on, or cannot go on now."""

    retryable = False

    def __init__(self, what: str, *, where: str = "", remedy: str = "", retryable: bool | None = None) -> None:
        """Compose the message; ``retryable`` overrides what the class says."""
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        """Return what happened, where, and what to do."""
        place = f" (at {self.where})" if self.where else ""
        advice = f" {self.remedy}" if self.remedy else ""
        return f"{self.what}{place}.{advice}"


class InvalidEvent(RotationError):
    """The event that invoked the function is not one of Secrets Manager's rotation events."""


class InvalidSecret(RotationError):
    """The secret's value is not the JSON that this function can rotate."""


class InvalidSettings(RotationError):
    """A setting of the function, or of the secret's ``rotation`` object, is wrong or contradicts another."""


class RotationRefused(RotationError):
    """The version that the event names is not in a state from which this step may go on."""


class GuardViolation(RotationError):
    """What would be changed differs from what this secret may change."""


class NotTheServer(GuardViolation):
    """A proxy or a pooler answers: it accepts nothing but AWSCURRENT, or gives what we set to other clients."""

    def __init__(self, where: str) -> None:
        """Name the way round it."""
        super().__init__(
            "A proxy or a pooler answers at the host, not the database server itself; nothing was set or changed",
            where=where,
            remedy=OWN_ENDPOINT,
        )


class NoWorkingCredential(RotationError):
    """The server accepted none of the credentials that the secret's versions hold."""

    for_passwords_alone = False
    """Whether each refusal was of the user name or the password, so that nothing else stands in the way."""


class NotOurs(RotationError):
    """The account exists, and nothing proves that it belongs to this secret."""


class AccessMismatch(RotationError):
    """The two users of the pair would not have the same access."""


class StoreError(RotationError):
    """The secret store refused an operation."""


class VersionNotFound(StoreError):
    """The store has no such version, label or value."""


class StoreUnavailable(StoreError):
    """The store gave no answer, or asked to slow down; whether the operation took effect is not known."""

    retryable = True


class StoreDenied(StoreError):
    """The function's role may not do this."""


class EngineError(RotationError):
    """The database server, or the way to it, failed."""

    def __init__(
        self,
        what: str,
        *,
        engine: str,
        code: str = "",
        where: str = "",
        remedy: str = "",
        retryable: bool | None = None,
    ) -> None:
        """Add the engine's name and the server's error code (an SQLSTATE or a number, never a text)."""
        shown = f"{what} [{engine} {code}]" if code else f"{what} [{engine}]"
        super().__init__(shown, where=where, remedy=remedy, retryable=retryable)
        self.engine = engine
        self.code = code


class AuthenticationFailed(EngineError):
    """The server refused the user name or the password."""

    logins = 1
    """How many logins were refused until this was known."""


class AccountUnusable(EngineError):
    """The server refused the login for another reason: locked, expired, at a limit, no right to connect."""

    def __init__(
        self,
        what: str,
        *,
        engine: str,
        code: str = "",
        where: str = "",
        remedy: str = "",
        password_accepted: bool = False,
        locked: bool = False,
    ) -> None:
        """Say whether the password was accepted before the refusal, and whether more attempts would do harm."""
        super().__init__(what, engine=engine, code=code, where=where, remedy=remedy)
        self.password_accepted = password_accepted
        self.locked = locked

    @property
    def proves_password(self) -> bool:
        """Whether nothing but a limit that passes, such as a pool's, came after the password was accepted."""
        return self.password_accepted and self.retryable


class Unreachable(EngineError):
    """No connection, or no answer in time; nothing is known of the credential."""

    retryable = True


class TlsFailed(EngineError):
    """The server offers no TLS, or its certificate could not be verified."""


class PermissionDenied(EngineError):
    """The login lacks a right that the step needs."""


class PasswordRejected(EngineError):
    """The server's policy refuses the new password."""


class StatementFailed(EngineError):
    """The server refused a statement for a reason of its own."""


class ReadOnlyServer(StatementFailed):
    """The server takes no changes: it is a replica, or was the writer until just now."""


class LockWithheld(EngineError):
    """The lock is held by somebody who has no part in the rotation, and counts for nothing: the labels protect."""

    def __init__(self, holders: str, *, engine: str, where: str = "") -> None:
        """Name who holds it."""
        super().__init__(
            f"The lock of this rotation is held by {holders}, who has no part in it",
            engine=engine,
            where=where,
            remedy="See what that session does.",
        )
