"""What a parameter may be called, and by what a reader may ask for it (API reference, PutParameter, Name)."""

from __future__ import annotations

import re
from typing import Final

from tests.support.emulators.ssm.model import ARN, arn_of
from tests.support.emulators.wire.errors import ServiceError, answer

LEVELS: Final = 15
LONGEST: Final = 1011
"""Characters, "includes the characters in the ARN that precede the name"."""

_CHARACTERS: Final = re.compile(r"[a-zA-Z0-9_.\-/]+")
_RESERVED: Final = re.compile(r"/?(aws|ssm)", re.IGNORECASE)


def key_of(name: str) -> str:
    """Return by what a parameter is found: one level with and without the slash are one (recorded, see reference)."""
    return name if name.count("/") > 1 or not name.startswith("/") else name[1:]


def require_name(name: str) -> None:
    """Refuse a name that Put, Label and Delete do not take; an ARN is one."""
    if not _CHARACTERS.fullmatch(name):
        raise _invalid("Parameter name: can't be an ARN, and can only include the symbols and letters a-zA-Z0-9_.-/")
    if "//" in name or name.endswith("/") or ("/" in name and not name.startswith("/")):
        # Recorded: LocalStack, ssm hierarchical_parameter.
        raise _invalid("Parameter name must be a fully qualified name with sub-paths divided by slash symbol.")
    if name.count("/") > 1 and name.lower().startswith("/aws"):
        message = f"No access to reserved parameter name: {name}."  # as moto has it from the service
        raise answer(message, code="AccessDeniedException")
    if _RESERVED.match(name):
        raise _invalid('Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).')
    if len(arn_of(name)) > LONGEST:
        raise _invalid("Parameter name: is longer than 1011 characters with its ARN.")
    if name.strip("/").count("/") >= LEVELS:
        message = "Hierarchy depth must be 15 levels or less."
        raise answer(message, code="HierarchyLevelLimitExceededException")


def selected(asked: str) -> tuple[str, str]:
    """Take a name or an ARN apart: name, and the version or label that is asked for."""
    name, _, selector = asked.removeprefix(ARN).partition(":")
    return ("/" + name if asked.startswith(ARN) else name), selector


def _invalid(message: str) -> ServiceError:
    return answer(message, code="ValidationException")
