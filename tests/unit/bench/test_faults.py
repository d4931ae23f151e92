"""Faults put into the library: each is one that the interpreter takes, and no other line is touched."""

from __future__ import annotations

import ast

import pytest

from tests.bench import faults

DRAWN = faults.drawn(30, 18)


@pytest.mark.parametrize("fault", DRAWN, ids=str)
def test_a_fault_is_one_change_that_compiles(fault: faults.Fault) -> None:
    source = (faults.ROOT / fault.path).read_text(encoding="utf-8")
    broken = fault.put_into(source)
    assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(source))
    before, after = source.splitlines(), broken.splitlines()
    assert before[: fault.line - 1] == after[: fault.line - 1]
    assert before[fault.end_line :] == after[len(after) - len(before) + fault.end_line :]


def test_they_are_the_same_each_time_and_in_all_rooms() -> None:
    assert faults.drawn(30, 18) == DRAWN
    library = faults.ROOT / faults.LIBRARY
    rooms = {file.parent for file in library.rglob("*.py") if faults.faults_of(file.relative_to(faults.ROOT))}
    assert {faults.ROOT / fault.path.parent for fault in DRAWN} == rooms
