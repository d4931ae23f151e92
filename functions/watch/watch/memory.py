"""
What was told: a table of DynamoDB, so that what arrives twice, late or at the same time is told once.

A message is claimed, told, and then marked as told. Who finds a claim of another that is not marked comes again later;
where the other ended before its mark, the message is told once more rather than never.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

KEPT: Final = timedelta(days=7)
"""How long it is known that something was told: longer than EventBridge and the queue deliver it again."""
_LEASE: Final = timedelta(seconds=90)
"""After which whoever claimed a message is over; the function's timeout is 60 s."""
_LONGEST: Final = 1024
_REFUSED: Final = "ConditionalCheckFailedException"


class Busy(Exception):
    """Another invocation is telling the same thing. Come again later."""


class Memory:
    """The table."""

    def __init__(self, client: Any, table: str, now: datetime) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Keep it in this table."""
        self._client, self._table, self._now = client, table, now

    @contextmanager
    def once(self, what: str) -> Iterator[bool]:
        """
        Yield whether this is still to be told; at a clean end it is marked as told.

        Where the mark fails, only what comes again is told again: to fail here would tell it each time that it is
        tried again. Raises Busy.
        """
        claimed = self._claim(what)
        yield claimed
        if claimed:
            with suppress(BotoCoreError, ClientError):
                self.write("told", what, {"told": True}, KEPT)

    def _claim(self, what: str) -> bool:
        free = "attribute_not_exists(about) OR ends < :now OR (told = :no AND claimed < :over)"
        over = int((self._now - _LEASE).timestamp())
        item = {"told": False, "claimed": int(self._now.timestamp())}
        try:
            self.write("told", what, item, KEPT, free, {":now": self._seconds, ":no": False, ":over": over})
        except Busy:
            if self.read("told", what).get("told"):
                return False
            raise
        return True

    def read(self, about: str, what: str) -> dict[str, Any]:
        """Return what is kept; empty where there is nothing, or it is over."""
        answer = self._client.get_item(TableName=self._table, Key=_key(about, what), ConsistentRead=True)
        item = {name: _plain(value) for name, value in answer.get("Item", {}).items()}
        return item if item.get("ends", 0) >= self._seconds else {}

    def write(
        self,
        about: str,
        what: str,
        item: dict[str, Any],
        life: timedelta,
        condition: str = "",
        values: dict[str, Any] | None = None,
    ) -> None:
        """
        Keep something for so long, if the condition holds.

        Raises Busy where it does not.
        """
        whole = {"ends": int((self._now + life).timestamp()), **item}
        request: dict[str, Any] = {"Item": _key(about, what) | {name: _typed(value) for name, value in whole.items()}}
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = {name: _typed(value) for name, value in values.items()}
        try:
            self._client.put_item(TableName=self._table, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            raise Busy(what) from None

    def count(self, about: str, what: str, first: str, last: str) -> None:
        """Count one more of something, with the first and the last time, and with its whole name."""
        self._client.update_item(
            TableName=self._table,
            Key=_key(about, what),
            UpdateExpression=(
                "ADD many :one SET beginning = if_not_exists(beginning, :first), latest = :last, ends = :ends, "
                "whole = :whole"
            ),
            ExpressionAttributeValues={
                ":one": _typed(1),
                ":first": _typed(first),
                ":last": _typed(last),
                ":whole": _typed(what),
                ":ends": _typed(int((self._now + KEPT).timestamp())),
            },
        )

    def all(self, about: str) -> list[dict[str, Any]]:
        """Return everything that is kept about something."""
        names = {"KeyConditionExpression": "about = :about", "ExpressionAttributeValues": {":about": {"S": about}}}
        pages = self._client.get_paginator("query").paginate(TableName=self._table, ConsistentRead=True, **names)
        return [{name: _plain(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    @property
    def _seconds(self) -> int:
        return int(self._now.timestamp())


def _key(about: str, what: str) -> dict[str, Any]:
    """
    Return the key of an item; a name that is too long for it is told by its hash.

    DynamoDB developer guide, "Constraints": 2,048 bytes of a partition key, and 1,024 of a sort key.
    """
    return {name: {"S": _short(text)} for name, text in (("about", about), ("what", what))}


def _short(text: str) -> str:
    whole = text.encode()
    return text if len(whole) <= _LONGEST else sha256(whole).hexdigest()


def _typed(value: Any) -> dict[str, Any]:  # noqa: ANN401 what an item holds
    """Return a value as DynamoDB takes it (API reference, AttributeValue)."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    return {"L": [_typed(one) for one in value]} if isinstance(value, list) else {"S": str(value)}


def _plain(value: dict[str, Any]) -> Any:  # noqa: ANN401 what an item holds
    ((kind, held),) = value.items()
    if kind == "L":
        return [_plain(one) for one in held]
    return int(held) if kind == "N" else held
