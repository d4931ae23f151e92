"""Classes of secrets, exceptions, settings, and names of parameters that look like credentials."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from audit.acceptance import Exceptions
from audit.collecting.parameters import looks_like_a_credential
from audit.model import Accepted, Finding, Kind, Severity
from audit.settings import BadSetting, Settings, meanings
from rotation.stores.parameter_store import layouts
from tests.support.audited.things import ACCOUNT, ARN, NOW, OURS, THEIRS, kind

FINDING = Finding("unused", Severity.LOW, ARN, "orders/database", "eu-west-1", ACCOUNT, "", "", "")
TAGS = {"audit:accept/unused": "until=2027-03-31 by=team-db why=OPS-17 and more"}


def test_who_rotates_it_decides_the_class() -> None:
    assert kind() is Kind.UNROTATED
    assert kind(RotationLambdaARN=OURS) is kind(RotationLambdaARN=f"{OURS}:live") is Kind.OURS
    assert kind(RotationLambdaARN=THEIRS) is Kind.FOREIGN
    # As RDS shows its own: enabled, rules, and no function.
    assert kind(OwningService="rds", RotationEnabled=True, RotationRules={"AutomaticallyAfterDays": 7}) is Kind.SERVICE
    assert kind(Type="SalesforceClientSecret", RotationEnabled=True) is Kind.EXTERNAL
    assert kind(PrimaryRegion="us-east-1", RotationLambdaARN=OURS) is Kind.REPLICA
    assert kind(PrimaryRegion="eu-west-1", RotationLambdaARN=OURS) is Kind.OURS  # a primary names its own Region
    assert kind(DeletedDate=NOW, PrimaryRegion="us-east-1", OwningService="rds") is Kind.DELETED


def test_a_declaration_holds_until_its_end_and_with_an_owner() -> None:
    assert kind(tags={"audit:not-rotatable": "until=2027-03-31 by=team-api why=a licence key"}) is Kind.DECLARED
    assert kind(tags={"audit:not-rotatable": "until=2026-11-28 by=team-api why=a licence key"}) is Kind.UNROTATED
    assert kind(tags={"audit:not-rotatable": "yes"}) is Kind.UNROTATED


def test_an_exception_on_a_tag_holds_for_its_rule() -> None:
    expected = Accepted("unused", ARN, "2027-03-31", "team-db", "OPS-17 and more")
    assert Exceptions().of(FINDING, TAGS, NOW) == expected
    assert Exceptions().of(replace(FINDING, rule="never-read"), TAGS, NOW) is None
    assert Exceptions().of(FINDING, TAGS, NOW + dt.timedelta(days=400)) is None


def test_an_exception_without_an_owner_a_reason_or_an_end_holds_for_nothing() -> None:
    for value in ("until=2027-03-31 by=team-db", "until=2027-03-31 why=x", "by=x why=y", "until=never by=x why=y", ""):
        assert Exceptions().of(FINDING, {"audit:accept/unused": value}, NOW) is None


def test_the_list_of_exceptions_is_read_and_what_it_needs_is_remembered() -> None:
    exceptions = Exceptions.read(
        """
        [[accept]]
        rule = "unused"
        secret = "orders/*"
        until = 2027-03-31
        by = "team-db"
        why = "OPS-17"
        [[accept]]
        rule = "unused"
        secret = "legacy/*"
        until = 2027-03-31
        by = "team-db"
        why = "OPS-18"
        [[accept]]
        rule = "unused"
        secret = "payroll"
        """
    )
    accepted = exceptions.of(FINDING, {}, NOW)
    assert accepted
    assert accepted.why == "OPS-17"
    assert [it.subject for it in exceptions.unused()] == ["legacy/*"]
    assert exceptions.broken == ["entry 3 (unused, payroll)"]
    assert "no TOML" in Exceptions.read("accept = [").broken[0]


@pytest.mark.parametrize("text", ['accept = "all"', "accept = [1]", "accept = {rule = 1}"])
def test_a_list_of_another_shape_says_how_an_entry_begins(text: str) -> None:
    assert Exceptions.read(text).broken == ["accept is no list of tables: begin each entry with [[accept]]"]


def test_a_long_list_that_an_editor_of_windows_wrote_holds_to_the_day() -> None:
    """The last entry of 512, which end yesterday, today and tomorrow; the marks before and within it are no content."""
    every = (
        f'[[accept]]\r\nrule = "unused"\r\nsecret = "orders/{place}"\r\n'
        f'until = 2026-11-{28 + place % 3}\r\nby = "a"\r\nwhy = "b"\r\n'
        for place in range(512)
    )
    exceptions = Exceptions.read("\ufeff" + "".join(every))
    assert (len(exceptions.listed), exceptions.broken) == (512, [])
    held = [exceptions.of(replace(FINDING, name=f"orders/{place}"), {}, NOW) is not None for place in range(512)]
    assert held == [place % 3 > 0 for place in range(512)]
    assert exceptions.unused() == []


def test_settings_are_read_and_printed() -> None:
    given = {"AUDIT_MAX_AGE_DAYS": "30", "AUDIT_CUSTOMER_KEY": "true", "AUDIT_REQUIRED_TAGS": "owner, team"}
    settings = Settings.of(given)
    assert (settings.max_age_days, settings.customer_key, settings.required_tags) == (30, True, ("owner", "team"))
    assert settings.function_prefix == "secret-rotation"
    assert settings.printed()["max_age_days"] == 30
    assert meanings().keys() == settings.printed().keys()
    assert Settings.of({"AUDIT_FUNCTION_PREFIX": "mine"}).function_prefix == "mine"


@pytest.mark.parametrize(("name", "value"), [("AUDIT_MAX_AGE_DAYS", "soon"), ("AUDIT_CUSTOMER_KEY", "1")])
def test_a_setting_that_cannot_be_read_says_what_it_takes(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"{name} is '{value}'. It takes"):
        Settings.of({name: value})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("/shop/prod/db/password", True),
        ("/shop/DB_PASSWORD", True),
        ("postgres-connection", True),
        ("/orders/mysqlPassword", True),
        ("/shop/rds/master-credentials", True),
        ("/shop/database-url", True),
        ("/shop/db/host", False),
        ("/shop/db/password-policy", False),
        ("/shop/db/password_length", False),
        ("/shop/db/backup-bucket", False),
        ("/shop/stripe/secret", False),
        ("/shop/admin-password", False),
        ("/feedback/secret", False),
        ("", False),
    ],
)
def test_a_parameter_looks_like_a_databases_credential(name: str, *, found: bool) -> None:
    assert looks_like_a_credential(name) is found


@pytest.mark.parametrize("key", sorted(layouts._KEYS))  # noqa: SLF001 the list that is right by definition
def test_what_stands_beside_a_password_that_this_suite_rotates_is_no_credential(key: str) -> None:
    """A tree of one user: its other parameters may be Strings, and never change."""
    assert not looks_like_a_credential(f"/rotated/db-credentials/{key}")
    assert looks_like_a_credential("/rotated/db-credentials/password")


def test_a_description_may_name_the_database_and_not_the_credential() -> None:
    assert looks_like_a_credential("/shop/orders/password", "of the Postgres database")
    assert not looks_like_a_credential("/shop/orders/colour", "of the database's password page")
