"""
What must hold AWSCURRENT before a password ends: replicas in other Regions, and parameters that mirror the secret.

Their readers may use the very password that would end. So a rotation looks twice: before it makes a version, and right
before the change, since what follows may have broken in between. It asks only while AWSCURRENT is seen to log in. Where
that is refused, all readers are rejected already, and a gate would keep the rotation from helping them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.strategies import mirrors, replicas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.delivery import Delivery
    from rotation.model import Secret


def require_in_step_or_begun(delivery: Delivery) -> None:
    """See it before a version is made. Raises RotationRefused, which is retryable, or InvalidSettings."""
    replicas.require_in_step_or_begun(delivery)
    mirrors.require_in_step_or_begun(delivery)


def require_in_step(delivery: Delivery, proven: Secret) -> None:
    """See it before a password ends that is not AWSCURRENT's; ``proven`` is what the server was seen to accept."""
    replicas.require_in_step(delivery, proven)
    mirrors.require_in_step(delivery, proven)


def require_in_step_alone(delivery: Delivery, proven: Secret) -> None:
    """See it before the only password changes, and that what follows can be written right after it."""
    replicas.require_in_step_alone(delivery, proven)
    mirrors.require_in_step_alone(delivery, proven)


def rejected_readers(delivery: Delivery, current: Secret) -> Sequence[str]:
    """Say what a change of the only password does to readers that are not at the secret itself; a dry run asks."""
    return [*replicas.rejected_readers(delivery), *mirrors.rejected_readers(current)]
