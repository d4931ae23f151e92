"""What AWS's APIs may answer beside what they document: whatever stands between can speak in their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from botocore.exceptions import ClientError

NOT_UNDERSTOOD: Final = (ResponseParserError, AttributeError, KeyError, TypeError, ValueError)
"""How botocore's parsers and our own reading fail at an answer that is not of the API; their text can quote it."""

_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,80}")

_NAME: Final = re.compile(r"[!-~]{1,2048}")


def error_code(error: ClientError) -> str:
    """Return an error's code if it has the form of one, so that it may be shown; else say that it has none."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else "no code"


def text(answer: Mapping[str, Any], *path: str) -> str:
    """Return the string that stands there, or nothing: in XML anything may be missing, or be there twice."""
    found: Any = answer
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def as_text(answered: object) -> str:
    """Take a string for one: the SDK does not look. Raises TypeError."""
    if not isinstance(answered, str):
        raise TypeError
    return answered


def as_name(answered: object) -> str:
    """Take a name, an ARN or a version's id, which may be shown, for one. Raises TypeError."""
    name = as_text(answered)
    if not _NAME.fullmatch(name):
        raise TypeError
    return name
