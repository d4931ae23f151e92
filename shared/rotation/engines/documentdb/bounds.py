"""What the driver sets no limit to: the turns in which a key is derived, and the look at a host's name."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from pymongo.synchronous import auth

from rotation.engines.scram import require_bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.model import Deadline

_READER: Final = "_parse_scram_response"
"""The driver's function that reads the server's messages, before a key is derived."""


def _bound(parse: Callable[[bytes], dict[bytes, bytes]]) -> Callable[[bytes], dict[bytes, bytes]]:
    """Have the driver stop at a server that orders too much work: it has no limit, and its work none that ends it."""

    def parsed(response: bytes) -> dict[bytes, bytes]:
        require_bounded(response)
        return parse(response)

    return parsed


vars(auth)[_READER] = _bound(vars(auth)[_READER])


def done(work: Callable[[], None], deadline: Deadline) -> bool:
    """
    Return whether the work was done by the deadline, and raise what it raised.

    It is done in a thread that may be left behind: to log in, the driver has the system look the host up, which has
    no limit. What ends later is of a client that is closed; what it computes is bounded.
    """
    raised: list[Exception] = []

    def do() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 whoever waits raises it
            raised.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    if thread.is_alive():
        return False
    for error in raised:
        raise error
    return True
