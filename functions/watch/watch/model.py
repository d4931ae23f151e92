"""What the watch speaks of: an event as AWS told it, the secret that it is about, what our function said, a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True)
class Event:
    """One event. Whatever stands in it can be by somebody hostile, but for its name, its time and its place."""

    name: str
    id: str
    """The same when it is delivered twice."""
    at: datetime
    region: str
    secret: str = ""
    """A secret by ARN or name, or a key."""
    by: str = ""
    """The ARN of who did it; empty where AWS does not say."""
    role: str = ""
    """The ARN of the role that they took; empty where they took none."""
    version: str = ""
    error: str = ""
    """What Secrets Manager says of a rotation that failed."""
    request: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Secret:
    """A secret, by DescribeSecret: never its value."""

    arn: str
    name: str
    function: str = ""
    """The name of the function that rotates it."""
    found: bool = True


@dataclass(frozen=True)
class Told:
    """The error that our function wrote, and where its line is; empty where it wrote none."""

    error: str = ""
    message: str = ""
    retryable: bool = False
    link: str = ""
    token: str = ""
    """The version that the rotation makes, which keeps AWSPENDING until it succeeds."""
    unread: str = ""
    """AWS's word why the function's log could not be read."""


@dataclass(frozen=True)
class Message:
    """What a person reads."""

    title: str
    facts: tuple[str, ...]
    commands: tuple[str, ...] = ()
    """What to type, the first thing first."""
    links: tuple[tuple[str, str], ...] = ()
    about: str = ""
    """What messages that belong together have in common."""
