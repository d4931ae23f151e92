"""What the audit knows of an account: secrets and what stands around them, and what it finds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from audit.schedule import Schedule

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"


class Severity(IntEnum):
    """How soon somebody should look."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """Return it as people write it."""
        return self.name.lower()


class Kind(StrEnum):
    """The class of a secret, which decides what may be asked of it."""

    OURS = "ours"
    FOREIGN = "foreign function"
    SERVICE = "managed by a service"
    EXTERNAL = "external"
    REPLICA = "replica"
    DELETED = "deleted"
    DECLARED = "declared not rotatable"
    UNROTATED = "no rotation"


ROTATED: Final = frozenset({Kind.OURS, Kind.FOREIGN})
"""Kinds that a Lambda function rotates."""
LIVE: Final = frozenset(Kind) - {Kind.REPLICA, Kind.DELETED}
"""Kinds that are judged by what stands in their own Region."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version that holds a value, as ListSecretVersionIds gives it."""

    id: str
    stages: frozenset[str]
    created: datetime | None
    accessed: datetime | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A replica of a secret, as its primary Region tells it."""

    region: str
    status: str
    message: str
    accessed: datetime | None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A service event of Secrets Manager: a rotation that succeeded, failed or was abandoned."""

    name: str
    at: datetime
    message: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The last error that one of our functions wrote about a secret."""

    error: str
    step: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Read:
    """Who read a secret without being on the list of readers, first and last."""

    reader: str
    first: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """What was seen in a value: nothing of the value itself."""

    json: bool = True
    """Whether it is a JSON object."""
    missing: tuple[str, ...] = ()
    """Keys that a function of ours needs."""
    weak: str = ""
    """What is weak about the password."""
    logins: tuple[str, ...] = ()
    """Server and user of each login, as keyed hashes."""
    admin: str = ""
    """The admin secret of a pair."""
    turn: str = ""
    """Which user of a pair is current: base or clone."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a resource policy says, without the policy itself."""

    public: bool = False
    foreign: frozenset[str] = frozenset()
    """Accounts besides the secret's own that are let in by name, without a boundary of an organisation."""
    gone: frozenset[str] = frozenset()
    """Principals that no longer exist: IAM shows their unique ids."""
    shared: frozenset[str] = frozenset()
    """Every other account that is named, behind a boundary or not."""


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key, once for all secrets under it."""

    arn: str
    state: str
    customer: bool
    symmetric: bool = True
    rotates: bool | None = None
    deletion: datetime | None = None
    accounts: frozenset[str] | None = None
    """Accounts that its policy names; None where it was not read."""


@dataclass(frozen=True, slots=True)
class Function:
    """A rotation function, once for all secrets that it serves."""

    arn: str
    exists: bool
    state: str = "Active"
    runtime: str = ""
    timeout: int = 0
    role: str = ""
    """The role that it runs under, and reads its secrets by."""
    stopped: bool = False
    """Whether its reserved concurrency is 0."""
    invocable: bool | None = None
    """Whether Secrets Manager may invoke it; None where its policy was not read."""
    layers: tuple[str, ...] = ()
    """ARNs of its layers, version included."""
    behind: str = ""
    """Which version of a layer it has, and which is the newest that another function has."""
    any_account: bool = False
    """Whether a secret of any account may have it rotate."""
    secrets: int = 0
    some: tuple[str, ...] = ()
    """Names of the first few secrets that it serves."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as ListSecrets gives it, its class, and what was read around it."""

    arn: str
    name: str
    region: str
    account: str
    kind: Kind
    created: datetime | None = None
    changed: datetime | None = None
    rotated: datetime | None = None
    accessed: datetime | None = None
    due: datetime | None = None
    deleted: datetime | None = None
    enabled: bool | None = None
    """None: rotation was never configured; False: it was switched off."""
    function: str = ""
    schedule: Schedule | None = None
    key: str = ""
    service: str = ""
    primary_region: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    at_function: Function | None = None
    at_key: Key | None = None
    access: Access | None = None
    versions: tuple[Version, ...] | None = None
    copies: tuple[Copy, ...] = ()
    events: tuple[Event, ...] = ()
    told: Told | None = None
    reads: tuple[Read, ...] = ()
    rotation_roles: frozenset[str] = frozenset()
    """Roles of the rotation functions of its Region."""
    held: Held | None = None
    """What its value shows; None where it was not read."""
    twins: tuple[str, ...] = ()
    """Other secrets of the same user."""
    admin_gone: str = ""
    """What became of the admin secret of its pair, where it is not there any more."""
    pending_since: datetime | None = None
    quiet_intervals: int = 0
    """Intervals, the running one included, in which nobody but its rotation read it."""

    @property
    def lone_pending(self) -> str | None:
        """Return the version that carries AWSPENDING and not AWSCURRENT: a rotation under way, or one that failed."""
        found = (version for version, its in self.stages.items() if PENDING in its and CURRENT not in its)
        return next(found, None)

    def holding(self, stage: str) -> Version | None:
        """Return the version with a value that carries a label."""
        return next((it for it in self.versions or () if stage in it.stages), None)

    def last(self, name: str) -> Event | None:
        """Return the last event of a name."""
        return max((it for it in self.events if it.name == name), key=lambda it: it.at, default=None)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of Parameter Store, without its value."""

    arn: str
    name: str
    region: str
    account: str
    secure: bool
    modified: datetime | None
    description: str = ""
    expires: bool = False
    key: str = ""
    """As it is named; empty and alias/aws/ssm mean the default key."""


@dataclass(frozen=True, slots=True)
class Blind:
    """What could not be looked at, and what to do so that it is seen."""

    area: str
    region: str
    account: str
    reason: str
    advice: str
    what: str = ""

    @property
    def arn(self) -> str:
        """Name it as a resource."""
        return f"blind:{self.account}:{self.region}:{self.area}:{self.what}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Why a finding is left as it is, by whom, and until when."""

    rule: str
    subject: str
    until: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should do, or decide not to."""

    rule: str
    severity: Severity
    arn: str
    name: str
    region: str
    account: str
    title: str
    evidence: str
    remedy: str
    kind: str = ""
    cause: str = ""
    accepted: Accepted | None = None

    @property
    def id(self) -> str:
        """Return what stays the same from day to day: the rule and what it is about."""
        return hashlib.sha256(f"{self.rule}|{self.arn}".encode()).hexdigest()[:32]
