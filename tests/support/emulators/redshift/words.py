"""The words of Redshift's statements: names, literals, and statements that fail or go together."""

from __future__ import annotations

import re

NAME = r'"(?:[^"]|"")+"|[A-Za-z_]\w*'
LITERAL = r"'(?:[^'\\]|''|\\.)*'"


def refused(code: str, reason: str) -> str:
    """Return a statement that fails, so that the transaction is in the right state."""
    return f"SELECT redshift.refuse('{code}', {quoted(reason)})"


def quoted(text: str) -> str:
    """Write a literal as a server with escapes in strings reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def unquoted(literal: str) -> str:
    """Read a literal."""
    return re.sub(r"\\(.)|''", lambda match: match[1] or "'", literal[1:-1], flags=re.DOTALL)


def folded(name: str) -> str:
    """Read a name: Redshift folds quoted ones too (Developer Guide, "Names and identifiers")."""
    name = name.strip()
    plain = name[1:-1].replace('""', '"') if name.startswith('"') else name
    return "".join(letter.lower() if letter.isascii() else letter for letter in plain)


def identifier(name: str) -> str:
    """Write a name for PostgreSQL."""
    return '"' + folded(name).replace('"', '""') + '"'


def array(texts: list[str]) -> str:
    """Write an array of texts."""
    return "ARRAY[" + ", ".join(map(quoted, texts)) + "]::text[]"


def together(statements: list[str]) -> str:
    """Run several as one."""
    return statements[0] if len(statements) == 1 else f"SELECT redshift.execute({', '.join(map(quoted, statements))})"


def names(text: str) -> list[str]:
    return [folded(name) for name in re.findall(NAME, text)]


def role_statement(needed: str, role: str, *statements: str) -> str:
    """Run statements about a role, if this login may: ``needed`` is the permission that suffices."""
    return f"SELECT redshift.role_statement({', '.join(map(quoted, (needed, role, *statements)))})"
