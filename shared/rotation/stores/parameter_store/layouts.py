"""
How a credential is laid out in parameters: as JSON, as one connection string, or as a tree of one parameter a key.

The core knows JSON with the keys of a secret. What is read becomes such a document here, and what is published is
made from one. The record of a rotation stands in the journal alone where the parameter has no place for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from rotation.errors import InvalidSecret, InvalidSettings, StoreError
from rotation.stores.parameter_store import dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.model import Credential
    from rotation.stores.parameter_store.journal import Live

_LEAF: Final = "password"
_KEYS: Final = frozenset(
    {"engine", "host", "port", "dbname", "username", "ssl", "authSource", "masterarn", "dbClusterIdentifier"}
    | {"rotation"}
)
"""The parameters of a tree that are read, beside the password; each is named as the key of a secret."""

_RECORD: Final = "rotationRecord"
_BASE: Final = "base"
_DSN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.:_-]*://")
_UNFILLED: Final = "-"
"""What a parameter is made with that is to follow a secret and to hold its whole value."""


class Layout(Protocol):
    """A way from what a parameter holds to a secret's JSON, and back."""

    constant_names: bool
    """Whether readers could see the name of one user and the password of another, so that there may be but one."""

    def document(self, value: str) -> str:
        """Return the JSON of a version of the parameter. Raises InvalidSecret, InvalidSettings."""

    def published(self, document: str) -> str:
        """Return what the parameter holds for a document. Raises ValueError, KeyError or TypeError for none of ours."""

    def require_publishable(self, document: str, current: str) -> None:
        """See that publishing the document changes nothing that the parameter cannot show at once."""


class Whole:
    """A secret's JSON, as it is."""

    constant_names = False

    def document(self, value: str) -> str:
        """Return it."""
        return value

    def published(self, document: str) -> str:
        """Return it."""
        return document

    def require_publishable(self, document: str, current: str) -> None:
        """Allow whatever the core decides: readers see one version, old or new."""


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """One connection string; what it cannot say stands as JSON in the parameter's description."""

    where: str
    description: Callable[[], str]
    constant_names = False

    def document(self, value: str) -> str:
        """Read string and description. The description is written with each version, by whoever may write the value."""
        said = dsn.read(value, self.where)
        besides = self._besides()
        twice = (said.keys() & besides.keys()) - {"engine"}
        if twice:
            raise InvalidSettings(
                "The parameter's description says what its connection string says, too",
                where=self.where,
                remedy=f"Take out of the description: {', '.join(sorted(twice))}.",
            )
        if said[dsn.TEMPLATE].lower().startswith("mongodb+srv:") and not _own_host(besides):
            raise InvalidSettings(
                "The connection string names a DNS record, and not the server whose password is changed",
                where=self.where,
                remedy='Put {"rotation": {"host": …}} into the parameter\'s description, or write mongodb://.',
            )
        return json.dumps(said | besides)

    def published(self, document: str) -> str:
        """Write it with the document's user and password."""
        return dsn.written(json.loads(document))

    def require_publishable(self, document: str, current: str) -> None:
        """Allow whatever the core decides: readers see one version, old or new."""

    def _besides(self) -> dict[str, Any]:
        text = self.description()
        if not is_object(text):
            return {}
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InvalidSettings(
                "The parameter's description begins as JSON and is none",
                where=self.where,
                remedy='Write an object such as {"masterarn": …}, or a description that does not begin with a brace.',
            )
        return found


@dataclass(frozen=True, slots=True)
class Tree:
    """A parameter for each key, of which the password alone is ever written: so the name of the user is constant."""

    where: str
    beside: Mapping[str, str]
    constant_names = True

    def document(self, value: str) -> str:
        """Read the password beside the other keys as they are now."""
        return json.dumps({**self.beside, _LEAF: value})

    def published(self, document: str) -> str:
        """Return the password."""
        return str(json.loads(document)[_LEAF])

    def require_publishable(self, document: str, current: str) -> None:
        """
        Refuse another user, and a password for what the tree does not name any more.

        Name and password are two parameters, which nothing writes or reads at one instant.
        """
        new, old = _besides_password(document), _besides_password(current)
        if new.get("username") != old.get("username"):
            raise two_users(self.where)
        if new != old:
            raise StoreError(
                "Another parameter of the tree was changed after the new password was made",
                where=self.where,
                remedy="Look who wrote it. The next rotation goes on from what is there then.",
            )


def two_users(where: str) -> InvalidSettings:
    """Return the error of a pair of users whose name and password are two parameters."""
    return InvalidSettings(
        "A tree of parameters cannot have two users: readers would see the name of one and the password of the other",
        where=where,
        remedy="Keep name and password in one parameter, as JSON or as a connection string. Or set "
        '"rotation" to {"strategy": "single-user"} or, where the server keeps two passwords, "retained-password".',
    )


def is_object(text: str) -> bool:
    """Return whether a text begins as a JSON object does."""
    return text.lstrip().startswith("{")


def is_leaf(name: str) -> bool:
    """Return whether a parameter of that name is the password of a tree."""
    return name.startswith("/") and name.rpartition("/")[2] == _LEAF and name.count("/") > 1


def beside(leaves: Mapping[str, str]) -> dict[str, str]:
    """Return what is read of a tree's other parameters."""
    return {key: leaves[key] for key in sorted(_KEYS & leaves.keys())}


def layout_of(name: str, live: Live, description: Callable[[], str]) -> Layout:
    """Tell the layout: a name that ends in ``/password`` is a tree's, and else the value says it."""
    if is_leaf(name):
        return Tree(name, live.beside)
    return ConnectionString(name, description) if _DSN.match(live.value) else Whole()


def published(layout: Layout, document: str) -> str | None:
    """Return what the parameter holds for a document; None where the document is none of that layout."""
    try:
        return layout.published(document)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def mirrored(name: str, held: str, document: str, credential: Credential) -> str:
    """
    Return what a parameter is to hold that follows a secret, in the layout that it has.

    Raises InvalidSecret where that cannot be told: what its readers expect is not known then.
    """
    if is_leaf(name):
        return credential.password.reveal()
    if _DSN.match(held):
        user = {"username": credential.username, "password": credential.password.reveal()}
        return dsn.written({**dsn.read(held, name), **user})
    if held != _UNFILLED and not is_object(held):
        raise InvalidSecret(
            "A mirror holds neither a JSON object nor a connection string, so what its readers expect is not known",
            where=name,
            remedy="Look in its history who wrote that. Write - into it for JSON, or a connection string with any "
            "password, each with the description that names the secret. Then send syncMirrors.",
        )
    return document


def recorded(layout: Layout, value: str, own: str | None, last: str | None) -> str:
    """
    Return a version's document, with the record of its ``own`` entry where the layout has no place for one.

    A person's version has no entry; the ``last`` one still knows the base of a pair, which no person changes.
    """
    document = layout.document(value)
    if isinstance(layout, Whole):
        return document
    record = _record(own) or {key: it for key, it in _record(last).items() if key == _BASE}
    return json.dumps({**json.loads(document), _RECORD: json.dumps(record)}) if record else document


def _besides_password(document: str) -> dict[str, Any]:
    return {key: it for key, it in json.loads(document).items() if key not in {_LEAF, _RECORD}}


def _record(entry: str | None) -> dict[str, Any]:
    """Read an entry's record, which stands there as a text; what nobody of ours wrote has none."""
    try:
        record = json.loads(json.loads(entry or "{}").get(_RECORD, "{}"))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _own_host(besides: Mapping[str, Any]) -> bool:
    settings = besides.get("rotation")
    return isinstance(settings, dict) and bool(settings.get("host"))
