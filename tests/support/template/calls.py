"""
Every AWS call that the library makes in a run of the tests, held against what the roles grant.

As a plugin of pytest it notes each call that the store or the topology makes, whichever test it is in, and writes
them to a file when the run ends. `python -m tests.support.template.calls` reads the file, and fails where a call was
made that no role grants, or where a role grants what was never called.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Final

from botocore.client import BaseClient

from tests.support.template.cloudformation import ROOT, Stack, parse
from tests.support.template.functions import ON, ROTATING, named
from tests.support.template.iam import listed, statements
from tests.support.template.permissions import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE: Final = ROOT / ".cache/aws-calls"
MADE: Final[set[str]] = set()
"""What was called so far in this process, as IAM names it."""

OF_LAMBDA: Final = ("ec2:", "kms:", "lambda:", "logs:", "sqs:")
"""What Lambda and Secrets Manager do with the role, or ask of it: the library itself never calls these services."""

_CALLERS: Final = tuple(str(ROOT / "shared/rotation" / part) for part in ("stores", "topology"))


def pytest_configure() -> None:
    """Listen to every client of botocore from now on."""
    kind: Any = BaseClient  # its stubs leave out the one place that all calls pass
    original = kind._make_api_call  # noqa: SLF001 as above

    @functools.wraps(original)
    def noting(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 the API's answers
        if _is_the_librarys():
            MADE.add(f"{client.meta.service_model.service_name}:{operation}")
        return original(client, operation, parameters)

    kind._make_api_call = noting  # noqa: SLF001 as above


def pytest_unconfigure() -> None:
    """Add what was called to the file of the run; `make test` begins it anew."""
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.writelines(f"{call}\n" for call in sorted(MADE))


def _is_the_librarys() -> bool:
    frame = sys._getframe(2)  # noqa: SLF001 without building a whole traceback for each call
    while frame.f_back is not None:
        if frame.f_code.co_filename.startswith(_CALLERS):
            return True
        frame = frame.f_back
    return False


def granted() -> set[str]:
    """Return every action that some role of the template grants to the library's own calls."""
    resources = Stack(
        {**COMPLETE, **ON, "ParameterAdminArns": COMPLETE["AdminSecretArns"], "FollowLabels": "x"}
    ).resources
    policies = [
        statements(resources[named(function, "Role")], resources) for function in (*ROTATING, "parameter_store")
    ]
    policies.append(_of_promotion())
    allowed = {
        action for policy in policies for it in policy if it["Effect"] == "Allow" for action in listed(it["Action"])
    }
    return {action for action in allowed if not action.startswith(OF_LAMBDA)}


def _of_promotion() -> list[dict[str, Any]]:
    """Return what the function may that promotes replicas, by the stack of its own."""
    source = parse((ROOT / "functions/replica_promotion/template.yaml").read_text("utf-8"))
    needed = {"SharedLayerArn": "arn:aws:lambda:eu-west-1:123456789012:layer:SharedLayer:1", "SecretNames": "*"}
    return statements(Stack(needed, source).resources["ReplicaPromotionRole"])


def complaints(made: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Return what was called without being granted, and what was granted without being called."""
    called, may = set(made), set(allowed)
    return [f"called, and no role grants it: {call}" for call in sorted(called - may)] + [
        f"granted, and no test made the library call it: {action}" for action in sorted(may - called)
    ]


def main() -> int:
    """Compare the file of the run with the template."""
    made = FILE.read_text("utf-8").split()
    found = complaints(made, granted())
    print("\n".join(found) or f"    {len(set(made))} kinds of calls, each granted; nothing else is")  # noqa: T201 for people
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
