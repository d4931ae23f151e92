"""What the service would refuse at the end is seen at the beginning, before a server hears of it; a dry run says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import StoreError
from tests.support.emulators.ssm.model import ADVANCED, arn_of
from tests.support.memory.engine import ADMIN
from tests.unit.entrypoints.parameter_store.conftest import ADMINS, FIRST, NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.entrypoints.parameter_store.conftest import Scene


def put(scene: Scene, **settings: Any) -> None:  # noqa: ANN401 what PutParameter takes
    """Write the same value with other settings, forty days ago."""
    value = scene.emulator.value(NAME)
    scene.clock.advance(days=-40)
    request = {"Name": NAME, "Value": value, "Type": "SecureString", "Overwrite": True, **settings}
    scene.emulator.execute("PutParameter", request)
    scene.clock.advance(days=40)


def hundred_versions(scene: Scene) -> None:
    """Let the oldest of a hundred versions bear a label."""
    for _ in range(99):
        put(scene)
    scene.emulator.execute("LabelParameterVersion", {"Name": NAME, "ParameterVersion": 1, "Labels": ["kept"]})


def pattern(scene: Scene) -> None:
    """Let the parameter take the present value alone."""
    put(scene, AllowedPattern=f".*{FIRST}.*")


def big(scene: Scene) -> None:
    """Let the value be as long as the standard tier takes: the next one is longer, since it has a record."""
    note = "x" * (4096 - len(scene.emulator.value(NAME)) - len(', "note": ""'))
    scene.clock.advance(days=-40)
    scene.put(masterarn=arn_of(ADMINS), note=note)
    scene.clock.advance(days=40)
    assert len(scene.emulator.value(NAME)) == 4096


OBSTACLES: Final[dict[str, tuple[Callable[[Scene], None], str]]] = {
    "the oldest of a hundred versions bears a label": (hundred_versions, "the oldest, 1, bears a label"),
    "a pattern": (pattern, "AllowedPattern"),
    "the size": (big, r"has \d{4} bytes, and the tier Standard takes 4096.* --tier Advanced"),
}


@pytest.mark.parametrize("dry_run", [False, True], ids=["a rotation", "a dry run"])
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_would_be_refused_at_the_end(scene: Scene, obstacle: str, *, dry_run: bool) -> None:
    """No server was asked for a change, nothing of it stays, and the error says what to do."""
    stand, said = OBSTACLES[obstacle]
    stand(scene)
    before, changes = scene.emulator.value(NAME), list[str]()
    scene.server.effect = lambda name, _phase: changes.append(name)
    with pytest.raises(StoreError, match=said) as error:
        scene.send(DryRun=True) if dry_run else scene.send()
    assert error.value.remedy
    assert changes == [] or dry_run, "a dry run has asked the server first, and changed nothing"
    assert scene.server.accounts.keys() == {ADMIN, "app"}
    assert scene.server.accounts["app"].password == FIRST
    assert scene.emulator.value(NAME) == before
    assert not [it for it in scene.emulator.state.parameters if it.startswith("/rotation/")]


def test_the_entry_has_what_the_parameter_has(scene: Scene) -> None:
    """Key, tier and pattern: so the service judges the value by them. So does a dry run."""
    scene.emulator.state.keys.add("alias/own")
    wanted = {"KeyId": "alias/own", "Tier": ADVANCED, "AllowedPattern": "[{].*[}]"}
    put(scene, **wanted)
    for dry_run in (True, False):
        scene.calls()
        scene.send(DryRun=dry_run)
        journal = scene.emulator.journal
        first = next(it for it in journal.calls if it.operation == "PutParameter" and "/rotation/" in it.names[0])
        assert wanted.items() <= first.parameters.items()
        assert not first.parameters["Overwrite"]


def test_a_big_value_of_the_advanced_tier(scene: Scene) -> None:
    """More than 4 KB: entry and parameter stay in that tier."""
    put(scene, Tier=ADVANCED)
    scene.clock.advance(days=-40)
    scene.put(masterarn=arn_of(ADMINS), note="x" * 6000)
    scene.clock.advance(days=40)
    assert scene.send()["Outcome"] == "rotated"
    assert scene.current()["note"] == "x" * 6000
    assert scene.emulator.state.own(NAME).newest.tier == ADVANCED


def test_fifteen_levels(scene: Scene) -> None:
    """As many as a name may have."""
    name = "".join(f"/level-{number}" for number in range(15))
    scene.clock.advance(days=-40)
    scene.put(name, masterarn=arn_of(ADMINS))
    scene.clock.advance(days=40)
    assert scene.send(name)["Outcome"] == "rotated"
    assert scene.current(name)["username"] == "app_clone"
