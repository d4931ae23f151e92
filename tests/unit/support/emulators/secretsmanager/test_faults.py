"""Faults, hooks and the wire of the emulated Secrets Manager."""

from __future__ import annotations

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ConnectionClosedError

from tests.support.emulators.secretsmanager.errors import ServiceError
from tests.support.emulators.secretsmanager.expectations import error_code, refusal
from tests.support.emulators.secretsmanager.invocation import InvocationFailed, InvokeUrl
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.faults import Phase

ONE, TWO = ("1" * 32, "2" * 32)


@pytest.fixture
def emulator() -> Iterator[EmulatedSecretsManager]:
    with EmulatedSecretsManager() as running:
        yield running


@pytest.fixture
def client(emulator: EmulatedSecretsManager) -> SecretsManagerClient:
    """Return a client of a secret with AWSCURRENT on version one and AWSPENDING on version two."""
    client = emulator.client()
    client.create_secret(Name="app", SecretString="one", ClientRequestToken=ONE)
    client.put_secret_value(SecretId="app", SecretString="two", ClientRequestToken=TWO, VersionStages=["AWSPENDING"])
    return client


def promote(client: SecretsManagerClient) -> None:
    client.update_secret_version_stage(
        SecretId="app", VersionStage="AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO
    )


@pytest.mark.parametrize(("after_effect", "current"), [(False, ONE), (True, TWO)])
def test_an_operation_fails_before_or_after_its_effect(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager, *, after_effect: bool, current: str
) -> None:
    """The answer is an error in both cases; whether the label moved is another matter."""
    emulator.faults.fail("UpdateSecretVersionStage", after_effect=after_effect)
    assert error_code(promote, client=client) == "InternalServiceError"
    assert emulator.labels("app")["AWSCURRENT"] == current


def test_a_fault_strikes_as_often_as_asked(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """After `times` calls the operation works again, and other operations never noticed."""
    emulator.faults.fail("GetSecretValue", times=2, error="DecryptionFailure")
    codes = [error_code(client.get_secret_value, SecretId="app") for _ in range(2)]
    assert codes == ["DecryptionFailure"] * 2
    assert client.describe_secret(SecretId="app")
    assert client.get_secret_value(SecretId="app")["SecretString"] == "one"


def test_throttling_passes_with_a_retry(emulator: EmulatedSecretsManager, client: SecretsManagerClient) -> None:
    """Throttled calls are answered with ThrottlingException, which a client may retry."""
    emulator.faults.throttle("GetSecretValue", times=1)
    assert error_code(client.get_secret_value, SecretId="app") == "ThrottlingException"
    emulator.faults.throttle("GetSecretValue", times=1)
    assert emulator.client(attempts=2).get_secret_value(SecretId="app")["SecretString"] == "one"


@pytest.mark.parametrize("ask", [{"VersionStage": "AWSPENDING"}, {"VersionId": TWO}])
def test_a_stale_read_does_not_see_the_pending_value(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager, ask: dict[str, str]
) -> None:
    """A fresh pending value is not found at first; AWSCURRENT is readable all the time."""
    emulator.faults.stale_reads(times=1)
    assert client.get_secret_value(SecretId="app")["SecretString"] == "one"
    assert error_code(client.get_secret_value, SecretId="app", **ask) == "ResourceNotFoundException"
    assert client.get_secret_value(SecretId="app", **ask)["SecretString"] == "two"


def test_a_denial_lasts_until_it_is_cleared(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """IAM refuses an operation for as long as the fault is armed, and tells which one."""
    emulator.faults.deny("UpdateSecretVersionStage")
    for _ in range(2):
        code, message = refusal(promote, client=client)
        assert code == "AccessDeniedException"
        assert "secretsmanager:UpdateSecretVersionStage" in message
    emulator.faults.clear()
    promote(client)


def test_a_denial_can_be_of_one_secret(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """A fault that names a secret leaves the others alone, however they are asked for."""
    arn = client.create_secret(Name="admin", SecretString="root")["ARN"]
    emulator.faults.deny_kms("GetSecretValue", secret_id="admin")
    assert client.get_secret_value(SecretId="app")
    answer = refusal(client.get_secret_value, SecretId=arn)
    assert answer == ("AccessDeniedException", "Access to KMS is not allowed")


def test_an_answer_can_be_late(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """A delayed operation answers after the delay."""
    emulator.faults.delay("GetSecretValue", 0.2)
    start = time.monotonic()
    client.get_secret_value(SecretId="app")
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize(("after_effect", "current"), [(False, ONE), (True, TWO)])
def test_a_connection_is_cut_before_or_after_the_effect(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager, *, after_effect: bool, current: str
) -> None:
    """The client learns nothing, the journal notes the cut."""
    emulator.faults.cut("UpdateSecretVersionStage", after_effect=after_effect)
    with pytest.raises(ConnectionClosedError):
        promote(client)
    assert emulator.labels("app")["AWSCURRENT"] == current
    assert emulator.calls("UpdateSecretVersionStage")[0].outcome == "cut"


def test_the_hook_is_called_around_every_effect(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """A hook hears index, operation and phase, counted from its installation."""
    heard: list[tuple[int, str, str]] = []
    current: list[str] = []

    def hook(index: int, operation: str, phase: Phase) -> None:
        heard.append((index, operation, phase))
        current.append(emulator.labels("app")["AWSCURRENT"])

    emulator.faults.watch(hook)
    client.describe_secret(SecretId="app")
    promote(client)
    assert heard == [
        (1, "DescribeSecret", "before"),
        (1, "DescribeSecret", "after"),
        (2, "UpdateSecretVersionStage", "before"),
        (2, "UpdateSecretVersionStage", "after"),
    ]
    assert current[2:] == [ONE, TWO]


def test_a_hook_may_answer_with_an_error(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """A ServiceError from the hook is the answer."""

    def hook(_index: int, _operation: str, _phase: Phase) -> None:
        code = "InternalServiceError"
        raise ServiceError(code, "asked for")

    emulator.faults.watch(hook)
    assert error_code(client.describe_secret, SecretId="app") == "InternalServiceError"


@pytest.mark.parametrize(("phase", "current"), [("before", ONE), ("after", TWO)])
def test_a_kill_cuts_one_call_and_all_that_follow(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager, phase: Phase, current: str
) -> None:
    """From the n-th call on nothing is answered, and nothing after it takes effect, until `revive`."""
    emulator.faults.kill_at(2, phase)
    client.describe_secret(SecretId="app")
    with pytest.raises(ConnectionClosedError):
        promote(client)
    with pytest.raises(ConnectionClosedError):
        client.delete_secret(SecretId="app")
    assert emulator.labels("app")["AWSCURRENT"] == current
    emulator.faults.revive()
    assert "DeletedDate" not in client.describe_secret(SecretId="app")


def test_a_kill_can_be_of_one_caller(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """Calls of other callers are neither counted nor cut."""
    function = emulator.client(access_key="function")
    emulator.faults.kill_at(1, "before", caller="function")
    client.describe_secret(SecretId="app")
    with pytest.raises(ConnectionClosedError):
        function.describe_secret(SecretId="app")
    client.describe_secret(SecretId="app")


def test_the_journal_names_caller_parameters_and_outcome(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """An entry tells who called what with which ids and labels and how it ended, and no value."""
    error_code(client.put_secret_value, SecretId="app", ClientRequestToken=TWO, SecretString="other")
    call = emulator.calls("PutSecretValue", caller="test")[-1]
    assert (call.outcome, call.secret) == ("ResourceExistsException", emulator.state.any("app").arn)
    assert call.parameters == {"SecretId": "app", "ClientRequestToken": TWO}
    assert call.seconds > 0


def test_the_operator_meets_no_fault(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """What is executed in the process goes past all faults, under the same rules."""
    assert client
    emulator.faults.deny("DescribeSecret")
    assert emulator.execute("DescribeSecret", {"SecretId": "app"})["Name"] == "app"
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        emulator.execute("DescribeSecret", {"SecretId": "none"})


def post(emulator: EmulatedSecretsManager, target: str, body: str) -> tuple[int, dict[str, str]]:
    address = urlsplit(emulator.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
    try:
        connection.request("POST", "/", body, {"X-Amz-Target": target})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("secretsmanager.GetSecretValue", '{"SecretId": "none"}', "ResourceNotFoundException"),
        ("secretsmanager.GetSecretValue", "{}", "ValidationException"),
        ("secretsmanager.GetSecretValue", '{"SecretId": 1}', "ValidationException"),
        ("secretsmanager.GetSecretValue", "[]", "SerializationException"),
        ("secretsmanager.GetSecretValue", "{", "SerializationException"),
        ("secretsmanager.Nonsense", "{}", "UnknownOperationException"),
        ("other.GetSecretValue", "{}", "UnknownOperationException"),
        ("secretsmanager.PutSecretValue", '{"SecretId": "a", "SecretString": "x"}', "InvalidRequestException"),
        ("secretsmanager.RotateSecret", '{"SecretId": "a"}', "InvalidParameterException"),
    ],
)
def test_errors_on_the_wire(emulator: EmulatedSecretsManager, target: str, body: str, code: str) -> None:
    """An error is HTTP 400 with its name in __type; a raw request must bring its own token."""
    status, answer = post(emulator, target, body)
    assert (status, answer["__type"]) == (400, code)
    common = code in {"ValidationException", "SerializationException", "UnknownOperationException"}
    assert answer.keys() == {"__type", "message" if common else "Message"}


def test_an_internal_error_is_http_500(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """InternalServiceError is the service's own fault, so that clients retry it."""
    assert client
    emulator.faults.fail("DescribeSecret")
    status, answer = post(emulator, "secretsmanager.DescribeSecret", '{"SecretId": "app"}')
    assert (status, answer["__type"]) == (500, "InternalServiceError")


def test_many_clients_are_served_at_once(emulator: EmulatedSecretsManager, client: SecretsManagerClient) -> None:
    """One slow call does not hold up the others."""
    emulator.faults.delay("DescribeSecret", 1.0)
    slow = threading.Thread(target=client.describe_secret, kwargs={"SecretId": "app"})
    slow.start()
    start = time.monotonic()
    emulator.client().get_secret_value(SecretId="app")
    assert time.monotonic() - start < 0.9
    slow.join()


def test_nothing_is_served_outside_the_block() -> None:
    """The address exists only while the emulator is entered."""
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        _ = EmulatedSecretsManager().url


class _Runtime(BaseHTTPRequestHandler):
    """A Lambda runtime emulator that fails every step but createSecret."""

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = None if event["Step"] == "createSecret" else {"errorMessage": "no", "errorType": "Refused"}
        payload = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def test_a_function_behind_an_address_can_fail() -> None:
    """An invocation whose answer carries an errorMessage has failed, though its status is 200."""
    with HTTPServer(("127.0.0.1", 0), _Runtime) as runtime:
        thread = threading.Thread(target=runtime.serve_forever, args=(0.02,))
        thread.start()
        invoke = InvokeUrl(f"http://127.0.0.1:{runtime.server_port}/2015-03-31/functions/function/invocations")
        assert invoke({"Step": "createSecret"}) is None
        with pytest.raises(InvocationFailed, match="Refused"):
            invoke({"Step": "setSecret"})
        runtime.shutdown()
        thread.join()
