"""What the audit may be told: thresholds, lists and switches, each printed in the report."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class BadSetting(Exception):
    """A setting that cannot be read; the text says which, and what it takes."""


def _setting(default: Any, meaning: str) -> Any:  # noqa: ANN401 of any type
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """The thresholds. Each is read from the variable of its name in capitals, with ``AUDIT_`` before it."""

    max_interval_days: int = _setting(90, "Longest interval of a rotation schedule.")
    max_age_days: int = _setting(90, "Oldest value of a secret that no schedule rotates.")
    unused_days: int = _setting(90, "Days without a read after which a secret is unused.")
    new_days: int = _setting(30, "Days in which a new secret need not have been read.")
    late_hours: int = _setting(24, "Hours after the end of its window in which a rotation may still come.")
    pending_hours: int = _setting(24, "Hours that AWSPENDING may stay on a version of its own.")
    failures_days: int = _setting(7, "Days in which failed rotations are counted.")
    failures: int = _setting(2, "Failed rotations in these days that make a finding.")
    replica_minutes: int = _setting(60, "Minutes that a replica may stay InProgress.")
    runtime_days: int = _setting(180, "Days of notice before a function's runtime ends.")
    timeout_seconds: int = _setting(30, "Shortest timeout of a rotation function.")
    cache_minutes: int = _setting(60, "Minutes that clients keep a secret they have read.")
    crowd: int = _setting(50, "Secrets of one function that may rotate in one window.")
    foreign_accounts: int = _setting(5, "Other accounts that one policy may name.")
    parameter_days: int = _setting(90, "Oldest value of a parameter that looks like a database credential.")
    exception_days: int = _setting(365, "Longest life of an exception.")
    exception_notice_days: int = _setting(14, "Days before the end of an exception in which it is announced.")
    customer_key: bool = _setting(default=False, meaning="Whether each secret needs a customer managed key.")
    required_tags: tuple[str, ...] = _setting((), "Tags that each secret must have.")
    known_accounts: tuple[str, ...] = _setting((), "Other accounts that policies may name.")
    allowed_regions: tuple[str, ...] = _setting((), "Regions in which replicas may be; none: all.")
    replica_regions: tuple[str, ...] = _setting((), "Regions in which each replicated secret must have a replica.")
    freezes: tuple[str, ...] = _setting((), "Days on which nothing may rotate, such as 2026-12-20/2027-01-02.")
    function_prefix: str = _setting("secret-rotation", "What the names of this suite's functions begin with.")
    policies_per_second: int = _setting(10, "GetResourcePolicy calls a second; the account has 50 in all.")
    versions_per_second: int = _setting(10, "ListSecretVersionIds calls a second.")
    readers: tuple[str, ...] = _setting((), "ARNs of the roles and users that may read; none: reads are not looked at.")
    reads_days: int = _setting(7, "Days for which a read by somebody else is told.")
    reads_pages: int = _setting(200, "Most LookupEvents calls for reads in a Region and run; 50 reads each.")
    lookups_per_second: int = _setting(1, "LookupEvents calls for reads a second; the account has 2 in all.")
    read_values: bool = _setting(default=False, meaning="Whether values are read, for the rules that need them.")
    password_length: int = _setting(16, "Shortest password that is not weak.")
    values_per_second: int = _setting(50, "GetSecretValue calls a second.")
    drop_empty_pending: bool = _setting(
        default=False, meaning="Whether AWSPENDING is taken from a version that has held no value for a day."
    )

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read the environment. Raises BadSetting."""
        given = {it.name: environment.get(f"AUDIT_{it.name.upper()}", "") for it in fields(cls)}
        kinds = {it.name: type(it.default) for it in fields(cls)}
        read: dict[str, Any] = {name: _read(name, kinds[name], text) for name, text in given.items() if text}
        return cls(**read)

    def __post_init__(self) -> None:
        """Read the freezes. Raises BadSetting."""
        self.frozen()

    def frozen(self) -> list[tuple[date, date]]:
        """Return the first and the last day of each freeze. Raises BadSetting."""
        try:
            found = [tuple(map(date.fromisoformat, it.split("/"))) for it in self.freezes]
            return [(first, last) for first, last in found]
        except ValueError:
            text = f"AUDIT_FREEZES is {', '.join(self.freezes)!r}. It takes days such as 2026-12-20/2027-01-02."
            raise BadSetting(text) from None

    def printed(self) -> dict[str, object]:
        """Return them all, for the report."""
        return {it.name: getattr(self, it.name) for it in fields(self)}


def meanings() -> dict[str, tuple[object, str]]:
    """Return each setting's default and meaning, for the guide."""
    return {it.name: (it.default, str(it.metadata["meaning"])) for it in fields(Settings)}


def _read(name: str, kind: type, text: str) -> object:
    if kind is tuple:
        return tuple(filter(None, re.split(r"[,\s]+", text)))
    if kind is bool:
        if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        raise BadSetting(f"AUDIT_{name.upper()} is {text!r}. It takes true or false.")
    if kind is int:
        if text.isdecimal():
            return int(text)
        raise BadSetting(f"AUDIT_{name.upper()} is {text!r}. It takes a whole number.")
    return text
