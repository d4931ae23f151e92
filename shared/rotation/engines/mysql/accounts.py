"""What the server keeps of an account beside its grants."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from rotation.engines.mysql import grants, tokens
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.faults import NO_SUCH_GRANT, UNKNOWN_GRANT
from rotation.engines.mysql.grants import Grant, Kind
from rotation.errors import GuardViolation, StatementFailed
from rotation.model import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rotation.engines.mysql.connection import Connection

MARK: Final = "aws-rotation"
"""The key of an account's ATTRIBUTE that says whose it is."""

MARK_ROLE: Final = "rotation_"
"""How the role begins that marks an account on MariaDB; 40 hexadecimal digits follow."""

_MARKING: Final = re.compile(rf"`({MARK_ROLE}[0-9a-f]{{40}})`")

MARK_KEYS: Final = ("secret", "base", "version")
DIGEST: Final = "access"
"""Within the mark: what the account held when it was prepared, so that it can check this by itself."""

NATIVE: Final = "mysql_native_password"

UNUSABLE: Final = {
    "caching_sha2_password": "$A$005$THISISACOMBINATIONOFINVALIDSALTANDPASSWORDTHATMUSTNEVERBRBEUSED",
    NATIVE: "*THISISNOTAVALIDPASSWORDTHATCANBEUSEDHERE",
    "sha256_password": "$5$THISISACOMBINATIONOF$INVALIDSALTANDPASSWORDTHATMUSTNEVERBRBEUSED",
}
"""Hashes that no password has: those of MySQL's own mysql.sys and its like."""

NO_PASSWORD: Final = "invalid"  # noqa: S105 what MariaDB itself writes for an account without a password
"""The same on MariaDB (manual, "CREATE USER")."""

_CLAUSES: Final[tuple[tuple[str, ...], ...]] = (
    ("REQUIRE",),
    ("MAX_QUERIES_PER_HOUR",),
    ("MAX_UPDATES_PER_HOUR",),
    ("MAX_CONNECTIONS_PER_HOUR",),
    ("MAX_USER_CONNECTIONS",),
    ("MAX_STATEMENT_TIME",),
    ("PASSWORD", "EXPIRE"),
    ("PASSWORD", "HISTORY"),
    ("PASSWORD", "REUSE", "INTERVAL"),
    ("PASSWORD", "REQUIRE", "CURRENT"),
    ("FAILED_LOGIN_ATTEMPTS",),
    ("PASSWORD_LOCK_TIME",),
)
_NEXT: Final = r"(?= (?:SUBJECT|ISSUER|CIPHER|WITH|PASSWORD|ACCOUNT)\b|$)"
_TEXT: Final = re.compile(rf"(?<=(?:SUBJECT|.ISSUER|.CIPHER) )'(.*?)'{_NEXT}", re.DOTALL)
_QUOTED: Final = re.compile(r"(?:[^'\\]|''|\\.)*", re.DOTALL)
_REQUIRED: Final = re.compile(rf"\bREQUIRE(?: (?:SUBJECT|ISSUER|CIPHER) '.*?'{_NEXT})+", re.DOTALL)
_ENDS: Final = frozenset({"WITH", "ACCOUNT", "ATTRIBUTE", "COMMENT", "LOCK", "UNLOCK"})
_LIFETIMES: Final = frozenset({"DEFAULT", "NEVER", "INTERVAL"})
"""What follows PASSWORD EXPIRE where it is an option and no state."""
_DEFAULTS: Final[Mapping[tuple[str, ...], str]] = {
    clause: "NONE" if clause[0] == "REQUIRE" else "DEFAULT" if clause[0] == "PASSWORD" else "0" for clause in _CLAUSES
}


@dataclass(frozen=True, slots=True)
class State:
    """An account as SHOW CREATE USER and SHOW GRANTS tell of it."""

    account: Account
    plugin: str
    closed: bool
    """Whether its hash is one that no password has, and that says so to everybody."""
    methods: tuple[tuple[str, str], ...] = field(repr=False)
    """MariaDB's ways to log in, each with what it keeps; one of them may be a mark of ours."""
    locked: bool
    options: Mapping[tuple[str, ...], str]
    grants: frozenset[Grant]
    attributes: Mapping[str, Any]
    expired: bool = False
    """Whether somebody made its password expire (PASSWORD EXPIRE alone)."""
    marks: frozenset[str] = frozenset()
    """The roles of MariaDB that say whose it is, which are none of its grants."""

    @property
    def mark(self) -> Mark | None:
        """Whose the account says it is."""
        return mark_in(self.attributes)

    @property
    def default_roles(self) -> frozenset[str]:
        """The roles that a login begins with."""
        return frozenset(grant.what for grant in self.grants if grant.kind is Kind.DEFAULT_ROLE)


def marked_accounts(connection: Connection, username: str) -> dict[Account, Mapping[str, Any]]:
    """Read the accounts of that name, one for each host part, each with its ATTRIBUTE. Roles of MariaDB are none."""
    roles = " AND is_role = 'N'" if connection.is_mariadb else ""
    attribute = "JSON_EXTRACT(User_attributes, '$.metadata')" if connection.keeps_attributes else "NULL"
    query = f"SELECT User, Host, {attribute} FROM mysql.user WHERE User = {connection.literal(username)}{roles}"  # noqa: S608
    return {Account(user, host): _document(text) for user, host, text in connection.recall(query) if user == username}


def account_of(connection: Connection, username: str) -> Account:
    """
    Return the account of that name: one's own is the one that the server took the login for.

    Raises GuardViolation where there is none, or where several hosts have one, since nobody can tell which it is.
    """
    return connection.account if username == connection.user else _named(connection, username)[0]


def _named(connection: Connection, username: str) -> tuple[Account, Mapping[str, Any]]:
    if found := marked_accounts(connection, username):
        account = only(connection, list(found))
        return account, found[account]
    raise GuardViolation(
        f"The user {username} does not exist", where=connection.where, remedy="Create it, or correct the secret."
    )


def only(connection: Connection, found: Sequence[Account]) -> Account:
    """Return the one account of a name. Raises GuardViolation where there are more."""
    if len(found) == 1:
        return found[0]
    raise GuardViolation(
        f"There are {len(found)} accounts of the name {found[0].user}, for different hosts",
        where=connection.where,
        remedy="An admin cannot tell which of them the secret is about: drop the others, or let the user change its "
        "own password (strategy single-user or retained-password without masterarn).",
    )


def read_named(connection: Connection, username: str) -> State:
    """Read the account of that name. Raises GuardViolation as ``account_of`` does."""
    if username == connection.user:
        return read(connection, connection.account)
    return read(connection, *_named(connection, username))


def read(connection: Connection, account: Account, attributes: Mapping[str, Any] | None = None) -> State:
    """Read all that concerns the equality of two accounts; the ATTRIBUTE where it was not read with the account."""
    told = connection.only(connection.recall(f"SHOW CREATE USER {account}"))
    words = tokens.split(_readable(connection, str(told)))
    held = read_grants(connection, account)
    marks = {grant: found[1] for grant in held if grant.kind is Kind.ROLE and (found := _MARKING.fullmatch(grant.what))}
    roles = _default_roles(words)
    return State(
        account=account,
        plugin=_plugin(words),
        closed=_is_unusable(words),
        methods=_methods(words) if connection.is_mariadb else (),
        locked=("ACCOUNT", "LOCK") in pairwise(words),
        expired=any(one == "EXPIRE" and then not in _LIFETIMES for one, then in pairwise([*words, ""])),
        options=_options(words),
        grants=(held - marks.keys()) | {Grant(Kind.DEFAULT_ROLE, role) for role in roles},
        marks=frozenset(marks.values()),
        attributes=attributes_of(connection, account) if attributes is None else attributes,
    )


def _readable(connection: Connection, row: str) -> str:
    """
    Quote what REQUIRE asks of a certificate: the server writes it as it is, with its quotes and backslashes.

    MariaDB 11.8 quotes it, and does not say that it does. What is no single quoted text is never taken for one: it
    becomes part of a statement.
    """

    def literal(text: re.Match[str]) -> str:
        quoted = connection.quotes_certificates and _QUOTED.fullmatch(text[1])
        return text[0] if quoted else connection.literal(text[1])

    return _REQUIRED.sub(lambda found: _TEXT.sub(literal, found[0]), row, count=1)


def read_grants(connection: Connection, account: Account) -> frozenset[Grant]:
    """Read what an account holds directly; nothing where MariaDB knows of nothing."""
    try:
        rows = [str(row[0]) for row in connection.recall(f"SHOW GRANTS FOR {account}")]
    except StatementFailed as error:
        if int(error.code or 0) not in NO_SUCH_GRANT:
            raise
        return frozenset()
    return parsed(connection, rows, account)


def parsed(connection: Connection, rows: Iterable[str], account: Account) -> frozenset[Grant]:
    """Take apart what SHOW GRANTS answers. Raises StatementFailed for a row of a form that is not known."""
    try:
        return grants.parse(rows, account)
    except (ValueError, IndexError):
        raise UNKNOWN_GRANT.at(connection.where) from None


def attributes_of(connection: Connection, account: Account) -> Mapping[str, Any]:
    """Read an account's ATTRIBUTE; empty where the server has none. One's own needs no right."""
    if connection.is_mariadb or not connection.keeps_attributes:
        return {}
    user, host = map(connection.literal, account[:2])
    rows = connection.run(
        f"SELECT ATTRIBUTE FROM information_schema.USER_ATTRIBUTES WHERE USER = {user} AND HOST = {host}"  # noqa: S608
    )
    return _document(rows[0][0] if rows else None)


def _document(text: str | None) -> Mapping[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def mark_in(attributes: Mapping[str, Any]) -> Mark | None:
    """Read the mark; None where there is none, or it is not one of ours."""
    content = attributes.get(MARK)
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in MARK_KEYS):
        return None
    return Mark(*(content[key] for key in MARK_KEYS))


def _plugin(words: Sequence[str]) -> str:
    """Name the first of the account's methods; empty where it has none."""
    if "IDENTIFIED" not in words:
        return ""
    how, name = words[words.index("IDENTIFIED") + 1 :][:2]
    return NATIVE if how == "BY" else tokens.unquoted(name) if name[0] in "'`" else name


def _methods(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """List MariaDB's methods (BY PASSWORD 'x', or VIA m USING 'x' OR n USING 'y'), each with what it keeps."""
    if "VIA" not in words:
        return ((NATIVE, tokens.unquoted(words[words.index("BY") + 2])),) if "BY" in words else ()
    found = []
    at = words.index("VIA")
    while words[at : at + 1] in (["VIA"], ["OR"]):
        name, at = words[at + 1], at + 2
        kept = ""
        if words[at : at + 1] == ["USING"]:
            kept, at = tokens.unquoted(words[at + 1]), at + 2
        found.append((name, kept))
    return tuple(found)


def _is_unusable(words: Sequence[str]) -> bool:
    known = {*UNUSABLE.values(), NO_PASSWORD}
    hidden = {"0x" + text.encode().hex().upper() for text in known}
    return any(word in hidden or (word[0] == "'" and tokens.unquoted(word) in known) for word in words)


def _default_roles(words: Sequence[str]) -> list[str]:
    """Read DEFAULT ROLE `r`@`%`,`s`@`%` REQUIRE …: MySQL's; MariaDB tells in SHOW GRANTS."""
    if "ROLE" not in words:
        return []
    listed = words[words.index("ROLE") + 1 : words.index("REQUIRE")]
    return ["".join(listed[at : at + 3]) for at in range(0, len(listed), 4)]


def _options(words: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Read REQUIRE, the limits and the password's options; a state (EXPIRE alone) is none."""
    found = dict(_DEFAULTS)
    at = 0
    while at < len(words):
        clause = next((one for one in _CLAUSES if tuple(words[at : at + len(one)]) == one), None)
        if clause is None:
            at += 1
            continue
        at += len(clause)
        value = []
        while at < len(words) and not _begins(words, at):
            value.append(words[at])
            at += 1
        found[clause] = " ".join(value) or ("DEFAULT" if "EXPIRE" in clause else "")
    return found


def _begins(words: Sequence[str], at: int) -> bool:
    return words[at] in _ENDS or any(tuple(words[at : at + len(one)]) == one for one in _CLAUSES)


def default_options() -> dict[tuple[str, ...], str]:
    """Return the options of an account that was made without any."""
    return dict(_DEFAULTS)


def option_changes(wanted: State, held: State) -> list[str]:
    """List the clauses of ALTER USER that level REQUIRE, limits and password options, in the order it wants."""
    different = [clause for clause in _CLAUSES if wanted.options[clause] != held.options[clause]]
    texts = {clause: f"{' '.join(clause)} {wanted.options[clause]}".strip() for clause in different}
    limits = [texts.pop(clause) for clause in different if clause[0].startswith("MAX_")]
    require = [texts.pop(clause) for clause in different if clause == ("REQUIRE",)]
    return [*require, *([f"WITH {' '.join(limits)}"] if limits else []), *texts.values()]
