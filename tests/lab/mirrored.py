"""A secret on the stage whose mirrors clients read: in each layout, before every login or with a cache."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest import mock
from urllib.parse import quote

from tests.lab.nightly import NIGHTLY
from tests.lab.theatre import REGION, ClientProcess, Context
from tests.support.emulators.ssm.server import EmulatedParameterStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.client import Seen
    from tests.lab.theatre import Application, Theatre

PATH: Final = "/mirrors"
CACHED: Final = 0.2
"""Seconds for which a client keeps what it read, where it keeps it at all."""
READS: Final = 2
"""Of each client between two rotations: what it had when one began is not used any more when the next one does."""


@contextmanager
def mirroring(theatre: Theatre) -> Iterator[EmulatedParameterStore]:
    """Let the function of a stage write mirrors, as it may with MirrorPath."""
    plain = theatre.environment
    with EmulatedParameterStore() as parameters:
        more = {"AWS_ENDPOINT_URL_SSM": parameters.url, "MIRROR_PATH": PATH}
        with (
            mock.patch.object(theatre, "environment", return_value=plain() | more),
            mock.patch.object(theatre, "handler", theatre.load()),
        ):
            yield parameters


class Mirrors:
    """The mirrors of an application's secret, one for each layout that it may have."""

    def __init__(self, application: Application, parameters: EmulatedParameterStore) -> None:
        """Make them as the guide says, let the secret name them, and send syncMirrors."""
        self._application, self._parameters = application, parameters
        secret, path = application.secret(), f"{PATH}/{application.secret()['username']}"
        place = f"{secret['host']}:{secret['port']}/{secret['dbname']}"
        scheme = {"postgres": "postgresql"}.get(secret["engine"], secret["engine"])
        self.made = {f"{path}/database": "-", f"{path}/url": f"{scheme}://{quote(secret['username'])}:-@{place}"}
        if application.strategy != "alternating-users":
            self.made[f"{path}/tree/password"] = "-"
            for key in ("engine", "host", "port", "dbname", "username"):
                parameters.put(f"{path}/tree/{key}", str(secret[key]))
        for name, value in self.made.items():
            request = {"Name": name, "Value": value, "Type": "SecureString", "Description": application.arn}
            parameters.execute("PutParameter", request)
        application.put(secret | {"rotation": {**secret.get("rotation", {}), "mirror": ", ".join(self.made)}})
        whole, *others = self.made
        few = [(whole, 0.0), *((name, CACHED) for name in others)]
        self._readers = [*itertools.product(self.made, (0.0, CACHED))] if NIGHTLY else few
        application.theatre.invoke({"Step": "syncMirrors", "SecretId": application.arn})

    def seen(self, rotations: int) -> dict[str, Seen]:
        """Rotate beside clients of each mirror, and return what they saw."""
        clients = {reader: self._client(*reader) for reader in self._readers}
        with ExitStack() as stack:
            for client in clients.values():
                stack.enter_context(client)
            for _ in range(rotations):
                assert self._application.rotate().succeeded
                self._await_readers()
        return {_told(*reader): client.seen for reader, client in clients.items()}

    def _await_readers(self) -> None:
        """Wait until nobody uses what stood there when the rotation began."""
        begun, give_up = len(self._parameters.journal.reads), time.monotonic() + Context.seconds
        wanted = [(name, _caller(cache)) for name, cache in self._readers]
        while any(self._reads(begun, *it) < READS for it in wanted):
            assert time.monotonic() < give_up, "a client has stopped"
            time.sleep(0.005)

    def _reads(self, begun: int, name: str, caller: str) -> int:
        return sum((it.name, it.caller) == (name, caller) for it in self._parameters.journal.reads[begun:])

    def _client(self, name: str, cache: float) -> ClientProcess:
        theatre = self._application.theatre
        order: dict[str, Any] = {"module": theatre.module.__name__, "parameter": name}
        order |= {"endpoint": self._parameters.url, "region": REGION, "bundle": str(theatre.scene.bundle)}
        return ClientProcess({**order, "cache": cache, "pause": 0.01, "traced": False, "caller": _caller(cache)})


def _caller(cache: float) -> str:
    """Return as whom a client reads, by which the journal tells those that cache from the others."""
    return "caching-client" if cache else "client"


def _told(name: str, cache: float) -> str:
    return f"{name}, cached" if cache else name


def beside_readers(application: Application, rotations: int) -> dict[str, Seen]:
    """Rotate a secret with mirrors beside clients that read those alone; see that each follows every rotation."""
    with mirroring(application.theatre) as parameters:
        mirrors = Mirrors(application, parameters)
        seen = mirrors.seen(rotations)
        for name in mirrors.made:
            written = [it for it in parameters.journal.writes if it.name == name]
            assert len(written) == rotations + 2, "as it was made, by syncMirrors, and by each rotation"
    return seen
