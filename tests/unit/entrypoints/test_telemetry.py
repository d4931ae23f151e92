"""What the function says of itself."""

from __future__ import annotations

import io
import json
import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from rotation import VERSION
from rotation.entrypoints.telemetry import HIDDEN, Telemetry, scrub
from rotation.errors import InvalidSettings, RotationError, StoreUnavailable
from rotation.model import Password
from rotation.strategies.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "canary-7f3a"
SECRET, TOKEN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf", "1" * 32

Told = list[dict[str, Any]]


def make(**environment: str) -> Telemetry:
    """Make one with a logger of its own: Powertools keeps loggers by the service's name."""
    return Telemetry("memory", {"POWERTOOLS_SERVICE_NAME": str(uuid.uuid4()), **environment})


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], Told]:
    """Return what was said since the last time: one JSON object a line, and no other text."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]]


def logs(lines: Told) -> Told:
    """Leave the metrics out."""
    return [line for line in lines if "_aws" not in line]


def metrics(lines: Told) -> Told:
    """Return the metrics alone."""
    return [line for line in lines if "_aws" in line]


def step(telemetry: Telemetry, error: Exception | None = None, *, closing: bool = False) -> None:
    """Take a step that ends so."""

    def work() -> None:
        telemetry.note("Something was done", username="app")
        if error is not None:
            raise error

    telemetry.tell_of("setSecret", SECRET, TOKEN, work, closing=closing)


def test_every_line_says_where_it_belongs(told: Callable[[], Told]) -> None:
    """Each line within a step names engine, step, secret and token, and no line after it does."""
    telemetry = make()
    step(telemetry)
    telemetry.warn("Afterwards")
    inside, after = logs(told())
    assert inside["message"] == "Something was done"
    assert inside["level"] == "INFO"
    assert inside["username"] == "app"
    keys = {"engine": "memory", "step": "setSecret", "secret": SECRET, "token": TOKEN}
    assert {key: inside[key] for key in keys} == keys
    assert after["level"] == "WARNING"
    assert not keys.keys() & after.keys()


def test_a_recovery_is_logged_and_counted_by_its_reason(told: Callable[[], Told]) -> None:
    """The metrics of the step can be asked for by what put things right."""
    telemetry = make()
    work = partial(telemetry.recovered, Recovery.UNLABELLED, version=TOKEN)
    telemetry.tell_of("testSecret", SECRET, TOKEN, work, closing=False)
    lines = told()
    said = logs(lines)[0]
    assert (said["level"], said["recovery"], said["version"]) == ("WARNING", "unlabelled", TOKEN)
    assert metrics(lines)[0]["RecoveryUsed"] == [1.0]
    assert metrics(lines)[0]["recovery"] == "unlabelled"
    dimensions = metrics(lines)[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert {"service", "engine", "recovery"} in map(set, dimensions)
    step(telemetry)
    assert "recovery" not in metrics(told())[0]


def test_what_is_measured_of_a_region_is_asked_for_by_it(told: Callable[[], Told]) -> None:
    """Several Regions in a step have a line each, with the Region beside service and engine, and never the secret."""
    telemetry = make(POWERTOOLS_METRICS_NAMESPACE="Ours")

    def work() -> None:
        for lag, region in ((1, "eu-central-1"), (2, "us-east-1")):
            telemetry.measure("ReplicaLag", lag, "Milliseconds", region=region)

    telemetry.tell_of("finishSecret", SECRET, TOKEN, work, closing=True)
    first, second, whole = metrics(told())
    assert [(it["region"], it["ReplicaLag"], it["engine"]) for it in (first, second)] == [
        ("eu-central-1", [1.0], "memory"),
        ("us-east-1", [2.0], "memory"),
    ]
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Ours"
    assert {frozenset(it) for it in directive["Dimensions"]} == {
        frozenset({"service", "engine"}),
        frozenset({"service", "engine", "region"}),
    }
    assert SECRET not in json.dumps(first)
    assert "region" not in whole


def test_a_line_names_the_place_that_spoke(told: Callable[[], Told]) -> None:
    """The location is the caller's, not the telemetry's own."""
    step(make())
    assert logs(told())[0]["location"].startswith("work:")


@pytest.mark.parametrize(
    "password", [CANARY, 'quo"te\\back', "tab\there", "ümläut-日本", "per%cent{}", "<&>'`", "half\ud800"]
)
def test_a_password_is_scrubbed(told: Callable[[], Told], password: str) -> None:
    """A password that is alive never reaches the log, as it is, nested, or as JSON or a connection string writes it."""
    kept = Password(password)
    telemetry = make()
    telemetry.note(f"before {password} after", field=password, nested={"list": [password]})
    telemetry.note(json.dumps({"password": password}))
    telemetry.note(f"mysql://shop:{quote(password, safe='', errors='surrogatepass')}@db/shop")
    text = json.dumps(told())
    assert HIDDEN in text
    written = json.dumps(password)[1:-1]
    for form in (password, quote(password, safe="", errors="surrogatepass"), written, json.dumps(written)[1:-1]):
        assert form not in text
    assert kept.reveal() == password


@pytest.mark.unsearched
def test_a_password_that_is_part_of_another(told: Callable[[], Told]) -> None:
    """The longer one is scrubbed whole, whichever was made first."""
    kept = [Password("start"), Password("start-and-the-rest"), Password("rest")]
    make().note("start-and-the-rest")
    assert told()[0]["message"] == HIDDEN
    assert len(kept) == 3


@pytest.fixture
def platform() -> Iterator[io.StringIO]:
    """Set the root logger up as Lambda does at the level DEBUG, and give its stream."""
    root, stream = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    "name", ["botocore.endpoint", "urllib3.connectionpool", "pymongo.command", "somebodys.library"]
)
def test_no_level_of_the_platform_shows_what_a_library_says(platform: io.StringIO, name: str) -> None:
    """Below WARNING nothing is written, since it may hold a password that nobody has read yet."""
    make()
    logging.getLogger(name).debug("body: %s", {"SecretString": "a-password-of-anybody"})
    logging.getLogger(name).info("body: %s", "a-password-of-anybody")
    assert platform.getvalue() == ""


@pytest.mark.unsearched
@pytest.mark.parametrize("password", [CANARY, 'quo"te\\back', "ümläut-日本"])
def test_what_is_serious_gets_the_same_last_look(platform: io.StringIO, password: str) -> None:
    """As it is, as JSON, and in a value within JSON; in arguments and in errors; made once, however many there are."""
    kept = Password(password)
    make()
    make()
    value = json.dumps({"password": password})
    error = ValueError(password)
    logging.getLogger("botocore").warning("%s %s", password, json.dumps({"SecretString": value}), exc_info=error)
    said = platform.getvalue()
    assert said.startswith(f"botocore WARNING {HIDDEN}")
    assert said.count(HIDDEN) == 3
    for form in (password, json.dumps(password)[1:-1], json.dumps(json.dumps(password)[1:-1])[1:-1]):
        assert form not in said
    assert kept.reveal() == password


def test_a_process_without_handlers_is_guarded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python then has one of last resort; where that is off, there is nothing to guard."""
    monkeypatch.setattr(logging, "lastResort", None)
    make()


def test_a_dead_password_is_forgotten() -> None:
    """The scrubber keeps no password alive."""
    text = str(uuid.uuid4())
    password = Password(text)
    assert scrub(text) == HIDDEN
    del password
    assert scrub(text) == text


@pytest.mark.parametrize(("text", "scrubbed"), [("abc", "an abc line"), ("abcd", f"an {HIDDEN} line")])
def test_a_very_short_password_is_not_scrubbed(text: str, scrubbed: str) -> None:
    """A password of three characters would black out half of the log."""
    password = Password(text)
    assert scrub(f"an {text} line") == scrubbed
    assert password.reveal() == text


def test_a_line_break_makes_no_second_record(told: Callable[[], Told]) -> None:
    """Whatever a message holds, it stays one line of JSON."""
    injected = 'x"}\n{"level": "INFO", "message": "forged"}\r\n\u2028'
    make().note(injected, field=injected)
    (line,) = told()
    assert line["message"] == injected
    assert line["field"] == injected


@pytest.mark.parametrize(
    ("environment", "levels"),
    [
        ({}, ["INFO", "WARNING"]),
        ({"LOG_LEVEL": ""}, ["INFO", "WARNING"]),
        ({"LOG_LEVEL": "warning"}, ["WARNING"]),
        ({"LOG_LEVEL": "DEBUG", "POWERTOOLS_LOG_LEVEL": "ERROR"}, []),
    ],
)
def test_the_level(told: Callable[[], Told], environment: dict[str, str], levels: list[str]) -> None:
    """LOG_LEVEL sets how much is said, Powertools' own variable before it."""
    telemetry = make(**environment)
    telemetry.note("a")
    telemetry.warn("b")
    assert [line["level"] for line in told()] == levels


def test_a_level_that_is_none() -> None:
    """An unknown level is a wrong setting, at start."""
    with pytest.raises(InvalidSettings, match="LOG_LEVEL"):
        make(LOG_LEVEL="LOUD")


@pytest.mark.parametrize(("closing", "counted"), [(False, set()), (True, {"RotationSucceeded"})])
def test_the_metrics_of_a_step(told: Callable[[], Told], counted: set[str], *, closing: bool) -> None:
    """Each step's time is measured, and the last one's success is the rotation's; CloudWatch can parse it."""
    telemetry = make(POWERTOOLS_METRICS_NAMESPACE="Own")
    measured = partial(telemetry.measure, "CutoverWindow", 12.5, "Milliseconds")
    telemetry.tell_of("finishSecret", SECRET, TOKEN, measured, closing=closing)
    (emf,) = metrics(told())
    (directive,) = emf["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Own"
    assert {it["Name"] for it in directive["Metrics"]} == {"StepDuration", "CutoverWindow"} | counted
    assert {"Name": "CutoverWindow", "Unit": "Milliseconds"} in directive["Metrics"]
    assert [set(names) for names in directive["Dimensions"]] == [{"service", "engine"}, {"service", "engine", "step"}]
    assert (emf["engine"], emf["step"], emf["suite_version"]) == ("memory", "finishSecret", VERSION)
    assert emf["CutoverWindow"] == [12.5]
    assert emf["StepDuration"][0] >= 0


def test_a_failure_is_logged_and_counted_by_its_class(told: Callable[[], Told]) -> None:
    """An error leaves as it is, after one line and one count; the next step is not tainted by it."""
    telemetry = make()
    error = StoreUnavailable("No answer", where="there", remedy="Wait.")
    with pytest.raises(StoreUnavailable) as raised:
        step(telemetry, error, closing=True)
    assert raised.value is error
    lines = told()
    failure = logs(lines)[-1]
    assert (failure["level"], failure["message"]) == ("ERROR", "No answer (at there). Wait.")
    assert (failure["error"], failure["retryable"], failure["token"]) == ("StoreUnavailable", True, TOKEN)
    (emf,) = metrics(lines)
    dimensions = [set(names) for names in emf["_aws"]["CloudWatchMetrics"][0]["Dimensions"]]
    assert dimensions == [{"service", "engine"}, {"service", "engine", "step"}, {"service", "engine", "error"}]
    assert emf["error"] == "StoreUnavailable"
    assert emf["RotationFailed"] == [1]
    assert "RotationSucceeded" not in emf
    step(telemetry)
    assert "error" not in metrics(told())[0]


def test_a_failure_outside_of_a_rotation_error_shows_nothing_of_itself(told: Callable[[], Told]) -> None:
    """What nobody foresaw is told by class and place, without its text, and with nothing behind it."""
    with pytest.raises(RotationError) as raised:
        step(make(), ValueError(f"could not do it with {CANARY}"))
    error = raised.value
    assert type(error) is RotationError
    assert "Unexpected ValueError" in str(error)
    assert "test_telemetry.py:" in error.where
    assert error.__cause__ is None
    assert error.__context__ is None
    assert CANARY not in f"{error!r} {json.dumps(told())}"


def test_what_stood_behind_a_rotation_error_does_not_leave() -> None:
    """The error behind a RotationError can be a driver's, and stays here."""

    def work() -> None:
        try:
            int(CANARY)
        except ValueError as error:
            raise RotationError("Foreseen") from error

    with pytest.raises(RotationError) as raised:
        make().tell_of("s", "a", None, work, closing=False)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_the_end_of_the_process_is_not_explained_away() -> None:
    """What is no Exception passes as it is."""

    def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make().tell_of("s", "a", None, work, closing=False)


def test_a_password_leaves_in_no_error(told: Callable[[], Told]) -> None:
    """A message that names something which is also a password leaves without it."""
    kept = Password("samepass")
    with pytest.raises(StoreUnavailable) as raised:
        step(make(), StoreUnavailable("No samepass", where="h:5432/samepass", remedy="Ask samepass."))
    assert kept.reveal() not in f"{raised.value!s} {raised.value!r} {json.dumps(told())}"
    assert HIDDEN in str(raised.value)
