"""The function: what it keeps in its bucket, whom it tells, and that it goes on where the last run ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from audit import entrypoint
from audit.memory import Memory
from audit.parts import Part
from tests.support.audited.account import ACCOUNT, HERE, THERE
from tests.support.cloudwatch.alarms import ALARM, OK, state_of
from tests.support.cloudwatch.metrics import Metrics
from tests.support.template.cloudformation import ROOT, Stack, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.audited.account import Account

BUCKET: Final = "reports"
HOUR: Final = 3600
CLIENT: Final[Any] = boto3.client  # its stubs know each service by its literal name
KEYS: Final = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": HERE}


class Context:
    """What Lambda says of an invocation."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left."""
        return self._seconds * 1000


@pytest.fixture
def bucket(faulty: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of S3, with the bucket; the function looks at the account in which everything is wrong."""
    environment = {
        "AUDIT_BUCKET": BUCKET,
        "AWS_REGION": HERE,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AUDIT_POLICIES_PER_SECOND": "9999",
        "AUDIT_VERSIONS_PER_SECOND": "9999",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(entrypoint, "accounts", lambda *_: iter([(ACCOUNT, faulty.clients())]))
    client = CLIENT("s3", **KEYS)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": HERE})
    yield client
    for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=one["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 a client of boto3's
    """Return a queue that gets what the topic is told."""
    sns, sqs = CLIENT("sns", **KEYS), CLIENT("sqs", **KEYS)
    topic = sns.create_topic(Name="changes")["TopicArn"]
    url = sqs.create_queue(QueueName="mail")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{HERE}:{ACCOUNT}:mail")
    monkeypatch.setenv("AUDIT_TOPIC", topic)
    return lambda: [
        json.loads(it["Body"])["Message"]
        for it in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]


def test_it_keeps_its_outputs_and_tells_of_changes_alone(
    bucket: Any,  # noqa: ANN401 a client
    mail: Any,  # noqa: ANN401 a function of the fixture's
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = entrypoint.lambda_handler({}, Context(900))
    kept = {it["Key"] for it in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]}
    names = {"page.html", "report.json", "findings.asff.jsonl", "findings.ocsf.jsonl"}
    assert {key.partition("/")[2] for key in kept} == names | {""}
    assert {f"latest/{name}" for name in names} | {"memory.sqlite"} < kept
    page = bucket.get_object(Bucket=BUCKET, Key="latest/page.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert answer["verdict"] in page["Body"].read().decode()
    (told,) = mail()
    assert told.startswith(answer["verdict"])
    line = json.loads(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert {it["Name"] for it in directive["Metrics"]} <= line.keys()
    assert (line["AuditFinished"], directive["Dimensions"]) == (1, [["service"]])
    assert line["FindingsCritical"] == answer["counts"]["critical"] > 0
    again = entrypoint.lambda_handler({}, Context(900))
    assert again["changes"]["new"] == 0
    assert mail() == []
    _silence_is_an_alarm(line, json.loads(capsys.readouterr().out))


def _silence_is_an_alarm(first: dict[str, Any], second: dict[str, Any]) -> None:
    """By what the function wrote: three hours late is no silence, two days are, and the next audit heals it."""
    source = parse((ROOT / "functions/audit/template.yaml").read_text("utf-8"))
    alarm, metrics = Stack({}, source).resources["AuditSilent"]["Properties"], Metrics()
    metrics.put_line(first, 60)
    assert [state_of(alarm, metrics, hour * HOUR) for hour in (1, 24, 27, 48)] == [OK, OK, OK, ALARM]
    metrics.put_line(second, 48 * HOUR)
    assert state_of(alarm, metrics, 49 * HOUR) == OK


def test_it_reads_the_list_of_exceptions(bucket: Any) -> None:  # noqa: ANN401 a client
    entry = '[[accept]]\nrule = "*"\nsecret = "at-*"\nuntil = 2099-01-01\nby = "a"\nwhy = "b"\n'
    bucket.put_object(Bucket=BUCKET, Key=entrypoint.EXCEPTIONS, Body=entry.encode())
    entrypoint.lambda_handler({}, Context(900))
    report = json.loads(bucket.get_object(Bucket=BUCKET, Key="latest/report.json")["Body"].read())
    listed = [it for it in report["findings"] if it["rule"] == "exception-listed"]
    assert [it["evidence"] for it in listed] == [
        "* on at-*: it is needed by no finding; it lasts until 2099-01-01; it holds for everything."
    ]


def test_what_it_may_not_read_of_its_own_ends_it(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401 a client
    """Without its memory everything would be told as new: then it fails, and the alarm hears that."""
    del bucket
    monkeypatch.setenv("AUDIT_BUCKET", "somebody-elses")
    with pytest.raises(Exception, match="NoSuchBucket"):
        entrypoint.lambda_handler({}, Context(900))


def test_it_stops_asking_in_time_to_write_everything(bucket: Any) -> None:  # noqa: ANN401 a client
    answer = entrypoint.lambda_handler({}, Context(entrypoint.RESERVE))
    report = json.loads(bucket.get_object(Bucket=BUCKET, Key="latest/report.json")["Body"].read())
    assert "secretsmanager:GetResourcePolicy" not in report["calls"]
    assert "not the whole picture" in answer["verdict"]


def test_its_parts_hash_logins_by_one_key(bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: ANN401 a client
    """It is made before the first part, and kept."""
    monkeypatch.setenv("AUDIT_REGIONS", f"{HERE},{THERE}")
    monkeypatch.setenv("AUDIT_READ_VALUES", "true")
    parts = entrypoint.lambda_handler({"task": "plan"}, Context(900))["parts"]
    keys = set()
    for part in parts:
        entrypoint.lambda_handler({"task": "look", "part": part}, Context(900))
        bucket.download_file(BUCKET, Part(**part).key, str(tmp_path / part["region"]))
        memory = Memory(tmp_path / part["region"])
        keys.add(memory.noted("key"))
        memory.close()
    assert entrypoint.lambda_handler({"task": "plan"}, Context(900))["parts"] == parts
    assert keys == {bucket.get_object(Bucket=BUCKET, Key=entrypoint.KEY)["Body"].read().decode()}
    assert len(bytes.fromhex(*keys)) == 32
