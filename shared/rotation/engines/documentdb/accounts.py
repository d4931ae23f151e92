"""Users as the server describes them, and the mark that is kept in their customData."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard

from rotation.engines.documentdb.faults import ENGINE, Refused
from rotation.errors import PermissionDenied
from rotation.model import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rotation.engines.documentdb.connection import Connection
    from rotation.model import Pair

MARK: Final = "aws-rotation"
"""The key in customData; what stands beside it is somebody else's, and is kept."""

DISPENSABLE: Final = ("writeConcern", "mechanisms", "customData")
"""Fields of a user that the password and the rights do not hang on."""

Document = dict[str, Any]


class Role(NamedTuple):
    """A role, built in or of one's own, and the database that it is defined in or for."""

    role: str
    database: str

    def __str__(self) -> str:
        """Name it as messages do."""
        return f"{self.role}@{self.database}"


@dataclass(frozen=True, slots=True)
class Record:
    """
    What the mark says: whose the account is, and what ``level`` did to it last.

    ``serial`` grows with every rotation of the pair, so that the two marks tell which is the younger; ``granted``
    are the roles that the account was given; ``closed`` the restrictions it had before it was closed.
    """

    mark: Mark
    serial: int = 0
    granted: frozenset[str] = frozenset()
    closed: tuple[Document, ...] | None = None

    def names(self, pair: Pair) -> bool:
        """Return whether it is a mark of this pair."""
        return (self.mark.secret_arn, self.mark.base) == (pair.secret_arn, pair.base)

    def written(self) -> Document:
        """Return it as customData holds it."""
        arn, base, version = self.mark
        document = {"secret": arn, "base": base, "version": version, "serial": self.serial}
        closed = {} if self.closed is None else {"closed": list(self.closed)}
        return {**document, "granted": sorted(self.granted), **closed}


@dataclass(frozen=True, slots=True)
class Account:
    """A user: the roles granted to it, where it may come from, and how it may prove itself."""

    name: str
    roles: frozenset[Role]
    mechanisms: frozenset[str] | None
    restrictions: tuple[Document, ...]
    custom: Mapping[str, Any]
    document: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def record(self) -> Record | None:
        """The mark, if there is a well-formed one."""
        return parse_record(self.custom.get(MARK))

    @property
    def unrelated(self) -> Document:
        """What customData holds beside the mark."""
        return {key: value for key, value in self.custom.items() if key != MARK}


def parse_record(value: object) -> Record | None:
    """Read a mark; None unless it is one. A user with the right to may have written anything here."""
    if not isinstance(value, dict):
        return None
    arn, base, version, serial = (value.get(key) for key in ("secret", "base", "version", "serial"))
    if not (isinstance(arn, str) and isinstance(base, str) and isinstance(version, str) and _counts(serial)):
        return None
    granted, closed = value.get("granted"), value.get("closed")
    return Record(
        Mark(arn, base, version),
        serial,
        frozenset(role for role in granted if isinstance(role, str)) if isinstance(granted, list) else frozenset(),
        tuple(one for one in closed if isinstance(one, dict)) if isinstance(closed, list) else None,
    )


def _counts(serial: object) -> TypeGuard[int]:
    """Return whether it can be a number of rotations: a server's integers end, and a user could write the last one."""
    return isinstance(serial, int) and not isinstance(serial, bool) and 0 <= serial <= LAST_SERIAL


LAST_SERIAL: Final = 2**31 - 1
"""More rotations than any pair sees; what is written never goes beyond, whatever a user wrote before."""


def parse_account(document: Mapping[str, Any]) -> Account:
    """Read a user as usersInfo describes it (MongoDB manual, "usersInfo")."""
    mechanisms = document.get("mechanisms")
    return Account(
        name=str(document["user"]),
        roles=frozenset(Role(role["role"], role["db"]) for role in document.get("roles", ())),
        mechanisms=None if mechanisms is None else frozenset(mechanisms),
        restrictions=tuple(document.get("authenticationRestrictions") or ()),
        custom=document.get("customData") or {},
        document=document,
    )


def read(connection: Connection, *names: str, **shown: Any) -> dict[str, Account]:  # noqa: ANN401 a command's
    """
    Read users of the session's database, by name; what is not there is not given.

    Raises PermissionDenied.
    """
    wanted = [{"user": name, "db": connection.database} for name in names]
    try:
        found = _users_info(connection, wanted, shown)
    except PermissionDenied:
        raise lacks_user_admin(connection, names[0]) from None
    return {account.name: account for account in map(parse_account, found)}


def _users_info(connection: Connection, wanted: Sequence[Document], shown: Mapping[str, Any]) -> list[Document]:
    """Ask for details where the server knows how to give them."""
    try:
        answer = connection.run("usersInfo", wanted, **shown)
    except Refused:
        answer = connection.run("usersInfo", wanted)
    return list(answer["users"])


def write(connection: Connection, command: str, username: str, **fields: Any) -> None:  # noqa: ANN401 a command's
    """
    Create or update a user in one command, durably.

    DocumentDB's documentation lists createUser and updateUser without their fields. Where the server refuses the
    command, as few of those in DISPENSABLE as can be are left out; what comes of it is read back by the caller.
    """
    fields["writeConcern"] = {"w": "majority"}
    optional = [name for name in DISPENSABLE if name in fields]
    refusals: list[Refused] = []
    for left_out in chain.from_iterable(combinations(optional, size) for size in range(len(optional) + 1)):
        kept = {name: value for name, value in fields.items() if name not in left_out}
        if kept.keys() <= {"writeConcern"}:
            return  # nothing is left that the server would keep
        try:
            connection.run(command, username, **kept)
        except Refused as error:
            refusals.append(error)
        else:
            return
    raise refusals[-1]


def in_shell(database: str, method: str, *arguments: object) -> str:
    """Write a call as people type it into mongosh."""
    return f"db.getSiblingDB({json.dumps(database)}).{method}({', '.join(map(json.dumps, arguments))})"


def lacks_user_admin(connection: Connection, username: str) -> PermissionDenied:
    """Name the role that an admin needs to manage users."""
    grant = in_shell("admin", "grantRolesToUser", connection.user, [{"role": "userAdminAnyDatabase", "db": "admin"}])
    return denied(
        connection, f"The login {connection.user} may not manage the user {username}", f"As root, run: {grant}"
    )


def denied(connection: Connection, what: str, remedy: str) -> PermissionDenied:
    """Return the error of a right that is missing."""
    return PermissionDenied(what, engine=ENGINE, code="13", where=connection.where, remedy=remedy)
