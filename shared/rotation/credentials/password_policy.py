"""From the rules of the secret, the function and the engine to one new password."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from rotation.errors import InvalidSettings
from rotation.model import Password, PasswordRules

if TYPE_CHECKING:
    from rotation.model import Limits

DEFAULT_LENGTH: Final = 32
LEAST_ALPHABET: Final = 10
"""Distinct characters below which a password could be guessed, or be the same as the last one."""

_TYPES: Final = {
    "numbers": string.digits,
    "punctuation": string.punctuation,
    "uppercase": string.ascii_uppercase,
    "lowercase": string.ascii_lowercase,
}


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What every new password obeys: its length, and the characters of each type it may (or must) hold."""

    length: int
    types: tuple[str, ...]
    require_each: bool

    def generate(self) -> Password:
        """Draw a password from the system's source of randomness."""
        alphabet = "".join(self.types)
        required = [secrets.choice(characters) for characters in self.types] if self.require_each else []
        drawn = required + [secrets.choice(alphabet) for _ in range(self.length - len(required))]
        secrets.SystemRandom().shuffle(drawn)
        return Password("".join(drawn))


def policy_for(limits: Limits, *rules: PasswordRules) -> PasswordPolicy:
    """
    Combine the rules, the more specific ones first, with what the engine accepts.

    Raises InvalidSettings when they contradict one another or the engine; the message names which.
    """
    rule = _combined(rules)
    length = DEFAULT_LENGTH if rule.length is None else rule.length
    if not limits.password_min <= length <= limits.password_max:
        raise _contradiction(
            f"A password length of {length} is outside the engine's {limits.password_min} to {limits.password_max}",
            "Change PASSWORD_LENGTH, or passwordLength in the secret.",
        )
    types = _types(limits, rule)
    require_each = rule.require_each_included_type is not False or bool(limits.required)
    if require_each and length < len(types):
        raise _contradiction(
            f"A password of {length} characters has no room for each of {len(types)} required types",
            "Raise PASSWORD_LENGTH, or set REQUIRE_EACH_INCLUDED_TYPE to false.",
        )
    return PasswordPolicy(length, types, require_each)


def _combined(rules: tuple[PasswordRules, ...]) -> PasswordRules:
    chosen = {
        field.name: next((value for rule in rules if (value := getattr(rule, field.name)) is not None), None)
        for field in fields(PasswordRules)
    }
    return PasswordRules(**chosen)


def _types(limits: Limits, rule: PasswordRules) -> tuple[str, ...]:
    unwanted = limits.default_excluded if rule.exclude_characters is None else rule.exclude_characters
    excluded = set(unwanted) | set(limits.forbidden)
    left = {
        name: "".join(sorted(set(characters) - excluded))
        for name, characters in _TYPES.items()
        if not getattr(rule, f"exclude_{name}")
    }
    for name in limits.required:
        if not left.get(name):
            raise _contradiction(
                f"The engine wants {name} in every password, and the settings exclude them",
                f"Change EXCLUDE_{name.upper()} or EXCLUDE_CHARACTERS (or their like in the secret).",
            )
    types = tuple(characters for characters in left.values() if characters)
    if len("".join(types)) < LEAST_ALPHABET:
        raise _contradiction(
            f"The settings leave fewer than {LEAST_ALPHABET} characters to make a password from",
            "Exclude less in EXCLUDE_CHARACTERS, EXCLUDE_NUMBERS, EXCLUDE_PUNCTUATION, EXCLUDE_UPPERCASE "
            "and EXCLUDE_LOWERCASE (or their like in the secret).",
        )
    return types


def _contradiction(what: str, remedy: str) -> InvalidSettings:
    return InvalidSettings(what, where="password settings", remedy=remedy)
