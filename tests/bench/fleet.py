"""
``make fleet``: how long it takes to rotate many secrets at once, what throttles first, and what a month of them costs.

It reckons with the quotas of one Region of an account and what a rotation was measured to take; ``--check`` plays a
small fleet against an emulated Secrets Manager that throttles, and holds the model against it.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.wire.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
FIGURES: Final = Path(__file__).parents[2] / "docs" / "measured.json"
DAYS: Final = 30.4
"""Days of a month."""

WRITES: Final = ("PutSecretValue", "UpdateSecretVersionStage")
QUOTAS: Final[Mapping[str, float]] = {
    "writes": 50,
    "RotateSecret": 50,
    "GetSecretValue": 10_000,
    "DescribeSecret": 40_000,
}
"""
Calls a second of one account in one Region (Secrets Manager user guide, "AWS Secrets Manager quotas").

PutSecretValue, UpdateSecretVersionStage and what replicates share the first one, and none of them is adjustable.
"""
CONCURRENCY: Final = 1_000
"""Invocations at once in an account (Lambda developer guide, "Lambda quotas"); a new account may have 10."""
SECRETS: Final = 500_000
"""Secrets of an account in one Region (Secrets Manager user guide, "AWS Secrets Manager quotas")."""

SECRET: Final = 0.40
CALL: Final = 0.05 / 10_000
REQUEST: Final = 0.20 / 1_000_000
GB_SECOND: Final = 0.0000133334
LOG: Final = 0.50 / 1e9
PARAMETER: Final = 0.05
"""US dollars in us-east-1 (pricing pages): Secrets Manager, Lambda on arm64, a byte of logs, an advanced parameter."""

ALARM: Final = 0.10
ALL_ALARMS: Final = 0.50
KEY: Final = 1.00
METRIC: Final = 0.30
"""US dollars in us-east-1 (prices of CloudWatch, KMS): an alarm's metric, the alarm of alarms, a key, a metric."""
ALARMS_OF_A_FUNCTION: Final = 11
ALARMS_OF_AN_ENGINE: Final = 5
METRICS_OF_AN_ENGINE: Final = 10
"""What a watched stack with one function and one engine has (docs/monitoring.md and docs/operate.md)."""
WATCH: Final = (ALARMS_OF_A_FUNCTION + ALARMS_OF_AN_ENGINE) * ALARM + ALL_ALARMS + KEY + METRICS_OF_AN_ENGINE * METRIC
"""Watching costs the same for one secret and for all: no metric is a secret's. Messages are of failures, and few."""


@dataclass(frozen=True)
class Rotation:
    """What one rotation takes."""

    calls: Mapping[str, int]
    seconds: float
    """Of all four invocations together."""
    logins: int
    memory: float = 256
    logged: int = 4_000
    """Bytes of the function's log."""

    @property
    def writes(self) -> int:
        """The calls that share the quota of 50 a second."""
        return sum(self.calls.get(name, 0) for name in WRITES)


@dataclass(frozen=True)
class Fleet:
    """So many secrets that rotate at once, and what is set."""

    secrets: int
    rotation: Rotation
    accounts: int = 1
    """Accounts, or Regions of one, that share the secrets evenly: each has quotas of its own."""
    concurrency: int = CONCURRENCY
    servers: int = 100
    logins: float = 20.0
    """Logins that one server takes a second: a login with TLS costs it some 10 ms of a processor, and 8 at once."""
    replicas: int = 0
    quotas: Mapping[str, float] | None = None

    def rates(self) -> dict[str, float]:
        """Return how many rotations a second each limit lets through, in all accounts together."""
        one, quotas = self.rotation, self.quotas or QUOTAS
        calls = {
            "writes": one.writes,
            "RotateSecret": 1,
            "GetSecretValue": one.calls.get("GetSecretValue", 0),
            "DescribeSecret": one.calls.get("DescribeSecret", 0) + self.replicas,
        }
        found = {name: self.accounts * quotas[name] / number for name, number in calls.items() if number}
        found["Lambda's concurrency"] = self.accounts * self.concurrency / one.seconds
        found["logins of the servers"] = self.servers * self.logins / one.logins
        return found

    @property
    def first(self) -> str:
        """What throttles first."""
        rates = self.rates()
        return min(rates, key=rates.__getitem__)

    @property
    def seconds(self) -> float:
        """How long all of them take; a last one that begins late still takes its time."""
        return self.secrets / min(self.rates().values()) + self.rotation.seconds

    def cost(self, every: float) -> dict[str, float]:
        """Return what a month costs where each rotates after so many days."""
        rotations = self.secrets * DAYS / every
        one = self.rotation
        return {
            "secrets": self.secrets * SECRET * (1 + self.replicas),
            "calls": rotations * sum(one.calls.values()) * CALL,
            "Lambda": rotations * (4 * REQUEST + one.seconds * one.memory / 1024 * GB_SECOND),
            "logs": rotations * one.logged * LOG,
            "watch": self.accounts * WATCH,
        }

    def advice(self) -> str:
        """Say what to set, so that nothing is throttled."""
        hours = self.seconds / 3600
        window = f"Duration: {max(1, round(2 * hours + 0.5))}h" if hours <= 12 else "schedules spread over days"
        if self.secrets / self.accounts > SECRETS:
            return f"{-(-self.secrets // SECRETS)} accounts or Regions at least; {window}"
        needed = min(self.rates()["writes"], self.rates()["RotateSecret"]) * self.rotation.seconds / self.accounts
        return f"{window}; ReservedConcurrency {max(5, round(needed + 0.5))}"


def measured(found: Mapping[str, Any], engine: str, strategy: str) -> Rotation:
    """Read from the figures of `make bench` what a rotation takes, at the longest latency of a call."""
    case = next(it for it in found["cases"] if (it["engine"], it["strategy"]) == (engine, strategy))
    latency = max(case["times"], key=float)
    wall = case["times"][latency]["ours"]["wall"]["median"] / 1000
    return Rotation(case["ours"]["calls"], wall, round(case["ours"]["logins"]["accepted"]))


def lines(rotation: Rotation, sizes: tuple[int, ...] = SIZES, *, accounts: int = 1, every: float = 30) -> Iterator[str]:
    """Draw the table."""
    yield (
        f"{'secrets':>10} {'accounts':>8} {'all at once':>12} {'a month, USD':>14} {'as parameters':>14} "
        f"{'rotations':>10} {'watch':>7}  first limit, and what to set"
    )
    for secrets in sizes:
        fleet = Fleet(secrets, rotation, max(accounts, -(-secrets // SECRETS)))
        cost = fleet.cost(every)
        moving = sum(cost.values()) - cost["secrets"]
        yield (
            f"{secrets:>10,} {fleet.accounts:>8} {told(fleet.seconds):>12} {sum(cost.values()):>14,.2f} "
            f"{secrets * PARAMETER + moving:>14,.2f} {moving - cost['watch']:>10,.2f} {cost['watch']:>7,.2f}  "
            f"{fleet.first}; {fleet.advice()}"
        )


def told(seconds: float) -> str:
    """Say how long."""
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


class Throttle:
    """A quota: so many calls a second, and no more at once; beyond it the service answers ThrottlingException."""

    def __init__(self, rate: float, names: tuple[str, ...], clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a second's worth."""
        self._rate, self._names, self._clock = rate, names, clock
        self._left, self._at = rate, clock()
        self._lock = threading.Lock()
        self.refused = 0

    def __call__(self, _number: int, operation: str, phase: str) -> None:
        """Let a call through. Raises ServiceError where it is one too many."""
        if phase != "before" or operation not in self._names:
            return
        with self._lock:
            now = self._clock()
            self._left, self._at = min(self._rate, self._left + (now - self._at) * self._rate), now
            if self._left < 1:
                self.refused += 1
                raise ServiceError("ThrottlingException", "Rate exceeded")
            self._left -= 1


def checked(secrets: int, rate: float, threads: int) -> tuple[float, float, int]:
    """Rotate a small fleet on a real server against a throttled service: predicted and measured seconds, refusals."""
    import tempfile  # noqa: PLC0415 the model alone needs no server

    from tests.lab import postgresql  # noqa: PLC0415 the same
    from tests.lab.theatre import Theatre, emulated  # noqa: PLC0415 the same
    from tests.support.servers.tls import Authority  # noqa: PLC0415 the same

    with (
        tempfile.TemporaryDirectory() as folder,
        postgresql.provide(Authority.create(Path(folder), "Fleet")) as scene,
        emulated() as emulator,
    ):
        theatre = Theatre(postgresql, scene, emulator)
        fleet = [theatre.application(f"app_{number}", "single-user") for number in range(secrets)]
        begun = time.monotonic()
        assert fleet[0].rotate().succeeded
        taken = time.monotonic() - begun
        throttle = Throttle(rate, WRITES)
        emulator.faults.watch(throttle, "function")
        with theatre.player_for_threads() as player, ThreadPoolExecutor(threads) as pool:
            begun = time.monotonic()
            results = list(pool.map(lambda one: rotated(player, one.arn), fleet))
            spent = time.monotonic() - begun
        assert all(results), "a rotation of the fleet failed"
    one = Rotation({"PutSecretValue": 1, "UpdateSecretVersionStage": 1}, taken, 3)
    quotas = {**QUOTAS, "writes": rate}
    burst = 1.0  # a quota begins with a second's worth
    return Fleet(secrets, one, concurrency=threads, quotas=quotas).seconds - burst, spent, throttle.refused


def rotated(player: Any, arn: str) -> bool:  # noqa: ANN401 a player
    """Rotate, and again where it was throttled for longer than the SDK tries, as the service does."""
    result = player.rotate(arn)
    for _ in range(5):
        if result.succeeded:
            return True
        result = player.retry(arn)
    return bool(result.succeeded)


def main() -> None:
    """Print the table, and where asked what was checked."""
    parser = argparse.ArgumentParser(prog="make fleet", description=__doc__)
    parser.add_argument("--engine", default="postgresql")
    parser.add_argument("--strategy", default="alternating-users")
    parser.add_argument("--accounts", type=int, default=1)
    parser.add_argument("--every", type=float, default=30, help="days from one rotation to the next")
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--check", action="store_true", help="play 60 secrets with a quota of 10 writes a second")
    options = parser.parse_args()
    rotation = measured(json.loads(options.figures.read_text("utf-8")), options.engine, options.strategy)
    sys.stdout.writelines(f"{line}\n" for line in lines(rotation, accounts=options.accounts, every=options.every))
    if options.check:
        expected, spent, refused = checked(60, 10.0, 8)
        sys.stdout.write(f"60 secrets at 10 writes a second: reckoned {expected:.1f} s, took {spent:.1f} s, ")
        sys.stdout.write(f"{refused} calls throttled\n")


if __name__ == "__main__":
    main()
