"""A user's attributes and settings, as the catalog shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, datetime
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.text import identifier, literal, name_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rotation.engines.redshift.connection import Connection

_LISTS: Final = frozenset({"search_path"})
"""Settings that are lists of names."""

_USER: Final = "SELECT usesuper, usecreatedb, valuntil, useconfig FROM pg_catalog.pg_user WHERE usename = %s"
_INFO: Final = """
SELECT connection_limit, syslog_access, session_timeout FROM pg_catalog.svv_user_info WHERE user_name = %s
"""


@dataclass(frozen=True, slots=True)
class Flags:
    """What every user may see of another (Developer Guide, "PG_USER")."""

    superuser: bool
    createdb: bool
    valid_until: str
    settings: Mapping[str, str]

    def is_within(self, other: Flags) -> bool:
        """Return whether the other may do all that this one may."""
        return self.superuser <= other.superuser and self.createdb <= other.createdb


@dataclass(frozen=True, slots=True)
class User:
    """A user, as an admin sees it (Developer Guide, "SVV_USER_INFO")."""

    name: str
    flags: Flags
    limit: str
    syslog: str
    timeout: int


@dataclass(frozen=True, slots=True)
class Change:
    """A statement, and how it is shown: without a value that may be secret."""

    statement: str
    shown: str = ""

    def __str__(self) -> str:
        """Show it to a person."""
        return self.shown or self.statement


def read_flags(connection: Connection, name: str) -> Flags | None:
    """Read what any user may see; None where there is no such user."""
    if not (rows := connection.run(_USER, name)):
        return None
    superuser, createdb, until, config = rows[0]
    settings = dict(entry.split("=", 1) for entry in config or [])
    return Flags(bool(superuser), bool(createdb), _moment(until), settings)


def _moment(until: object) -> str:
    """Write a time as statements do; the driver reads an infinite one as the last that Python knows."""
    if isinstance(until, datetime) and until.year != MAXYEAR:
        return until.isoformat(sep=" ")
    return "infinity" if until is None or isinstance(until, datetime) else str(until)


def read_user(connection: Connection, name: str) -> User | None:
    """Read what an admin may see; None where there is no such user."""
    flags = read_flags(connection, name)
    rows = connection.run(_INFO, name)
    if flags is None or not rows:
        return None
    limit, syslog, timeout = rows[0]
    return User(name, flags, str(limit), str(syslog), int(timeout or 0))


def levelling(base: User, clone: User) -> Iterator[Change]:
    """List what makes the clone's attributes and settings the base's (Developer Guide, "ALTER USER")."""
    alter = f"ALTER USER {identifier(clone.name)}"
    for word, attribute in (("CREATEDB", "createdb"), ("CREATEUSER", "superuser")):
        wanted = getattr(base.flags, attribute)
        if getattr(clone.flags, attribute) != wanted:
            yield Change(f"{alter} {'' if wanted else 'NO'}{word}")
    if clone.syslog != base.syslog:
        yield Change(f"{alter} SYSLOG ACCESS {base.syslog}")
    if clone.limit != base.limit:
        yield Change(f"{alter} CONNECTION LIMIT {base.limit}")
    if clone.timeout != base.timeout:
        yield Change(f"{alter} SESSION TIMEOUT {base.timeout}" if base.timeout else f"{alter} RESET SESSION TIMEOUT")
    if clone.flags.valid_until != base.flags.valid_until:
        yield Change(f"{alter} VALID UNTIL {literal(base.flags.valid_until)}")
    yield from _settings(alter, base.flags.settings, clone.flags.settings)


def _settings(alter: str, wanted: Mapping[str, str], held: Mapping[str, str]) -> Iterator[Change]:
    for name in held.keys() - wanted.keys():
        yield Change(f"{alter} RESET {_parameter(name)}")
    for name, value in wanted.items():
        if held.get(name) != value:
            statement = f"{alter} SET {_parameter(name)} TO "
            hidden = f"{statement}…" if "." in name else ""  # a setting of the application's own may be a secret
            yield Change(statement + (name_list(value) if name in _LISTS else literal(value)), hidden)


def _parameter(name: str) -> str:
    return ".".join(part if part.isidentifier() else identifier(part) for part in name.split("."))


def lost_on_base(base: User, clone: User) -> list[str]:
    """List what the application would lose with the base, and which statement would give it."""
    alter = f"ALTER USER {identifier(base.name)}"
    words = (("CREATEDB", "createdb"), ("CREATEUSER", "superuser"))
    lost = [f"{alter} {word}" for word, it in words if getattr(clone.flags, it) and not getattr(base.flags, it)]
    if clone.syslog == "UNRESTRICTED" != base.syslog:
        lost.append(f"{alter} SYSLOG ACCESS UNRESTRICTED")
    return lost
