"""Which version may stand in for another."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final

import pytest

from rotation.credentials import overrides, secret_format, vouching
from rotation.credentials.vouching import differences, vouches_for
from rotation.model import Address, Overrides, PasswordRules, Secret, StoredVersion
from tests.support.memory.engine import MemoryEngine, MemoryServer

ADMIN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:admin-AbCdEf"
VALUE: Final[dict[str, Any]] = {
    "engine": "memory",
    "host": "db.example",
    "port": 5432,
    "dbname": "main",
    "authSource": "users",
    "username": "app",
    "password": "one-password",
    "masterarn": ADMIN,
    "rotation": {"host": "own.example", "passwordLength": 40},
    "note": "carried along",
}


def secret(**changed: Any) -> Secret:  # noqa: ANN401 JSON
    """Return a version of that value."""
    document = {key: value for key, value in {**VALUE, **changed}.items() if value is not None}
    version = StoredVersion("arn", "version", frozenset(), json.dumps(document))
    return secret_format.parse(version, MemoryEngine(MemoryServer()).traits)


def rotation(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    """Return the settings of that value with a change."""
    return {**VALUE["rotation"], **changed}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"username": "app_clone", "password": "another-one"},
        {"note": "another"},
        {"port": "5432"},
        {"host": "DB.example."},
        {"rotation": rotation(host="OWN.example.")},
        {"ssl": True},
        {"rotation": rotation(strategy="single-user")},
        {"rotationRecord": '{"base": "app", "from": "a", "to": "b"}'},
        {"masterarn": ADMIN.replace("eu-west-1", "eu-central-1")},
    ],
    ids=str,
)
def test_what_differs_in_nothing_that_decides(changed: dict[str, Any]) -> None:
    """Another user, another password, and what is only carried along are no other place and no other rule."""
    assert vouches_for(secret(), secret(**changed))


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"engine": "memory-of-two"}, "engine"),
        ({"host": "elsewhere.example"}, "host"),
        ({"port": 5433}, "port"),
        ({"dbname": "other"}, "dbname"),
        ({"authSource": None}, "authSource"),
        ({"ssl": False}, "ssl"),
        ({"masterarn": None}, "masterarn"),
        ({"masterarn": f"{ADMIN[:-6]}GhIjKl"}, "masterarn"),
        ({"rotation": rotation(host="elsewhere.example")}, "rotation.host"),
        ({"rotation": rotation(port=5432)}, "rotation.port"),
        ({"rotation": rotation(mirror="/mirrors/one")}, "rotation.mirror"),
        ({"rotation": rotation(passwordLength=12)}, "rotation.passwordLength"),
        ({"rotation": rotation(excludeCharacters="abc")}, "rotation.excludeCharacters"),
        ({"rotation": rotation(excludeNumbers=True)}, "rotation.excludeNumbers"),
        ({"rotation": rotation(excludePunctuation=False)}, "rotation.excludePunctuation"),
        ({"rotation": rotation(excludeUppercase=True)}, "rotation.excludeUppercase"),
        ({"rotation": rotation(excludeLowercase=True)}, "rotation.excludeLowercase"),
        ({"rotation": rotation(requireEachIncludedType=False)}, "rotation.requireEachIncludedType"),
    ],
)
def test_what_decides_is_named(changed: dict[str, Any], key: str) -> None:
    """Where a password goes, how, by which admin and by what rules: each counts alone."""
    assert key in differences(secret(), secret(**changed))
    assert not vouches_for(secret(), secret(**changed))


def test_every_key_was_thought_of() -> None:
    """Whoever adds something that a secret may say of its way, or of its passwords, says here whether it decides."""
    decides_nothing = {"strategy", "base", "made_from", "made_for", "made_at", "seal"}
    own = {field.name for field in fields(Overrides)} - decides_nothing - {"password"}
    rules = {overrides.RULES[field.name] for field in fields(PasswordRules)}
    elsewhere = {"tls": "ssl", "database": "dbname", "auth_database": "authSource", "cluster": "dbClusterIdentifier"}
    not_stored = {"users_database", "application_database", "dialect", "hosts"}  # the admin's; told by other keys
    place = {elsewhere.get(field.name, field.name) for field in fields(Address)} - not_stored
    looked_at = {*vouching._deciding(secret()), "ssl"}  # noqa: SLF001 what it looks at
    assert looked_at == {f"rotation.{key}" for key in own | rules} | place | {"engine", "masterarn"}


def test_tls_may_become_stronger() -> None:
    """What was accepted without TLS stands in for a version that asks for it."""
    assert vouches_for(secret(ssl=False), secret())


def test_the_clients_port_counts_beside_the_servers_own() -> None:
    """Clients send the password to the port of a proxy, which is not where it is changed."""
    own = rotation(port=15432)
    assert differences(secret(rotation=own), secret(rotation=own, port=5433)) == {"port"}
