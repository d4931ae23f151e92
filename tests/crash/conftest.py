"""The tally of all crash tests, and its table at the end of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.crashes.tally import Tally

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

TALLY = pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the table be of several runs."""
    parser.addoption("--tally", type=Path, help="where to write down what was counted, for tests.support.crashes.tally")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[TALLY] = Tally()
    if config.getoption("--tally", None):
        config.pluginmanager.register(AtOnce(config))


class AtOnce:
    """Shows a failure where it happens: pytest shows them at the end, which is an hour away in `make crash`."""

    def __init__(self, config: pytest.Config) -> None:
        """Know what writes."""
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down what failed, and how."""
        writer: TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and writer:
            writer.write_line("")
            writer.section(report.nodeid)
            writer.write_line(report.longreprtext)
            writer.flush()


@pytest.fixture(autouse=True)
def _quick(no_pauses: None) -> None:
    """Wait for no label."""


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Return the run's only tally."""
    return request.config.stash[TALLY]


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    counted = config.stash.get(TALLY, Tally())
    if file := config.getoption("--tally", None):
        counted.save(file)
    if counted.rows:
        terminalreporter.section("schedules")
        for line in counted.lines():
            terminalreporter.write_line(line)
