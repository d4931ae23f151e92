"""The watch before a real function, and a Sight of its application on a real server."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from rotation.model import CLONE_SUFFIX
from tests.support.crashes.invariants import Chronicle, Kind, Sight
from tests.support.crashes.recorder import WatchedEngine, WatchedStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.entrypoints.secrets_manager import Handler
    from tests.lab.theatre import Application


@contextlib.contextmanager
def watching(application: Application) -> Iterator[Chronicle]:
    """Put the watch before the real function's engine and store while the context lasts."""
    chronicle, handler = chronicle_of(application), cast("Handler", application.theatre.handler)
    deliver = handler._delivery  # noqa: SLF001 the seam between an event and the machine
    engine = WatchedEngine(handler._engine, chronicle)  # noqa: SLF001 the same

    def delivery(*arguments: Any) -> Any:  # noqa: ANN401 passed on
        made = deliver(*arguments)
        chronicle.note(Kind.BEGAN, made.token)
        made.engine = engine
        made.store = WatchedStore(made.store, chronicle)
        return made

    with mock.patch.object(handler, "_delivery", delivery):
        yield chronicle


def chronicle_of(application: Application) -> Chronicle:
    """Return an empty Chronicle for an application on the real stage."""
    user, theatre = application.secret()["username"].removesuffix(CLONE_SUFFIX), application.theatre
    admin = json.loads(theatre.emulator.value(theatre.admin_arn) or "{}")
    return Chronicle(frozenset({user, user + CLONE_SUFFIX}), admin["username"], f"{admin['host']}:{admin['port']}")


def sight_of_application(application: Application, *, in_the_window: bool = False) -> Sight:
    """Look at an application on a real server, as far as logins show it: its rights are what ``work`` uses."""
    accepted = application.is_accepted(application.secret())
    lacking = _lacking(application) if accepted else []
    user = application.secret()["username"]
    known = accepted or any(application.is_accepted(it) for it in application.versions() if it["username"] == user)
    return Sight(
        current_logs_in=accepted,
        in_the_window=in_the_window,
        lost=[] if known else [user],
        missing_rights=lacking,
    )


def _lacking(application: Application) -> list[str]:
    try:
        application.work()
    except Exception as error:  # noqa: BLE001 whatever the driver raises
        return [f"what its work needs ({type(error).__name__})"]
    return []
