"""Credentials that are parameters, on a stage that stands already: its server, its admin, another store."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.lab.parameters import INTERVAL, ParameterApplication, ParameterTheatre
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.theatre import Theatre


@contextmanager
def beside(theatre: Theatre, engine: str = "") -> Iterator[ParameterTheatre]:
    """Keep credentials of the same server in Parameter Store too; its clock is so late that all is due."""
    admin = json.loads(theatre.emulator.value(theatre.admin_arn) or "{}")["password"]
    with EmulatedParameterStore(clock=ManualClock(datetime.now(UTC) - INTERVAL)) as parameters:
        yield ParameterTheatre(
            theatre.module, theatre.scene, parameters, theatre.emulator, password=admin, engine=engine
        )


def require_rotated(theatre: ParameterTheatre, user: str, strategy: str) -> None:
    """Have a credential rotated, and see that it logs in with all its rights, and that no log holds a password."""
    application = ParameterApplication.on(theatre, user, strategy)
    before = application.secret()
    assert theatre.send({"Parameters": [application.arn]})["Outcome"] == "rotated"
    assert application.secret()["password"] != before["password"]
    assert application.is_accepted(before) is strategy.startswith(("alternating", "retained"))
    application.work()
    assert theatre.leaked() == []
