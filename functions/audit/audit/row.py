"""What the report and the page show of a secret that was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.collecting.history import NAMES
from audit.model import CURRENT, Kind
from audit.text import visible

if TYPE_CHECKING:
    from audit.model import Secret


def row_of(secret: Secret) -> dict[str, object]:
    """Return what the report shows of a secret: dates and states, and nothing that it holds."""
    current = secret.holding(CURRENT)
    dates = {"created": secret.created, "changed": secret.changed, "rotated": secret.rotated, "due": secret.due}
    dates |= {"accessed": secret.accessed, "deleted": secret.deleted, "value": current.created if current else None}
    row: dict[str, object] = {key: f"{it:%Y-%m-%dT%H:%MZ}" for key, it in dates.items() if it}
    if secret.enabled is not None:
        row["enabled"] = secret.enabled
    if secret.schedule:
        row["schedule"] = secret.schedule.text
    if secret.function:
        row["function"] = secret.function
    if secret.service:
        row["service"] = secret.service
    if owner := next((secret.tags[it] for it in ("owner", "Owner", "team", "Team") if secret.tags.get(it)), ""):
        row["owner"] = visible(owner)
    if secret.copies:
        row["replicas"] = [
            [it.region, it.status, f"{it.accessed:%Y-%m-%d}" if it.accessed else ""] for it in secret.copies
        ]
    if secret.held and secret.held.admin:
        row["pair"] = [secret.held.turn, secret.held.admin]
    if secret.primary_region and secret.kind is Kind.REPLICA:
        row["primary"] = secret.primary_region
    marks = [
        [it.name.removeprefix("Rotation").lower(), f"{it.at:%Y-%m-%d}"] for it in secret.events if it.name in NAMES
    ]
    if marks:
        row["events"] = sorted(marks, key=lambda it: it[1])[-20:]
    return row
