"""What a rule is: a piece of data with one function that looks at one thing and says what is wrong with it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from audit.model import LIVE, Finding, Kind, Secret, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from audit.settings import Settings

T = TypeVar("T")

ATTACH: Final = (
    "aws secretsmanager rotate-secret --region {region} --secret-id {arn} --rotation-lambda-arn FUNCTION_ARN "
    "--rotation-rules AutomaticallyAfterDays=30"
)
RETRY: Final = "aws secretsmanager rotate-secret --region {region} --secret-id {arn}"
LOOK: Final = "aws secretsmanager describe-secret --region {region} --secret-id {arn}"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a rule measures by: the thresholds, and the time."""

    settings: Settings
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """One rule. Its function returns the evidence where something is wrong, and None where nothing is."""

    id: str
    severity: Severity
    title: str
    condition: str
    """When there is a finding, in a sentence for the guide."""
    judge: Callable[[T, Ground], str | None]
    remedy: str | Mapping[Kind, str]
    """A command, or one for each class of secret that needs another; names of fields stand in braces."""
    kinds: frozenset[Kind] = LIVE
    needs: frozenset[str] = field(default_factory=frozenset)
    """The areas without which it cannot be judged."""
    twice: bool = False
    """Whether the secret is looked at a second time before this is said."""

    def command(self, fields: Mapping[str, str], kind: Kind | None = None) -> str:
        """Return the command that helps, with what it is about in quotes for a shell; advice in words has none."""
        template = self.remedy if isinstance(self.remedy, str) else self.remedy.get(kind, "") if kind else ""
        if not template and not isinstance(self.remedy, str):
            template = next(iter(self.remedy.values()))
        quoted = {key: value if key == "advice" else shlex.quote(value) for key, value in fields.items()}
        return template.format_map(_Left(quoted))


class _Left(dict[str, str]):
    """Leaves a field alone that nothing is known of."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def on_secret(rule: Rule[Secret], secret: Secret, ground: Ground) -> Finding | None:
    """Judge a secret by a rule."""
    if secret.kind not in rule.kinds:
        return None
    evidence = rule.judge(secret, ground)
    if evidence is None:
        return None
    fields = {"arn": secret.arn, "name": secret.name, "region": secret.region, "function": secret.function}
    fields |= {"version": secret.lone_pending or "", "key": secret.key, "replica": _worst_copy(secret)}
    fields["admin"] = secret.held.admin if secret.held else ""
    command = rule.command(fields, secret.kind)
    where = (secret.region, secret.account)
    return _finding(rule, secret, secret.name, where, evidence, command, str(secret.kind), cause_of(secret))


def on_thing(rule: Rule[Any], thing: Any, ground: Ground, **fields: str) -> Finding | None:  # noqa: ANN401 whatever the rule is about
    """Judge a function, a key, a parameter or a Region; its fields name it."""
    evidence = rule.judge(thing, ground)
    if evidence is None:
        return None
    named = dict(zip(("region", "account"), (thing.arn.split(":") + [""] * 5)[3:5], strict=True)) | fields
    command = rule.command({"arn": thing.arn, **named})
    return _finding(rule, thing, fields["name"], (named["region"], named["account"]), evidence, command, fields["kind"])


def _finding(
    rule: Rule[Any],
    thing: Any,  # noqa: ANN401 as above
    name: str,
    where: tuple[str, str],
    evidence: str,
    command: str,
    kind: str,
    cause: str = "",
) -> Finding:
    severity = getattr(thing, "severity", None) or rule.severity
    return Finding(rule.id, severity, thing.arn, name, *where, rule.title, evidence, command, kind, cause)


def _worst_copy(secret: Secret) -> str:
    return next((copy.region for copy in secret.copies if copy.status != "InSync"), "")


def cause_of(secret: Secret) -> str:
    """Return why the last rotation did not succeed, by our own function's word, else by the service's."""
    succeeded = max(filter(None, (secret.rotated, _at(secret, "RotationSucceeded"))), default=None)
    told = secret.told
    if told is not None and (succeeded is None or told.at > succeeded):
        return f"{told.error} in {told.step}, {day(told.at)}: {told.message}"
    failed = secret.last("RotationFailed")
    if failed is not None and (succeeded is None or failed.at > succeeded):
        return f"RotationFailed, {day(failed.at)}: {failed.message}"
    return ""


def _at(secret: Secret, name: str) -> datetime | None:
    event = secret.last(name)
    return event.at if event else None


def day(moment: datetime | None) -> str:
    """Return a day as people read it."""
    return f"{moment:%Y-%m-%d}" if moment else "never"


def minute(moment: datetime | None) -> str:
    """Return a moment as people read it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def age(moment: datetime, ground: Ground) -> int:
    """Return how many whole days ago a moment was."""
    return (ground.now - moment).days
