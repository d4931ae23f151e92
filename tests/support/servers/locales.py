"""System locales compiled for one run, so that a server can speak another language than the machine does."""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.servers import process

SOURCES = "usr/share/i18n"


class LocaleUnavailableError(RuntimeError):
    """A locale cannot be compiled here; the message says what is missing."""


def compile_locale(name: str, root: Path = Path("/")) -> Path:
    """Return the LOCPATH with the locale `name` (such as de_DE.UTF-8), from the sources below `root`."""
    folder = process.workspace() / "locales" / root.name
    if not (folder / name).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _compile(name, root, folder / name)
    return folder


def _compile(name: str, root: Path, target: Path) -> None:
    program = root / "usr/bin/localedef"
    sources = root / SOURCES
    language, _, charset = name.partition(".")
    if not program.exists() or not (sources / "locales" / language).exists():
        message = f"the locale {name} needs {program} and {sources / 'locales' / language} (package locales)"
        raise LocaleUnavailableError(message)
    subprocess.run(
        [program, "--no-archive", "-i", language, "-f", charset, target],
        env={"I18NPATH": str(sources)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for file in (target, *target.rglob("*")):
        file.chmod(file.stat().st_mode | 0o055 if file.is_dir() else 0o644)
