"""
A plugin of the AWS CLI that stands still once all is imported, and becomes one command after the other in a fork.

It runs in the CLI's own Python, whichever that is. AWS CLI user guide: a `[plugins]` section of the configuration names
the module, whose `awscli_initialize` is called when the CLI starts.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

SOCKET = "AWS_CLI_FORKS_AT"
# What the CLI itself sets as it is imported: where its data are.
DATA = "AWS_DATA_PATH"
# Loads what any command does; there is nobody at that port.
WARMING = ("sts", "get-caller-identity", "--endpoint-url", "http://127.0.0.1:9", "--no-sign-request", "--region", "x")


def awscli_initialize(_events: object) -> None:
    """Take commands until the process is ended."""
    main = importlib.import_module("awscli.clidriver").main
    place = Path(os.environ.pop(SOCKET))
    del os.environ["AWS_CONFIG_FILE"]
    sys.argv[1:] = WARMING
    main()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place.with_suffix(".new")))
        listening.listen(16)
        place.with_suffix(".new").rename(place)
        while True:
            asking = listening.accept()[0]
            with asking:
                if not os.fork():
                    os._exit(_become(asking))


def _become(asking: socket.socket) -> int:
    """Be the command that was typed, with its files, variables and folder, and tell its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(asking, 1, 3)
    with asking.makefile("rb") as reading:
        typed = json.load(reading)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    own = {name: value for name, value in os.environ.items() if name == DATA}
    os.environ.clear()
    os.environ.update(own | typed["environment"])
    os.chdir(typed["folder"])
    sys.argv[1:] = typed["words"]
    status = 1
    try:
        status = importlib.import_module("awscli.clidriver").main() or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        asking.sendall(bytes([status & 255]))
    return status
