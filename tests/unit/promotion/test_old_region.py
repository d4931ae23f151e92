"""What the function of the old Region still does, while a secret is promoted and after it: nothing that counts here."""

from __future__ import annotations

import contextlib
import shlex
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation import steps
from rotation.errors import RotationError, RotationRefused
from rotation.promotion import promoting
from tests.support.emulators.secretsmanager.replication import AfterStop, Replication
from tests.support.emulators.secretsmanager.rotation import STEPS
from tests.support.memory.regions import AWAY, HOME, STRATEGIES, TwoRegions

if TYPE_CHECKING:
    from collections.abc import Callable

WORLDS: Final = {
    "AWSPENDING stays at home": Replication(after_stop=AfterStop.GONE),
    "AWSPENDING is copied": Replication(pending_copied=True),
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    for name in ("machine.REREAD_PAUSES", "strategies.replicas.LOOKS", "strategies.replicas.LOOKS_ALONE"):
        monkeypatch.setattr(f"rotation.{name}", (0,))
    monkeypatch.setattr("rotation.strategies.cutover.LOOKS", (0, 0, 0))


def begun(scene: TwoRegions, done: int) -> Callable[[], None]:
    """Begin a rotation at home; give what delivers the steps that are left, late and whatever comes of them."""
    token, player = str(uuid.uuid4()), scene.player(HOME)
    scene.regions[HOME].execute("RotateSecret", {"SecretId": "app", "ClientRequestToken": token})
    scene.regions[HOME].state.take_due(token)
    for step in STEPS[:done]:
        assert player.deliver("app", step, token).error is None

    def go_on() -> None:
        for step in STEPS[done:]:
            player.deliver("app", step, token)

    return go_on


def promoted(scene: TwoRegions) -> None:
    """Promote as is planned; a rotation that could end the password is ended by the command that the refusal tells."""
    before = scene.accounts(), scene.regions[AWAY].labels("app"), scene.regions[HOME].labels("app")
    try:
        scene.promote(Force=True)
    except RotationRefused as error:
        refused = error
    else:
        return
    assert refused.retryable
    assert (scene.accounts(), scene.regions[AWAY].labels("app"), scene.regions[HOME].labels("app")) == before
    words = shlex.split(refused.remedy[refused.remedy.index("aws secretsmanager") :])
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert (words[2], given["--region"]) == ("update-secret-version-stage", HOME)
    request = {"SecretId": given["--secret-id"], "VersionStage": given["--version-stage"]}
    request["RemoveFromVersionId"] = given["--remove-from-version-id"]
    scene.regions[HOME].execute("UpdateSecretVersionStage", request)
    scene.promote(Force=True)


@pytest.mark.parametrize("late", ["before the first rotation here", "after it"])
@pytest.mark.parametrize("done", range(len(STEPS)))
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_rotation_that_was_under_way_ends_no_password_that_was_promoted(
    strategy: str, world: str, done: int, late: str
) -> None:
    """The old primary answers, as in a planned move, and its steps arrive late."""
    scene = TwoRegions(strategy, replication=WORLDS[world])
    scene.rotate()
    go_on = begun(scene, done)
    promoted(scene)
    if late == "after it":
        assert scene.run_due() == [None]
    go_on()
    assert scene.logs_in()
    if late != "after it":
        assert scene.run_due() == [None]
    scene.rotate(AWAY)
    assert scene.logs_in()


def test_a_rotation_that_could_end_the_password_is_seen_in_a_dry_run() -> None:
    scene = TwoRegions("single-user")
    scene.rotate()
    begun(scene, 1)
    with pytest.raises(RotationRefused, match="is under way in eu-west-1"):
        scene.promote(dry_run=True, Force=True)


def test_a_rotation_that_begins_while_the_promotion_looks() -> None:
    """It is seen once no other can begin, and nothing was cut; the promotion takes what came of it."""
    scene = TwoRegions("single-user", replication=Replication(after_stop=AfterStop.GONE))
    scene.rotate()
    case = scene.case(Force=True)
    cancel = case.store.cancel_rotation

    def too_late(region: str) -> None:
        assert scene.player(HOME).rotate("app").succeeded
        cancel(region)

    case.store.cancel_rotation = too_late  # type: ignore[method-assign]
    with pytest.raises(RotationRefused, match="went on meanwhile") as caught:
        promoting.promote(case)
    assert caught.value.retryable
    secret = scene.regions.find("app", AWAY)
    assert secret is not None
    assert secret.primary_region == HOME
    scene.arrive()
    scene.promote(Force=True)
    assert scene.logs_in()
    assert scene.run_due() == [None]


@pytest.mark.parametrize("here", range(3))
@pytest.mark.parametrize("rotations", range(1, 3))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_revocation_in_the_old_region_ends_nothing_here(strategy: str, rotations: int, here: int) -> None:
    """However often the secret was rotated there and here, AWSCURRENT and AWSPREVIOUS here stay as they are."""
    scene = TwoRegions(strategy, replication=Replication(after_stop=AfterStop.GONE))
    for _ in range(rotations):
        scene.rotate()
    scene.regions.cut(HOME)
    scene.promote()
    assert scene.run_due() == [None]
    for _ in range(here):
        scene.rotate(AWAY)
    scene.regions.restore(HOME)
    before: Any = scene.accounts()
    with contextlib.suppress(RotationError):
        steps.revoke_previous(scene.delivery(HOME), end_sessions=True)
    assert scene.accounts() == before
