"""The words of Redshift's statements: names, literals, and statements that fail or go together."""

from __future__ import annotations

import re

NAME = r'"(?:[^"]|"")+"|[A-Za-z_]\w*'
LITERAL = r"'(?:[^'\\]|''|\\.)*'"
EXACT = "enable_case_sensitive_identifier"


def refused(code: str, reason: str) -> str:
    """Return a statement that fails, so that the transaction is in the right state."""
    return f"SELECT redshift.refuse('{code}', {quoted(reason)})"


def quoted(text: str) -> str:
    """Write a literal as a server with escapes in strings reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def unquoted(literal: str) -> str:
    """Read a literal."""
    return re.sub(r"\\(.)|''", lambda match: match[1] or "'", literal[1:-1], flags=re.DOTALL)


def named(name: str) -> str:
    """Read a name: one in double quotes as it is written, any other in small letters."""
    name = name.strip()
    return name[1:-1].replace('""', '"') if name.startswith('"') else small(name)


def small(text: str) -> str:
    """Fold ASCII letters, and no others (Developer Guide, "Names and identifiers")."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


_USERS_PLACE = re.compile(
    r"\b(?:USER|OWNER\s+TO|AUTHORIZATION)\s+$|^\s*(?:GRANT|REVOKE|ATTACH|DETACH)\b.*\b(?:TO|FROM)\s+(?:[^;]*,)?\s*$",
    re.IGNORECASE | re.DOTALL,
)


def as_sessions_read(statement: str, *, exact: bool) -> str:
    """
    Fold the names in double quotes, too, but for users', unless the session has enable_case_sensitive_identifier on.

    A user's name keeps its capitals in any case (Developer Guide, "CREATE USER", usage notes;
    "enable_case_sensitive_identifier").
    """

    def one(match: re.Match[str]) -> str:
        kept = exact or match[0].startswith("'") or _USERS_PLACE.search(statement[: match.start()])
        return match[0] if kept else small(match[0])

    return re.sub(rf'{LITERAL}|"(?:[^"]|"")+"', one, statement, flags=re.DOTALL)


def switches_exactness(statement: str) -> bool | None:
    """Say to what a statement sets enable_case_sensitive_identifier ("SET", "SET_CONFIG"); None where it does not."""
    setting = rf"{EXACT}'?\s*(?:TO|=|,)\s*'?(true|on|false|off)\b"
    found = re.search(setting, statement, re.IGNORECASE)
    return found[1].lower() in {"true", "on"} if found else None


def identifier(name: str) -> str:
    """Write a name that was read for PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


def array(texts: list[str]) -> str:
    """Write an array of texts."""
    return "ARRAY[" + ", ".join(map(quoted, texts)) + "]::text[]"


def together(statements: list[str]) -> str:
    """Run several as one."""
    return statements[0] if len(statements) == 1 else f"SELECT redshift.execute({', '.join(map(quoted, statements))})"


def names(text: str) -> list[str]:
    return [named(name) for name in re.findall(NAME, text)]


def role_statement(needed: str, role: str, *statements: str) -> str:
    """Run statements about a role, if this login may: ``needed`` is the permission that suffices."""
    return f"SELECT redshift.role_statement({', '.join(map(quoted, (needed, role, *statements)))})"
