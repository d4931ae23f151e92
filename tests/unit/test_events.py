"""The files of events/: each is an event that a function takes, and each event that an operator sends has one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.entrypoints import secrets_manager
from rotation.entrypoints.parameter_store.events import Event as ParameterEvent
from rotation.entrypoints.secrets_manager import REVOKE, SYNC
from rotation.model import Step
from rotation.promotion import request
from tests.support.guides.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

FILES: Final = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted((ROOT / "events").glob("*.json"))}


def of_parameters(event: object) -> ParameterEvent:
    """Read an event of the function for Parameter Store, on a day of its own."""
    return ParameterEvent.parse(event, 30, datetime(2026, 6, 30, tzinfo=UTC))


READ: Final[dict[str, Callable[[object], Any]]] = {
    **{step.value: secrets_manager.Event.parse for step in Step},
    "revoke": secrets_manager.Event.parse,
    "sync-mirrors": secrets_manager.Event.parse,
    "promote": request.parse,
    "return": request.parse,
    "parameter": of_parameters,
    "parameter-dry-run": of_parameters,
    "parameter-revoke": of_parameters,
    "parameters-due": of_parameters,
}
"""What reads each file: a step's is named after the step, any other after what an operator wants."""


OF_A_STATE_MACHINE: Final = {"promote-fleet"}
"""Inputs that no function reads; tests/unit/promotion/test_fleet.py plays the machine with it."""


@pytest.mark.parametrize("name", sorted({*READ, *FILES} - OF_A_STATE_MACHINE))
def test_a_file_is_an_event_that_its_function_takes(name: str) -> None:
    """As it stands, and there is no other one."""
    assert READ[name](FILES[name])


def test_the_files_are_what_they_are_named_after() -> None:
    """Each step, the revocation, both ways of a promotion, and each way to name parameters."""
    assert {FILES[step.value]["Step"] for step in Step} == set(Step)
    assert (FILES["revoke"]["Step"], FILES["sync-mirrors"]["Step"]) == (REVOKE, SYNC)
    assert isinstance(READ["promote"](FILES["promote"]), request.Promotion)
    assert isinstance(READ["return"](FILES["return"]), request.Return)
    assert of_parameters(FILES["parameter"]).one
    assert of_parameters(FILES["parameter-dry-run"]).dry_run
    assert of_parameters(FILES["parameter-revoke"]).revoke
    assert of_parameters(FILES["parameters-due"]).paths
