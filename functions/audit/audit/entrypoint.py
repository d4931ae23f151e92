"""
The Lambda function: fetches what was remembered, audits, and puts the outputs into the bucket.

Environment: AUDIT_BUCKET, and as they are wanted AUDIT_TOPIC, AUDIT_REGIONS, AUDIT_ROLES, AUDIT_EXTERNAL_ID,
AUDIT_SECURITY_HUB, and the settings of the audit.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.exceptions import ClientError

from audit.acceptance import Exceptions
from audit.calls import CONFIG, Sight
from audit.job import CHANGED, MEMORY, OUTPUTS, PAGE, Done, Job, carry_out
from audit.sessions import accounts
from audit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

EXCEPTIONS: Final = "exceptions.toml"
RESERVE: Final = 120
"""Seconds that are kept for the outputs: after that no call within a budget begins."""
_ABSENT: Final = frozenset({"404", "NoSuchKey"})
_BATCH: Final = 100


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 Lambda's own
    """Audit once; the event says nothing."""
    del event
    environment = os.environ
    session = botocore.session.get_session()
    region = environment["AWS_REGION"]
    bucket = _Bucket(session.create_client("s3", region_name=region, config=CONFIG), environment["AUDIT_BUCKET"])
    ends = time.monotonic() + max(0, context.get_remaining_time_in_millis() / 1000 - RESERVE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bucket.fetch(MEMORY, folder)
        job = _job(session, region, environment, folder, bucket, ends)
        done = carry_out(job)
        bucket.keep(folder, job.now)
        _tell(session, region, environment, done, folder)
        bucket.remember(folder)
    print(json.dumps(_measure(done, job.now)))  # noqa: T201 Lambda's log takes what is printed
    return {"verdict": done.head.verdict, "counts": done.head.counts, "changes": done.head.changes}


def _job(session: Any, region: str, environment: Mapping[str, str], folder: Path, bucket: _Bucket, ends: float) -> Job:  # noqa: ANN401 botocore's
    lost: list[Sight] = []
    roles, external_id = _listed(environment.get("AUDIT_ROLES", "")), environment.get("AUDIT_EXTERNAL_ID", "")
    return Job(
        accounts=accounts(session, region, roles, external_id, lost),
        regions=_listed(environment.get("AUDIT_REGIONS", "")) or [region],
        settings=Settings.of(environment),
        exceptions=Exceptions.read(bucket.text(EXCEPTIONS)),
        folder=folder,
        now=datetime.now(UTC),
        ends=ends,
        link=f"s3://{bucket.name}/latest/{PAGE}",
        lost=lost,
    )


def _listed(text: str) -> list[str]:
    return list(filter(None, re.split(r"[,\s]+", text)))


class _Bucket:
    """Where reports and memory are kept."""

    def __init__(self, client: Any, name: str) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        self._client, self.name = client, name

    def text(self, key: str) -> str:
        """Return a file's text; empty where there is none."""
        try:
            return str(self._client.get_object(Bucket=self.name, Key=key)["Body"].read().decode())
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            return ""

    def fetch(self, key: str, folder: Path) -> None:
        """Fetch a file into a folder, if it is there: the first run has no memory."""
        try:
            body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            return
        with (folder / key).open("wb") as file:
            for chunk in body.iter_chunks(1 << 20):
                file.write(chunk)

    def keep(self, folder: Path, now: datetime) -> None:
        """Put the outputs under the day and under `latest`."""
        types = {".html": "text/html; charset=utf-8", ".json": "application/json", ".jsonl": "application/x-ndjson"}
        for name in OUTPUTS:
            for place in (f"{now:%Y-%m-%d}", "latest"):
                self._put(folder / name, f"{place}/{name}", types[Path(name).suffix])

    def remember(self, folder: Path) -> None:
        """Put the memory, last of all: what nobody could be told of is new again in the next run."""
        self._put(folder / MEMORY, MEMORY, "application/vnd.sqlite3")

    def _put(self, file: Path, key: str, content_type: str) -> None:
        with file.open("rb") as body:
            self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)


def _tell(session: Any, region: str, environment: Mapping[str, str], done: Done, folder: Path) -> None:  # noqa: ANN401 botocore's
    topic = environment.get("AUDIT_TOPIC", "")
    if topic and done.summary:
        sns = session.create_client("sns", region_name=region, config=CONFIG)
        sns.publish(TopicArn=topic, Subject="Secrets audit: something changed", Message=done.summary[:250_000])
    if environment.get("AUDIT_SECURITY_HUB", "").lower() == "true":
        hub = session.create_client("securityhub", region_name=region, config=CONFIG)
        with (folder / CHANGED).open(encoding="utf-8") as file:
            told = (it for it in map(json.loads, file) if f":{region}:" in it["ProductArn"])
            while batch := list(islice(told, _BATCH)):
                hub.batch_import_findings(Findings=batch)


def _measure(done: Done, now: datetime) -> dict[str, Any]:
    """
    Return a line that CloudWatch makes metrics of; never with a secret as a dimension.

    CloudWatch user guide, "Specification: Embedded metric format".
    """
    facts = done.head.facts
    values = {"AuditFinished": 1, "SecretsSeen": facts["secrets_seen"], "BlindSpots": facts["blind_spots"]}
    values |= {"OldestPasswordDays": done.oldest}
    values |= {f"Findings{word.capitalize()}": count for word, count in done.head.counts.items()}
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    namespace = os.environ.get("AUDIT_NAMESPACE") or "SecretRotation"
    directive = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": metrics}
    told = {"verdict": done.head.verdict, "calls": facts["calls"]}
    aws = {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": aws, "service": "audit", **values, **told}
