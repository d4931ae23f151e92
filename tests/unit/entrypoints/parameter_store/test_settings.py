"""The settings of the function for parameters."""

from __future__ import annotations

import pytest

from rotation.entrypoints.parameter_store.settings import ParameterSettings
from rotation.errors import InvalidSettings
from rotation.stores.parameter_store import Publishing

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/rotation.fifo"


def test_defaults() -> None:
    """Nothing needs to be set; what is empty counts as absent."""
    names = ("ROTATION_JOURNAL", "ROTATION_DAYS", "ROTATION_QUEUE_URL", "FOLLOW_LABELS", "RESTORE_FOREIGN")
    assert ParameterSettings.from_environment(dict.fromkeys(names, "")) == ParameterSettings("/rotation", 30)


def test_all() -> None:
    """Each is read."""
    environment = {
        "ROTATION_JOURNAL": "/our/journal",
        "ROTATION_DAYS": "7",
        "ROTATION_QUEUE_URL": QUEUE,
        "FOLLOW_LABELS": "live, blue ,",
        "RESTORE_FOREIGN": "true",
    }
    publishing = Publishing(restore_foreign=True, follow_labels=frozenset({"live", "blue"}))
    assert ParameterSettings.from_environment(environment) == ParameterSettings("/our/journal", 7, QUEUE, publishing)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROTATION_JOURNAL", "rotation"),
        ("ROTATION_JOURNAL", "/rotation/"),
        ("ROTATION_JOURNAL", "/"),
        ("ROTATION_JOURNAL", "/aws/rotation"),
        ("ROTATION_DAYS", "0"),
        ("ROTATION_DAYS", "a month"),
        ("ROTATION_QUEUE_URL", "rotation.fifo"),
        ("ROTATION_QUEUE_URL", "http://sqs.example.com/1/q"),
        ("FOLLOW_LABELS", "1st"),
        ("FOLLOW_LABELS", "aws-x"),
        ("RESTORE_FOREIGN", "perhaps"),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(name: str, value: str) -> None:
    """What to do is said."""
    with pytest.raises(InvalidSettings, match=name) as error:
        ParameterSettings.from_environment({name: value})
    assert value not in str(error.value) or value in {"rotation", "/"}
    assert error.value.remedy
