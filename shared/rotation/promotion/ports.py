"""What a promotion needs of the place where secrets are kept, beside what a rotation needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rotation.ports import SecretStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.model import Replica


class RegionalStore(SecretStore, Protocol):
    """
    A secret that is, or was, a replica of one in another Region.

    All methods raise StoreError as a SecretStore's do, and may be called again after any crash.
    """

    def stop_replication(self) -> None:
        """Make the replica a secret of its own; nothing happens where it is one."""

    def put_current(self, token: str, value: str) -> None:
        """Store a value as AWSCURRENT. StoreError where the token has another value."""

    def tag(self, tags: Mapping[str, str]) -> None:
        """Add tags to the secret."""

    def policy(self) -> str:
        """Read the secret's resource policy; empty where there is none."""

    def attach(self, token: str, function: str, rules: Mapping[str, Any], *, immediately: bool) -> None:
        """Attach a rotation function, and begin a rotation, or a dry run where it is not to be done immediately."""

    def cancel_rotation(self, region: str) -> None:
        """Switch off the rotation of the secret of that name in another Region."""

    def overwrite(self, replica: Replica) -> None:
        """Let a Region have a replica, in the place of the secret of that name there, which is lost."""
