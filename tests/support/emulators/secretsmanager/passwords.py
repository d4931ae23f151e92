"""GetRandomPassword."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager.errors import invalid_parameter

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Request, Response
    from tests.support.emulators.secretsmanager.state import State

CLASSES = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}
DEFAULT_LENGTH = 32


def get_random_password(_state: State, request: Request) -> Response:
    """GetRandomPassword: one of each class unless RequireEachIncludedType is false."""
    length, classes = request.get("PasswordLength", DEFAULT_LENGTH), _classes(request)
    required = classes if request.get("RequireEachIncludedType", True) else []
    if not classes:
        message = "The request excludes every character."
        raise invalid_parameter(message)
    if length < len(required):
        message = "The password is too short to contain one character of each required type."
        raise invalid_parameter(message)
    characters = [secrets.choice(each) for each in required]
    everything = "".join(classes)
    characters += [secrets.choice(everything) for _ in range(length - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return {"RandomPassword": "".join(characters)}


def _classes(request: Request) -> list[str]:
    excluded = set(request.get("ExcludeCharacters", ""))
    classes = [each for flag, each in CLASSES.items() if not request.get(flag)]
    classes += [" "] if request.get("IncludeSpace") else []
    kept = ["".join(char for char in each if char not in excluded) for each in classes]
    return [each for each in kept if each]
