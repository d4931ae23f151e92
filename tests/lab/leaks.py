"""
Every password of the whole run, searched for in everything that the run wrote, once, at its end.

A plugin of pytest. A password is whatever becomes a Password: what the password policy draws, and what tests set.
What was written: the function's log lines and metrics, what tests print, the errors of the library and the reprs of
what it holds, the logs of all servers that the tests started, and what a proxy carried outside of TLS. Each process
(both invocations of `make test`, each worker of xdist) checks its own; one password found fails the run. What is
found is named by the test that made it, and never shown.

Passwords too short or too plain to be told from words are left out. A test whose passwords are any texts, or
stand in a log on purpose, says so with `pytest.mark.unsearched`.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest

from rotation import errors
from rotation.delivery import Delivery
from rotation.model import Password
from tests.lab.theatre import FunctionLog
from tests.support.network import proxy as wire
from tests.support.servers import process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from rotation.model import Secret, StoredVersion

SHORTEST: Final = 12
DISTINCT: Final = 8
"""Characters of a password, and different ones among them, that cannot be a word of somebody's message."""

_VERSION: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What differs between texts that say the same of two versions."""

WORKER: Final = "leaks"
"""The key under which a worker of xdist tells its controller."""


@dataclass
class Ledger:
    """Passwords, by where they were made, and a folder with all that was written."""

    folder: Path
    passwords: dict[str, str] = field(default_factory=dict)
    excused: bool = False
    """Whether the passwords of the test that runs do not count."""
    kept: int = 0
    _said: set[int] = field(default_factory=set)

    def made(self, password: str) -> None:
        """Remember a password, unless it is too plain."""
        if password in self.passwords:
            return
        plain = len(password) < SHORTEST or len(set(password)) < DISTINCT or " " in password
        if not (plain or self.excused):
            self.passwords[password] = os.environ.get("PYTEST_CURRENT_TEST", "the run's start")

    def wrote(self, where: str, text: str) -> None:
        """Keep a text, by the name of where it was written, once: but for versions' ids a run repeats most of them."""
        said = hash((where, _VERSION.sub("", text)))
        if text and not self.excused and said not in self._said:
            self._said.add(said)
            with (self.folder / where).open("a", encoding="utf-8", errors="surrogatepass") as file:
                file.write(text + "\n")

    def carried(self, content: bytes) -> None:
        """Keep what went over a wire, as it went."""
        with (self.folder / "the wire").open("ab") as file:
            file.write(content)

    def keep_logs(self, folder: Path) -> None:
        """Keep the logs of a server whose folder is about to go."""
        for log in folder.glob("*.log"):
            self.kept += 1
            shutil.move(log, self.folder / f"the log of server {folder.name} ({self.kept})")

    def forms(self) -> dict[str, str]:
        """Return every form in which a password could stand, with the password."""
        return {form: clear for clear in self.passwords for form in _forms(clear)}

    def found(self) -> list[str]:
        """Search everything for every password, and name what was found where."""
        files = sorted(self.folder.iterdir())
        forms = self.forms()
        if not files or not forms:
            return []
        patterns = "\n".join(forms).encode(errors="surrogatepass")
        command = ["grep", "-a", "-o", "-H", "-Z", "-F", "-f", "-", *(file.name for file in files)]
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        done = subprocess.run(  # noqa: S603 (the names are ours)
            command, input=patterns, capture_output=True, cwd=self.folder, env=environment, check=False
        )
        if done.returncode > 1:
            raise RuntimeError(done.stderr.decode(errors="replace"))
        lines = [line.partition(b"\0") for line in done.stdout.splitlines()]
        seen = Counter((name.decode(), match.decode(errors="surrogatepass")) for name, _, match in lines)
        return [
            f"{name}: a password made in {self.passwords[forms[match]]}, {n} times" for (name, match), n in seen.items()
        ]


def _forms(clear: str) -> Iterator[str]:
    """Return a password as it is, as JSON writes it, and as SQL does."""
    forms = {clear, json.dumps(clear)[1:-1], json.dumps(clear, ensure_ascii=False)[1:-1], clear.replace("'", "''")}
    yield from (form for form in forms if form.isprintable())


class Plugin:
    """Listens to the whole run."""

    def __init__(self) -> None:
        """Open the ledger, and patch what makes passwords and what writes."""
        self.ledger = Ledger(Path(tempfile.mkdtemp(prefix="leaks-")))
        self.leaks: list[str] = []
        self._shown: set[int] = set()
        self._patches = ExitStack()
        self._after(Password, "__init__", lambda _, __, text: self.ledger.made(text))
        self._after(errors.RotationError, "__init__", self._raised)
        self._after(Delivery, "parse", self._read)
        self._after(FunctionLog, "write", lambda _, __, text: self.ledger.wrote("the functions' log", text))
        process.farewells.append(self.ledger.keep_logs)
        wire.taps.append(self.ledger.carried)

    def _after(self, kind: type, name: str, listen: Callable[..., object]) -> None:
        method = getattr(kind, name)

        @functools.wraps(method)
        def listening(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
            result = method(*arguments, **named)
            listen(result, *arguments)
            return result

        self._patches.enter_context(mock.patch.object(kind, name, listening))

    def _read(self, secret: Secret, delivery: Delivery, version: StoredVersion) -> None:
        """Keep how the library shows what holds a password: once for each, since a play shows them again and again."""
        staged = delivery.staged and delivery.staged.value
        held = hash((secret.credential.password.reveal(), version.value, staged))
        if held in self._shown or self.ledger.excused:
            return
        self._shown.add(held)
        shown = (secret, secret.credential, secret.credential.password, version, delivery.staged)
        self.ledger.wrote("reprs", f"{shown!r} {secret} {version}")

    def _raised(self, _: None, error: errors.RotationError, *__: object) -> None:
        """Keep what an error of the library says; a test may make any error it likes."""
        maker = sys._getframe(2)  # noqa: SLF001 beyond this method and the wrapper
        while maker.f_code.co_name in {"__init__", "listening"}:
            maker = maker.f_back or maker
        if "/tests/" not in maker.f_code.co_filename:
            self.ledger.wrote("errors", f"{error} {error!r}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """See whether the test's passwords count."""
        self.ledger.excused = item.get_closest_marker("unsearched") is not None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:  # noqa: ANN401 pytest's own
        """Hear what a test reads of its captured output: no report holds it any more."""
        value = yield
        if fixturedef.argname in {"capsys", "capfd"}:
            read = value.readouterr

            def heard() -> Any:  # noqa: ANN401 pytest's own
                captured = read()
                self.ledger.wrote("output", captured.out + captured.err)
                return captured

            value.readouterr = heard
        return value

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the test printed and logged."""
        for title, text in report.sections:
            self.ledger.wrote(title, text)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search; what is found fails the run."""
        self._patches.close()
        process.farewells.remove(self.ledger.keep_logs)
        wire.taps.remove(self.ledger.carried)
        self.leaks += self.ledger.found()
        shutil.rmtree(self.ledger.folder)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[WORKER] = self.leaks
        elif self.leaks and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 xdist's own
        """Take over what a worker found."""
        self.leaks += getattr(node, "workeroutput", {}).get(WORKER, [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it."""
        count = len(self.ledger.passwords)
        if self.leaks:
            terminalreporter.section("passwords that were written down", red=True)
        for leak in sorted(self.leaks):
            terminalreporter.line(leak)
        terminalreporter.line(f"{count} passwords searched for in all that was written: {len(self.leaks)} found")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with the run."""
    config.addinivalue_line("markers", "unsearched: its passwords are any texts, or stand in a log on purpose")
    config.pluginmanager.register(Plugin(), "leaks-of-the-run")
