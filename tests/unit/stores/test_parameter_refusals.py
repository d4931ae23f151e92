"""How the parameter's store speaks of what the service refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError

from rotation.errors import StoreDenied, StoreError, StoreUnavailable, VersionNotFound
from rotation.stores.parameter_store import Clients, ParameterStore, refusals
from tests.unit.stores.conftest import PARAMETER, looking

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.emulators.ssm.server import EmulatedParameterStore
    from tests.support.memory.observer import Warnings

CODES = {
    "AccessDeniedException": StoreDenied,
    "InvalidKeyId": StoreDenied,
    "ParameterNotFound": VersionNotFound,
    "ParameterVersionNotFound": VersionNotFound,
    "ParameterPatternMismatchException": StoreError,
    "ParameterMaxVersionLimitExceeded": StoreError,
    "ParameterLimitExceeded": StoreError,
    "ThrottlingException": StoreUnavailable,
    "TooManyUpdates": StoreUnavailable,
    "InternalServerError": StoreUnavailable,
    "ValidationException": StoreError,
}
CALLS: dict[str, Callable[[ParameterStore], object]] = {
    "GetParameter": lambda store: store.describe(),
    "GetParametersByPath": lambda store: store.describe(),
    "GetParameterHistory": lambda store: store.unlabelled(),
    "PutParameter": lambda store: store.stage_pending(store.open_rotation(), "canary-2"),
    "ListTagsForResource": lambda store: store.tags_of(PARAMETER),
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("operation", CALLS)
def test_refusals(parameters: EmulatedParameterStore, kept: ParameterStore, operation: str, code: str) -> None:
    """Each code has its class, says where, and what to do; the service's text is not shown."""
    parameters.faults.fail(operation, error=code)
    with pytest.raises(StoreError) as error:
        CALLS[operation](kept)
    assert type(error.value) is CODES[code]
    assert code in str(error.value)
    assert error.value.where
    assert error.value.remedy
    assert "asked for" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InvalidKeyId"])
def test_a_promotion_that_was_refused(parameters: EmulatedParameterStore, kept: ParameterStore, code: str) -> None:
    """What was refused was not written, and is not waited for."""
    token = kept.open_rotation()
    kept.stage_pending(token, "canary-2")
    parameters.faults.fail("PutParameter", error=code)
    with pytest.raises(CODES[code]):
        kept.promote(token, "v1")
    kept.promote(token, "v1")


def test_a_deletion_that_is_denied(parameters: EmulatedParameterStore, new_store: Callable[[], ParameterStore]) -> None:
    """A journal that cannot be kept tidy is told of before anything is changed."""
    for number in range(2, 5):
        store = new_store()
        token, current = store.open_rotation(), store.describe()
        store.stage_pending(token, f"canary-{number}")
        store.promote(token, next(it for it, held in current.stages.items() if "AWSCURRENT" in held))
    parameters.faults.deny("DeleteParameters")
    store = new_store()
    token = store.open_rotation()
    with pytest.raises(StoreDenied, match="DeleteParameters"):
        store.stage_pending(token, "canary-9")


def test_nobody_answers(observer: Warnings) -> None:
    """The way to the service is named."""
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=1, proxies={})
    client = boto3.client(
        "ssm",
        "eu-west-1",
        endpoint_url="http://127.0.0.1:9",
        config=config,
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    with pytest.raises(StoreUnavailable, match="got no answer") as error:
        ParameterStore(Clients(client, client), PARAMETER, observer, looking()).describe()
    assert "interface endpoint for ssm" in error.value.remedy


def test_no_credentials() -> None:
    """A function without a role."""
    with pytest.raises(StoreDenied, match="no AWS credentials"), refusals.translated("GetParameter", PARAMETER):
        raise NoCredentialsError


@pytest.mark.parametrize("changed", [{"Value": 7}, {"ARN": "two words"}, {"Version": None}])
def test_answers_of_somebody_else(
    parameters: EmulatedParameterStore, observer: Warnings, changed: dict[str, Any]
) -> None:
    """What is not of the API is not believed, and not shown."""
    client = parameters.client()

    def answered(parsed: dict[str, Any], **_: object) -> None:
        parsed["Parameter"] |= changed

    client.meta.events.register("after-call.ssm.GetParameter", answered)
    with pytest.raises(StoreUnavailable, match="not Parameter Store"):
        ParameterStore(Clients(client, client), PARAMETER, observer, looking()).describe()
