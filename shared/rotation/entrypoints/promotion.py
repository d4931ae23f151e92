"""From an event to a promotion: by hand, by a runbook or a plan, or by what RDS tells of a database that moved."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rotation import VERSION
from rotation.credentials import secret_format
from rotation.engines import ENGINES, engine_named
from rotation.entrypoints.assembly import Assembly, deadline_of
from rotation.entrypoints.telemetry import Telemetry
from rotation.errors import InvalidSecret, InvalidSettings, RotationError, StoreError, VersionNotFound
from rotation.model import Stage, region_of
from rotation.promotion import promoting, returning
from rotation.promotion.case import Case, Report
from rotation.promotion.relocated import RelocatedStore
from rotation.promotion.request import Promotion, Return, is_function, is_secret, parse
from rotation.settings import Settings
from rotation.stores.regional import RegionalStore
from rotation.topology.global_databases import GlobalDatabases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.entrypoints.assembly import LambdaContext
    from rotation.model import Deadline, StoredVersion
    from rotation.ports import Engine

PROMOTED: Final = frozenset({"RDS-EVENT-0185", "RDS-EVENT-0238"})
"""A switchover, and a failover, of a global database has ended (Aurora user guide, "Amazon RDS event categories")."""

_ENVIRONMENT: Final = "the function's environment"


class Standing(NamedTuple):
    """What this function's own settings say, beside those that rotations have."""

    functions: Mapping[str, str]
    """Which function rotates here, by the engine's name."""
    rules: Mapping[str, Any]
    secrets: tuple[str, ...]
    """Those that a database's event is about."""
    acts: bool
    """Whether an event of a database promotes, and does not only tell."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Standing:
        """Read and check them. Raises InvalidSettings."""
        on_events = environment.get("PROMOTE_ON_EVENTS") or "notice"
        if on_events not in {"notice", "promote"}:
            raise _wrong("PROMOTE_ON_EVENTS", "is neither notice nor promote", "Set it to notice or promote.")
        pairs = [entry.partition("=") for entry in _entries(environment, "ROTATION_FUNCTIONS")]
        if any(name not in ENGINES or not is_function(arn) for name, _, arn in pairs):
            remedy = "Give postgresql=ARN, with a comma between two."
            raise _wrong("ROTATION_FUNCTIONS", "has an entry that is no engine with a function", remedy)
        secrets = tuple(_entries(environment, "PROMOTION_SECRETS"))
        if not all(map(is_secret, secrets)):
            raise _wrong("PROMOTION_SECRETS", "has an entry that is no ARN of a secret", "Copy the whole ARNs.")
        expression = environment.get("ROTATION_RULES") or "rate(30 days)"
        if not re.fullmatch(r"(rate|cron)\([^()]{1,200}\)", expression):
            raise _wrong("ROTATION_RULES", "is no schedule expression", "Give one such as rate(30 days).")
        rules = {"ScheduleExpression": expression}
        return cls({name: arn for name, _, arn in pairs}, rules, secrets, on_events == "promote")


class Handler:
    """The Lambda handler of promotions. Everything that can be wrong with the settings is found when it is made."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read the settings. Raises InvalidSettings."""
        self._settings = Settings.from_environment(environment)
        self._standing = Standing.from_environment(environment)
        self._assembly = Assembly(self._settings)
        self._telemetry = Telemetry("promotion", environment)
        self._engines: dict[str, Engine] = {}
        self._telemetry.note(f"Rotation functions {VERSION}", engine="promotion")

    def __call__(self, event: object, context: LambdaContext) -> dict[str, Any]:
        """Promote, replicate back, or say what would be done. Raises RotationError."""
        if isinstance(event, dict) and event.get("source") == "aws.rds":
            return self._on_event(event, context)
        return self._take(event, context)

    def _take(self, event: object, context: LambdaContext) -> dict[str, Any]:
        """Do what an event of our own asks for, and tell of it."""
        fields = event if isinstance(event, dict) else {}
        secret_id = str(fields.get("SecretId"))
        answer: dict[str, Any] = {}
        dry = fields.get("DryRun") is not False
        self._telemetry.tell_of(
            "rehearsePromotion" if dry else "promoteReplica",
            secret_id if is_secret(secret_id) else "-",
            None,
            lambda: answer.update(self._answer(parse(event), context)),
            closing=not dry,
            subject="Promotion",
        )
        return answer

    def _on_event(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """
        Rehearse each secret of the settings, or promote it where they say so; an event that comes again does no harm.

        Raises the last error, once every secret had its turn.
        """
        detail = event.get("detail")
        identifier = detail.get("EventID") if isinstance(detail, dict) else None
        if identifier not in PROMOTED:
            self._telemetry.note("Nothing to do: the event tells of no database that was promoted")
            return {"promotions": []}
        self._telemetry.warn("A database was promoted: its secrets may have to be, too", event=identifier)
        self._telemetry.measure("DatabasePromoted", 1, "Count")
        answers, failure = [], None
        for secret in self._standing.secrets:
            try:
                former = RegionalStore(self._assembly.secrets_manager, secret).describe().primary_region
                if former in {"", region_of(secret)}:
                    continue
                acts = self._standing.acts  # and then only where the old primary gives no answer
                asked = {"SecretId": secret, "From": former, "DryRun": not acts, "Force": not acts}
                answers.append(self._take(asked, context))
            except RotationError as error:
                failure = error
        if failure is not None:
            raise failure
        return {"promotions": answers}

    def _answer(self, request: Promotion | Return, context: LambdaContext) -> dict[str, Any]:
        parts, deadline = self._assembly, deadline_of(context)
        store = RegionalStore(parts.secrets_manager, request.secret_id, None, parts.secrets_manager_in)
        with parts.allowances():
            if isinstance(request, Return):
                report = Report(self._telemetry, request.dry_run)
                return returning.give_back(returning.Errand(request, store, deadline, report)).answer()
            return promoting.promote(self._case(request, store, deadline)).answer()

    def _case(self, request: Promotion, store: RegionalStore, deadline: Deadline) -> Case:
        """Put a promotion together; where its database is here, the event says, or else the control plane."""
        found = _any_version(store)
        name, unseen = _engine_name(found), ""
        try:
            moved = self._moved(found, request)
            request = replace(request, place={**moved, **request.place})
        except StoreError as error:
            unseen = f"Whether the database has moved within a global database was not seen: {error.what}"
        shown = RelocatedStore(store, request.place)
        delivery = self._assembly.delivery("", self._engine(name), shown, self._telemetry, deadline)
        case = Case(request, store, delivery, self._function_of(name), self._standing.rules)
        if unseen:
            case.report.tell(unseen)
        return case

    def _moved(self, found: StoredVersion, request: Promotion) -> dict[str, Any]:
        """Return what the secret has to say here of a database that it names in the old Region."""
        said = secret_format.place_of(found)
        here = GlobalDatabases(lambda: self._assembly.client("rds"), region_of(request.secret_id))
        place: dict[str, Any] = {}
        for stem in ("", "rotation."):
            if f"{stem}host" in request.place:
                continue
            cluster = said.get("dbClusterIdentifier") if not stem else None
            moved = here.counterpart(said.get(f"{stem}host"), cluster, request.former)
            place |= {f"{stem}{key}": value for key, value in moved.items() if f"{stem}{key}" in said}
        return place

    def _engine(self, name: str) -> Engine:
        """Load an engine, and with it its driver, when the first secret of it comes."""
        kind = ENGINES[name]
        if kind not in self._engines:
            self._engines[kind] = engine_named(name)(self._settings.ca_bundle)
        return self._engines[kind]

    def _function_of(self, engine: str) -> str:
        known = self._standing.functions.items()
        return next((arn for name, arn in known if ENGINES[name] == ENGINES[engine]), "")


def _engine_name(found: StoredVersion) -> str:
    """Read which engine the secret is of. Raises InvalidSecret."""
    name = secret_format.engine_of(found)
    if name not in ENGINES:
        raise InvalidSecret(
            'The key "engine" names no engine that can be rotated',
            where=f"version {found.id} of {found.arn}",
            remedy=f"Give one of {', '.join(sorted(ENGINES))}.",
        )
    return name


def _any_version(store: RegionalStore) -> StoredVersion:
    """Read AWSCURRENT, or where its value has not come, what was before it. Raises VersionNotFound."""
    try:
        return store.read(Stage.CURRENT)
    except VersionNotFound:
        return store.read(Stage.PREVIOUS)


def handler() -> Handler:
    """Make the Lambda handler of promotions, by the settings in the process's environment."""
    return Handler(os.environ)


def _entries(environment: Mapping[str, str], name: str) -> list[str]:
    return [entry.strip() for entry in environment.get(name, "").split(",") if entry.strip()]


def _wrong(name: str, what: str, remedy: str) -> InvalidSettings:
    return InvalidSettings(f"The setting {name} {what}", where=_ENVIRONMENT, remedy=remedy)
