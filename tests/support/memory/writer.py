"""Whoever may write the secret, and no more: the servers that are theirs, and the values that they put."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final

from rotation.model import LAST_REFUSED, LATE_CUTOVER, SEARCHING, Stage
from tests.support.memory.engine import HOST, Account, MemoryServer
from tests.support.memory.stage import ADMIN_ARN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.crashes.proofs import Proofs
    from tests.support.memory.stage import MemoryStage

THEIR_HOST: Final = "writer.example"
THEIR_PORT: Final = 15432
THEIR_ADMIN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:their-admin-GhIjKl"
"""Another admin secret of the function's list: that of a team whose server the writer rules."""

LABELS: Final = (*Stage, LATE_CUTOVER, LAST_REFUSED, SEARCHING)
"""Under which a value may be stored; one under AWSPENDING takes it from the rotation that is under way."""

FOUNDATIONS: Final = {"the live value": Stage.CURRENT, "AWSPREVIOUS": Stage.PREVIOUS, "nothing": None}
"""What a value may be built from."""


class Writer:
    """
    Puts values under any label, whatever they hold, at any moment; knows no password and no token of the secret's.

    Their own servers believe every password, or refuse each.
    """

    def __init__(self, stage: MemoryStage, proofs: Proofs, *, believes: bool) -> None:
        """Bring up the writer's servers; what the writer puts is noted as what it is."""
        self._stage, self._proofs = stage, proofs
        self._numbers = itertools.count()
        own = MemoryServer({"root": Account("mine", {"admin"})}, believes=believes)
        stage.server.others.update({f"{THEIR_HOST}:5432": own, f"{THEIR_HOST}:{THEIR_PORT}": own})
        stage.server.others[f"{HOST}:{THEIR_PORT}"] = own
        place = {"engine": "memory", "host": THEIR_HOST, "port": 5432}
        stage.store.admins[THEIR_ADMIN] = json.dumps({**place, "username": "root", "password": "mine"})

    def put(self, foundation: str, changed: Mapping[str, Any], label: str = Stage.CURRENT) -> str:
        """Store a value under a label, and give its version; None takes a key away."""
        document = {
            **self._built_from(foundation),
            **changed,
            "password": f"chosen-by-the-writer-{next(self._numbers)}",
        }
        value = json.dumps({key: value for key, value in document.items() if value is not None})
        self._proofs.stored(value)
        return self._stage.store.put(value, label)

    def _built_from(self, foundation: str) -> dict[str, Any]:
        label = FOUNDATIONS[foundation]
        if label is not None and self._stage.store.holder(label) in self._stage.store.values:
            return dict(json.loads(self._stage.store.value_at(label)))
        return {"engine": "memory", "host": HOST, "port": 5432, "username": "app", "masterarn": ADMIN_ARN}
