"""Names, literals and hashes as Redshift reads them, without a server."""

from __future__ import annotations

import hashlib

import pytest

from rotation.engines.redshift.accounts import Flags, User, levelling
from rotation.engines.redshift.forms import Form, hashed
from rotation.engines.redshift.text import identifier, literal, name_list, require_whole
from rotation.errors import GuardViolation
from rotation.model import Password


@pytest.mark.parametrize("name", ["a" * 128, "é" * 64])
def test_a_name_longer_than_127_bytes_is_refused(name: str) -> None:
    """Bytes count, not letters."""
    with pytest.raises(GuardViolation):
        require_whole(name)


def test_names_and_literals_are_quoted() -> None:
    """Quotes are doubled, and backslashes in texts, which Redshift reads as escapes."""
    assert identifier("A", 'b"c') == '"A"."b""c"'
    assert literal("it's \\ here") == "'it''s \\\\ here'"


def test_a_search_path_is_quoted_name_by_name() -> None:
    """Whatever was quoted in it stays one name."""
    assert name_list('"$user", public,"a, ""b"') == '"$user", "public", "a, ""b"'


def test_a_md5_hash_is_the_guides_own() -> None:
    """The example of the Developer Guide, "CREATE USER"."""
    assert hashed(Password("ez"), "user1", Form.MD5) == "md5153c434b4b77c89e6b94f12c5393af5b"


def test_a_hash_is_of_the_password_and_the_salts_bytes() -> None:
    """The salt is written in hexadecimal and counted as bytes (Developer Guide, "CREATE USER")."""
    form, digest, salt = hashed(Password("Abcdefg1"), "app", Form.SHA256).split("|")
    assert (form, digest) == ("sha256", hashlib.sha256(b"Abcdefg1" + bytes.fromhex(salt)).hexdigest())
    assert len(bytes.fromhex(salt)) == 32


def test_an_odd_parameter_is_quoted() -> None:
    """A parameter's name is a name."""
    base = User(
        "a",
        Flags(superuser=False, createdb=False, valid_until="infinity", settings={"app.odd name": "x"}),
        "1",
        "RESTRICTED",
        0,
    )
    clone = User("b", Flags(superuser=False, createdb=False, valid_until="infinity", settings={}), "1", "RESTRICTED", 0)
    assert [change.statement for change in levelling(base, clone)] == ['ALTER USER "b" SET app."odd name" TO \'x\'']
