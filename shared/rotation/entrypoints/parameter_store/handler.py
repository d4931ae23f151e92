"""The Lambda handler: what is due among the event's parameters, and all four steps of one of them."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from rotation import VERSION, steps
from rotation.credentials import secret_format
from rotation.credentials.password_policy import policy_for
from rotation.engines import ENGINES, engine_named
from rotation.entrypoints.assembly import SINGLE_TRY, Assembly, deadline_of
from rotation.entrypoints.parameter_store.events import NAME, Event
from rotation.entrypoints.parameter_store.queue import Queue, event_in
from rotation.entrypoints.parameter_store.settings import ParameterSettings
from rotation.entrypoints.parameter_store.telling import Telling
from rotation.entrypoints.secrets_manager import REVOKE, SUBJECTS
from rotation.entrypoints.telemetry import Telemetry
from rotation.errors import InvalidEvent, InvalidSecret, InvalidSettings, RotationError, RotationRefused
from rotation.machine import advance
from rotation.model import Stage, Step, StrategyName
from rotation.settings import Settings
from rotation.stores.parameter_store import Clients, ParameterStore, search
from rotation.stores.parameter_store.layouts import is_leaf, two_users
from rotation.stores.secrets_manager import SecretsManagerStore
from rotation.strategies import strategy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from rotation.delivery import Delivery
    from rotation.entrypoints.assembly import LambdaContext
    from rotation.model import Deadline, StoredVersion
    from rotation.ports import Engine, Observer

LOOK: Final = "findDue"
"""What log and metrics call the look at what is due, which comes before the steps."""

DRY_RUN: Final = "dryRun"

QUIET: Final = 60.0
"""
Seconds, beyond the longest invocation, for which a new value is left alone.

A run that was frozen may still write the value that it was about to; by then it is the one that stands there.
"""

FORBIDDEN: Final = "{"
"""Two in a row make a reference to another parameter, and Parameter Store takes no such value (user guide)."""

Answer = dict[str, object]
T = TypeVar("T")


class _Run(NamedTuple):
    """A rotation that is to be made now."""

    name: str
    token: str
    engine: Engine
    store: ParameterStore
    deadline: Deadline


class Handler:
    """A Lambda handler for parameters, whatever the engines of their credentials."""

    def __init__(
        self,
        environment: Mapping[str, str],
        engine_named: Callable[[str], Callable[[Path | None], Engine]] = engine_named,
    ) -> None:
        """Read the settings. Raises InvalidSettings where they are wrong."""
        settings = Settings.from_environment(environment)
        self._settings = replace(settings, forbidden_characters=FORBIDDEN, mirror_path=None)
        self._own = ParameterSettings.from_environment(environment)
        self._engine_named = engine_named
        self._engines: dict[str, Engine] = {}
        self._assembly = Assembly(self._settings)
        self._telemetry = Telemetry("parameter-store", environment)
        self._telemetry.note(f"Rotation functions {VERSION}", engine="parameter-store")

    def __call__(self, event: object, context: LambdaContext) -> Mapping[str, object]:
        """
        Rotate what is due, and return the outcome; of messages of a queue, those that failed.

        Raises RotationError where the event came directly.
        """
        if isinstance(event, dict) and isinstance(event.get("Records"), list):
            return self._batch(event, context)
        return self._handle(event, context)

    def _batch(self, event: dict[str, Any], context: LambdaContext) -> Mapping[str, object]:
        from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415 other events start without it
            SqsFifoPartialProcessor,
            process_partial_response,
        )

        processor = SqsFifoPartialProcessor(skip_group_on_error=True)
        processor.raise_on_entire_batch_failure = False  # each failure is in the log and in the metrics already

        def take(record: SQSRecord) -> Answer:
            try:
                return self._handle(event_in(record.body), context)
            except RotationRefused:
                raise  # the value is too new: the queue's own time is as long as it is left alone
            except RotationError:
                self._queue.show_again_soon(record.receipt_handle, int(record.attributes.approximate_receive_count))
                raise

        answer: Mapping[str, object] = process_partial_response(event, take, processor)
        return answer

    def _handle(self, event: object, context: LambdaContext) -> Answer:
        found = self._told(_asked(event), _name(event), lambda: self._look(event, context))
        return self._rotate(found) if isinstance(found, _Run) else found

    def _look(self, event: object, context: LambdaContext) -> _Run | Answer:
        """Return the rotation that is to be made now, or what became of the event otherwise."""
        deadline = deadline_of(context)
        quiet = deadline.remaining() + QUIET
        request = Event.parse(event, self._own.days, datetime.now(UTC))
        name = request.one
        if name is None:
            return self._spread(request)
        telling = Telling(self._telemetry)
        store = self._store(name, telling, deadline)
        if request.revoke:
            return self._revoke(_Run(name, "", self._engine(store), store, deadline), telling, request)
        if not request.dry_run and not self._is_due(store, request.before, name, quiet):
            return {"Parameter": name, "Outcome": "not due"}
        run = _Run(name, store.open_rotation(), self._engine(store), store, deadline)
        self._require_one_user(run)
        if not request.dry_run:
            return run
        with self._assembly.allowances():
            steps.dry_run(self._delivery(run, telling))
        return {"Parameter": name, "Outcome": "dry run", "Said": telling.said}

    def _revoke(self, run: _Run, telling: Telling, request: Event) -> Answer:
        with self._assembly.allowances():
            steps.revoke_previous(self._delivery(run, telling), end_sessions=request.end_sessions)
        return {"Parameter": run.name, "Outcome": "revoked", "Said": telling.said}

    def _rotate(self, run: _Run) -> Answer:
        for step in Step:
            self._told(step, run.name, partial(self._step, step, run), run.token)
        return {"Parameter": run.name, "Outcome": "rotated", "Version": run.token}

    def _step(self, step: Step, run: _Run) -> None:
        if step is Step.FINISH and not self._alternates(run):  # else it changes nothing on the server
            run.store.look_again()
        with self._assembly.allowances():
            advance(self._delivery(run, self._telemetry), step)

    def _delivery(self, run: _Run, observer: Observer) -> Delivery:
        return self._assembly.delivery(run.token, run.engine, run.store, observer, run.deadline, self._settings)

    def _is_due(self, store: ParameterStore, before: datetime, name: str, quiet: float) -> bool:
        """
        Return whether a rotation is under way, or the value old enough, or one that came late.

        Raises RotationRefused while it is new.
        """
        if store.under_way():
            return True
        written = store.written_at()
        if written >= before.timestamp() and not store.has_late_value():
            self._telemetry.note("Nothing to do: the parameter is not due", parameter=name)
            return False
        if datetime.now(UTC).timestamp() - written < quiet:
            raise RotationRefused(
                f"The parameter was written less than {quiet:.0f} seconds ago",
                where=name,
                remedy="Nothing was changed. Send the event again then; a queue does so by itself.",
                retryable=True,
            )
        return True

    def _spread(self, request: Event) -> Answer:
        """Send a message for each parameter that is due."""
        due = [it for it in self._found(request) if it.written is None or it.written < request.before]
        if due:
            self._queue.send(due, request.before)
        self._telemetry.note("Sent a message for each parameter that is due", count=len(due))
        return {"Outcome": "queued", "Parameters": [it.name for it in due]}

    def _found(self, request: Event) -> Iterator[search.Found]:
        client = self._clients.client
        found = chain(
            search.by_names(client, request.names),
            search.by_tags(client, request.tags, request.paths)
            if request.tags
            else chain.from_iterable(search.by_path(client, path) for path in request.paths),
        )
        credentials = {it.name: it for it in found if not self._is_journal(it.name)}
        trees = {name.rpartition("/")[0] for name in credentials if is_leaf(name)}
        return (it for name, it in credentials.items() if is_leaf(name) or name.rpartition("/")[0] not in trees)

    def _is_journal(self, name: str) -> bool:
        return name.startswith(f"{self._own.root}/")

    def _store(self, name: str, observer: Observer, deadline: Deadline) -> ParameterStore:
        if self._is_journal(name):
            raise InvalidEvent(
                "The parameter stands in the journal of pending values",
                where=name,
                remedy="Name the parameter that the application reads, or move the journal by ROTATION_JOURNAL.",
            )
        own = self._own
        return ParameterStore(self._clients, name, observer, deadline, root=own.root, publishing=own.publishing)

    def _engine(self, store: ParameterStore) -> Engine:
        version = store.read(Stage.CURRENT)
        name = secret_format.engine_of(version)
        if name not in self._engines:
            self._engines[name] = self._made(name, version)
        self._telemetry.speak_of(self._engines[name].traits.name)
        return self._engines[name]

    def _require_one_user(self, run: _Run) -> None:
        """Raise InvalidSettings for two users whose names and passwords are not one parameter, also in a dry run."""
        if run.store.has_constant_names() and self._alternates(run):
            raise two_users(run.name)

    def _alternates(self, run: _Run) -> bool:
        secret = secret_format.parse(run.store.read(Stage.CURRENT), run.engine.traits)
        return strategy_for(secret, self._settings).name is StrategyName.ALTERNATING_USERS

    def _made(self, name: str, version: StoredVersion) -> Engine:
        try:
            make = self._engine_named(name)
        except KeyError:
            raise InvalidSecret(
                'The key "engine" names no engine that can be rotated',
                where=f"version {version.id} of {version.arn}",
                remedy=f"Give one of {', '.join(sorted(ENGINES))}.",
            ) from None
        engine = make(self._settings.ca_bundle)
        policy_for(engine.traits.limits, self._settings.password, least_bits=self._settings.password_bits)
        return engine

    def _told(self, step: str, name: str, work: Callable[[], T], token: str | None = None) -> T:
        """Do the work, and let log and metrics tell of it. Raises RotationError, whatever went wrong."""
        results: list[T] = []
        self._telemetry.tell_of(
            step,
            name,
            token,
            lambda: results.append(work()),
            closing=step in {Step.FINISH, *SUBJECTS},
            subject=SUBJECTS.get(step, "Rotation"),
        )
        return results[0]

    @cached_property
    def _clients(self) -> Clients:
        client, single_try = self._assembly.client("ssm"), self._assembly.client("ssm", SINGLE_TRY)
        return Clients(client, single_try, lambda: SecretsManagerStore(self._assembly.secrets_manager, ""))

    @cached_property
    def _queue(self) -> Queue:
        if self._own.queue is None:
            raise InvalidSettings(
                "The event may be about many parameters, and the function has no queue for them",
                where="the function's environment",
                remedy="Let ROTATION_QUEUE_URL name the queue, as the template does; or send an event for each.",
            )
        return Queue(self._assembly.client("sqs"), self._own.queue)


def handler_for_parameters() -> Handler:
    """Make the Lambda handler, by the settings in the process's environment."""
    return Handler(os.environ)


def _asked(event: object) -> str:
    """Return what log and metrics call the work that an event begins with."""
    if not isinstance(event, dict):
        return LOOK
    return REVOKE if event.get("Step") == REVOKE else DRY_RUN if event.get("DryRun") is True else LOOK


def _name(event: object) -> str:
    """Return the only name of an event, if it has the form of one, for the log."""
    names = event.get("Parameters") if isinstance(event, dict) else None
    name = names[0] if isinstance(names, list) and len(names) == 1 else None
    return name if isinstance(name, str) and NAME.fullmatch(name) else "-"
