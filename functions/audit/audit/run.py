"""A run of the audit: each account, each Region, page by page; then what only all of them together show."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from audit import last, rules
from audit.calls import Budget, Clients, Sight
from audit.classes import name_of
from audit.collecting.around import Functions, Keys
from audit.collecting.history import STARTED, History
from audit.collecting.mirrors import Mirrors
from audit.collecting.parameters import Parameters
from audit.collecting.reads import Reads
from audit.collecting.secrets import Secrets
from audit.collecting.values import Values
from audit.model import LIVE, ROTATED, Finding, Kind, Secret
from audit.repair import Repair
from audit.row import row_of
from audit.rules import account as own
from audit.rules import around, mirrors
from audit.rules.rule import RETRY, Ground, Rule, on_secret, on_thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from audit.acceptance import Exceptions
    from audit.memory import Memory
    from audit.model import Event, Told
    from audit.settings import Settings


@dataclass
class Totals:
    """What a run counted."""

    secrets: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    looked_twice: int = 0
    regions: list[str] = field(default_factory=list)
    parameters: int = 0
    functions: list[dict[str, Any]] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    """Secrets from which an empty AWSPENDING was taken."""


@dataclass
class Audit:
    """One run. It writes into the memory alone."""

    memory: Memory
    settings: Settings
    exceptions: Exceptions
    now: datetime
    ends: float
    """When no call within a budget begins any more, by the monotonic clock."""
    progress: Callable[[str, int], None] = lambda _region, _many: None
    budget: Callable[[float, float], Budget] = Budget
    totals: Totals = field(default_factory=Totals)
    sights: list[Sight] = field(default_factory=list)

    @property
    def ground(self) -> Ground:
        """Return what the rules measure by."""
        return Ground(self.settings, self.now)

    def look(self, clients: Clients, account: str, regions: Iterable[str]) -> None:
        """Look at an account, in some Regions."""
        for region in regions:
            sight = Sight(account, region)
            self.sights.append(sight)
            self.totals.regions.append(f"{account}/{region}")
            _Region(self, clients, sight).look()
        self.totals.calls.update(clients.calls)
        clients.calls.clear()

    def judge_all_together(self) -> None:
        """Judge what only all accounts and Regions together show: orphans, and the list of exceptions."""
        self._orphans()
        last.judge_together(self)
        for entry in self._listed():
            self.judge(own.LISTED, entry, name="list of exceptions", kind="exception")

    def finish(self) -> None:
        """Judge what was not seen, and close what was not found again."""
        for spot in (it for sight in self.sights for it in sight.blind.values()):
            grave = own.Spot(spot, rules.worst_without(spot.area))
            where = {"region": spot.region, "account": spot.account, "advice": spot.advice}
            self.judge(own.SPOTS, grave, name=f"{spot.area} {spot.what}".strip(), kind="blind spot", **where)
        blind = {(sight.account, sight.region): sight.areas for sight in self.sights}
        self.memory.resolve(blind, rules.NEEDS)
        if not any("secrets" in areas for areas in blind.values()):
            self.memory.forget_gone()

    def judge(self, table: tuple[Rule[Any], ...], thing: Any, **fields: str) -> list[Finding]:  # noqa: ANN401 whatever the rules are about
        """Judge a thing by its rules, and enter what is found."""
        found = list(filter(None, (on_thing(rule, thing, self.ground, **fields) for rule in table)))
        return [self.enter(it, {}) for it in found]

    def enter(self, finding: Finding, tags: Mapping[str, str]) -> Finding:
        """Enter a finding, with the exception that holds for it."""
        exempt = finding.rule.startswith(("exception-", "blind-"))
        accepted = None if exempt else self.exceptions.of(finding, tags, self.now)
        finding = replace(finding, accepted=accepted)
        self.memory.found(finding)
        return finding

    def _orphans(self) -> None:
        seen = {(sight.account, sight.region) for sight in self.sights if "secrets" not in sight.areas}
        for row in self.memory.each("select arn, name, region, account from secret where kind = ?", str(Kind.REPLICA)):
            primary = self.memory.recall(row["arn"], "primary", "")
            arn = str(row["arn"]).replace(f":{row['region']}:", f":{primary}:", 1)
            listed = self.memory.select("select 1 from secret where arn = ?", arn)
            if (row["account"], primary) in seen and not listed:
                fields = {"name": row["name"], "kind": str(Kind.REPLICA), "region": row["region"]}
                self.judge(own.ORPHANS, own.Orphan(row["arn"], str(primary)), **fields)

    def judge_crowds(self) -> None:
        """Judge functions that rotate many secrets at once."""
        question = (
            "select function, schedule, region, count(*) as many from secret where schedule like 'cron%' "
            "and function <> '' group by 1, 2, 3 having many > ?"
        )
        for row in self.memory.select(question, self.settings.crowd):
            found = around.Crowd(row["function"], row["schedule"], row["many"])
            self.judge(around.CROWDS, found, name=name_of(row["function"]), kind="function", region=row["region"])

    def _listed(self) -> Iterable[own.Listed]:
        unused = self.exceptions.unused()
        for accepted in self.exceptions.listed:
            arn = f"exception:{accepted.rule}:{accepted.subject}"
            yield own.Listed(arn, accepted, accepted not in unused)
        yield from (own.Listed(f"exception:{it}", None, broken=it) for it in self.exceptions.broken)


class _Region:
    """A Region of an account, while it is looked at."""

    def __init__(self, audit: Audit, clients: Clients, sight: Sight) -> None:
        region, now = sight.region, audit.now
        self._audit, self._sight = audit, sight
        self._secrets = Secrets(clients("secretsmanager", region), sight, audit.memory, audit.settings, now)
        self._functions = Functions(clients("lambda", region), sight)
        self._keys = Keys(clients("kms", region), sight)
        self._history = History(clients("cloudtrail", region), clients("logs", region), sight, now)
        self._reads = Reads(clients("cloudtrail", region), sight, audit.memory, audit.settings, now)
        self._own = clients.caller
        self._parameters = Parameters(clients("ssm", region), sight)
        self._mirrors = Mirrors(clients("secretsmanager", region), sight)
        self._values = Values(clients("secretsmanager", region), sight, audit.memory, audit.settings, now)
        self._repair = Repair(clients("secretsmanager", region), sight, now)
        self._policies = audit.budget(audit.settings.policies_per_second, audit.ends)
        self._versions = audit.budget(audit.settings.versions_per_second, audit.ends)
        self._values_a_second = audit.budget(audit.settings.values_per_second, audit.ends)
        self._lookups = audit.budget(audit.settings.lookups_per_second, audit.ends)
        self._events: Mapping[str, list[Event]] = {}
        self._told: dict[str, Mapping[str, Told]] = {}

    def look(self) -> None:
        """Look at everything in the Region."""
        self._events = self._history.events(*([STARTED] if self._audit.settings.drop_empty_pending else []))
        self._reads.take_in(self._lookups, self._own)
        many = 0
        for page in self._secrets.pages():
            for secret in page:
                self._judge(self._complete(secret))
            many += len(page)
            self._audit.progress(self._sight.region, many)
        self._judge_last()
        self._judge_around()
        trails = own.Trails(f"trail:{self._sight.account}:{self._sight.region}", self._history.has_trail())
        self._thing(own.TRAILS, trails, name=self._sight.region, kind="Region")
        for found in self._parameters.pages():
            for parameter in found:
                self._audit.totals.parameters += 1
                mirror = self._mirrors.of(parameter)
                table = mirrors.RULES if mirror else around.PARAMETERS
                self._thing(table, mirror or parameter, name=parameter.name, kind="parameter")

    def _complete(self, secret: Secret) -> Secret:
        """Add what stands around a secret, as far as its class needs it."""
        if secret.kind is Kind.REPLICA:
            self._keys.of(secret)  # a key is of one Region: a replica has its own
        if secret.kind not in LIVE:
            return secret
        secret = self._secrets.with_copies(secret)
        secret = self._secrets.with_access(secret, self._policies)
        secret = self._secrets.with_versions(secret, self._versions)
        secret = self._secrets.with_quiet(self._secrets.with_pending(secret))
        secret = self._values.with_held(secret, self._values_a_second)
        events = (*self._events.get(secret.arn, ()), *self._events.get(secret.name, ()))
        if secret.kind in ROTATED and secret.enabled is not False:
            secret = replace(secret, at_function=self._functions.of(secret))
        return replace(secret, at_key=self._keys.of(secret), events=events, told=self._told_of(secret))

    def _told_of(self, secret: Secret) -> Told | None:
        """Return our function's last error about a secret; its log is read once."""
        if secret.kind is not Kind.OURS:
            return None
        name = name_of(secret.function)
        if name not in self._told:
            self._told[name] = self._history.told([name])
        return self._told[name].get(secret.arn) or self._told[name].get(secret.name)

    def _judge(self, secret: Secret) -> None:
        audit, ground = self._audit, self._audit.ground
        fresh: Secret | None = None
        findings: list[Finding] = []
        for rule in rules.SECRETS:
            found = on_secret(rule, secret, ground)
            if found and rule.twice:
                if fresh is None:
                    audit.totals.looked_twice += 1
                    fresh = self._secrets.again(secret)
                found = on_secret(rule, fresh, ground) if fresh else None
            if found:
                findings.append(audit.enter(self._put_right(found, secret), secret.tags))
        self._place(secret, findings)

    def _put_right(self, found: Finding, secret: Secret) -> Finding:
        """Take an empty AWSPENDING away where the settings ask for it, and nobody decided to leave it."""
        audit = self._audit
        wanted = found.rule == "pending-empty" and audit.settings.drop_empty_pending
        if not wanted or audit.exceptions.of(found, secret.tags, audit.now) or not self._repair.drop(secret):
            return found
        audit.totals.repaired.append(secret.arn)
        evidence = f"{found.evidence} This audit has taken the label away: start the rotation anew."
        remedy = RETRY.format(region=shlex.quote(secret.region), arn=shlex.quote(secret.arn))
        return replace(found, evidence=evidence, remedy=remedy)

    def _judge_last(self) -> None:
        roles = frozenset(it.role for it in self._functions.known.values() if it)
        last.judge_reads(self._audit, self._sight.account, self._sight.region, roles)

    def _place(self, secret: Secret, findings: list[Finding]) -> None:
        audit = self._audit
        audit.totals.secrets += 1
        audit.totals.kinds[str(secret.kind)] += 1
        if secret.kind is Kind.REPLICA:
            audit.memory.remember(secret.arn, "primary", "", secret.primary_region)
        if audit.settings.readers or secret.held:
            last.keep(audit.memory, secret)
        worst = max((int(it.severity) for it in findings if it.accepted is None), default=-1)
        audit.memory.place(secret, worst, row_of(secret))

    def _judge_around(self) -> None:
        for function in self._functions.seen():
            end = around.end_of(function.runtime)
            told: dict[str, Any] = {
                "arn": function.arn,
                "name": ":".join(function.arn.split(":")[6:]),
                "runtime": function.runtime,
            }
            told |= {"ends": f"{end:%Y-%m-%d}" if end else "", "secrets": function.secrets, "exists": function.exists}
            self._audit.totals.functions.append(told)
            plain = ":".join(function.arn.split(":")[:7])
            self._thing(around.FUNCTIONS, function, name=name_of(function.arn), kind="function", plain=plain)
        for key in filter(None, self._keys.known.values()):
            self._thing(around.KEYS, key, name=key.arn.rpartition(":")[2], kind="key")

    def _thing(self, table: tuple[Rule[Any], ...], thing: Any, *, name: str, kind: str, **more: str) -> None:  # noqa: ANN401 whatever the rules are about
        where = more | {"region": self._sight.region, "account": self._sight.account}
        self._audit.judge(table, thing, name=name, kind=kind, **where)
