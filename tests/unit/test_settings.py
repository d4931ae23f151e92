"""The function's environment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import InvalidSettings
from rotation.model import PasswordRules, StrategyName
from rotation.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SWITCHES = {
    "EXCLUDE_NUMBERS": "exclude_numbers",
    "EXCLUDE_PUNCTUATION": "exclude_punctuation",
    "EXCLUDE_UPPERCASE": "exclude_uppercase",
    "EXCLUDE_LOWERCASE": "exclude_lowercase",
    "REQUIRE_EACH_INCLUDED_TYPE": "require_each_included_type",
}
OWN_SWITCHES = {
    "ALLOW_PRIVILEGED_TARGETS": "allow_privileged_targets",
    "ADOPT_UNMARKED_CLONES": "adopt_unmarked_clones",
    "REPAIR_BY_ADMIN": "repair_by_admin",
    "PROXY_KNOWS_BOTH_USERS": "proxy_knows_both_users",
}
NAMES = [
    *SWITCHES,
    *OWN_SWITCHES,
    "PASSWORD_LENGTH",
    "EXCLUDE_CHARACTERS",
    "ROTATION_STRATEGY",
    "ADMIN_SECRET_ARNS",
    "DATABASE_CA_BUNDLE",
    "SECRETS_MANAGER_ENDPOINT",
]
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:admin"


def test_nothing_is_needed() -> None:
    """Every setting may be left out."""
    assert Settings.from_environment({}) == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_is_absent(name: str) -> None:
    """A template passes parameters that nobody filled as empty texts."""
    assert Settings.from_environment({name: ""}) == Settings()


def switched(name: str, *, on: bool) -> Settings:
    """Return the settings with one switch set."""
    changes: dict[str, Any] = {(SWITCHES | OWN_SWITCHES)[name]: on}
    if name in SWITCHES:
        return Settings(password=replace(PasswordRules(), **changes))
    return replace(Settings(), **changes)


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "Y", "on", " true "])
@pytest.mark.parametrize("name", SWITCHES | OWN_SWITCHES)
def test_a_switch_that_is_on(name: str, text: str) -> None:
    """The ways to say yes, in any case."""
    assert Settings.from_environment({name: text}) == switched(name, on=True)


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "N", "off"])
@pytest.mark.parametrize("name", SWITCHES | OWN_SWITCHES)
def test_a_switch_that_is_off(name: str, text: str) -> None:
    """The ways to say no; a rule that is off is a rule, too."""
    assert Settings.from_environment({name: text}) == switched(name, on=False)


def test_texts_and_numbers(tmp_path: Path) -> None:
    """The other settings are read as they are."""
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    settings = Settings.from_environment(
        {
            "PASSWORD_LENGTH": "40",
            "EXCLUDE_CHARACTERS": " /@\"'\\",
            "ROTATION_STRATEGY": "alternating-users",
            "ADMIN_SECRET_ARNS": f" {ARN}-AbCdEf ,, {ARN}2-??????,",
            "DATABASE_CA_BUNDLE": str(bundle),
            "SECRETS_MANAGER_ENDPOINT": "https://vpce.example:8443",
            "AWS_REGION": "eu-west-1",
        }
    )
    assert settings == Settings(
        password=PasswordRules(length=40, exclude_characters=" /@\"'\\"),
        strategy=StrategyName.ALTERNATING_USERS,
        admin_secret_arns=(f"{ARN}-AbCdEf", f"{ARN}2-??????"),
        ca_bundle=bundle,
        endpoint="https://vpce.example:8443",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PASSWORD_LENGTH", "x"),
        ("PASSWORD_LENGTH", "-1"),
        ("PASSWORD_LENGTH", "3.5"),
        ("PASSWORD_LENGTH", "٣"),
        ("PASSWORD_LENGTH", "²"),
        ("PASSWORD_LENGTH", "9" * 5000),
        ("ROTATION_STRATEGY", "two-users"),
        ("DATABASE_CA_BUNDLE", "/nowhere/secret-canary.pem"),
        ("DATABASE_CA_BUNDLE", "/"),
        ("DATABASE_CA_BUNDLE", "secret-canary" * 1000),
        ("SECRETS_MANAGER_ENDPOINT", "secretsmanager.eu-west-1.amazonaws.com"),
        ("SECRETS_MANAGER_ENDPOINT", "ftp://secret-canary"),
        ("SECRETS_MANAGER_ENDPOINT", "https://"),
        *((name, "secret-canary") for name in SWITCHES | OWN_SWITCHES),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(name: str, text: str) -> None:
    """A setting that cannot be read is refused at start, by its name alone."""
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environment({name: text})
    assert name in refused.value.what
    assert "secret-canary" not in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("entry", "arn", "admitted"),
    [
        (f"{ARN}-AbCdEf", f"{ARN}-AbCdEf", True),
        (f"{ARN}-??????", f"{ARN}-AbCdEf", True),
        (f"{ARN}-??????", f"{ARN}-??????", True),
        (f"{ARN}-AbCdEf", f"{ARN}-GhIjKl", False),
        (f"{ARN}-??????", f"{ARN}-other-AbCdEf", False),
        (f"{ARN}-*", f"{ARN}-AbCdEf", False),
        ("*", f"{ARN}-AbCdEf", False),
        (ARN, f"{ARN}-AbCdEf", True),
        (f"{ARN}-??????", ARN, True),
        (f"{ARN}-??????", f"{ARN}-admins-AbCdEf", False),
        (f"{ARN}-AbCdEf", "", False),
    ],
)
def test_which_admin_secrets_are_admitted(entry: str, arn: str, *, admitted: bool) -> None:
    """An admin secret is on the list as it is, or with its random part left open or left off; nothing wider counts."""
    assert Settings(admin_secret_arns=(entry,)).admits_admin(arn) is admitted
