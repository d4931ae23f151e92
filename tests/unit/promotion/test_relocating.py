"""A value that reads as it should in another Region."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rotation.credentials import secret_format
from rotation.model import StoredVersion

HERE: dict[str, Any] = {"host": "there.example", "port": 5433, "masterarn": "arn-there", "dbClusterIdentifier": "there"}


def relocated(place: dict[str, Any], made_at: str | None = None, **document: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    """Relocate a value, and read it."""
    version = StoredVersion("arn", "one", frozenset(), json.dumps(document))
    return dict(json.loads(secret_format.relocated(version, place, made_at)))


def test_what_a_value_names_is_named_otherwise() -> None:
    """What it does not name is given to it only where it needs it: the port of the host."""
    assert relocated(HERE, host="db.example", other=1) == {"host": "there.example", "port": 5433, "other": 1}
    assert relocated(HERE, masterarn="arn", dbClusterIdentifier="here") == {
        "masterarn": "arn-there",
        "dbClusterIdentifier": "there",
        "port": "5433",
    }


def test_a_value_of_texts_stays_one() -> None:
    """A port in it is a text."""
    assert relocated(HERE, host="db.example", port="5432") == {"host": "there.example", "port": "5433"}


def test_a_value_that_says_it_already_stays_as_it_is() -> None:
    """To the last character, so that nothing has to be stored."""
    text = '{ "host":"there.example","port":"5433" , "password": "\\u00fc" }'
    assert secret_format.relocated(StoredVersion("arn", "one", frozenset(), text), HERE) == text


@pytest.mark.parametrize("as_text", [False, True])
def test_the_databases_own_endpoint(*, as_text: bool) -> None:
    """It stands in the settings, beside what else is set there, as an object or as a text; and only where it stood."""
    settings = {"host": "own.example", "passwordLength": 40, "base": "app"}
    place = {"rotation.host": "own.there.example", "rotation.port": 6000}
    found = relocated(place, host="proxy.example", rotation=json.dumps(settings) if as_text else settings)
    assert isinstance(found["rotation"], str) is as_text
    inner = json.loads(found["rotation"]) if as_text else found["rotation"]
    assert inner == {**settings, "host": "own.there.example", "port": 6000}
    assert relocated(place, host="db.example") == {"host": "db.example"}


def test_where_it_was_made() -> None:
    """It is recorded where the value does not say so itself."""
    assert json.loads(relocated({}, "eu-west-1", host="a")["rotationRecord"]) == {"at": "eu-west-1"}
    known = {"host": "a", "rotationRecord": json.dumps({"at": "us-east-1"})}
    assert relocated({}, "eu-west-1", **known) == known
