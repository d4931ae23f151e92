"""The service's side of a rotation: it calls the function step by step (user guide, Rotation by Lambda)."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import rotate
from tests.support.emulators.secretsmanager.model import CURRENT, PENDING, Request, Rotation, Secret
from tests.support.emulators.secretsmanager.state import ACCOUNT

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.journal import Call
    from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
TEST_STEPS = ("testSecret",)

Event = dict[str, str]
Invoke = Callable[[Event], object]


@dataclass(frozen=True)
class StepResult:
    """What became of one step."""

    step: str
    seconds: float
    error: BaseException | None
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class RotationResult:
    """What became of one run of a rotation; `failure` says why it did not succeed."""

    token: str
    steps: tuple[StepResult, ...]
    failure: str | None

    @property
    def succeeded(self) -> bool:
        """Tell whether every step passed and AWSCURRENT moved."""
        return self.failure is None

    @property
    def calls(self) -> tuple[Call, ...]:
        """Return the calls of all steps."""
        return tuple(call for step in self.steps for call in step.calls)


class NothingToRetry(LookupError):
    """No rotation of this secret waits to be reattempted."""


class RotationPlayer:
    """Drives rotations as the service does. An invocation fails when `invoke` raises."""

    def __init__(
        self,
        emulator: EmulatedSecretsManager,
        invoke: Invoke,
        *,
        on_step: Callable[[StepResult], object] | None = None,
        caller: str | None = None,
    ) -> None:
        """Count the calls of `caller` only (an access key id), or of everybody."""
        self.emulator = emulator
        self.invoke = invoke
        self.on_step = on_step
        self.caller = caller

    def rotate(self, secret_id: str, token: str | None = None) -> RotationResult:
        """RotateSecret, then the four steps."""
        return self._begin(secret_id, token, {})

    def dry_run(self, secret_id: str, token: str | None = None) -> RotationResult:
        """RotateSecret with RotateImmediately=false: testSecret alone, on a temporary version."""
        return self._begin(secret_id, token, {"RotateImmediately": False})

    def retry(self, secret_id: str) -> RotationResult:
        """Reattempt a failed rotation: "retries the entire rotation process", with the same token."""
        rotation = self._secret(secret_id).running
        if rotation is None:
            raise NothingToRetry(secret_id)
        self.emulator.state.take_due(rotation.token)
        return self._play(rotation)

    def abandon(self, secret_id: str) -> None:
        """Take AWSPENDING off by hand, as the user guide (Troubleshoot rotation) tells an operator to."""
        request = {"SecretId": secret_id, "VersionStage": PENDING}
        holder = self.emulator.labels(secret_id)[PENDING]
        self.emulator.execute("UpdateSecretVersionStage", request | {"RemoveFromVersionId": holder})

    def run(self) -> list[RotationResult]:
        """Play every rotation that RotateSecret has staged since the last time."""
        results = []
        while (rotation := self.emulator.state.take_due()) is not None:
            results.append(self._play(rotation))
        return results

    @contextmanager
    def serving(self, results: list[RotationResult] | None = None) -> Iterator[list[RotationResult]]:
        """Play in the background whatever RotateSecret stages; all of it is played when the block ends."""
        played: list[RotationResult] = [] if results is None else results
        stop = threading.Event()

        def loop() -> None:
            while not stop.wait(0.01):
                played.extend(self.run())

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield played
        finally:
            stop.set()
            thread.join()
            played.extend(self.run())

    def deliver(self, secret_id: str, step: str, token: str, rotation_token: str | None = None) -> StepResult:
        """Deliver one event by hand: late, again, out of order, or with a foreign token."""
        secret = self._secret(secret_id)
        event = {"Step": step, "SecretId": secret.arn, "ClientRequestToken": token}
        return self._step(event | ({"RotationToken": rotation_token} if rotation_token else {}))

    def _secret(self, secret_id: str) -> Secret:
        with self.emulator.state.lock:
            return self.emulator.state.any(secret_id)

    def _begin(self, secret_id: str, token: str | None, options: Request) -> RotationResult:
        request: Request = {"SecretId": secret_id, "ClientRequestToken": token or str(uuid.uuid4())}
        if self._secret(secret_id).rotation.lambda_arn is None:
            region = self.emulator.state.behaviour.region
            request["RotationLambdaARN"] = f"arn:aws:lambda:{region}:{ACCOUNT}:function:rotation"
        self.emulator.execute("RotateSecret", request | options)
        rotation = self.emulator.state.take_due(request["ClientRequestToken"])
        if rotation is None:
            raise NothingToRetry(secret_id)
        return self._play(rotation)

    def _play(self, rotation: Rotation) -> RotationResult:
        """Call the steps in order; "stops at the first failing step" and leaves AWSPENDING where it is."""
        state = self.emulator.state
        with state.lock:
            rotate.started(state, rotation)
        done: list[StepResult] = []
        failure: str | None = None
        for step in TEST_STEPS if rotation.test_only else STEPS:
            done.append(self._step(self._event(rotation, step)))
            failure = self._failure(rotation, done[-1])
            if failure is not None:
                break
        self._end(rotation, failure)
        return RotationResult(rotation.token, tuple(done), failure)

    def _end(self, rotation: Rotation, failure: str | None) -> None:
        state = self.emulator.state
        with state.lock:
            secret = state.any(rotation.arn)
            before = {secret.arn: dict(secret.labels)}
            rotate.ended(state, rotation, failure)
            state.journal.label_changes(secret, before[secret.arn], state.clock())

    def _event(self, rotation: Rotation, step: str) -> Event:
        """User guide, Rotation by Lambda function: the event's four fields."""
        return {
            "Step": step,
            "SecretId": rotation.arn,
            "ClientRequestToken": rotation.token,
            "RotationToken": rotation.rotation_token,
        }

    def _failure(self, rotation: Rotation, result: StepResult) -> str | None:
        if result.error is not None:
            return f"{result.step}: {type(result.error).__name__}"
        secret = self._secret(rotation.arn)
        if secret.running is not rotation:
            return f"{result.step}: the rotation was abandoned"
        if result.step == STEPS[-1] and secret.labels.get(CURRENT) != rotation.token:
            return f"{result.step}: AWSCURRENT was not moved to the new version"
        return None

    def _step(self, event: Event) -> StepResult:
        step, token = event["Step"], event["ClientRequestToken"]
        delivery = self.emulator.faults.delivery(step)
        before = len(self.emulator.calls())
        start = time.perf_counter()
        with self.emulator.journal.step(token, step):
            found = self._deliveries(event, delivery.times, together=delivery.together)
        seconds = time.perf_counter() - start
        calls = [c for c in self.emulator.calls_during(step, token, self.caller) if c.number > before]
        result = StepResult(step, seconds, next(filter(None, found), None), tuple(calls))
        if self.on_step is not None:
            self.on_step(result)
        return result

    def _deliveries(self, event: Event, times: int, *, together: bool) -> list[Exception | None]:
        if not together:
            return [self._invoke(event) for _ in range(times)]
        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(self._invoke, [event] * times))

    def _invoke(self, event: Event) -> Exception | None:
        try:
            self.invoke(dict(event))
        except Exception as error:  # noqa: BLE001 - whatever a function raises fails its step
            return error
        return None
