"""An emulated account on the loopback interface, for what runs in another process and speaks AWS's protocols."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from moto.server import ThreadedMotoServer

from tests.support.servers.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.audited.account import Account

HOST: Final = "127.0.0.1"


@contextmanager
def served(account: Account, region: str) -> Iterator[dict[str, str]]:
    """Serve a Region of an account, and give the variables by which any SDK finds it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(HOST, free_port(), verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": account.secrets[region].url,
            "AWS_ENDPOINT_URL_SSM": account.parameters[region].url,
            "AWS_ENDPOINT_URL_CLOUDTRAIL": account.trails[region].url,
        }
    finally:
        server.stop()
