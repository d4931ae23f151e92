"""
``make audit``: the audit of the function ``functions/audit``, at a desk, with credentials that read.

It shows how far it is, writes the page and the reports into a folder, and opens the page. With ``--demo`` it looks at
an emulated account in which everything is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
import webbrowser
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

ROOT: Final = Path(__file__).parents[2]
if str(ROOT / "functions/audit") not in sys.path:
    sys.path.insert(0, str(ROOT / "functions/audit"))

from audit.acceptance import Exceptions  # noqa: E402 after its folder is known
from audit.calls import reason  # noqa: E402
from audit.job import PAGE, Job, carry_out  # noqa: E402
from audit.sessions import accounts  # noqa: E402
from audit.settings import BadSetting, Settings  # noqa: E402
from tests.lab.words import reached, told  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit.calls import Clients, Sight
    from audit.job import Done

PATIENCE: Final = 3600
"""Seconds after which no call within a budget begins any more."""


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--profile", help="a profile of your AWS configuration")
    parser.add_argument("--region", action="append", help="a Region; may stand more than once")
    parser.add_argument(
        "--role", action="append", default=[], help="a role of another account; may stand more than once"
    )
    parser.add_argument("--external-id", default="", help="what those roles ask for")
    parser.add_argument("--exceptions", type=Path, help="the list of exceptions, in TOML")
    parser.add_argument(
        "--setting", action="append", default=[], help="such as max_age_days=60; may stand more than once"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".cache/audit"), help="where page, reports and memory are kept"
    )
    parser.add_argument("--open", action="store_true", help="open the page")
    parser.add_argument("--demo", action="store_true", help="look at an emulated account in which everything is wrong")
    return parser.parse_args(given)


def settings_of(given: list[str]) -> Settings:
    """Read NAME=VALUE. Raises BadSetting."""
    pairs = (it.partition("=")[::2] for it in given)
    return Settings.of({f"AUDIT_{name.upper()}": value for name, value in pairs})


def look(options: argparse.Namespace, console: Console) -> Done:
    """Audit the account that the options name. Raises BadSetting."""
    options.folder.mkdir(parents=True, exist_ok=True)
    settings = settings_of(options.setting)
    text = options.exceptions.read_text("utf-8") if options.exceptions else ""
    lost: list[Sight] = []
    with ExitStack() as stack, console.status("looking") as status:
        if options.demo:
            settings = replace(settings, **_asked())
        every, regions, now = _demo(stack) if options.demo else _real(options, lost)
        job = Job(
            accounts=every,
            regions=regions,
            settings=settings,
            exceptions=Exceptions.read(text),
            folder=options.folder,
            now=now,
            ends=time.monotonic() + PATIENCE,
            link=(options.folder / PAGE).resolve().as_uri(),
            lost=lost,
            progress=lambda region, many: status.update(f"{region}: {many:,} secrets"),
        )
        return carry_out(job)


def _real(options: argparse.Namespace, lost: list[Sight]) -> tuple[Iterable[tuple[str, Clients]], list[str], datetime]:
    session = botocore.session.Session(profile=options.profile)
    regions = options.region or [session.get_config_variable("region") or "us-east-1"]
    return accounts(session, regions[0], options.role, options.external_id, lost), regions, datetime.now(UTC)


def _asked() -> dict[str, Any]:
    """Return the settings that show all that there is to see in the emulated account."""
    from tests.support.audited.asked import SETTINGS  # noqa: PLC0415 as below

    return dict(SETTINGS)


def _demo(stack: ExitStack) -> tuple[Iterable[tuple[str, Clients]], list[str], datetime]:
    """Make the emulated account; what it needs is not installed for the audit of a real one."""
    from tests.support.audited import asked  # noqa: PLC0415 as said
    from tests.support.audited.account import ACCOUNT, Account  # noqa: PLC0415 as said
    from tests.support.audited.faulty import fill  # noqa: PLC0415

    account = stack.enter_context(Account())
    fill(account)
    asked.fill(account)
    return [(ACCOUNT, account.clients())], list(account.secrets.at), account.now


def main(given: list[str] | None = None) -> int:
    """Audit: 0 where nothing is urgent, 1 where something is, 2 where the audit itself could not be done."""
    return told("make audit", lambda: _perform(arguments(given)))


def _perform(options: argparse.Namespace) -> int:
    console = Console(markup=False, emoji=False, highlight=False)
    try:
        done = look(options, console)
    except (ClientError, BotoCoreError) as error:
        print(reached("make audit", reason(error)), file=sys.stderr)  # noqa: T201 for people
        return 2
    except BadSetting as error:
        print(f"make audit: error: {error}", file=sys.stderr)  # noqa: T201 for people
        return 2
    page = (options.folder / PAGE).resolve()
    console.print(done.head.verdict, style="bold", soft_wrap=True, markup=False)
    console.print(", ".join(f"{count} {word}" for word, count in done.head.counts.items()), soft_wrap=True)
    console.print(page.as_uri(), soft_wrap=True, markup=False)
    if options.open:
        webbrowser.open(page.as_uri())
    return 1 if done.head.counts["critical"] or done.head.counts["high"] else 0


if __name__ == "__main__":
    sys.exit(main())
