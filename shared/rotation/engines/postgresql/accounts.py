"""
What the server's catalogs say of a user.

Only catalogs that every user may read: pg_roles, pg_auth_members, pg_db_role_setting, pg_shdepend,
pg_shdescription, pg_database (PostgreSQL manual, "System Catalogs").
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rotation.errors import AccessMismatch, GuardViolation
from rotation.model import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.engines.postgresql.connection import Connection
    from rotation.model import Pair

NAME_BYTES: Final = 63
"""The longest name that the server keeps whole; it cuts longer ones (manual, "Identifiers and Key Words")."""

MEMBERSHIP_OPTIONS: Final = 160000
"""The version since which a membership has options and each of its grantors counts (release notes of 16)."""

MARK: Final = "aws-rotation "
"""How the line of a comment begins that says whose the user is; a person's words may stand before it."""

MARK_KEYS: Final = ("secret", "base", "version")


def fitting(name: str) -> str:
    """Return the name back; refuse one that the server would cut, since that is another user's name."""
    if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES:
        what = f"The user name {name} is longer than the {NAME_BYTES} bytes that PostgreSQL keeps"
        raise GuardViolation(what, remedy="Use a shorter one: the server would take another user's name.")
    return name


@dataclass(frozen=True, slots=True)
class Membership:
    """A role that the user is a member of, as one grantor gave it."""

    role: str
    grantor: str
    admin: bool
    inherit: bool
    switch: bool
    """Whether SET ROLE is allowed; PostgreSQL before 16 allows it always."""
    in_charge: bool = True
    """Whether the grantor manages roles; otherwise it is anybody who had the role to give."""
    lasting: bool = False
    """Whether it was granted by the first superuser, who cannot be dropped (manual, "Role Attributes")."""


Settings = dict[tuple[str, str], str]
"""What ALTER ROLE … SET has set: by database ("" for all) and name."""


@dataclass(frozen=True, slots=True)
class Role:
    """A user, as the catalogs show it."""

    name: str
    oid: int
    login: bool
    inherit: bool
    attributes: Mapping[str, bool]
    """SUPERUSER, CREATEROLE, CREATEDB, REPLICATION, BYPASSRLS."""
    limit: int
    valid_until: str
    comment: str
    memberships: tuple[Membership, ...]
    settings: Settings
    owned: Mapping[str, int]
    """How many things the user owns in which database; "" for things of all databases."""
    granted: Mapping[str, int]
    """How many things it was granted itself, or is named by (policies)."""

    @property
    def mark(self) -> Mark | None:
        """Whose the user is, by its comment."""
        return parse_mark(self.comment)


_ROLE: Final = """
SELECT oid, rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
       rolconnlimit, coalesce(nullif(rolvaliduntil, 'infinity')::text, 'infinity')
  FROM pg_catalog.pg_roles WHERE rolname = %s
"""

_COMMENT: Final = """
SELECT d.description FROM pg_catalog.pg_shdescription d JOIN pg_catalog.pg_roles r ON r.oid = d.objoid
 WHERE d.classoid = 'pg_catalog.pg_authid'::regclass AND r.rolname = %s
"""

_MEMBERSHIPS: Final = """
SELECT r.rolname, coalesce(g.rolname, ''), m.admin_option, {options},
       coalesce(g.rolsuper OR g.rolcreaterole OR g.rolname = session_user, true), m.grantor = 10
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
 WHERE m.member = %s ORDER BY 1, 2
"""

_SETTINGS: Final = """
SELECT coalesce(d.datname, ''), unnest(s.setconfig)
  FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
 WHERE s.setrole = %s ORDER BY 1, 2
"""

_TAKES: Final = """
SELECT r.rolname::text FROM pg_catalog.pg_roles r
 WHERE r.rolname = ANY(%(named)s) AND pg_catalog.pg_has_role(%(user)s::pg_catalog.oid, r.oid, {may_become})
"""
"""Which of the roles that settings name the user may take at its login; the server passes over the others."""

_BELONGINGS: Final = """
SELECT s.deptype = 'o' AND s.classid NOT IN (
           'pg_catalog.pg_user_mapping'::regclass, 'pg_catalog.pg_default_acl'::regclass),
       coalesce(d.datname, ''), count(*)
  FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
 WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = %s
   AND s.classid <> 'pg_catalog.pg_auth_members'::regclass
   AND NOT (s.classid = 'pg_catalog.pg_database'::regclass AND s.deptype = 'a' AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_database granted, pg_catalog.aclexplode(granted.datacl) acl
          WHERE granted.oid = s.objid AND acl.grantee = s.refobjid
            AND (acl.privilege_type <> 'CONNECT' OR acl.is_grantable)))
 GROUP BY 1, 2 ORDER BY 1, 2
"""
"""
All that depends on the user in every database, and whether the user owns it; not its CONNECT grants and memberships.

A user mapping is made by whoever owns the foreign server, and default privileges are no thing that anybody reads.
"""


def read_role(connection: Connection, name: str) -> Role | None:
    """Read all that concerns the equality of two users; None where there is no such user."""
    if not (rows := connection.run(_ROLE, (fitting(name),))):
        return None
    oid, login, inherit, *flags, limit, valid_until = rows[0]
    kinds = ("SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS")
    return Role(
        name=name,
        oid=oid,
        login=login,
        inherit=inherit,
        attributes=dict(zip(kinds, flags, strict=True)),
        limit=limit,
        valid_until=valid_until,
        comment=read_comment(connection, name),
        memberships=_memberships(connection, oid),
        settings=read_settings(connection, oid),
        **_belongings(connection, oid),
    )


def existing(connection: Connection, pair: Pair, name: str) -> Role:
    """Read a user of the pair. Raises AccessMismatch where there is none."""
    if (role := read_role(connection, name)) is None:
        what = f"The pair of {pair.base} lacks the user {name}"
        raise AccessMismatch(what, where=connection.where, remedy="Create it, or correct the secret.")
    return role


def _belongings(connection: Connection, oid: int) -> dict[str, dict[str, int]]:
    rows = connection.run(_BELONGINGS, (oid,))
    owned = {database: count for mine, database, count in rows if mine}
    return {"owned": owned, "granted": {database: count for mine, database, count in rows if not mine}}


def read_comment(connection: Connection, name: str) -> str:
    """Read a user's comment; empty where there is none, or no such user."""
    return str(rows[0][0]) if (rows := connection.run(_COMMENT, (fitting(name),))) else ""


def _memberships(connection: Connection, oid: int) -> tuple[Membership, ...]:
    options = "m.inherit_option, m.set_option" if connection.version >= MEMBERSHIP_OPTIONS else "true, true"
    rows: list[tuple[Any, ...]] = connection.run(_MEMBERSHIPS.format(options=options), (oid,))
    return tuple(Membership(*row) for row in rows)


def read_settings(connection: Connection, oid: int) -> Settings:
    """Read what is set for a user at login; oid 0 gives what is set for all users."""
    found: Settings = {}
    for database, entry in connection.run(_SETTINGS, (oid,)):
        name, _, value = entry.partition("=")
        found[database, name] = value
    return found


def as_it_logs_in(connection: Connection, user: Role) -> tuple[Role, Settings]:
    """
    Return the user and the settings of everyone, as far as they count at the user's login.

    A role that is gone, or that the user may not take, is passed over with a warning (postinit.c; manual, "SET ROLE").
    """
    everyone = read_settings(connection, 0)
    named = [value for held in (user.settings, everyone) for (_, name), value in held.items() if name == "role"]
    if not named:
        return user, everyone
    may_become = "'SET'" if connection.version >= MEMBERSHIP_OPTIONS else "'MEMBER'"
    rows = connection.run(_TAKES.format(may_become=may_become), {"named": named, "user": user.oid})
    taken = {"none", *(role for (role,) in rows)}
    return replace(user, settings=_counting(user.settings, taken)), _counting(everyone, taken)


def _counting(settings: Settings, taken: set[str]) -> Settings:
    return {key: value for key, value in settings.items() if key[1] != "role" or value in taken}


def parse_mark(comment: str) -> Mark | None:
    """Read the mark in a comment's last line; None where it is not one of ours."""
    last = comment.rpartition("\n")[2]
    if not last.startswith(MARK):
        return None
    try:
        content = json.loads(last.removeprefix(MARK))
        return Mark(*(str(content[key]) for key in MARK_KEYS))
    except (ValueError, TypeError, KeyError):
        return None


def with_mark(comment: str, mark: Mark) -> str:
    """Return the comment with this mark as its last line, in place of any other."""
    words, _, last = comment.rpartition("\n")
    kept = words if last.startswith(MARK) else comment
    content = json.dumps(dict(zip(MARK_KEYS, mark, strict=True)), ensure_ascii=False)
    return f"{kept}\n{MARK}{content}" if kept else MARK + content
