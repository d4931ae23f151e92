"""A run of the audit against an emulated account."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from audit.acceptance import Exceptions
from audit.memory import Memory
from audit.run import Audit
from audit.settings import Settings
from tests.support.audited.account import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from audit.calls import Clients
    from tests.support.audited.account import Account


def audited(
    account: Account,
    folder: Path,
    *,
    exceptions: str = "",
    ends_in: float = 60,
    clients: Clients | None = None,
    regions: Iterable[str] = (),
    on_start: Callable[[Audit], object] = lambda _: None,
    **settings: Any,  # noqa: ANN401 of any type
) -> Audit:
    """Run the audit once, with the memory in a folder."""
    given = {
        "policies_per_second": 10_000,
        "versions_per_second": 10_000,
        "lookups_per_second": 10_000,
        "values_per_second": 10_000,
    } | settings
    audit = Audit(
        Memory(folder / "memory.sqlite"),
        Settings(**given),
        Exceptions.read(exceptions),
        account.clock(),
        time.monotonic() + ends_in,
    )
    on_start(audit)
    audit.memory.begin(audit.now)
    audit.look(clients or account.clients(), ACCOUNT, regions or account.secrets.at)
    audit.judge_crowds()
    audit.judge_all_together()
    audit.finish()
    return audit


def by_name(audit: Audit, *states: str) -> dict[str, set[str]]:
    """Return the rules of the findings in these states, or in all but resolved, by what they are about."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in audit.memory.findings(*(states or ("new", "open", "worse", "unseen", "accepted"))):
        found[row["name"]].add(row["rule"])
    return dict(found)
