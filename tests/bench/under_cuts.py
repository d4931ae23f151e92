"""
AWS's samples and our functions under the same kills: before and after each effect, then the same token or a new one.

``python -m tests.bench.under_cuts SAMPLES --drivers FOLDER``: a clone of AWS's samples, and a folder with what they
import and we do not (PyGreSQL, and PyMongo 3, the last that the sample for MongoDB runs with). It prints a row for
each rotation that was killed at each effect: how many schedules left AWSCURRENT refused, were not healed by the
service's retry, have a password that no labelled version has, and ended in a success with rights lost.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from tests.bench.killed import BUNDLE, ROOT
from tests.lab.theatre import ADMIN, Application, Theatre, emulated
from tests.support.crashes.cuts import Cut
from tests.support.emulators.secretsmanager.rotation import NothingToRetry, RotationPlayer
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.emulators.secretsmanager.rotation import RotationResult

SAMPLES: Final = {
    "mysql": ("RDSMySQL", "pymysql"),
    "mariadb": ("RDSMariaDB", "pymysql"),
    "postgresql": ("RDSPostgreSQL", "pgdb"),
    "redshift": ("Redshift", "pgdb"),
    "documentdb": ("MongoDB", "pymongo"),
}
"""What each is called there, and its driver."""

OF_MONGO: Final = {"engine": "mongo", "dbname": "admin"}
"""What the sample for MongoDB wants in a secret."""

WITH_REQUIREMENTS: Final = frozenset({"mysql", "mariadb"})
"""Where a user of the stage must use TLS (REQUIRE SSL), and has a database of its own beside a table of another."""

MOST: Final = 150
TRIES: Final = 3
"""Of the service, and of an operator."""

_numbers = itertools.count()

Played = tuple[str, "Rotation", "Row"]


class Rotation(NamedTuple):
    """A rotation that is killed: by which strategy, after how many others, of a secret with a database or none."""

    strategy: str
    earlier: int
    database: bool = True

    def __str__(self) -> str:
        """Say it."""
        which = ("first", "second", "third")[self.earlier]
        return f"{self.strategy}, {which} rotation{'' if self.database else ', no dbname'}"


THEIRS: Final = (Rotation("single-user", 1), Rotation("alternating-users", 0), Rotation("alternating-users", 1))
HAVE_NO_PAIR: Final = frozenset({"redshift"})
"""The sample for two users adds texts by ``+``, which the stand-in does not take for what it is on Redshift."""

WITHOUT_DATABASE: Final = (Rotation("alternating-users", 0, database=False),)
OURS: Final[Mapping[str, tuple[Rotation, ...]]] = {"mysql": (Rotation("retained-password", 1),)}
"""What the samples have nothing of."""


@dataclass
class Row:
    """What became of a rotation that was killed at each of its effects."""

    points: int = 0
    schedules: int = 0
    out: int = 0
    """AWSCURRENT is refused after the kill."""
    unhealed: int = 0
    """The service's retries do not complete it, or AWSCURRENT is refused after them."""
    lost: int = 0
    """After an operator has begun anew, no labelled version logs in, and no rotation succeeds."""
    lacking: int = 0
    """A rotation succeeded, and the application's work does not, or less is required of its user than before."""


class Killable:
    """A function's process, while it is entered as a context: it is killed once, at an effect of a rotation."""

    def __init__(self, theatre: Theatre, arguments: list[str], path: list[Path]) -> None:
        """Know what to start."""
        self._arguments = arguments
        self._environment = {
            **theatre.environment(),
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            BUNDLE: str(theatre.scene.bundle),
        }
        self.at, self.before, self.count = 0, False, 0

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.killed", *self._arguments],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End its input, and so the process."""
        self._process.communicate(timeout=10)

    def kill(self, at: int, *, before: bool) -> None:
        """Let that effect be the last one, counted from now on; 0 is none."""
        self.at, self.before, self.count = at, before, 0

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Take a step; raises Cut where it was killed, and RuntimeError where it failed."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps({"event": event, "at": self.at - self.count, "before": self.before}) + "\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        if answer.get("killed"):
            self.kill(0, before=False)
            raise Cut
        self.count += answer["effects"]
        if answer["error"]:
            raise RuntimeError(answer["error"])


class Side:
    """A function on a stage: AWS's for an engine, or ours."""

    def __init__(self, theatre: Theatre, function: Killable, *, sample: bool) -> None:
        """Put the player before it."""
        self._theatre, self._function, self._sample = theatre, function, sample
        self._player = theatre.player = RotationPlayer(theatre.emulator, function.invoke)
        self._admin = theatre.admin_arn
        if sample and theatre.scene.engine == "docdb":
            password = json.loads(theatre.emulator.value(theatre.admin_arn) or "")["password"]
            self._admin = theatre.create_secret(f"admin_{next(_numbers)}", ADMIN, password, **OF_MONGO)
        if sample:
            self._store_as_libpq_logs_in(ADMIN, json.loads(theatre.emulator.value(theatre.admin_arn) or "")["password"])

    def play(self, rotation: Rotation) -> Row:
        """Kill it before and after each effect, and go on in both ways."""
        row = Row()
        for at in range(1, MOST):
            for before, anew in itertools.product((True, False), (False, True)):
                application = self._application(rotation)
                self._function.kill(0, before=False)
                for _ in range(rotation.earlier):
                    require(self._player.rotate(application.arn))
                self._function.kill(at, before=before)
                try:
                    require(self._player.rotate(application.arn))
                except Cut:
                    self._judge(application, row, anew=anew)
                    continue
                row.points = self._function.count
                return row
        raise AssertionError(row)

    def _judge(self, application: Application, row: Row, *, anew: bool) -> None:
        row.schedules += 1
        row.out += not application.is_accepted(application.secret())
        succeeded = any(self._goes_on(application, anew=anew and not number) for number in range(TRIES))
        accepted = application.is_accepted(application.secret())
        if anew:
            values = (self._theatre.emulator.value(application.arn, label) for label in self._labels(application))
            row.lost += not any(application.is_accepted(json.loads(value)) for value in values if value)
        else:
            row.unhealed += not (succeeded and accepted)
        row.lacking += succeeded and accepted and not self._keeps_access(application)

    def _goes_on(self, application: Application, *, anew: bool) -> bool:
        """Let the service retry, or an operator take AWSPENDING off and start anew; say whether it succeeds."""
        labels = self._labels(application)
        if anew and labels.get("AWSPENDING", labels["AWSCURRENT"]) != labels["AWSCURRENT"]:
            self._player.abandon(application.arn)
        try:
            return self._player.retry(application.arn).succeeded
        except NothingToRetry:
            return self._player.rotate(application.arn).succeeded

    def _keeps_access(self, application: Application) -> bool:
        """Return whether the application can do all that it could at first, and its user must do all that it had to."""
        scene, secret = self._theatre.scene, application.secret()
        try:
            scene.work({**secret, "dbname": scene.database})
        except Exception:  # noqa: BLE001 whatever the driver raises
            return False
        if scene.engine not in WITH_REQUIREMENTS:
            return True
        ((required,),) = self._server().execute(f"SELECT ssl_type FROM mysql.user WHERE user = '{secret['username']}'")
        return required in {"ANY", b"ANY"}

    def _store_as_libpq_logs_in(self, user: str, password: str) -> None:
        """Store a password on Redshift as MD5: the samples log in through libpq, which has no other form."""
        if self._theatre.scene.engine == "redshift":
            digest = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
            self._server().execute(f"ALTER USER {user} PASSWORD 'md5{digest}'")

    def _server(self) -> Any:  # noqa: ANN401 each engine's own
        return self._theatre.scene._server  # type: ignore[attr-defined] # noqa: SLF001 what a scene stands on

    def _labels(self, application: Application) -> dict[str, str]:
        return self._theatre.emulator.labels(application.arn)

    def _application(self, rotation: Rotation) -> Application:
        """Bring an application onto the stage, with a secret as the function wants it."""
        user, password = f"cut_{next(_numbers)}", secrets.token_urlsafe(18)
        self._theatre.scene.prepare(user, password, ADMIN)
        if self._sample:
            self._store_as_libpq_logs_in(user, password)
        extra: dict[str, Any] = {"ssl": True}
        if rotation.strategy == "alternating-users":
            extra["masterarn"] = self._admin
        elif not self._sample:
            extra["rotation"] = {"strategy": rotation.strategy}
        if self._sample and self._theatre.scene.engine == "docdb":
            extra |= OF_MONGO
        if self._theatre.scene.engine in WITH_REQUIREMENTS:
            extra["dbname"] = f"own_{user}" if rotation.database else None
        arn = self._theatre.create_secret(user, user, password, **extra)
        return Application(self._theatre, arn, rotation.strategy)


def require(result: RotationResult) -> None:
    """See that an undisturbed rotation succeeds."""
    assert result.succeeded, (result.failure, [str(step.error) for step in result.steps])


@contextlib.contextmanager
def stage(engine: str, folder: Path) -> Iterator[Theatre]:
    """Start a server and an emulated Secrets Manager."""
    module = importlib.import_module(f"tests.lab.{engine}")
    with module.provide(Authority.create(folder, f"Authority of {engine}")) as scene, emulated() as emulator:
        yield Theatre(module, scene, emulator)


def samples_played(theatre: Theatre, engine: str, options: argparse.Namespace) -> Iterator[Played]:
    """Play AWS's two functions for an engine."""
    name, driver = SAMPLES[engine]
    rotations = THEIRS[:1] if engine in HAVE_NO_PAIR else THEIRS
    for rotation in (*rotations, *(WITHOUT_DATABASE if engine in WITH_REQUIREMENTS else ())):
        kind = "SingleUser" if rotation.strategy == "single-user" else "MultiUser"
        path = [*options.drivers, options.samples / f"SecretsManager{name}Rotation{kind}", ROOT, ROOT / "shared"]
        with Killable(theatre, ["theirs", driver, engine], path) as function:
            yield "AWS's sample", rotation, Side(theatre, function, sample=True).play(rotation)


def suite_played(theatre: Theatre, engine: str, _: argparse.Namespace) -> Iterator[Played]:
    """Play the suite's function for an engine."""
    with Killable(theatre, ["ours", theatre.module.FUNCTION, engine], [ROOT, ROOT / "shared"]) as function:
        side = Side(theatre, function, sample=False)
        for rotation in (*THEIRS, *OURS.get(engine, ())):
            yield "this suite", rotation, side.play(rotation)


SIDES: Final = {"samples": samples_played, "suite": suite_played}


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.under_cuts", description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--drivers", type=Path, action="append", default=[])
    parser.add_argument("--engine", choices=SAMPLES, action="append")
    parser.add_argument("--only", choices=SIDES, action="append")
    options = parser.parse_args()
    columns = [it.name for it in fields(Row)]
    form = "{:<11} {:<13} {:<44}" + " {:>10}" * len(columns)
    print(form.format("engine", "function", "killed in its", *columns))  # noqa: T201
    for engine, side in itertools.product(options.engine or SAMPLES, options.only or SIDES):
        with tempfile.TemporaryDirectory() as name, stage(engine, Path(name)) as theatre:
            for whose, rotation, row in SIDES[side](theatre, engine, options):
                counts = (getattr(row, column) for column in columns)
                print(form.format(engine, whose, str(rotation), *counts), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
