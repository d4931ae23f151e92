"""`make demo` that is ended by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.support.guides.pages import ROOT

DEMO = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("tests.lab", run_name="__main__")
"""
"""A shell that runs tests in the background has its children ignore Ctrl-C."""


def test_ctrl_c_ends_the_demo_without_a_traceback() -> None:
    """The terminal sends it to the whole group. The demo ends its client and its server, and is quiet."""
    with subprocess.Popen(  # noqa: S603 the project's own
        [sys.executable, "-c", DEMO, "--rotations", "1000"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    ) as demo:
        assert demo.stdout
        assert any("rotation 1/" in line for line in demo.stdout)
        os.killpg(demo.pid, signal.SIGINT)
        rest = demo.stdout.read()
    assert demo.returncode == 130
    assert "Traceback" not in rest
