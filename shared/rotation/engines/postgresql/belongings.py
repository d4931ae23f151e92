"""What the clone owns goes to the base, in every database; what others gave it is only told of."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from psycopg2 import sql

from rotation.engines.postgresql.accounts import MEMBERSHIP_OPTIONS
from rotation.engines.postgresql.changes import quoted
from rotation.errors import AccessMismatch, EngineError
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rotation.engines.postgresql.accounts import Role
    from rotation.engines.postgresql.connection import Connection
    from rotation.model import Pair

_MOST_NAMES: Final = 20

_PATIENCE: Final = "'3s'"
"""How long a thing in use is waited for: whoever wants it then stands behind us (manual, "Explicit Locking")."""

_NAMES: Final = """
SELECT thing.type || ' ' || thing.identity
  FROM pg_catalog.pg_shdepend s, pg_catalog.pg_identify_object(s.classid, s.objid, s.objsubid) thing
 WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = %(clone)s AND s.deptype = 'o'
   AND (s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
        OR s.dbid = 0 AND %(shared)s)
   AND s.classid NOT IN ('pg_catalog.pg_user_mapping'::regclass, 'pg_catalog.pg_default_acl'::regclass)
 ORDER BY 1
"""

_HELD: Final = """
SELECT pg_catalog.pg_has_role(%(role)s, 'USAGE') AND pg_catalog.pg_has_role(%(role)s, {may_become})
"""

_GRANTS: Final = """
SELECT g.rolname::text, {inherit}
  FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
 WHERE m.roleid = %s::pg_catalog.regrole AND m.member = session_user::pg_catalog.regrole
"""


def give_to_base(connection: Connection, pair: Pair, clone: Role, *, keep: bool) -> list[str]:
    """
    Give all that the clone owns to the base, and name it; within the transaction of the connection for its database.

    Other databases are logged in to first, each with a transaction of its own: what is given there is right in any
    case, and this one must hold nothing yet that those could wait for.
    Raises AccessMismatch, with the statements for a person, where the admin may not.
    """
    if not clone.owned:
        return []
    here = connection.one("SELECT pg_catalog.current_database()::text")
    elsewhere = [name for name in clone.owned if name not in {"", here}]
    lines: list[str] = []
    try:
        for database in [*elsewhere, *([here] if len(elsewhere) < len(clone.owned) else ())]:
            with ExitStack() as stack:
                there = connection
                if database != here:
                    there = connection.elsewhere(database)
                    stack.callback(there.close)
                    stack.enter_context(there.transaction(keep=keep))
                lines.append(_reassign(there, pair, clone, database, shared=not lines))
    except EngineError as error:
        if error.retryable:
            raise
        raise _refusal(connection, pair, clone, error.code) from None
    return lines


def _reassign(connection: Connection, pair: Pair, clone: Role, database: str, *, shared: bool) -> str:
    """Give away what the clone owns in the connection's database, and what is in none of them."""
    names = [name for (name,) in connection.run(_NAMES, {"clone": clone.oid, "shared": shared})]
    statement = sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(pair.clone), sql.Identifier(pair.base))
    with _member_of(connection, pair.base), _member_of(connection, pair.clone):
        connection.run("SET LOCAL lock_timeout = " + _PATIENCE)
        connection.run(statement)
        connection.run("SET LOCAL lock_timeout TO DEFAULT")
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (
        f"REASSIGN OWNED BY {quoted(pair.clone)} TO {quoted(pair.base)} in database {quoted(database)}: "
        f"{', '.join(names[:_MOST_NAMES])}{more}"
    )


@contextmanager
def _member_of(connection: Connection, role: str) -> Iterator[None]:
    """
    Be a member of the role for a moment, and afterwards what one was before.

    Who may grant a role may grant it to itself (manual, "Role Attributes", CREATEROLE, and GRANT); to give things
    away one has to have the rights of both owners (REASSIGN OWNED).
    """
    options = connection.version >= MEMBERSHIP_OPTIONS
    may_become = sql.Literal("SET" if options else "MEMBER")
    if connection.one(sql.SQL(_HELD).format(may_become=may_become), {"role": role}):
        yield
        return
    names = [sql.Identifier(role), sql.Identifier(connection.user)]
    grants = sql.SQL(_GRANTS).format(inherit=sql.SQL("m.inherit_option, m.set_option" if options else "true, true"))
    before = {grantor: held for grantor, *held in connection.run(grants, (quoted(role),))}
    connection.run(sql.SQL("GRANT {} TO {}" + (" WITH INHERIT TRUE, SET TRUE" if options else "")).format(*names))
    yield
    for grantor, *held in connection.run(grants, (quoted(role),)):
        if grantor not in before:
            by = sql.SQL(" GRANTED BY {}" if options else "").format(sql.Identifier(grantor))
            connection.run(sql.SQL("REVOKE {} FROM {}").format(*names) + by)
        elif held != before[grantor]:
            inherit, switch = (sql.SQL("TRUE" if it else "FALSE") for it in before[grantor])
            again = sql.SQL("GRANT {} TO {} WITH INHERIT {}, SET {} GRANTED BY {}")
            connection.run(again.format(*names, inherit, switch, sql.Identifier(grantor)))


def told_of_grants(pair: Pair, clone: Role) -> list[str]:
    """Name what others have granted to the clone itself: of no use to it while it acts as the base."""
    if not clone.granted:
        return []
    return [
        Caution(
            f"not changed: {pair.clone} was granted rights by others, {_places(clone.granted)}. They count for "
            f"nothing, since it acts as {pair.base}; DROP OWNED BY {quoted(pair.clone)} takes them away"
        )
    ]


def _places(things: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} in database {quoted(database)}" if database else f"{count} outside of the databases"
        for database, count in things.items()
    )


def _refusal(connection: Connection, pair: Pair, clone: Role, code: str) -> AccessMismatch:
    run_in = [quoted(database) for database in clone.owned if database] or ["any database"]
    owner, heir = quoted(pair.clone), quoted(pair.base)
    return AccessMismatch(
        f"The user {pair.clone} owns things that {pair.base} has no part in, {_places(clone.owned)}, and the admin "
        f"may not give them to it ({code or 'no login'})",
        where=connection.where,
        remedy=f"In {', '.join(run_in)}, as a member of both users, run: REASSIGN OWNED BY {owner} TO {heir};",
    )
