"""Rules that need values: off by default, each version read once, and nothing of a value anywhere."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

import pytest

from audit.acceptance import Exceptions
from audit.calls import OPTIONAL
from audit.collecting.values import held_in
from audit.job import OUTPUTS, Job, carry_out, carry_out_part, put_together
from audit.memory import MEMORY
from audit.model import Held, Severity
from audit.parts import Part
from audit.settings import Settings
from tests.support.audited import asked
from tests.support.audited.account import ACCOUNT, HERE, OTHER, OURS, STRONG, THERE
from tests.support.audited.running import audited, by_name

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.audited.account import Account

HOST: Final = "orders.abc123.eu-west-1.rds.amazonaws.com"
GOOD: Final = {"engine": "mysql", "host": HOST, "username": "orders", "password": STRONG}
ADMIN: Final = f"arn:aws:secretsmanager:{HERE}:{ACCOUNT}:secret:admin-a1B2c3"
KEY: Final = b"k" * 32


def put(account: Account, name: str, value: object, *, rotates: bool = True) -> str:
    """Make a secret that holds this, and rotates by a function of this suite's."""
    account.secret(name)
    account.known(name).rotation.lambda_arn = OURS if rotates else None
    account.known(name).rotation.enabled = rotates or None
    account.known(name).rotation.last_rotated = account.at(days=10) if rotates else None
    account.known(name).rotation.rules = {"AutomaticallyAfterDays": 30} if rotates else {}
    account.at(days=10)
    text = value if isinstance(value, str) else json.dumps(value)
    account.client.put_secret_value(SecretId=name, SecretString=text)
    account.known(name).accessed = account.at(days=1)
    account.at()
    return account.known(name).arn


FOUND: Final = {"value-not-json", "value-incomplete", "password-weak", "two-secrets-one-user", "admin-gone"}


def found(account: Account, folder: Path, **settings: Any) -> dict[str, set[str]]:  # noqa: ANN401 as Settings has them
    """Audit, and return the findings by these rules."""
    given = {"read_values": True} | settings
    audit = audited(account, folder, **given)
    every = by_name(audit, "new", "open")
    audit.memory.close()
    return {name: rules & FOUND for name, rules in every.items() if rules & FOUND}


WRONG: Final[dict[str, tuple[object, set[str]]]] = {
    "text": ("just a text", {"value-not-json"}),
    "list": ("[1]", {"value-not-json"}),
    "bare": ({"username": "orders", "password": STRONG}, {"value-incomplete"}),
    "null": ({**GOOD, "host": None}, {"value-incomplete"}),
    "short": ({**GOOD, "password": STRONG[:15]}, {"password-weak"}),
    "uniform": ({**GOOD, "password": "abababababababab"}, {"password-weak"}),
    "named": ({**GOOD, "password": f"{STRONG}Orders"}, {"password-weak"}),
    "orphan": ({**GOOD, "host": "b.example", "masterarn": ADMIN}, {"admin-gone"}),
}
RIGHT: Final[dict[str, object]] = {
    "good": GOOD,
    "cluster": {"engine": "mysql", "dbClusterIdentifier": "c", "username": "orders", "password": STRONG},
    "more": {**GOOD, "host": "c.example", "rotation": {"strategy": "single-user"}, "masterarn": ADMIN},
    "no-arn": {**GOOD, "host": "d.example", "masterarn": "see the wiki"},
}


def test_each_fault_of_a_value_is_found_and_nothing_else(account: Account, tmp_path: Path) -> None:
    for place, (name, (value, _)) in enumerate(WRONG.items()):
        own = {**value, "port": 4000 + place} if isinstance(value, dict) and name != "bare" else value
        put(account, name, own)
    for name, value in RIGHT.items():
        put(account, name, value)
    put(account, "api-key", "just a text", rotates=False)  # nobody says that it is to be JSON
    assert found(account, tmp_path) == {name: rules for name, (_, rules) in WRONG.items()}


def test_what_is_off_by_default_finds_what_it_is_for_and_nothing_else(account: Account, tmp_path: Path) -> None:
    """And a name is shown as what it is, whatever it is."""
    asked.fill(account)
    loud = audited(account, tmp_path, **asked.SETTINGS)
    found = by_name(loud)
    loud.memory.close()
    silent = by_name(audited(account, tmp_path))
    expected = {name: set(rules) for name, rules in asked.EXPECTED.items()}
    assert {name: found.get(name, set()) for name in expected} == expected
    quiet = {name: silent.get(name, set()) for name in expected}
    assert quiet == {name: rules & {"rotation-never", "never-read"} for name, rules in expected.items()}


def test_no_value_is_read_unless_a_setting_asks_for_it(account: Account, tmp_path: Path) -> None:
    put(account, "short", {**GOOD, "password": "pw"})
    before = len(account.here.calls("GetSecretValue"))
    assert found(account, tmp_path, read_values=False) == {}
    assert len(account.here.calls("GetSecretValue")) == before


def test_each_version_is_read_once(account: Account, tmp_path: Path) -> None:
    """Nobody pays for it every day, and the date of the last read stays that of clients."""
    put(account, "short", {**GOOD, "password": "pw"})
    before = len(account.here.calls("GetSecretValue"))
    for _ in range(2):
        assert found(account, tmp_path) == {"short": {"password-weak"}}
    assert len(account.here.calls("GetSecretValue")) == before + 1
    account.client.put_secret_value(SecretId="short", SecretString=json.dumps(GOOD))
    assert found(account, tmp_path) == {}
    assert len(account.here.calls("GetSecretValue")) == before + 2


def test_another_limit_is_another_question(account: Account, tmp_path: Path) -> None:
    put(account, "one", GOOD)
    assert found(account, tmp_path) == {}
    assert found(account, tmp_path, password_length=17) == {"one": {"password-weak"}}


@pytest.mark.parametrize("when", ["never", "long ago", "today"])
def test_the_audits_own_read_makes_nothing_look_used(account: Account, tmp_path: Path, when: str) -> None:
    """Once clients had a month to read again, what only the audit has read is as unused as it was."""
    put(account, "one", GOOD, rotates=False)
    account.known("one").accessed = {"never": None, "long ago": account.at(days=100), "today": account.at()}[when]
    account.at()
    for days in (0, 1, 40):
        account.clock.advance(days=days)
        audit = audited(account, tmp_path, read_values=True)
        rules = by_name(audit, "new", "open").get("one", set()) & {"unused", "never-read"}
        audit.memory.close()
    assert rules == {"never": {"never-read"}, "long ago": {"unused"}, "today": set()}[when]


TWINS: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "the same": (GOOD, True),
    "another engine's name": ({**GOOD, "engine": "aurora-mysql"}, True),
    "another case": ({**GOOD, "host": HOST.upper() + "."}, True),
    "the usual port": ({**GOOD, "port": 3306}, True),
    "a proxy": ({**GOOD, "host": "proxy.example", "rotation": {"host": HOST}}, True),
    "another port": ({**GOOD, "port": 3307}, False),
    "another user": ({**GOOD, "username": "reports"}, False),
    "another case of the user": ({**GOOD, "username": "Orders"}, False),
    "another server": ({**GOOD, "host": "b.example"}, False),
    "no server": ({key: it for key, it in GOOD.items() if key != "host"}, False),
}


@pytest.mark.parametrize("other", TWINS)
def test_two_secrets_of_one_user_break_each_other(account: Account, tmp_path: Path, other: str) -> None:
    value, same = TWINS[other]
    put(account, "one", GOOD)
    put(account, "two", value, rotates=False)
    wanted = {name: {"two-secrets-one-user"} for name in ("one", "two") if same}
    told = found(account, tmp_path)
    assert {name: rules - {"value-incomplete"} for name, rules in told.items()} == wanted


def test_the_users_of_a_pair_are_both_its_own(account: Account, tmp_path: Path) -> None:
    """Whichever of them is current; the reader endpoint of a cluster has the same users."""
    cluster = HOST.replace("orders.", "orders.cluster-")
    put(account, "admin", {**GOOD, "username": "boss"})
    arn = account.known("admin").arn
    put(account, "pair", {**GOOD, "host": cluster, "username": "orders_clone", "masterarn": arn})
    put(account, "base", {**GOOD, "host": cluster.replace("cluster-", "cluster-ro-")}, rotates=False)
    record = json.dumps({"base": "a_clone"})
    put(account, "odd", {**GOOD, "username": "a_clone", "masterarn": arn, "rotationRecord": record})
    put(account, "no", {**GOOD, "username": "a"}, rotates=False)
    assert found(account, tmp_path) == {name: {"two-secrets-one-user"} for name in ("pair", "base")}


def test_two_secrets_that_nothing_rotates_are_left_alone(account: Account, tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(account, name, GOOD, rotates=False)
    assert found(account, tmp_path) == {}


def test_an_exception_holds_for_what_is_judged_last(account: Account, tmp_path: Path) -> None:
    put(account, "one", GOOD)
    put(account, "two", GOOD)
    account.known("two").tags["audit:accept/two-secrets-one-user"] = "until=2099-01-01 by=a why=b"
    audit = audited(account, tmp_path, read_values=True)
    assert "two-secrets-one-user" in by_name(audit, "accepted")["two"]
    assert {row["name"]: row["worst"] >= Severity.HIGH for row in audit.memory.secrets()} == {"one": True, "two": False}


@pytest.mark.parametrize("admin", ["listed", "deleted", "elsewhere"])
def test_an_admin_secret_that_is_gone_is_told_where_its_place_was_seen(
    account: Account, tmp_path: Path, admin: str
) -> None:
    put(account, "admin", {**GOOD, "username": "boss"})
    arn = account.known("admin").arn
    put(account, "pair", {**GOOD, "masterarn": arn.replace(ACCOUNT, OTHER) if admin == "elsewhere" else arn})
    if admin == "deleted":
        account.client.delete_secret(SecretId="admin")
    assert found(account, tmp_path) == ({"pair": {"admin-gone"}} if admin == "deleted" else {})


@pytest.mark.parametrize("before", ["nothing", "a key of its own"])
def test_parts_that_are_put_together_show_what_two_secrets_share(account: Account, tmp_path: Path, before: str) -> None:
    """What one part found of readers and values stands beside what only the whole shows, by the key that all have."""
    put(account, "one", GOOD)
    account.secrets[THERE].client().create_secret(Name="two", SecretString=json.dumps({**GOOD, "password": "pw"}))
    account.read_by("one", {"arn": asked.ADA})
    settings = Settings(read_values=True, readers=(asked.APP,))

    def job(folder: Path, *regions: str, key: str = "") -> Job:
        every = [(ACCOUNT, account.clients())] if regions else []
        return Job(every, regions, settings, Exceptions(), folder, account.now, 1e9, key=key)

    parts = [Part(ACCOUNT, region) for region in (HERE, THERE)]
    for part in parts:
        folder = tmp_path / part.region
        folder.mkdir()
        if before != "nothing":
            carry_out_part(job(folder, part.region))
        carry_out_part(job(folder, part.region, key="0f" * 32))
    put_together(job(tmp_path), ((it, tmp_path / it.region / MEMORY) for it in parts), "2000-01-01T00:00:00Z")
    told = json.loads((tmp_path / "report.json").read_text("utf-8"))["findings"]
    wanted = {("one", "two-secrets-one-user"), ("one", "read-by-others")}
    wanted |= {("two", "two-secrets-one-user"), ("two", "password-weak")}
    assert wanted <= {(it["name"], it["rule"]) for it in told}


def test_what_may_not_be_read_is_a_blind_spot(account: Account, tmp_path: Path) -> None:
    put(account, "one", {**GOOD, "password": "pw"})
    found(account, tmp_path)
    account.client.put_secret_value(SecretId="one", SecretString=json.dumps(GOOD))
    account.here.faults.deny("GetSecretValue")
    audit = audited(account, tmp_path, read_values=True)
    (spot,) = (row for row in audit.memory.findings("new") if row["rule"] == "blind-spot")
    assert spot["remedy"] == f"allow {' and '.join(OPTIONAL['values'])} to whoever runs the audit"
    assert by_name(audit, "unseen") == {"one": {"password-weak"}}


def test_nothing_of_a_value_is_in_any_output_or_log(
    account: Account, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every field of every value, on the page, in each report, in the memory, and in the log at its loudest."""
    caplog.set_level(logging.DEBUG)
    words = ("Zq7Horse", "zq7-host.example", "zq7_user", "zq7extra")
    value = {"engine": "mysql", "host": words[1], "username": words[2], "password": words[0], "x": words[3]}
    for name in ("one", "two"):
        put(account, name, value)
    put(account, "text", words[0])
    caplog.clear()
    settings = Settings(read_values=True, policies_per_second=9999, versions_per_second=9999)
    job = Job([(ACCOUNT, account.clients())], [HERE], settings, Exceptions(), tmp_path, account.now, 1e9)
    assert carry_out(job).head.counts["high"] >= 3
    said = [(tmp_path / name).read_bytes() for name in (*OUTPUTS, MEMORY, "changed.asff.jsonl")]
    said.append(caplog.text.encode())
    assert [word for word in words for text in said if word.encode() in text] == []


def test_what_is_seen_in_a_value_has_no_word_of_it() -> None:
    held = held_in(json.dumps({**GOOD, "masterarn": ADMIN}), 16, KEY)
    assert held == Held(logins=held.logins, admin=ADMIN, turn="base")
    assert len(held.logins) == 2
    assert held_in(json.dumps(GOOD), 16, b"x" * 32).logins != held_in(json.dumps(GOOD), 16, KEY).logins
    assert held_in(None, 16, KEY) == Held(json=False)
    assert held_in("[" * 100_000, 16, KEY) == Held(json=False)
