"""Data folders that were initialised once, kept for every process: to initialise one takes most of a server's start."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support import debian

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE: Final = Path(__file__).parents[3] / ".cache" / "templates"


def kept(program: Path, key: str, make: Callable[[], Path], cache: Path = CACHE) -> Path:
    """
    Return the folder that is kept under a key, made by ``make`` where there is none yet.

    It is one of this account's, since a server hides its files from others, and of this very program: another
    version, or one fetched anew, makes its own.
    """
    folder = cache / f"{key}-{os.geteuid()}-{program.stat().st_mtime_ns}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with debian.only_one(cache / f"{folder.name}.lock"):
            if not folder.is_dir():
                fresh = cache / f"{folder.name}.new"
                shutil.rmtree(fresh, ignore_errors=True)
                shutil.copytree(make(), fresh, symlinks=True)
                fresh.rename(folder)
    return folder
