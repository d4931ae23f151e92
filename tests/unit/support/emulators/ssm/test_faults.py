"""What can be made to go wrong, and what comes in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.support.emulators.wire.errors import ServiceError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

    from tests.support.emulators.ssm.server import EmulatedParameterStore


def put(client: SSMClient, value: str = "two", name: str = "/app/db") -> int:
    """Overwrite."""
    return client.put_parameter(Name=name, Value=value, Overwrite=True, Type="SecureString", KeyId="alias/own")[
        "Version"
    ]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return a refusal's code."""
    return str(error.value.response["Error"]["Code"])


def test_a_put_between_read_and_write(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """Nothing refuses the second writer; the answered number alone tells."""
    emulator.faults.watch(lambda _n, _o, phase: _interject(emulator) if phase == "before" else None)
    assert put(client) == 3
    assert [(it.version, it.caller) for it in emulator.journal.writes] == [(1, "test"), (2, "ann"), (3, "test")]


def _interject(emulator: EmulatedParameterStore) -> None:
    emulator.put("/app/db", "theirs", caller="ann")


def test_two_updates_at_once(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """The second update of a parameter is refused while the first is under way; reads and other names are not."""
    other, codes = emulator.client(access_key="other"), []

    def hook(number: int, _operation: str, phase: str) -> None:
        if (number, phase) != (1, "before"):
            return
        put(other, name="/app/b")
        assert other.get_parameter(Name="/app/db")["Parameter"]["Version"] == 1
        with pytest.raises(ClientError) as error:
            put(other)
        codes.append(code(error))

    emulator.faults.watch(hook, caller="test")
    assert put(client) == 2
    assert codes == ["TooManyUpdates"]
    assert put(other) == 3


@pytest.mark.parametrize(("after", "left"), [(False, "one"), (True, "two")])
def test_no_answer(client: SSMClient, emulator: EmulatedParameterStore, *, after: bool, left: str) -> None:
    """The connection ends before or after the effect; the caller cannot tell which."""
    emulator.faults.cut("PutParameter", after_effect=after)
    with pytest.raises(ConnectionClosedError):
        put(client)
    assert emulator.value("/app/db") == left
    assert emulator.journal.calls[-1].outcome == "cut"


def test_throttled_and_failed(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """Before any effect."""
    emulator.faults.throttle("PutParameter")
    emulator.faults.fail("PutParameter")
    found = []
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            put(client)
        found.append((code(error), error.value.response["ResponseMetadata"]["HTTPStatusCode"]))
    assert found == [("ThrottlingException", 400), ("InternalServerError", 500)]
    assert put(client) == 2


def test_a_role_that_may_create_and_not_overwrite(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """The condition key ssm:Overwrite, on a path."""
    emulator.faults.deny("PutParameter", "/app", overwrite=True)
    client.put_parameter(Name="/app/new", Value="x", Type="String")
    with pytest.raises(ClientError) as error:
        put(client)
    assert code(error) == "AccessDeniedException"
    put(client, name="/other")


def test_the_operator_is_struck_by_nothing(emulator: EmulatedParameterStore) -> None:
    """Nor hidden from the journal; what it does wrong is an error."""
    emulator.faults.deny("PutParameter")
    emulator.put("/x", "y")
    with pytest.raises(ServiceError):
        emulator.execute("DeleteParameter", {"Name": "/nobody"})
    with pytest.raises(ServiceError):
        emulator.execute("GetCalendarState", {})
    assert [call.outcome for call in emulator.journal.calls] == [
        "ok",
        "ParameterNotFound",
        "UnknownOperationException",
    ]
