"""
Whose a user is, by a role that the admin made and gave to it.

Redshift keeps nothing beside a user: no comment, no attribute. An admin that is no superuser can make a role, read
it and give it to a user. An application can neither make nor take one. The mark is a role without any permission, one
a pair, which both users hold. Its name says of which secret and base it is, and for which version the pair was
prepared last. Only roles of this login and of superusers count: whoever else may make roles proves nothing.

Statements: Developer Guide, "CREATE ROLE", "GRANT", "DROP ROLE", "SVV_ROLES", "SVV_USER_GRANTS".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from rotation.engines.redshift.text import identifier
from rotation.errors import NotOurs, StatementFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotation.engines.redshift.connection import Connection
    from rotation.model import Pair

_TAG, _VERSION = 20, 32
"""Hexadecimal digits; with the rest of the name 62 bytes."""
_NAME: Final = re.compile(rf"rotation_([0-9a-f]{{{_TAG}}})_([0-9a-f]{{{_VERSION}}})")

_HELD: Final = """
SELECT g.user_name, r.role_name, r.role_owner, u.usesuper
  FROM pg_catalog.svv_user_grants g
  JOIN pg_catalog.svv_roles r ON r.role_id = g.role_id
  JOIN pg_catalog.pg_user u ON u.usename = r.role_owner
 WHERE g.user_name IN (%s, %s)
"""
_GONE: Final = "42704"


class Mark(NamedTuple):
    """A role that marks a user: of which pair, for which version, and who made it."""

    user: str
    role: str
    tag: str
    version: str
    own: bool
    by_superuser: bool

    @property
    def counts(self) -> bool:
        """Whether it proves anything."""
        return self.own or self.by_superuser


def is_mark(role: str) -> bool:
    """Return whether a role is a mark, so that it counts as no right."""
    return _NAME.fullmatch(role) is not None


def read(connection: Connection, pair: Pair) -> list[Mark]:
    """Read the marks that count of the pair's two users, this login's own before a superuser's."""
    return sorted((mark for mark in _read_all(connection, pair) if mark.counts), key=lambda mark: not mark.own)


def refuse_foreign(connection: Connection, pair: Pair) -> None:
    """Raise NotOurs where one of the pair's users is marked as another secret's, by whoever may mark."""
    for mark in read(connection, pair):
        if mark.tag != _tag(pair):
            what = f"The user {mark.user} is marked as another secret's"
            remedy = f"If that secret is gone, run: DROP ROLE {identifier(mark.role)} FORCE."
            raise NotOurs(what, where=connection.where, remedy=remedy)


def are_of(marks: Iterable[Mark], pair: Pair) -> list[Mark]:
    """Choose those that are of the pair."""
    return [mark for mark in marks if mark.tag == _tag(pair)]


def version_of(mark: Mark, pair: Pair) -> str:
    """Return the version that a mark names; Secrets Manager's tokens are UUIDs unless the caller chose another."""
    return pair.version if mark.version == _short(pair.version) else str(UUID(mark.version))


def renew(connection: Connection, pair: Pair, *, superuser: bool) -> None:
    """Mark both users for the pair's version, within a transaction, and drop the mark of the version before."""
    marks = are_of(_read_all(connection, pair), pair)
    role = f"rotation_{_tag(pair)}_{_short(pair.version)}"
    for old in sorted({mark.role for mark in marks if mark.own or superuser} - {role}):
        _drop(connection, old)
    marked = {mark.user for mark in marks if mark.role == role and mark.counts}
    if not marked:
        connection.run(f"CREATE ROLE {identifier(role)}")
    for user in _users(pair):
        if user not in marked:
            connection.run(f"GRANT ROLE {identifier(role)} TO {identifier(user)}")


def take_over(connection: Connection, pair: Pair, former: str, *, superuser: bool) -> None:
    """Mark by a role of this secret whom one of the former secret's marks, within a transaction; its version stays."""
    known = {mark.role for mark in are_of(_read_all(connection, pair), pair)}
    for mark in theirs(connection, pair, former):
        role = f"rotation_{_tag(pair)}_{mark.version}"
        if role not in known:
            connection.run(f"CREATE ROLE {identifier(role)}")
            known.add(role)
        connection.run(f"GRANT ROLE {identifier(role)} TO {identifier(mark.user)}")
    for old in sorted({mark.role for mark in theirs(connection, pair, former) if mark.own or superuser}):
        _drop(connection, old)


def theirs(connection: Connection, pair: Pair, former: str) -> list[Mark]:
    """Read the marks that count and are of the same pair of the former secret."""
    return are_of(read(connection, pair), replace(pair, secret_arn=former))


def _drop(connection: Connection, role: str) -> None:
    try:
        connection.run(f"DROP ROLE {identifier(role)} FORCE")
    except StatementFailed as error:
        error.retryable |= error.code == _GONE  # another delivery was faster
        raise


def _read_all(connection: Connection, pair: Pair) -> list[Mark]:
    rows = connection.run(_HELD, *_users(pair))
    named = ((user, _NAME.fullmatch(role), owner, superuser) for user, role, owner, superuser in rows)
    return [
        Mark(user, match[0], match[1], match[2], own=owner == connection.user, by_superuser=bool(superuser))
        for user, match, owner, superuser in named
        if match
    ]


def _users(pair: Pair) -> tuple[str, str]:
    return pair.base, pair.clone


def _tag(pair: Pair) -> str:
    words = f"aws-rotation\0{pair.secret_arn}\0{pair.base}"
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:_TAG]


def _short(version: str) -> str:
    try:
        return UUID(version).hex
    except ValueError:
        return hashlib.sha256(version.encode()).hexdigest()[:_VERSION]
