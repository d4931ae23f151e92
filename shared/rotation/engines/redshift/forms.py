"""In which form the server keeps a user's password: its question at a login tells."""

from __future__ import annotations

import hashlib
import secrets
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rotation.model import Password

_SALT_BYTES: Final = 32


class Form(Enum):
    """
    A form of a password, by the code of the server's question at a login.

    Clients that speak PostgreSQL's protocol answer MD5's alone (PostgreSQL manual, "Message Formats",
    AuthenticationMD5Password). The other question is Redshift's own, and only its drivers answer it (their source).
    """

    MD5 = 5
    SHA256 = 13


FORMS: Final = {form.value: form for form in Form}
"""The forms by code. Any other question (for clear text, for an identity provider's token) is of no form."""


def hashed(password: Password, username: str, form: Form) -> str:
    """
    Make the text that stands for the password (Developer Guide, "CREATE USER", PASSWORD).

    MD5 is of the password followed by the name. SHA-256 is of the password followed by the salt's bytes; the salt is
    written in hexadecimal.
    """
    clear = password.reveal().encode("utf-8", "surrogatepass")
    if form is Form.MD5:
        named = clear + username.encode("utf-8", "surrogatepass")
        return f"md5{hashlib.md5(named, usedforsecurity=False).hexdigest()}"
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"sha256|{hashlib.sha256(clear + salt).hexdigest()}|{salt.hex()}"


def unusable() -> str:
    """Make a text that no password stands for; PASSWORD DISABLE is for superusers alone (the same section)."""
    return f"sha256|{secrets.token_hex(32)}|{secrets.token_hex(_SALT_BYTES)}"
