"""How a command that `make` starts comes to its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from tests.support.servers.choice import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
"""What a shell gives for Ctrl-C."""


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with the code of ``main``, with one sentence where a server cannot run, and quietly at Ctrl-C."""
    try:
        sys.exit(main())
    except ServerUnavailableError as error:
        sys.exit(f"make: {error}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
