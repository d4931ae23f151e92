"""
The Lambda function: fetches what was remembered, audits, and puts the outputs into the bucket.

Environment: AUDIT_BUCKET, and as they are wanted AUDIT_TOPIC, AUDIT_REGIONS, AUDIT_ROLES, AUDIT_EXTERNAL_ID,
AUDIT_SECURITY_HUB, and the settings of the audit.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.exceptions import ClientError

from audit.acceptance import Exceptions
from audit.calls import CONFIG, Sight
from audit.job import CHANGED, OUTPUTS, PAGE, Done, Job, carry_out, carry_out_part, put_together
from audit.memory import MEMORY
from audit.parts import Part, planned
from audit.sessions import accounts, own_identity
from audit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXCEPTIONS: Final = "exceptions.toml"
KEY: Final = "parts/key"
"""Beside the memories that hold what was hashed by it."""
RESERVE: Final = 120
"""Seconds that are kept for the outputs: after that no call within a budget begins."""
_ABSENT: Final = frozenset({"404", "NoSuchKey"})
_BATCH: Final = 100


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 Lambda's own
    """
    Audit once, or do the part of an audit that a state machine asks for.

    Its events: {"task": "plan"}, {"task": "look", "part": …}, {"task": "join", "since": …}. Any other event is one for
    everything, whatever it says.
    """
    region = os.environ["AWS_REGION"]
    ends = time.monotonic() + max(0, context.get_remaining_time_in_millis() / 1000 - RESERVE)
    with tempfile.TemporaryDirectory() as name:
        run = _Run(botocore.session.get_session(), region, os.environ, Path(name), ends)
        task = event.get("task")
        if task == "plan":
            return {"parts": [asdict(it) for it in run.plan()]}
        if task == "look":
            return run.look_at(Part(**event["part"]))
        return run.put_together(event["since"]) if task == "join" else run.everything()


class _Run:
    """What one invocation works with."""

    def __init__(self, session: Any, region: str, environment: Mapping[str, str], folder: Path, ends: float) -> None:  # noqa: ANN401 botocore's
        self._session, self._region, self._environment = session, region, environment
        self._folder, self._ends = folder, ends
        client = session.create_client("s3", region_name=region, config=CONFIG)
        self._bucket = _Bucket(client, environment["AUDIT_BUCKET"])
        self._roles = _listed(environment.get("AUDIT_ROLES", ""))
        self._regions = _listed(environment.get("AUDIT_REGIONS", "")) or [region]

    def plan(self) -> list[Part]:
        """Return the parts of an audit; before the first one they get a key to hash logins by."""
        if not self._bucket.text(KEY):
            self._bucket.put(secrets.token_hex(32).encode(), KEY, "text/plain")
        return self._parts()

    def _parts(self) -> list[Part]:
        return planned(self._roles, self._regions, own_identity(self._session, self._region)[0])

    def everything(self) -> dict[str, Any]:
        """Look at everything, and tell."""
        self._bucket.fetch(MEMORY, self._folder / MEMORY)
        job = self._job(self._roles, self._regions)
        return self._told(job, carry_out(job))

    def look_at(self, part: Part) -> dict[str, Any]:
        """Look at a part, and keep what is there."""
        self._bucket.fetch(part.key, self._folder / MEMORY)
        job = self._job([part.role] if part.role else [], [part.region])
        carry_out_part(replace(job, key=self._bucket.text(KEY)))
        self._bucket.remember(self._folder / MEMORY, part.key)
        return {"account": part.account, "region": part.region}

    def put_together(self, since: str) -> dict[str, Any]:
        """Put the parts together that were looked at since then, and tell."""
        self._bucket.fetch(MEMORY, self._folder / MEMORY)
        job = self._job([], [])
        return self._told(job, put_together(job, self._fetched(), since))

    def _fetched(self) -> Iterator[tuple[Part, Path]]:
        """Yield each part with its memory, one at a time: the disk is small."""
        file = self._folder / "part.sqlite"
        for part in self._parts():
            self._bucket.fetch(part.key, file)
            yield part, file
            file.unlink(missing_ok=True)

    def _told(self, job: Job, done: Done) -> dict[str, Any]:
        self._bucket.keep(self._folder, job.now)
        _tell(self._session, self._region, self._environment, done, self._folder)
        self._bucket.remember(self._folder / MEMORY, MEMORY)
        print(json.dumps(_measure(done, job.now)))  # noqa: T201 Lambda's log takes what is printed
        return {"verdict": done.head.verdict, "counts": done.head.counts, "changes": done.head.changes}

    def _job(self, roles: list[str], regions: list[str]) -> Job:
        lost: list[Sight] = []
        external_id = self._environment.get("AUDIT_EXTERNAL_ID", "")
        return Job(
            accounts=accounts(self._session, self._region, roles, external_id, lost),
            regions=regions,
            settings=Settings.of(self._environment),
            exceptions=Exceptions.read(self._bucket.text(EXCEPTIONS)),
            folder=self._folder,
            now=datetime.now(UTC),
            ends=self._ends,
            link=f"s3://{self._bucket.name}/latest/{PAGE}",
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
            return str(self._client.get_object(Bucket=self.name, Key=key)["Body"].read().decode("utf-8", "replace"))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            return ""

    def fetch(self, key: str, place: Path) -> None:
        """Fetch a file, if it is there: the first run has no memory."""
        try:
            body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            return
        with place.open("wb") as file:
            for chunk in body.iter_chunks(1 << 20):
                file.write(chunk)

    def keep(self, folder: Path, now: datetime) -> None:
        """Put the outputs under the day and under `latest`."""
        types = {".html": "text/html; charset=utf-8", ".json": "application/json", ".jsonl": "application/x-ndjson"}
        for name in OUTPUTS:
            for place in (f"{now:%Y-%m-%d}", "latest"):
                self._put(folder / name, f"{place}/{name}", types[Path(name).suffix])

    def remember(self, file: Path, key: str) -> None:
        """Put a memory, last of all: what nobody could be told of is new again in the next run."""
        self._put(file, key, "application/vnd.sqlite3")

    def _put(self, file: Path, key: str, content_type: str) -> None:
        with file.open("rb") as body:
            self.put(body, key, content_type)

    def put(self, body: Any, key: str, content_type: str) -> None:  # noqa: ANN401 bytes, or a file that gives some
        """Put a file."""
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
