"""
``make playground``: an AWS of one's own on this machine, with a database and its function, until Ctrl-C.

What takes time to load is in tests/lab/account.py, so that a misspelt word is told at once.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Final

from tests.lab.words import ENGINES, STRATEGY, Words, stage_of, told

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

VARIABLES: Final = ("ENGINE", "STRATEGY")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Words(
        "make playground",
        "Keeps an emulated AWS, a database and its rotation function running, and prints what to type, until Ctrl-C.",
        VARIABLES,
    )
    parser.add_argument("--engine", type=stage_of, default=ENGINES[0], help="ENGINE=… (default: %(default)s)")
    parser.add_argument("--strategy", default=STRATEGY, help="STRATEGY=… (default: %(default)s)")
    options: argparse.Namespace = parser.parse_args(given)
    if options.engine.startswith("aurora"):
        parser.error(f"ENGINE={options.engine} cannot be played by hand: its names are known to one program alone.")
    options.module = importlib.import_module(f"tests.lab.{options.engine}")
    options.strategy = parser.one_of("STRATEGY", options.strategy, options.module.STRATEGIES)
    return options


def main(given: Sequence[str] | None = None) -> int:
    """Play until Ctrl-C, and give the command's exit code."""
    return told("make playground", lambda: _perform(arguments(given)))


def _perform(options: argparse.Namespace) -> int:
    perform: int = importlib.import_module("tests.lab.account").perform(options)
    return perform


if __name__ == "__main__":
    sys.exit(main())
