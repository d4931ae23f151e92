"""The AWS CLI, started once for all commands that tests type: an `aws` on the PATH that has it forked for each."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from tests.support.cli import forking
from tests.support.servers.process import ServerProcess, new_folder
from tests.support.template.cloudformation import ROOT

SECONDS: Final = 60.0

ASKING: Final = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({place!r})
    socket.send_fds(asked, [b"."], [0, 1, 2])
    typed = {{"words": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}}
    asked.sendall(json.dumps(typed).encode())
    asked.shutdown(socket.SHUT_WR)
    sys.exit((asked.recv(1) or b"\\1")[0])
"""


def installed() -> str:
    """Return a PATH with the AWS CLI as it is: the machine's, or the project's own."""
    return f"{os.environ['PATH']}:{ROOT / '.tools/aws/bin'}"


@functools.cache
def path() -> str:
    """Return a PATH on which `aws` takes a tenth of the time; version 2, which takes no plugins, is as it is."""
    folder = new_folder("aws")
    place, program = folder / "socket", shutil.which("aws", path=installed())
    plugin = Path(forking.__file__)
    (folder / "config").write_text(f"[plugins]\nforking = {plugin.stem}\n")
    environment = {
        "PATH": installed(),
        "HOME": str(folder),
        "PYTHONPATH": str(plugin.parent),
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_MAX_ATTEMPTS": "1",
        forking.SOCKET: str(place),
    }
    server = ServerProcess([program or "aws", "--version"], environment, folder / "log", run_as={})
    until = time.monotonic() + SECONDS
    while not place.exists():
        if not server.alive or time.monotonic() > until:
            return installed()
        time.sleep(0.02)
    (folder / "bin").mkdir()
    asking = folder / "bin/aws"
    asking.write_text(ASKING.format(python=sys.executable, place=str(place)))
    asking.chmod(0o755)
    return f"{folder / 'bin'}:{installed()}"
