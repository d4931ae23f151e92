"""How the Secrets Manager store speaks of what the service refuses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError

from rotation.errors import InvalidSecret, StoreDenied, StoreError, StoreUnavailable, VersionNotFound
from rotation.model import Replica, Stage
from rotation.stores import secrets_manager
from rotation.stores.secrets_manager import PROBE_LABEL, SecretsManagerStore
from tests.support.emulators.secretsmanager.errors import ServiceError
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.replication import Reason
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import AbsentLabel, Checks, World
from tests.support.emulators.wire.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "canary-7f3a"
ONE, TWO = "1" * 32, "2" * 32
ROTATION_TOKEN = "rotation-token-" + "7" * 30


@pytest.fixture
def emulator() -> Iterator[EmulatedSecretsManager]:
    """Start the emulated service, with one secret."""
    with EmulatedSecretsManager() as running:
        running.execute("CreateSecret", {"Name": "app", "SecretString": CANARY, "ClientRequestToken": ONE})
        yield running


@pytest.fixture
def store(emulator: EmulatedSecretsManager) -> SecretsManagerStore:
    """Return the store of that secret."""
    return SecretsManagerStore(emulator.client(), "app", ROTATION_TOKEN)


CALLS: dict[str, Callable[[SecretsManagerStore], object]] = {
    "DescribeSecret": lambda store: store.describe(),
    "GetSecretValue": lambda store: store.read(Stage.CURRENT),
    "PutSecretValue": lambda store: store.stage_pending(TWO, CANARY),
    "UpdateSecretVersionStage": lambda store: store.promote(TWO, ONE),
    "ListSecretVersionIds": lambda store: store.unlabelled(),
}
OTHERS: dict[str, tuple[str, Callable[[SecretsManagerStore], object]]] = {
    "read_admin": ("GetSecretValue", lambda store: store.read_admin("app")),
    "tags_of": ("DescribeSecret", lambda store: store.tags_of("app")),
    "unstage": ("UpdateSecretVersionStage", lambda store: store.unstage(ONE)),
    "label": ("UpdateSecretVersionStage", lambda store: store.label(ONE, "own", None)),
    "replicate": ("ReplicateSecretToRegions", lambda store: store.replicate(Replica("eu-central-1", "Failed"))),
    "rehearse": ("UpdateSecretVersionStage", lambda store: store.rehearse(ONE, "new")),
}
EVERY = [*CALLS.items(), *OTHERS.values()]
CODES = {
    "AccessDeniedException": StoreDenied,
    "DecryptionFailure": StoreDenied,
    "EncryptionFailure": StoreDenied,
    "InternalServiceError": StoreUnavailable,
    "InternalServiceErrorException": StoreUnavailable,
    "InternalFailure": StoreUnavailable,
    "ServiceUnavailable": StoreUnavailable,
    "ThrottlingException": StoreUnavailable,
    "RequestLimitExceeded": StoreUnavailable,
    "TooManyRequestsException": StoreUnavailable,
    "ResourceNotFoundException": VersionNotFound,
    "LimitExceededException": StoreError,
    "MalformedPolicyDocumentException": StoreError,
    "ExpiredTokenException": StoreError,
}


def failure(act: Callable[[SecretsManagerStore], object], store: SecretsManagerStore) -> StoreError:
    """Expect an error that names the place and shows no text of the service's, nor the request's."""
    with pytest.raises(StoreError) as error:
        act(store)
    shown = f"{error.value} {error.value!r}"
    assert CANARY not in shown
    assert ROTATION_TOKEN not in shown
    assert "was asked for" not in shown
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    assert error.value.where
    assert error.value.remedy
    return error.value


@pytest.mark.parametrize(("operation", "act"), CALLS.items())
@pytest.mark.parametrize(("code", "kind"), CODES.items())
def test_every_code(
    emulator: EmulatedSecretsManager,
    store: SecretsManagerStore,
    operation: str,
    act: Callable[[SecretsManagerStore], object],
    code: str,
    kind: type[StoreError],
) -> None:
    """A refusal is told by operation and code; only what may pass by itself is retryable."""
    emulator.faults.fail(operation, error=code)
    error = failure(act, store)
    assert type(error) is kind
    assert operation in error.what
    assert code in error.what
    assert error.retryable is (kind is StoreUnavailable)


@pytest.mark.parametrize(("operation", "act"), EVERY)
def test_a_denial_names_the_permission(
    emulator: EmulatedSecretsManager,
    store: SecretsManagerStore,
    operation: str,
    act: Callable[[SecretsManagerStore], object],
) -> None:
    """What the role may not do is told with the action to allow."""
    emulator.faults.deny(operation)
    error = failure(act, store)
    assert isinstance(error, StoreDenied)
    assert f"secretsmanager:{operation}" in error.remedy


def test_a_key_that_may_not_be_used(emulator: EmulatedSecretsManager, store: SecretsManagerStore) -> None:
    """A denial by KMS points at the key."""
    emulator.faults.deny_kms()
    error = failure(CALLS["GetSecretValue"], store)
    assert isinstance(error, StoreDenied)
    assert "kms:Decrypt" in error.remedy


@pytest.mark.parametrize(("operation", "act"), EVERY)
@pytest.mark.parametrize("after_effect", [False, True])
def test_a_connection_that_is_cut(
    emulator: EmulatedSecretsManager,
    store: SecretsManagerStore,
    operation: str,
    act: Callable[[SecretsManagerStore], object],
    *,
    after_effect: bool,
) -> None:
    """No answer says nothing of the effect."""
    emulator.execute(
        "PutSecretValue",
        {"SecretId": "app", "SecretString": "x", "ClientRequestToken": "3" * 32, "VersionStages": ["AWSPENDING"]},
    )
    if operation == "PutSecretValue" or not after_effect:
        emulator.faults.cut(operation, after_effect=after_effect)
        assert failure(act, store).retryable
    else:
        emulator.faults.cut(operation, after_effect=False)
        assert isinstance(failure(act, store), StoreUnavailable)


def test_a_token_keeps_its_first_value(store: SecretsManagerStore) -> None:
    """What comes second is not stored, and that is no error."""
    assert store.stage_pending(TWO, CANARY)
    assert not store.stage_pending(TWO, "another")
    assert store.read(version=TWO).value == CANARY


def test_an_unknown_code_of_a_broken_service(emulator: EmulatedSecretsManager, store: SecretsManagerStore) -> None:
    """Whatever a server error is called, the service may recover from it."""
    emulator.faults.watch(broken)
    error = failure(CALLS["DescribeSecret"], store)
    assert isinstance(error, StoreUnavailable)
    assert "NeverHeardOf" in error.what


class Broken(ServiceError):
    """An answer with a status of its own."""

    status = 503


def broken(_index: int, _operation: str, _phase: str) -> None:
    """Answer with a code that no list has."""
    raise Broken("NeverHeardOf", "x")


READS: dict[str, Callable[[SecretsManagerStore], object]] = {
    "by label": lambda store: store.read(Stage.CURRENT),
    "by version": lambda store: store.read(version=ONE),
    "by both": lambda store: store.read(Stage.PENDING, ONE),
    "an admin's": lambda store: store.read_admin("app"),
    "a put": lambda store: store.stage_pending(TWO, CANARY),
}


@pytest.mark.parametrize("act", READS.values(), ids=READS)
def test_a_deleted_secret(
    emulator: EmulatedSecretsManager, store: SecretsManagerStore, act: Callable[[SecretsManagerStore], object]
) -> None:
    """A secret that is scheduled for deletion is told as such: storing or creating something would not help."""
    emulator.execute("DeleteSecret", {"SecretId": "app"})
    error = failure(act, store)
    assert type(error) is StoreError
    assert "scheduled for deletion" in error.what
    assert "restore-secret" in error.remedy


WRITES: dict[str, Callable[[SecretsManagerStore], object]] = {
    "a put": lambda store: store.stage_pending(TWO, CANARY),
    "the move of AWSCURRENT": lambda store: store.promote(ONE, TWO),
    "the move of a label": lambda store: store.label(ONE, "mine", None),
}


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES)
def test_each_cause_of_a_refused_write_is_told(
    emulator: EmulatedSecretsManager, store: SecretsManagerStore, act: Callable[[SecretsManagerStore], object]
) -> None:
    """The code is one for all of them; the secret's description tells them apart."""
    secret = emulator.state.any("app")
    secret.owning_service = "rds"
    assert "managed by another AWS service" in failure(act, store).what
    emulator.faults.fail("UpdateSecretVersionStage", error="LimitExceededException", times=2)
    emulator.faults.fail("PutSecretValue", error="LimitExceededException", times=2)
    assert "would exceed a quota" in failure(act, store).what
    emulator.execute("DeleteSecret", {"SecretId": "app"})
    emulator.faults.clear()
    assert "scheduled for deletion" in failure(act, store).what


@pytest.mark.parametrize("world", [World(absent_label=code) for code in AbsentLabel], ids=list(AbsentLabel))
def test_a_label_that_was_moved_meanwhile_is_told(world: World) -> None:
    """By whatever code the service says it."""
    with EmulatedSecretsManager(world=world) as emulator:
        emulator.execute("CreateSecret", {"Name": "app", "SecretString": CANARY, "ClientRequestToken": ONE})
        store = SecretsManagerStore(emulator.client(), "app", ROTATION_TOKEN)
        store.stage_pending(TWO, "x")
        store.promote(TWO, ONE)
        with pytest.raises(StoreError, match="AWSCURRENT is not on the version that it was to leave"):
            store.promote(TWO, ONE)


@pytest.mark.parametrize("act", READS.values(), ids=READS)
def test_a_secret_that_is_not_there(
    emulator: EmulatedSecretsManager, store: SecretsManagerStore, act: Callable[[SecretsManagerStore], object]
) -> None:
    """It is the secret that is missing, not a label of it."""
    emulator.execute("DeleteSecret", {"SecretId": "app", "ForceDeleteWithoutRecovery": True})
    for ask in (act, CALLS["DescribeSecret"], OTHERS["tags_of"][1]):
        error = failure(ask, store)
        assert isinstance(error, VersionNotFound)
        assert "There is no such secret" in error.what
        assert "six characters" in error.remedy


def test_a_secret_without_that_label(emulator: EmulatedSecretsManager, store: SecretsManagerStore) -> None:
    """It is the label that is missing, or on another version, or the version has no value; no other call is made."""
    for asked in ((Stage.PREVIOUS, None), (None, TWO), (Stage.PENDING, ONE), (Stage.CURRENT, TWO)):
        with pytest.raises(VersionNotFound, match="no such version"):
            store.read(*asked)
    assert not emulator.calls("DescribeSecret")


@pytest.mark.parametrize("act", READS.values(), ids=READS)
def test_a_secret_of_another_account_under_the_default_key(
    emulator: EmulatedSecretsManager, act: Callable[[SecretsManagerStore], object]
) -> None:
    """Describe works there, and no label and no value helps: the key does."""
    arn = str(emulator.execute("DescribeSecret", {"SecretId": "app"})["ARN"])
    store = SecretsManagerStore(emulator.client(access_key="210987654321"), arn, ROTATION_TOKEN)
    if act is READS["an admin's"]:
        error = failure(partial(SecretsManagerStore.read_admin, arn=arn), store)
    else:
        error = failure(act, store)
    assert isinstance(error, StoreDenied)
    assert "customer managed key" in error.remedy


def test_a_label_that_cannot_be_taken_off(emulator: EmulatedSecretsManager, store: SecretsManagerStore) -> None:
    """A refusal while AWSPENDING is there is one; while it is not, nothing was to be done."""
    store.unstage(ONE)
    store.stage_pending(TWO, "x")
    emulator.faults.fail("UpdateSecretVersionStage", error="InvalidParameterException", times=2)
    assert type(failure(lambda it: it.unstage(TWO), store)) is StoreError
    store.unstage(ONE)


@pytest.mark.parametrize("describes", ["denied", "unanswered"])
def test_an_unclear_refusal_that_nothing_explains(
    emulator: EmulatedSecretsManager, store: SecretsManagerStore, describes: str
) -> None:
    """Where DescribeSecret does not tell either, the code does as far as it goes."""
    emulator.faults.fail("GetSecretValue", error="InvalidRequestException", times=2)
    if describes == "denied":
        emulator.faults.deny("DescribeSecret")
    else:
        emulator.faults.cut("DescribeSecret", times=2)
    assert type(failure(READS["by label"], store)) is StoreError
    assert type(failure(READS["by both"], store)) is VersionNotFound


@pytest.mark.parametrize(("pages", "found"), [(20, 119), (1, 100)])
def test_more_versions_than_one_page(monkeypatch: pytest.MonkeyPatch, pages: int, found: int) -> None:
    """With more than 100 puts in a day the newest leftover may stand on another page; there is an end to them."""
    monkeypatch.setattr(secrets_manager, "_PAGES", pages)
    clock = ManualClock()
    with EmulatedSecretsManager(clock=clock) as emulator:
        emulator.execute("CreateSecret", {"Name": "app", "SecretString": CANARY, "ClientRequestToken": ONE})
        for number in range(120):
            clock.advance(seconds=1)
            request = {"SecretId": "app", "SecretString": str(number), "ClientRequestToken": f"{number:032}"}
            emulator.execute("PutSecretValue", request)
        orphans = [*(f"{number:032}" for number in reversed(range(118))), ONE]
        assert list(SecretsManagerStore(emulator.client(), "app").unlabelled()) == orphans[-found:]
        assert len(emulator.calls("ListSecretVersionIds")) == min(pages, 2)


def test_a_service_that_cannot_be_reached() -> None:
    """No way to the service is retryable, and names the endpoint that a VPC lacks."""
    with EmulatedSecretsManager() as emulator:
        client = emulator.client()
    error = failure(CALLS["DescribeSecret"], SecretsManagerStore(client, "app"))
    assert isinstance(error, StoreUnavailable)
    assert "interface endpoint for secretsmanager" in error.remedy


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function without a role is told so."""
    client = boto3.client("secretsmanager", region_name="eu-west-1", config=Config(retries={"total_max_attempts": 1}))

    def unsigned(**_: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(client, "describe_secret", unsigned)
    error = failure(CALLS["DescribeSecret"], SecretsManagerStore(client, "app"))
    assert isinstance(error, StoreDenied)
    assert "no AWS credentials" in error.what


def test_the_check_of_labels_is_one_call_that_changes_nothing(
    emulator: EmulatedSecretsManager, store: SecretsManagerStore
) -> None:
    """Not even for a moment: the journal of labels has nothing new."""
    before = list(emulator.journal.labels)
    store.rehearse(ONE, "new")
    (call,) = emulator.calls(caller="test")
    assert (call.operation, call.outcome) == ("UpdateSecretVersionStage", "ResourceNotFoundException")
    assert emulator.journal.labels == before


@pytest.mark.parametrize("checks", Checks)
def test_the_check_of_labels_finds_a_missing_right_where_rights_come_first(checks: Checks) -> None:
    """Where the service looks at the versions before the caller it finds none, and changes nothing all the same."""
    with EmulatedSecretsManager(world=World(checks=checks)) as emulator:
        emulator.execute("CreateSecret", {"Name": "app", "SecretString": CANARY, "ClientRequestToken": ONE})
        store = SecretsManagerStore(emulator.client(), "app")
        emulator.faults.deny("UpdateSecretVersionStage")
        if checks is Checks.CALLER_LAST:
            store.rehearse(ONE, "new")
        else:
            assert isinstance(failure(lambda it: it.rehearse(ONE, "new"), store), StoreDenied)
        assert emulator.labels("app") == {"AWSCURRENT": ONE}
        with pytest.raises(StoreDenied):
            store.label(ONE, "own", None)


def test_a_version_that_a_cut_dry_run_of_old_has_labelled_is_a_leftover(
    emulator: EmulatedSecretsManager, store: SecretsManagerStore
) -> None:
    """A dry run of 0.1.0 added a label of its own; one that was cut off has left it."""
    emulator.execute("PutSecretValue", {"SecretId": "app", "SecretString": "x", "ClientRequestToken": TWO})
    emulator.execute("PutSecretValue", {"SecretId": "app", "SecretString": "y", "ClientRequestToken": "3" * 32})
    store.label(ONE, PROBE_LABEL, None)
    assert list(store.unlabelled()) == [ONE]


def test_a_binary_secret_is_called_so(emulator: EmulatedSecretsManager) -> None:
    """A value that is no text is nothing that the format could read; the error names the way to store one."""
    emulator.execute("CreateSecret", {"Name": "binary", "SecretBinary": "AAEC", "ClientRequestToken": ONE})
    with pytest.raises(InvalidSecret, match="value is binary") as refused:
        SecretsManagerStore(emulator.client(), "binary").read(Stage.CURRENT)
    assert ONE in refused.value.where
    assert "--secret-string" in refused.value.remedy


@pytest.mark.parametrize("token", [ROTATION_TOKEN, None])
def test_the_rotation_token_goes_with_the_value(emulator: EmulatedSecretsManager, token: str | None) -> None:
    """The token of the event is sent with PutSecretValue alone, and shown nowhere."""
    store = SecretsManagerStore(emulator.client(), "app", token)
    for act in CALLS.values():
        act(store)
    assert {call.operation for call in emulator.calls() if call.with_rotation_token} == (
        {"PutSecretValue"} if token else set()
    )
    assert ROTATION_TOKEN not in f"{store} {store!r}"


def test_a_foreign_rotation_token_is_refused() -> None:
    """The service's own check of the token reads as a denial."""
    with EmulatedSecretsManager(require_rotation_token=True) as emulator:
        emulator.execute("CreateSecret", {"Name": "app", "SecretString": "x", "ClientRequestToken": ONE})
        function = "arn:aws:lambda:eu-west-1:123456789012:function:rotation"
        emulator.execute("RotateSecret", {"SecretId": "app", "ClientRequestToken": TWO, "RotationLambdaARN": function})
        store = SecretsManagerStore(emulator.client(), "app", ROTATION_TOKEN)
        assert isinstance(failure(CALLS["PutSecretValue"], store), StoreDenied)
        right = SecretsManagerStore(emulator.client(), "app", emulator.journal.rotation_tokens[0])
        assert right.stage_pending(TWO, "y")


@pytest.fixture
def regions() -> Iterator[Regions]:
    """Start two Regions, with one secret at home and its replica away."""
    with Regions("eu-west-1", "eu-central-1") as running:
        request = {"Name": "app", "SecretString": CANARY, "ClientRequestToken": ONE}
        running["eu-west-1"].execute("CreateSecret", request | {"AddReplicaRegions": [{"Region": "eu-central-1"}]})
        yield running


@pytest.mark.parametrize("whole", [True, False])
def test_a_replica_is_asked_in_its_region(regions: Regions, *, whole: bool) -> None:
    """By the same name, or the ARN that differs in the Region alone; the primary lists it."""
    home = regions["eu-west-1"].client()
    arn = home.describe_secret(SecretId="app")["ARN"]
    store = SecretsManagerStore(home, arn if whole else "app", elsewhere=lambda region: regions[region].client())
    there = store.describe_replica("eu-central-1")
    assert there.holding(Stage.CURRENT) == ONE
    assert (there.primary_region, there.region) == ("eu-west-1", "eu-central-1")
    assert store.describe().replicas == (Replica("eu-central-1", "InSync"),)
    assert store.describe().primary_region == "eu-west-1"


def test_another_regions_word_is_none_of_a_replicas(regions: Regions) -> None:
    """An endpoint that leads home would let the primary speak for the replica."""
    store = SecretsManagerStore(regions["eu-west-1"].client(), "app")
    with pytest.raises(StoreUnavailable, match="not Secrets Manager"):
        store.describe_replica("eu-central-1")


def test_the_message_of_a_replication_is_shown_on_one_line(regions: Regions) -> None:
    """It is the service's, and nothing in it breaks a line of the log."""
    regions.fail("app", "eu-central-1", Reason.NO_KEY)
    store = SecretsManagerStore(regions["eu-west-1"].client(), "app")
    (replica,) = store.describe().replicas
    assert replica == Replica("eu-central-1", "Failed", str(Reason.NO_KEY).rstrip("."))
    odd = {"Region": "eu-central-1", "Status": "Failed", "StatusMessage": "a\nb\x1b." + "c" * 500}
    message = secrets_manager._replica(odd).message  # type: ignore[arg-type]  # noqa: SLF001 the service says no such thing
    assert message.startswith("a b .c")
    assert len(message) == 300


def test_a_replica_that_failed_is_asked_for_again_under_its_key(regions: Regions) -> None:
    """Without the key it would be made anew under the account's own."""
    home = regions["eu-west-1"]
    home.state.any("app").replicas["eu-central-1"].kms_key = "alias/theirs"
    regions.fail("app", "eu-central-1", Reason.NO_KEY)
    store = SecretsManagerStore(home.client(), "app")
    (failed,) = store.describe().replicas
    home.state.any("app").replicas["eu-central-1"].kms_key = ""
    store.replicate(failed)
    assert store.describe().replicas == (Replica("eu-central-1", "InSync", kms_key="alias/theirs"),)


def test_a_replica_that_was_promoted_is_not_overwritten(regions: Regions) -> None:
    """It may hold the only good password."""
    home, away = regions["eu-west-1"], regions["eu-central-1"].client()
    away.stop_replication_to_replica(SecretId="app")
    away.put_secret_value(SecretId="app", SecretString="theirs", ClientRequestToken=TWO)
    store = SecretsManagerStore(home.client(), "app")
    (failed,) = store.describe().replicas
    store.replicate(failed)
    (still,) = store.describe().replicas
    assert (failed.status, still.status) == ("Failed", "Failed")
    assert away.get_secret_value(SecretId="app")["SecretString"] == "theirs"
