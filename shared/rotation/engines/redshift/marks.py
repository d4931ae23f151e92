"""
Whose a user is, by the salt of its password.

Redshift keeps nothing beside a user: no comment, no attribute. But the salt of a password's hash is ours to choose,
and a superuser reads it back in pg_shadow. It holds a tag (of the secret's ARN, the pair's base and the user), the
time, and the version that the password is for. Nobody but an admin and the user itself can write it, so it proves
the one account that bears it. Where it cannot be read, there is no mark: the core then asks for a login with
AWSPREVIOUS, which proves the same.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from rotation.engines.redshift.text import folded
from rotation.errors import PermissionDenied

if TYPE_CHECKING:
    from rotation.engines.redshift.connection import Connection
    from rotation.model import Pair

SALT_BYTES: Final = 32
_TAG, _TIME, _VERSION = 10, 6, 16
_STORED: Final = re.compile(r"sha256\|[0-9a-f]{64}\|([0-9a-f]{64})", re.IGNORECASE)

_HASHES: Final = "SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename IN (%s, %s)"
"""Redshift shows passwords (as hashes) to superusers alone; pg_user shows stars."""


class Mark(NamedTuple):
    """What a salt says: when its password was made, and for which version."""

    made: int
    version: bytes


def random_salt() -> bytes:
    """Give a salt that says nothing, for a user that is no part of a pair."""
    return secrets.token_bytes(SALT_BYTES)


def salt_for(pair: Pair) -> bytes:
    """Give the salt for the idle user's password."""
    made = int(time.time() * 1000).to_bytes(_TIME, "big")
    return _tag(pair, pair.idle, made) + made + _short(pair.version)


def read(connection: Connection, pair: Pair) -> dict[str, Mark]:
    """Read the marks of the pair's users, by name; none where this login may not read them."""
    try:
        rows = connection.run(_HASHES, folded(pair.base), folded(pair.clone))
    except PermissionDenied:
        return {}
    found = {name: _parse(pair, name, str(stored)) for name, stored in rows}
    return {name: mark for name, mark in found.items() if mark is not None}


def version_of(mark: Mark, pair: Pair) -> str:
    """Give the version that a mark names; Secrets Manager's tokens are UUIDs unless the caller chose another."""
    return pair.version if mark.version == _short(pair.version) else str(UUID(bytes=mark.version))


def salt_of(connection: Connection, username: str) -> bytes:
    """Give the salt that a user's password has, so that its mark stays; a random one where it cannot be read."""
    name = folded(username)
    try:
        rows = connection.run(_HASHES, name, name)
    except PermissionDenied:
        return random_salt()
    stored = (_STORED.fullmatch(str(row[1])) for row in rows)
    return next((bytes.fromhex(match[1]) for match in stored if match), None) or random_salt()


def _parse(pair: Pair, name: str, stored: str) -> Mark | None:
    if not (match := _STORED.fullmatch(stored)):
        return None
    salt = bytes.fromhex(match[1])
    made = salt[_TAG : _TAG + _TIME]
    if salt[:_TAG] != _tag(pair, name, made):
        return None
    return Mark(int.from_bytes(made, "big"), salt[_TAG + _TIME :])


def _tag(pair: Pair, name: str, made: bytes) -> bytes:
    words = (b"aws-rotation", pair.secret_arn.encode(), folded(pair.base).encode(), folded(name).encode(), made)
    return hashlib.sha256(b"\0".join(words)).digest()[:_TAG]


def _short(version: str) -> bytes:
    try:
        return UUID(version).bytes
    except ValueError:
        return hashlib.sha256(version.encode()).digest()[:_VERSION]
