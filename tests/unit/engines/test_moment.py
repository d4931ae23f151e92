"""What is read under the lock counts for a moment, and not beyond a change."""

from __future__ import annotations

import pytest

from rotation.engines import moment
from rotation.engines.moment import Moment


class Asked:
    """Answers how often it was asked."""

    def __init__(self) -> None:
        """Begin unasked."""
        self.times = 0

    def __call__(self) -> list[tuple[int]]:
        """Answer."""
        self.times += 1
        return [(self.times,)]


@pytest.fixture
def asked() -> Asked:
    """Return what is asked."""
    return Asked()


@pytest.fixture
def known() -> Moment:
    """Return what was begun under a lock."""
    it = Moment()
    it.begin()
    return it


def test_before_the_lock_everything_is_asked(asked: Asked) -> None:
    """Somebody else may be at work."""
    it = Moment()
    it.end()
    assert [it.rows("q", asked), it.rows("q", asked)] == [[(1,)], [(2,)]]


def test_a_question_is_asked_once(known: Moment, asked: Asked) -> None:
    """Another question has an answer of its own."""
    assert [known.rows("q", asked), known.rows("q", asked), known.rows("r", asked)] == [[(1,)], [(1,)], [(2,)]]


def test_a_change_ends_it(known: Moment, asked: Asked) -> None:
    """What is read next shows it."""
    known.rows("q", asked)
    known.end()
    assert known.rows("q", asked) == [(2,)]


def test_a_second_lock_begins_anew(known: Moment, asked: Asked) -> None:
    """Others may have had it in between."""
    known.rows("q", asked)
    known.begin()
    assert known.rows("q", asked) == [(2,)]


def test_an_answer_grows_old(known: Moment, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person may have changed something by hand meanwhile."""
    monkeypatch.setattr("time.monotonic", iter([5.0, 5.0, 5.5, 6.0, 6.0]).__next__)
    assert [known.rows("q", asked) for _ in range(3)] == [[(1,)], [(1,)], [(2,)]]
    assert moment.SECONDS == 1
