"""
Whoever may only write the secret puts one value at each effect of a rotation, on each real server.

All values at all effects are played with the server in memory; here each effect meets one of the values.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest

from rotation.errors import AuthenticationFailed
from tests.lab.cutting.other_people import abandon, complete
from tests.lab.cutting.schedules import MOST
from tests.lab.cutting.sights import sight_of_application, watching
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.cuts import Scissors
from tests.support.crashes.effects import CUTTING
from tests.support.crashes.invariants import require_kept
from tests.support.emulators.secretsmanager.rotation import NothingToRetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.errors import RotationError
    from rotation.model import Address, Credential, Deadline
    from rotation.ports import Engine, Session
    from tests.lab.theatre import Application, Theatre
    from tests.support.crashes.invariants import Chronicle
    from tests.support.crashes.tally import Tally

CHOSEN: Final = "Chosen-by-the-writer-0"
THEIR_HOST: Final = "writer.example"

WRITTEN: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"host": THEIR_HOST},
    {"rotation": {"host": THEIR_HOST}},
    {"rotation": {"passwordLength": 12}},
    {"ssl": False},
    {"host": THEIR_HOST, "port": 1, "ssl": False, "rotation": {"passwordLength": 12, "excludePunctuation": True}},
)
"""What a value differs in from the live one, or from AWSPREVIOUS, beside the password."""

EVERY: Final = 1 if NIGHTLY else 6
IN_EACH_RUN: Final = ("postgresql", "single-user-by-admin")

PLAYS: Final = [
    pytest.param(engine, strategy, earlier, marks=() if (engine, strategy) == IN_EACH_RUN else pytest.mark.exhaustive)
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


def write(application: Application, chronicle: Chronicle, number: int) -> None:
    """Put a value with a password of the writer's own, made of the live one or of AWSPREVIOUS."""
    label = "AWSPREVIOUS" if number % 2 else "AWSCURRENT"
    live = application.secret(label) or application.secret()
    changed = WRITTEN[number // 2 % len(WRITTEN)]
    rotation = {**(live.get("rotation") or {}), **changed.get("rotation", {})}
    value = {**live, **changed, "password": CHOSEN, **({"rotation": rotation} if rotation else {})}
    chronicle.proofs.stored(json.dumps(value))
    application.put(value)


def moments() -> Iterator[tuple[int, int]]:
    """Return each effect with the number of a value; before the first one, where no rotation is ended by it, all."""
    yield from ((0, number) for number in range(2 * len(WRITTEN)))
    yield from ((at, at) for at in range(1, MOST, EVERY))


@pytest.mark.parametrize(("engine", "strategy", "earlier"), PLAYS)
def test_a_writer_neither_learns_nor_chooses_a_password(
    request: pytest.FixtureRequest, tally: Tally, engine: str, strategy: str, earlier: int
) -> None:
    """The server keeps a password of the secret's own; once that is AWSCURRENT again, the next rotation completes."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    for at, number in moments():
        application = theatre.application(f"written_{next(_numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        pen = Pen(at)
        with tally.schedule(f"{strategy}, and a writer", theatre.scene.title) as row:
            _play(application, engine, pen, number)
            _put_right(application)
        row.effects = max(row.effects, pen.count)
        if at and not pen.fired:
            return
    raise AssertionError(pen.trace)


def _play(application: Application, engine: str, pen: Pen, number: int) -> None:
    """Rotate with a write in it, let the service retry, and hold the invariants against what was asked of whom."""
    handler: Any = application.theatre.handler
    elsewhere = mock.patch.object(handler, "_engine", Elsewhere(handler._engine))  # noqa: SLF001 the function's own
    with elsewhere, watching(application) as chronicle:
        chronicle.plain_text_allowed = True  # the writer says so, and the tenth invariant what may go there
        chronicle.proofs.server = chronicle.admin_place
        for version in application.versions():
            chronicle.proofs.stored(json.dumps(version))
        pen.write = partial(write, application, chronicle, number)
        if pen.at == 0:
            pen.write()
        with CUTTING[engine](pen):
            application.rotate()
        with contextlib.suppress(NothingToRetry):
            application.theatre.player.retry(application.arn)
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
