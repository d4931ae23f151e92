"""After a leak: the operator's event ends the password of the version before, as it does for a secret."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotation.entrypoints.secrets_manager import REVOKE
from rotation.errors import GuardViolation, RotationError, RotationRefused
from tests.unit.entrypoints.parameter_store.conftest import FIRST, NAME, PLACE

if TYPE_CHECKING:
    from tests.unit.entrypoints.parameter_store.conftest import Scene


def revoked(scene: Scene, *names: str, end_sessions: bool = False) -> dict[str, Any]:
    """Send the event."""
    return scene.send(*names, Step=REVOKE, EndSessions=end_sessions)


def rotated(scene: Scene, times: int = 1) -> None:
    """Rotate what was written forty days ago."""
    for _ in range(times):
        assert scene.send()["Outcome"] == "rotated"
        for version in scene.emulator.state.own(NAME).versions:
            object.__setattr__(version, "at", version.at - timedelta(days=40))


def test_two_users(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """The idle one has no password any more, nothing is written, and the metrics count it."""
    rotated(scene, 2)
    scene.calls()
    answer = revoked(scene, end_sessions=True)
    assert (answer["Parameter"], answer["Outcome"]) == (NAME, "revoked")
    assert answer["Said"] == ["The password of AWSPREVIOUS is not accepted any more"]
    assert scene.server.accounts["app_clone"].password is None
    assert scene.server.accounts["app"].password == scene.current()["password"]
    assert "PutParameter" not in scene.calls()
    log = capsys.readouterr().out
    assert log.count('"RevocationSucceeded":[1') == 1
    assert f'"step":"{REVOKE}"' in log


def test_twice_and_then_a_rotation(scene: Scene) -> None:
    """It does no harm, and the next rotation gives the user a new password."""
    rotated(scene)
    for _ in range(2):
        assert revoked(scene)["Outcome"] == "revoked"
    assert scene.server.accounts["app"].password is None
    rotated(scene)
    assert scene.current()["username"] == "app"
    assert scene.server.accounts["app"].password == scene.current()["password"]


@pytest.mark.parametrize("layout", ["document", "tree"])
def test_two_passwords(scene: Scene, layout: str) -> None:
    """The second one ends."""
    document: dict[str, Any] = {"engine": "memory-of-two", "rotation": {"strategy": "retained-password"}}
    name = NAME if layout == "document" else "/tree/password"
    if layout == "document":
        scene.clock.advance(days=-40)
        scene.put(**document)
        scene.clock.advance(days=40)
    else:
        scene.clock.advance(days=-40)
        leaves = PLACE | document | {"username": "app", "rotation": '{"strategy": "retained-password"}'}
        for key, value in leaves.items():
            scene.emulator.put(f"/tree/{key}", str(value))
        scene.emulator.put(name, FIRST)
        scene.clock.advance(days=40)
    assert scene.send(name)["Outcome"] == "rotated"
    account = scene.server.accounts["app"]
    assert account.accepts(FIRST)
    assert revoked(scene, name)["Outcome"] == "revoked"
    assert not account.accepts(FIRST)
    assert account.second is None


def test_nothing_to_revoke(scene: Scene) -> None:
    """The answer says so."""
    assert revoked(scene)["Said"] == ["Nothing to revoke: no version is labelled AWSPREVIOUS"]
    assert scene.server.accounts["app"].password == FIRST


def test_a_rotation_under_way(scene: Scene) -> None:
    """It prepares the very user that would lose its password: nothing is changed, and the queue tries again."""
    rotated(scene)
    scene.emulator.faults.deny("PutParameter", NAME)
    with pytest.raises(RotationError):
        scene.send()
    held = scene.server.accounts["app"].password
    with pytest.raises(RotationRefused, match="A rotation is under way"):
        revoked(scene)
    assert scene.server.accounts["app"].password == held


def test_a_parameter_that_a_read_does_not_show_yet(scene: Scene) -> None:
    """Until the read shows the new version, its rotation counts as under way: nobody takes the old one for current."""
    scene.send()
    scene.emulator.state.stale = 20
    with pytest.raises(RotationRefused, match="A rotation is under way"):
        revoked(scene)
    assert scene.server.accounts["app_clone"].password == scene.current()["password"]


def test_a_person_put_the_very_same_value(scene: Scene) -> None:
    """As a tool does that writes whatever the value is: the version before is the one that is another."""
    rotated(scene)
    for _ in range(2):
        scene.emulator.put(NAME, scene.emulator.value(NAME))
    assert revoked(scene)["Said"] == ["The password of AWSPREVIOUS is not accepted any more"]
    assert scene.server.accounts["app"].password is None
    assert scene.server.accounts["app_clone"].password == scene.current()["password"]


def test_a_person_wrote_the_same_credential(scene: Scene) -> None:
    """The version before is not the one that leaked: a rotation ends that."""
    rotated(scene)
    current = scene.current()
    scene.put(**{**current, "note": "the person's"})
    with pytest.raises(GuardViolation, match="the same credential"):
        revoked(scene)
