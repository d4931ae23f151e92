"""A client of the emulated Secrets Manager without a wire between: for what calls it thousands of times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError, EndpointConnectionError

from tests.support.emulators.secretsmanager.errors import ConnectionCut, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager


class ResourceExistsException(ClientError):
    """The one error that the library catches by its class."""


class _Exceptions:
    ResourceExistsException = ResourceExistsException


class _Direct:
    exceptions = _Exceptions

    def __init__(self, emulator: EmulatedSecretsManager, caller: str) -> None:
        self._emulator, self._caller = emulator, caller

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = name.title().replace("_", "")
        return lambda **request: self._call(operation, request)

    def _call(self, operation: str, request: dict[str, Any]) -> Any:  # noqa: ANN401 JSON
        try:
            return self._emulator.service.call(operation, request, self._caller)
        except ServiceError as error:
            kind = getattr(_Exceptions, error.code, ClientError)
            raise kind({"Error": {"Code": error.code, "Message": str(error)}}, operation) from None
        except ConnectionCut:
            raise EndpointConnectionError(endpoint_url="https://emulated.example") from None


def direct_client(emulator: EmulatedSecretsManager, caller: str = "function") -> SecretsManagerClient:
    """Return what speaks as a client of the SDK does, as far as the library does."""
    return cast("SecretsManagerClient", _Direct(emulator, caller))
