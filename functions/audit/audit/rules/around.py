"""Rules of what stands around secrets: functions, keys, parameters, and crowds of rotations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from audit.model import Function, Key, Parameter, Severity
from audit.rules.rule import Rule, age, day

if TYPE_CHECKING:
    from audit.rules.rule import Ground

ENDS: Final = {
    "nodejs16.x": "2024-06-12",
    "nodejs18.x": "2025-09-01",
    "nodejs20.x": "2026-04-30",
    "nodejs22.x": "2027-04-30",
    "python3.6": "2022-07-18",
    "python3.7": "2023-12-04",
    "python3.8": "2024-10-14",
    "python3.9": "2025-12-15",
    "python3.10": "2026-10-31",
    "python3.11": "2027-06-30",
    "python3.12": "2028-10-31",
    "python3.13": "2029-06-30",
    "python3.14": "2030-06-30",
}
"""When AWS deprecates a runtime (Lambda developer guide, "Lambda runtimes"). One that is not here is not judged."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Secrets of one function that rotate in the same window."""

    arn: str
    schedule: str
    many: int


def end_of(runtime: str) -> datetime | None:
    """Return when a runtime is deprecated."""
    return datetime.fromisoformat(ENDS[runtime]).replace(tzinfo=UTC) if runtime in ENDS else None


def serves(function: Function) -> str:
    """Return which secrets a function serves."""
    left = function.secrets - len(function.some)
    return f"It serves {', '.join(function.some)}{f' and {left} more' if left > 0 else ''}."


def gone(function: Function, _: Ground) -> str | None:
    """The function is not there: rotation looks enabled, and can never run."""
    if function.exists:
        return None
    return f"The function, or the version or alias that is named, does not exist. {serves(function)}"


def stopped(function: Function, _: Ground) -> str | None:
    """Lambda never runs it."""
    return f"Its reserved concurrency is 0: Lambda never runs it. {serves(function)}" if function.stopped else None


def failed(function: Function, _: Ground) -> str | None:
    """Lambda could not set it up."""
    return f"Its state is Failed. {serves(function)}" if function.state == "Failed" else None


def forbidden(function: Function, _: Ground) -> str | None:
    """Secrets Manager may not invoke it."""
    if not function.exists or function.invocable is not False:
        return None
    return f"Its policy does not let secretsmanager.amazonaws.com of this account invoke it. {serves(function)}"


def open_to_any(function: Function, _: Ground) -> str | None:
    """A secret of any account may have it rotate."""
    return "Its permission names no aws:SourceAccount." if function.any_account else None


def old_runtime(function: Function, ground: Ground) -> str | None:
    """Its runtime has ended, or does so soon."""
    end = end_of(function.runtime)
    if end is None or end - timedelta(days=ground.settings.runtime_days) > ground.now:
        return None
    verb = "ended" if end <= ground.now else "ends"
    return f"The runtime {function.runtime} {verb} on {day(end)}. {serves(function)}"


def short_timeout(function: Function, ground: Ground) -> str | None:
    """Lambda cuts it before a slow database has answered."""
    if not function.exists or not 0 < function.timeout < ground.settings.timeout_seconds:
        return None
    return f"Its timeout is {function.timeout} s; a rotation needs {ground.settings.timeout_seconds} s at least."


def old_layer(function: Function, _: Ground) -> str | None:
    """Another function has a newer version of the same layer: this one was left behind."""
    return f"It has {function.behind}. {serves(function)}" if function.behind else None


def key_at_risk(key: Key, _: Ground) -> str | None:
    """The key cannot be used, or will be gone: then no secret under it can be read."""
    if key.state in {"Enabled", "Creating", "Updating"}:
        return None
    end = f", and will be deleted on {day(key.deletion)}" if key.deletion else ""
    return f"Its state is {key.state}{end}. Secrets under it cannot be read."


def key_stands_still(key: Key, _: Ground) -> str | None:
    """A symmetric customer managed key is not rotated."""
    return "Automatic rotation of the key is off." if key.rotates is False else None


def credential(parameter: Parameter, ground: Ground) -> str | None:
    """A SecureString that looks like a database's credential has not changed for long."""
    if not parameter.secure or parameter.expires or parameter.modified is None:
        return None
    old = age(parameter.modified, ground)
    if old <= ground.settings.parameter_days:
        return None
    return f"It looks like a database credential, and was last written {old} days ago, on {day(parameter.modified)}."


def clear_text(parameter: Parameter, _: Ground) -> str | None:
    """A parameter that looks like a database's credential is not encrypted."""
    return None if parameter.secure else "It looks like a database credential, and its type is not SecureString."


def default_key(parameter: Parameter, ground: Ground) -> str | None:
    """It is not under a customer managed key, and the settings ask for one."""
    managed = parameter.secure and parameter.key in {"", "alias/aws/ssm"}
    return "It is under the key aws/ssm." if managed and ground.settings.customer_key else None


def crowd(found: Crowd, ground: Ground) -> str | None:
    """So many rotations begin in one window that they throttle each other."""
    if found.many <= ground.settings.crowd:
        return None
    return f"{found.many} secrets rotate at {found.schedule}; the limit is {ground.settings.crowd}."


L, M = Severity.LOW, Severity.MEDIUM
_FUNCTIONS: Final = frozenset({"functions"})

FUNCTIONS: Final[tuple[Rule[Function], ...]] = (
    Rule(
        "function-gone",
        Severity.CRITICAL,
        "A rotation function does not exist",
        "The function, or the version or alias that a secret names, does not exist.",
        gone,
        "aws secretsmanager rotate-secret --region {region} --secret-id SECRET --rotation-lambda-arn FUNCTION_ARN",
        needs=_FUNCTIONS,
    ),
    Rule(
        "function-stopped",
        Severity.CRITICAL,
        "A rotation function never runs",
        "Its reserved concurrency is 0.",
        stopped,
        "aws lambda delete-function-concurrency --region {region} --function-name {plain}",
        needs=frozenset({"function concurrency"}),
    ),
    Rule(
        "function-failed",
        Severity.CRITICAL,
        "A rotation function was not set up",
        "Lambda gives its state as Failed.",
        failed,
        "aws lambda get-function-configuration --region {region} --function-name {arn}",
        needs=_FUNCTIONS,
    ),
    Rule(
        "function-forbidden",
        Severity.CRITICAL,
        "Secrets Manager may not run a function",
        "Its policy does not let Secrets Manager of this account invoke it for the secret.",
        forbidden,
        "aws lambda add-permission --region {region} --function-name {arn} --statement-id secretsmanager "
        "--action lambda:InvokeFunction --principal secretsmanager.amazonaws.com --source-account {account}",
        needs=frozenset({"function policies"}),
    ),
    Rule(
        "function-open",
        L,
        "Any account may have a function rotate",
        "The permission of Secrets Manager has no condition on the source's account.",
        open_to_any,
        "aws lambda get-policy --region {region} --function-name {arn}",
        needs=frozenset({"function policies"}),
    ),
    Rule(
        "function-runtime",
        M,
        "A function's runtime ends",
        "The runtime is deprecated, or will be in `runtime_days`.",
        old_runtime,
        "aws lambda get-function-configuration --region {region} --function-name {arn}",
        needs=_FUNCTIONS,
    ),
    Rule(
        "function-timeout",
        L,
        "A function has little time",
        "Its timeout is shorter than `timeout_seconds`.",
        short_timeout,
        "aws lambda update-function-configuration --region {region} --function-name {arn} --timeout 60",
        needs=_FUNCTIONS,
    ),
    Rule(
        "function-layer",
        L,
        "A function was left behind",
        "Another rotation function of the Region has a newer version of the same layer.",
        old_layer,
        "aws lambda get-function-configuration --region {region} --function-name {arn}",
        needs=_FUNCTIONS,
    ),
)
KEYS: Final[tuple[Rule[Key], ...]] = (
    Rule(
        "key-at-risk",
        Severity.CRITICAL,
        "A key cannot be used",
        "A key of a secret is disabled, missing, or will be deleted.",
        key_at_risk,
        "aws kms cancel-key-deletion --region {region} --key-id {arn}\n"
        "aws kms enable-key --region {region} --key-id {arn}",
        needs=frozenset({"keys"}),
    ),
    Rule(
        "key-not-rotating",
        L,
        "A key does not rotate",
        "A symmetric customer managed key of a secret has no automatic rotation.",
        key_stands_still,
        "aws kms enable-key-rotation --region {region} --key-id {arn}",
        needs=frozenset({"key rotation"}),
    ),
)
PARAMETERS: Final[tuple[Rule[Parameter], ...]] = (
    Rule(
        "parameter-credential",
        M,
        "A parameter holds a credential that nothing rotates",
        "A SecureString that looks like a database credential is older than `parameter_days`, and does not expire.",
        credential,
        "aws ssm describe-parameters --region {region} --parameter-filters Key=Name,Values={name}",
        needs=frozenset({"parameters"}),
    ),
    Rule(
        "parameter-clear-text",
        Severity.HIGH,
        "A parameter may hold a credential in clear text",
        "A parameter of another type than SecureString looks like a database credential.",
        clear_text,
        "aws ssm describe-parameters --region {region} --parameter-filters Key=Name,Values={name}",
        needs=frozenset({"parameters"}),
    ),
    Rule(
        "parameter-default-key",
        L,
        "A credential is under the account's default key",
        "`customer_key` asks for a customer managed key, and what looks like a database credential has none.",
        default_key,
        "aws ssm describe-parameters --region {region} --parameter-filters Key=Name,Values={name}",
        needs=frozenset({"parameters"}),
    ),
)
CROWDS: Final[tuple[Rule[Crowd], ...]] = (
    Rule(
        "rotation-crowd",
        M,
        "Many secrets rotate at once",
        "More than `crowd` secrets of one function have the same cron expression.",
        crowd,
        "aws secretsmanager list-secrets --region {region}",
    ),
)
