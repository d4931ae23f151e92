"""From the rules of the secret, the function and the engine to one new password."""

from __future__ import annotations

import math
import secrets
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.errors import InvalidSettings
from rotation.model import Password, PasswordRules

if TYPE_CHECKING:
    from rotation.model import Limits

DEFAULT_LENGTH: Final = 32
LEAST_BITS: Final = 64
"""Strength below which no password is made, unless a setting of the function says less."""

LEAST_ALPHABET: Final = 10
"""Distinct characters below which a password could be guessed, or be the same as the last one."""

_TYPES: Final = {
    "numbers": string.digits,
    "punctuation": string.punctuation,
    "uppercase": string.ascii_uppercase,
    "lowercase": string.ascii_lowercase,
}

_SWITCHES: Final = (*(f"exclude_{name}" for name in _TYPES), "require_each_included_type")
"""The rules that are stricter when they are on."""

_NO_RULES: Final = PasswordRules()


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What every new password obeys: its length, and the characters of each type it may (or must) hold."""

    length: int
    types: tuple[str, ...]
    require_each: bool

    @property
    def bits(self) -> float:
        """How much an attacker who knows the policy does not know of a password: its entropy, or somewhat less."""
        required = [len(characters) for characters in self.types] if self.require_each else []
        drawn = [*required, *[len("".join(self.types))] * (self.length - len(required))]
        return sum(map(math.log2, drawn))

    def generate(self) -> Password:
        """Draw a password from the system's source of randomness."""
        alphabet = "".join(self.types)
        required = [secrets.choice(characters) for characters in self.types] if self.require_each else []
        drawn = required + [secrets.choice(alphabet) for _ in range(self.length - len(required))]
        secrets.SystemRandom().shuffle(drawn)
        return Password("".join(drawn))


def policy_for(
    limits: Limits,
    function: PasswordRules = _NO_RULES,
    secret: PasswordRules = _NO_RULES,
    least_bits: int = LEAST_BITS,
) -> PasswordPolicy:
    """
    Combine the function's rules and the secret's with what the engine accepts.

    The function's are a floor: where both speak, the stricter word counts. Raises InvalidSettings when they contradict
    one another or the engine, or make too weak a password; the message names which.
    """
    rule = _stricter(function, secret)
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
    policy = PasswordPolicy(length, types, require_each)
    if policy.bits < least_bits:
        raise _contradiction(
            f"A password of {length} characters out of {len(''.join(types))} holds {policy.bits:.0f} bits, "
            f"and {least_bits} are the least",
            "Raise PASSWORD_LENGTH, or exclude less (or their like in the secret). Only PASSWORD_MINIMUM_BITS of the "
            "function allows weaker ones.",
        )
    return policy


def _stricter(function: PasswordRules, secret: PasswordRules) -> PasswordRules:
    """
    Take the stricter of two words on each rule; None where neither speaks.

    A length is none to choose silently: whoever asks for a shorter password may not take a longer one.
    """
    if secret.length is not None and secret.length < (function.length or 0):
        raise _contradiction(
            f"The secret asks for passwords of {secret.length} characters, and the function makes none "
            f"of fewer than {function.length}",
            "Take passwordLength out of the secret's rotation, or lower PASSWORD_LENGTH (the parameter PasswordLength "
            "of the stack; empty, it leaves the choice to the secret).",
        )
    return PasswordRules(
        length=function.length if secret.length is None else secret.length,
        exclude_characters=_joined(function.exclude_characters, secret.exclude_characters),
        **{name: _either(getattr(function, name), getattr(secret, name)) for name in _SWITCHES},
    )


def _joined(one: str | None, other: str | None) -> str | None:
    return other if one is None else one + (other or "")


def _either(*words: bool | None) -> bool | None:
    said = {word for word in words if word is not None}
    return True in said if said else None


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
