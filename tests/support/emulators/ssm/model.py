"""Parameters and their versions. Values never show in a repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.wire.clock import epoch

if TYPE_CHECKING:
    from datetime import datetime

Request = dict[str, Any]
Response = dict[str, Any]

REGION: Final = "eu-west-1"
ACCOUNT: Final = "123456789012"
ARN: Final = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/"
DEFAULT_KEY: Final = "alias/aws/ssm"
STANDARD: Final = "Standard"
ADVANCED: Final = "Advanced"
SECURE: Final = "SecureString"


def arn_of(name: str) -> str:
    """Return a parameter's ARN."""
    return ARN + name.removeprefix("/")


@dataclass(frozen=True)
class Version:
    """What one PutParameter wrote; it never changes but for its labels, which the parameter keeps."""

    number: int
    written: int
    """The place of the write among all writes of the service."""
    at: datetime
    by: str
    value: str = field(repr=False)
    type: str
    key: str | None
    tier: str
    description: str | None
    pattern: str | None
    data_type: str
    policies: str | None


@dataclass
class Parameter:
    """A name, its versions from the oldest to the newest, its labels and tags."""

    name: str
    versions: list[Version] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def newest(self) -> Version:
        """Return the newest version."""
        return self.versions[-1]

    def labels_of(self, number: int) -> list[str]:
        """Return a version's labels."""
        return sorted(label for label, held in self.labels.items() if held == number)

    def shown(self, version: Version, *, decrypted: bool, selector: str = "") -> Response:
        """Return what GetParameter says of a version."""
        answer: Response = {
            "Name": self.name,
            "Type": version.type,
            "Value": _value(version, decrypted=decrypted),
            "Version": version.number,
            "LastModifiedDate": epoch(version.at),
            "ARN": arn_of(self.name),
            "DataType": version.data_type,
        }
        return answer | ({"Selector": f":{selector}"} if selector else {})

    def described(self, version: Version) -> Response:
        """Return what DescribeParameters says of a version."""
        known = {
            "Name": self.name,
            "Type": version.type,
            "KeyId": version.key,
            "LastModifiedDate": epoch(version.at),
            "LastModifiedUser": f"arn:aws:iam::{ACCOUNT}:user/{version.by}",
            "Description": version.description,
            "AllowedPattern": version.pattern,
            "Version": version.number,
            "Tier": version.tier,
            "DataType": version.data_type,
        }
        return {key: value for key, value in known.items() if value is not None} | {"Policies": _policies(version)}

    def remembered(self, version: Version, *, decrypted: bool) -> Response:
        """Return what GetParameterHistory says of a version."""
        value = _value(version, decrypted=decrypted)
        return self.described(version) | {"Value": value, "Labels": self.labels_of(version.number)}


def _value(version: Version, *, decrypted: bool) -> str:
    """Return the clear text, or of a SecureString what holds nothing of it."""
    return version.value if decrypted or version.type != SECURE else f"AQICAH-{version.written}"


def _policies(version: Version) -> list[Response]:
    return [{"PolicyText": version.policies, "PolicyStatus": "Pending"}] if version.policies else []
