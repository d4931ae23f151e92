"""The forms of a message: text for mail and pagers, and what Amazon Q Developer in chat applications takes."""

from __future__ import annotations

import json
import unicodedata
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watch.model import Message

_LONGEST: Final = 3000
_TEXT: Final = 60_000
_CHAT: Final = 7_000
"""Bytes of a form. SNS takes 262,144 for all (API reference, Publish); JSON in JSON makes four bytes of a quote."""
_SUBJECT: Final = 100
"""Characters of a subject, which are ASCII in one line (SNS API reference, Publish)."""
_DEFUSED: Final = str.maketrans({"<": "(", ">": ")", "`": "'"})
"""What chat makes links and mentions of, and what ends a piece of code: in a piece of code nothing else counts."""


def plain(text: object) -> str:
    """Return a text without control characters, and cut: it may be by whoever wants it to look like ours."""
    whole = str(text)
    cleaned = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in whole[:_LONGEST])
    return cleaned if len(whole) <= _LONGEST else f"{cleaned}…"


def _commands(message: Message) -> list[str]:
    """Return the commands; one that would have to be cut would be another command."""
    return [plain(one) for one in message.commands if len(one) <= _LONGEST]


def _cut(text: str, most: int) -> str:
    """Return as much of a text as so many bytes hold."""
    whole = text.encode()
    return text if len(whole) <= most else f"{whole[:most].decode(errors='ignore')}…"


def subject_of(message: Message) -> str:
    """Return the title as a subject of mail."""
    told = plain(message.title).encode("ascii", "replace").decode()
    return told if len(told) <= _SUBJECT else f"{told[: _SUBJECT - 3]}..."


def text_of(message: Message) -> str:
    """Return the message as text."""
    parts = [plain(message.title), "", *map(plain, message.facts)]
    if commands := _commands(message):
        parts += ["", "Type:", *(f"  {one}" for one in commands)]
    if message.links:
        parts += ["", *(f"{name}: {link}" for name, link in message.links)]
    return _cut("\n".join([*parts, ""]), _TEXT)


def chat_of(message: Message) -> str:
    """
    Return the message for a chat.

    Amazon Q Developer in chat applications, administrator guide, "Custom notifications", event schema. All that stands
    in a fact is code: chat would make bold of the stars in a grant, and links of what somebody wrote.
    """
    steps = [f"`{_chat(one)}`" for one in _commands(message)]
    steps += [f"<{link}|{name}>" for name, link in message.links]
    content = {
        "textType": "client-markdown",
        "title": _chat(message.title),
        "description": f"```\n{_cut(chr(10).join(map(_chat, message.facts)), _CHAT)}\n```",
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
    sent = json.dumps(forms, ensure_ascii=False)
    return {"Subject": subject_of(message), "MessageStructure": "json", "Message": sent}
