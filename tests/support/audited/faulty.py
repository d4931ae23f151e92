"""The account in which everything is wrong that a rule knows, and beside it everything that only looks wrong."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Final

from tests.support.audited.account import ACCOUNT, HERE, OTHER, THERE
from tests.support.emulators.secretsmanager.model import Rotation, RotationSettings, Secret
from tests.support.emulators.secretsmanager.replication import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.audited.account import Account

HOSTILE: Final = '<img src=x onerror="alert(1)">{{7*7}}</script><script>alert(2)</script>'
"""A name that no service would take, and no page may believe."""
_DAYS: Final = {"AutomaticallyAfterDays": 30}

EXPECTED: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(rules.split())
    for name, rules in {
        # What is wrong, by the name of the secret.
        "never": "rotation-never",
        "off": "rotation-off",
        "late": "rotation-late",
        "stuck": "pending-stuck",
        "failing": "pending-stuck rotation-failing",
        "empty": "pending-empty",
        "never-completed": "never-completed",
        "abandoned": "rotation-abandoned written-by-hand",
        "long": "interval-long",
        "unclear": "schedule-unclear",
        "unused": "rotation-never unused",
        "never-read": "rotation-never never-read",
        "previous": "previous-still-read",
        "pair": "pair-broken pending-stuck",
        "public": "policy-public",
        "foreign": "policy-foreign shared-without-key",
        "gone-principal": "policy-gone-principal",
        "managed-off": "managed-rotation-off",
        "external-old": "value-old",
        "accepted": "rotation-never unused",
        "expired": "rotation-never unused exception-expired",
        "unreadable": "rotation-never exception-unreadable",
        "deleted": "deleted-in-use",
        "replica-failed": "replica-failed",
        "elsewhere": "function-elsewhere",
        HOSTILE: "rotation-never never-read",
        # What only looks wrong.
        "fine": "",
        "fine-alias": "",
        "new": "",
        "running": "",
        "managed": "",
        "managed-cannot": "",
        "external": "",
        "declared": "",
        "by-hand-in-time": "",
        "replicated": "",
        "own-account-policy": "",
        "organisation": "",
        "pending-with-current": "",
        "deleted-quiet": "",
        "cron": "",
    }.items()
}
AROUND: Final[Mapping[str, frozenset[str]]] = {
    "gone": frozenset({"function-gone"}),
    "stopped": frozenset({"function-stopped"}),
    "forbidden": frozenset({"function-forbidden"}),
    "old": frozenset({"function-runtime", "function-open", "function-timeout"}),
    "/shop/prod/db/password": frozenset({"parameter-credential"}),
    "/shop/DB_URL": frozenset({"parameter-clear-text"}),
    HERE: frozenset({"alarms-deaf"}),
}
"""The same for what is no secret: functions, parameters and Regions."""


def fill(account: Account) -> None:
    """Put everything in."""
    ours = account.add_function("secret-rotation-mysql")
    account.add_alias("secret-rotation-mysql", "live")
    _rotating(account, ours)
    _stuck(account, ours)
    _used(account, ours)
    _shared(account, ours)
    _of_others(account)
    _excepted(account)
    _replicated(account, ours)
    _around(account)
    _looking_wrong(account, ours)
    account.add_trail(THERE)
    account.at()


def _rotating(account: Account, ours: str) -> None:
    account.secret("never")
    account.secret("off")
    account.rotate("off", ours, days=50)
    account.at(days=40)
    account.client.cancel_rotate_secret(SecretId="off")
    account.secret("late")
    account.rotate("late", ours, days=60)
    account.secret("long")
    account.rotate("long", ours, days=10, AutomaticallyAfterDays=180)
    account.secret("unclear")
    account.rotate("unclear", ours, days=10, ScheduleExpression="cron(0 8 30 2 ? *)")
    account.secret("never-completed", days=100)
    rotation = RotationSettings(enabled=True, lambda_arn=ours, rules=_DAYS)
    rotation.next_rotation = account.now - dt.timedelta(days=20)
    account.known("never-completed").rotation = rotation


def _stuck(account: Account, ours: str) -> None:
    for name, step in (
        ("stuck", "testSecret"),
        ("failing", "setSecret"),
        ("empty", "createSecret"),
        ("pair", "setSecret"),
    ):
        account.secret(name)
        account.rotate(name, ours, days=33)
        account.rotate(name, ours, days=3, fails=step)
    account.retry("failing", days=2, fails="setSecret")
    line = {"level": "ERROR", "step": "testSecret", "error": "AuthenticationFailed"}
    said = "The server refused the new password of app. See that pg_hba.conf lets app in."
    pair = "The clone lacks SELECT on orders. Run as an admin: GRANT SELECT ON orders TO app_clone;"
    lines = [
        {**line, "secret": account.known("stuck").arn, "message": said},
        {**line, "secret": account.known("pair").arn, "step": "setSecret", "error": "AccessMismatch", "message": pair},
    ]
    account.log("secret-rotation-mysql", *lines, days=3)
    account.secret("abandoned")
    account.rotate("abandoned", ours, days=33)
    account.at(days=2)
    account.client.rotate_secret(SecretId="abandoned")
    account.client.put_secret_value(SecretId="abandoned", SecretString="by hand")
    account.here.state.due.clear()


def _used(account: Account, ours: str) -> None:
    account.secret("unused", read=100)
    account.secret("never-read", days=40, read=None)
    account.secret("previous")
    account.rotate("previous", ours, days=10)
    account.read("previous", 2, "AWSPREVIOUS")
    for name, read in (("deleted", 2), ("deleted-quiet", 60)):
        account.secret(name, read=read)
        account.at(days=1)
        account.client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    account.at()


def _allowing(principal: str, **condition: str) -> str:
    conditions = {"Condition": {"StringEquals": condition}} if condition else {}
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "secretsmanager:GetSecretValue"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*", **conditions}]})


def _shared(account: Account, ours: str) -> None:
    policies = {
        "public": _allowing("*"),
        "foreign": _allowing(f"arn:aws:iam::{OTHER}:root"),
        "gone-principal": _allowing("AROAABCDEFGHIJKLMNOP1"),
        "own-account-policy": _allowing(f"arn:aws:iam::{ACCOUNT}:role/app"),
        "organisation": _allowing("*", **{"aws:PrincipalOrgID": "o-1234567890"}),
    }
    for name, policy in policies.items():
        account.secret(name)
        account.at(days=30)
        account.client.put_resource_policy(SecretId=name, ResourcePolicy=policy)
        account.rotate(name, ours, days=10)


def _of_others(account: Account) -> None:
    week = account.now - dt.timedelta(days=3)
    for name, service, enabled in (
        ("managed", "rds", True),
        ("managed-off", "rds", False),
        ("managed-cannot", "events", None),
    ):
        account.secret(name, read=None)
        secret = account.known(name)
        secret.owning_service = service
        rules = {} if enabled is None else {"AutomaticallyAfterDays": 7}
        secret.rotation = RotationSettings(enabled=enabled, rules=rules, last_rotated=week if enabled else None)
        secret.rotation.next_rotation = week + dt.timedelta(days=7) if enabled else None
    for name, days in (("external", 20), ("external-old", 120)):
        account.secret(name)
        secret = account.known(name)
        secret.external_type = "SalesforceClientSecret"
        secret.rotation = RotationSettings(enabled=True, last_rotated=account.now - dt.timedelta(days=days))
        secret.changed = account.now - dt.timedelta(days=days)


def _tag(key: str, value: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value}]


def _excepted(account: Account) -> None:
    soon, over = account.now + dt.timedelta(days=100), account.now - dt.timedelta(days=1)
    value = f"until={soon:%Y-%m-%d} by=team-db why=OPS-17"
    account.secret("declared", Tags=_tag("audit:not-rotatable", value))
    account.secret("accepted", read=100, Tags=[*_tag("audit:accept/unused", value), *_tag("owner", "team-db")])
    account.secret(
        "expired", read=100, Tags=_tag("audit:accept/unused", value.replace(f"{soon:%Y-%m-%d}", f"{over:%Y-%m-%d}"))
    )
    account.secret("unreadable", Tags=_tag("audit:accept/unused", "yes, we know"))


def _replicated(account: Account, ours: str) -> None:
    for name in ("replicated", "replica-failed"):
        account.secret(name)
        account.at(days=100)
        account.client.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": THERE}])
        account.rotate(name, ours, days=10)
    account.secrets.fail("replica-failed", THERE, next(iter(Reason)))


def _around(account: Account) -> None:
    account.add_function("forbidden", Principal="events.amazonaws.com")
    account.add_function("stopped")
    account.stop_function("stopped")
    account.add_function("old", runtime="python3.8", timeout=3, SourceAccount="")
    for name in ("gone", "stopped", "forbidden", "old"):
        account.secret(f"at-{name}")
        account.rotate(f"at-{name}", f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:{name}", days=10)
        account.read(f"at-{name}", 1)
    account.secret("at-disabled-key", KmsKeyId=account.add_key(enabled=False))
    account.secret("at-still-key", KmsKeyId=account.add_key(rotates=False))
    for name in ("at-disabled-key", "at-still-key"):
        account.rotate(name, f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:secret-rotation-mysql", days=10)
    account.secret("elsewhere")
    account.rotate("elsewhere", f"arn:aws:lambda:{THERE}:{ACCOUNT}:function:secret-rotation-mysql", days=10)
    account.put_parameter("/shop/prod/db/password", days=200)
    account.put_parameter("/shop/prod/db/fresh-password", days=2)
    account.put_parameter("/shop/prod/db/host", days=200, secure=False)
    account.put_parameter("/shop/DB_URL", days=2, secure=False)


def _looking_wrong(account: Account, ours: str) -> None:
    for name in ("fine", "fine-alias", "pending-with-current"):
        account.secret(name)
        account.rotate(name, f"{ours}:live" if name.endswith("alias") else ours, days=10)
    account.secret("cron")
    account.rotate("cron", ours, days=20, ScheduleExpression="cron(0 8 1 * ? *)")
    account.secret("new", days=0.5, read=None)
    account.secret("running")
    account.rotate("running", ours, days=10)
    secret = account.known("running")
    secret.running = Rotation(secret.arn, "7c9e6679-7425-40de-944b-e07fc1f90ae7", "x")
    secret.labels["AWSPENDING"] = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    account.at(hours=1)
    account.here.execute(
        "PutSecretValue",
        {
            "SecretId": "running",
            "SecretString": "two",
            "ClientRequestToken": secret.running.token,
            "VersionStages": ["AWSPENDING"],
        },
    )
    account.secret("by-hand-in-time", days=200)
    account.at(days=20)
    account.client.put_secret_value(SecretId="by-hand-in-time", SecretString="two")
    account.read("by-hand-in-time", 1)
    put_named(account, HOSTILE, "hostile")


def put_named(account: Account, name: str, place: str) -> None:
    """Put in a secret whose name no service would take, and whose owner has the same."""
    at = account.at(days=40)
    arn = f"arn:aws:secretsmanager:{HERE}:{ACCOUNT}:secret:{place}-a1B2c3"
    account.here.state.secrets[arn] = Secret(arn, name, at, at, tags={"owner": name})
    account.at()
