"""The admin credentials that a parameter's may name: in parameters, in Secrets Manager, and there by a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.model import Stage, StoredVersion
from rotation.stores.parameter_store.parameters import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.ports import SecretStore
    from rotation.stores.parameter_store.parameters import Parameters


class AdminCredentials:
    """Read access, by name or ARN."""

    def __init__(self, parameters: Parameters, secrets: Callable[[], SecretStore] | None) -> None:
        """Know what reads parameters, and what makes the reader of secrets."""
        self._parameters = parameters
        self._secrets = secrets

    def read(self, arn: str) -> StoredVersion:
        """Read one."""
        if _is_secret(arn) and self._secrets is not None:
            return self._secrets().read_admin(arn)
        found, version, value = self._parameters.admin(arn)
        return StoredVersion(found, version, frozenset({Stage.CURRENT}), value)

    def tags(self, arn: str) -> Mapping[str, str]:
        """Read the tags of one."""
        secret = arn.removeprefix(REFERENCE)
        if (secret != arn or _is_secret(arn)) and self._secrets is not None:
            return self._secrets().tags_of(secret)
        return self._parameters.tags(arn.partition(":parameter")[2] or arn)


def _is_secret(arn: str) -> bool:
    return arn.split(":")[2:3] == ["secretsmanager"]
