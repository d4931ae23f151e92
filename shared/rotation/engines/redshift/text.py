"""Names and literals as Redshift reads them."""

from __future__ import annotations

import re
from typing import Final

from rotation.errors import GuardViolation

NAME_BYTES: Final = 127
"""The longest name (Redshift Database Developer Guide, "Names and identifiers")."""

_LIST_ITEM: Final = re.compile(r'"(?:[^"]|"")*"|[^,\s]+')


def require_whole(name: str) -> None:
    """Raise GuardViolation for a name that is too long: cut, it would be another user's."""
    if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES:
        what = f"The user name {name} is longer than the {NAME_BYTES} bytes that Redshift keeps"
        raise GuardViolation(what, remedy="Use a shorter one: the server would take another user's name.")


def identifier(*parts: str) -> str:
    """
    Quote a name, or a dotted one, so that it keeps its capitals.

    A user's name in double quotes always does; other names do since each session asks for it (Developer Guide,
    "CREATE USER", usage notes; "enable_case_sensitive_identifier").
    """
    return ".".join('"{}"'.format(part.replace('"', '""')) for part in parts)


def literal(text: str) -> str:
    """Quote a text: Redshift reads a backslash within one as an escape, as PostgreSQL 8.0 did."""
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "''"))


def name_list(value: str) -> str:
    """Quote each name of a setting that is a list of names, such as the search path."""
    items = _LIST_ITEM.findall(value)
    plain = (item[1:-1].replace('""', '"') if item.startswith('"') else item for item in items)
    return ", ".join(map(identifier, plain))
