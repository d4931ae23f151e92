"""Passwords by the rules of the secret, the function and the engine."""

from __future__ import annotations

import math
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.credentials.password_policy import DEFAULT_LENGTH, LEAST_ALPHABET, policy_for
from rotation.errors import InvalidSettings
from rotation.model import Limits, PasswordRules

LIMITS = Limits(password_min=8, password_max=128, name_bytes=63)
TYPES = {
    "numbers": string.digits,
    "punctuation": string.punctuation,
    "uppercase": string.ascii_uppercase,
    "lowercase": string.ascii_lowercase,
}
ALL = "".join(TYPES.values())

rules = st.builds(
    PasswordRules,
    length=st.none() | st.integers(0, 140),
    exclude_characters=st.none() | st.text(st.sampled_from(ALL)),
    exclude_numbers=st.none() | st.booleans(),
    exclude_punctuation=st.none() | st.booleans(),
    exclude_uppercase=st.none() | st.booleans(),
    exclude_lowercase=st.none() | st.booleans(),
    require_each_included_type=st.none() | st.booleans(),
)
limits = st.builds(
    Limits,
    password_min=st.integers(1, 8),
    password_max=st.integers(30, 128),
    name_bytes=st.just(63),
    forbidden=st.text(st.sampled_from(ALL), max_size=5),
    required=st.frozensets(st.sampled_from(sorted(TYPES))),
)


@given(limits, rules, rules, st.integers(0, 80))
def test_every_password_obeys(engine: Limits, secret: PasswordRules, function: PasswordRules, bits: int) -> None:
    """Whatever the rules, a password obeys all of them, or they are refused as contradictory."""
    try:
        policy = policy_for(engine, function, secret, bits)
    except InvalidSettings:
        return
    text = policy.generate().reveal()
    lengths = [rule.length for rule in (secret, function) if rule.length is not None]
    assert len(text) == next(iter(lengths), DEFAULT_LENGTH)
    assert len(text) >= (function.length or 0)
    assert engine.password_min <= len(text) <= engine.password_max
    assert not set(text) & set(engine.forbidden)
    lists = [rule.exclude_characters for rule in (secret, function) if rule.exclude_characters is not None]
    excluded = set("".join(lists or [engine.default_excluded]))
    assert not set(text) & excluded
    words = {rule.require_each_included_type for rule in (secret, function)}
    for name, characters in TYPES.items():
        left_out = True in {getattr(secret, f"exclude_{name}"), getattr(function, f"exclude_{name}")}
        left = set(characters) - set(engine.forbidden) - excluded
        held = set(text) & set(characters)
        assert not (left_out and held)
        if left and not left_out and (True in words or False not in words or name in engine.required):
            assert held
        if name in engine.required:
            assert held
    alphabet = "".join(policy.types)
    assert bits <= policy.bits <= len(text) * math.log2(len(alphabet)) + 1e-9


def test_the_default_is_what_the_samples_make() -> None:
    """Without any rule: 32 characters of all types, without those that break connection strings."""
    policy = policy_for(LIMITS)
    assert policy.length == 32
    assert policy.require_each
    assert set("".join(policy.types)) == set(ALL) - set("/@\"'\\")


def test_an_explicit_list_replaces_the_default_one() -> None:
    """Characters that are not on the list that a setting gives may be used."""
    assert "/" in "".join(policy_for(LIMITS, PasswordRules(exclude_characters="x")).types)
    assert "x" not in "".join(policy_for(LIMITS, PasswordRules(exclude_characters="x")).types)


def test_the_functions_rules_are_a_floor() -> None:
    """A secret makes each rule stricter, or leaves it as it is; it takes nothing back."""
    function = PasswordRules(30, "!", exclude_numbers=True, exclude_uppercase=False, require_each_included_type=True)
    secret = PasswordRules(40, "?", exclude_numbers=False, exclude_uppercase=True, require_each_included_type=False)
    policy = policy_for(LIMITS, function, secret)
    assert (policy.length, policy.require_each) == (40, True)
    assert set(ALL) - set("".join(policy.types)) == set("!?" + string.digits + string.ascii_uppercase)


def test_a_shorter_password_than_the_functions_is_refused() -> None:
    """A longer one might not fit the application, so that neither is made; the error names both places."""
    with pytest.raises(InvalidSettings, match="16 characters, and the function makes none of fewer than 32") as refused:
        policy_for(LIMITS, PasswordRules(length=32), PasswordRules(length=16))
    assert "passwordLength" in refused.value.remedy
    assert "PASSWORD_LENGTH" in refused.value.remedy
    assert policy_for(LIMITS, PasswordRules(), PasswordRules(length=16)).length == 16


DIGITS = PasswordRules(exclude_punctuation=True, exclude_uppercase=True, exclude_lowercase=True)


@pytest.mark.parametrize(
    ("rule", "bits"),
    [
        (replace(DIGITS, length=19), 63),
        (replace(DIGITS, length=8), 27),
        (PasswordRules(length=11), 63),
        (PasswordRules(length=8, require_each_included_type=False), 52),
    ],
)
def test_a_weak_password_is_refused(rule: PasswordRules, bits: int) -> None:
    """Whoever asks for it; the error says how strong it would be, and only the function's setting lets it pass."""
    for rules in ((rule, PasswordRules()), (PasswordRules(), rule)):
        with pytest.raises(InvalidSettings, match=f"holds {bits} bits, and 64 are the least") as refused:
            policy_for(LIMITS, *rules)
        assert "PASSWORD_MINIMUM_BITS" in refused.value.remedy
        assert policy_for(LIMITS, *rules, least_bits=bits - 1).length == rule.length


@pytest.mark.parametrize("rule", [replace(DIGITS, length=20), PasswordRules(length=12, exclude_punctuation=True)])
def test_what_is_strong_enough(rule: PasswordRules) -> None:
    """The examples of the guide."""
    assert policy_for(LIMITS, rule).bits >= 64


@pytest.mark.parametrize(
    ("engine", "rule", "named"),
    [
        (LIMITS, PasswordRules(length=7), "PASSWORD_LENGTH"),
        (LIMITS, PasswordRules(length=129), "PASSWORD_LENGTH"),
        (LIMITS, PasswordRules(length=0), "PASSWORD_LENGTH"),
        (replace(LIMITS, password_min=1), PasswordRules(length=3), "REQUIRE_EACH_INCLUDED_TYPE"),
        (
            replace(LIMITS, password_min=1, required=frozenset(TYPES)),
            PasswordRules(length=3, require_each_included_type=False),
            "no room",
        ),
        (LIMITS, PasswordRules(exclude_characters=ALL), "EXCLUDE_CHARACTERS"),
        (
            LIMITS,
            PasswordRules(
                exclude_punctuation=True, exclude_uppercase=True, exclude_lowercase=True, exclude_characters="0"
            ),
            "EXCLUDE_NUMBERS",
        ),
        (replace(LIMITS, required=frozenset({"numbers"})), PasswordRules(exclude_numbers=True), "EXCLUDE_NUMBERS"),
        (
            replace(LIMITS, required=frozenset({"numbers"})),
            PasswordRules(exclude_characters=string.digits),
            "EXCLUDE_CHARACTERS",
        ),
    ],
)
def test_a_contradiction_names_the_settings(engine: Limits, rule: PasswordRules, named: str) -> None:
    """Rules that cannot be obeyed together are refused with the names of those to change."""
    with pytest.raises(InvalidSettings) as refused:
        policy_for(engine, rule)
    assert named in str(refused.value)


def test_the_smallest_alphabet() -> None:
    """Ten characters are enough, nine are not."""
    only = PasswordRules(exclude_punctuation=True, exclude_uppercase=True, exclude_lowercase=True)
    assert "".join(policy_for(LIMITS, only).types) == string.digits
    assert len(string.digits) == LEAST_ALPHABET


def test_no_two_passwords_are_alike() -> None:
    """Passwords are drawn anew each time, and the required characters stand anywhere."""
    policy = policy_for(LIMITS)
    drawn = [policy.generate().reveal() for _ in range(50)]
    assert len(set(drawn)) == 50
    assert len({text[0] in string.digits for text in drawn}) == 2
