"""
A headless Chromium: Debian's package, fetched and unpacked, driven by its own protocol through two pipes.

Chrome DevTools Protocol, with --remote-debugging-pipe: messages in JSON, each ended by a zero byte, on the descriptors
3 and 4. It finds its own files beside itself, so it is run by the machine's own loader and C library (2.36 or later),
with every other library from the packages.
"""

# ruff: noqa: S603 (the program and its arguments are ours)
from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.support.debian import CACHE, Packages

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES: Final = Packages("bookworm", ("chromium-headless-shell", "fonts-dejavu-core"))
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
_OF_GLIBC: Final = (
    "ld-linux",
    "libc.so",
    "libm.so",
    "libpthread",
    "libdl.so",
    "librt.so",
    "libresolv",
    "libnss_",
    "libutil",
)
_PATIENCE: Final = 60.0
_PLACE: Final = (
    "import os, sys; it = [os.dup(int(one)) for one in sys.argv[1:3]]; up = [os.dup2(one, 200 + n) for n, one in "
    "enumerate(it)]; os.dup2(200, 3); os.dup2(201, 4); os.execv(sys.argv[3], sys.argv[3:])"
)
"""Puts the two descriptors where the browser looks for them, and becomes the browser."""


class BrowserError(Exception):
    """What the browser refused, or what a script in the page raised."""


class Tab:
    """A page in the browser."""

    def __init__(self, pipe: _Pipe, session: str) -> None:
        """Attach to it, and write down what it says and asks for."""
        self._pipe, self._session = pipe, session
        self.messages: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 the protocol's own
        """Call a method of the protocol. Raises BrowserError."""
        answer = self._pipe.call(method, parameters, self._session)
        self._note()
        return answer

    def _note(self) -> None:
        """Keep what came in meanwhile: console messages, and every address that was asked for."""
        while self._pipe.events:
            event = self._pipe.events.popleft()
            parameters = event.get("params", {})
            if event["method"] == "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            elif event["method"] == "Runtime.consoleAPICalled":
                self.messages.append(json.dumps(parameters["args"]))
            elif event["method"] == "Log.entryAdded":
                self.messages.append(parameters["entry"]["text"])
            elif event["method"] == "Runtime.exceptionThrown":
                self.messages.append(json.dumps(parameters["exceptionDetails"])[:500])

    def open(self, page: Path) -> None:
        """Open a file, and wait until it is there."""
        self.call("Page.navigate", url=page.as_uri())
        end = time.monotonic() + _PATIENCE
        while self.run("document.readyState + location.protocol") != "completefile:" and time.monotonic() < end:
            time.sleep(0.05)

    def look(self, width: int, *, dark: bool = False, scripts: bool = True) -> None:
        """Be a screen of that width, light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        self.call("Emulation.setEmulatedMedia", media="", features=[_scheme(dark=dark)])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def paper(self, *, dark: bool = False) -> None:
        """Be a sheet of letter paper, at a desk that is light or dark; ``look`` is a screen again."""
        self.call("Emulation.setDeviceMetricsOverride", width=640, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", media="print", features=[_scheme(dark=dark)])

    def run(self, script: str) -> Any:  # noqa: ANN401 whatever it gives
        """Run a script in the page, and give its value. Raises BrowserError."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:1000])
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=9 if key == "Tab" else 13
            )

    def picture(self, file: Path, height: int = 1600, begins: str = "body") -> None:
        """Take a picture of the page, from the element that a selector names."""
        width = self.run("innerWidth")
        top = self.run(f"Math.max(0, document.querySelector({begins!r}).getBoundingClientRect().top + scrollY - 12)")
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def printed(self) -> bytes:
        """Print to PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])


def _scheme(*, dark: bool) -> dict[str, str]:
    return {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}


class _Pipe:
    """The two pipes, and what came through them that nobody asked for."""

    def __init__(self, writes: int, reads: int) -> None:
        self._writes, self._reads = writes, reads
        self._last, self._rest = 0, b""
        self.events: deque[dict[str, Any]] = deque()

    def call(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters} | (
            {"sessionId": session} if session else {}
        )
        os.write(self._writes, json.dumps(message).encode() + b"\0") if len(str(message)) < 60_000 else self._pour(
            message
        )
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            if "method" in answer:
                self.events.append(answer)

    def _pour(self, message: dict[str, Any]) -> None:
        """Write what is longer than a pipe holds."""
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._writes, left) :]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._reads], [], [], _PATIENCE)[0]:
                raise BrowserError("the browser says nothing")
            got = os.read(self._reads, 1 << 20)
            if not got:
                raise BrowserError("the browser has ended")
            self._rest += got
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def tab() -> Iterator[Tab]:
    """Start the browser with a tab, and end it."""
    root = PACKAGES.fetch()
    with tempfile.TemporaryDirectory(prefix="chromium-") as name:
        folder = Path(name)
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()
        process = _start(root, folder, to_browser, to_us)
        os.close(to_browser)
        os.close(to_us)
        try:
            pipe = _Pipe(from_us, from_browser)
            target = pipe.call("Target.createTarget", {"url": "about:blank"})["targetId"]
            session = pipe.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
            yield Tab(pipe, session)
        finally:
            process.kill()
            process.wait()
            os.close(from_us)
            os.close(from_browser)


def _start(root: Path, folder: Path, reads: int, writes: int) -> subprocess.Popen[bytes]:
    """Start it with its two descriptors as 3 and 4, and in a home of its own."""
    (folder / "fonts.conf").write_text(
        f"<fontconfig><dir>{root}/usr/share/fonts</dir><cachedir>{folder}/fonts</cachedir></fontconfig>", "utf-8"
    )
    environment = {
        "LD_LIBRARY_PATH": str(_libraries(root)),
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        "HOME": str(folder),
        "PATH": os.defpath,
    }
    program = [str(root / "usr/lib/chromium/chromium-headless-shell"), *_OPTIONS, f"--user-data-dir={folder}/profile"]
    command = [sys.executable, "-c", _PLACE, str(reads), str(writes), *program]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command, env=environment, pass_fds=(reads, writes), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _libraries(root: Path) -> Path:
    """Return a folder with every library of the packages but the C library's, which is the machine's."""
    folder = root.parent / f"{root.name}.libraries"
    if not folder.is_dir():
        made = Path(tempfile.mkdtemp(dir=CACHE))
        for place in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio"):
            for library in sorted((root / place).glob("*.so*")):
                if not library.name.startswith(_OF_GLIBC) and not (made / library.name).exists():
                    (made / library.name).symlink_to(library.resolve())
        made.chmod(0o755)
        made.rename(folder)
    return folder
