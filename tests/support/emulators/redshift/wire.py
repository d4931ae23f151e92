"""The messages of the protocol, as far as the stand-in reads and writes them (PostgreSQL manual, "Message Formats")."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

SSL_REQUEST = 80877103
CANCEL_REQUEST = 80877102
PROTOCOL = 196608
MD5, DIGEST = 5, 13


async def read_startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a message without a type: its code and what follows."""
    length, code = struct.unpack("!ii", await reader.readexactly(8))
    return code, await reader.readexactly(length - 8)


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read a message: its type and its content."""
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


def message(kind: bytes, content: bytes) -> bytes:
    """Write a message."""
    return kind + struct.pack("!i", len(content) + 4) + content


def parameters(content: bytes) -> dict[str, str]:
    """Read the parameters of a start-up message."""
    words = [word.decode() for word in content.split(b"\0")]
    return dict(zip(words[::2], words[1::2], strict=False))


def startup(words: dict[str, str]) -> bytes:
    """Write a start-up message."""
    content = b"".join(key.encode() + b"\0" + value.encode() + b"\0" for key, value in words.items()) + b"\0"
    return struct.pack("!ii", len(content) + 8, PROTOCOL) + content


def error(code: str, text: str, severity: str = "FATAL") -> bytes:
    """Write an error."""
    fields = {"S": severity, "C": code, "M": text, "F": "auth.c", "L": "415", "R": "auth_failed"}
    return message(b"E", b"".join(key.encode() + value.encode() + b"\0" for key, value in fields.items()) + b"\0")


def sqlstate(content: bytes) -> str:
    """Read the code of an error."""
    return next(field[1:].decode() for field in content.split(b"\0") if field[:1] == b"C")


def md5_challenge(salt: bytes) -> bytes:
    """Ask for the password's MD5."""
    return message(b"R", struct.pack("!i", MD5) + salt)


def digest_challenge(salt: bytes, nonce: bytes) -> bytes:
    """Ask for the password's digest, as Redshift does (code 13, algorithm 0: SHA-256)."""
    return message(b"R", struct.pack("!iii", DIGEST, 0, len(salt)) + salt + struct.pack("!i", len(nonce)) + nonce)


def digest_parts(content: bytes) -> tuple[bytes, bytes]:
    """Read the answer to it: the digest and the client's nonce."""
    size = struct.unpack("!i", content[:4])[0]
    return content[4 : 4 + size], content[8 + size :]
