"""The table of engines, held against what the engines say of themselves."""

from __future__ import annotations

import pytest

from rotation.engines import ENGINES, engine_named


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_found_by_each_of_its_names(name: str) -> None:
    """A secret's ``engine`` leads to an engine that takes it."""
    assert name in engine_named(name)(None).traits.names


def test_no_name_of_an_engine_is_missing() -> None:
    """A name that an engine learns is a name in the table."""
    known = {name for engine in ENGINES for name in engine_named(engine)(None).traits.names}
    assert known == set(ENGINES)


def test_a_name_that_no_engine_has() -> None:
    """The caller says which names there are."""
    with pytest.raises(KeyError):
        engine_named("oracle")
