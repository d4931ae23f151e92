"""What a Secrets Manager of one Region sees of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Secret
    from tests.support.emulators.secretsmanager.replication import Reason, Replication


class Network(Protocol):
    """The Regions of one account, and what is copied between them."""

    replication: Replication
    disabled: dict[str, Reason]
    """Regions to which no replication succeeds, and why."""
    cut_off: set[str]
    hangs: bool
    """Whether a Region that is cut off keeps callers waiting, instead of hanging up on them."""

    def has(self, region: str) -> bool:
        """Return whether there is such a Region."""

    def find(self, name: str, region: str) -> Secret | None:
        """Find a secret in a Region."""

    def place(self, secret: Secret, region: str) -> None:
        """Put a secret into a Region, in the place of one of its name."""

    def drop(self, name: str, region: str) -> None:
        """Remove a replica from its Region, at once and without a recovery window."""

    def settle(self) -> None:
        """Put on the way what has changed, and let arrive what is due."""
