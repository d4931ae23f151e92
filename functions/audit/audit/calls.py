"""How AWS is called: read-only clients, a budget for the calls that others need too, and what could not be seen."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from audit.model import Blind

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.session import Session

CONFIG: Final = Config(
    retries={"mode": "adaptive", "total_max_attempts": 8}, connect_timeout=5, read_timeout=30, max_pool_connections=4
)
FAILURES: Final = (ClientError, BotoCoreError)
OFF: Final = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"})
"""How a Region that an account has not enabled answers credentials that hold elsewhere (Account Management guide)."""
MISSING: Final = frozenset({"ResourceNotFoundException", "NotFoundException"})

PERMISSIONS: Final = {
    "secrets": ("secretsmanager:ListSecrets",),
    "replicas": ("secretsmanager:DescribeSecret",),
    "versions": ("secretsmanager:ListSecretVersionIds",),
    "policies": ("secretsmanager:GetResourcePolicy",),
    "functions": ("lambda:GetFunctionConfiguration",),
    "function concurrency": ("lambda:GetFunctionConcurrency",),
    "function policies": ("lambda:GetPolicy",),
    "keys": ("kms:DescribeKey",),
    "key rotation": ("kms:GetKeyRotationStatus",),
    "key policies": ("kms:GetKeyPolicy",),
    "events": ("cloudtrail:LookupEvents",),
    "trails": ("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"),
    "logs": ("logs:FilterLogEvents",),
    "parameters": ("ssm:DescribeParameters",),
}
"""What is looked at, and what that needs: the role of the template grants these and nothing else."""
OPTIONAL: Final = {
    "reads": ("cloudtrail:LookupEvents",),
    "values": ("secretsmanager:GetSecretValue", "kms:Decrypt"),
    "repair": ("secretsmanager:UpdateSecretVersionStage",),
}
"""What a setting must ask for: its permissions are granted then alone."""


class Clients:
    """The clients of one account, each made once, and what they were asked."""

    def __init__(self, session: Session, make: Callable[[str, str], Any] | None = None, *, caller: str = "") -> None:
        """
        Make clients from a session; ``make`` makes them from service and Region where that is to be another way.

        ``caller`` is the ARN of whoever asks, as CloudTrail shows it.
        """
        self.caller = caller
        self._make = make or (lambda service, region: session.create_client(service, region_name=region, config=CONFIG))
        self._made: dict[tuple[str, str], Any] = {}
        self.calls: Counter[str] = Counter()

    def __call__(self, service: str, region: str) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Return a client; each of its calls is counted by its name."""
        if (service, region) not in self._made:
            client = self._made[service, region] = self._make(service, region)
            client.meta.events.register("before-call", self._count)
        return self._made[service, region]

    def _count(self, model: Any, **_: object) -> None:  # noqa: ANN401 botocore's own
        self.calls[f"{model.service_model.service_name}:{model.name}"] += 1


@dataclass
class Budget:
    """At most so many calls a second, and none once the time is over: the account's own work comes first."""

    per_second: float
    ends: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0

    def take(self) -> bool:
        """Wait for the next call's turn; False where that would be too late."""
        now = self.clock()
        turn = max(now, self._next)
        if turn >= self.ends:
            return False
        if turn > now:
            self.sleep(turn - now)
        self._next = turn + 1 / self.per_second
        return True


@dataclass
class Sight:
    """What could not be seen in a Region of an account; each is told once."""

    account: str
    region: str
    blind: dict[str, Blind] = field(default_factory=dict)

    def lost(self, area: str, reason: str, what: str = "", advice: str = "run the audit again") -> None:
        """Note that something was not seen."""
        spot = Blind(area, self.region, self.account, reason, advice, what)
        self.blind.setdefault(spot.arn, spot)

    def failed(self, area: str, error: Exception, what: str = "") -> None:
        """Note that a call failed; which one, the error knows."""
        code = reason(error)
        if code in OFF:  # once, whatever is asked there
            self.lost("secrets", code, advice="enable the Region for the account, or leave it out")
            return
        denied = "AccessDenied" in code or code in {"UnauthorizedOperation", "AuthorizationError"}
        if denied:
            self.lost(area, code, advice=allow(*(PERMISSIONS | OPTIONAL)[area]))
        elif isinstance(error, EndpointConnectionError):
            self.lost(area, code, what, "see that the Region has this name, and that it can be reached from here")
        else:
            self.lost(area, code, what)

    @property
    def areas(self) -> frozenset[str]:
        """Return what was not wholly seen."""
        return frozenset(spot.area for spot in self.blind.values())


def allow(*permissions: str) -> str:
    """Say what whoever runs the audit lacks."""
    return f"allow {' and '.join(permissions)} to whoever runs the audit"


def reason(error: Exception) -> str:
    """Return an error's code, or its class: enough to look it up."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
