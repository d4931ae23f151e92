"""The seal says that createSecret made a value: for this token, of this secret, with nothing in it changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.credentials import secret_format
from rotation.credentials.seals import is_sealed, sealing
from rotation.model import Credential, Password, Provenance, StoredVersion
from tests.support.memory.engine import MemoryEngine, MemoryServer

if TYPE_CHECKING:
    from rotation.model import Secret

TRAITS = MemoryEngine(MemoryServer({})).traits
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
LEAST = {"engine": "memory", "host": "db.example", "username": "app", "password": "first"}
RECORDS: list[Any] = [None, "", {}, '{"base": "app"}', '{ "at": "eu-west-1" }', '{"seal": "older", "base": "app"}']


def parsed(text: str, version: str = "token") -> Secret:
    return secret_format.parse(StoredVersion(ARN, version, frozenset(), text), TRAITS)


def made(current: dict[str, Any], provenance: Provenance | None = None, key: str | None = "key") -> str:
    secret = parsed(json.dumps(current), "first")
    credential = Credential("app", Password("second"))
    return secret_format.render(secret, credential, provenance, seal=sealing(key, "token", secret))


@pytest.mark.parametrize("provenance", [None, Provenance("app", "first", "token")])
@pytest.mark.parametrize("record", RECORDS)
def test_what_was_sealed_is_seen_to_be(record: Any, provenance: Provenance | None) -> None:  # noqa: ANN401 JSON
    """Whatever stood in the record before; the rest of the value stays as it is, and the record one text."""
    text = made({**LEAST, "port": 5432, "größe": 1.5, "rotationRecord": record}, provenance)
    assert is_sealed("key", parsed(text))
    document = json.loads(text)
    assert len(json.loads(document.pop("rotationRecord"))["seal"]) == 32
    assert document == {**LEAST, "port": 5432, "größe": 1.5, "password": "second"}


def test_nothing_else_is_taken_for_sealed() -> None:
    """Each part counts: the key, the token, the secret, and each key of the value, what the record says included."""
    document = json.loads(made(LEAST, Provenance("app", "first", "token")))
    record = json.loads(document["rotationRecord"])
    text = json.dumps(document)
    assert not is_sealed("another", parsed(text))
    assert not is_sealed("key", parsed(text, "another"))
    assert not is_sealed("key", replace(parsed(text), arn=f"{ARN}2"))
    for key in record:
        other = json.dumps({**record, key: "0" * 32})
        assert not is_sealed("key", parsed(json.dumps({**document, "rotationRecord": other}))), key
    for key in ("host", "password", "username", "new"):
        assert not is_sealed("key", parsed(json.dumps({**document, key: "changed"}))), key
    assert not is_sealed("key", parsed(json.dumps(LEAST)))
    assert not is_sealed("key", parsed(json.dumps({**LEAST, "rotationRecord": json.dumps({"seal": "ü"})})))


def test_without_a_key_nothing_is_sealed() -> None:
    """The secret is as it was, but for the password."""
    assert json.loads(made(LEAST, key=None)) == {**LEAST, "password": "second"}


def test_the_order_of_the_keys_is_of_no_account() -> None:
    """A store may write them in another one."""
    document = json.loads(made(LEAST))
    assert is_sealed("key", parsed(json.dumps(dict(reversed(document.items())))))
