"""Data folders that are made once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.servers import templates

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_is_made_once_for_all_who_want_it(tmp_path: Path) -> None:
    made: list[Path] = []

    def make() -> Path:
        made.append(tmp_path / f"made-{len(made)}")
        made[-1].mkdir()
        (made[-1] / "ibdata").write_text("initialised")
        return made[-1]

    program, cache = tmp_path / "mysqld", tmp_path / "cache"
    program.touch()
    with ThreadPoolExecutor(4) as pool:
        folders = {*pool.map(lambda _: templates.kept(program, "mysql", make, cache), range(4))}
    assert len(folders) == len(made) == 1
    assert [(folder / "ibdata").read_text() for folder in folders] == ["initialised"]


def test_another_program_makes_its_own(tmp_path: Path) -> None:
    older, newer = tmp_path / "older", tmp_path / "newer"
    (tmp_path / "made").mkdir()
    for number, program in enumerate((older, newer)):
        program.touch()
        os.utime(program, (number, number))
    one, other = (templates.kept(program, "mysql", lambda: tmp_path / "made", tmp_path) for program in (older, newer))
    assert one != other
