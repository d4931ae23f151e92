"""
What is judged last: rules about a secret that ask what else there is, of a Region or of all accounts.

A few fields of each secret wait in the memory's file until then, so that nothing is held however many there are.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from audit import rules
from audit.acceptance import MARK
from audit.model import Held, Kind, Secret
from audit.rules.rule import on_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.memory import Memory
    from audit.rules.rule import Rule
    from audit.run import Audit

_FIELDS: Final = ("arn", "name", "region", "account", "kind", "function", "enabled")


def keep(memory: Memory, secret: Secret) -> None:
    """Keep what the last rules need of a secret."""
    known: dict[str, Any] = {name: getattr(secret, name) for name in _FIELDS}
    known["tags"] = {key: it for key, it in secret.tags.items() if key.startswith(MARK)}
    if secret.held:
        known["held"] = {"admin": secret.held.admin}
        for mark in secret.held.logins:
            memory.log_in(mark, secret.arn)
    memory.keep_last(secret.arn, secret.account, secret.region, json.dumps(known))


def _kept(memory: Memory, account: str = "%", region: str = "%") -> Iterator[Secret]:
    for text in memory.kept_last(account, region):
        known = json.loads(text)
        held = Held(**known["held"]) if "held" in known else None
        yield Secret(**{**known, "kind": Kind(known["kind"]), "held": held})


def judge_reads(audit: Audit, account: str, region: str, roles: frozenset[str]) -> None:
    """Judge who read the secrets of a Region; roles of rotation functions read theirs and those of admins."""
    for secret in _kept(audit.memory, account, region):
        named = (secret.arn, secret.arn[: -len("-XXXXXX")], secret.name)
        reads = audit.memory.reads(account, region, named)
        if reads:
            _judge(audit, rules.ON_READS, replace(secret, reads=reads, rotation_roles=roles))


def judge_together(audit: Audit) -> None:
    """Judge what only all secrets together show: users that two of them hold, and admin secrets that are gone."""
    seen = {(sight.account, sight.region) for sight in audit.sights if "secrets" not in sight.areas}
    for secret in _kept(audit.memory):
        if secret.held:
            others = audit.memory.twins(secret.arn)
            rotates = bool(secret.enabled) or any(it for _, it in others)
            twins = tuple(name for name, _ in others) if rotates else ()
            gone = _gone(audit.memory, secret, seen)
            _judge(audit, rules.TOGETHER, replace(secret, twins=twins, admin_gone=gone))


def _gone(memory: Memory, secret: Secret, seen: set[tuple[str, str]]) -> str:
    """Say what became of an admin secret, where its place was seen; one of another Region means the replica here."""
    admin = secret.held.admin if secret.held else ""
    if not admin:
        return ""
    region, account = admin.split(":")[3:5]
    here = admin.replace(f":{region}:", f":{secret.region}:", 1)
    found = memory.select("select kind from secret where arn in (?, ?)", admin, here)
    if not found:
        return "is not listed" if {(account, region), (account, secret.region)} <= seen else ""
    return "" if any(row["kind"] != Kind.DELETED for row in found) else "is scheduled for deletion"


def _judge(audit: Audit, table: tuple[Rule[Secret], ...], secret: Secret) -> None:
    for finding in filter(None, (on_secret(rule, secret, audit.ground) for rule in table)):
        entered = audit.enter(finding, secret.tags)
        if entered.accepted is None:
            audit.memory.raise_worst(secret.arn, int(entered.severity))
