"""Rules that need the value, which the settings must ask for. What they say holds nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from audit.model import LIVE, Kind, Secret, Severity
from audit.rules.rule import ATTACH, RETRY, Rule

if TYPE_CHECKING:
    from audit.rules.rule import Ground


def no_object(secret: Secret, _: Ground) -> str | None:
    """This suite's function rotates it, and cannot read it."""
    if secret.held is None or secret.held.json:
        return None
    return "Its value is no JSON object: the function that rotates it cannot read it."


def incomplete(secret: Secret, _: Ground) -> str | None:
    """This suite's function rotates it, and does not find in it what it needs."""
    if secret.held is None or not secret.held.missing:
        return None
    return f"Its value lacks {', '.join(secret.held.missing)}, which the function that rotates it needs."


def weak(secret: Secret, _: Ground) -> str | None:
    """The password could be guessed."""
    if secret.held is None or not secret.held.weak:
        return None
    return f"Its password is weak: {secret.held.weak}."


def two_secrets(secret: Secret, _: Ground) -> str | None:
    """Another secret holds the same user of the same server, and one of them rotates: that breaks the other."""
    if not secret.twins:
        return None
    shown = ", ".join(secret.twins[:_SOME])
    more = f" and {len(secret.twins) - _SOME} more" if len(secret.twins) > _SOME else ""
    return f"The same user of the same server is in {shown}{more}: each rotation of one breaks the others."


def admin_gone(secret: Secret, _: Ground) -> str | None:
    """The admin secret that lets its two users take turns is not there: alternation stops."""
    if not secret.admin_gone:
        return None
    return f"Its admin secret {secret.held.admin if secret.held else ''} {secret.admin_gone}."


H, M = Severity.HIGH, Severity.MEDIUM
_SOME: Final = 5
_VALUES: Final = frozenset({"values"})
_OURS: Final = frozenset({Kind.OURS})
_READ: Final = LIVE - {Kind.SERVICE, Kind.EXTERNAL}
_PUT: Final = (
    "aws secretsmanager put-secret-value --region {region} --secret-id {arn} --secret-string file://value.json"
)

RULES: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "value-not-json",
        H,
        "Its value cannot be read by its function",
        "`read_values`: this suite's function rotates it, and AWSCURRENT is no JSON object.",
        no_object,
        _PUT,
        _OURS,
        _VALUES,
    ),
    Rule(
        "value-incomplete",
        M,
        "Its value lacks what its function needs",
        "`read_values`: this suite's function rotates it, and engine, host, username or password is missing.",
        incomplete,
        _PUT,
        _OURS,
        _VALUES,
    ),
    Rule(
        "password-weak",
        M,
        "Its password is weak",
        "`read_values`: the password is shorter than `password_length`, uniform, or holds its user's name.",
        weak,
        {Kind.OURS: RETRY, Kind.FOREIGN: RETRY, Kind.UNROTATED: ATTACH, Kind.DECLARED: _PUT},
        _READ,
        _VALUES,
    ),
)
TOGETHER: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "two-secrets-one-user",
        H,
        "Another secret holds the same user",
        "`read_values`: two secrets name the same user of the same server, and one of them rotates.",
        two_secrets,
        "aws secretsmanager cancel-rotate-secret --region {region} --secret-id {arn}\n"
        "# and have its clients read the other one",
        _READ,
        _VALUES,
    ),
    Rule(
        "admin-gone",
        H,
        "Its admin secret is not there",
        "`read_values`: two users take turns, and the secret that `masterarn` names is deleted or not listed.",
        admin_gone,
        "aws secretsmanager restore-secret --region {region} --secret-id {admin}\n"
        "# or, where it is gone, name another one as masterarn",
        _READ,
        _VALUES,
    ),
)
"""Judged when every secret was seen."""
