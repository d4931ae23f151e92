"""Rules of access: what the resource policy lets in, the key, the tags, and replicas."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from audit.model import LIVE, Secret, Severity
from audit.rules.rule import LOOK, Rule, day

if TYPE_CHECKING:
    from audit.rules.rule import Ground


def public(secret: Secret, _: Ground) -> str | None:
    """The policy lets in anybody."""
    if secret.access is None or not secret.access.public:
        return None
    return "A statement allows everybody (*), and no condition says who or from where."


def foreign(secret: Secret, ground: Ground) -> str | None:
    """The policy lets in accounts that the settings do not name, without a boundary of the organisation."""
    if secret.access is None:
        return None
    strangers = sorted(secret.access.foreign - set(ground.settings.known_accounts))
    return f"It lets in {_some(strangers)}, without aws:PrincipalOrgID." if strangers else None


def many_accounts(secret: Secret, ground: Ground) -> str | None:
    """The policy lets in more accounts than one can keep an eye on."""
    most = ground.settings.foreign_accounts
    if secret.access is None or len(secret.access.shared) <= most:
        return None
    return f"It names {len(secret.access.shared)} other accounts; the limit is {most}."


def gone_principals(secret: Secret, _: Ground) -> str | None:
    """The policy names principals that were deleted."""
    if secret.access is None or not secret.access.gone:
        return None
    return f"It names {_some(sorted(secret.access.gone))}: IAM shows an id where the principal was deleted."


def shared_without_key(secret: Secret, _: Ground) -> str | None:
    """Other accounts may read the secret, and may not use its key: they are refused."""
    if secret.access is None or not secret.access.shared:
        return None
    accounts = _some(sorted(secret.access.shared))
    if not secret.key or (secret.at_key is not None and not secret.at_key.customer):
        return f"It is shared with {accounts}, under the key aws/secretsmanager, which other accounts cannot use."
    key = secret.at_key
    if key is None or key.accounts is None or "*" in key.accounts or secret.access.shared <= key.accounts:
        return None
    left_out = _some(sorted(secret.access.shared - key.accounts))
    return f"It is shared with {accounts}, and the policy of its key does not name {left_out}."


def default_key(secret: Secret, ground: Ground) -> str | None:
    """It is not under a customer managed key, and the settings ask for one. A key of another account is one."""
    if not ground.settings.customer_key:
        return None
    managed = not secret.key or secret.key.endswith("alias/aws/secretsmanager")
    managed |= secret.at_key is not None and not secret.at_key.customer
    return "It is under the key aws/secretsmanager." if managed else None


def untagged(secret: Secret, ground: Ground) -> str | None:
    """Tags are missing that the settings ask for."""
    missing = [tag for tag in ground.settings.required_tags if not secret.tags.get(tag)]
    return f"It has no tag {', '.join(missing)}." if missing else None


def replica_failed(secret: Secret, _: Ground) -> str | None:
    """A replica has failed: that Region keeps a password that is dead."""
    failed = [it for it in secret.copies if it.status == "Failed"]
    told = ", ".join(f"{it.region} ({it.message or 'no message'})" for it in failed)
    return f"Failed in {told}." if told else None


def replica_late(secret: Secret, ground: Ground) -> str | None:
    """A replica is still under way, long after the last change."""
    limit = timedelta(minutes=ground.settings.replica_minutes)
    if secret.changed is None or ground.now - secret.changed < limit:
        return None
    late = [it.region for it in secret.copies if it.status == "InProgress"]
    return f"Still InProgress in {', '.join(late)}; the last change was on {day(secret.changed)}." if late else None


def replica_elsewhere(secret: Secret, ground: Ground) -> str | None:
    """A replica is in a Region that the settings do not allow."""
    allowed = ground.settings.allowed_regions
    found = [it.region for it in secret.copies if allowed and it.region not in allowed]
    return f"It has a replica in {', '.join(found)}." if found else None


def replica_missing(secret: Secret, ground: Ground) -> str | None:
    """It is replicated, and not to every Region that the settings want."""
    if not secret.copies:
        return None
    missing = set(ground.settings.replica_regions) - {secret.region, *(it.region for it in secret.copies)}
    return f"It has replicas, and none in {', '.join(sorted(missing))}." if missing else None


def function_elsewhere(secret: Secret, _: Ground) -> str | None:
    """Its function is in another Region, where the service does not invoke it."""
    region = (secret.function.split(":") + [""] * 4)[3]
    if not secret.enabled or not secret.function or region == secret.region:
        return None
    return f"Its function is in {region}: {secret.function}."


def _some(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


H, M, L = Severity.HIGH, Severity.MEDIUM, Severity.LOW
_POLICY: Final = "aws secretsmanager get-resource-policy --region {region} --secret-id {arn}"
_POLICIES: Final = frozenset({"policies"})
_REPLICAS: Final = frozenset({"replicas"})

RULES: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "policy-public",
        H,
        "Everybody is let in",
        "The resource policy allows `*` without a condition that says who or from where.",
        public,
        f"{_POLICY} --query ResourcePolicy --output text > policy.json\n"
        "# take the statement out that lets everybody in, and put back what others need:\n"
        "aws secretsmanager put-resource-policy --region {region} --secret-id {arn} "
        "--resource-policy file://policy.json --block-public-policy",
        LIVE,
        _POLICIES,
    ),
    Rule(
        "policy-foreign",
        M,
        "Another account is let in",
        "The policy names an account outside `known_accounts`, without a boundary of the organisation.",
        foreign,
        _POLICY,
        LIVE,
        _POLICIES,
    ),
    Rule(
        "policy-many-accounts",
        M,
        "Many accounts are let in",
        "The policy names more than `foreign_accounts` other accounts.",
        many_accounts,
        _POLICY,
        LIVE,
        _POLICIES,
    ),
    Rule(
        "policy-gone-principal",
        L,
        "It lets in somebody who is gone",
        "The policy names a principal that was deleted.",
        gone_principals,
        _POLICY,
        LIVE,
        _POLICIES,
    ),
    Rule(
        "shared-without-key",
        H,
        "It is shared, and its key is not",
        "The policy names another account that the key's policy does not let in.",
        shared_without_key,
        "aws secretsmanager update-secret --region {region} --secret-id {arn} --kms-key-id SHARED_KEY_ARN",
        LIVE,
        frozenset({"policies", "keys", "key policies"}),
    ),
    Rule(
        "default-key",
        L,
        "It is under the account's default key",
        "`customer_key` asks for a customer managed key, and it has none.",
        default_key,
        "aws secretsmanager update-secret --region {region} --secret-id {arn} --kms-key-id KEY_ARN",
        needs=frozenset({"keys"}),
    ),
    Rule(
        "tags-missing",
        L,
        "A tag is missing",
        "One of `required_tags` is missing.",
        untagged,
        "aws secretsmanager tag-resource --region {region} --secret-id {arn} --tags Key=TAG,Value=VALUE",
    ),
    Rule(
        "replica-failed",
        H,
        "A replica has failed",
        "The primary says Failed of a replica.",
        replica_failed,
        "aws secretsmanager replicate-secret-to-regions --region {region} --secret-id {arn} "
        "--add-replica-regions Region={replica}",
        needs=_REPLICAS,
    ),
    Rule(
        "replica-late",
        H,
        "A replica does not follow",
        "The primary says InProgress of a replica, and its last change is older than `replica_minutes`.",
        replica_late,
        LOOK,
        needs=_REPLICAS,
    ),
    Rule(
        "replica-missing",
        M,
        "A replica is missing",
        "It has replicas, and none in one of `replica_regions`.",
        replica_missing,
        "aws secretsmanager replicate-secret-to-regions --region {region} --secret-id {arn} "
        "--add-replica-regions Region=REGION",
        needs=_REPLICAS,
    ),
    Rule(
        "replica-elsewhere",
        M,
        "A replica is where none may be",
        "A replica is in a Region outside `allowed_regions`.",
        replica_elsewhere,
        "aws secretsmanager remove-regions-from-replication --region {region} --secret-id {arn} "
        "--remove-replica-regions REGION",
        needs=_REPLICAS,
    ),
    Rule(
        "function-elsewhere",
        Severity.CRITICAL,
        "Its function is in another Region",
        "Rotation is on, and the function is in another Region than the secret.",
        function_elsewhere,
        "aws secretsmanager rotate-secret --region {region} --secret-id {arn} --rotation-lambda-arn FUNCTION_ARN",
    ),
)
