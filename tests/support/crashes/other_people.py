"""What others do after a rotation was cut: the service, an operator, a person who knows nothing of either."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rotation.errors import GuardViolation, NotOurs, RotationRefused
from rotation.model import CLONE_SUFFIX, Credential, Password, Stage, Step
from rotation.settings import Settings
from tests.support.arns import moved
from tests.support.crashes.invariants import Violated
from tests.support.memory.cuts import new_token
from tests.support.memory.stage import ADMIN_ARN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.memory.cuts import Play
    from tests.support.memory.store import MemoryStore

BY_HAND: Final = "set-by-hand"
OTHER_REGION: Final = "eu-central-1"


def retried(play: Play, token: str) -> None:
    """Let the service deliver the same token again, and once more after that."""
    play.complete(token)
    play.complete(token)


def abandoned(play: Play, token: str) -> None:
    """Let an operator take AWSPENDING off and start anew."""
    play.complete(new_token(play, token))


def retried_too_late(play: Play, token: str) -> None:
    """Let the old token come again after two other rotations: every step of it is refused, and changes nothing."""
    for _ in range(2):
        play.complete(new_token(play, token))
    _require_over(play, token)


def rolled_back(play: Play, token: str) -> None:
    """
    Let an operator move AWSCURRENT back once the rotation has completed, and start anew later.

    Every step of the rotation that still arrives is refused. With one password AWSCURRENT is then the old one, which
    the server refuses, until the next rotation finds AWSPREVIOUS's.
    """
    play.complete(token)
    play.stage.store.roll_back()
    play.excused = not play.stage.current_logs_in()
    _require_over(play, token)
    abandoned(play, token)
    play.excused = False


def value_put(play: Play, token: str) -> None:
    """Let somebody change the password in use, and store it as AWSCURRENT."""
    _put(play)
    _retry_or_begin_anew(play, token)


def value_put_in_the_services_sight(play: Play, token: str) -> None:
    """Let somebody do that while the service knows of the rotation, and ends it."""
    play.stage.store.abandons = True
    value_put(play, token)


def content_put(play: Play, token: str) -> None:
    """Let somebody do that, and change what else the secret says."""
    _put(play, note="changed")
    _retry_or_begin_anew(play, token)
    if json.loads(play.stage.store.value_at(Stage.CURRENT))["note"] != "changed":
        raise Violated(f"What a person wrote into the secret is lost\n{play}")


def password_changed(play: Play, token: str) -> None:
    """Let somebody change the password in use without a word to the secret, and put it back when told to."""
    stage = play.stage
    account = stage.server.accounts[stage.credential().username]
    account.password, account.second = BY_HAND, None
    play.known.add(BY_HAND)
    play.excused = True
    stage.play(token)
    play.look()
    if not stage.current_logs_in():
        _set_in_server(play, stage.credential())
    play.excused = False
    _retry_or_begin_anew(play, token)


def clone_dropped(play: Play, token: str) -> None:
    """Let somebody drop the clone; if that was in use, and no retry helps, let them go back to the base."""
    stage = play.stage
    stage.server.accounts.pop("app" + CLONE_SUFFIX, None)
    play.excused = not stage.current_logs_in()
    stage.play(token)
    play.look()
    if not stage.current_logs_in():
        _put_what_logs_in(play)
    play.excused = False
    _retry_or_begin_anew(play, token)


def region_promoted(play: Play, token: str) -> None:
    """
    Let somebody make the replica in another Region a secret of its own, and rotate that one from then on.

    The function there takes no admin of another Region. A clone is marked as the first Region's: as long as it is,
    the secret there is not rotated, and the one of the first Region goes on.
    """
    stage, primary, settings = play.stage, play.stage.store, play.stage.settings
    stage.store = primary.promoted(OTHER_REGION)
    stage.settings = Settings(admin_secret_arns=(moved(ADMIN_ARN, OTHER_REGION),))
    left = primary.values.keys() - stage.store.values.keys()
    play.known |= {json.loads(primary.values[version])["password"] for version in left}
    play.look(in_the_window=True)
    if _idle(stage.store) and "masterarn" in stage.store.value_at(Stage.CURRENT):
        _require(play, GuardViolation)
    stage.store.abandon()
    _name_the_admin_there(play)
    fresh = stage.store.rotate()
    if not isinstance(stage.play(fresh), NotOurs):
        play.complete(fresh)
        return
    play.look(in_the_window=True)
    stage.store, stage.settings = primary, settings
    _retry_or_begin_anew(play, token)


WAYS: Final[dict[str, Callable[[Play, str], None]]] = {
    "the service retries": retried,
    "an operator starts anew": abandoned,
    "the service retries too late": retried_too_late,
    "an operator rolls back": rolled_back,
    "a value is put": value_put,
    "a value is put in the service's sight": value_put_in_the_services_sight,
    "another content is put": content_put,
    "the password is changed": password_changed,
    "the clone is dropped": clone_dropped,
    "a Region is promoted": region_promoted,
}
"""What happens after a cut, and what must come of it."""


def _require_over(play: Play, token: str) -> None:
    """See that each step of a rotation that is over is refused, and changes nothing."""
    before = play.stage.store.holder(Stage.CURRENT), play.stage.held_passwords()
    for step in Step:
        error = play.stage.play(token, [step])
        if not isinstance(error, RotationRefused):
            raise Violated(f"{step} of a rotation that is over: {error}\n{play}")
    if before != (play.stage.store.holder(Stage.CURRENT), play.stage.held_passwords()):
        raise Violated(f"A rotation that is over has changed something\n{play}")


def _retry_or_begin_anew(play: Play, token: str) -> None:
    """Let the service retry; what cannot complete gives itself up, at most one try later, and another one completes."""
    for _ in range(2):
        if play.stage.play(token) is None:
            return
        play.look()
    if play.stage.store.holder(Stage.PENDING) == token:
        raise Violated(f"It neither completes nor gives itself up: {play.stage.play(token)}\n{play}")
    play.complete(play.stage.store.rotate())


def _idle(store: MemoryStore) -> bool:
    return store.holder(Stage.PENDING) in {None, store.holder(Stage.CURRENT)}


def _require(play: Play, kind: type[Exception]) -> None:
    """See that a rotation is refused for that reason, and changes nothing."""
    before = play.stage.held_passwords()
    error = play.stage.play(play.stage.store.rotate())
    if not isinstance(error, kind) or before != play.stage.held_passwords():
        raise Violated(f"It is not refused: {error}\n{play}")


def _name_the_admin_there(play: Play) -> None:
    """Store AWSCURRENT anew with the ARN that the admin secret has in the Region, where one is named."""
    value = play.stage.store.value_at(Stage.CURRENT)
    if ADMIN_ARN in value:
        play.stage.store.begin(value.replace(ADMIN_ARN, moved(ADMIN_ARN, OTHER_REGION)))


def _put(play: Play, **changed: object) -> None:
    stage = play.stage
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    _set_in_server(play, Credential(document["username"], Password(BY_HAND)))
    stage.store.begin(json.dumps({**document, "password": BY_HAND, **changed}))
    play.look()


def _put_what_logs_in(play: Play) -> None:
    """Store a version again as AWSCURRENT whose credential is accepted."""
    stage = play.stage
    for value in reversed(stage.store.values.values()):
        document = json.loads(value)
        if stage.server.logs_in(Credential(document["username"], Password(document["password"]))):
            stage.store.begin(value)
            return
    raise Violated(f"No version logs in any more\n{play}")


def _set_in_server(play: Play, credential: Credential) -> None:
    account = play.stage.server.accounts[credential.username]
    account.password, account.second = credential.password.reveal(), None
