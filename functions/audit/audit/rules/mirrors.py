"""Rules of parameters that follow a secret (docs/parameter-store.md, "Mirrors"): each names it in its description."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from audit.model import Severity
from audit.rules.rule import Rule, minute

if TYPE_CHECKING:
    from datetime import datetime

    from audit.model import Parameter
    from audit.rules.rule import Ground

GRACE: Final = timedelta(minutes=15)
"""A mirror is written within finishSecret, and nothing says at which moment of it the service dates a rotation."""
DEFAULT_KEYS: Final = ("", "alias/aws/ssm", "alias/aws/secretsmanager")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A parameter, and what DescribeSecret says of the secret that it follows."""

    parameter: Parameter
    secret: str
    listed: bool = True
    rotated: datetime | None = None
    key: str = ""

    @property
    def arn(self) -> str:
        """Name it as a resource."""
        return self.parameter.arn


def behind(mirror: Mirror, _: Ground) -> str | None:
    """The secret has rotated since it was written."""
    written, rotated = mirror.parameter.modified, mirror.rotated
    if written is None or rotated is None or written >= rotated - GRACE:
        return None
    return f"{mirror.secret} rotated at {minute(rotated)}, and it was last written at {minute(written)}."


def orphan(mirror: Mirror, _: Ground) -> str | None:
    """Nothing rotates what it holds."""
    return None if mirror.listed else f"{mirror.secret} does not exist, or is scheduled for deletion."


def clear_text(mirror: Mirror, _: Ground) -> str | None:
    """It is no SecureString: the function does not write it."""
    return None if mirror.parameter.secure else f"It is to hold what {mirror.secret} holds, and is no SecureString."


def weaker_key(mirror: Mirror, _: Ground) -> str | None:
    """The key's policy keeps from the secret whom the parameter lets in."""
    if not mirror.parameter.secure or mirror.parameter.key not in DEFAULT_KEYS or mirror.key in DEFAULT_KEYS:
        return None
    return f"It is under the account's default key, and {mirror.secret} is under {mirror.key}."


_NEEDS: Final = frozenset({"parameters", "replicas"})
_SYNC: Final = (
    "aws lambda invoke --region {region} --function-name FUNCTION "
    "--payload fileb://events/sync-mirrors.json /dev/stdout"
)
_LOOK: Final = "aws ssm describe-parameters --region {region} --parameter-filters Key=Name,Values={name}"

RULES: Final[tuple[Rule[Mirror], ...]] = (
    Rule(
        "mirror-behind",
        Severity.HIGH,
        "A parameter does not follow its secret",
        "A parameter whose description names a secret was written before that secret's last rotation.",
        behind,
        _SYNC,
        needs=_NEEDS,
    ),
    Rule(
        "mirror-orphan",
        Severity.MEDIUM,
        "A parameter follows a secret that is gone",
        "A parameter's description names a secret that does not exist, or is scheduled for deletion.",
        orphan,
        _LOOK,
        needs=_NEEDS,
    ),
    Rule(
        "mirror-clear-text",
        Severity.HIGH,
        "A parameter that follows a secret is not encrypted",
        "A parameter whose description names a secret is of another type than SecureString.",
        clear_text,
        _LOOK,
        needs=_NEEDS,
    ),
    Rule(
        "mirror-weaker-key",
        Severity.MEDIUM,
        "A parameter is under a weaker key than its secret",
        "A parameter whose description names a secret has the default key, and the secret a customer managed one.",
        weaker_key,
        _LOOK,
        needs=_NEEDS,
    ),
)
