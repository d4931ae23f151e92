"""What the function says of itself: JSON logs and embedded metrics, through Powertools, and never a password."""

from __future__ import annotations

import json
import logging
import time
from pathlib import PurePath
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import EphemeralMetrics

from rotation import VERSION
from rotation.errors import InvalidSettings, RotationError
from rotation.model import Password

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

SERVICE: Final = "rotation"
NAMESPACE: Final = "SecretRotation"
HIDDEN: Final = "***"
QUIET: Final = ("boto3", "botocore", "urllib3", "pymongo", "pymysql", "psycopg2", "redshift_connector")
"""The loggers of the SDK and the drivers; what others of their kind say below WARNING is not written either."""

_SHORTEST: Final = 4
"""Characters of the shortest password that is scrubbed; a shorter one would black out whole words of every line."""


def scrub(text: str) -> str:
    """Replace every password that is alive in this process, in each form in which it is written."""
    known = {password.reveal() for password in tuple(Password.live)}
    forms = {form for clear in known if len(clear) >= _SHORTEST for form in _forms(clear)}
    for form in sorted(forms, key=len, reverse=True):  # one password can be a part of another
        text = text.replace(form, HIDDEN)
    return text


def _forms(clear: str) -> set[str]:
    """Return a password as it is, as a connection string writes it, and as JSON writes it: once, or within a text."""
    once = {json.dumps(clear)[1:-1], json.dumps(clear, ensure_ascii=False)[1:-1]}
    return {
        clear,
        quote(clear, safe="", errors="surrogatepass"),
        *once,
        *(json.dumps(form, ensure_ascii=False)[1:-1] for form in once),
    }


class _Guarded(logging.Formatter):
    """Another formatter's lines, with the same last look."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        return scrub(self._formatter.format(record))


def _is_serious(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def guard_process() -> None:
    """
    See that no line that leaves this process shows a password, whatever level the platform sets for all loggers.

    At the level DEBUG, which is a click in Lambda's settings, the SDK writes the bodies of its calls: passwords that
    nobody here has read yet. So other libraries say what is serious and no more, and each line gets a last look.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if handler is not None and not isinstance(handler.formatter, _Guarded):
            handler.addFilter(_is_serious)
            handler.setFormatter(_Guarded(handler.formatter or logging.Formatter()))


class ScrubbingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON, with a last look at each finished line."""

    def serialize(self, log: Any) -> str:  # noqa: ANN401 Powertools' own type
        """Write one record."""
        return scrub(super().serialize(log))


class Telemetry:
    """
    The Observer of the Lambda function, made once at start.

    Powertools' own variables name the service and the metrics' namespace; LOG_LEVEL sets how much is said.
    Raises InvalidSettings for an unknown level.
    """

    def __init__(self, engine: str, environment: Mapping[str, str]) -> None:
        """Make the logger and the metrics."""
        level = (environment.get("POWERTOOLS_LOG_LEVEL") or environment.get("LOG_LEVEL") or "INFO").upper()
        if level not in logging.getLevelNamesMapping():
            raise InvalidSettings(
                "The setting LOG_LEVEL is no level of logging",
                where="the function's environment",
                remedy="Choose one of DEBUG, INFO, WARNING, ERROR.",
            )
        guard_process()
        self._service = service = environment.get("POWERTOOLS_SERVICE_NAME") or SERVICE
        self._logger = Logger(service=service, level=level, logger_formatter=ScrubbingFormatter())
        self._namespace = environment.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE
        self._metrics = Metrics(namespace=self._namespace, service=service)
        self._engine = engine

    def note(self, message: str, **fields: object) -> None:
        """Log at INFO."""
        self._logger.info(message, stacklevel=3, extra=fields)

    def warn(self, message: str, **fields: object) -> None:
        """Log at WARNING."""
        self._logger.warning(message, stacklevel=3, extra=fields)

    def speak_of(self, engine: str) -> None:
        """Name the engine from here on, where it is known only once a credential was read."""
        self._engine = engine
        self._logger.append_keys(engine=engine)

    def recovered(self, reason: str, **fields: object) -> None:
        """Log at WARNING, and count; the metrics of this step can then be asked for by the reason."""
        self._logger.warning("A recovery was used", stacklevel=3, extra={"recovery": reason, **fields})
        self._dimensions(recovery=reason)
        self.measure("RecoveryUsed", 1, "Count")

    def measure(self, name: str, value: float, unit: str, *, region: str | None = None) -> None:
        """Add a metric to those of this step; one of a Region is written at once, since a step may have several."""
        if region is None:
            self._metrics.add_metric(name=name, unit=unit, value=value)
            return
        metrics = EphemeralMetrics(namespace=self._namespace, service=self._service)
        metrics.add_dimension("engine", self._engine)
        self._dimensions(metrics, region=region)
        metrics.add_metric(name=name, unit=unit, value=value)
        metrics.flush_metrics()

    def tell_of(
        self,
        step: str,
        secret: str,
        token: str | None,
        work: Callable[[], object],
        *,
        closing: bool,
        subject: str = "Rotation",
    ) -> None:
        """
        Do the work, with step, secret and token on every line; time it, and count how it ended.

        ``closing`` says whether the step's success is the subject's, which names the metrics. Every error leaves
        as a RotationError without the one behind it, whose text may be a driver's: it is raised where no other is
        being handled.
        """
        self._logger.append_keys(engine=self._engine, step=step, secret=secret, token=token)
        started = time.monotonic()
        failure: RotationError | None = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 the last place where text of a driver could leave
            failure = error if isinstance(error, RotationError) else _defect(error)
        self.measure("StepDuration", (time.monotonic() - started) * 1000, "Milliseconds")
        self._dimensions(step=step)
        self._conclude(failure, subject, closing=closing)
        self._logger.remove_keys(["engine", "step", "secret", "token"])
        if failure is not None:
            failure.what, failure.where, failure.remedy = map(scrub, (failure.what, failure.where, failure.remedy))
            failure.args = (failure.what, failure.where, failure.remedy)
            failure.__context__ = failure.__cause__ = None
            raise failure

    def _dimensions(self, metrics: Metrics | AmazonCloudWatchEMFProvider | None = None, **more: str) -> None:
        """Let the metrics of this step, or others, be asked for by one dimension more; the line has our version."""
        told = metrics or self._metrics
        told.add_dimensions(service=self._service, engine=self._engine, **more)
        told.add_metadata(key="suite_version", value=VERSION)

    def _conclude(self, failure: RotationError | None, subject: str, *, closing: bool) -> None:
        self._metrics.add_dimension("engine", self._engine)
        if failure is not None:
            kind = type(failure).__name__
            self._logger.error(str(failure), extra={"error": kind, "retryable": failure.retryable})
            self._dimensions(error=kind)
            self.measure(f"{subject}Failed", 1, "Count")
        elif closing:
            self.measure(f"{subject}Succeeded", 1, "Count")
        self._metrics.flush_metrics()


def _defect(error: Exception) -> RotationError:
    """Return where an error that nobody foresaw came from, and nothing of its text."""
    frame = extract_tb(error.__traceback__)[-1]
    return RotationError(
        f"Unexpected {type(error).__name__}",
        where=f"{PurePath(frame.filename).name}:{frame.lineno}",
        remedy="The secret's labels tell whether AWSCURRENT was moved. Please report this as a defect, with this line.",
    )
