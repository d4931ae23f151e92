"""What is measured of one engine and strategy, ours and a peer's by turns on one server."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.bench.sides import side
from tests.bench.sides.peer import FILES
from tests.lab.theatre import Application
from tests.support.network.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bench.sides.side import Side
    from tests.lab.theatre import Theatre

OPERATIONS: Final = (
    "DescribeSecret",
    "GetSecretValue",
    "PutSecretValue",
    "UpdateSecretVersionStage",
    "GetRandomPassword",
)
WARM_UP: Final = 3
COUNTED: Final = 2
ALWAYS: Final = 10**9


@dataclass(frozen=True)
class Conditions:
    """What a run is made under."""

    rotations: int
    latencies: tuple[float, ...]
    """Seconds that a call of the service takes, for each of which is measured."""
    between: float
    """Seconds from one invocation to the next, for a client beside them."""
    caches: tuple[tuple[str, float], ...]
    """How long clients keep what they read: the name of each length, and seconds (scaled where they are many)."""


@dataclass
class Case:
    """One engine and strategy, on its stage."""

    theatre: Theatre
    engine: str
    strategy: str
    conditions: Conditions
    say: Callable[[str], object]

    def measured(self, samples: Path | None) -> dict[str, Any]:
        """Measure all of it."""
        folder = FILES.get((self.engine, self.strategy)) if samples else None
        with ExitStack() as stack:
            sides = {"ours": stack.enter_context(side.ours(self.theatre, self.strategy, self._user("ours")))}
            if samples and folder:
                program = samples / folder / "lambda_function.py"
                sides["peer"] = stack.enter_context(
                    side.peer(self.theatre, self.engine, self.strategy, self._user("peer"), program)
                )
            found = {"engine": self.engine, "strategy": self.strategy, "server": self.theatre.scene.title}
            return {**found, **self._all(sides)}

    def _user(self, whose: str) -> str:
        return f"{whose}_{self.strategy.replace('-', '_')}"[:24]

    def _all(self, sides: dict[str, Side]) -> dict[str, Any]:
        found: dict[str, Any] = {name: {"first": one.measured()} for name, one in sides.items()}
        for one in sides.values():
            for _ in range(WARM_UP - 1):
                one.rotate()
        for name, one in sides.items():
            found[name].update(self.counts(one))
        found["times"] = {f"{latency * 1000:.0f}": self.timed(sides, latency) for latency in self.conditions.latencies}
        for name, one in sides.items():
            found[name]["peak"] = one.function.ask({})["peak"]
            self.say(f"{name}: beside clients")
            found[name]["clients"] = self.beside_clients(one)
        return found

    def counts(self, one: Side) -> dict[str, Any]:
        """Count what a rotation takes: the service's calls, the server's logins, bytes, what the driver is asked."""
        scene = self.theatre.scene
        mark, calls, statements = scene.mark(), Counter[str](), 0.0
        for _ in range(COUNTED):
            calls.update(call.operation for call in one.rotate().calls)
            statements += sum(told["statements"] for told in one.told)
        accepted, refused = scene.logins(mark)
        with self._through_a_proxy(one) as proxy:
            one.rotate()
        return {
            "calls": {name: calls[name] // COUNTED for name in OPERATIONS if calls[name]},
            "logins": {"accepted": accepted / COUNTED, "refused": refused / COUNTED},
            "statements": statements / COUNTED,
            "connections": proxy.connections,
            "bytes": proxy.carried,
        }

    @contextmanager
    def _through_a_proxy(self, one: Side) -> Iterator[Proxy]:
        """Let the secret and its admin name a proxy meanwhile, which counts."""
        scene = self.theatre.scene
        secrets = [one.application]
        admin = one.application.secret().get("masterarn")
        secrets += [Application(self.theatre, admin, "")] if admin else []
        with Proxy("127.0.0.1", scene.port) as proxy:
            for port in (proxy.port, scene.port):
                for secret in secrets:
                    secret.put(secret.secret() | {"port": port})
                if port == proxy.port:
                    yield proxy
        one.rotate()  # what the hand put is behind us

    def timed(self, sides: dict[str, Side], latency: float) -> dict[str, Any]:
        """Rotate by turns, and tell the median and the 95th percentile of each part, and the ratios of the pairs."""
        self.say(f"{self.conditions.rotations} rotations by turns, {latency * 1000:.0f} ms a call")
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        with self._late(latency):
            for _ in range(self.conditions.rotations):
                for name, one in sides.items():
                    runs[name].append(own(one.measured()))
        found: dict[str, Any] = {name: summary(taken) for name, taken in runs.items()}
        if "peer" in runs:
            found["ratios"] = {
                part: ratio([it[part] for it in runs["ours"]], [it[part] for it in runs["peer"]])
                for part in runs["ours"][0]
            }
        return found

    @contextmanager
    def _late(self, latency: float) -> Iterator[None]:
        faults = self.theatre.emulator.faults
        if latency:
            for operation in OPERATIONS:
                faults.delay(operation, latency, times=ALWAYS)
        try:
            yield
        finally:
            faults.clear()

    def beside_clients(self, one: Side) -> dict[str, Any]:
        """Rotate once beside a client for each length of its cache, with realistic waits."""
        found: dict[str, Any] = {}
        one.between = self.conditions.between
        with self._late(max(self.conditions.latencies)):
            for name, cache in self.conditions.caches:
                found[name] = self._beside(one, cache)
        one.between = 0.0
        return found

    def _beside(self, one: Side, cache: float) -> dict[str, Any]:
        with one.application.clients(cache, 0.01, traced=True) as client:
            time.sleep(0.3)
            begun = time.monotonic()
            one.rotate()
            ended = time.monotonic()
            time.sleep(cache + 0.3)
        seen = client.seen
        trace = {
            name: [round((at - begun) * 1000) for at, was in seen.moments if was is accepted]
            for name, accepted in (("accepted", True), ("rejected", False))
        }
        found = {"logins": seen.logins, "rejected": seen.rejected, "window": seen.longest}
        return {**found, "rotation": (ended - begun) * 1000, **({} if cache else {"trace": trace})}


def own(parts: dict[str, float]) -> dict[str, float]:
    """Add the part of the function itself: what is neither the service's nor the database's."""
    return {**parts, "own": parts["wall"] - parts["aws"] - parts["database"]}


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Return the median and the 95th percentile of each part."""
    return {part: {"median": statistics.median(it := [run[part] for run in runs]), "p95": p95(it)} for part in runs[0]}


def p95(values: list[float]) -> float:
    """Return the 95th percentile: of few values the highest."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios of pairs, each measured by turns."""
    return statistics.median(one / other if other else 1.0 for one, other in zip(ours, theirs, strict=True))
