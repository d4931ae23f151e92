"""A secret as the service keeps it: versions, and labels that each point to one version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from tests.support.emulators.secretsmanager.replication import Reason

Request = dict[str, Any]
Response = dict[str, Any]

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"
PREVIOUS = "AWSPREVIOUS"


@dataclass(frozen=True)
class Value:
    """A secret's content: text, or binary as its base64 form."""

    text: str | None = field(default=None, repr=False)
    binary: str | None = field(default=None, repr=False)

    def content(self) -> str:
        """Return whichever of the two there is."""
        return (self.text if self.text is not None else self.binary) or ""

    def fields(self) -> Response:
        """Return it as a response names it."""
        return {"SecretString": self.text} if self.text is not None else {"SecretBinary": self.binary}


@dataclass
class Version:
    """One version; without a value when RotateSecret has only staged it."""

    version_id: str
    created: datetime
    value: Value | None = field(default=None, repr=False)
    accessed: datetime | None = None


@dataclass
class Rotation:
    """A rotation that the service has begun and not yet ended."""

    arn: str
    token: str
    rotation_token: str = field(repr=False)
    test_only: bool = False
    attempts: int = 0


@dataclass
class RotationSettings:
    """What DescribeSecret tells about a secret's rotation."""

    enabled: bool | None = None
    lambda_arn: str | None = None
    rules: Response = field(default_factory=dict)
    last_rotated: datetime | None = None
    next_rotation: datetime | None = None


@dataclass
class Content:
    """What is copied of a secret at a moment: values by version, labels, and what is beside them."""

    values: dict[str, tuple[datetime, Value]] = field(repr=False)
    labels: dict[str, str]
    beside: tuple[str, dict[str, str], str | None]
    """Description, tags and resource policy, which are replicated too (user guide)."""


@dataclass
class Copy:
    """One change under way to a replica: values and labels, each due at its own moment."""

    content: Content
    values_due: datetime
    labels_due: datetime
    made: datetime


@dataclass
class Replica:
    """A Region of a primary's, as DescribeSecret lists it."""

    region: str
    kms_key: str = ""
    copies: list[Copy] = field(default_factory=list)
    failed: Reason | None = None
    stuck: bool = False
    stopped: bool = False
    last: Content | None = None
    """What was last put on the way."""
    served: bool = False
    """Whether anything usable has arrived there."""

    def listed(self, now: datetime, late: timedelta) -> Response:
        """Return its entry of ReplicationStatus; InSync has no version, and InProgress may begin late."""
        entry: Response = {"Region": self.region}
        entry |= {"KmsKeyId": self.kms_key} if self.kms_key else {}
        if self.failed is not None:
            return entry | {"Status": "Failed", "StatusMessage": str(self.failed)}
        under_way = self.stuck or any(now >= copy.made + late for copy in self.copies)
        return entry | {"Status": "InProgress" if under_way else "InSync"}


@dataclass
class Secret:
    """A secret. `labels` maps a label to its version, so that no label can sit on two.

    API reference, UpdateSecretVersionStage: "Each staging label can be attached to only one version at a time".
    """

    arn: str
    name: str
    created: datetime
    changed: datetime
    versions: dict[str, Version] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    description: str = ""
    kms_key: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    had_tags: bool = False
    policy: str | None = None
    deletion: datetime | None = None
    deleted_at: datetime | None = None
    accessed: datetime | None = None
    rotation: RotationSettings = field(default_factory=RotationSettings)
    running: Rotation | None = None
    replicas: dict[str, Replica] = field(default_factory=dict)
    """Of a primary: its replicas by Region."""
    primary_region: str = ""
    """Of a replica: where its primary is."""
    owning_service: str = ""
    external_type: str = ""
    """Of a managed external secret: the partner's type (API reference, SecretListEntry, Type)."""
    started_tokens: set[str] = field(default_factory=set)

    def stages(self, version_id: str) -> list[str]:
        """Return the labels of a version."""
        return [label for label, holder in self.labels.items() if holder == version_id]

    def at(self, label: str) -> Version | None:
        """Return the version that carries a label."""
        holder = self.labels.get(label)
        return None if holder is None else self.versions[holder]

    def version_ids_to_stages(self) -> dict[str, list[str]]:
        """Return the versions that have labels (API reference, DescribeSecret: VersionIdsToStages)."""
        return {version_id: self.stages(version_id) for version_id in self.versions if self.stages(version_id)}
