"""The values: what they show, and what they compare."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from rotation import errors
from rotation.errors import AccountUnusable, EngineError, RotationError
from rotation.model import Address, Credential, Deadline, Pair, Password, Stage, StoredVersion, Versions, VersionState

CANARY = "canary-7f3a"


def test_a_password_shows_nothing() -> None:
    """No way to write a password, or what holds it, writes its text."""
    password = Password(CANARY)
    for shown in (
        str(password),
        repr(password),
        f"{password}",
        f"{password!r:>20}",
        "%s" % password,  # noqa: UP031 one of the ways
        repr([password]),
        repr(Credential("app", password)),
        repr(StoredVersion("arn", "v", frozenset(), CANARY)),
    ):
        assert CANARY not in shown


def test_a_password_is_not_pickled() -> None:
    """A password leaves the process on one way only."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="password"):
            pickle.dumps(Password(CANARY), protocol)
    with pytest.raises(TypeError):
        copy.copy(Password(CANARY))


def test_passwords_compare_by_text() -> None:
    """Two passwords are equal when their texts are."""
    assert Password("a") == Password("a")
    assert Password("a") != Password("b")
    assert Password("a") != "a"
    assert Credential("app", Password("a")) == Credential("app", Password("a"))


def test_every_live_password_is_known_to_the_scrubber() -> None:
    """Equal passwords are kept apart, so that the end of one does not hide the other."""
    first, second = Password(CANARY), Password(CANARY)
    assert sum(one == first for one in Password.live) >= 2
    del first
    assert second in Password.live


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        (None, VersionState.UNKNOWN),
        ({"AWSPREVIOUS"}, VersionState.STRAY),
        ({"own-label"}, VersionState.STRAY),
        ({"AWSPENDING"}, VersionState.PENDING),
        ({"AWSPENDING", "own-label"}, VersionState.PENDING),
        ({"AWSCURRENT"}, VersionState.CURRENT),
        ({"AWSCURRENT", "AWSPENDING"}, VersionState.CURRENT),
        ({"AWSPREVIOUS", "AWSPENDING"}, VersionState.ROLLED_BACK),
        ({"AWSPREVIOUS", "AWSPENDING", "AWSCURRENT"}, VersionState.CURRENT),
    ],
)
def test_the_state_of_a_version(labels: set[str] | None, state: VersionState) -> None:
    """The labels alone say in which state a version is; AWSCURRENT outweighs the others."""
    stages = {"other": frozenset({"AWSCURRENT"})} | ({"token": frozenset(labels)} if labels is not None else {})
    versions = Versions("arn", stages)
    assert versions.state_of("token") is state


def test_who_holds_a_label() -> None:
    """A label is on one version, or on none."""
    versions = Versions("arn", {"a": frozenset({Stage.CURRENT}), "b": frozenset()})
    assert versions.holding(Stage.CURRENT) == "a"
    assert versions.holding(Stage.PENDING) is None


@pytest.mark.parametrize(("idle", "active", "clones"), [("app_clone", "app", True), ("app", "app_clone", False)])
def test_whose_turn_it_is(idle: str, active: str, *, clones: bool) -> None:
    """The idle user is the one to be promoted."""
    pair = Pair("arn", "app", idle, "v")
    assert (pair.clone, pair.active, pair.promotes_clone) == ("app_clone", active, clones)


def test_a_deadline_counts_down_to_zero() -> None:
    """What is left is never negative, and a shorter deadline never ends later than its parent."""
    now = 100.0
    deadline = Deadline(10, lambda: now)
    assert deadline.remaining() == 10
    assert deadline.within(3).remaining() == 3
    assert deadline.within(30).remaining() == 10
    now = 108.0
    short = deadline.within(5)
    assert short.remaining() == 2
    now = 200.0
    assert deadline.remaining() == 0
    assert short.remaining() == 0


def test_an_address_reads_as_a_place() -> None:
    """Messages name host, port and database."""
    assert str(Address("db.example", 5432, "orders")) == "db.example:5432/orders"


# Errors

CLASSES = [it for it in vars(errors).values() if isinstance(it, type) and issubclass(it, RotationError)]


FIXED: dict[type[RotationError], dict[str, str]] = {
    errors.NotTheServer: {"where": "here"},
    errors.LockWithheld: {"where": "here", "holders": "somebody", "engine": "memory"},
}
"""Those that say the same each time, and what they are told."""
SPOKEN = [kind for kind in CLASSES if kind not in FIXED]


@pytest.mark.parametrize(("kind", "told"), FIXED.items(), ids=lambda it: it.__name__ if isinstance(it, type) else "")
def test_an_error_with_a_sentence_of_its_own(kind: type[RotationError], told: dict[str, Any]) -> None:
    """It has all three parts, too, and is nothing to repeat by itself."""
    error = kind(**told)
    assert error.what
    assert error.remedy.endswith(".")
    assert "(at here)" in str(error)
    assert not error.retryable


@pytest.mark.parametrize("kind", SPOKEN, ids=lambda kind: kind.__name__)
def test_every_error_says_what_where_and_what_to_do(kind: type[RotationError]) -> None:
    """A message has all three parts, and the engine with its code where there is one."""
    engine: Any = {"engine": "memory", "code": "42"} if issubclass(kind, EngineError) else {}
    error = kind("It failed", where="here", remedy="Mend it.", **engine)
    assert str(error) == f"It failed{' [memory 42]' if engine else ''} (at here). Mend it."
    assert str(kind("It failed", **{key: engine[key] for key in engine if key == "engine"})).startswith("It failed")
    assert kind.__doc__


@pytest.mark.parametrize("kind", SPOKEN, ids=lambda kind: kind.__name__)
def test_what_may_be_retried(kind: type[RotationError]) -> None:
    """Only where no answer came is another attempt worth while by itself; each error may say otherwise."""
    engine: Any = {"engine": "memory"} if issubclass(kind, EngineError) else {}
    assert kind("It failed", **engine).retryable is (kind.__name__ in {"Unreachable", "StoreUnavailable"})
    if kind is not AccountUnusable:
        assert kind("It failed", retryable=True, **engine).retryable


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """The picture at the head of the module names every error."""
    assert errors.__doc__
    assert {kind.__name__ for kind in CLASSES} == {
        word.strip("(,:") for word in errors.__doc__.split() if hasattr(errors, word.strip("(,:"))
    }
