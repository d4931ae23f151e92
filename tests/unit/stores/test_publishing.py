"""What is done besides when a new value is published: labels that follow, a foreign value that is put back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from rotation.errors import StoreError, StoreUnavailable
from rotation.model import Stage, VersionState
from rotation.stores.parameter_store import Clients, ParameterStore, Publishing
from tests.unit.stores.conftest import PARAMETER, looking
from tests.unit.stores.test_parameter_store import before_put, rotated, staged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.emulators.ssm.server import EmulatedParameterStore
    from tests.support.memory.observer import Warnings


@pytest.fixture
def make(parameters: EmulatedParameterStore, observer: Warnings) -> Callable[[Publishing], ParameterStore]:
    """Make stores that do something besides."""

    def made(publishing: Publishing) -> ParameterStore:
        clients = Clients(parameters.client(), parameters.client())
        return ParameterStore(
            clients, PARAMETER, observer, looking(), publishing=publishing, sleep=lambda _seconds: None
        )

    return made


FOLLOWING = Publishing(follow_labels=frozenset({"live", "blue"}))
RESTORING = Publishing(restore_foreign=True)


def labelled(parameters: EmulatedParameterStore, *labels: str, version: int = 1) -> None:
    """Label a version, as a person does."""
    request = {"Name": PARAMETER, "ParameterVersion": version, "Labels": list(labels)}
    parameters.execute("LabelParameterVersion", request)


def test_labels_follow(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore], observer: Warnings
) -> None:
    """In one call, once the value is the newest; what is not to follow is told of."""
    labelled(parameters, "live", "blue", "other")
    rotated(make(FOLLOWING), "canary-2")
    assert parameters.state.own(PARAMETER).labels == {"live": 2, "blue": 2, "other": 1}
    assert parameters.journal.counted("test").count("LabelParameterVersion") == 1
    assert [fields["labels"] for _, fields in observer.warned] == ["other"]


def test_labels_that_stayed_behind_move_first(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore], observer: Warnings
) -> None:
    """A move that failed is told of; the next rotation makes it good before it touches a database."""
    labelled(parameters, "live")
    parameters.faults.fail("LabelParameterVersion")
    rotated(make(FOLLOWING), "canary-2")
    assert parameters.state.own(PARAMETER).labels == {"live": 1}
    assert [fields["labels"] for _, fields in observer.warned] == ["live"]
    staged(make(FOLLOWING), "canary-3")
    assert parameters.state.own(PARAMETER).labels == {"live": 2}


def test_labels_that_the_service_does_not_take(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore], observer: Warnings
) -> None:
    """They come back with success, and are told of."""
    labelled(parameters, "live")
    parameters.state.own(PARAMETER).labels["1st"] = 1
    rotated(make(Publishing(follow_labels=frozenset({"live", "1st"}))), "canary-2")
    assert [fields["labels"] for _, fields in observer.warned] == ["1st"]


def test_what_a_person_wrote_is_put_back(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore]
) -> None:
    """The rotation fails, and theirs is AWSCURRENT again, whatever a stale read shows."""
    store = make(RESTORING)
    token = staged(store)
    before_put(parameters, lambda: parameters.put(PARAMETER, "canary-theirs"))
    parameters.state.stale_after = 2
    with pytest.raises(StoreError, match="theirs was put back"):
        store.promote(token, "v1")
    written = [it.value for it in parameters.journal.writes if it.name == PARAMETER]
    assert written == ["canary-1", "canary-theirs", "canary-2", "canary-theirs"]
    assert store.describe().state_of(token) is not VersionState.CURRENT
    assert store.read(Stage.CURRENT).value == "canary-theirs"
    assert parameters.state.own(PARAMETER).newest.key == "alias/own"


@pytest.mark.parametrize("publishing", [Publishing(), RESTORING])
def test_a_run_that_wakes_up_after_the_next_rotation(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore], publishing: Publishing
) -> None:
    """Its value was newest once already, so what came after is newer: that is put back, whatever the setting."""
    store = make(publishing)
    token = staged(store)

    def others() -> None:
        parameters.put(PARAMETER, "canary-2")  # a twin published the token's value
        parameters.put(PARAMETER, "canary-3")  # and the next rotation its own

    before_put(parameters, others)
    with pytest.raises(StoreError, match="a newer one was there already"):
        store.promote(token, "v1")
    written = [it.value for it in parameters.journal.writes if it.name == PARAMETER]
    assert written == ["canary-1", "canary-2", "canary-3", "canary-2", "canary-3"]
    assert parameters.state.own(PARAMETER).newest.key == "alias/own"


def test_a_twin_after_a_person(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore], observer: Warnings
) -> None:
    """The twin's value is newer than the person's, and ours is the same: nothing is put back."""
    store = make(Publishing())
    token = staged(store)

    def others() -> None:
        parameters.put(PARAMETER, "canary-theirs")
        parameters.put(PARAMETER, "canary-2")

    before_put(parameters, others)
    store.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-2"
    assert [fields["versions"] for _, fields in observer.warned] == ["2"]


def test_a_person_who_writes_on(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore], observer: Warnings
) -> None:
    """What came after ours is left alone."""
    store = make(RESTORING)
    token = staged(store)
    left = ["canary-theirs", "canary-ours-over"]

    def hook(_number: int, operation: str, phase: str) -> None:
        if (operation, phase) in {("PutParameter", "before"), ("PutParameter", "after")} and left:
            parameters.put(PARAMETER, left.pop(0))

    parameters.faults.watch(hook)
    store.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-ours-over"
    assert len(observer.warned) == 1


def busy(parameters: EmulatedParameterStore) -> None:
    """Refuse the next put because another is under way."""
    parameters.faults.fail("PutParameter", error="TooManyUpdates")


def cut(parameters: EmulatedParameterStore, *, after_effect: bool) -> None:
    """Give the next put no answer."""
    parameters.faults.cut("PutParameter", after_effect=after_effect)


@pytest.mark.parametrize(
    ("fault", "error", "value"),
    [
        (busy, None, "canary-2"),
        (partial(cut, after_effect=True), StoreError, "canary-theirs"),
        (partial(cut, after_effect=False), StoreUnavailable, "canary-2"),
    ],
)
def test_a_put_back_that_fails(
    parameters: EmulatedParameterStore,
    make: Callable[[Publishing], ParameterStore],
    fault: Callable[[EmulatedParameterStore], None],
    error: type[Exception] | None,
    value: str,
) -> None:
    """Where somebody writes on it is not tried again; where no answer comes, it is not known."""
    store = make(RESTORING)
    token = staged(store)
    puts = [0]

    def hook(_number: int, operation: str, phase: str) -> None:
        if (operation, phase) == ("PutParameter", "before"):
            puts[0] += 1
            if puts[0] == 1:
                parameters.put(PARAMETER, "canary-theirs")
            else:
                parameters.faults.revive()
                fault(parameters)

    parameters.faults.watch(hook)
    if error is None:
        store.promote(token, "v1")
    else:
        with pytest.raises(error):
            store.promote(token, "v1")
    assert parameters.value(PARAMETER) == value


def test_a_foreign_value_that_cannot_be_read(
    parameters: EmulatedParameterStore, make: Callable[[Publishing], ParameterStore], observer: Warnings
) -> None:
    """What is not known is not put back, and is told of."""
    store = make(RESTORING)
    token = staged(store)
    store.rehearse("v1", "canary-new")

    def interject() -> None:
        parameters.put(PARAMETER, "canary-theirs")
        parameters.faults.fail("GetParameter", error="ParameterVersionNotFound", times=5)

    before_put(parameters, interject)
    store.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-2"
    assert len(observer.warned) == 1
