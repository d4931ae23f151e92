"""The rules, as data: to add one, write its function and put it into the table of what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from audit.model import Secret, Severity
from audit.rules import access, account, around, mirrors, rotating, stuck, using, values

if TYPE_CHECKING:
    from audit.rules.rule import Rule

SECRETS: Final[tuple[Rule[Secret], ...]] = (
    *rotating.RULES,
    *stuck.RULES,
    *using.RULES,
    *access.RULES,
    *account.ON_TAGS,
    *values.RULES,
)
ON_READS: Final = using.ON_READS
TOGETHER: Final = values.TOGETHER
EVERY: Final[tuple[Rule[Any], ...]] = (
    *SECRETS,
    *ON_READS,
    *TOGETHER,
    *around.FUNCTIONS,
    *around.KEYS,
    *around.CROWDS,
    *account.ORPHANS,
    *around.PARAMETERS,
    *mirrors.RULES,
    *account.TRAILS,
    *account.LISTED,
    *account.SPOTS,
)
NEEDS: Final[dict[str, frozenset[str]]] = {rule.id: rule.needs for rule in EVERY}


def worst_without(area: str) -> Severity:
    """Return how grave it is that an area was not seen."""
    if area == "secrets":
        return Severity.CRITICAL
    return max((rule.severity for rule in EVERY if area in rule.needs), default=Severity.LOW)
