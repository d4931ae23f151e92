"""
Whoever may only write the secret puts one value at each effect of a rotation, on each real server.

`make crash` plays every value at every effect. `make test` plays some of them, drawn by chance from a fixed seed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

import pytest

from rotation import machine
from rotation.errors import AuthenticationFailed, RotationError
from rotation.model import Step
from rotation.strategies import cutover
from tests.lab.cutting.other_people import abandon, complete
from tests.lab.cutting.sights import sight_of_application, watching
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.cuts import Scissors
from tests.support.crashes.effects import CUTTING
from tests.support.crashes.invariants import require_kept
from tests.support.emulators.secretsmanager.rotation import NothingToRetry
from tests.support.emulators.wire.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.model import Address, Credential, Deadline
    from rotation.ports import Engine, Session
    from tests.lab.theatre import Application, Theatre
    from tests.support.crashes.invariants import Chronicle
    from tests.support.crashes.tally import Tally

CHOSEN: Final = "Chosen-by-the-writer-0"
THEIR_HOST: Final = "writer.example"


class Put(NamedTuple):
    """What is put: made of the version with a label, with a password of the writer's own, and under which label."""

    made_of: str
    changed: dict[str, Any]
    label: str = "AWSCURRENT"


CHANGED: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"host": THEIR_HOST},
    {"rotation": {"host": THEIR_HOST}},
    {"rotation": {"passwordLength": 12}},
    {"ssl": False},
    {"host": THEIR_HOST, "port": 1, "ssl": False, "rotation": {"passwordLength": 12, "excludePunctuation": True}},
)
"""What a value differs in from the one that it is made of, beside the password."""

PUTS: Final = (
    *(Put(made_of, changed) for made_of in ("AWSCURRENT", "AWSPREVIOUS") for changed in CHANGED),
    *(Put(made_of, changed, "AWSPENDING") for made_of in ("AWSCURRENT", "AWSPREVIOUS") for changed in CHANGED[:2]),
)
"""The service takes what is put under AWSPENDING for a rotation that it is to go on with."""

DRAWN: Final = 3
"""Of all plays of a strategy, in `make test`."""

PLAYS: Final = [
    pytest.param(engine, strategy, earlier, marks=() if engine == "postgresql" else pytest.mark.exhaustive)
    for engine in ("postgresql", "mysql", "mariadb", "documentdb", "redshift")
    for strategy, earlier in (
        ("single-user", 1),
        ("single-user-by-admin", 1),
        ("alternating-users", 1),
        ("alternating-users", 2),
        *((("retained-password", 1), ("retained-password-by-admin", 1)) if engine == "mysql" else ()),
    )
]

_numbers = itertools.count()


@dataclass
class Pen(Scissors):
    """Writes after an effect, where scissors would cut."""

    write: Callable[[], None] = lambda: None

    @contextlib.contextmanager
    def around(self, name: str, lost: RotationError | None = None) -> Iterator[None]:
        """Let an effect happen, and write if it is its turn."""
        del lost
        self.count += 1
        number = self.count
        self.trace.append(f"{number} {name}")
        yield
        if number == self.at:
            self.fired = True
            self.write()


class Elsewhere:
    """An Engine, and the writer's server beside it: that one refuses everybody, once it has heard the password."""

    def __init__(self, engine: Engine) -> None:
        """Stand before an engine."""
        self._engine, self.traits = engine, engine.traits

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> Session:
        """Log in."""
        if address.host == THEIR_HOST or address.port == 1:
            raise AuthenticationFailed("Refused", engine=self.traits.name)
        return self._engine.connect(address, credential, deadline)


def write(application: Application, chronicle: Chronicle, put: Put) -> None:
    """Put a value with a password of the writer's own."""
    live = application.secret(put.made_of) or application.secret()
    rotation = {**(live.get("rotation") or {}), **put.changed.get("rotation", {})}
    value = json.dumps({**live, **put.changed, "password": CHOSEN, **({"rotation": rotation} if rotation else {})})
    chronicle.proofs.stored(value)
    request = {"SecretId": application.arn, "SecretString": value, "VersionStages": [put.label]}
    application.theatre.emulator.execute("PutSecretValue", {**request, "ClientRequestToken": str(uuid.uuid4())})


def deliver_pending(application: Application) -> None:
    """Deliver the steps of whatever is labelled AWSPENDING, be it the writer's."""
    labels = application.theatre.emulator.labels(application.arn)
    token = labels.get("AWSPENDING", labels["AWSCURRENT"])
    with contextlib.suppress(RotationError):
        for step in Step:
            application.theatre.invoke({"Step": step, "SecretId": application.arn, "ClientRequestToken": token})


def plays(effects: int, seed: str) -> list[tuple[int, Put]]:
    """Return after which effect (before the first one, too) what is put: all of it, or some."""
    every = list(itertools.product(range(effects + 1), PUTS))
    return every if NIGHTLY else random.Random(seed).sample(every, DRAWN)  # noqa: S311 no secret


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once: nobody else is at work."""
    monkeypatch.setattr(machine, "REREAD_PAUSES", (0, 0, 0))
    monkeypatch.setattr(cutover, "LOOKS", (0, 0, 0))


@pytest.mark.parametrize(("engine", "strategy", "earlier"), PLAYS)
def test_a_writer_neither_learns_nor_chooses_a_password(
    request: pytest.FixtureRequest, tally: Tally, engine: str, strategy: str, earlier: int
) -> None:
    """The server keeps a password of the secret's own; once that is AWSCURRENT again, the next rotation completes."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")

    def play(at: int, write_at: Callable[[Application, Chronicle], None]) -> Pen:
        application = theatre.application(f"written_{next(_numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        pen = Pen(at)
        with tally.schedule(f"{strategy}, and a writer", theatre.scene.title) as row:
            _play(application, engine, pen, write_at)
            _put_right(application)
        row.effects = max(row.effects, pen.count)
        return pen

    effects = play(-1, lambda *_: None).count
    for at, put in plays(effects, f"{engine}, {strategy}, {earlier}"):
        pen = play(at, partial(write, put=put))
        assert pen.fired or not at, (at, pen.trace)


def _play(application: Application, engine: str, pen: Pen, write_at: Callable[[Application, Chronicle], None]) -> None:
    """Rotate with a write in it, let the service retry, and hold the invariants against what was asked of whom."""
    handler: Any = application.theatre.handler
    elsewhere = mock.patch.object(handler, "_engine", Elsewhere(handler._engine))  # noqa: SLF001 the function's own
    with elsewhere, watching(application) as chronicle:
        chronicle.plain_text_allowed = True  # the writer says so, and the tenth invariant what may go there
        chronicle.proofs.server = chronicle.admin_place
        for version in application.versions():
            chronicle.proofs.stored(json.dumps(version))
        pen.write = partial(write_at, application, chronicle)
        if pen.at == 0:
            pen.write()
        with CUTTING[engine](pen), contextlib.suppress(ServiceError):  # where AWSPENDING is in the way from the start
            application.rotate()
        with contextlib.suppress(NothingToRetry):
            application.theatre.player.retry(application.arn)
        deliver_pending(application)
        require_kept(None, chronicle, told=pen.trace)


def _put_right(application: Application) -> None:
    """Let an operator store again what the server accepts, and rotate."""
    first, *later = application.versions()
    kept = ("username", "password", "rotationRecord")
    own = [{**first, **{key: it[key] for key in kept if key in it}} for it in [first, *later]]
    accepted = [it for it in own if application.is_accepted(it)]
    assert accepted
    assert CHOSEN not in [it["password"] for it in accepted]
    application.put(accepted[-1])
    abandon(application)
    complete(application)
    require_kept(sight_of_application(application))
