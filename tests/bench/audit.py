"""
What the audit costs: time, calls by name, memory and the size of the page, for accounts of several sizes.

``python -m tests.bench.audit 100 1000 10000``, with ``shared`` and ``functions/audit`` on the path. The account stands
in a process of its own, so that the memory is the audit's. The budgets for calls are as wide as they can be: what is
measured is the audit, and what AWS's quotas add is arithmetic.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import botocore.session

from audit.acceptance import Exceptions
from audit.job import PAGE, Job, carry_out
from audit.sessions import accounts
from audit.settings import Settings
from tests.support.audited.account import HERE, Account
from tests.support.audited.many import fill
from tests.support.audited.serving import served

SHOWN: Final = ("ListSecrets", "GetResourcePolicy", "ListSecretVersionIds")


def serve(many: int) -> None:
    """Serve an account of so many secrets until somebody closes the input."""
    with Account(HERE) as account:
        fill(account, many)
        with served(account, HERE) as variables:
            print(json.dumps([variables, account.now.isoformat()]), flush=True)  # noqa: T201 the other process reads it
            sys.stdin.read()


def look(now: datetime) -> list[dict[str, Any]]:
    """Audit the account of the environment twice, and tell what it took."""
    told = []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(2):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            begun, busy = time.monotonic(), time.process_time()
            settings = Settings(policies_per_second=100_000, versions_per_second=100_000)
            session, folder = botocore.session.get_session(), Path(name)
            every = accounts(session, HERE, [], "", [])
            done = carry_out(Job(every, [HERE], settings, Exceptions(), folder, now, time.monotonic() + 3600))
            calls = Counter({key.partition(":")[2]: count for key, count in done.head.facts["calls"].items()})
            told.append(
                {
                    "seconds": round(time.monotonic() - begun, 1),
                    "processor": round(time.process_time() - busy, 1),
                    "calls": {key: calls[key] for key in SHOWN} | {"all": calls.total()},
                    "megabytes": [
                        round(it / 1024) for it in (before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
                    ],
                    "page": round((folder / PAGE).stat().st_size / 1e6, 2),
                    "verdict": done.head.verdict,
                }
            )
    return told


def measure(many: int) -> list[dict[str, Any]]:
    """Measure an account of so many secrets, the account in one process and the audit in another."""
    command = [sys.executable, "-m", __spec__.name]
    with subprocess.Popen([*command, "serve", str(many)], stdin=-1, stdout=-1, text=True) as account:  # noqa: S603 ours
        assert account.stdout
        variables, now = json.loads(account.stdout.readline())
        environment = {**os.environ, **variables}
        done = subprocess.run([*command, "look", now], env=environment, check=True, capture_output=True, text=True)  # noqa: S603 ours
        account.communicate("")
    return list(json.loads(done.stdout))


def main() -> None:
    """Play the part that the command line names."""
    part, *rest = sys.argv[1:]
    if part == "serve":
        serve(int(rest[0]))
    elif part == "look":
        print(json.dumps(look(datetime.fromisoformat(rest[0]))))  # noqa: T201 the other process reads it
    else:
        for many in (part, *rest):
            for run, told in zip(("first", "again"), measure(int(many)), strict=True):
                print(many, run, json.dumps(told), flush=True)  # noqa: T201 for people


if __name__ == "__main__":
    main()
