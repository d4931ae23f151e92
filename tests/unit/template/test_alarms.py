"""The alarms of the watch: each is seen to fire and to heal, from what the function itself wrote in rotations."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest

from tests.support.cloudwatch.alarms import ALARM, OK, composite_state, state_of
from tests.support.cloudwatch.invocations import Platform
from tests.support.cloudwatch.metrics import Metric, Metrics, embedded
from tests.support.cloudwatch.stack import NAME, alarms, made
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.memory.interruptions import when
from tests.support.template.cloudformation import ROOT, Stack, load, of_type, parse
from tests.unit.entrypoints.test_regions import Context, set_up  # noqa: F401 a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.template.cloudformation import Node
    from tests.unit.entrypoints.test_regions import Scene

FUNCTIONS: Final = ("Postgresql", "Mysql", "Documentdb", "Redshift", "Aurora", "ParameterStore")
LATER: Final = 7200
"""Seconds after which every alarm has healed, where nothing happens any more."""


class Account:
    """A function that rotates a secret in a Region with a replica, and the alarms that watch it."""

    def __init__(self, scene: Scene, output: Callable[[], str], **parameters: str) -> None:
        self.resources = made(**parameters)
        self.metrics = Metrics()
        filters = of_type({"Resources": self.resources}, "AWS::Logs::MetricFilter").values()
        self.platform = Platform(NAME, self.metrics, output, [one["Properties"] for one in filters])
        self.scene, self.failed = scene, False
        scene.player.invoke = lambda event: self.platform.invoke(lambda: scene.handler(event, Context()))

    def rotate(self) -> bool:
        """Rotate once, as the service goes on with what had failed, and let the periods end in which that was."""
        play = self.scene.player.retry if self.failed else self.scene.player.rotate
        self.failed = not play("app").succeeded
        self.platform.wait(900)
        return not self.failed

    def states(self) -> dict[str, str]:
        """Evaluate every alarm, and the composite one."""
        states = {name: state_of(one, self.metrics, self.platform.now) for name, one in alarms(self.resources).items()}
        rule = self.resources["UnhealthyAlarm"]["Properties"]["AlarmRule"]
        return {**states, "UnhealthyAlarm": composite_state(rule, states)}

    def firing(self) -> set[str]:
        """Return the alarms that fire; all others are OK."""
        states = self.states()
        assert set(states.values()) <= {OK, ALARM}
        return {name for name, state in states.items() if state == ALARM}


@pytest.fixture
def account(
    set_up: Callable[..., Scene],  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Account]:
    """Make an account, by the strategy and what the service does."""

    def make(strategy: str = "single-user", lag: float = 0, **parameters: str) -> Account:
        return Account(set_up(strategy, lag), lambda: capsys.readouterr().out, **parameters)

    return make


def test_no_alarm_fires_in_a_healthy_account(account: Callable[..., Account]) -> None:
    """Neither before the first rotation, nor after some, nor when nothing has happened for a while."""
    healthy = account()
    assert healthy.firing() == set()
    for _ in range(2):
        assert healthy.rotate()
        assert healthy.firing() == set()
    healthy.platform.wait(LATER)
    assert healthy.firing() == set()


def refused(account: Account) -> None:
    """Refuse AWSCURRENT, as after a change by hand; then set it back."""
    current = account.scene.server.accounts["app"]
    right, current.password = current.password, "by-hand"
    assert not account.rotate()
    current.password = right


def recovered(account: Account) -> None:
    """Give the server the password of AWSPREVIOUS back, as a restored backup does."""
    current = account.scene.server.accounts["app"]
    before = current.password
    assert account.rotate()
    account.platform.wait(LATER)
    current.password = before
    assert account.rotate()


def slow(account: Account, seconds: float) -> None:
    """Let the server take that long, once."""
    account.scene.server.effect = when("connect", "before", lambda: account.platform.wait(seconds))
    account.rotate()


def behind(account: Account) -> None:
    """Let a parameter follow the secret that the function may not write; then none follows any more."""
    scene, name = account.scene, "/mirrors/app"
    with EmulatedParameterStore() as parameters, mock.patch.dict("os.environ", AWS_ENDPOINT_URL_SSM=parameters.url):
        scene.settings["MIRROR_PATH"] = "/mirrors"
        request = {"Name": name, "Value": "-", "Type": "SecureString", "Description": scene.arn}
        parameters.execute("PutParameter", request)
        follow(account, {"rotation": {"mirror": name}})
        scene.handler({"Step": "syncMirrors", "SecretId": scene.arn}, Context())
        parameters.faults.deny("PutParameter")
        assert account.rotate()
        follow(account, {"rotation": {}})


def follow(account: Account, more: dict[str, Any]) -> None:
    """Put AWSCURRENT's credential anew, with what is added to it, as a person does."""
    home, secret = account.scene.regions["eu-west-1"], account.scene.arn
    value = json.dumps({**json.loads(home.value(secret) or ""), **more})
    home.execute("PutSecretValue", {"SecretId": secret, "SecretString": value, "ClientRequestToken": str(uuid.uuid4())})


def throttled(account: Account) -> None:
    """Leave the function no concurrency for a while."""
    account.platform.throttled = True
    assert not account.rotate()
    account.platform.throttled = False


def left(account: Account, metric: Metric, *, cleared: bool) -> None:
    """
    Let a service count something each minute of an hour; the depth of a queue is told where it is zero, too.

    No function of ours writes these two metrics: they are put here as their services' guides say that they count.
    """
    for minute in range(60):
        account.metrics.put(metric, 1, account.platform.now + 60 * minute)
    account.platform.wait(3600)
    if cleared:
        for minute in range(60):
            account.metrics.put(metric, 0, account.platform.now + LATER + 60 * minute)


QUEUE: Final = Metric.of("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "Untold.QueueName"})
"""SQS developer guide, "Available CloudWatch metrics for Amazon SQS"."""
RULE: Final = Metric.of("AWS/Events", "FailedInvocations", {"RuleName": "WritesRule"})
"""EventBridge user guide, "Monitoring Amazon EventBridge": invocations that failed permanently; only where some did."""

CAUSES: Final[dict[str, tuple[Callable[[Account], object], set[str]]]] = {
    "FailuresAlarm": (refused, {"FailuresAlarm", "ErrorsAlarm"}),
    "WindowsAlarm": (Account.rotate, {"WindowsAlarm"}),
    "RecoveriesAlarm": (recovered, {"RecoveriesAlarm"}),
    "ReplicasAlarm": (Account.rotate, {"ReplicasAlarm"}),
    "MirrorsAlarm": (behind, {"MirrorsAlarm"}),
    "ErrorsAlarm": (refused, {"FailuresAlarm", "ErrorsAlarm"}),
    "ThrottlesAlarm": (throttled, {"ThrottlesAlarm"}),
    "DurationAlarm": (lambda account: slow(account, 50), {"DurationAlarm"}),
    "TimeoutsAlarm": (lambda account: slow(account, 70), {"TimeoutsAlarm", "ErrorsAlarm", "DurationAlarm"}),
    "UntoldAlarm": (lambda account: left(account, QUEUE, cleared=True), {"UntoldAlarm"}),
    "RulesAlarm": (lambda account: left(account, RULE, cleared=False), {"RulesAlarm"}),
}
"""For each alarm what sets it off, and which others see the same."""
SPECIAL: Final[dict[str, dict[str, Any]]] = {
    "WindowsAlarm": {"WatchWindow": "0.01"},
    "ReplicasAlarm": {"lag": 1800},
    "MirrorsAlarm": {"strategy": "alternating-users"},
}


@pytest.mark.parametrize("name", CAUSES)
def test_each_alarm_fires_and_heals(account: Callable[..., Account], name: str) -> None:
    """From what was written in a rotation with that cause, and in a healthy one after it; the composite one with it."""
    cause, seen = CAUSES[name]
    watched = account(**SPECIAL.get(name, {}))
    cause(watched)
    assert watched.firing() == seen | {"UnhealthyAlarm"}
    watched.scene.clock.advance(seconds=LATER)
    watched.platform.wait(LATER)
    if "WatchWindow" not in SPECIAL.get(name, {}):
        assert watched.rotate()
        watched.platform.wait(LATER)
    assert watched.firing() == set()


QUEUES: Final = {
    "ParameterStoreAlarm": ("template.yaml", "ParameterStoreFailures"),
    "ParameterStoreUndeliveredAlarm": ("template.yaml", "ParameterStoreUndelivered"),
    "AuditLeftFailures": ("functions/audit/template.yaml", "AuditFailures"),
}
"""Alarms outside of the watch, each with the queue that it looks at; AuditSilent is in tests/unit/audit."""


def elsewhere(place: str) -> dict[str, Node]:
    source = parse((ROOT / place).read_text("utf-8"))
    return alarms(Stack({"ParameterPath": "/rotated"} if place == "template.yaml" else {}, source).resources)


@pytest.mark.parametrize("name", QUEUES)
def test_what_is_laid_aside_fires_until_it_is_taken(name: str) -> None:
    """From the depth of its own queue, which SQS counts; another queue is none of its business."""
    place, queue = QUEUES[name]
    alarm, metrics = elsewhere(place)[name], Metrics()
    for minute in range(60):
        depth = {"another": 1.0, f"{queue}.QueueName": float(20 <= minute < 40)}
        for one, value in depth.items():
            metrics.put(QUEUE._replace(dimensions=frozenset({("QueueName", one)})), value, 60 * minute)
    assert [state_of(alarm, metrics, 60 * minute) for minute in (20, 30, 60)] == [OK, ALARM, OK]


def test_every_alarm_of_every_stack_was_seen() -> None:
    """A new one in any of the templates needs a test that sees it fire."""
    places = [ROOT / "template.yaml", *ROOT.glob("functions/*/template.yaml")]
    there = {name for it in places for name in of_type(parse(it.read_text("utf-8")), "AWS::CloudWatch::Alarm")}
    assert there == CAUSES.keys() | QUEUES.keys() | {"AuditSilent"}


RULES: Final = [name for name, it in made().items() if it["Type"] == "AWS::Events::Rule"]


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_that_cannot_deliver_is_seen(rule: str) -> None:
    """By the name of the rule, which is the dimension of its metric."""
    metrics, alarm = Metrics(), made()["RulesAlarm"]["Properties"]
    metrics.put(Metric.of("AWS/Events", "FailedInvocations", {"RuleName": "another"}), 1, 10)
    assert state_of(alarm, metrics, 300) == OK
    metrics.put(Metric.of("AWS/Events", "FailedInvocations", {"RuleName": rule}), 1, 10)
    assert state_of(alarm, metrics, 300) == ALARM


def test_every_alarm_has_a_cause() -> None:
    """None is made that was not seen to fire, and the composite one hears of each."""
    resources = made()
    assert alarms(resources).keys() == CAUSES.keys()
    rule = resources["UnhealthyAlarm"]["Properties"]["AlarmRule"]
    assert {it.removeprefix('ALARM("').removesuffix('")') for it in rule.split(" OR ")} == CAUSES.keys()


def test_no_metric_has_a_dimension_of_a_secret(account: Callable[..., Account]) -> None:
    """What a rotation writes can be asked for by few things, which do not grow with the number of secrets."""
    watched = account("alternating-users", lag=1800)
    assert watched.rotate()
    written = {it for line in watched.platform.lines for it, _ in embedded(json.loads(line))}
    assert {it.keys for it in written} == {
        frozenset({"service", "engine", *more}) for more in ((), ("step",), ("region",))
    }


@pytest.mark.parametrize(("watch", "fewer"), [("all", set()), ("alarms", {"UntoldAlarm", "RulesAlarm"})])
def test_alarms_without_messages(watch: str, fewer: set[str]) -> None:
    """Without rules and queue there is nothing of theirs to watch; the watch's own function is not there either."""
    resources = made(Watch=watch)
    assert alarms(resources).keys() == CAUSES.keys() - fewer
    assert ("watch" in json.dumps(resources["ErrorsAlarm"]["Properties"]["Metrics"])) is (watch == "all")
    for name in fewer:
        assert name not in resources["UnhealthyAlarm"]["Properties"]["AlarmRule"]


@pytest.mark.parametrize("each", ["true", "false"])
@pytest.mark.parametrize("topic", ["", "arn:aws:sns:eu-west-1:123456789012:ours"])
def test_one_tells_for_all_or_each_of_itself(each: str, topic: str) -> None:
    """To the topic that there is, when it fires and when it heals."""
    resources = made(WatchEachAlarm=each, AlarmTopicArn=topic)
    assert ("UnhealthyAlarm" in resources) is (each == "false")
    told = {"AlarmActions": [topic or "Topic"], "OKActions": [topic or "Topic"]}
    telling = alarms(resources) if each == "true" else {"one": resources["UnhealthyAlarm"]["Properties"]}
    silent = {} if each == "true" else alarms(resources)
    for one in telling.values():
        assert {key: one[key] for key in told} == told
    assert not any(key in one for one in silent.values() for key in told)


def test_alarms_look_at_every_function_that_is_deployed() -> None:
    """Each by its log group, which the suite's stack names; its time is the one that the suite's template gives it."""
    suite = load()
    everything = Stack({"Watch": "all", "ParameterPath": "/rotated"}, suite).resources
    passed = everything["WatchStack"]["Properties"]["Parameters"]
    for function in FUNCTIONS:
        group = everything[f"{function}LogGroup"]["Properties"]["LogGroupName"]
        assert passed[f"{function}LogGroup"] == f"{function}LogGroup"
        resources = made(**{f"{function}LogGroup": group})
        for kind in ("ErrorsAlarm", "ThrottlesAlarm", "DurationAlarm"):
            assert group.removeprefix("/aws/lambda/") in json.dumps(resources[kind]["Properties"]["Metrics"])
        own = suite["Resources"][f"{function}Function"]["Properties"].get("Timeout")
        seconds = own["Fn::If"][2] if own else suite["Globals"]["Function"]["Timeout"]["Fn::If"][2]
        assert f"/ 1000 / {seconds}" in json.dumps(resources["DurationAlarm"])
        limited = made(**{f"{function}LogGroup": group, "Timeout": "77"})["DurationAlarm"]
        assert "/ 1000 / 77" in json.dumps(limited)
    without = Stack({"Watch": "all", "DeployAurora": "false"}, suite).resources["WatchStack"]["Properties"]
    assert (without["Parameters"]["AuroraLogGroup"], without["Parameters"]["ParameterStoreLogGroup"]) == ("", "")


def test_an_alarm_has_no_more_metrics_than_cloudwatch_takes() -> None:
    """At most ten for one expression (CloudWatch user guide, "Alarms on math expressions")."""
    everything = {f"{function}LogGroup": f"/aws/lambda/{function}" for function in FUNCTIONS}
    for one in alarms(made(**everything)).values():
        assert sum("MetricStat" in it for it in one.get("Metrics", [])) <= 10
        assert one["TreatMissingData"] == "notBreaching"
