"""
What an account may do, as a set: pure functions of what SHOW GRANTS answers.

The server writes its rows by one rule for all accounts (MySQL manual, "SHOW GRANTS Statement"; MariaDB manual,
"SHOW GRANTS"). So what two accounts hold can be compared piece by piece, once the rows are taken apart.
"""

from __future__ import annotations

from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from rotation.engines.mysql import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rotation.engines.mysql.connection import Account

EVERYWHERE: Final = "*.*"
ALL: Final = "ALL PRIVILEGES"
OPTION: Final = "GRANT OPTION"


class Kind(Enum):
    """What sort of grant it is; each is given and taken by a form of its own."""

    PRIVILEGE = "privilege"
    DYNAMIC = "dynamic privilege"
    RESTRICTION = "partial revoke"
    PROXY = "proxy"
    ROLE = "role"
    DEFAULT_ROLE = "default role"


class Grant(NamedTuple):
    """One thing that an account holds; names are quoted as the server quotes them."""

    kind: Kind
    what: str
    on: str = ""
    option: bool = False

    def giving(self, account: Account) -> str:
        """Return the statement that gives it."""
        return _GIVING[self.kind].format(**self._parts(account))

    def taking(self, account: Account) -> str:
        """Return the statement that takes it away."""
        return _TAKING[self.kind].format(**self._parts(account))

    def _parts(self, account: Account) -> dict[str, str]:
        option = {Kind.ROLE: " WITH ADMIN OPTION"}.get(self.kind, f" WITH {OPTION}") if self.option else ""
        return {"what": self.what, "on": self.on, "account": str(account), "option": option}


_PLAIN: Final = ("GRANT {what} ON {on} TO {account}{option}", "REVOKE {what} ON {on} FROM {account}")
_FORMS: Final = {
    Kind.PRIVILEGE: _PLAIN,
    Kind.DYNAMIC: _PLAIN,
    Kind.RESTRICTION: ("REVOKE {what} ON {on} FROM {account}", "GRANT {what} ON {on} TO {account}"),
    Kind.PROXY: _PLAIN,
    Kind.ROLE: ("GRANT {what} TO {account}{option}", "REVOKE {what} FROM {account}"),
    Kind.DEFAULT_ROLE: ("", ""),
}
_GIVING: Final = {kind: forms[0] for kind, forms in _FORMS.items()}
_TAKING: Final = {kind: forms[1] for kind, forms in _FORMS.items()}


def parse(rows: Iterable[str], account: Account) -> frozenset[Grant]:
    """Take the rows apart. Raises ValueError for a row of a form that is not known."""
    return frozenset(grant for row in rows for grant in _row(row, account))


def _row(row: str, account: Account) -> Iterator[Grant]:
    proxied = _proxied(row, account)
    if proxied is not None:
        yield proxied
        return
    words = tokens.split(row)
    verb = words[0]
    if verb == "SET":  # SET DEFAULT ROLE `r` FOR `u`@`h`: MariaDB's
        yield Grant(Kind.DEFAULT_ROLE, words[3])
        return
    end = words.index("TO" if verb == "GRANT" else "FROM")
    if "ON" in words[:end]:
        yield from _privileges(verb, words, end)
    else:
        option = _has(words[end:], "ADMIN")
        for role in _listed(words[1:end]):
            yield Grant(Kind.ROLE, "".join(role), option=option)


def _proxied(row: str, account: Account) -> Grant | None:
    """Read a PROXY row; MariaDB quotes its names by ' without marking those within."""
    start = "GRANT PROXY ON "
    if not row.startswith(start):
        return None
    plain = row.removesuffix(f" WITH {OPTION}")
    option = plain != row
    for end in (f" TO {account}", f" TO '{account.user}'@'{account.host}'"):
        if plain.endswith(end):
            target = plain[len(start) : -len(end)]
            if target.startswith("'"):
                user, _, host = target[1:-1].rpartition("'@'")
                target = str(account._replace(user=user, host=host))
            return Grant(Kind.PROXY, "PROXY", target, option)
    raise ValueError


def _privileges(verb: str, words: Sequence[str], end: int) -> Iterator[Grant]:
    at = words.index("ON")
    on = _target(words[at + 1 : end])
    names = [name for listed in _listed(words[1:at]) for name in _by_column(listed)]
    option = _has(words[end:], "GRANT")
    if verb == "REVOKE":
        yield from (Grant(Kind.RESTRICTION, name, on) for name in names)
    elif on == EVERYWHERE and _are_dynamic(names):
        yield from (Grant(Kind.DYNAMIC, name, on, option) for name in names)
    else:
        yield from (Grant(Kind.PRIVILEGE, name, on) for name in names if name != "USAGE")
        if option:
            yield Grant(Kind.PRIVILEGE, OPTION, on)


def _are_dynamic(names: Sequence[str]) -> bool:
    """Return whether a row is one of MySQL's dynamic privileges; MariaDB's have blanks too, as READ_ONLY ADMIN has."""
    return any("_" in name for name in names) and not any(" " in name for name in names)


def _target(words: Sequence[str]) -> str:
    """Write the object in one way: the words before its name apart, the name together."""
    kinds = [word for word in words if word.isalpha()]
    return " ".join([*kinds, "".join(words[len(kinds) :])])


def schema_of(on: str) -> str:
    """Return the schema of a place; empty for everywhere."""
    return next((tokens.unquoted(word) for word in tokens.split(on) if word.startswith("`")), "")


def _listed(words: Sequence[str]) -> Iterator[list[str]]:
    """Cut a list at its commas, but not within brackets."""
    part: list[str] = []
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "," and not depth:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _by_column(words: list[str]) -> Iterator[str]:
    if "(" not in words:
        yield " ".join(words)
        return
    at = words.index("(")
    for column in _listed(words[at + 1 : -1]):
        yield f"{' '.join(words[:at])} ({column[0]})"


def _has(words: Sequence[str], kind: str) -> bool:
    """Return whether WITH … OPTION is there; MariaDB puts other things between."""
    return any(pair == (kind, "OPTION") for pair in pairwise(words))
