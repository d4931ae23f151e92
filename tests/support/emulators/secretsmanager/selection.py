"""Filters and pages of the listing operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Request, Response, Secret
    from tests.support.emulators.secretsmanager.state import State

PAGE = 100


def page(key: str, entries: list[Response], request: Request) -> Response:
    """Return one page of a list; the token is the position at which the next begins."""
    token = request.get("NextToken", "0")
    if not token.isdecimal() or int(token) > len(entries):
        raise errors.answer("The NextToken value is invalid.", code="InvalidNextTokenException")
    start, size = int(token), request.get("MaxResults", PAGE)
    more = {"NextToken": str(start + size)} if start + size < len(entries) else {}
    return {key: entries[start : start + size]} | more


def select(state: State, filters: list[Request], *, with_deleted: bool = False) -> list[Secret]:
    """Return the secrets that pass every filter, oldest first."""
    return [
        secret
        for secret in list(state.secrets.values())
        if state.find(secret.arn) is not None
        and (with_deleted or secret.deletion is None)
        and all(_passes(secret, each) for each in filters)
    ]


def _passes(secret: Secret, condition: Request) -> bool:
    """Apply one filter; an exclamation mark before a value excludes (API reference, Filter)."""
    fields = _fields(secret, condition["Key"])
    wanted = [value for value in condition["Values"] if not value.startswith("!")]
    unwanted = [value[1:] for value in condition["Values"] if value.startswith("!")]
    ignore_case = condition["Key"] in {"description", "all"}
    return (not wanted or any(_begins(fields, value, ignore_case=ignore_case) for value in wanted)) and not any(
        _begins(fields, value, ignore_case=ignore_case) for value in unwanted
    )


def _begins(fields: list[str], prefix: str, *, ignore_case: bool) -> bool:
    """Match a prefix; for description and all regardless of case (API reference, Filter)."""
    if ignore_case:
        return any(field.lower().startswith(prefix.lower()) for field in fields)
    return any(field.startswith(prefix) for field in fields)


def _fields(secret: Secret, key: str) -> list[str]:
    by_key = {
        "name": [secret.name],
        "description": [secret.description],
        "tag-key": list(secret.tags),
        "tag-value": list(secret.tags.values()),
        "primary-region": [],
        "owning-service": [],
    }
    if key != "all":
        return by_key[key]
    return [part for fields in by_key.values() for field in fields for part in (field, *field.split())]
