"""The function's settings: its environment variables, read once at start and checked as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rotation.errors import InvalidSettings
from rotation.model import PasswordRules, StrategyName

if TYPE_CHECKING:
    from collections.abc import Mapping

_YES: Final = frozenset({"true", "1", "y", "yes", "on"})
_NO: Final = frozenset({"false", "0", "n", "no", "off"})
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_URL: Final = re.compile(r"https?://[A-Za-z0-9.:_\[\]-]+(/[!-~]*)?")
_RANDOM_SUFFIX: Final = re.compile(r"-(\?{6}|[A-Za-z0-9]{6})$")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function is told by its environment. The names of AWS's rotation functions keep their meaning."""

    password: PasswordRules = field(default_factory=PasswordRules)
    strategy: StrategyName | None = None
    admin_secret_arns: tuple[str, ...] = ()
    allow_privileged_targets: bool = False
    adopt_unmarked_clones: bool = False
    repair_by_admin: bool = False
    proxy_knows_both_users: bool = False
    ca_bundle: Path | None = None
    endpoint: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check all settings; an empty variable counts as absent. Raises InvalidSettings."""
        read = _Reader(environment)
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
            strategy=read.strategy("ROTATION_STRATEGY"),
            admin_secret_arns=read.several("ADMIN_SECRET_ARNS"),
            allow_privileged_targets=read.switch("ALLOW_PRIVILEGED_TARGETS") or False,
            adopt_unmarked_clones=read.switch("ADOPT_UNMARKED_CLONES") or False,
            repair_by_admin=read.switch("REPAIR_BY_ADMIN") or False,
            proxy_knows_both_users=read.switch("PROXY_KNOWS_BOTH_USERS") or False,
            ca_bundle=read.file("DATABASE_CA_BUNDLE"),
            endpoint=read.url("SECRETS_MANAGER_ENDPOINT"),
        )

    def admits_admin(self, arn: str) -> bool:
        """
        Return whether the admin secret is on the list.

        An entry may end in ``-??????``, as in IAM policies, or lack the suffix that Secrets Manager adds to a name.
        """
        stem = _RANDOM_SUFFIX.sub("", arn)
        return not {arn, f"{arn}-??????", stem, f"{stem}-??????"}.isdisjoint(self.admin_secret_arns)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed access to environment variables, with errors that name the variable and never show its value."""

    environment: Mapping[str, str]

    def text(self, name: str) -> str | None:
        return self.environment.get(name) or None

    def several(self, name: str) -> tuple[str, ...]:
        entries = (entry.strip() for entry in self.environment.get(name, "").split(","))
        return tuple(entry for entry in entries if entry)

    def number(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            raise _wrong(name, "is not a whole number", "Give a number of characters, such as 32.")
        return int(text)

    def switch(self, name: str) -> bool | None:
        text = (self.text(name) or "").strip().lower()
        if text not in _YES | _NO | {""}:
            raise _wrong(name, "is neither true nor false", "Set it to true or false.")
        return text in _YES if text else None

    def strategy(self, name: str) -> StrategyName | None:
        text = self.text(name)
        if text is not None and text not in set(StrategyName):
            raise _wrong(name, "names no strategy", f"Choose one of {', '.join(StrategyName)}, or leave it empty.")
        return StrategyName(text) if text else None

    def url(self, name: str) -> str | None:
        text = self.text(name)
        if text is not None and not _URL.fullmatch(text):
            raise _wrong(name, "is not the URL of an endpoint", "Give one such as https://vpce-….amazonaws.com.")
        return text

    def file(self, name: str) -> Path | None:
        text = self.text(name)
        if text is not None and not _is_file(Path(text)):
            raise _wrong(name, "names a file that is not there", "Give the path of a PEM file in the package or layer.")
        return Path(text) if text else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file could have
        return False


def _wrong(name: str, what: str, remedy: str) -> InvalidSettings:
    return InvalidSettings(f"The setting {name} {what}", where="the function's environment", remedy=remedy)
