"""Whatever comes in as event, secret or settings: a typed error that shows nothing of it, or sense."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotation.credentials import secret_format
from rotation.credentials.password_policy import policy_for
from rotation.entrypoints.secrets_manager import Event, Handler
from rotation.errors import InvalidEvent, InvalidSecret, InvalidSettings, RotationError
from rotation.model import Stage, Step, StoredVersion
from rotation.settings import Settings
from tests.lab.nightly import NIGHTLY
from tests.support.memory.engine import MemoryEngine, MemoryServer
from tests.support.memory.stage import ADMIN_ARN, MemoryStage

pytestmark = [
    pytest.mark.unsearched,  # passwords are any texts here
    pytest.mark.no_cover,  # the trace of coverage doubles its price, and others cover all that it runs
]

CANARY: Final = 'CANARY\r\n\x1b[31m{"level":"ERROR"}'
"""What nobody is to echo: it would break a line of a log, and be one."""

many = settings(
    max_examples=10_000 if NIGHTLY else 200, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

texts = st.one_of(st.just(CANARY), st.text(max_size=40), st.text(max_size=20).map(lambda text: CANARY + text))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))

KEYS: Final = (
    "engine",
    "host",
    "port",
    "username",
    "password",
    "dbname",
    "masterarn",
    "ssl",
    "rotation",
    "rotationRecord",
    "authSource",
)
GOOD: Final[dict[str, Any]] = {
    "engine": "memory",
    "host": "memory.example",
    "port": 5432,
    "username": "app",
    "password": "first-password",
}
PARTS: Final = ("strategy", "passwordLength", "excludeCharacters", "base", "host", "madeFrom", "madeFor")
overrides = st.dictionaries(st.sampled_from(PARTS) | texts, values, max_size=4)
secrets = st.one_of(
    texts,
    values.map(json.dumps),
    st.dictionaries(st.sampled_from(KEYS) | texts, values, max_size=6).map(lambda more: json.dumps({**GOOD, **more})),
    overrides.map(lambda rotation: json.dumps({**GOOD, "rotation": rotation})),
)
NAMES: Final = (
    "PASSWORD_LENGTH", "EXCLUDE_CHARACTERS", "EXCLUDE_NUMBERS", "EXCLUDE_PUNCTUATION", "REQUIRE_EACH_INCLUDED_TYPE",
    "ROTATION_STRATEGY", "ADMIN_SECRET_ARNS", "ADMIN_SECRET_TAG", "ALLOW_PRIVILEGED_TARGETS", "DATABASE_CA_BUNDLE",
    "SECRETS_MANAGER_ENDPOINT", "LOG_LEVEL",
)  # fmt: skip


class Context:
    """A minute of time."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def shown(error: RotationError) -> None:
    """See that an error is one line, and holds nothing of what came in."""
    text = f"{error} {error!r}"
    assert "CANARY" not in text
    assert not set(text) & {"\n", "\r", "\x1b"}
    assert not str(error).startswith("Unexpected ")


@many
@given(st.one_of(values, st.dictionaries(st.sampled_from(["Step", "SecretId", "ClientRequestToken", "RotationToken"]),
    st.sampled_from([*Step, "revokePrevious"]) | values)))  # fmt: skip
def test_an_event(event: object) -> None:
    """An event is understood, or InvalidEvent names the field."""
    try:
        parsed = Event.parse(event)
    except InvalidEvent as error:
        shown(error)
    else:
        assert "CANARY" not in repr(parsed)


def misunderstood(event: dict[str, str]) -> bool:
    """Return whether the event is none: a name of a step is among the texts that Hypothesis takes from the sources."""
    try:
        Event.parse(event)
    except InvalidEvent:
        return True
    return False


@many
@given(event=st.dictionaries(st.sampled_from(["Step", "SecretId", "ClientRequestToken"]), texts).filter(misunderstood))
def test_an_event_in_the_log(event: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The handler writes whole lines of JSON, and nothing that came in."""
    handler = Handler(lambda _: MemoryEngine(MemoryServer()), {})
    with pytest.raises(InvalidEvent):
        handler(event, Context())
    out = capsys.readouterr().out
    assert "CANARY" not in out
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())


@many
@given(secrets)
def test_a_secret(value: str) -> None:
    """A value is understood, or the error names the key and shows no value."""
    version = StoredVersion("arn", "version", frozenset({Stage.CURRENT}), value)
    try:
        secret = secret_format.parse(version, MemoryEngine(MemoryServer()).traits)
        policy_for(MemoryEngine(MemoryServer()).traits.limits, secret.overrides.password)
    except (InvalidSecret, InvalidSettings) as error:
        shown(error)


@many
@given(value=secrets, step=st.sampled_from(list(Step)))
def test_a_secret_that_is_rotated(value: str, step: Step) -> None:
    """Where a step fails for its secret, neither the server nor AWSCURRENT was changed."""
    stage = MemoryStage()
    stage.store.values[stage.store.holder(Stage.CURRENT) or ""] = value
    before = {name: (account.password, account.second) for name, account in stage.server.accounts.items()}
    token = stage.store.rotate()
    error = stage.play(token, tuple(Step)[: tuple(Step).index(step) + 1])
    if error is not None:
        shown(error)
        assert stage.store.value_at(Stage.CURRENT) == value
        after = {name: (account.password, account.second) for name, account in stage.server.accounts.items()}
        assert {name: after[name] for name in before} == before


@many
@given(st.dictionaries(st.sampled_from(NAMES), texts.filter(lambda text: "\0" not in text)))
def test_settings(environment: dict[str, str]) -> None:
    """The function starts, or InvalidSettings names the variable."""
    with suppress(InvalidSettings):
        try:
            Handler(lambda _: MemoryEngine(MemoryServer()), environment)
            Settings.from_environment(environment).admits_admin(ADMIN_ARN)
        except InvalidSettings as error:
            shown(error)
            raise
