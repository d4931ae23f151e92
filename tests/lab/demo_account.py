"""
``make demo-account``: the account of `make demo-audit` on the loopback interface, for another audit to look at.

It prints the variables by which any SDK of AWS finds it, and stays until it is interrupted.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
if str(ROOT / "functions/audit") not in sys.path:
    sys.path.insert(0, str(ROOT / "functions/audit"))

from tests.support.audited.account import HERE, Account  # noqa: E402 after the audit's folder is known
from tests.support.audited.faulty import fill  # noqa: E402
from tests.support.audited.serving import served  # noqa: E402


def main() -> None:
    """Serve it."""
    with Account() as account:
        fill(account)
        with served(account, HERE) as variables, suppress(KeyboardInterrupt):
            for name, value in variables.items():
                print(f"export {name}={value}", flush=True)  # noqa: T201 for people
            threading.Event().wait()


if __name__ == "__main__":
    main()
