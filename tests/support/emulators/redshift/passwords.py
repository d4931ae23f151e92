"""How Redshift keeps passwords, and how a login proves one (Developer Guide, "CREATE USER")."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

FORBIDDEN = frozenset("'\"\\/@ ")
SHORTEST, LONGEST = 8, 64


def stored(given: str, name: str) -> str | None:
    """Return what is kept for a password as a statement names it; None where the rules refuse it."""
    if re.fullmatch(r"md5[0-9a-f]{32}", given) or re.fullmatch(r"sha256\|[0-9a-f]{64}\|[0-9a-f]{64}", given):
        return given
    clear = given.removeprefix("sha256|")
    if not acceptable(clear):
        return None
    if given.startswith("sha256|"):
        salt = secrets.token_bytes(32)
        return f"sha256|{hashlib.sha256(clear.encode() + salt).hexdigest()}|{salt.hex()}"
    return "md5" + hashlib.md5((clear + name).encode(), usedforsecurity=False).hexdigest()


def acceptable(clear: str) -> bool:
    """Apply the rules for a password in clear: length, a capital, a small letter, a digit, no odd character."""
    return (
        SHORTEST <= len(clear) <= LONGEST
        and all(any(test(letter) for letter in clear) for test in (str.isupper, str.islower, str.isdigit))
        and all("!" <= letter <= "~" and letter not in FORBIDDEN for letter in clear)
    )


def md5_answer(record: str, salt: bytes) -> bytes:
    """Return what a client that knows the password answers to an MD5 challenge."""
    inner = record.removeprefix("md5").encode() + salt
    return b"md5" + hashlib.md5(inner, usedforsecurity=False).hexdigest().encode()


def digest_answer(record: str, server_nonce: bytes, client_nonce: bytes) -> bytes:
    """Return what a client that knows the password answers to a digest challenge."""
    _, digest, _ = record.split("|")
    return hashlib.sha256(bytes.fromhex(digest) + server_nonce + client_nonce).digest()


def same(given: bytes, expected: bytes) -> bool:
    """Compare."""
    return hmac.compare_digest(given, expected)
