"""A credential as one connection string: read as the keys of a secret, and written with another user or password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote

from rotation.errors import InvalidSecret

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATE: Final = "dsn"
"""The key of the whole string, with gaps for user and password: what else it says is carried along."""

_GAPS: Final = "{username}:{password}@"
_SCHEMES: Final = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mysql2": "mysql",
    "mariadb": "mariadb",
    "redshift": "redshift",
    "mongodb": "mongo",
    "mongodb+srv": "mongo",
}
_FORM: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.:_-]*)://([^@]*)@([^/?#@]*)(?:/([^/?#@]*))?(?:\?([^#@]*))?")
_ENCODED: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*,;=-]|%[0-9A-Fa-f]{2})+")
"""
RFC 3986, section 3.2.1, but for two characters.

A plus sign is a blank to some drivers (PyMongo) and itself to others (libpq), and a colon ends the name.
"""

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_ELSEWHERE: Final = frozenset(
    {"host", "hostaddr", "port", "user", "username", "password", "dbname", "database", "service", "passfile"}
    | {"sslpassword", "unix_socket", "socket"}
)
"""What a driver takes from the query in the place of what stands before it (PostgreSQL manual, "Connection URIs")."""

_PLAIN: Final = {
    "sslmode": {"disable"},
    "ssl-mode": {"disabled"},
    "ssl_mode": {"disabled"},
    "ssl": {"false", "0"},
    "tls": {"false", "0"},
}
"""What says in a query that TLS is not used; nothing else switches it off here."""


def read(value: str, where: str) -> dict[str, Any]:
    """Return the keys of a secret that a connection string says. Raises InvalidSecret, and shows no part of it."""
    found = _FORM.fullmatch(value)
    if found is None or not re.fullmatch(r"[^\s\x00-\x1f\x7f]+", value):
        raise _wrong(
            "has no form that all drivers read in the same way", where, "Write @ : / ? # as %40 %3A %2F %3F %23."
        )
    scheme, userinfo, host, database, query = found.groups()
    username, colon, password = userinfo.partition(":")
    if not colon or not _ENCODED.fullmatch(username) or not _ENCODED.fullmatch(password):
        what = "lacks a user or a password, or holds a character there that is not percent-encoded"
        raise _wrong(what, where, "Encode both, a plus sign as %2B too.")
    engine = _engine(scheme, where)
    document = {
        "engine": engine,
        **_place(host, where),
        "username": _decoded(username, where),
        "password": _decoded(password, where),
        **({"dbname": _decoded(database, where)} if database else {}),
        TEMPLATE: value.replace(f"{userinfo}@", _GAPS, 1),
    }
    return document | _asked(query or "", where) | _authority(engine, database, query or "", where)


def written(document: Mapping[str, Any]) -> str:
    """Return the connection string with the document's user and password; all else is as it was."""
    head, gaps, tail = str(document[TEMPLATE]).partition(_GAPS)
    if not gaps:
        raise ValueError
    username, password = (quote(str(document[key]), safe="") for key in ("username", "password"))
    return f"{head}{username}:{password}@{tail}"


def _engine(scheme: str, where: str) -> str:
    """Return the engine of a scheme; what stands after a plus sign names a driver (SQLAlchemy), but for MongoDB."""
    plain = scheme.lower()
    found = _SCHEMES.get(plain) or _SCHEMES.get(plain.partition("+")[0])
    if found is None or (plain.startswith("mongodb+") and plain not in _SCHEMES):
        raise _wrong(
            "has a scheme of no engine that can be rotated", where, f"It may be {', '.join(sorted(_SCHEMES))}."
        )
    return found


def _place(host: str, where: str) -> dict[str, Any]:
    if "," in host:
        what = "names several hosts"
        raise _wrong(what, where, "Name one, such as the cluster's endpoint; or keep the credential as JSON.")
    found = _HOST.fullmatch(host)
    if found is None:
        raise _wrong("names no host, or one that is malformed", where, "Give one host name, and its port if need be.")
    return {"host": found[1].strip("[]"), **({"port": int(found[2])} if found[2] else {})}


def _asked(query: str, where: str) -> dict[str, Any]:
    """Return whether TLS is used; refuse what would lead a driver elsewhere than we look."""
    pairs = [(key.lower(), text.lower()) for key, text in parse_qsl(query, keep_blank_values=True)]
    keys = [key for key, _ in pairs]
    if _ELSEWHERE & {*keys}:
        what = "names a host, a user or a password in its query, too"
        raise _wrong(what, where, "Leave them where they are expected: before the query.")
    if len({*keys}) != len(keys):
        raise _wrong("says the same twice in its query", where, "Two drivers could read two things; say it once.")
    return {"ssl": False} if any(text in _PLAIN.get(key, ()) for key, text in pairs) else {}


def _authority(engine: str, database: str | None, query: str, where: str) -> dict[str, Any]:
    """Return where MongoDB keeps the user: authSource, else the database (its connection string specification)."""
    asked = {key.lower(): text for key, text in parse_qsl(query)}  # drivers read its options in any case
    named = asked.get("authsource") or (_decoded(database, where) if database else "")
    return {"authSource": named} if engine == "mongo" and named else {}


def _decoded(text: str, where: str) -> str:
    try:
        return unquote(text, errors="strict")
    except ValueError:  # its text quotes the value
        raise _wrong("holds percent signs that encode no text", where, "Encode it as UTF-8.") from None


def _wrong(what: str, where: str, remedy: str) -> InvalidSecret:
    return InvalidSecret(f"The connection string {what}", where=where, remedy=remedy)
