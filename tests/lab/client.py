"""
An application's client in a process of its own: it reads AWSCURRENT, or a parameter, and logs in, again and again.

Told on its standard input (one line of JSON) what to do, it tells on its standard output what it saw: so far, for each
line that follows, and all of it once its standard input ends.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Rejected(Exception):
    """The server refused the login."""


@dataclass
class Seen:
    """What a client saw: its logins, those that were rejected, and each stretch without an accepted one (ms)."""

    logins: int = 0
    rejected: int = 0
    windows: list[float] = field(default_factory=list)
    moments: list[tuple[float, bool]] = field(default_factory=list)
    """When each login began, by the clock that all processes share, and whether it was accepted; where asked for."""

    @property
    def longest(self) -> float:
        """The longest stretch without an accepted login, in milliseconds."""
        return max(self.windows, default=0.0)

    def since(self, before: Seen) -> Seen:
        """Return what was seen after that."""
        windows = self.windows[len(before.windows) :]
        return Seen(self.logins - before.logins, self.rejected - before.rejected, windows)


@dataclass
class Client:
    """Logs in with what it last read; reads again when that is older than ``cache`` seconds."""

    read: Callable[[], dict[str, Any]]
    log_in: Callable[[Mapping[str, Any]], None]
    cache: float
    seen: Seen = field(default_factory=Seen)
    traced: bool = False
    _secret: dict[str, Any] = field(default_factory=dict)
    _read_at: float = -1e9
    _closed_at: float | None = None

    def once(self) -> None:
        """Read if it is time to, log in, and remember how that went."""
        begun = time.monotonic()
        if begun - self._read_at >= self.cache:
            self._secret, self._read_at = self.read(), begun
        self.seen.logins += 1
        try:
            self.log_in(self._secret)
        except Rejected:
            self.seen.rejected += 1
            self._closed_at = self._closed_at or begun
            accepted = False
        else:
            self.end_window()
            accepted = True
        if self.traced:
            self.seen.moments.append((begun, accepted))

    def end_window(self) -> None:
        """Note how long no login was accepted, if that was so."""
        if self._closed_at is not None:
            self.seen.windows.append((time.monotonic() - self._closed_at) * 1000)
            self._closed_at = None


def is_leaf(parameter: str) -> bool:
    """Return whether a parameter is the password of a tree, one parameter for each key."""
    return parameter.endswith("/password")


def tree(leaves: Mapping[str, str]) -> dict[str, Any]:
    """Return a secret's keys, as an application makes them of a tree of parameters."""
    return {**leaves, "port": int(leaves["port"])}


def read_tree(service: Any, folder: str) -> dict[str, Any]:  # noqa: ANN401 botocore makes its clients' classes at run time
    """Read all that stands beside a password, as chamber and Spring do."""
    pages = service.get_paginator("get_parameters_by_path").paginate(Path=folder, WithDecryption=True)
    return tree({it["Name"].rpartition("/")[2]: it["Value"] for page in pages for it in page["Parameters"]})


def _await_the_end(over: threading.Event, seen: Seen) -> None:
    for _ in sys.stdin:
        _tell(seen)
    over.set()


def _tell(seen: Seen) -> None:
    print(json.dumps(asdict(seen)), flush=True)  # noqa: T201 its way of speaking


def _credential(text: str) -> dict[str, Any]:
    """Read JSON, or a connection string as drivers do."""
    if text.startswith("{"):
        return dict(json.loads(text))
    parts = urlsplit(text)
    user = {"username": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    return {"host": parts.hostname, "port": parts.port, "dbname": parts.path[1:], **user}


def main() -> None:
    """Do what the first line of the input says until the input ends."""
    order = json.loads(sys.stdin.readline())
    parameter = order.get("parameter")
    service: Any = botocore.session.get_session().create_client(
        "ssm" if parameter else "secretsmanager",
        region_name=order["region"],
        endpoint_url=order["endpoint"],
        aws_access_key_id=order.get("caller", "client"),
        aws_secret_access_key="client",
        config=Config(proxies={}),
    )

    def read() -> dict[str, Any]:
        if parameter and is_leaf(parameter):
            return read_tree(service, parameter.rpartition("/")[0])
        if parameter:
            text = service.get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"]
        else:
            text = service.get_secret_value(SecretId=order["secret"], VersionStage="AWSCURRENT")["SecretString"]
        return _credential(text)

    over = threading.Event()
    bundle = order["bundle"]
    theatre = importlib.import_module(order["module"])
    client = Client(read, lambda secret: theatre.log_in(secret, bundle), order["cache"], traced=order["traced"])
    threading.Thread(target=_await_the_end, args=(over, client.seen), daemon=True).start()
    client.once()
    print("ready", flush=True)  # noqa: T201 its way of speaking
    while not over.wait(order["pause"]):
        try:
            client.once()
        except Exception:
            if over.wait(1):  # whoever started it was killed, and all that it talks to with it
                os._exit(0)
            raise
    client.end_window()
    _tell(client.seen)
    os._exit(0)  # the thread that reads the input may still be in it
