"""What the functions are built into on this machine: all of them by `sam build`, or the parts of one by its recipes."""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import functools
import hashlib
import platform
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support import interpreter
from tests.support.debian import only_one
from tests.support.template.functions import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT: Final = Path(__file__).resolve().parents[2]
LAYER: Final = "SharedLayer"
ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
"""Lambda's names of processors, by Python's."""


class BuildFailed(RuntimeError):
    """What a function needs could not be built here; the message says what was tried."""


def architecture() -> str:
    """Return this machine's processor by Lambda's name."""
    return ARCHITECTURES[platform.machine()]


def logical_id(function: str) -> str:
    """Name a function's resource in the template."""
    return named(function, "Function")


@functools.cache
def built(arch: str, version: str, stack: str = "") -> Path:
    """
    Run `make build`, once for all processes and sources, and give the folder with what `sam deploy` would deploy.

    ``stack`` names the folder of a function that has a template of its own.
    """
    folder = ROOT / ".aws-sam" / "-".join(filter(None, ["run", stack, arch, version]))
    template = ROOT / f"functions/{stack}/template.yaml" if stack else ROOT / "template.yaml"
    made_of = (template.parent,) if stack else (ROOT / "functions", ROOT / "shared", template)
    words = {"ARCH": arch, "LAMBDA_PYTHON": version, "BUILD": folder, "TEMPLATE": template}
    _once(folder, made_of, lambda: _make("build", *(f"{key}={word}" for key, word in words.items())), version)
    return folder


def part(name: str, begin: Callable[[str], object]) -> Path:
    """
    Build one resource, a function or the layer, by the recipe that `sam build` runs for it, and give its folder.

    It is built only where its sources changed; ``begin`` is then told its name.
    """
    arch, version = architecture(), interpreter.of_lambda().version
    folder = ROOT / ".aws-sam" / f"parts-{arch}-{version}" / name
    made_of = ROOT / "shared"
    if name != LAYER:
        (made_of,) = (it for it in (ROOT / "functions").iterdir() if logical_id(it.name) == name)

    def make() -> None:
        begin(name)
        folder.mkdir(parents=True)
        _make(f"build-{name}", f"ARCH={arch}", f"LAMBDA_PYTHON={version}", f"ARTIFACTS_DIR={folder}")

    _once(folder, (made_of,), make, version)
    return folder


def _once(folder: Path, made_of: Iterable[Path], make: Callable[[], None], version: str) -> None:
    """Make a folder of sources, where it is not there or they have changed since."""
    noted = folder.with_name(f"{folder.name}.sources")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with only_one(folder.with_name(f"{folder.name}.lock")):
        sources = f"{interpreter.of_version(version)} {_digest((*made_of, ROOT / 'Makefile'))}"
        if not (folder.is_dir() and noted.exists() and noted.read_text(encoding="utf-8") == sources):
            noted.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            make()
            noted.write_text(sources, encoding="utf-8")


def _digest(places: Iterable[Path]) -> str:
    """Return a digest of files and of all that is in folders, by name and content."""
    digest = hashlib.sha256()
    found = (path for place in places for path in ([place] if place.is_file() else place.rglob("*")) if path.is_file())
    for path in sorted(found):
        if path.suffix != ".pyc":
            digest.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def ready(stack: str = "") -> Path:
    """Build for the Python and the processor that the functions run on here."""
    return built(architecture(), interpreter.of_lambda().version, stack)


def of_the_whole(name: str) -> Path:
    """Return what `sam build` made of a resource."""
    return ready() / name


@functools.cache
def managed() -> Path:
    """Return the folder of what Lambda's runtime holds beside Python: awslambdaric and boto3."""
    version = interpreter.of_lambda().version
    folder = ROOT / ".tools" / f"runtime-{architecture()}-{version}"
    folder.parent.mkdir(exist_ok=True)
    with only_one(folder.with_name(f"{folder.name}.lock")):
        _make(".tools-runtime", f"ARCH={architecture()}", f"LAMBDA_PYTHON={version}")
    return folder


def _make(*arguments: str) -> None:
    done = subprocess.run(
        ["make", "-s", *arguments],  # noqa: S607 the machine's own
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        message = f"make {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
        raise BuildFailed(message)
