"""
What a resource policy lets in: everybody, other accounts, principals that are gone. The policy itself is not kept.

IAM user guide, "AWS JSON policy elements": Principal, NotPrincipal, Condition. Conditions under which AWS itself does
not call a policy public: user guide of S3, "The meaning of public".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from audit.model import Access

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Statement = dict[str, Any]

BOUNDARIES: Final = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:vpcsourceip",
    }
)
"""Keys that say who or from where, in a condition that must hold."""
OF_ORGANISATION: Final = frozenset({"aws:principalorgid", "aws:principalorgpaths"})
EVERYWHERE: Final = frozenset({"*", "0.0.0.0/0", "::/0"})
_ACCOUNT: Final = re.compile(r"(?:arn:[a-z-]+:(?:iam|sts)::)?([0-9]{12})(?::.*)?")
_GONE: Final = re.compile(r"A(?:ID|RO|GP)A[A-Z0-9]{12,}")
"""IAM user guide, "AWS account principals": a principal that was deleted shows as its unique id."""


def statements(text: str) -> list[Statement]:
    """Return a policy's statements; none where it cannot be read."""
    try:
        found = json.loads(text).get("Statement", [])
    except (ValueError, AttributeError):
        return []
    return [it for it in (found if isinstance(found, list) else [found]) if isinstance(it, dict)]


def access_of(text: str, account: str) -> Access:
    """Judge a secret's policy; what it denies is not counted against what it allows."""
    allowed = [it for it in statements(text) if it.get("Effect") == "Allow"]
    named = [(it, principal) for it in allowed for principal in principals(it)]
    others = {(number, bounded(it, OF_ORGANISATION)) for it, who in named if (number := account_in(who)) != account}
    return Access(
        public=any(is_public(it) for it in allowed),
        foreign=frozenset(number for number, within in others if number and not within),
        gone=frozenset(who for _, who in named if _GONE.fullmatch(who)),
        shared=frozenset(number for number, _ in others if number),
    )


def principals(statement: Statement) -> Iterator[str]:
    """Yield the AWS principals that a statement names; services and federated ones are no accounts."""
    principal = statement.get("Principal", {})
    given = principal.get("AWS", []) if isinstance(principal, dict) else principal
    yield from map(str, given if isinstance(given, list) else [given])


def account_in(principal: str) -> str:
    """Return the account of a principal; empty for everybody and for what is gone."""
    found = _ACCOUNT.fullmatch(principal)
    return found[1] if found else ""


def is_public(statement: Statement) -> bool:
    """Return whether a statement lets in anybody, whatever account he is of."""
    anybody = "*" in principals(statement) or "NotPrincipal" in statement
    return anybody and not bounded(statement, BOUNDARIES)


def bounded(statement: Statement, keys: Iterable[str]) -> bool:
    """Return whether a condition must hold that names one of these keys and leaves something out."""
    return any(
        key.lower() in keys and restricts(operator, values)
        for operator, conditions in statement.get("Condition", {}).items()
        for key, values in conditions.items()
    )


def restricts(operator: str, values: Any) -> bool:  # noqa: ANN401 a text or a list
    """Return whether an operator leaves something out: no negation, no IfExists, and no value for everything."""
    listed = values if isinstance(values, list) else [values]
    loose = (
        operator.lower().startswith(("forallvalues", "null", "stringnot", "arnnot", "notip")) or "IfExists" in operator
    )
    return not loose and not EVERYWHERE & set(map(str, listed))


def accounts_of(text: str) -> frozenset[str]:
    """Return every account that a key's policy lets in by name."""
    found = (account_in(who) for it in statements(text) if it.get("Effect") == "Allow" for who in principals(it))
    return frozenset(filter(None, found)) | (frozenset("*") if "*" in text and _opens(text) else frozenset())


def _opens(text: str) -> bool:
    """Return whether a key's policy lets in accounts that it does not name: by an organisation, or everybody."""
    return any("*" in principals(it) for it in statements(text) if it.get("Effect") == "Allow")


def lets_secrets_manager(text: str, account: str, secret: str) -> tuple[bool, bool]:
    """
    Judge a function's policy: whether Secrets Manager may invoke it for a secret, and whether for any account's.

    User guide, "Permissions for a rotation function": the principal secretsmanager.amazonaws.com, and
    aws:SourceAccount against a confused deputy.
    """
    may = [it for it in statements(text) if it.get("Effect") == "Allow" and _is_secrets_manager(it)]
    fitting = [it for it in may if _source_fits(it.get("Condition", {}), account, secret)]
    return bool(fitting), any(not it.get("Condition") for it in fitting)


def _is_secrets_manager(statement: Statement) -> bool:
    principal = statement.get("Principal", {})
    services = principal.get("Service", []) if isinstance(principal, dict) else principal
    return "secretsmanager.amazonaws.com" in (services if isinstance(services, list) else [services])


def _source_fits(conditions: Mapping[str, Any], account: str, secret: str) -> bool:
    """Return whether the conditions on the source let this account and this secret through."""
    for by_key in conditions.values():
        for key, values in by_key.items():
            wanted = values if isinstance(values, list) else [values]
            source = {"aws:sourceaccount": account, "aws:sourcearn": secret}.get(key.lower())
            if source is not None and not any(_like(source, str(it)) for it in wanted):
                return False
    return True


def _like(value: str, pattern: str) -> bool:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, value) is not None
