"""The values that a rotation is made of. They do nothing on their own, and none of them shows a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn
from weakref import WeakSet

from rotation.address import Address as Address  # noqa: PLC0414, TC001 one of the values, in a file of its own
from rotation.deadline import Deadline as Deadline  # noqa: PLC0414 likewise
from rotation.versions import LAST_REFUSED as LAST_REFUSED  # noqa: PLC0414 likewise
from rotation.versions import LATE_CUTOVER as LATE_CUTOVER  # noqa: PLC0414 likewise
from rotation.versions import OUR_LABELS as OUR_LABELS  # noqa: PLC0414 likewise
from rotation.versions import SEARCHING as SEARCHING  # noqa: PLC0414 likewise
from rotation.versions import Replica as Replica  # noqa: PLC0414 likewise
from rotation.versions import Stage as Stage  # noqa: PLC0414 likewise
from rotation.versions import StoredVersion as StoredVersion  # noqa: PLC0414 likewise
from rotation.versions import Versions as Versions  # noqa: PLC0414 likewise
from rotation.versions import VersionState as VersionState  # noqa: PLC0414 likewise
from rotation.versions import in_region as in_region  # noqa: PLC0414 likewise
from rotation.versions import region_of as region_of  # noqa: PLC0414 likewise

if TYPE_CHECKING:
    from collections.abc import Mapping

CLONE_SUFFIX: Final = "_clone"
"""What the second user of a pair is called: the name in AWS's rotation functions, so that a secret can move over."""


class Step(StrEnum):
    """The steps of a rotation (Secrets Manager user guide, "Lambda rotation functions")."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


class StrategyName(StrEnum):
    """The names by which settings and secrets choose a strategy."""

    SINGLE_USER = "single-user"
    ALTERNATING_USERS = "alternating-users"
    RETAINED_PASSWORD = "retained-password"  # noqa: S105 a strategy's name


class ReplicaGate(StrEnum):
    """What becomes of a rotation while a replica does not serve the current version."""

    REFUSE = "refuse"
    WARN = "warn"


class Ownership(Enum):
    """What the server itself says of whose an account is."""

    ABSENT = "the account does not exist"
    OURS = "marked as this secret's"
    UNMARKED = "carries no mark"
    FOREIGN = "marked as another secret's"


class Password:
    """A password that shows itself only where it is asked to; every live one is known to the log's scrubber."""

    __slots__ = ("__weakref__", "_text")
    live: Final[WeakSet[Password]] = WeakSet()

    def __init__(self, text: str) -> None:
        """Keep the text, and tell the scrubber of it."""
        self._text = text
        Password.live.add(self)

    def reveal(self) -> str:
        """Return the clear text, for the driver or the store."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compare by text."""
        return isinstance(other, Password) and other._text == self._text

    __hash__ = object.__hash__  # by identity: equal passwords of two secrets must both stay known to the scrubber

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise TypeError("a password is not pickled")

    def __repr__(self) -> str:
        """Show nothing."""
        return "Password(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and its password."""

    username: str
    password: Password


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What a new password is made of; ``None`` leaves the choice to the next one who is asked."""

    length: int | None = None
    exclude_characters: str | None = None
    exclude_numbers: bool | None = None
    exclude_punctuation: bool | None = None
    exclude_uppercase: bool | None = None
    exclude_lowercase: bool | None = None
    require_each_included_type: bool | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine accepts: password length in characters, user names in bytes."""

    password_min: int
    password_max: int
    name_bytes: int
    forbidden: str = ""
    default_excluded: str = "/@\"'\\"
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Traits:
    """What is fixed about an engine; ``name`` is for messages, and no behaviour is switched on it."""

    name: str
    names: frozenset[str]
    default_port: int
    default_database: str
    limits: Limits
    two_passwords: frozenset[str] = frozenset()
    """Those of the names whose servers may keep a second password for a user."""
    longer_names: Mapping[str, int] = field(default_factory=dict)
    """How many bytes a user name may have with those of the names that allow more than the others."""
    editions: Mapping[str, Traits] = field(default_factory=dict)
    """What is fixed about each of the names, where one engine stands for several."""
    levels_one_database: bool = False
    """Whether an admin sees and changes rights in the database alone that it is logged in to."""
    clustered: bool = False
    """Whether the servers stand in clusters of one writer and readers, and which is which may change at any time."""

    def of(self, engine: str) -> Traits:
        """Return what is fixed about the engine of that name."""
        return self.editions.get(engine, self)

    def name_bytes(self, engine: str) -> int:
        """Return how long a user name may be with the engine of that name."""
        edition = self.of(engine)
        return edition.longer_names.get(engine, edition.limits.name_bytes)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which version a pending value was made for, from which it was made, and the base of a pair where there is one."""

    base: str | None
    made_from: str
    made_for: str


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a secret's ``rotation`` object may set: strategy, password's rules, own endpoint, mirrors, the pair."""

    strategy: StrategyName | None = None
    password: PasswordRules = field(default_factory=PasswordRules)
    host: str | None = None
    port: int | None = None
    hosts: tuple[str, ...] = ()
    base: str | None = None
    made_from: str | None = None
    made_for: str | None = None
    made_at: str | None = None  # the Region, where the secret has replicas
    seal: str | None = None
    mirror: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """A version's value, read and checked. ``document`` is the JSON object as it was, with all its other keys."""

    arn: str
    version: str
    stages: frozenset[str]
    engine: str
    address: Address
    credential: Credential
    admin_arn: str | None
    overrides: Overrides
    document: Mapping[str, Any] = field(repr=False)
    two_passwords: bool = False  # whether servers of this engine may keep a second one for a user

    @property
    def username(self) -> str:
        """The user that the secret is about."""
        return self.credential.username


@dataclass(frozen=True, slots=True)
class Pair:
    """
    The two users that alternate: the base, its clone, and which of them is about to be promoted.

    ``version`` is the id of the pending version for which the idle user is prepared; the mark records it.
    """

    secret_arn: str
    base: str
    idle: str
    version: str
    current: str = ""  # the id of the version that AWSCURRENT is on, where its credential was just seen to log in

    @property
    def clone(self) -> str:
        """The second user's name."""
        return self.base + CLONE_SUFFIX

    @property
    def active(self) -> str:
        """The user that AWSCURRENT names."""
        return self.base if self.promotes_clone else self.clone

    @property
    def promotes_clone(self) -> bool:
        """Whether it is the clone's turn."""
        return self.idle != self.base


class Mark(NamedTuple):
    """What a server keeps beside an account: whose it is, its base's name, and the last version prepared."""

    secret_arn: str
    base: str
    version: str
