"""The words of a statement as the server writes it in SHOW GRANTS and SHOW CREATE USER."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""`(?:[^`]|``)*` | '(?:[^'\\]|''|\\.)*' | 0x[0-9A-Fa-f]+ | [A-Za-z_][A-Za-z0-9_]* | [0-9.]+ | [^\s]""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)|''", re.DOTALL)


def split(text: str) -> list[str]:
    """Take a statement apart; a quoted name or text is one token, with its quotes."""
    return _TOKEN.findall(text)


def unquoted(token: str) -> str:
    """Return what a quoted name or text says."""
    if token.startswith("`"):
        return token[1:-1].replace("``", "`")
    return _ESCAPED.sub(lambda found: found[1] or "'", token[1:-1])
