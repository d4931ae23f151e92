"""A secret of Secrets Manager that is, or was, a replica of one in another Region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotation.errors import StoreError
from rotation.model import Stage
from rotation.stores import refusals
from rotation.stores.secrets_manager import SecretsManagerStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.model import Replica


class RegionalStore(SecretsManagerStore):
    """The store of a promotion: what it does beside a rotation, here and in the old Region."""

    def stop_replication(self) -> None:
        """
        Cut the link to the primary: one StopReplicationToReplica, which is called here (API reference).

        By which error a secret that is no replica is refused is not documented; after any refusal Describe tells.
        """
        try:
            with refusals.translated("StopReplicationToReplica", self._id):
                self._client.stop_replication_to_replica(SecretId=self._id)
        except StoreError:
            versions = self.describe()
            if versions.primary_region not in {"", versions.region}:
                raise

    def put_current(self, token: str, value: str) -> None:
        """Store a value as AWSCURRENT: one PutSecretValue, which does nothing where the token has that value."""
        with refusals.translated("PutSecretValue", f"version {token} of {self._id}"):
            self._client.put_secret_value(
                SecretId=self._id, ClientRequestToken=token, SecretString=value, VersionStages=[Stage.CURRENT]
            )

    def tag(self, tags: Mapping[str, str]) -> None:
        """Add tags: one TagResource."""
        with refusals.translated("TagResource", self._id):
            self._client.tag_resource(
                SecretId=self._id, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
            )

    def policy(self) -> str:
        """Read the resource policy, empty where there is none: one GetResourcePolicy."""
        with refusals.translated("GetResourcePolicy", self._id):
            return str(self._client.get_resource_policy(SecretId=self._id).get("ResourcePolicy", ""))

    def attach(self, token: str, function: str, rules: Mapping[str, Any], *, immediately: bool) -> None:
        """Attach a rotation function, and begin a rotation or a dry run: one RotateSecret."""
        with refusals.translated("RotateSecret", self._id):
            self._client.rotate_secret(
                SecretId=self._id,
                ClientRequestToken=token,
                RotationLambdaARN=function,
                RotationRules={**rules},  # type: ignore[typeddict-item]  # the event's own, which the service judges
                RotateImmediately=immediately,
            )

    def cancel_rotation(self, region: str) -> None:
        """Switch the rotation of the same secret in another Region off: one CancelRotateSecret there."""
        there = self._in(region)
        with refusals.translated("CancelRotateSecret", f"{there} in {region}"):
            self._elsewhere(region).cancel_rotate_secret(SecretId=there)

    def overwrite(self, replica: Replica) -> None:
        """Let a Region have a replica under its key, in the place of what has its name there."""
        self._replicate(replica, overwriting=True)
