"""The function as it ships: built by the root Makefile, with what the Lambda runtime brings and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab import builds
from tests.support.emulators.redshift.server import DATABASE, RedshiftServer

if TYPE_CHECKING:
    from tests.support.servers.tls import Authority

ROOT: Final = Path(__file__).parents[2]
SITE: Final = Path(sysconfig.get_path("purelib"))
RUNTIME: Final = ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "jmespath", "urllib3")
"""What Lambda's Python runtime brings."""
LAYER: Final = ("aws_lambda_powertools", "typing_extensions.py")
"""What the layer brings beside the library."""

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
    """Build the function for the Python and the processor at hand."""
    return builds.own() / builds.logical_id("redshift")


def size(folder: Path, *, compiled: bool) -> float:
    """Return the size of what a folder holds, in MB, with its bytecode or without."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files if compiled or file.suffix != ".pyc") / 1e6


def test_the_function_is_small(artifact: Path) -> None:
    """The driver with all that it names brings 48 MB; what a login by password needs is 2."""
    assert size(artifact, compiled=False) < 2.2
    assert size(artifact, compiled=True) < 3.9


def test_the_function_logs_in_by_password_over_tls(artifact: Path, authority: Authority, tmp_path: Path) -> None:
    """With the runtime and the layer alone beside it the handler loads, and a session is opened and used."""
    for name in (*RUNTIME, *LAYER):
        (tmp_path / name).symlink_to(SITE / name)
    with RedshiftServer(authority) as server:
        place = {"user": server.user, "password": server.password, "port": server.port, "database": DATABASE}
        result = subprocess.run(  # noqa: S603 ours
            [sys.executable, "-S", "-c", PROGRAM],
            input=json.dumps({**place, "bundle": str(server.bundle)}),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{artifact}:{ROOT / 'shared'}:{tmp_path}",
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
