"""The function as it ships: built by the root Makefile, with what the Lambda runtime brings and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab import builds
from tests.support import interpreter
from tests.support.emulators.redshift.server import DATABASE, RedshiftServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.servers.tls import Authority

PROGRAM: Final = """
import json, sys
from pathlib import Path
import app
from rotation.engines.redshift import Redshift
from rotation.model import Address, Credential, Deadline, Password
order = json.loads(sys.stdin.read())
engine = Redshift(Path(order["bundle"]))
who = Credential(order["user"], Password(order["password"]))
with engine.connect(Address("localhost", order["port"], order["database"]), who, Deadline(10)) as session:
    session.rehearse_password(order["user"], Password("Rehearsed-1"))
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def artifact() -> Path:
    """Build the function for the Python and the processor that functions run on here."""
    return builds.ready() / builds.logical_id("redshift")


def size(folder: Path, *, compiled: bool) -> float:
    """Return the size of what a folder holds, in MB, with its bytecode or without."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files if compiled or file.suffix != ".pyc") / 1e6


def test_the_function_is_small(artifact: Path) -> None:
    """The driver with all that it names brings 48 MB; what a login by password needs is 2."""
    assert size(artifact, compiled=False) < 2.2
    assert size(artifact, compiled=True) < 3.9


def test_the_function_logs_in_by_password_over_tls(artifact: Path, authority: Authority) -> None:
    """With the runtime and the layer alone beside it the handler loads, and a session is opened and used."""
    paths = (artifact, builds.ready() / builds.LAYER / "python", builds.managed())
    with RedshiftServer(authority) as server:
        place = {"user": server.user, "password": server.password, "port": server.port, "database": DATABASE}
        result = subprocess.run(  # noqa: S603 ours
            [interpreter.of_lambda().program, "-S", "-c", PROGRAM],
            input=json.dumps({**place, "bundle": str(server.bundle)}),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": ":".join(map(str, paths)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_DEFAULT_REGION": "eu-west-1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        assert [(login.accepted, login.encrypted) for login in server.logins] == [(True, True)]
    assert not {"lxml", "bs4", "requests", "pytz", "setuptools"} & set(json.loads(result.stdout.splitlines()[-1]))
