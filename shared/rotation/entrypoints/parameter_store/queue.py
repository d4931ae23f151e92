"""The queue that takes a message for each parameter: it repeats what fails, and lays aside what fails too often."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from rotation.answers import error_code
from rotation.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rotation.stores.parameter_store.search import Found

_ENTRIES: Final = 10
"""That many at once (API reference, SendMessageBatch)."""

SOON: Final = 60
"""Seconds after which a message is tried again that failed for the first time: a hiccup is over by then."""


class Queue:
    """A first-in-first-out queue. Of one parameter's messages one is worked upon at a time: they are a group."""

    def __init__(self, client: Any, url: str) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Know where it is."""
        self._client = client
        self._url = url

    def send(self, due: Sequence[Found], before: datetime) -> None:
        """
        Send a message for each parameter; the same one of the same version counts once within five minutes.

        Raises StoreUnavailable where one was not taken: the event is repeated, and those that were are not due then.
        """
        for first in range(0, len(due), _ENTRIES):
            self._send([_entry(number, it, before) for number, it in enumerate(due[first : first + _ENTRIES])])

    def show_again_soon(self, receipt: str, times: int) -> None:
        """
        Let a message that failed for the first time be tried again after ``SOON``, and not after the queue's own time.

        That time is for a run of which nobody knows whether it has ended: it is longer than an invocation lasts. A run
        that comes here has ended, so another one of the same parameter may begin. A frozen one never comes here. From
        the second time on the queue's own time holds, so that the last try comes after an outage of some minutes.
        Where this fails, nothing is lost: the message comes at the queue's own time (developer guide of SQS,
        "Visibility timeout").
        """
        if times > 1:
            return
        with suppress(ClientError, BotoCoreError):
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=SOON)

    def _send(self, entries: Sequence[dict[str, str]]) -> None:
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except ClientError as error:
            raise _untaken(error_code(error)) from None
        except BotoCoreError as error:
            raise _untaken(type(error).__name__) from None
        if answer.get("Failed"):
            raise _untaken(f"{len(answer['Failed'])} of {len(entries)} messages")


def event_in(body: str) -> object:
    """Read a message's body; what is no JSON is no event either."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _entry(number: int, found: Found, before: datetime) -> dict[str, str]:
    """Write a message. A group's name has 128 characters, and a parameter's more."""
    group = hashlib.sha256(found.name.encode()).hexdigest()
    return {
        "Id": str(number),
        "MessageBody": json.dumps({"Parameters": [found.name], "WrittenBefore": before.isoformat()}),
        "MessageGroupId": group,
        "MessageDeduplicationId": hashlib.sha256(f"{found.name} {found.written}".encode()).hexdigest(),
    }


def _untaken(reason: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"SendMessageBatch failed, and not every parameter that is due has a message ({reason})",
        where="ROTATION_QUEUE_URL",
        remedy="The retry sends the rest. Allow sqs:SendMessage in the function's role; in a VPC, make an interface "
        "endpoint for sqs.",
    )
