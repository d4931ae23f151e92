"""The function's environment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import InvalidSettings
from rotation.model import PasswordRules, ReplicaGate, StrategyName
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
    "REPLICA_REPAIR": "replica_repair",
    "PROXY_KNOWS_BOTH_USERS": "proxy_knows_both_users",
    "ALLOW_LOCAL_HOSTS": "allow_local_hosts",
    "CLEAR_TEXT_PASSWORDS": "clear_text_passwords",
}
NAMES = [
    *SWITCHES,
    *OWN_SWITCHES,
    "PASSWORD_LENGTH",
    "PASSWORD_MINIMUM_BITS",
    "REPLICA_GATE",
    "EXCLUDE_CHARACTERS",
    "ROTATION_STRATEGY",
    "ADMIN_SECRET_ARNS",
    "ADMIN_SECRET_TAG",
    "DATABASE_CA_BUNDLE",
    "SECRETS_MANAGER_ENDPOINT",
    "SEAL_KEY",
    "MIRROR_PATH",
]
IN_THE_OPEN = [
    *("http://secretsmanager.example.com", "http://localhost.example.com", "http://127.0.0.1.example.com"),
    *("http://10.0.0.1:80", "http://[fd00::1]", "http://0.0.0.0", "http://"),
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
            "PASSWORD_MINIMUM_BITS": "50",
            "EXCLUDE_CHARACTERS": " /@\"'\\",
            "ROTATION_STRATEGY": "alternating-users",
            "REPLICA_GATE": "warn",
            "ADMIN_SECRET_ARNS": f" {ARN}-AbCdEf ,, {ARN}2-??????,",
            "ADMIN_SECRET_TAG": "AdminGroup=orders=1",
            "DATABASE_CA_BUNDLE": str(bundle),
            "SECRETS_MANAGER_ENDPOINT": "https://vpce.example:8443",
            "SEAL_KEY": "a-key",
            "AWS_REGION": "eu-west-1",
        }
    )
    assert settings == Settings(
        password=PasswordRules(length=40, exclude_characters=" /@\"'\\"),
        password_bits=50,
        strategy=StrategyName.ALTERNATING_USERS,
        replica_gate=ReplicaGate.WARN,
        admin_secret_arns=(f"{ARN}-AbCdEf", f"{ARN}2-??????"),
        admin_secret_tag=("AdminGroup", "orders=1"),
        ca_bundle=bundle,
        endpoint="https://vpce.example:8443",
        seal_key="a-key",
    )
    assert "a-key" not in repr(settings)


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
        ("REPLICA_GATE", "secret-canary"),
        ("DATABASE_CA_BUNDLE", "/nowhere/secret-canary.pem"),
        ("DATABASE_CA_BUNDLE", "/"),
        ("DATABASE_CA_BUNDLE", "secret-canary" * 1000),
        ("SECRETS_MANAGER_ENDPOINT", "secretsmanager.eu-west-1.amazonaws.com"),
        ("SECRETS_MANAGER_ENDPOINT", "ftp://secret-canary"),
        ("SECRETS_MANAGER_ENDPOINT", "https://"),
        *(("SECRETS_MANAGER_ENDPOINT", url) for url in IN_THE_OPEN),
        ("PASSWORD_MINIMUM_BITS", "many"),
        ("ADMIN_SECRET_TAG", "secret-canary"),
        ("ADMIN_SECRET_TAG", "=secret-canary"),
        ("ADMIN_SECRET_TAG", "secret-canary="),
        ("ADMIN_SECRET_ARNS", "secret-canary"),
        ("ADMIN_SECRET_ARNS", "*"),
        ("ADMIN_SECRET_ARNS", f"{ARN.rpartition(':')[0]}:*"),
        ("ADMIN_SECRET_ARNS", f"{ARN}-AbCdEf,{ARN.rpartition(':')[0]}:?-AbCdEf"),
        ("ADMIN_SECRET_ARNS", ARN.replace("123456789012", "*")),
        ("ADMIN_SECRET_ARNS", f"{ARN}-secret-canary-?????"),
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
        (f"{ARN}-AbCdEf", f"{ARN}-AbCdEf-GhIjKl", False),
        (f"{ARN}-AbCdEf", f"{ARN}-GhIjKl", False),
        (f"{ARN}-??????", f"{ARN}-??????", False),
        (f"{ARN}-??????", f"{ARN}-AbCdE\n", False),
        (f"{ARN}-??????", f"{ARN}-other-AbCdEf", False),
        (f"{ARN}-??????", ARN, False),
        (f"{ARN}.x-??????", f"{ARN}-x-AbCdEf", False),
        (f"{ARN}-*", f"{ARN}-orders-AbCdEf", True),
        (f"{ARN}-*", f"{ARN}s-AbCdEf", False),
        (f"{ARN}/*/admin-??????", f"{ARN}/orders/admin-AbCdEf", True),
        (f"{ARN}/*/admin-??????", f"{ARN}/orders/admin-AbCdEf-GhIjKl", False),
        (f"{ARN}-?-AbCdEf", f"{ARN}-1-AbCdEf", True),
        (f"{ARN}-?-AbCdEf", f"{ARN}-12-AbCdEf", False),
        (f"{ARN}-AbCdEf", "", False),
    ],
)
def test_which_admin_secrets_are_admitted(entry: str, arn: str, *, admitted: bool) -> None:
    """An entry is compared as a whole, and read as IAM reads it; the template's role has the very same entries."""
    assert Settings(admin_secret_arns=(entry,)).admits_admin(arn) is admitted


@pytest.mark.parametrize("entry", [ARN, f"{ARN}/orders", f"{ARN}-abc", f"{ARN}-AbCdEfG"])
def test_an_entry_without_its_end_is_refused_at_start(entry: str) -> None:
    """The sentence says which entry it is, and what is missing."""
    with pytest.raises(InvalidSettings, match=r"entry \(2\) without the hyphen and six characters") as refused:
        Settings.from_environment({"ADMIN_SECRET_ARNS": f"{ARN}-??????,{entry}"})
    assert "??????" in refused.value.remedy


@pytest.mark.parametrize(("host", "taken"), [("172.17.0.1", True), ("192.0.43.10", False), ("db.example", False)])
def test_containers_of_a_test_may_speak_without_tls(host: str, *, taken: bool) -> None:
    """Only by an address of a private network, and only where the setting for tests is on."""
    url = f"http://{host}:4566"
    beside = {"SECRETS_MANAGER_ENDPOINT": url, "ALLOW_LOCAL_HOSTS": "true"}
    if taken:
        assert Settings.from_environment(beside).endpoint == url
        beside["ALLOW_LOCAL_HOSTS"] = "false"
    with pytest.raises(InvalidSettings, match="readable on the way"):
        Settings.from_environment(beside)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_this_machine_itself_may_be_spoken_to_without_tls(host: str) -> None:
    """So do tests with an emulator."""
    url = f"http://{host}:4566/path"
    assert Settings.from_environment({"SECRETS_MANAGER_ENDPOINT": url}).endpoint == url


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        ({}, False),
        ({"SECRETS_MANAGER_ENDPOINT": "https://vpce.example"}, False),
        ({"SECRETS_MANAGER_ENDPOINT": "http://127.0.0.1:4566"}, True),
        ({"SECRETS_MANAGER_ENDPOINT": "http://127.0.0.1:4566", "ALLOW_LOCAL_HOSTS": "false"}, False),
        ({"ALLOW_LOCAL_HOSTS": "true"}, True),
    ],
)
def test_when_a_host_may_be_this_machine(environment: dict[str, str], *, allowed: bool) -> None:
    """Where somebody says so, or where Secrets Manager itself is an emulator here."""
    assert Settings.from_environment(environment).allow_local_hosts is allowed
