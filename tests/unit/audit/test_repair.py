"""The one repair: AWSPENDING leaves a version that never got a value, where a setting asks for it, and nothing else."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest

from audit.calls import OPTIONAL
from tests.support.audited.account import HERE, OURS, THERE
from tests.support.audited.running import audited, by_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit.run import Audit
    from tests.support.audited.account import Account

ACCEPTED: Final = [{"Key": "audit:accept/pending-empty", "Value": "until=2099-01-01 by=team-db why=OPS-17"}]


def empty(account: Account, name: str, *, days: float = 3, **options: Any) -> None:  # noqa: ANN401 of CreateSecret
    """Have a rotation fail before it stored a value, so many days ago."""
    account.secret(name, **options)
    account.rotate(name, OURS, days=33)
    account.rotate(name, OURS, days=days, fails="createSecret")


def token(account: Account, name: str) -> str:
    return account.known(name).labels["AWSPENDING"]


def _has_a_value(account: Account, name: str) -> None:
    account.secret(name)
    account.rotate(name, OURS, days=33)
    account.rotate(name, OURS, days=3, fails="setSecret")


def _is_young(account: Account, name: str) -> None:
    empty(account, name, days=0.9)


def _is_current_too(account: Account, name: str) -> None:
    empty(account, name)
    account.known(name).labels["AWSCURRENT"] = token(account, name)


def _has_another_label(account: Account, name: str) -> None:
    empty(account, name)
    account.known(name).labels["blue"] = token(account, name)


def _is_being_rotated(account: Account, name: str) -> None:
    empty(account, name)
    secret, at = account.known(name), account.now - dt.timedelta(hours=2)
    account.here.journal.event("RotationStarted", secret, token(account, name), at)


def _was_just_tried(account: Account, name: str) -> None:
    empty(account, name)
    account.retry(name, days=0.5 / 24, fails="createSecret")


def _is_a_services(account: Account, name: str) -> None:
    empty(account, name)
    account.known(name).owning_service = "rds"


def _is_accepted(account: Account, name: str) -> None:
    empty(account, name, Tags=ACCEPTED)


def _will_be_deleted(account: Account, name: str) -> None:
    empty(account, name)
    account.at()
    account.client.delete_secret(SecretId=name, RecoveryWindowInDays=7)


NEAR: Final[dict[str, Callable[[Account, str], None]]] = {
    "it-has-a-value": _has_a_value,
    "it-is-younger-than-a-day": _is_young,
    "AWSCURRENT-is-on-it-too": _is_current_too,
    "another-label-is-on-it-too": _has_another_label,
    "a-rotation-is-under-way": _is_being_rotated,
    "a-rotation-ended-just-now": _was_just_tried,
    "a-service-owns-it": _is_a_services,
    "somebody-accepted-it": _is_accepted,
    "it-will-be-deleted": _will_be_deleted,
}


def writes(account: Account) -> list[tuple[str, str]]:
    """Return every call that changes something, in any Region, with what it is about."""
    reading = ("Describe", "Get", "List", "BatchGet")
    return [
        (it.operation, str(it.secret).rpartition(":")[2][:-7])
        for emulator in account.secrets.at.values()
        for it in emulator.journal.calls()
        if not it.operation.startswith(reading)
    ]


def looked(account: Account, folder: Path, **settings: Any) -> tuple[Audit, list[tuple[str, str]]]:  # noqa: ANN401 as Settings has them
    """Audit, and return what was written by that."""
    account.at()
    before = len(writes(account))
    audit = audited(account, folder, **({"drop_empty_pending": True, "pending_hours": 1} | settings))
    return audit, writes(account)[before:]


def test_an_empty_version_loses_its_label_and_rotation_goes_on(account: Account, tmp_path: Path) -> None:
    """One call, told once as new, and resolved by the next run."""
    empty(account, "stuck")
    before = dict(account.known("stuck").labels)
    audit, written = looked(account, tmp_path)
    assert written == [("UpdateSecretVersionStage", "stuck")]
    assert account.known("stuck").labels == {key: it for key, it in before.items() if key != "AWSPENDING"}
    (row,) = (it for it in audit.memory.findings("new") if it["rule"] == "pending-empty")
    assert "This audit has taken the label away" in row["evidence"]
    assert row["remedy"].startswith("aws secretsmanager rotate-secret")
    assert audit.totals.repaired == [account.known("stuck").arn]
    audit.memory.close()
    account.rotate("stuck", OURS, days=0)
    again, written = looked(account, tmp_path)
    assert written == []
    assert by_name(again, "resolved")["stuck"] == {"pending-empty"}


def test_it_changes_nothing_by_default(account: Account, tmp_path: Path) -> None:
    empty(account, "stuck")
    audit, written = looked(account, tmp_path, drop_empty_pending=False)
    assert written == []
    assert by_name(audit)["stuck"] == {"pending-empty"}
    assert audit.totals.repaired == []


@pytest.fixture(scope="module")
def near(shared: Account, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Return whether each near miss was left as it was, by one run that put right what stands beside them."""
    for name, make in NEAR.items():
        make(shared, name)
    empty(shared, "beside")
    before = {name: dict(shared.known(name).labels) for name in NEAR}
    audit, written = looked(shared, tmp_path_factory.mktemp("near"))
    assert ("UpdateSecretVersionStage", "beside") in written
    assert shared.known("beside").arn in audit.totals.repaired
    untouched = {name for name in NEAR if shared.known(name).arn not in audit.totals.repaired}
    written_to = {name for _, name in written}
    kept = {name: it == shared.known(name).labels and name in untouched - written_to for name, it in before.items()}
    shared.clear()
    return kept


@pytest.mark.parametrize("name", NEAR)
def test_what_only_resembles_it_is_left_alone(near: dict[str, bool], name: str) -> None:
    assert near[name]


def test_a_replica_is_left_alone_and_its_primary_put_right(account: Account, tmp_path: Path) -> None:
    account.secret("stuck")
    account.at(days=100)
    account.client.replicate_secret_to_regions(SecretId="stuck", AddReplicaRegions=[{"Region": THERE}])
    account.rotate("stuck", OURS, days=3, fails="createSecret")
    audit, written = looked(account, tmp_path, pending_hours=24)
    assert written == [("UpdateSecretVersionStage", "stuck")]
    assert audit.totals.repaired == [account.known("stuck").arn]
    assert not account.secrets[THERE].calls("UpdateSecretVersionStage")


def test_nothing_is_done_where_nobody_knows_what_runs(account: Account, tmp_path: Path) -> None:
    """Event history shows whether a rotation is under way: without it the label stays."""
    empty(account, "stuck")
    account.trails[HERE].backend.denied.add("LookupEvents")
    _, written = looked(account, tmp_path)
    assert written == []


def test_a_refusal_names_the_permission(account: Account, tmp_path: Path) -> None:
    empty(account, "stuck")
    account.here.faults.deny("UpdateSecretVersionStage")
    audit, _ = looked(account, tmp_path)
    (spot,) = (it for it in audit.memory.findings() if it["rule"] == "blind-spot")
    assert spot["remedy"] == f"allow {OPTIONAL['repair'][0]} to whoever runs the audit"
    assert audit.totals.repaired == []


@pytest.mark.parametrize("when", ["before the last look", "after it"])
def test_a_value_that_comes_meanwhile_keeps_its_label(account: Account, tmp_path: Path, when: str) -> None:
    """Right before the call, or in the same moment: then the label is put back."""
    empty(account, "stuck")
    version, clients = token(account, "stuck"), account.clients()
    client = clients("secretsmanager", HERE)
    name = "describe_secret" if when.startswith("before") else "update_secret_version_stage"
    ask, came = getattr(client, name), list[bool]()

    def asked(**request: Any) -> Any:  # noqa: ANN401 as botocore's
        if not came:
            came.append(True)
            value = {"SecretString": "two", "ClientRequestToken": version, "VersionStages": ["AWSPENDING"]}
            account.here.execute("PutSecretValue", {"SecretId": "stuck", **value})
        return ask(**request)

    with mock.patch.object(client, name, asked):
        audit, _ = looked(account, tmp_path, clients=clients)
    assert came
    assert account.known("stuck").labels["AWSPENDING"] == version
    assert audit.totals.repaired == []
