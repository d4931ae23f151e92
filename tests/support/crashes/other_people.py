"""What others do after a rotation was cut: the service, an operator, a person who knows nothing of either."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from rotation.errors import RotationError, RotationRefused
from rotation.model import CLONE_SUFFIX, Credential, Password, Stage, Step
from rotation.promotion import promoting
from rotation.promotion.case import Case
from rotation.promotion.relocated import RelocatedStore
from rotation.promotion.request import Promotion
from rotation.settings import Settings
from tests.support.arns import moved
from tests.support.crashes.invariants import Violated
from tests.support.memory.cuts import new_token
from tests.support.memory.replica import MemoryReplica
from tests.support.memory.stage import ADMIN_ARN

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.promotion.ports import RegionalStore
    from tests.support.memory.cuts import Play
    from tests.support.memory.store import MemoryStore

BY_HAND: Final = "set-by-hand"
FIRST_REGION: Final = "eu-west-1"
OTHER_REGION: Final = "eu-central-1"
FUNCTION: Final = f"arn:aws:lambda:{OTHER_REGION}:123456789012:function:rotation"


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
    Lose the Region, promote the replica in another one, and rotate there from then on.

    The function of the first Region comes back, with its schedule, and changes nothing any more.
    """
    del token
    stage, primary, settings = play.stage, play.stage.store, play.stage.settings
    there = MemoryReplica.of(primary, OTHER_REGION)
    stage.store = there
    stage.settings = Settings(admin_secret_arns=(moved(ADMIN_ARN, OTHER_REGION),))
    _know(play, primary)
    play.look(in_the_window=True)
    promote_replica(play, there)
    play.look()
    play.complete(there.begun[-1] if there.begun else there.rotate())
    _require_fenced(play, primary, settings)
    play.complete(there.rotate())


def promote_replica(play: Play, there: MemoryReplica) -> None:
    """Promote the secret of the stage's store."""
    delivery = play.stage.delivery("")
    store, request = delivery.store, Promotion(there.arn, dry_run=False, former=FIRST_REGION)
    delivery.store = RelocatedStore(cast("RegionalStore", store), {})
    promoting.promote(Case(request, cast("RegionalStore", store), delivery, FUNCTION, {}))


def _require_fenced(play: Play, primary: MemoryStore, settings: Settings) -> None:
    """See that a rotation of the Region that was left is refused, and changes nothing."""
    stage = play.stage
    there, of_there = stage.store, stage.settings
    stage.store, stage.settings = primary, settings
    primary.abandon()
    _require(play, RotationError)
    _know(play, primary)
    stage.store, stage.settings = there, of_there


def _know(play: Play, store: MemoryStore) -> None:
    """Take the passwords of the Region that is left for known: they may live on at the server."""
    play.known |= {json.loads(value)["password"] for value in store.values.values()}


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


def _require(play: Play, kind: type[Exception]) -> None:
    """See that a rotation is refused for that reason, and changes nothing."""
    before = play.stage.held_passwords()
    error = play.stage.play(play.stage.store.rotate())
    if not isinstance(error, kind) or before != play.stage.held_passwords():
        raise Violated(f"It is not refused: {error}\n{play}")


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
