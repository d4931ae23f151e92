"""
Copies to replicas that are under way: waited for before another label moves, and after AWSCURRENT has moved.

Two changes of labels in quick succession have left replicas stuck, which then serve an old version for ever (seen by
others: square/secretsmanager-rotation, pull request 12). What has no replicas costs no call here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rotation.errors import RotationError, StoreError
from rotation.model import Stage
from rotation.strategies import replicas

if TYPE_CHECKING:
    from rotation.delivery import Delivery
    from rotation.model import Replica

REST: Final = (0, 0.5, 1.0, 2.0)
"""Seconds before each look for a copy under way."""

AFTER_A_CHANGE: Final = 2.0
"""Seconds after which InSync is believed to be that of a change: nothing says when the status leaves it."""

FOLLOWS: Final = (0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0)
"""Seconds before each look whether replicas follow: half a minute in all."""

TIME_FOR_A_CALL: Final = 20.0
TIME_FOR_A_REGION: Final = 3.0
"""Seconds that a look may take at its worst: a call with all its tries, and a single one to each Region."""


def await_rest(delivery: Delivery, *, just_changed: bool = False) -> None:
    """
    Wait some seconds until no copy is under way, before a label moves that is in no hurry. Raises StoreError.

    ``just_changed`` says that a label has moved just now, which the status may not show yet.
    """
    if not replicas.has_replicas(delivery):
        return
    for pause in REST:
        wanted = max(pause, AFTER_A_CHANGE if just_changed else 0)
        if wanted:
            time.sleep(min(wanted, delivery.deadline.remaining()))
        under_way = [it.region for it in delivery.store.describe().replicas if it.status == replicas.IN_PROGRESS]
        if not under_way:
            return
        just_changed = False
    delivery.observer.warn("A label moves while a copy is under way", region=", ".join(under_way))


def follow(delivery: Delivery) -> None:
    """
    Wait within the invocation until each replica serves the version that has just become AWSCURRENT; measure how long.

    It raises nothing: the rotation is done, and the next one is not begun while a replica is behind.
    """
    if not replicas.has_replicas(delivery):
        return
    followed = _Followed(delivery)
    try:
        behind = followed.wait()
    except RotationError as error:
        delivery.observer.warn("Whether the replicas follow could not be seen", reason=type(error).__name__)
        return
    for replica in behind:
        delivery.observer.measure("ReplicaLag", followed.elapsed * 1000, "Milliseconds", region=replica.region)
        delivery.observer.measure("ReplicaBehind", 1, "Count", region=replica.region)
        delivery.observer.warn(
            "A replica does not serve the new version yet",
            region=replica.region,
            status=replica.status,
            reason=replica.message,
        )


class _Followed:
    """The replicas of a secret whose AWSCURRENT has just moved, and what is known of each so far."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._moved = time.monotonic()
        self._arrived: set[str] = set()
        self._silent: set[str] = set()
        self._begun: set[str] = set()

    @property
    def elapsed(self) -> float:
        """Seconds since the move."""
        return time.monotonic() - self._moved

    def wait(self) -> list[Replica]:
        """Look again and again; return those that do not follow within the time, or have failed."""
        behind: list[Replica] = []
        for pause in FOLLOWS:
            deadline = self._delivery.deadline
            if deadline.remaining() < pause + TIME_FOR_A_CALL + TIME_FOR_A_REGION * max(1, len(behind)):
                break
            if pause:
                time.sleep(pause)
            behind = self._look()
            if all(it.status == replicas.FAILED and it.region not in self._delivery.replicated for it in behind):
                break
        return behind

    def _look(self) -> list[Replica]:
        behind = []
        for replica in self._delivery.store.describe().replicas:
            if replica.region in self._arrived:
                continue
            if self._serves(replica):
                self._arrived.add(replica.region)
                self._delivery.observer.measure(
                    "ReplicaLag", self.elapsed * 1000, "Milliseconds", region=replica.region
                )
            else:
                replicas.try_again(self._delivery, replica)
                behind.append(replica)
        return behind

    def _serves(self, replica: Replica) -> bool:
        """Ask the replica's Region; where it does not answer, believe the status once that may be of this move."""
        region = replica.region
        if region not in self._silent:
            try:
                there = self._delivery.store.describe_replica(region)
            except StoreError as error:
                self._silent.add(region)
                replicas.tell_weaker(self._delivery, replica, error)
            else:
                return there.holding(Stage.CURRENT) == self._delivery.token
        if replica.status == replicas.IN_PROGRESS:
            self._begun.add(region)
        return replica.status == replicas.IN_SYNC and (region in self._begun or self.elapsed >= AFTER_A_CHANGE)
