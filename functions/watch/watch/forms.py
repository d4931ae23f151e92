"""The forms of a message: text for mail and pagers, and what Amazon Q Developer in chat applications takes."""

from __future__ import annotations

import json
import unicodedata
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watch.model import Message

_LONGEST: Final = 3000
_SUBJECT: Final = 100
"""Characters of a subject, which are ASCII in one line (SNS API reference, Publish)."""
_DEFUSED: Final = str.maketrans({"<": "(", ">": ")", "`": "'"})
"""What chat makes links and mentions of."""


def plain(text: object) -> str:
    """Return a text without control characters, and cut: it may be by whoever wants it to look like ours."""
    cleaned = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in str(text))
    return cleaned if len(cleaned) <= _LONGEST else f"{cleaned[:_LONGEST]}…"


def subject_of(message: Message) -> str:
    """Return the title as a subject of mail."""
    told = plain(message.title).encode("ascii", "replace").decode()
    return told if len(told) <= _SUBJECT else f"{told[: _SUBJECT - 3]}..."


def text_of(message: Message) -> str:
    """Return the message as text."""
    parts = [plain(message.title), "", *map(plain, message.facts)]
    if message.commands:
        parts += ["", "Type:", *(f"  {plain(one)}" for one in message.commands)]
    if message.links:
        parts += ["", *(f"{name}: {link}" for name, link in message.links)]
    return "\n".join([*parts, ""])


def chat_of(message: Message) -> str:
    """
    Return the message for a chat.

    Amazon Q Developer in chat applications, administrator guide, "Custom notifications", event schema.
    """
    steps = [f"`{_chat(one)}`" for one in message.commands]
    steps += [f"<{link}|{name}>" for name, link in message.links]
    content = {
        "textType": "client-markdown",
        "title": _chat(message.title),
        "description": "\n".join(map(_chat, message.facts)),
    }
    thread = {"threadId": sha256(message.about.encode()).hexdigest(), "summary": _chat(message.title)}
    told = {"version": "1.0", "source": "custom", "content": content | ({"nextSteps": steps} if steps else {})}
    return json.dumps(told | {"metadata": thread}, ensure_ascii=False)


def _chat(text: str) -> str:
    return plain(text).translate(_DEFUSED)


def published(message: Message, *, chat: bool) -> dict[str, str]:
    """Return what SNS publishes (API reference, Publish, MessageStructure json: a form for each protocol)."""
    text = text_of(message)
    if not chat:
        return {"Subject": subject_of(message), "Message": text}
    forms = {"default": text, "https": chat_of(message)}
    return {"Subject": subject_of(message), "MessageStructure": "json", "Message": json.dumps(forms)}
