"""
A function invoked as Lambda does, with what Lambda itself counts and says.

Lambda developer guide, "Types of metrics for Lambda functions" (Errors are invocations that end in an error of the
function, timeouts included; Duration counts up to the timeout; an invocation that is throttled counts as nothing else)
and "Troubleshoot execution issues in Lambda" (the text of a timeout).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.cloudwatch.metrics import Metric, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.support.cloudwatch.metrics import Metrics


class CutOffError(BaseException):
    """The function's process ends here; no handler of the function catches it."""


class FailedInvocationError(Exception):
    """What the caller of a function sees, where the function itself said nothing."""


class Platform:
    """Lambda and CloudWatch Logs around one function; the clock goes on when somebody moves it."""

    def __init__(
        self, name: str, metrics: Metrics, output: Callable[[], str], filters: Iterable[Mapping[str, Any]]
    ) -> None:
        """Keep the function's name, where its metrics go, what it wrote since, and the metric filters of its log."""
        self.name, self.metrics, self._output = name, metrics, output
        self._filters = [it for it in filters if it["LogGroupName"] == f"/aws/lambda/{name}"]
        self.timeout, self.throttled, self.now, self.lines = 60.0, False, 0.0, list[str]()
        self._ends = float("inf")

    def wait(self, seconds: float) -> None:
        """Let time pass, as a server does that is slow. Raises CutOffError where the function's time is over."""
        self.now += seconds
        if self.now > self._ends:
            self.now = self._ends
            raise CutOffError

    def invoke(self, work: Callable[[], object]) -> None:
        """Invoke it once. Raises FailedInvocationError, and what the function raises."""
        if self.throttled:
            self._count("Throttles", 1)
            raise FailedInvocationError("Rate exceeded")
        begun, self._ends = self.now, self.now + self.timeout
        self._count("Invocations", 1)
        try:
            work()
        except CutOffError:
            self._count("Errors", 1)
            self._keep(f"2026-01-01T00:00:00Z 5d0c Task timed out after {self.timeout:.2f} seconds")
            raise FailedInvocationError("Sandbox.Timedout") from None
        except Exception:
            self._count("Errors", 1)
            raise
        finally:
            self._ends = float("inf")
            self._count("Duration", (self.now - begun) * 1000)
            for line in self._output().splitlines():
                self._keep(line)

    def _count(self, name: str, value: float) -> None:
        self.metrics.put(Metric.of("AWS/Lambda", name, {"FunctionName": self.name}), value, self.now)

    def _keep(self, line: str) -> None:
        """Take a line into the log: its metrics, and those of filters that match it."""
        self.lines.append(line)
        self.metrics.take(line, self.now)
        for one in self._filters:
            if matches(one["FilterPattern"], line):
                for made in one["MetricTransformations"]:
                    metric = Metric.of(made["MetricNamespace"], made["MetricName"], {})
                    self.metrics.put(metric, float(made["MetricValue"]), self.now)
