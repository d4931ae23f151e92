"""
A topic of SNS, and what its subscriber gets.

SNS API reference, Publish: a subject is ASCII of at most 100 characters, begins with a letter, a number or a mark of
punctuation, and has no line breaks or control characters; a message has at most 262,144 bytes of UTF-8, and is not
empty; with MessageStructure=json it is an object of texts, of which "default" is one.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.support.emulators.rds import answering
from tests.support.emulators.wire.errors import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 262_144
SUBJECT: Final = 100
_ANSWER: Final = """<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
<PublishResult><MessageId>{id}</MessageId></PublishResult></PublishResponse>"""


@dataclass(frozen=True)
class Got:
    """A message, as a subscriber by mail gets it."""

    subject: str
    text: str


@dataclass
class Topic:
    """What was published."""

    url: str = ""
    _got: list[Got] = field(default_factory=list)

    def taken(self) -> list[Got]:
        """Return what came since this was asked last."""
        got, self._got = self._got, []
        return got

    def publish(self, request: dict[str, list[str]]) -> str:
        """Answer a client. Raises ServiceError."""
        (action,) = request["Action"]
        if action != "Publish":
            raise answer(f"{action} is not emulated.", code="InvalidAction")
        (subject,), (text,) = request.get("Subject", [""]), request.get("Message", [""])
        if request.get("MessageStructure") == ["json"]:
            text = json.loads(text)["default"]
        if not text or len(text.encode()) > LONGEST:
            raise answer("Invalid parameter: Message", code="InvalidParameter")
        if len(subject) > SUBJECT or not subject.isascii() or not subject.isprintable() or subject[:1] == " ":
            raise answer("Invalid parameter: Subject", code="InvalidParameter")
        self._got.append(Got(subject, text))
        return _ANSWER.format(id=uuid.uuid4())


@contextmanager
def topic() -> Iterator[Topic]:
    """Listen for what is published."""
    one = Topic()
    with answering(one.publish) as one.url:
        yield one
