"""Each rule: what violates it, what does not, and what looks as if it did (the traps that other audits fall into)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from audit import rules
from audit.model import CURRENT, PREVIOUS, Accepted, Access, Blind, Event, Held, Kind, Secret, Severity, Told
from audit.rules.account import Listed, Orphan, Spot, Trails
from audit.rules.around import Crowd
from audit.rules.rule import on_secret, on_thing
from audit.schedule import Schedule
from audit.settings import Settings
from tests.support.audited.things import (
    A_KEY,
    ACCOUNT,
    ARN,
    FUNCTION,
    HEALTHY,
    KEY,
    MIRROR,
    NOW,
    OTHER,
    OURS,
    PARAMETER,
    PLAIN,
    THEIRS,
    ago,
    copy,
    failed,
    ground,
    pending,
    plain,
    read,
    secret,
    version,
)

if TYPE_CHECKING:
    from audit.model import Finding
    from audit.rules.rule import Rule

EVERY: Final = {rule.id: rule for rule in rules.EVERY}
SPOT: Final = Blind("policies", "eu-west-1", ACCOUNT, "AccessDeniedException", "allow it")
LIST: Final = Accepted("unused", "legacy/*", "2026-12-31", "team-db", "OPS-17")
TOLD: Final = Told("AccessMismatch", "setSecret", "The clone lacks SELECT on orders. Run: GRANT …", ago(days=1))
SERVICE: Final = replace(
    HEALTHY,
    kind=Kind.SERVICE,
    service="rds",
    name="rds!db-1",
    function="",
    schedule=Schedule.of({"AutomaticallyAfterDays": 7}),
)
ACCEPT: Final = "audit:accept/unused"


def cron(expression: str) -> Schedule | None:
    return Schedule.of({"ScheduleExpression": expression})


VIOLATING: Final[dict[str, list[Any]]] = {
    "rotation-never": [PLAIN, plain(versions=(version(CURRENT, ago(days=200)),))],
    "rotation-off": [secret(enabled=False), plain(enabled=False), secret(enabled=False, kind=Kind.FOREIGN)],
    "managed-rotation-off": [replace(SERVICE, enabled=False), replace(SERVICE, enabled=None, service="redshift")],
    "interval-long": [
        secret(schedule=Schedule.of({"AutomaticallyAfterDays": 91})),
        secret(schedule=cron("cron(0 8 1 1 ? *)")),
        secret(schedule=cron("cron(0 8 29 2 ? *)"), due=NOW + dt.timedelta(days=457)),  # in leap years alone
    ],
    "schedule-unclear": [
        secret(schedule=cron("cron(0 8 30 2 ? *)"), due=None),
        secret(schedule=cron("cron(0 * * * ? *)")),
        secret(schedule=None, due=None),
    ],
    "rotation-in-freeze": [
        secret(due=NOW + dt.timedelta(days=27)),  # in its middle
        secret(due=NOW.replace(month=12, day=24, hour=1)),  # its window goes over midnight into the first day
        secret(due=NOW.replace(year=2027, month=1, day=3, hour=0)),  # its window begins on the last day
    ],
    "rotation-late": [
        secret(due=ago(days=3)),
        secret(due=None, rotated=ago(days=40), changed=ago(days=40)),
        replace(SERVICE, due=ago(days=3)),
    ],
    "never-completed": [
        secret(rotated=None, due=ago(days=3)),
        secret(rotated=None, due=None, changed=ago(days=40), created=ago(days=40)),
    ],
    "pending-stuck": [pending(ago(days=2)), replace(pending(ago(days=2)), versions=None)],
    "pending-empty": [pending(ago(days=2), empty=True)],
    "rotation-failing": [secret(events=failed(1, 2), rotated=ago(days=20))],
    "rotation-abandoned": [secret(events=(Event("RotationAbandoned", ago(days=1)),))],
    "written-by-hand": [secret(versions=(version(CURRENT, ago(days=3)),))],
    "value-old": [
        secret(kind=Kind.EXTERNAL, rotated=ago(days=100)),
        secret(kind=Kind.EXTERNAL, rotated=None, changed=ago(days=99)),
    ],
    "unused": [plain(accessed=ago(days=91)), plain(accessed=ago(days=99), copies=(copy(accessed=ago(days=91)),))],
    "never-read": [plain(accessed=None)],
    "replica-in-use": [plain(accessed=ago(days=91), copies=(copy(accessed=ago(days=1)),))],
    "only-its-rotation-reads-it": [secret(quiet_intervals=2, rotated=ago(days=20))],
    "previous-still-read": [
        secret(versions=(version(PREVIOUS, ago(days=40), ago(days=2)),)),
        secret(versions=(version("", ago(days=80), ago(days=2)),)),
    ],
    "pair-broken": [secret(told=TOLD)],
    "deleted-in-use": [secret(kind=Kind.DELETED, deleted=NOW + dt.timedelta(days=5), accessed=ago(days=2))],
    "read-by-others": [
        secret(reads=(read("arn:ada"), read("arn:app"))),
        secret(reads=(read("arn:ada"),), kind=Kind.REPLICA),
    ],
    "value-not-json": [secret(held=Held(json=False))],
    "value-incomplete": [secret(held=Held(missing=("engine", "host")))],
    "password-weak": [secret(held=Held(weak="it is short")), plain(held=Held(weak="it is short"))],
    "two-secrets-one-user": [secret(twins=tuple("abcdef"))],
    "admin-gone": [secret(held=Held(admin=f"{ARN}-admin"), admin_gone="is not listed")],
    "policy-public": [secret(access=Access(public=True))],
    "policy-foreign": [secret(access=Access(foreign=frozenset({OTHER}), shared=frozenset({OTHER})))],
    "policy-many-accounts": [secret(access=Access(shared=frozenset(map(str, range(6)))))],
    "policy-gone-principal": [secret(access=Access(gone=frozenset({"AROAABCDEFGHIJKLMNOP1"})))],
    "shared-without-key": [
        secret(access=Access(shared=frozenset({OTHER}))),
        secret(access=Access(shared=frozenset({OTHER})), key=KEY, at_key=replace(A_KEY, accounts=frozenset({ACCOUNT}))),
        secret(access=Access(shared=frozenset({OTHER})), key=KEY, at_key=replace(A_KEY, customer=False)),
    ],
    "default-key": [
        HEALTHY,
        secret(key="alias/aws/secretsmanager"),
        secret(key=KEY, at_key=replace(A_KEY, customer=False)),
    ],
    "tags-missing": [HEALTHY, secret(tags={"owner": ""})],
    "replica-failed": [secret(copies=(copy(), copy("Failed", region="us-east-1")))],
    "replica-late": [secret(copies=(copy("InProgress"),))],
    "replica-missing": [secret(copies=(copy(region="us-east-1"),))],
    "replica-elsewhere": [secret(copies=(copy(region="us-east-1"),))],
    "function-elsewhere": [secret(function=OURS.replace("eu-west-1", "us-east-1"))],
    "exception-expired": [secret(tags={ACCEPT: "until=2026-11-28 by=team-db why=OPS-17"})],
    "exception-ending": [secret(tags={ACCEPT: "until=2026-12-10 by=team-db why=OPS-17"})],
    "exception-unreadable": [
        secret(tags={ACCEPT: "until=soon by=team-db why=OPS-17"}),
        secret(tags={ACCEPT: "until=2027-01-31 why=OPS-17"}),
    ],
    "exception-wide": [
        secret(tags={"audit:accept/*": "until=2027-01-31 by=team-db why=OPS-17"}),
        secret(tags={ACCEPT: "until=2029-01-31 by=team-db why=OPS-17"}),
    ],
    "function-gone": [replace(FUNCTION, exists=False, invocable=False)],
    "function-stopped": [replace(FUNCTION, stopped=True)],
    "function-failed": [replace(FUNCTION, state="Failed")],
    "function-forbidden": [replace(FUNCTION, invocable=False)],
    "function-open": [replace(FUNCTION, any_account=True)],
    "function-runtime": [replace(FUNCTION, runtime="python3.8"), replace(FUNCTION, runtime="nodejs22.x")],
    "function-timeout": [replace(FUNCTION, timeout=3)],
    "function-layer": [replace(FUNCTION, behind="version 3 of the layer rotation, and another 5")],
    "key-at-risk": [
        replace(A_KEY, state="Disabled"),
        replace(A_KEY, state="PendingDeletion", deletion=NOW),
        replace(A_KEY, state="Missing"),
    ],
    "key-not-rotating": [replace(A_KEY, rotates=False)],
    "parameter-credential": [replace(PARAMETER, modified=ago(days=91))],
    "parameter-clear-text": [replace(PARAMETER, secure=False)],
    "parameter-default-key": [PARAMETER, replace(PARAMETER, key="alias/aws/ssm")],
    "mirror-behind": [replace(MIRROR, rotated=ago(days=9))],
    "mirror-orphan": [replace(MIRROR, listed=False)],
    "mirror-clear-text": [replace(MIRROR, parameter=replace(PARAMETER, secure=False))],
    "mirror-weaker-key": [replace(MIRROR, parameter=PARAMETER)],
    "rotation-crowd": [Crowd(OURS, "cron(0 3 ? * SUN *)", 51)],
    "replica-orphan": [Orphan(ARN, "us-east-1")],
    "alarms-deaf": [Trails("trail:eu-west-1", recording=False)],
    "exception-listed": [
        Listed("e:1", replace(LIST, until="2026-11-28")),
        Listed("e:2", LIST, used=False),
        Listed("e:3", replace(LIST, until="2029-01-01")),
        Listed("e:4", replace(LIST, subject="*")),
        Listed("e:5", replace(LIST, until="2026-12-01")),
        Listed("e:6", None, broken="entry 1"),
    ],
    "blind-spot": [Spot(SPOT, Severity.HIGH)],
}

CLEAN: Final[dict[str, list[Any]]] = {
    # First what nothing is wrong with, then what only looks wrong: the traps.
    "rotation-never": [
        HEALTHY,
        plain(created=ago(hours=3), changed=ago(hours=3)),  # day 0
        plain(enabled=False),  # switched off is another text
        plain(versions=(version(CURRENT, ago(days=20)),)),  # somebody puts new values, and in time
        replace(PLAIN, kind=Kind.SERVICE),
        replace(PLAIN, kind=Kind.DECLARED),
        replace(PLAIN, kind=Kind.REPLICA),
        replace(PLAIN, kind=Kind.DELETED),
    ],
    "rotation-off": [HEALTHY, PLAIN, secret(enabled=False, kind=Kind.REPLICA)],
    "managed-rotation-off": [SERVICE, replace(SERVICE, enabled=None, service="events"), secret(enabled=False)],
    "interval-long": [
        HEALTHY,
        secret(schedule=cron("cron(0 8 1 * ? *)")),
        secret(
            enabled=False, schedule=Schedule.of({"AutomaticallyAfterDays": 400})
        ),  # rules stay after CancelRotateSecret
    ],
    "schedule-unclear": [
        HEALTHY,
        secret(schedule=cron("cron(0 8 ? * MON#1 *)")),
        secret(schedule=cron("cron(0 8 L-2 * ? *)")),  # the service reads it, and plans a date
        secret(schedule=cron("rate(4 hours)")),
        secret(enabled=False, schedule=None, due=None),
    ],
    "rotation-in-freeze": [
        HEALTHY,
        secret(due=NOW.replace(month=12, day=23, hour=23, minute=59, second=59)),  # its window ends the day before
        secret(due=NOW.replace(year=2027, month=1, day=3, hour=23, minute=59, second=59)),  # and begins the day after
        secret(due=NOW.replace(month=12, day=25), enabled=False),
        replace(SERVICE, due=None),
    ],
    "rotation-late": [
        HEALTHY,
        secret(due=ago(hours=30)),  # inside the window of a day, and 24 hours
        secret(enabled=False, due=None, rotated=ago(days=400)),  # rules stay after CancelRotateSecret
        secret(due=None, schedule=cron("rate(30 days)")),  # AutomaticallyAfterDays comes only after the first success
        replace(pending(ago(days=2)), due=ago(days=3)),  # one finding, not two: it is stuck
        secret(rotated=None, due=ago(days=3)),
    ],
    "never-completed": [
        HEALTHY,
        secret(rotated=None),
        secret(rotated=None, due=None, created=ago(days=400), changed=ago(hours=1)),  # rotation was switched on today
    ],
    "pending-stuck": [
        HEALTHY,
        pending(ago(hours=2)),  # under way
        pending(ago(days=2), empty=True),
        secret(stages={"v2": ("AWSCURRENT", "AWSPENDING")}, pending_since=ago(days=9)),  # together is normal
    ],
    "pending-empty": [
        HEALTHY,
        pending(ago(days=2)),
        pending(ago(hours=2), empty=True),
        replace(pending(ago(days=2)), versions=None),
    ],
    "rotation-failing": [
        HEALTHY,
        secret(events=failed(1), rotated=ago(days=20)),
        secret(events=failed(1, 9), rotated=ago(days=20)),
        secret(events=(*failed(2, 3), Event("RotationSucceeded", ago(days=1))), rotated=ago(days=20)),
    ],
    "rotation-abandoned": [HEALTHY, secret(events=(Event("RotationAbandoned", ago(days=11)),))],
    "written-by-hand": [
        HEALTHY,
        secret(versions=(version(CURRENT, ago(days=10, minutes=1)),)),
        secret(enabled=False, versions=(version(CURRENT, ago(days=3)),)),
    ],
    "value-old": [
        HEALTHY,
        PLAIN,
        secret(kind=Kind.EXTERNAL),
        secret(kind=Kind.EXTERNAL, rotated=None, changed=ago(days=9)),
    ],
    "unused": [
        HEALTHY,
        PLAIN,
        secret(accessed=ago(days=91)),
        plain(accessed=ago(days=91), copies=(copy(accessed=ago(days=1)),)),
    ],
    "never-read": [
        HEALTHY,
        PLAIN,
        plain(accessed=None, created=ago(days=29)),
        plain(accessed=None, copies=(copy(accessed=ago(days=300)),)),
    ],
    "replica-in-use": [
        HEALTHY,
        PLAIN,
        plain(copies=(copy(accessed=ago(days=1)),)),
        plain(accessed=None, copies=(copy(),)),
    ],
    "only-its-rotation-reads-it": [
        HEALTHY,
        secret(quiet_intervals=1, rotated=ago(days=20)),
        secret(quiet_intervals=2, rotated=ago(days=2)),
        secret(quiet_intervals=9, rotated=ago(days=20), schedule=cron("rate(4 hours)")),
        secret(quiet_intervals=2, rotated=ago(days=20), copies=(copy(accessed=ago(days=1)),)),
    ],
    "previous-still-read": [
        HEALTHY,
        secret(versions=(version(PREVIOUS, ago(days=40), ago(days=9)),)),  # the day after: dates have no time
        secret(versions=(version(CURRENT, ago(days=10), ago(days=1)),)),
        secret(
            versions=(version(CURRENT, ago(days=1)), version(PREVIOUS, ago(days=9), ago(days=2)))
        ),  # written by hand
    ],
    "pair-broken": [
        HEALTHY,
        secret(told=replace(TOLD, error="Unreachable")),
        secret(told=replace(TOLD, at=ago(days=11))),
    ],
    "deleted-in-use": [
        secret(kind=Kind.DELETED, deleted=NOW, accessed=ago(days=20)),
        secret(kind=Kind.DELETED, deleted=NOW, accessed=None),
        HEALTHY,
    ],
    "read-by-others": [
        secret(reads=(read("arn:app"),)),
        secret(reads=(read("arn:rotation"),), rotation_roles=frozenset({"arn:rotation"})),
        secret(reads=(read("arn:ada"),), kind=Kind.DELETED),
    ],
    "value-not-json": [
        secret(held=Held()),
        HEALTHY,  # it was not read
        plain(held=Held(json=False)),  # an API key: nobody says that it is to be JSON
        secret(held=Held(json=False), kind=Kind.FOREIGN),
    ],
    "value-incomplete": [
        secret(held=Held()),
        plain(held=Held(missing=("engine",))),
        secret(held=Held(missing=("engine",)), kind=Kind.SERVICE),  # RDS keeps two keys in its own
    ],
    "password-weak": [secret(held=Held()), HEALTHY, secret(held=Held(weak="it is short"), kind=Kind.SERVICE)],
    "two-secrets-one-user": [secret(held=Held(logins=("a",))), secret(twins=("a",), kind=Kind.REPLICA)],
    "admin-gone": [
        secret(held=Held(admin=f"{ARN}-admin")),
        secret(held=Held(admin=f"{ARN}-admin"), admin_gone="is not listed", kind=Kind.REPLICA),
    ],
    "policy-public": [HEALTHY, secret(access=None), secret(access=Access(public=True), kind=Kind.REPLICA)],
    "policy-foreign": [HEALTHY, secret(access=None), secret(access=Access(shared=frozenset({OTHER})))],
    "policy-many-accounts": [HEALTHY, secret(access=Access(shared=frozenset(map(str, range(5)))))],
    "policy-gone-principal": [
        HEALTHY,
        secret(access=Access(gone=frozenset({"AROAABCDEFGHIJKLMNOP1"})), kind=Kind.REPLICA),
    ],
    "shared-without-key": [
        HEALTHY,
        secret(access=Access(shared=frozenset({OTHER})), key=KEY),  # its key was not seen
        secret(access=Access(shared=frozenset({OTHER})), key=KEY, at_key=replace(A_KEY, accounts=frozenset({OTHER}))),
        secret(access=Access(shared=frozenset({OTHER})), key=KEY, at_key=replace(A_KEY, accounts=frozenset({"*"}))),
    ],
    "default-key": [
        secret(key=KEY, at_key=A_KEY),
        secret(key=KEY.replace(ACCOUNT, OTHER)),  # a key of another account is a customer's key
    ],
    "tags-missing": [secret(tags={"owner": "team-db"}), secret(kind=Kind.REPLICA), secret(kind=Kind.DELETED)],
    "replica-failed": [HEALTHY, secret(copies=(copy(), copy("InProgress")))],
    "replica-late": [secret(copies=(copy("InProgress"),), changed=ago(minutes=10)), secret(copies=(copy(),))],
    "replica-missing": [
        secret(copies=(copy(),)),
        HEALTHY,  # nobody said that it is to be replicated
        secret(region="eu-central-1", copies=(copy(region="us-east-1"),)),  # the primary itself is there
    ],
    "replica-elsewhere": [secret(copies=(copy(),)), HEALTHY],
    "function-elsewhere": [HEALTHY, PLAIN],
    "exception-expired": [HEALTHY, secret(tags={ACCEPT: "until=2026-11-29 by=team-db why=OPS-17"})],
    "exception-ending": [HEALTHY, secret(tags={ACCEPT: "until=2027-01-31 by=team-db why=OPS-17"})],
    "exception-unreadable": [HEALTHY, secret(tags={ACCEPT: "until=2027-01-31 by=team-db why=OPS-17"})],
    "exception-wide": [HEALTHY, secret(tags={ACCEPT: "until=2027-01-31 by=team-db why=OPS-17"})],
    "function-gone": [FUNCTION, replace(FUNCTION, state="Inactive")],
    "function-stopped": [FUNCTION, replace(FUNCTION, exists=False)],  # one finding, not two
    "function-failed": [FUNCTION, replace(FUNCTION, state="Inactive")],
    "function-forbidden": [
        FUNCTION,
        replace(FUNCTION, invocable=None),
        replace(FUNCTION, exists=False, invocable=False),
    ],
    "function-open": [FUNCTION, replace(FUNCTION, invocable=None), replace(FUNCTION, exists=False)],
    "function-runtime": [FUNCTION, replace(FUNCTION, runtime="provided.al2023")],
    "function-layer": [FUNCTION, replace(FUNCTION, layers=("arn:aws:lambda:eu-west-1:1:layer:rotation:3",))],
    "function-timeout": [FUNCTION, replace(FUNCTION, exists=False, timeout=0)],
    "key-at-risk": [A_KEY, replace(A_KEY, state="Updating")],
    "key-not-rotating": [A_KEY, replace(A_KEY, rotates=None)],
    "parameter-credential": [PARAMETER, replace(PARAMETER, modified=ago(days=99), expires=True)],
    "parameter-clear-text": [PARAMETER, replace(PARAMETER, modified=ago(days=999))],
    "mirror-behind": [MIRROR, replace(MIRROR, rotated=ago(days=10, minutes=-14)), replace(MIRROR, rotated=None)],
    "mirror-orphan": [MIRROR, replace(MIRROR, rotated=None)],
    "mirror-clear-text": [MIRROR, replace(MIRROR, key="")],
    "mirror-weaker-key": [MIRROR, replace(MIRROR, parameter=PARAMETER, key="alias/aws/secretsmanager")],
    "parameter-default-key": [
        replace(PARAMETER, key=KEY),
        replace(PARAMETER, secure=False),  # it is under no key at all
        replace(PARAMETER, key="alias/shop"),
    ],
    "rotation-crowd": [Crowd(OURS, "cron(0 3 ? * SUN *)", 1), Crowd(OURS, "cron(0 3 ? * SUN *)", 50)],
    "replica-orphan": [],
    "alarms-deaf": [Trails("trail:eu-west-1", recording=True), Trails("trail:eu-west-1", recording=None)],
    "exception-listed": [
        Listed("e:1", replace(LIST, until="2027-03-31")),
        Listed("e:2", replace(LIST, until="2027-11-29")),  # the last day that one may have
        Listed("e:3", replace(LIST, until="2026-12-14")),  # announced from tomorrow on
    ],
    "blind-spot": [],
}

ASKED: Final[dict[str, dict[str, Any]]] = {
    "default-key": {"customer_key": True},
    "tags-missing": {"required_tags": ("owner",)},
    "replica-elsewhere": {"allowed_regions": ("eu-central-1",)},
    "read-by-others": {"readers": ("arn:app",)},
    "replica-missing": {"replica_regions": ("eu-central-1",)},
    "rotation-in-freeze": {"freezes": ("2026-12-24/2027-01-02",)},
    "parameter-default-key": {"customer_key": True},
}
"""Rules that are silent until a setting asks for them."""
SILENT: Final = Settings().printed()
FINDS_ALWAYS: Final = {"replica-orphan", "blind-spot"}
"""Rules about things that are made only where something is wrong."""


def found(rule: Rule[Any], thing: Any, **settings: Any) -> Finding | None:  # noqa: ANN401 whatever the rule is about
    measure = ground(**(ASKED.get(rule.id, {}) | settings))
    if isinstance(thing, Secret):
        return on_secret(rule, thing, measure)
    return on_thing(
        rule,
        thing,
        measure,
        name="it",
        kind="thing",
        region="eu-west-1",
        account=ACCOUNT,
        advice="allow a:B and a:C to whoever runs the audit",
        plain="f",
    )


def test_every_rule_has_something_that_violates_it_something_that_does_not_and_its_traps() -> None:
    """A rule that is new, or has lost one of the three, has no place here."""
    assert set(EVERY) == set(VIOLATING) == set(CLEAN)
    assert len(EVERY) == len(rules.EVERY)
    assert [rule for rule, things in VIOLATING.items() if not things] == []
    assert {rule for rule, things in CLEAN.items() if len(things) < 2} == FINDS_ALWAYS


@pytest.mark.parametrize("rule", set(CLEAN) - FINDS_ALWAYS)
def test_the_first_that_does_not_violate_a_rule_violates_no_other_either(rule: str) -> None:
    """What comes after it are its traps: each looks wrong, to this rule or to another audit."""
    first, *traps = CLEAN[rule]
    about = [it for it in rules.EVERY if any(type(first) is type(wrong) for wrong in VIOLATING[it.id])]
    assert [it.id for it in about if it.id not in ASKED and found(it, first)] == []
    assert all(it != first for it in traps)


@pytest.mark.parametrize(("rule", "thing"), [(rule, it) for rule, things in VIOLATING.items() for it in things])
def test_a_violation_is_found(rule: str, thing: Any) -> None:  # noqa: ANN401 as above
    finding = found(EVERY[rule], thing)
    assert finding is not None
    assert finding.evidence.endswith(".")
    assert finding.remedy
    assert "{" not in finding.remedy


@pytest.mark.parametrize(("rule", "thing"), [(rule, it) for rule, things in CLEAN.items() for it in things])
def test_what_is_right_is_left_alone(rule: str, thing: Any) -> None:  # noqa: ANN401 as above
    assert found(EVERY[rule], thing) is None


@pytest.mark.parametrize("rule", ASKED)
def test_a_rule_that_must_be_asked_for_is_silent(rule: str) -> None:
    for thing in VIOLATING[rule]:
        assert found(EVERY[rule], thing, **SILENT) is None


def test_a_healthy_secret_violates_nothing() -> None:
    for rule in rules.SECRETS:
        assert on_secret(rule, HEALTHY, ground()) is None, rule.id


@pytest.mark.parametrize("kind", [Kind.REPLICA, Kind.DELETED])
def test_a_replica_and_a_deleted_secret_are_not_judged_as_others_are(kind: Kind) -> None:
    """Whatever else is wrong with them: the primary's Region judges the replica, and deletion ends all duties."""
    wrongs = [it for things in VIOLATING.values() for it in things if isinstance(it, Secret)]
    for rule in rules.SECRETS:
        if rule.kinds != {Kind.DELETED}:
            assert not [it for it in wrongs if on_secret(rule, replace(it, kind=kind), ground())], rule.id


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.EXTERNAL, Kind.DECLARED])
def test_nobody_is_told_to_attach_a_function_where_none_can_be(kind: Kind) -> None:
    wrongs = [it for things in VIOLATING.values() for it in things if isinstance(it, Secret)]
    for rule in rules.SECRETS:
        for it in wrongs:
            finding = on_secret(rule, replace(it, kind=kind, service="rds"), ground())
            assert finding is None or rule.id == "function-elsewhere" or "--rotation-lambda-arn" not in finding.remedy


def test_the_cause_stands_beside_the_symptom() -> None:
    """Our function's own word comes before the service's; what was before the last success is no cause."""
    rule = EVERY["rotation-late"]
    late = secret(due=ago(days=3), rotated=ago(days=40), events=failed(1))
    finding = found(rule, late)
    assert finding
    assert finding.cause == "RotationFailed, 2026-11-28: step setSecret failed"
    told = found(rule, replace(late, told=TOLD))
    assert told
    assert told.cause == f"AccessMismatch in setSecret, 2026-11-28: {TOLD.message}"
    since = found(rule, replace(late, told=TOLD, events=(*failed(1), Event("RotationSucceeded", ago(hours=1)))))
    assert since
    assert since.cause == ""


def test_what_stands_in_a_command_is_quoted() -> None:
    """A name is whatever somebody gave it: a shell must not run it."""
    finding = found(EVERY["rotation-never"], plain(arn=f"{ARN}!'; rm -rf ~; '"))
    assert finding
    assert (
        """'arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/database-a1B2c3!'"'"'; rm -rf ~; '"'"''"""
        in finding.remedy
    )


def test_a_findings_id_is_of_its_rule_and_what_it_is_about() -> None:
    first, again = (
        found(EVERY["rotation-late"], secret(due=ago(days=3))),
        found(EVERY["rotation-late"], secret(due=ago(days=9))),
    )
    other = found(EVERY["rotation-late"], secret(due=ago(days=3), arn=ARN.replace("orders", "payroll")))
    assert first
    assert again
    assert other
    assert first.id == again.id != other.id
    assert first.evidence != again.evidence


def test_a_blind_spot_is_as_grave_as_the_worst_rule_that_could_not_be_asked() -> None:
    assert rules.worst_without("secrets") is Severity.CRITICAL
    assert rules.worst_without("functions") is Severity.CRITICAL
    assert rules.worst_without("policies") is Severity.HIGH
    assert rules.worst_without("key rotation") is Severity.LOW
    finding = found(EVERY["blind-spot"], Spot(SPOT, Severity.HIGH))
    assert finding
    assert finding.severity is Severity.HIGH
    assert finding.remedy == "allow a:B and a:C to whoever runs the audit"


def test_foreign_functions_are_judged_as_ours_are() -> None:
    finding = found(EVERY["rotation-late"], secret(due=ago(days=3), kind=Kind.FOREIGN, function=THEIRS))
    assert finding
    assert finding.kind == "foreign function"
