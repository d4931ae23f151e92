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
    from collections.abc import Iterable, Mapping, Sequence

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
    everyones: Settings
    """What is set for all users."""
    takes: frozenset[str]
    """Which of the roles that these settings name it may take at its login."""
    owned: Mapping[str, int]
    """How many things the user owns in which database; "" for things of all databases."""
    granted: Mapping[str, int]
    """How many things it was granted itself, or is named by (policies)."""

    @property
    def mark(self) -> Mark | None:
        """Whose the user is, by its comment."""
        return parse_mark(self.comment)


_COMMENTS: Final = """
SELECT r.rolname::text, coalesce(d.description, '')
  FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_shdescription d
    ON d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::regclass
 WHERE r.rolname = ANY(%s::name[])
"""

_ROLES: Final = """
SELECT r.rolname::text, r.oid, r.rolcanlogin, r.rolinherit,
       ARRAY[r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls],
       r.rolconnlimit, coalesce(nullif(r.rolvaliduntil, 'infinity')::text, 'infinity'),
       ({comment}), ({memberships}), ({settings}), ({belongings})
  FROM pg_catalog.pg_roles r WHERE r.rolname = ANY(%s::name[])
"""
"""
All that concerns the equality of users, in one statement: each is seen as it is at the same moment as the others.

What comes in rows of its own comes as JSON.
"""

_COMMENT: Final = """
SELECT d.description FROM pg_catalog.pg_shdescription d
 WHERE d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::regclass
"""

_MEMBERSHIPS: Final = """
SELECT json_agg(json_build_array(pg_get_userbyid(m.roleid), coalesce(g.rolname, ''), m.admin_option, {options},
       coalesce(g.rolsuper OR g.rolcreaterole OR g.rolname = session_user, true), m.grantor = 10)
       ORDER BY pg_get_userbyid(m.roleid), coalesce(g.rolname, ''))
  FROM pg_catalog.pg_auth_members m LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
 WHERE m.member = r.oid
"""

_SETTINGS: Final = """
SELECT json_agg(json_build_array(s.setrole = 0, coalesce(d.datname, ''), entry,
       CASE WHEN entry LIKE 'role=%%'
            THEN pg_has_role(r.oid, to_regrole(quote_ident(substr(entry, 6))), {may_become}) END)
       ORDER BY d.datname, entry)
  FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase,
       unnest(s.setconfig) entry
 WHERE s.setrole IN (0, r.oid)
"""
"""
Everyone's settings and the user's own, and whether the user may take the role that one names.

The server passes over a role that it may not take.
"""

_BELONGINGS: Final = """
SELECT json_agg(json_build_array(mine, name, number) ORDER BY name) FROM (
    SELECT s.deptype = 'o' AND s.classid NOT IN (
               'pg_catalog.pg_user_mapping'::regclass, 'pg_catalog.pg_default_acl'::regclass) AS mine,
           coalesce(d.datname, '') AS name, count(*) AS number
      FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
     WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = r.oid
       AND s.classid <> 'pg_catalog.pg_auth_members'::regclass
       AND NOT (s.classid = 'pg_catalog.pg_database'::regclass AND s.deptype = 'a' AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_database granted, pg_catalog.aclexplode(granted.datacl) acl
              WHERE granted.oid = s.objid AND acl.grantee = s.refobjid
                AND (acl.privilege_type <> 'CONNECT' OR acl.is_grantable)))
     GROUP BY 1, 2) belongings
"""
"""
All that depends on the user in every database, and whether the user owns it; not its CONNECT grants and memberships.

A user mapping is made by whoever owns the foreign server, and default privileges are no thing that anybody reads.
"""


def read_roles(connection: Connection, *names: str, login_only: bool = False) -> dict[str, Role]:
    """
    Read all that concerns the equality of users, of those that there are, at one moment.

    With ``login_only`` leave out comments and belongings, which say nothing of a login and take half of the time.
    """
    options = connection.version >= MEMBERSHIP_OPTIONS
    query = _ROLES.format(
        comment="NULL" if login_only else _COMMENT,
        memberships=_MEMBERSHIPS.format(options="m.inherit_option, m.set_option" if options else "true, true"),
        settings=_SETTINGS.format(may_become="'SET'" if options else "'MEMBER'"),
        belongings="NULL" if login_only else _BELONGINGS,
    )
    rows = connection.run(query, (list(map(fitting, names)),))
    return {row[0]: _role(row) for row in rows}


def _role(row: Sequence[Any]) -> Role:
    name, oid, login, inherit, flags, limit, valid_until, comment, *lists = row
    memberships, settings, belongings = (one or [] for one in lists)
    kinds = ("SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS")
    return Role(
        name=name,
        oid=oid,
        login=login,
        inherit=inherit,
        attributes=dict(zip(kinds, flags, strict=True)),
        limit=limit,
        valid_until=valid_until,
        comment=comment or "",
        memberships=tuple(Membership(*row) for row in memberships),
        settings=_settings((database, entry) for all_users, database, entry, _ in settings if not all_users),
        everyones=_settings((database, entry) for all_users, database, entry, _ in settings if all_users),
        takes=frozenset({"none", *(entry.removeprefix("role=") for *_, entry, takes in settings if takes)}),
        owned={database: count for mine, database, count in belongings if mine},
        granted={database: count for mine, database, count in belongings if not mine},
    )


def existing(connection: Connection, pair: Pair, found: Mapping[str, Role], name: str) -> Role:
    """Return a user of the pair. Raises AccessMismatch where there is none."""
    if name not in found:
        what = f"The pair of {pair.base} lacks the user {name}"
        raise AccessMismatch(what, where=connection.where, remedy="Create it, or correct the secret.")
    return found[name]


def read_comments(connection: Connection, *names: str) -> dict[str, str]:
    """Read users' comments, at one moment; empty where there is none, and nothing of a user that is not there."""
    return dict(connection.recall(_COMMENTS, list(map(fitting, names))))


def _settings(entries: Iterable[tuple[str, str]]) -> Settings:
    found: Settings = {}
    for database, entry in entries:
        name, _, value = entry.partition("=")
        found[database, name] = value
    return found


def as_it_logs_in(user: Role) -> tuple[Role, Settings]:
    """
    Return the user and the settings of everyone, as far as they count at the user's login.

    A role that is gone, or that the user may not take, is passed over with a warning (postinit.c; manual, "SET ROLE").
    """
    return replace(user, settings=_counting(user.settings, user.takes)), _counting(user.everyones, user.takes)


def _counting(settings: Settings, taken: frozenset[str]) -> Settings:
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
