"""The function's settings: its environment variables, read once at start and checked as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, overload
from urllib.parse import urlsplit

from rotation.credentials.password_policy import LEAST_BITS
from rotation.errors import InvalidSettings
from rotation.model import PasswordRules, ReplicaGate, StrategyName

if TYPE_CHECKING:
    from collections.abc import Mapping

_YES: Final = frozenset({"true", "1", "y", "yes", "on"})
_NO: Final = frozenset({"false", "0", "n", "no", "off"})
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_URL: Final = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?")
_PATH: Final = re.compile(r"(?!/(aws|ssm))(/[A-Za-z0-9_.-]+){1,10}", re.IGNORECASE)
_SUFFIX: Final = "-[A-Za-z0-9]{6}"
_OPEN: Final = "-??????"
_ANY: Final = r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:"
_ANY_PARAMETER: Final = r"arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/"
_ARN: Final = re.compile(_ANY + "[A-Za-z0-9/_+=.@!-]+")
_PATTERN: Final = re.compile(f"({_ANY}|{_ANY_PARAMETER})[A-Za-z0-9/_+=.@!-][A-Za-z0-9/_+=.@!*?-]*")
"""One that begins with an asterisk would be every secret of the account."""

_PARAMETER: Final = re.compile(f"{_ANY_PARAMETER}[A-Za-z0-9/_.-]+")

REFERENCE: Final = "/aws/reference/secretsmanager/"
"""What Parameter Store's names of secrets begin with (user guide, "Referencing AWS Secrets Manager secrets")."""


def covers(entry: str, arn: str) -> bool:
    """
    Return whether an entry of the list of admin secrets means that ARN.

    It is compared as a whole, and read as in IAM policies: an asterisk is any text, a question mark one character
    (IAM user guide, "Resource"). A ``-??????`` at its end is the six characters that Secrets Manager adds to a name.
    """
    stem = re.escape(entry.removesuffix(_OPEN)).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(stem + (_SUFFIX if entry.endswith(_OPEN) else ""), arn) is not None


def is_whole(arn: str) -> bool:
    """Return whether it has the form of a secret's ARN to its end, a hyphen and six characters, or of a parameter's."""
    secret = _ARN.fullmatch(arn) is not None and re.search(f"{_SUFFIX}$", arn) is not None
    return secret or _PARAMETER.fullmatch(arn) is not None


def named_beside(arn: str, name: str) -> str:
    """
    Return the ARN that a name stands for in the credential of a parameter; what is no such name stays as it is.

    A parameter of the same account may be named by its name, a secret as Parameter Store does: then the end is missing.
    """
    account, parameter, _ = arn.partition(":parameter/")
    if not parameter or not name.startswith("/"):
        return name
    if name.startswith(REFERENCE):
        return f"{account.replace(':ssm:', ':secretsmanager:', 1)}:secret:{name.removeprefix(REFERENCE)}"
    return f"{account}:parameter{name}"


def goes_in_the_open(url: str, *, beside: bool = False) -> bool:
    """
    Return whether what is sent to that URL can be read on the way: without TLS, and not to this machine itself.

    ``beside`` is for tests in containers: an address of a private network, by its number, is as near as this machine.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        address = ip_address(host)
        here = address.is_loopback or (beside and address.is_private)
    except ValueError:
        here = host == "localhost"
    return parts.scheme != "https" and not here


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function is told by its environment. The names of AWS's rotation functions keep their meaning."""

    password: PasswordRules = field(default_factory=PasswordRules)
    password_bits: int = LEAST_BITS
    strategy: StrategyName | None = None
    admin_secret_arns: tuple[str, ...] = ()
    admin_secret_tag: tuple[str, str] | None = None
    allow_privileged_targets: bool = False
    adopt_unmarked_clones: bool = False
    repair_by_admin: bool = False
    proxy_knows_both_users: bool = False
    allow_local_hosts: bool = False
    clear_text_passwords: bool = False
    replica_gate: ReplicaGate = ReplicaGate.REFUSE
    replica_repair: bool = False
    mirror_path: str | None = None
    """Below which path of Parameter Store secrets may name mirrors; None: nowhere."""
    ca_bundle: Path | None = None
    endpoint: str | None = None
    seal_key: str | None = field(default=None, repr=False)
    forbidden_characters: str = ""
    """What no new password may hold where it is kept, whatever is set: no variable sets this."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check all settings; an empty variable counts as absent. Raises InvalidSettings."""
        read = Reader(environment)
        local = read.switch("ALLOW_LOCAL_HOSTS")
        endpoint = read.url("SECRETS_MANAGER_ENDPOINT", beside=local or False)
        return cls(
            password=PasswordRules(
                length=read.number("PASSWORD_LENGTH"),
                exclude_characters=read.text("EXCLUDE_CHARACTERS"),
                exclude_numbers=read.switch("EXCLUDE_NUMBERS"),
                exclude_punctuation=read.switch("EXCLUDE_PUNCTUATION"),
                exclude_uppercase=read.switch("EXCLUDE_UPPERCASE"),
                exclude_lowercase=read.switch("EXCLUDE_LOWERCASE"),
                require_each_included_type=read.switch("REQUIRE_EACH_INCLUDED_TYPE"),
            ),
            password_bits=read.number("PASSWORD_MINIMUM_BITS", LEAST_BITS),
            strategy=read.strategy("ROTATION_STRATEGY"),
            admin_secret_arns=read.arns("ADMIN_SECRET_ARNS"),
            admin_secret_tag=read.tag("ADMIN_SECRET_TAG"),
            allow_privileged_targets=read.switch("ALLOW_PRIVILEGED_TARGETS") or False,
            adopt_unmarked_clones=read.switch("ADOPT_UNMARKED_CLONES") or False,
            repair_by_admin=read.switch("REPAIR_BY_ADMIN") or False,
            proxy_knows_both_users=read.switch("PROXY_KNOWS_BOTH_USERS") or False,
            # Secrets Manager without TLS is an emulator on this machine: then so may the databases be.
            allow_local_hosts=(endpoint or "").startswith("http://") if local is None else local,
            clear_text_passwords=read.switch("CLEAR_TEXT_PASSWORDS") or False,
            replica_gate=read.gate("REPLICA_GATE"),
            replica_repair=read.switch("REPLICA_REPAIR") or False,
            mirror_path=read.path("MIRROR_PATH"),
            ca_bundle=read.file("DATABASE_CA_BUNDLE"),
            endpoint=endpoint,
            seal_key=read.text("SEAL_KEY"),
        )

    def admits_admin(self, arn: str) -> bool:
        """Return whether the admin secret is on the list."""
        return any(covers(entry, arn) for entry in self.admin_secret_arns)

    def admits_tagged(self, tags: Mapping[str, str]) -> bool:
        """Return whether a secret with these tags is an admin secret for one of them."""
        return self.admin_secret_tag is not None and self.admin_secret_tag in tags.items()


@dataclass(frozen=True, slots=True)
class Reader:
    """Typed access to environment variables, with errors that name the variable and never show its value."""

    environment: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """Read a text; an empty one counts as absent."""
        return self.environment.get(name) or None

    def arns(self, name: str) -> tuple[str, ...]:
        """Read a list of admin credentials."""
        entries = [entry.strip() for entry in self.environment.get(name, "").split(",")]
        for place, entry in enumerate(entries, 1):
            if entry and not _PATTERN.fullmatch(entry):
                raise wrong(name, f"has an entry ({place}) that is no ARN of a secret", "Copy the secret's whole ARN.")
            secret = re.match(_ANY, entry)
            if secret and not entry.endswith((_OPEN, "*")) and not re.search(f"{_SUFFIX}$", entry):
                raise wrong(
                    name,
                    f"has an entry ({place}) without the hyphen and six characters that Secrets Manager adds to a name",
                    "Copy the secret's whole ARN, or end the entry in -??????.",
                )
        return tuple(entry for entry in entries if entry)

    def tag(self, name: str) -> tuple[str, str] | None:
        """Read a tag, its key and its value."""
        key, _, value = (self.text(name) or "").partition("=")
        if bool(key) is not bool(value):
            raise wrong(name, "is not a tag", "Give a key and a value, such as AdminGroup=orders.")
        return (key, value) if key else None

    @overload
    def number(self, name: str) -> int | None: ...

    @overload
    def number(self, name: str, default: int) -> int: ...

    def number(self, name: str, default: int | None = None) -> int | None:
        """Read a whole number."""
        text = self.text(name)
        if text is None:
            return default
        if not _NUMBER.fullmatch(text):
            raise wrong(name, "is not a whole number", "Give a number, such as 32.")
        return int(text)

    def switch(self, name: str) -> bool | None:
        """Read a yes or no."""
        text = (self.text(name) or "").strip().lower()
        if text not in _YES | _NO | {""}:
            raise wrong(name, "is neither true nor false", "Set it to true or false.")
        return text in _YES if text else None

    def strategy(self, name: str) -> StrategyName | None:
        """Read a strategy's name."""
        text = self.text(name)
        if text is not None and text not in set(StrategyName):
            raise wrong(name, "names no strategy", f"Choose one of {', '.join(StrategyName)}, or leave it empty.")
        return StrategyName(text) if text else None

    def gate(self, name: str) -> ReplicaGate:
        """Read what becomes of a rotation whose replicas do not follow."""
        text = self.text(name) or ReplicaGate.REFUSE
        if text not in set(ReplicaGate):
            raise wrong(name, "is neither refuse nor warn", "Set it to refuse or warn.")
        return ReplicaGate(text)

    def url(self, name: str, *, beside: bool) -> str | None:
        """Read an endpoint."""
        text = self.text(name)
        if text is not None and not _URL.fullmatch(text):
            raise wrong(name, "is not the URL of an endpoint", "Give one such as https://vpce-….amazonaws.com.")
        if text is not None and goes_in_the_open(text, beside=beside):
            raise wrong(name, "would send secrets over http, readable on the way", "Give one that begins with https.")
        return text

    def path(self, name: str) -> str | None:
        """Read a path of parameters."""
        text = self.text(name)
        if text is not None and not _PATH.fullmatch(text):
            raise wrong(name, "is no path of parameters", "Give one such as /mirrors.")
        return text

    def file(self, name: str) -> Path | None:
        """Read the path of a file."""
        text = self.text(name)
        if text is not None and not _is_file(Path(text)):
            raise wrong(name, "names a file that is not there", "Give the path of a PEM file in the package or layer.")
        return Path(text) if text else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file could have
        return False


def wrong(name: str, what: str, remedy: str) -> InvalidSettings:
    """Make the error of a setting; its value is not shown."""
    return InvalidSettings(f"The setting {name} {what}", where="the function's environment", remedy=remedy)
