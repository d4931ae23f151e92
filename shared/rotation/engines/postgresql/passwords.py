"""Setting a password without sending it, and saying which right is missing."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import psycopg2
from psycopg2 import extensions, sql

from rotation.engines.postgresql.accounts import MEMBERSHIP_OPTIONS, fitting
from rotation.engines.postgresql.changes import quoted
from rotation.engines.postgresql.clear_text import require_unkept
from rotation.engines.postgresql.faults import ENGINE, fault
from rotation.engines.session import may_send_clear_text
from rotation.errors import PasswordRejected, PermissionDenied, StatementFailed
from rotation.model import Password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.engines.postgresql.connection import Connection

Made = TypeVar("Made")

_FORM: Final = """
SELECT coalesce((
    SELECT split_part(entry, '=', 2)
      FROM pg_catalog.pg_db_role_setting s
      JOIN pg_catalog.pg_roles r ON r.oid = s.setrole AND r.rolname = %s, unnest(s.setconfig) entry
     WHERE s.setdatabase = 0 AND entry LIKE 'password\\_encryption=%%'
), current_setting('password_encryption'))
"""
"""In which form the server would keep another user's password: that one's setting counts, else the session's."""

_RIGHTS: Final = """
SELECT admin.rolcreaterole, target.rolname::text, target.rolsuper, EXISTS (
    SELECT FROM pg_catalog.pg_auth_members m
     WHERE m.roleid = target.oid AND m.member = admin.oid AND m.admin_option)
  FROM pg_catalog.pg_roles admin LEFT JOIN pg_catalog.pg_roles target ON target.rolname = ANY(%s)
 WHERE admin.rolname = %s ORDER BY target.rolname
"""

_POLICY: Final = ("22", "28", "P0")
"""The SQLSTATE classes in which password checks refuse (passwordcheck: 22023; credcheck: 28000; pg_tle: P0001)."""


class TakesNoHashes(StatementFailed):
    """A check on the server refuses every hash."""


_NO_HASHES: Final = fault(
    TakesNoHashes,
    "A password check on the server refuses this user's password whatever it is: it takes no hashes, which are all "
    "that is sent",
    "Let the check take them: credcheck by credcheck.encrypted_password_allowed = on, a check of your own by what it "
    "does with the type of the password. Or let the function send clear text by verified TLS: CLEAR_TEXT_PASSWORDS "
    "(the parameter ClearTextPasswords of the stack). The server's log has its reason, under this code.",
)


def form_of(connection: Connection, username: str) -> str:
    """Say in which form the server would keep the user's new password; its own session has its own settings."""
    if username == connection.user:
        return connection.opening.keeps_as
    return str(connection.one(_FORM, (fitting(username),)))


def verifier(connection: Connection, username: str, password: Password) -> str:
    """
    Make the text that the server keeps instead of the password (SCRAM-SHA-256, or md5 where it is set so and used).

    The form is asked for here: libpq would ask by itself, and wait for the answer without a limit.
    """
    form = form_of(connection, username)
    algorithm = "scram-sha-256" if form == "scram-sha-256" or connection.uses_scram else "md5"
    with contextlib.suppress(ValueError, psycopg2.Error):
        if "\0" not in password.reveal():  # C would end the text there
            return extensions.encrypt_password(password.reveal(), username, connection.raw, algorithm)
    raise _rejected("The password has a character that PostgreSQL has not", connection, "")


def _rejected(what: str, connection: Connection, code: str) -> PasswordRejected:
    remedy = "Change the rules of the secret's passwords, or the server's policy."
    return PasswordRejected(what, engine=ENGINE, code=code, where=connection.where, remedy=remedy)


class Form(NamedTuple):
    """What is sent for a password: the verifier, or the clear text."""

    text: str
    clear: bool = False

    def __repr__(self) -> str:
        """Show neither."""
        return f"Form(clear={self.clear})"


def offered(connection: Connection, username: str, password: Password, attempt: Callable[[Form], Made]) -> Made:
    """Attempt it with a verifier; with the clear text where nothing else is taken, and the settings allow it."""
    try:
        return attempt(Form(verifier(connection, username, password)))
    except TakesNoHashes:
        if not (may_send_clear_text() and connection.encrypted):
            raise
    return attempt(Form(password.reveal(), clear=True))


def set_password(connection: Connection, username: str, form: Form, *, login: bool = False) -> None:
    """Run the statement that sets the password, the transaction's last; with ``login`` it opens the user as well."""
    if form.clear:
        require_unkept(connection)
    template = "ALTER ROLE {} LOGIN PASSWORD {}" if login else "ALTER ROLE {} PASSWORD {}"
    statement = sql.SQL(template).format(sql.Identifier(username), sql.Literal(form.text))
    if form.clear:  # what keeps the text out of the log counts as long as the transaction
        connection.run(statement)
    else:
        connection.end_with(statement)


@contextlib.contextmanager
def judged(connection: Connection, username: str, form: Form) -> Iterator[None]:
    """
    Tell a check's refusal from other errors of the transaction within, and whether it takes any hash at all.

    A hash shows nothing of the password. So a check that refuses another one just so, tried on a user that there is,
    has not judged the password. No other password would help.
    """
    try:
        yield
    except StatementFailed as error:
        if error.code[:2] not in _POLICY:
            raise
        if not form.clear and _refuses_any(connection, username, error.code):
            raise _NO_HASHES.at(connection.where, error.code) from None
        raise _rejected("The server's policy refuses the new password", connection, error.code) from None


def _refuses_any(connection: Connection, username: str, code: str) -> bool:
    another = verifier(connection, username, Password(secrets.token_urlsafe(24)))
    try:
        with connection.transaction(keep=False):
            set_password(connection, username, Form(another))
    except StatementFailed as error:
        return error.code == code
    return False


def change(connection: Connection, username: str, password: Password, *, keep: bool = True) -> None:
    """Set the password in a transaction of its own; without ``keep``, only try."""
    fitting(username)

    def attempt(form: Form) -> None:
        with judged(connection, username, form), connection.transaction(keep=keep):
            set_password(connection, username, form)

    with _told_which_right(connection, username):
        offered(connection, username, password, attempt)


def disable(connection: Connection, username: str) -> None:
    """End the password."""
    statement = sql.SQL("ALTER ROLE {} PASSWORD NULL").format(sql.Identifier(fitting(username)))
    with _told_which_right(connection, username), connection.transaction(keep=True):
        connection.end_with(statement)


@contextlib.contextmanager
def _told_which_right(connection: Connection, username: str) -> Iterator[None]:
    try:
        yield
    except PermissionDenied as denied:
        if not denied.code:  # it says already what helps
            raise
        what = f"The login {connection.user} may not change the password of {username}"
        raise PermissionDenied(
            what,
            engine=ENGINE,
            code=denied.code,
            where=connection.where,
            remedy=missing_grant(connection, username),
        ) from None


def missing_grant(connection: Connection, *usernames: str) -> str:
    """Name the statements that give the login the right to change the users."""
    admin = connection.user
    rows = connection.run(_RIGHTS, (list(usernames), admin)) if usernames != (admin,) else []
    if any(superuser for _, _, superuser, _ in rows):
        return "Only a superuser may change a superuser."
    needed = []
    if any(not createrole for createrole, *_ in rows):
        needed.append(f"ALTER ROLE {quoted(admin)} CREATEROLE;")
    if connection.version >= MEMBERSHIP_OPTIONS:
        lacking = [name for _, name, _, option in rows if name and not option]
        needed += [f"GRANT {quoted(name)} TO {quoted(admin)} WITH ADMIN OPTION;" for name in lacking]
    return f"Run: {' '.join(needed)}" if needed else _restricted(admin)


def _restricted(admin: str) -> str:
    return (
        f"Where rds.restrict_password_commands is on, run: GRANT rds_password TO {quoted(admin)}; "
        "or name an admin's secret in masterarn."
    )
