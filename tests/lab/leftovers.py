"""What a demo that was killed together with its watcher left behind, and how the next one clears it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.servers import process

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = "demo"
"""The file in a workspace that names the process whose it is."""


def claim() -> Path:
    """Mark this process's workspace as a demo's, and return a folder in it, which goes with it however it ends."""
    (process.workspace() / MARK).write_text(_identity(os.getpid()), encoding="utf-8")
    return process.new_folder("authority")


def clear() -> list[Path]:
    """Stop and remove what earlier demos left, where mark and folder are ours and nobody is left to do it."""
    found = list(_abandoned())
    for folder in found:
        # The watcher's own lines: a process counts only while its command line names the folder.
        command = ["/bin/sh", "-c", process.WATCHER, "watcher", str(folder)]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603 ours
    return found


def _abandoned() -> Iterator[Path]:
    for mark in Path(tempfile.gettempdir()).glob(f"rotation-servers-*/{MARK}"):
        folder = mark.parent
        ours = all(path.lstat().st_uid == os.geteuid() and not path.is_symlink() for path in (mark, folder))
        if ours and not _lives(mark.read_text("utf-8")) and not _is_watched(folder):
            yield folder


def _identity(pid: int) -> str:
    """Return a process's id with when it began, since ids are used again; nothing where it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    return f"{pid} {status.rpartition(')')[2].split()[19]} {boot}"


def _lives(identity: str) -> bool:
    pid = identity.partition(" ")[0]
    return not pid.isdigit() or _identity(int(pid)) == identity


def _is_watched(folder: Path) -> bool:
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if b"watcher" in words and os.fsencode(folder) in words:
            return True
    return False
