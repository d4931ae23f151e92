"""What the audit gives: the report by its schema, a page that believes no name, findings for others, a summary."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from unittest import mock

import jsonschema
import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from audit.acceptance import Exceptions
from audit.job import REPORT, Done, Job, carry_out
from audit.memory import OPEN
from audit.outputs.head import verdict
from audit.outputs.page import writing
from audit.settings import Settings
from tests.lab import audit as lab
from tests.support.audited.account import ACCOUNT
from tests.support.audited.faulty import HOSTILE
from tests.support.guides.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.audited.account import Account

SCHEMA = ROOT / "functions/audit/audit/outputs/report.schema.json"


def run(account: Account, folder: Path) -> Done:
    clients = account.clients()
    job = Job([(ACCOUNT, clients)], account.secrets.at, Settings(), Exceptions(), folder, account.now, 1e9, "s3://b/p")
    return carry_out(job)


@pytest.fixture(scope="module")
def folder(faulty: Account, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    faulty.secrets["eu-central-1"].faults.deny("ListSecrets")
    try:
        with mock.patch("audit.calls.time.sleep"):
            run(faulty, folder)
    finally:
        faulty.secrets["eu-central-1"].faults.clear()
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / REPORT).read_text("utf-8")))


def test_the_report_keeps_its_schema(report: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(report, schema)
    assert len(report["secrets"]) == report["secrets_seen"]
    assert sum(report["counts"].values()) == sum(it["state"] in OPEN for it in report["findings"])
    assert report["clean"] is False


def test_no_value_and_no_policy_is_in_any_output(folder: Path) -> None:
    for name in ("page.html", REPORT, "findings.asff.jsonl", "findings.ocsf.jsonl", "memory.sqlite"):
        text = (folder / name).read_bytes()
        assert b"by hand" not in text.replace(b"by hand in", b"")
        assert b"o-1234567890" not in text
        assert b"2012-10-17" not in text


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(text)
    return parser.found


def test_no_element_comes_out_of_a_name(folder: Path) -> None:
    text = (folder / "page.html").read_text("utf-8")
    found = elements(text)
    assert not [tag for tag, _ in found if tag in {"img", "iframe", "object", "link", "base", "form"}]
    assert [tag for tag, _ in found].count("script") == 2
    assert not [key for _, attributes in found for key in attributes if key.startswith("on") or key == "style"]
    assert HOSTILE not in text
    assert "{{7*7}}" in text  # and no template is run twice
    assert HOSTILE in {attributes.get("data-owner") for _, attributes in found}


def test_the_page_asks_for_nothing_and_its_policy_names_what_is_in_it(folder: Path) -> None:
    text = (folder / "page.html").read_text("utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", text)
    (policy,) = (it["content"] for tag, it in elements(text) if tag == "meta" and it.get("http-equiv"))
    assert policy
    for tag, part in (("style", "style-src"), ("script", "script-src")):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[-1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{part} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")


def test_every_finding_stands_on_the_page(folder: Path, report: dict[str, Any]) -> None:
    anchors = {it.get("id") for tag, it in elements((folder / "page.html").read_text("utf-8")) if tag == "article"}
    wanted = {writing.anchor(it["arn"]) for it in report["findings"] if it["rule"] != "blind-spot"}
    assert anchors == wanted


def test_what_was_not_seen_stands_at_the_head(folder: Path) -> None:
    text = (folder / "page.html").read_text("utf-8")
    head = text[: text.index('id="age"')]
    assert "allow secretsmanager:ListSecrets to whoever runs the audit" in head
    assert "this is not the whole picture" in head


def test_a_page_keeps_its_size(folder: Path, monkeypatch: pytest.MonkeyPatch, faulty: Account, tmp_path: Path) -> None:
    """What has no room gets a line, and none is lost."""
    monkeypatch.setattr(writing, "BYTES", 5000)
    run(faulty, tmp_path)
    text = (tmp_path / "page.html").read_text("utf-8")
    (rest,) = re.findall(r'<script type="application/json" id="rest">(.*?)</script>', text, re.DOTALL)
    cards = [tag for tag, _ in elements(text)].count("article")
    assert 0 < cards < 10
    assert "pending-stuck" in {rule for line in json.loads(rest) for rule in line[5].split(", ")}
    assert len(text) < len((folder / "page.html").read_text("utf-8"))


def test_a_page_of_a_million_secrets_would_open(
    monkeypatch: pytest.MonkeyPatch, faulty: Account, tmp_path: Path
) -> None:
    """Secrets without a card have a line each as long as there is room, the worst first."""
    monkeypatch.setattr(writing, "BYTES", 0)
    monkeypatch.setattr(writing, "BYTES_OF_THE_REST", 700)
    run(faulty, tmp_path)
    text = (tmp_path / "page.html").read_text("utf-8")
    (rest,) = re.findall(r'<script type="application/json" id="rest">(.*?)</script>', text, re.DOTALL)
    assert 3 < len(json.loads(rest)) < 12
    assert all(line[5] for line in json.loads(rest))
    assert writing.BYTES + writing.BYTES_OF_THE_REST < 5_000_000


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_findings_for_security_hub_are_what_its_api_takes(folder: Path, report: dict[str, Any]) -> None:
    shape = get_session().get_service_model("securityhub").operation_model("BatchImportFindings").input_shape
    assert shape
    found = lines(folder / "findings.asff.jsonl")
    assert ParamValidator().validate({"Findings": found}, shape).generate_report() == ""
    assert {it["Id"].removeprefix("secrets-audit/") for it in found} == {it["id"] for it in report["findings"]}
    assert all(re.fullmatch(r"\d{12}", it["AwsAccountId"]) and it["Resources"][0]["Region"] for it in found)
    assert {it["Compliance"]["Status"] for it in found} == {"FAILED", "WARNING"}
    assert not [it for it in found if "Severity" in it or "Types" in it]  # they stand in FindingProviderFields


def test_findings_for_data_lakes_have_what_the_class_requires(folder: Path) -> None:
    required = {
        "activity_id",
        "category_uid",
        "class_uid",
        "type_uid",
        "time",
        "severity_id",
        "metadata",
        "finding_info",
        "compliance",
    }
    for it in lines(folder / "findings.ocsf.jsonl"):
        assert required <= it.keys()
        assert it["type_uid"] == it["class_uid"] * 100 + it["activity_id"]
        assert it["activity_id"] in {1, 2}  # accepted ones are an update
        assert it["compliance"]["status_id"] == (2 if it["compliance"]["control"] == "blind-spot" else 3)


def test_what_is_resolved_closes_itself_elsewhere(faulty: Account, tmp_path: Path) -> None:
    """Under the same id, once, and subscribers are told of changes alone."""
    first = run(faulty, tmp_path)
    assert first.summary
    assert "new, critical: A rotation function does not exist" in first.summary
    assert "The page: s3://b/p" in first.summary
    known = {it["Id"] for it in lines(tmp_path / "findings.asff.jsonl")}
    assert run(faulty, tmp_path).summary is None
    faulty.put_parameter("/shop/prod/db/password", days=0)
    try:
        last = run(faulty, tmp_path)
    finally:
        faulty.put_parameter("/shop/prod/db/password", days=200)
    (closed,) = lines(tmp_path / "changed.asff.jsonl")
    assert closed["Id"] in known
    assert (closed["RecordState"], closed["Compliance"]) == ("ARCHIVED", {"Status": "PASSED"})
    (event,) = (it for it in lines(tmp_path / "findings.ocsf.jsonl") if it["type_uid"] == 200303)
    assert event["compliance"]["status_id"] == 1
    assert last.summary
    assert (
        "resolved, medium: A parameter holds a credential that nothing rotates: /shop/prod/db/password" in last.summary
    )


def none(**counts: int) -> dict[str, int]:
    return {"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0} | counts


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (verdict(none(critical=1), 10, 0, 1), "1 of 10 secrets need you: 1 critical finding."),
        (verdict(none(critical=1, high=2), 10, 0, 2), "2 of 10 secrets need you: 1 critical and 2 high findings."),
        (verdict(none(high=1), 10, 0, 0), "Something needs you: 1 high finding."),
        (verdict(none(medium=1), 1, 0, 0), "Nothing is urgent in 1 secret; 1 finding is of medium weight."),
        (verdict(none(), 1234, 0, 0), "All is well with 1,234 secrets, as far as they were seen."),
        (verdict(none(), 0, 1, 0), "No secret was seen. 1 thing was not seen: this is not the whole picture."),
    ],
)
def test_the_verdict_is_a_sentence(said: str, expected: str) -> None:
    assert said == expected


def test_the_command_shows_the_verdict_and_where_the_page_is(
    faulty: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = ([(ACCOUNT, faulty.clients())], list(faulty.secrets.at), faulty.now)
    monkeypatch.setattr(lab, "_demo", lambda _stack: places)
    assert lab.main(["--demo", "--folder", str(tmp_path), "--setting", "policies_per_second=9999"]) == 1
    said = capsys.readouterr().out
    assert "secrets need you" in said
    assert (tmp_path / "page.html").as_uri() in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--setting", "max_age_days=soon", "--demo"], "AUDIT_MAX_AGE_DAYS is 'soon'. It takes a whole number."),
        (
            ["--profile", "nobody's"],
            "your AWS configuration has no such profile. Name one that it has: PROFILE=… (ProfileNotFound).",
        ),
    ],
)
def test_the_command_says_what_is_wrong_in_a_line(
    given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab.main([*given, "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"make audit: error: {said}\n"


def test_a_day_is_a_day(report: dict[str, Any]) -> None:
    assert dt.datetime.fromisoformat(report["generated"]).tzinfo == dt.UTC
