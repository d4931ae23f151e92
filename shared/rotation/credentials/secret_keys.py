"""JSON objects as secrets hold them, and typed access to their keys, with errors that never show a value."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rotation.errors import InvalidSecret, InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,253}[A-Za-z0-9_.])?"
_IPV6: Final = r"[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,7}"
_HOST: Final = re.compile(f"{_NAME}|{_IPV6}")
_PARAMETER: Final = re.compile(r"(/[A-Za-z0-9_.-]+){2,15}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half a character: JSON can write it, and nothing can encode it."""

_DIGITS: Final = re.compile(r"[0-9]{1,5}")
_PORTS: Final = range(1, 65536)
_NAME_BYTES: Final = 255
_LIST_BYTES: Final = 4096
_TRUTH: Final = {"true": True, "false": False}


def decoded(text: str) -> object:
    """
    Read JSON that all readers read in the same way, and that can be written again as it is.

    Raises ValueError, ArithmeticError or RecursionError; their texts may quote the value.
    """
    return _DECODER.decode(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError  # two readers could take two different values for the same key
    return document


def _exact(text: str) -> float:
    number = float(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError  # it could not be carried along as it is
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse, parse_float=_exact)


def present(document: Mapping[str, Any]) -> dict[str, Any]:
    """
    Leave out what is there with null or an empty text: as good as absent.

    Terraform's jsonencode writes null for a variable that was not set, and forms write empty texts.
    """
    return {key: value for key, value in document.items() if value is not None and value != ""}


@dataclass(frozen=True, slots=True)
class Keys:
    """Typed access to the keys of an object, with errors that name the key and never show its value."""

    document: Mapping[str, Any]
    where: str
    kind: type[InvalidSecret | InvalidSettings] = InvalidSecret

    def __contains__(self, key: str) -> bool:
        """Return whether the key is there."""
        return key in self.document

    def wrong(self, key: str, what: str, remedy: str) -> InvalidSecret | InvalidSettings:
        """Return the error to raise."""
        return self.kind(f'The key "{key}" {what}', where=self.where, remedy=remedy)

    def text(self, key: str, default: str | None = None, limit: int = _NAME_BYTES) -> str:
        """Read a name: a text in one line, of so many bytes at most."""
        value = self.document.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing", "Add it to the secret's JSON.")
        if not isinstance(value, str) or not value or _CONTROL.search(value) or not value.isprintable():
            raise self.wrong(key, "is not a plain, non-empty text", "Correct it in the secret's JSON.")
        if len(value.encode()) > limit:
            raise self.wrong(key, f"is longer than {limit} bytes", "The server would cut it; use a shorter name.")
        return value

    def optional_text(self, key: str, limit: int = _NAME_BYTES) -> str | None:
        """Read a name that may be absent."""
        return self.text(key, limit=limit) if key in self else None

    def host(self, key: str) -> str:
        """Read one host name or address."""
        value = self.text(key)
        if not _HOST.fullmatch(value):
            raise self.wrong(key, "is not one host name or address", "Give a host name, without port, list or path.")
        return value

    def hosts(self, key: str) -> tuple[str, ...]:
        """Read host names or addresses, which stand in one text with commas between them; none where it is absent."""
        named = tuple(name.strip() for name in (self.optional_text(key, _LIST_BYTES) or "").split(",") if name.strip())
        if not all(map(_HOST.fullmatch, named)):
            raise self.wrong(key, "is not a list of host names", 'Give them as one text: "one.example, two.example".')
        return named

    def parameters(self, key: str) -> tuple[str, ...]:
        """Read names of parameters, which stand in one text with commas between them; none where it is absent."""
        named = tuple(name.strip() for name in (self.optional_text(key, _LIST_BYTES) or "").split(",") if name.strip())
        if not all(map(_PARAMETER.fullmatch, named)):
            raise self.wrong(key, "is not a list of parameters", 'Give names as one text: "/app/one, /app/two".')
        return tuple(dict.fromkeys(named))

    def password(self) -> str:
        """Read what may be sent as a password."""
        value = self.document.get("password")
        if not isinstance(value, str) or not value or "\0" in value or SURROGATE.search(value):
            raise self.wrong("password", "is missing, empty or not a text", "Store the user's present password.")
        return value

    def port(self, key: str, default: int) -> int:
        """Read a port, as a number or as a text."""
        value = self.document.get(key, default)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value not in _PORTS:
            raise self.wrong(key, "is not a port number", "Give a number from 1 to 65535, or leave it out.")
        return value

    def truth(self, key: str, *, default: bool) -> bool:
        """Read true or false, as such or as a text."""
        value = self.document.get(key, default)
        if isinstance(value, str):
            value = _TRUTH.get(value.lower())
        if not isinstance(value, bool):
            raise self.wrong(key, "is neither true nor false", "Set true or false, or leave it out for verified TLS.")
        return value

    def optional_truth(self, key: str) -> bool | None:
        """Read true or false, or nothing."""
        return self.truth(key, default=False) if key in self else None

    def length(self, key: str) -> int | None:
        """Read a number of characters, or nothing."""
        value = self.document.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise self.wrong(key, "is not a whole number", "Give a number of characters, such as 32.")
        return value

    def characters(self, key: str) -> str | None:
        """Read a text of any characters, or nothing."""
        value = self.document.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "is not a text", "Give the characters to leave out as one text.")
        return value
