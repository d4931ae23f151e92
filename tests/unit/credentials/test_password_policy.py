"""Passwords by the rules of the secret, the function and the engine."""

from __future__ import annotations

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


@given(limits, rules, rules)
def test_every_password_obeys(engine: Limits, secret: PasswordRules, function: PasswordRules) -> None:
    """Whatever the rules, a password obeys all of them, or they are refused as contradictory."""
    try:
        policy = policy_for(engine, secret, function)
    except InvalidSettings:
        return
    text = policy.generate().reveal()
    length = secret.length if secret.length is not None else function.length
    assert len(text) == (DEFAULT_LENGTH if length is None else length)
    assert engine.password_min <= len(text) <= engine.password_max
    assert not set(text) & set(engine.forbidden)
    excluded = secret.exclude_characters if secret.exclude_characters is not None else function.exclude_characters
    assert not set(text) & set(engine.default_excluded if excluded is None else excluded)
    required = secret.require_each_included_type
    required = function.require_each_included_type if required is None else required
    for name, characters in TYPES.items():
        own, general = getattr(secret, f"exclude_{name}"), getattr(function, f"exclude_{name}")
        left_out = general if own is None else own
        left = set(characters) - set(engine.forbidden) - set(engine.default_excluded if excluded is None else excluded)
        held = set(text) & set(characters)
        assert not (left_out and held)
        if left and not left_out and (required is not False or name in engine.required):
            assert held
        if name in engine.required:
            assert held


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


def test_every_rule_is_looked_up_by_itself() -> None:
    """The first that speaks of a rule decides it; false is a word, and silence is none."""
    policy = policy_for(
        LIMITS, PasswordRules(length=20, exclude_numbers=False), PasswordRules(length=30, exclude_numbers=True)
    )
    assert policy.length == 20
    assert string.digits in policy.types


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
