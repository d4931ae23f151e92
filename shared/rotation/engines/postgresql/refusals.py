"""
What the failure of a connection means, by its text.

libpq gives no SQLSTATE for a connection that did not come about, and the server writes in its own language
(``lc_messages``), which a client cannot choose. So this is a closed list: the server's texts with their
translations (``messages.json``), and libpq's own, which are English. No decision is built on it but one: a text
that the server sent lets the next credential be tried, any other ends the step.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rotation.engines.postgresql.faults import LOG, fault
from rotation.errors import AccountUnusable, AuthenticationFailed, NotTheServer, TlsFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rotation.engines.fault import Fault
    from rotation.errors import RotationError

MESSAGES: Final = Path(__file__).with_name("messages.json")
"""PostgreSQL's own translations of the texts below, made by ``tests/dialect/postgresql/make_translations.py``."""

SEVERITIES: Final = ("FATAL", "PANIC", "ERROR")

_WRONG: Final = fault(
    AuthenticationFailed,
    "The server refused the user name or the password",
    "It says the same of a role that does not exist, has no password, or is past its VALID UNTIL.",
)
_OTHER_METHOD: Final = fault(
    AuthenticationFailed,
    "The server checks this user by another method than a password of its own, and refused it",
    "Members of rds_iam and rds_ad cannot log in by password; elsewhere see pg_hba.conf.",
)
_HBA: Final = fault(
    AccountUnusable,
    "The server's pg_hba.conf lets this user into this database not at all, or not in this way",
    'With "ssl": false it may want TLS (rds.force_ssl); otherwise add a line for this function\'s addresses.',
)
_BUSY: Final = fault(Unreachable, "The server accepts no logins just now", "The step can be tried again.")
_FULL: Final = fault(
    AccountUnusable, "All connections that the server allows are in use", "Raise max_connections.", retryable=True
)
_FULL_ROLE: Final = fault(
    AccountUnusable,
    "All connections that the user may have are in use",
    "ALTER ROLE … CONNECTION LIMIT, with room for one login of this function.",
    retryable=True,
)
_FULL_DATABASE: Final = fault(
    AccountUnusable,
    "All connections that the database allows are in use",
    "ALTER DATABASE … CONNECTION LIMIT, with room for one login of this function.",
    retryable=True,
)
_NO_LOGIN: Final = fault(AccountUnusable, "The user may not log in (NOLOGIN)", "ALTER ROLE … LOGIN, if it should.")
_NO_DATABASE: Final = fault(
    AccountUnusable,
    "The database does not exist or takes no connections",
    "Correct dbname in the secret; a secret without it means the database postgres.",
)
_NO_CONNECT: Final = fault(
    AccountUnusable,
    "The user may not connect to the database",
    "GRANT CONNECT ON DATABASE … TO the user, or name another database in dbname.",
)
_UNLISTED: Final = fault(AccountUnusable, "The server refused the login for a reason of its own", LOG)


class Refusal(NamedTuple):
    """What a text of the server means; some are sent only after the password was accepted."""

    fault: Fault
    accepted: bool = False


SERVER: Final[Mapping[str, Refusal]] = {
    'password authentication failed for user "%s"': Refusal(_WRONG),
    'role "%s" does not exist': Refusal(_WRONG),
    "empty password returned by client": Refusal(_WRONG),
    'PAM authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    'LDAP authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    'RADIUS authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    'BSD authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    'GSSAPI authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    'Ident authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    'Peer authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    'certificate authentication failed for user "%s"': Refusal(_OTHER_METHOD),
    "connection requires a valid client certificate": Refusal(_HBA),
    'pg_hba.conf rejects connection for host "%s", user "%s", database "%s", %s': Refusal(_HBA),
    'no pg_hba.conf entry for host "%s", user "%s", database "%s", %s': Refusal(_HBA),
    "sorry, too many clients already": Refusal(_FULL),
    "remaining connection slots are reserved for non-replication superuser connections": Refusal(_FULL, accepted=True),
    "remaining connection slots are reserved for roles with the %s attribute": Refusal(_FULL, accepted=True),
    'remaining connection slots are reserved for roles with privileges of the "%s" role': Refusal(_FULL, accepted=True),
    'too many connections for role "%s"': Refusal(_FULL_ROLE, accepted=True),
    'too many connections for database "%s"': Refusal(_FULL_DATABASE, accepted=True),
    'role "%s" is not permitted to log in': Refusal(_NO_LOGIN, accepted=True),
    'database "%s" does not exist': Refusal(_NO_DATABASE, accepted=True),
    'database "%s" is not currently accepting connections': Refusal(_NO_DATABASE, accepted=True),
    'cannot connect to invalid database "%s"': Refusal(_NO_DATABASE, accepted=True),
    'permission denied for database "%s"': Refusal(_NO_CONNECT, accepted=True),
    "the database system is starting up": Refusal(_BUSY),
    "the database system is not accepting connections": Refusal(_BUSY),
    "the database system is not yet accepting connections": Refusal(_BUSY),
    "the database system is shutting down": Refusal(_BUSY),
    "the database system is in recovery mode": Refusal(_BUSY),
    "canceling authentication due to timeout": Refusal(_BUSY),
    "terminating connection due to administrator command": Refusal(_BUSY),
}
"""The server's texts (postinit.c, miscinit.c, auth.c, postmaster.c), as its message catalogues name them."""

_NO_TLS: Final = fault(
    TlsFailed, "The server offers no TLS", 'Switch it on there; only "ssl": false in the secret goes without.'
)
_NO_TRUST: Final = fault(TlsFailed, "The file of authorities cannot be read", "Look at DATABASE_CA_BUNDLE.")
_HOST: Final = fault(
    TlsFailed,
    "The server's certificate is for another host name",
    "Put a name that stands in the certificate into the secret, usually the endpoint's own.",
)
_TLS: Final = fault(
    TlsFailed, "The TLS handshake with the server failed", "Look at its certificate and versions.", retryable=True
)
"""Retryable: where a second look shows nothing wrong with the server, the network may have broken off."""
_CUT: Final = fault(Unreachable, "The connection was cut before the login was done", "Look at the network.")

_CLEAR: Final = fault(
    AccountUnusable,
    "The server asks for this user's password in clear text, which is never sent",
    "Members of rds_iam and rds_ad cannot log in by password. Elsewhere let the user's line of pg_hba.conf say "
    "scram-sha-256; a password that is kept in PAM, LDAP or RADIUS is changed there.",
)
_TRUSTS: Final = fault(
    AccountUnusable,
    "The server asks for no proof of the password, so that a login proves nothing",
    "Let the user's line of pg_hba.conf say scram-sha-256 where it says trust, ident, peer or cert.",
)
_ODD: Final = fault(
    AccountUnusable,
    "The server checks this user by another method than a password",
    "Let the user's line of pg_hba.conf say scram-sha-256.",
)

LIBPQ: Final[Mapping[str, Fault]] = {
    "server requested a cleartext password": _CLEAR,
    "server did not complete authentication": _TRUSTS,
    "authentication method requirement ": _ODD,
    "server does not support SSL, but SSL was required": _NO_TLS,
    "received invalid response to SSL negotiation": _NO_TLS,
    "root certificate file ": _NO_TRUST,
    "could not read root certificate file ": _NO_TRUST,
    "server certificate for ": _HOST,
    "server sent an error response during SSL exchange": _BUSY,
    "SSL error: unexpected eof": _CUT,
    "SSL error: ": _TLS,
    "could not get server's host name from server certificate": _HOST,
    "no password supplied": _WRONG,
}
"""libpq's texts (fe-connect.c, fe-secure-openssl.c, fe-auth.c); the first that occurs counts."""

UNREACHABLE: Final = fault(Unreachable, "No connection to the server", "Check host, port, security groups and subnets.")
UNRESOLVED: Final = fault(
    Unreachable, "The host's name has no address, or none in time", "Check host in the secret and the VPC's DNS."
)


POOLERS: Final = ("unsupported startup parameter", "Feature not supported: RDS Proxy")
"""How PgBouncer and RDS Proxy refuse the settings that a login brings (their sources; psycopg2's issue 1577)."""


def refusal(text: str, where: str) -> RotationError:
    """Return the error that a failed connection's text stands for; the text itself is not kept."""
    if any(f"FATAL:  {words}" in text for words in POOLERS):
        return NotTheServer(where)
    said = _by_server(text)
    if said is None:
        return next((LIBPQ[part] for part in LIBPQ if part in text), UNREACHABLE).at(where)
    error = said.fault.at(where)
    if isinstance(error, AccountUnusable):
        error.password_accepted = said.accepted
    return error


def _by_server(text: str) -> Refusal | None:
    """Find the server's text in libpq's; None where the server said nothing."""
    severity, patterns = _patterns()
    said = list(severity.finditer(text))
    if not said:
        return None
    rest = text[said[-1].end() :]  # the last one counts: libpq tells of all its attempts
    return next((SERVER[name] for name, pattern in patterns if pattern.match(rest)), Refusal(_UNLISTED))


@functools.cache
def _patterns() -> tuple[re.Pattern[str], list[tuple[str, re.Pattern[str]]]]:
    """Compile the table, when a connection has failed for the first time."""
    translations = json.loads(MESSAGES.read_text("utf-8"))["translations"]
    severities = (re.escape(word) for name in SEVERITIES for word in translations[name])
    severity = re.compile(rf"(?:^|: )(?:{'|'.join(severities)}|\?+):  ", re.MULTILINE)
    return severity, [(name, _pattern(translations[name])) for name in SERVER]


def _pattern(templates: Iterable[str]) -> re.Pattern[str]:
    """Match what the server makes of the templates, whatever it puts in for their %s."""
    texts = (".*".join(map(_literal, re.split(r"%(?:\d\$)?s", template))) for template in templates)
    return re.compile("|".join(texts), re.DOTALL)


def _literal(text: str) -> str:
    """
    Match a piece of a template, also with question marks for its accented letters.

    A server whose LC_CTYPE is C sends those before a login. A script without ASCII letters cannot be read then.
    """
    plain = sum(letter.isascii() for letter in text)
    escaped = re.escape(text)
    return re.sub(r"[^\x00-\x7f]", r"[\g<0>?]", escaped) if plain > len(text) / 2 else escaped


def decode(text: bytes) -> str:
    """Read a text of a server that does not write UTF-8: in the first encoding that makes sense of it."""
    readings = [text.decode(encoding, "replace") for encoding in ENCODINGS]
    return next((reading for reading in readings if _makes_sense(reading)), readings[0])


ENCODINGS: Final = ("latin-1", "cp1251", "koi8-r", "iso8859-2", "iso8859-9", "euc-jp", "euc-kr", "gb18030")
"""In what servers of the languages above write that do not write UTF-8."""


def _makes_sense(reading: str) -> bool:
    said = _by_server(reading)
    return said is not None and said.fault is not _UNLISTED
