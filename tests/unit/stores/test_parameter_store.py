"""What the store does with a parameter where it differs from a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import InvalidSecret, StoreDenied, StoreError, StoreUnavailable, VersionNotFound
from rotation.model import LATE_CUTOVER, Replica, Stage, StoredVersion, VersionState
from rotation.stores.parameter_store import Clients, ParameterStore
from tests.support.emulators.ssm.model import arn_of
from tests.support.emulators.ssm.worlds import World
from tests.unit.stores.conftest import PARAMETER, looking

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.emulators.ssm.server import EmulatedParameterStore
    from tests.support.memory.observer import Warnings


def staged(store: ParameterStore, value: str = "canary-2") -> str:
    """Begin a rotation, and store its value."""
    token = store.open_rotation()
    assert store.stage_pending(token, value)
    return token


def rotated(store: ParameterStore, value: str) -> str:
    """Rotate once."""
    token, current = staged(store, value), store.read(Stage.CURRENT).id
    store.promote(token, current)
    return token


def before_put(parameters: EmulatedParameterStore, action: Callable[[], object], times: int = 1) -> None:
    """Act in the instant before a put of a client's."""
    left = [times]

    def hook(_number: int, operation: str, phase: str) -> None:
        if (operation, phase) == ("PutParameter", "before") and left[0]:
            left[0] -= 1
            action()

    parameters.faults.watch(hook)


def entries(parameters: EmulatedParameterStore) -> list[str]:
    """Return what stands in the journal."""
    return sorted(name for name in parameters.state.parameters if name != PARAMETER)


def test_nobody_reads_a_value_before_it_is_live(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """The parameter is written once a rotation; the pending value stands under another root."""
    token = staged(kept)
    assert parameters.value(PARAMETER) == "canary-1"
    (entry,) = entries(parameters)
    assert entry == f"/rotation/{token[:20]}/{token[21:]}"
    assert "app" not in entry
    kept.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-2"
    assert [it.version for it in parameters.journal.writes if it.name == PARAMETER] == [1, 2]


def test_what_the_parameter_has_is_sent_again(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """Key, tier, pattern and description survive, though the service keeps none of them by itself."""
    rotated(kept, "canary-2")
    made = parameters.state.own(PARAMETER).newest
    assert (made.key, made.tier, made.pattern) == ("alias/own", "Standard", "canary-.*")
    assert made.description == "the database's"
    (entry,) = entries(parameters)
    copied = parameters.state.own(entry).newest
    assert (copied.key, copied.pattern, copied.type) == ("alias/own", "canary-.*", "SecureString")


def test_the_service_judges_the_value_first(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """A value that the parameter would refuse is refused before a database is touched."""
    with pytest.raises(StoreError, match="AllowedPattern") as error:
        kept.stage_pending(kept.open_rotation(), "no such thing")
    assert "no such thing" not in str(error.value)
    assert "password's length" in error.value.remedy
    assert entries(parameters) == []


def test_braces_that_the_service_takes_for_a_reference(kept: ParameterStore) -> None:
    """A password may hold them by chance: the retry makes another one."""
    with pytest.raises(StoreError, match="two opening braces") as error:
        kept.stage_pending(kept.open_rotation(), "canary-{{")
    assert error.value.retryable


def test_two_runs_are_twins(parameters: EmulatedParameterStore, new_store: Callable[[], ParameterStore]) -> None:
    """Both derive the same token; the first value counts for both."""
    one, other = new_store(), new_store()
    token = one.open_rotation()
    assert other.open_rotation() == token
    entry = f"/rotation/{token[:20]}/{token[21:]}"
    before_put(parameters, lambda: parameters.put(entry, "canary-theirs"))
    assert not one.stage_pending(token, "canary-ours")
    assert one.read(Stage.PENDING, token).value == "canary-theirs"
    assert new_store().open_rotation() == token


def test_a_twins_value_that_is_not_shown_yet(
    parameters: EmulatedParameterStore, new_store: Callable[[], ParameterStore]
) -> None:
    """It is read again; where it does not come, nobody guesses."""
    one, other = new_store(), new_store()
    token = one.open_rotation()
    other.stage_pending(token, "canary-theirs")
    parameters.state.stale = 4  # the look's parameter and journal do not show it either
    assert not one.stage_pending(token, "canary-ours")
    late = new_store()
    parameters.state.stale = 100
    with pytest.raises(StoreUnavailable, match="not shown yet"):
        late.stage_pending(token, "canary-third")


def test_a_token_of_another_version(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """A value made from what is not live any more is not staged."""
    token = kept.open_rotation()
    parameters.put(PARAMETER, "canary-person")
    with pytest.raises(StoreError, match="made from version 1, and the parameter has version 2"):
        kept.stage_pending(token, "canary-2")
    with pytest.raises(VersionNotFound, match="none of this parameter's"):
        kept.stage_pending("1" * 32, "canary-2")
    assert entries(parameters) == []


def test_made_anew(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """A parameter that was deleted counts from one again; what was pending for the old one is not for it."""
    token = staged(kept)
    parameters.execute("DeleteParameter", {"Name": PARAMETER})
    parameters.put(PARAMETER, "canary-anew")
    assert kept.open_rotation() != token
    assert kept.describe().state_of(token) is VersionState.UNKNOWN


def test_given_up_and_begun_again(kept: ParameterStore, new_store: Callable[[], ParameterStore]) -> None:
    """The next attempt has another token, in every process."""
    first = staged(kept)
    kept.unstage(first)
    second = kept.open_rotation()
    assert (first[-2:], second[-2:]) == ("-1", "-2")
    assert new_store().open_rotation() == second


def test_the_shape_of_a_token(kept: ParameterStore) -> None:
    """The core takes 32 to 64 letters, digits and hyphens."""
    token = kept.open_rotation()
    assert 32 <= len(token) <= 64
    assert token.replace("-", "").isalnum()


def test_somebody_came_in_between(parameters: EmulatedParameterStore, kept: ParameterStore, observer: Warnings) -> None:
    """The answered number tells; the warning names version and person, and no value."""
    token = staged(kept)
    before_put(parameters, lambda: parameters.put(PARAMETER, "canary-theirs", caller="ann"))
    kept.promote(token, "v1")
    ((message, fields),) = observer.warned
    assert "put it again" in message
    assert fields["versions"] == "2"
    assert str(fields["by"]).endswith("user/ann")
    assert "canary" not in f"{message}{fields}"
    assert kept.read(version="v2").value == "canary-theirs"


def test_the_warning_needs_no_further_right(
    parameters: EmulatedParameterStore, kept: ParameterStore, observer: Warnings
) -> None:
    """Where the person's version cannot be read, nor who it was, it is told all the same."""
    token = staged(kept)
    kept.rehearse("v1", "canary-new")  # the history is known from here
    parameters.faults.deny("GetParameterHistory")

    def interject() -> None:
        parameters.put(PARAMETER, "canary-theirs")
        parameters.faults.fail("GetParameter", error="ParameterVersionNotFound", times=5)

    before_put(parameters, interject)
    kept.promote(token, "v1")
    assert observer.warned[0][1] == {"parameter": PARAMETER, "versions": "2", "by": ""}


def test_a_twin_came_in_between(
    parameters: EmulatedParameterStore, new_store: Callable[[], ParameterStore], observer: Warnings
) -> None:
    """It wrote the same value: nobody is warned, and the token is current."""
    one, other = new_store(), new_store()
    token = staged(one)
    before_put(parameters, lambda: parameters.put(PARAMETER, "canary-2"))
    one.promote(token, "v1")
    assert observer.warned == []
    assert other.describe().state_of(token) is VersionState.CURRENT
    assert other.read(Stage.CURRENT).id == token


@pytest.mark.parametrize("rests", [False, True])
def test_deleted_in_between(
    parameters: EmulatedParameterStore, kept: ParameterStore, observer: Warnings, *, rests: bool
) -> None:
    """The put makes it again, and somebody is told; or a name that was just deleted is refused, and it stays so."""
    parameters.state.world = World(names_rest=rests)
    token = staged(kept)
    before_put(parameters, lambda: parameters.execute("DeleteParameter", {"Name": PARAMETER}))
    if rests:
        with pytest.raises(VersionNotFound, match="no such parameter"):
            kept.promote(token, "v1")
        return
    kept.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-2"
    assert "deleted it" in observer.warned[0][0]


@pytest.mark.parametrize("how", ["cut", "InternalServerError"])
def test_no_answer_and_done(parameters: EmulatedParameterStore, kept: ParameterStore, how: str) -> None:
    """The value shows that the put took effect, at once or after a while."""
    token = staged(kept)
    parameters.state.stale_after = 2
    if how == "cut":
        parameters.faults.cut("PutParameter", after_effect=True)
    else:
        parameters.faults.fail("PutParameter", error=how, after_effect=True)
    kept.promote(token, "v1")
    assert kept.describe().state_of(token) is VersionState.CURRENT
    assert len([it for it in parameters.journal.writes if it.name == PARAMETER]) == 2


def test_no_answer_and_not_done(
    parameters: EmulatedParameterStore, kept: ParameterStore, new_store: Callable[[], ParameterStore]
) -> None:
    """It may still come: this process does not take the old value for the last word any more, the next one goes on."""
    token = staged(kept)
    parameters.faults.cut("PutParameter")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="may have been"):
            kept.promote(token, "v1")
    with pytest.raises(StoreUnavailable):
        kept.describe()
    following = new_store()
    assert following.describe().state_of(token) is VersionState.PENDING
    following.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-2"


def test_no_answer_and_somebody_elses_value(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """Ours may still come, so that this is no refusal."""
    token = staged(kept)
    parameters.faults.cut("PutParameter")
    before_put(parameters, lambda: parameters.put(PARAMETER, "canary-theirs"))
    with pytest.raises(StoreUnavailable, match="somebody else's"):
        kept.promote(token, "v1")


def busy(times: int) -> dict[str, Any]:
    """Refuse puts because others are under way."""
    return {"error": "TooManyUpdates", "times": times}


def test_others_write_it(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """After a pause it is looked at again, and written."""
    token = staged(kept)
    parameters.faults.fail("PutParameter", **busy(2))
    kept.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-2"


def test_others_write_it_all_the_time(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """Nobody waits for ever; whether a twin does it is not known."""
    token = staged(kept)
    parameters.faults.fail("PutParameter", **busy(9))
    with pytest.raises(StoreUnavailable, match="TooManyUpdates"):
        kept.promote(token, "v1")


@pytest.mark.parametrize(("theirs", "done"), [("canary-2", True), ("canary-person", False)])
def test_what_others_wrote(
    parameters: EmulatedParameterStore, kept: ParameterStore, theirs: str, *, done: bool
) -> None:
    """A twin's put is the promotion; a person's value is not overwritten."""
    token = staged(kept)
    parameters.faults.fail("PutParameter", **busy(1))
    before_put(parameters, lambda: parameters.put(PARAMETER, theirs))
    if done:
        kept.promote(token, "v1")
    else:
        with pytest.raises(StoreError, match="another version"):
            kept.promote(token, "v1")
    assert parameters.value(PARAMETER) == theirs
    assert len(parameters.state.own(PARAMETER).versions) == 2


def test_the_writer_never_repeats_a_put(parameters: EmulatedParameterStore, observer: Warnings) -> None:
    """A client with the SDK's retries is not taken for it."""
    clients = Clients(parameters.client(), parameters.client(attempts=3))
    with pytest.raises(ValueError, match="must not repeat"):
        ParameterStore(clients, PARAMETER, observer, looking())


def test_readers_by_label_are_told_of(
    parameters: EmulatedParameterStore, kept: ParameterStore, observer: Warnings
) -> None:
    """The store puts no label on the parameter, moves none, and warns."""
    parameters.execute("LabelParameterVersion", {"Name": PARAMETER, "Labels": ["live"]})
    rotated(kept, "canary-2")
    assert parameters.state.own(PARAMETER).labels == {"live": 1}
    assert observer.warned[0][1] == {"parameter": PARAMETER, "labels": "live"}


def test_a_hundred_versions(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """A labelled oldest one is seen before a database is touched; without the label the rotation goes on."""
    for number in range(99):
        parameters.put(PARAMETER, f"canary-{number}")
    parameters.execute("LabelParameterVersion", {"Name": PARAMETER, "ParameterVersion": 1, "Labels": ["kept"]})
    with pytest.raises(StoreError, match="the oldest, 1, bears a label"):
        kept.stage_pending(kept.open_rotation(), "canary-new")
    parameters.execute("LabelParameterVersion", {"Name": PARAMETER, "ParameterVersion": 9, "Labels": ["kept"]})


def test_a_hundred_versions_without_labels(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """The oldest goes."""
    for number in range(99):
        parameters.put(PARAMETER, f"canary-{number}")
    token = rotated(kept, "canary-new")
    assert kept.describe().holding(Stage.CURRENT) == token
    assert kept.describe().holding(Stage.PREVIOUS) == "v100"


def test_a_history_that_lags(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """What the next put must send again is not guessed."""
    parameters.put(PARAMETER, "canary-2")
    token = kept.open_rotation()

    def hook(_number: int, operation: str, phase: str) -> None:
        if (operation, phase) == ("GetParameterHistory", "before"):
            parameters.state.stale = 1

    parameters.faults.watch(hook)
    with pytest.raises(StoreUnavailable, match="does not show version 2"):
        kept.stage_pending(token, "canary-3")


def test_the_journal_is_kept_tidy(parameters: EmulatedParameterStore, new_store: Callable[[], ParameterStore]) -> None:
    """Two rotations back are kept, older ones go; what others put there stays."""
    stranger = "/rotation/notes"
    parameters.put(stranger, "x")
    first = new_store()
    abandoned = staged(first, "canary-abandoned")
    first.label(abandoned, LATE_CUTOVER, None)
    first.label("v1", LATE_CUTOVER, abandoned)
    parameters.put(f"/rotation/{abandoned[:20]}/somebody", "else")
    first.unstage(abandoned)
    for number in range(2, 6):
        rotated(new_store(), f"canary-{number}")
    left = [name.rpartition("/")[2] for name in entries(parameters)]
    assert not any(abandoned[21:] in name for name in left)
    assert len([name for name in left if name.endswith("-1")]) == 3
    assert "rotation-late-cutover.2" in left
    assert "rotation-late-cutover.1" not in left
    assert {"notes", "somebody"} <= set(left)


def test_what_is_left_over(parameters: EmulatedParameterStore, new_store: Callable[[], ParameterStore]) -> None:
    """Entries without a label, then older versions, each once and newest first; all can be read."""
    store = new_store()
    tokens = [rotated(new_store(), f"canary-{number}") for number in (2, 3)]
    parameters.put(PARAMETER, "canary-person")
    parameters.put(PARAMETER, "canary-person-2")
    assert store.describe().holding(Stage.CURRENT) == "v5"
    assert list(store.unlabelled()) == [tokens[1], tokens[0], "v1"]
    assert [store.read(version=it).value for it in store.unlabelled()] == ["canary-3", "canary-2", "canary-1"]


def test_a_pending_value_that_was_put_by_hand(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """A person who puts the pending value on the parameter has promoted the token."""
    token = staged(kept)
    parameters.put(PARAMETER, "canary-2")
    assert kept.describe().state_of(token) is VersionState.CURRENT


def test_a_label_that_others_note_as_well(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """The next free number is taken; not for ever."""
    home = kept.open_rotation()[:20]
    taken = [1]

    def take() -> None:
        flag = f"/rotation/{home}/rotation-late-cutover.{taken[0]}"
        parameters.execute("PutParameter", {"Name": flag, "Value": "v9", "Type": "String"})
        taken[0] += 1

    before_put(parameters, take)
    kept.label("v1", LATE_CUTOVER, None)
    assert LATE_CUTOVER in kept.describe().stages["v1"]
    taken[0] = 3
    before_put(parameters, take, times=9)
    with pytest.raises(StoreUnavailable, match="noting the same"):
        kept.label("v1", LATE_CUTOVER, None)


def test_another_parameters_token_is_left_alone(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """Nothing is noted of it here."""
    kept.unstage(f"{'0' * 20}-1-1-1")
    assert entries(parameters) == []


def test_the_probe_of_a_parameter_that_is_deleted(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """The put that must be refused was not: it is told."""
    parameters.state.world = World(names_rest=False)
    before_put(parameters, lambda: parameters.execute("DeleteParameter", {"Name": PARAMETER}))
    with pytest.raises(StoreError, match="deleted the parameter just now"):
        kept.rehearse("v1", "canary-new")


def test_the_probe_of_a_right_that_is_missing(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """It is denied before a database is touched."""
    parameters.faults.deny("PutParameter", PARAMETER)
    with pytest.raises(StoreDenied, match="PutParameter was denied") as error:
        kept.rehearse("v1", "canary-new")
    assert "ssm:PutParameter" in error.value.remedy


def test_what_is_no_secure_string(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """A password in the clear is no place to rotate."""
    parameters.execute("DeleteParameter", {"Name": PARAMETER})
    parameters.execute("PutParameter", {"Name": PARAMETER, "Value": "canary-1", "Type": "String"})
    with pytest.raises(InvalidSecret, match="no SecureString"):
        kept.describe()


def test_create_only_on_the_journal(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """A role that may not overwrite there rotates all the same."""
    parameters.faults.deny("PutParameter", "/rotation", overwrite=True)
    token = staged(kept)
    kept.label(token, LATE_CUTOVER, None)
    kept.promote(token, "v1")
    assert parameters.value(PARAMETER) == "canary-2"


def test_a_parameter_has_no_replicas(kept: ParameterStore) -> None:
    """Whoever asks for one is told so, and what to do instead."""
    with pytest.raises(StoreError, match="A parameter has no replicas"):
        kept.describe_replica("eu-central-1")
    with pytest.raises(StoreError, match="/app/db in eu-central-1"):
        kept.replicate(Replica("eu-central-1", "Failed"))


def test_every_bearer_of_a_label_is_told(kept: ParameterStore) -> None:
    """Those of the three stages, and of labels of our own."""
    token = staged(kept)
    kept.label(token, LATE_CUTOVER, None)
    assert dict(kept.describe().stages) == {"v1": {Stage.CURRENT}, token: {Stage.PENDING, LATE_CUTOVER}}


def test_an_id_that_is_none(kept: ParameterStore) -> None:
    """Neither a token nor a version's number leads to no version."""
    with pytest.raises(VersionNotFound, match="no such version"):
        kept.read(version="nobody")


def test_an_admins_parameter(parameters: EmulatedParameterStore, kept: ParameterStore) -> None:
    """It is read by its ARN, and so are its tags."""
    arn = arn_of(PARAMETER)
    parameters.state.own(PARAMETER).tags["team"] = "orders"
    assert kept.read_admin(arn) == StoredVersion(arn, "v1", frozenset({Stage.CURRENT}), "canary-1")
    assert kept.tags_of(arn) == {"team": "orders"}
