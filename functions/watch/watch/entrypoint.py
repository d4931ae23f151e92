"""
The Lambda function: takes events from its queue, and tells of each.

Environment: WATCH_TOPIC, WATCH_MEMORY (the table), WATCH_FUNCTIONS (what the functions' names begin with), WATCH_CHAT.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config

from watch.events import event_of
from watch.memory import Memory
from watch.sources import Sources
from watch.telling import Teller

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=10)


def lambda_handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """
    Tell of each event of a batch; those that failed come again, and lie in the queue Untold in the end.

    Lambda developer guide, "Using Lambda with Amazon SQS", partial batch responses.
    """
    del context
    teller = _teller(os.environ)
    failed = []
    for record in event["Records"]:
        line: dict[str, Any] = {"message": "An event", "record": record["messageId"]}
        try:
            happened = event_of(json.loads(record["body"]))
            line |= {"event": happened.name, "id": happened.id, "secret": happened.secret, "region": happened.region}
            line |= {"level": "INFO", "outcome": teller.tell(happened)}
        except Exception as error:  # noqa: BLE001 one event keeps no other one from being told
            failed.append({"itemIdentifier": record["messageId"]})
            line |= {"level": "ERROR", "outcome": f"{type(error).__name__}: {error}"}
        print(json.dumps(line))  # noqa: T201 Lambda's log takes what is printed
    return {"batchItemFailures": failed}


def _teller(environment: Mapping[str, str]) -> Teller:
    secrets, logs, table, topic = _clients(environment["AWS_REGION"])
    return Teller(
        Sources(secrets, logs),
        Memory(table, environment["WATCH_MEMORY"], datetime.now(UTC)),
        topic,
        environment["WATCH_TOPIC"],
        environment["WATCH_FUNCTIONS"],
        chat=environment.get("WATCH_CHAT") == "true",
    )


@cache
def _clients(region: str) -> list[Any]:
    """Return the clients, made once for all invocations, so that these share connections."""
    session = botocore.session.get_session()
    services = ("secretsmanager", "logs", "dynamodb", "sns")
    return [session.create_client(service, region_name=region, config=_CONFIG) for service in services]
