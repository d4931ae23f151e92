"""
Carrying out what levels two accounts, one statement after the other.

What the server lists is not all that can be granted: the grants on a table, a column or a routine stay after these
are gone (manual, "DROP TABLE Statement": privileges are not dropped), and giving such a grant to another account is
refused. A right to what is not there is no access, so it is left out, and told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.mysql.connection import quoted
from rotation.engines.mysql.faults import NO_SUCH_GRANT
from rotation.engines.mysql.grants import ALL, schema_of
from rotation.engines.mysql.rights import rights_of_login
from rotation.errors import AccessMismatch, PermissionDenied, StatementFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rotation.engines.mysql.changes import Change
    from rotation.engines.mysql.connection import Account, Connection
    from rotation.engines.mysql.grants import Grant

_GONE: Final = frozenset({1054, 1146, 1305})
"""ER_BAD_FIELD_ERROR, ER_NO_SUCH_TABLE, ER_SP_DOES_NOT_EXIST: what GRANT says where its object is not there."""


def carry_out(
    connection: Connection, change: Change, told: list[str], may_fail: Callable[[Change], bool] = lambda _: False
) -> set[Grant]:
    """
    Run a change, and tell what was done; give the grants that were left out, since what they are on is gone.

    A statement that is refused is tried in its parts, so that what can be given is, and the error names the one that
    cannot. Raises AccessMismatch where the admin may not do it, unless that part may fail: it is passed over then.
    """
    try:
        connection.run(change.statement)
    except (PermissionDenied, StatementFailed) as error:
        if change.parts and not error.retryable:
            return {grant for part in change.parts for grant in carry_out(connection, part, told, may_fail)}
        if change.given and int(error.code) in _GONE:
            told.append(left_out(change))
            return {change.given}
        if may_fail(change) and not error.retryable:
            return set()
        if change.given or int(error.code) not in NO_SUCH_GRANT:  # what is to be taken may have gone with its routine
            raise _named(connection, error, change.statement) from None
    told.append(change.statement)
    return set()


def run(connection: Connection, statement: str, clauses: str = "") -> None:
    """Run a statement with clauses that no error shows. Raises the error with the statement's name."""
    try:
        connection.run(f"{statement} {clauses}".rstrip())
    except StatementFailed as error:
        raise _named(connection, error, statement) from None


def left_out(change: Change) -> str:
    """Return the line that says that a change is not made, and why."""
    return f"left out, since what it is on is gone: {change}"


def divided(connection: Connection, change: Change) -> tuple[Sequence[Change], Sequence[Change]]:
    """Return what of a change can be made, and what is on what is not there, as far as the login sees that."""
    parts = change.parts or (change,)
    if any(part.given and part.given.what in {"CREATE", ALL} for part in parts):  # the table may come
        return [change], []
    absent = [part for part in parts if part.given and _is_gone(connection, part.given)]
    return [part for part in parts if part not in absent] if absent else [change], absent


def _is_gone(connection: Connection, grant: Grant) -> bool:
    """
    Return whether what a grant is on is certainly not there.

    Who may not read a table or a column is told so, and not that it is gone. A routine is told as gone to everybody
    who holds nothing of its schema.
    """
    schema = quoted(schema_of(grant.on))
    if schema == "``" or grant.on == f"{schema}.*":
        return False
    if not grant.on.startswith("`"):
        absent = _refused(connection, f"SHOW CREATE {grant.on}")
        return absent and rights_of_login(connection).holds("EXECUTE", f"{schema}.*")
    column = grant.what.partition(" (")[2].removesuffix(")") or "1"
    return _refused(connection, f"SELECT {column} FROM {grant.on} LIMIT 0")  # noqa: S608 as the server quotes them


def _refused(connection: Connection, query: str) -> bool:
    try:
        connection.run(query)
    except StatementFailed as error:
        return int(error.code or 0) in _GONE
    except PermissionDenied:
        pass
    return False


def _named(
    connection: Connection, error: PermissionDenied | StatementFailed, statement: str
) -> AccessMismatch | StatementFailed:
    """Make the error that names the statement, and with it the object and the account."""
    if isinstance(error, StatementFailed):
        error.what += f": {statement}"
        return error
    return AccessMismatch(
        f"The two users cannot be made equal: the admin may not {statement}",
        where=connection.where,
        remedy=f"Run it as one who may, or {_permission(connection.account, statement)}",
    )


def _permission(admin: Account, statement: str) -> str:
    """Return what would let the admin run a statement of levelling."""
    if statement.startswith("SET DEFAULT ROLE"):  # MariaDB's, for another user
        return f"run: GRANT UPDATE ON mysql.* TO {admin};"
    return "give the admin that right WITH GRANT OPTION (a role WITH ADMIN OPTION)."
