from __future__ import annotations

import json

import pytest

from tests.bench import readme


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    figures: dict[str, object] = json.loads(readme.FIGURES.read_text("utf-8"))
    return figures


def test_the_readme_shows_what_was_measured(found: dict[str, object]) -> None:
    assert readme.written(readme.INTRODUCTION.read_text("utf-8")) == readme.section(found)


def test_the_guide_shows_all_that_was_measured(found: dict[str, object]) -> None:
    assert readme.PAGE.read_text("utf-8") == readme.page(found)


def test_each_picture_that_the_readme_shows_is_there(found: dict[str, object]) -> None:
    for picture in readme.pictures(found):
        for name in picture.split('"')[1::2]:
            assert not name.endswith(".svg") or (readme.ROOT / name).is_file(), name
