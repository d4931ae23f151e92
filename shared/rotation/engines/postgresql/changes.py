"""
What has to be changed so that one user of a pair has the access of the other: pure functions of what was read.

The base is the source. A clone is a member of exactly the base and logs in as it, so that whatever either
makes belongs to the base; the rest (settings, limits) is copied, since it counts for the user that logs in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Final

from psycopg2 import sql

from rotation.engines.postgresql.accounts import MEMBERSHIP_OPTIONS, with_mark
from rotation.model import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rotation.engines.postgresql.accounts import Role, Settings
    from rotation.model import Pair

_QUOTED_LISTS: Final = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Settings that are kept as lists of quoted names (GUC_LIST_QUOTE; variable_is_guc_list_quote in pg_dump)."""

_IDENTIFIERS: Final = frozenset({"search_path", "temp_tablespaces"})
"""Those of them whose names are folded to lower case where they are not quoted; the others are of files."""

_FOLDED: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
"""Letters beyond ASCII stay: the server folds them only in encodings of one byte (downcase_identifier)."""


class Need(Enum):
    """What it means when the server does not allow a change."""

    RIGHT = "the admin lacks a grant"
    EQUALITY = "the pair cannot be made equal"
    WISH = "a person should know"
    TIDY = "nobody misses it"


@dataclass(frozen=True, slots=True)
class Change:
    """A statement: ``{}`` for each of the names, ``{value}`` for the values."""

    template: str
    names: tuple[str, ...]
    values: tuple[str, ...] = ()
    need: Need = Need.EQUALITY
    hidden: bool = False

    @property
    def statement(self) -> sql.Composed:
        """Return the statement to run."""
        value = sql.SQL(", ").join(map(sql.Literal, self.values))
        return sql.SQL(self.template).format(*map(sql.Identifier, self.names), value=value)

    def __str__(self) -> str:
        """Show the statement to a person, without values that may be secret."""
        value = "…" if self.hidden else ", ".join(map(literal, self.values))
        return self.template.format(*map(quoted, self.names), value=value)


def quoted(name: str) -> str:
    """Show a name as a statement does."""
    return '"{}"'.format(name.replace('"', '""'))


def literal(value: str) -> str:
    """Show a value as a statement does, in the form that no setting of the server reads otherwise."""
    doubled = value.replace("'", "''")
    return "E'{}'".format(doubled.replace("\\", "\\\\")) if "\\" in value else f"'{doubled}'"


def create(pair: Pair) -> Change:
    """Make the clone, unable to log in; never IF NOT EXISTS: what exists may be somebody else's."""
    return Change("CREATE ROLE {} NOLOGIN INHERIT", (pair.clone,), need=Need.RIGHT)


def levelling(base: Role, clone: Role, everyone: Settings, version: int, grantor: str | None = None) -> list[Change]:
    """
    List what the clone lacks and has too much to be the equal of the base; nothing when it is.

    ``grantor`` is as whose the admin's grants stand, where that matters.
    """
    return [
        *_memberships(base, clone, version),
        *own_membership(base, clone, version, grantor),
        *_other_grantors(base, clone, grantor),
        *_attributes(base, clone),
        *_settings(clone, login_settings(base, everyone, clone.name)),
        *_limits(base, clone),
    ]


def _memberships(base: Role, clone: Role, version: int) -> Iterator[Change]:
    options = version >= MEMBERSHIP_OPTIONS
    for held in clone.memberships:
        granted_by, grantor = (" GRANTED BY {}", (held.grantor,)) if options else ("", ())
        if held.role != base.name:
            need = Need.EQUALITY if held.in_charge else Need.WISH
            yield Change("REVOKE {} FROM {}" + granted_by, (held.role, clone.name, *grantor), need=need)
        elif held.admin:
            yield Change("REVOKE ADMIN OPTION FOR {} FROM {}" + granted_by, (held.role, clone.name, *grantor))


def own_membership(base: Role, clone: Role, version: int, grantor: str | None) -> Iterator[Change]:
    """Give the clone its membership under the present admin's name, so that it outlives every other admin."""
    whole = [held for held in clone.memberships if held.role == base.name and held.inherit and held.switch]
    if not any(grantor in {None, held.grantor} for held in whole):
        template = "GRANT {} TO {}" + (" WITH INHERIT TRUE, SET TRUE" if version >= MEMBERSHIP_OPTIONS else "")
        yield Change(template, (base.name, clone.name), need=Need.RIGHT)


def _other_grantors(base: Role, clone: Role, grantor: str | None) -> Iterator[Change]:
    """Take away what other admins gave; who made the database cannot be dropped, so that grant may stay."""
    for held in clone.memberships if grantor is not None else ():
        if held.role == base.name and not held.lasting and held.grantor != grantor:
            yield Change("REVOKE {} FROM {} GRANTED BY {}", (base.name, clone.name, held.grantor), need=Need.TIDY)


def _attributes(base: Role, clone: Role) -> Iterator[Change]:
    """Level REPLICATION and BYPASSRLS; what works through the base the clone must not have by itself."""
    for attribute, held in clone.attributes.items():
        wanted = attribute in {"REPLICATION", "BYPASSRLS"} and base.attributes[attribute]
        if held != wanted:
            yield Change(f"ALTER ROLE {{}} {'' if wanted else 'NO'}{attribute}", (clone.name,))
    if not clone.inherit:
        yield Change("ALTER ROLE {} INHERIT", (clone.name,))


def login_settings(base: Role, everyone: Settings, clone: str) -> Settings:
    """
    Return the settings with which the clone's login becomes what the base's is.

    The role that a login takes comes from the user's setting in the database, the user's own, the database's,
    everyone's, in this order (manual, "ALTER ROLE"); without any it is the base itself. So it is with the clone's
    name: the base cannot be a member of its own member, and its login does not get that role.
    """
    wanted = dict(base.settings)
    if ("", "role") not in wanted:
        for key, value in everyone.items():
            if key[1] == "role":
                wanted.setdefault(key, value)
    wanted.setdefault(("", "role"), base.name)
    own = {"none", clone}
    return {key: base.name if key[1] == "role" and value in own else value for key, value in wanted.items()}


def _settings(clone: Role, wanted: Settings) -> Iterator[Change]:
    for key in clone.settings.keys() - wanted.keys():
        yield _setting(clone, key, "RESET", None)
    for key, value in wanted.items():
        held = clone.settings.get(key)
        if held is None or _values(key[1], held) != _values(key[1], value):
            yield _setting(clone, key, "SET", value)


def _setting(clone: Role, key: tuple[str, str], verb: str, value: str | None) -> Change:
    database, name = key
    parts = name.split(".")
    place, where = (" IN DATABASE {}", (database,)) if database else ("", ())
    return Change(
        f"ALTER ROLE {{}}{place} {verb} {'.'.join(['{}'] * len(parts))}" + (" TO {value}" if value is not None else ""),
        (clone.name, *where, *parts),
        () if value is None else _values(name, value),
        need=Need.EQUALITY if name == "role" else Need.WISH,
        hidden=len(parts) > 1,  # a setting of the application's own may be a secret
    )


def _values(name: str, value: str) -> tuple[str, ...]:
    """Return what a setting holds; FROM CURRENT keeps a list as the application wrote it, SET as the server does."""
    if name not in _QUOTED_LISTS:
        return (value,)
    return tuple(_split(value, _FOLDED if name in _IDENTIFIERS else {}))


def _split(value: str, folded: Mapping[int, int]) -> Iterator[str]:
    """Take a list of names apart as SplitIdentifierString does: quoted by double quotes, or else folded."""
    quotes = value.split('"')
    word = ""
    for position, part in enumerate(quotes):
        if position % 2:
            word += part
        elif not part and 0 < position < len(quotes) - 1:
            word += '"'  # doubled within quotes
        else:
            *ended, last = part.translate(folded).split(",")
            for text in ended:
                yield word + text.strip()
                word = ""
            word += last.strip()
    yield word


def _limits(base: Role, clone: Role) -> Iterator[Change]:
    if clone.limit != base.limit:
        yield Change(f"ALTER ROLE {{}} CONNECTION LIMIT {base.limit}", (clone.name,))
    if clone.valid_until != base.valid_until:
        yield Change("ALTER ROLE {} VALID UNTIL {value}", (clone.name,), (base.valid_until,))


def mark(pair: Pair, clone: Role) -> Change:
    """Write on the clone whose the pair is, and for which version it is prepared."""
    words = with_mark(clone.comment, Mark(pair.secret_arn, pair.base, pair.version))
    return Change("COMMENT ON ROLE {} IS {value}", (clone.name,), (words,), need=Need.RIGHT, hidden=True)


def lost_on_base(base: Role, clone: Role) -> list[Change]:
    """List what would have to be given to the base, since the application has it through the clone alone."""
    known = {held.role for held in base.memberships} | {base.name}
    extra = [held.role for held in clone.memberships if held.role not in known and held.in_charge]
    given = [Change("GRANT {} TO {}", (role, base.name)) for role in dict.fromkeys(extra)]
    more = [name for name, held in clone.attributes.items() if held and not base.attributes[name]]
    return given + [Change(f"ALTER ROLE {{}} {name}", (base.name,)) for name in more]
