"""
What a secret says of its own rotation: a team's settings, and the record that the functions keep.

The settings are the key ``rotation``: an object, or a text with the JSON of one. The record is a key of its own, and
always one text. Many readers take a secret for a map of texts and fail at anything else. So a secret whose values are
all texts has to stay one. Versions before kept the record inside of ``rotation``; it is read there too, and written as
a text the next time.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from rotation.credentials.secret_keys import Keys, decoded, present
from rotation.errors import InvalidSettings
from rotation.model import Overrides, PasswordRules, StrategyName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.model import Provenance

SETTINGS: Final = "rotation"
RECORD: Final = "rotationRecord"
"""The keys of a secret's JSON under which the two stand."""

_BASE, _FROM, _FOR, _AT, _SEAL = "base", "from", "to", "at", "seal"
RECORDED: Final = frozenset({_BASE, _FROM, _FOR, _AT, _SEAL})
"""What the record tells: a pair's first user, the versions from which and for which it was made, where, and by whom."""
_EXCLUDED: Final = "excludeCharacters"
_SWITCHES: Final = {
    "exclude_numbers": "excludeNumbers",
    "exclude_punctuation": "excludePunctuation",
    "exclude_uppercase": "excludeUppercase",
    "exclude_lowercase": "excludeLowercase",
    "require_each_included_type": "requireEachIncludedType",
}
RULES: Final = {"length": "passwordLength", "exclude_characters": _EXCLUDED, **_SWITCHES}
"""The keys of the rules for passwords."""
SETTABLE: Final = frozenset({"strategy", "host", "hosts", "port", "mirror", *RULES.values()})
"""What a team may set."""


def read(document: Mapping[str, Any], where: str) -> Overrides:
    """Read both. Raises InvalidSettings, naming the key and never its value."""
    settings = _object(document, SETTINGS, where)
    named = {_EXCLUDED: ""} if settings.get(_EXCLUDED) == "" else {}  # here an empty text says: leave nothing out
    keys = Keys(present(settings) | named, f'"{SETTINGS}" in {where}', InvalidSettings)
    _require_settable(settings, keys)
    record = Keys(present(_object(document, RECORD, where)), f'"{RECORD}" in {where}', InvalidSettings)
    recorded = record if RECORD in present(document) else keys
    return Overrides(
        strategy=_strategy(keys) if "strategy" in keys else None,
        password=_rules(keys),
        host=keys.host("host") if "host" in keys else None,
        port=keys.port("port", 0) if "port" in keys else None,
        hosts=keys.hosts("hosts"),
        mirror=keys.parameters("mirror"),
        base=recorded.optional_text(_BASE),
        made_from=recorded.optional_text(_FROM),
        made_for=recorded.optional_text(_FOR),
        made_at=recorded.optional_text(_AT),
        seal=recorded.optional_text(_SEAL),
    )


def settings_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the team's settings as an object, without the record that older versions kept there."""
    return {key: value for key, value in _object(document, SETTINGS, "").items() if key not in RECORDED}


def with_own(document: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with these settings, as a text where they were one; an older record there stays."""
    before = document.get(SETTINGS)
    record = {key: value for key, value in _object(document, SETTINGS, "").items() if key in RECORDED}
    whole = {**settings, **record}
    return {**document, SETTINGS: json.dumps(whole) if isinstance(before, str) else whole}


def recorded(
    document: Mapping[str, Any], overrides: Overrides, provenance: Provenance | None, region: str | None = None
) -> dict[str, Any]:
    """
    Return the document with its record as one text; the Region stands there where the secret has replicas.

    What older versions wrote into the object ``rotation`` is taken out of there, and the object too if nothing is left.
    """
    settings = document.get(SETTINGS)
    older = isinstance(settings, dict) and not settings.keys().isdisjoint(RECORDED)
    if not older and provenance is None and region == overrides.made_at:
        return dict(document)
    written = dict(document)
    if older and not (left := settings_of(document)):
        del written[SETTINGS]
    elif older:
        written[SETTINGS] = left
    return {**written, RECORD: json.dumps(_record(overrides, provenance, region))}


def with_seal(document: Mapping[str, Any], seal: str | None) -> dict[str, Any]:
    """Return the document with this seal in its record, which stands there as one text; None takes it out."""
    record = {**_object(document, RECORD, ""), _SEAL: seal}
    left = {key: value for key, value in record.items() if value is not None}
    bare = {key: value for key, value in document.items() if key != RECORD}
    return {**bare, RECORD: json.dumps(left)} if left else bare


def _record(overrides: Overrides, provenance: Provenance | None, region: str | None) -> dict[str, str]:
    record = {_BASE: overrides.base, _FROM: overrides.made_from, _FOR: overrides.made_for, _AT: region}
    if provenance is not None:
        made = {_FROM: provenance.made_from, _FOR: provenance.made_for}
        record |= {_BASE: provenance.base or overrides.base, **made}
    return {key: value for key, value in record.items() if value is not None}


def _object(document: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """Read an object that may stand there as a text."""
    value = present(document).get(key, {})
    if isinstance(value, str):
        try:
            value = decoded(value)
        except (ValueError, ArithmeticError, RecursionError):  # the decoder's text quotes the value
            value = None
    if not isinstance(value, dict):
        what = f'The key "{key}" is neither an object nor a text with the JSON of one'
        raise InvalidSettings(what, where=where, remedy="Correct or remove it.")
    return value


def _require_settable(settings: Mapping[str, Any], keys: Keys) -> None:
    for key in settings.keys() - SETTABLE - RECORDED:
        shown = key if re.fullmatch(r"[A-Za-z_]{1,40}", key) else "…"
        raise keys.wrong(
            shown,
            "cannot be set in a secret",
            f"A secret may set {', '.join(sorted(SETTABLE))}; the rest is the function's.",
        )


def _rules(keys: Keys) -> PasswordRules:
    return PasswordRules(
        length=keys.length(RULES["length"]),
        exclude_characters=keys.characters(_EXCLUDED),
        **{rule: keys.optional_truth(key) for rule, key in _SWITCHES.items()},
    )


def _strategy(keys: Keys) -> StrategyName:
    name = keys.text("strategy")
    if name not in set(StrategyName):
        raise keys.wrong("strategy", "names no strategy", f"Choose one of {', '.join(StrategyName)}.")
    return StrategyName(name)
