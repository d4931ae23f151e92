"""The replica of a memory store's secret, as it was when its primary's Region was lost, and its promotion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rotation.errors import StoreError, VersionNotFound
from rotation.model import Stage, Versions, region_of
from tests.support.arns import moved
from tests.support.memory.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.model import Replica


@dataclass
class MemoryReplica(MemoryStore):
    """A store that takes writes once its link is cut, and remembers what it was told beside values and labels."""

    own_tags: dict[str, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    """The tokens of rotations that were begun."""
    function: str = ""
    former: MemoryStore | None = None
    """The primary, where its Region answers."""

    @classmethod
    def of(cls, primary: MemoryStore, region: str) -> MemoryReplica:
        """
        Copy a store's secret.

        It has the name, and of the versions those with a value and a label; the ARN differs in the Region alone (user
        guide, "Replicate secrets across Regions"). Admin secrets are replicated beside it.
        """
        held = {version: set(of) for version, of in primary.stages.items() if of and version in primary.values}
        return cls(
            moved(primary.arn, region),
            {version: value for version, value in primary.values.items() if version in held},
            held,
            {moved(arn, region): value for arn, value in primary.admins.items()},
            world=primary.world,
            primary_region=region_of(primary.arn),
        )

    def describe(self) -> Versions:
        """Read the labels, and what stands beside them."""
        found = super().describe()
        return Versions(
            found.arn, found.stages, primary_region=found.primary_region, function=self.function, tags=self.own_tags
        )

    def describe_replica(self, region: str) -> Versions:
        """Read the labels of the old primary."""
        if self.former is None:
            return super().describe_replica(region)
        return self.former.describe()

    def stop_replication(self) -> None:
        """Cut the link."""
        with self._call("stop_replication"):
            self.primary_region = ""

    def promote(self, token: str, replacing: str) -> None:
        """Move AWSCURRENT, where the secret is no replica."""
        self._require_own()
        super().promote(token, replacing)

    def unstage(self, token: str) -> None:
        """Take AWSPENDING off, where the secret is no replica."""
        self._require_own()
        super().unstage(token)

    def put_current(self, token: str, value: str) -> None:
        """Store a value once."""
        self._require_own()
        with self._call("put_current"):
            if self.values.setdefault(token, value) != value:
                raise StoreError("The token has another value", where=self.arn)
            self._move(Stage.CURRENT, token, by_put=True)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Add tags."""
        self._require_own()
        with self._call("tag"):
            self.own_tags |= tags

    def policy(self) -> str:
        """Have none."""
        with self._call("policy"):
            return ""

    def attach(self, token: str, function: str, rules: Mapping[str, Any], *, immediately: bool) -> None:
        """Attach a function; refuse while another version than the current one is pending."""
        del rules
        self._require_own()
        with self._call("attach"):
            if self.holder(Stage.PENDING) not in {None, self.holder(Stage.CURRENT)}:
                raise StoreError("A previous rotation isn't complete", where=self.arn)
            self.function = function
            if immediately:
                self._move(Stage.PENDING, token)
                self.begun.append(token)

    def cancel_rotation(self, region: str) -> None:
        """Do nothing: what a function does whose rotation is off is no matter of the service."""
        with self._call("cancel_rotation"):
            del region

    def overwrite(self, replica: Replica) -> None:
        """Have no other Region."""
        raise VersionNotFound("There is no such Region", where=replica.region)

    def _require_own(self) -> None:
        if self.primary_region:
            raise StoreError("Operation not permitted on a replica secret", where=self.arn)
