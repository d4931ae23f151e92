"""Filters and pages of the listing operations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.replicate import primary_region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.emulators.secretsmanager.model import Request, Response, Secret
    from tests.support.emulators.secretsmanager.state import State

PAGE = 100
# Words end at blanks, special characters and before capitals.
WORD = re.compile(r"[A-Z]+[^\W_A-Z]*|[^\W_A-Z]+")


def page(key: str, entries: Sequence[object], request: Request, most: int = PAGE) -> Response:
    """Return one page of a list; the token is the position at which the next begins."""
    token = request.get("NextToken", "0")
    if not token.isdecimal() or int(token) > len(entries):
        raise errors.answer("The NextToken value is invalid.", code="InvalidNextTokenException")
    start, size = int(token), request.get("MaxResults", most)
    more = {"NextToken": str(start + size)} if start + size < len(entries) else {}
    return {key: entries[start : start + size]} | more


def select(state: State, filters: list[Request], *, with_deleted: bool = False) -> list[Secret]:
    """Return the secrets that pass every filter, oldest first; what is new is listed late."""
    listed = state.clock() - state.behaviour.listed_after
    state.drop_expired()
    return [
        secret
        for secret in list(state.secrets.values())
        if secret.created <= listed
        and (with_deleted or secret.deletion is None)
        and all(_passes(state, secret, each) for each in filters)
    ]


def in_order(secrets: list[Secret], request: Request) -> list[Secret]:
    """Sort what was selected.

    API reference, ListSecrets, SortBy: "If not specified, secrets are listed by CreatedDate." Which way by default, and
    where those without the date stand, is not documented: the newest first, and these as the oldest.
    """
    keys: dict[str, Callable[[Secret], str | float]] = {
        "name": lambda it: it.name,
        "last-changed-date": lambda it: it.changed.timestamp(),
        "last-accessed-date": lambda it: it.accessed.timestamp() if it.accessed else 0.0,
        "created-date": lambda it: it.created.timestamp(),
    }
    found = sorted(secrets, key=keys[request.get("SortBy", "created-date")])
    return found if request.get("SortOrder") == "asc" else found[::-1]


def _passes(state: State, secret: Secret, condition: Request) -> bool:
    """Apply one filter; an exclamation mark before a value excludes (API reference, Filter; recorded)."""
    fields = _fields(state, secret, condition["Key"])
    wanted = [value for value in condition["Values"] if not value.startswith("!")]
    unwanted = [value[1:] for value in condition["Values"] if value.startswith("!")]
    matches = _has_words if condition["Key"] in {"description", "all"} else str.startswith
    return (not wanted or any(matches(field, value) for field in fields for value in wanted)) and not any(
        matches(field, value) for field in fields for value in unwanted
    )


def _has_words(field: str, value: str) -> bool:
    """Match word by word: each of the value begins one of the field, whatever the case.

    Recorded: LocalStack, test_list_secrets_filtering (2024-04-10); moto, test_with_all_filter, …_multiple_words. API
    reference, Filter, all: "breaks the filter value string into words and then searches all attributes for matches".
    """
    words = [word.lower() for word in WORD.findall(field)]
    asked = [word.lower() for word in WORD.findall(value)]
    return bool(asked) and all(any(word.startswith(each) for word in words) for each in asked)


def _fields(state: State, secret: Secret, key: str) -> list[str]:
    by_key = {
        "name": [secret.name],
        "description": [secret.description],
        "tag-key": list(secret.tags),
        "tag-value": list(secret.tags.values()),
        "primary-region": [primary_region(state, secret)],
        "owning-service": [secret.owning_service] if secret.owning_service else [],
    }
    if key != "all":
        return by_key[key]
    return [field for fields in by_key.values() for field in fields]
