"""Staging labels of the emulated Secrets Manager: UpdateSecretVersionStage, through a real client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulators.secretsmanager.expectations import error_code, refusal
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import (
    AbsentLabel,
    Checks,
    PendingAfterFinish,
    PendingLeftBehind,
    World,
)

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ONE, TWO, THREE = ("1" * 32, "2" * 32, "3" * 32)


@pytest.fixture
def client(emulator: EmulatedSecretsManager) -> SecretsManagerClient:
    """Return a client of a secret with AWSCURRENT on version one and AWSPENDING on version two."""
    client = emulator.client()
    client.create_secret(Name="app", SecretString="one", ClientRequestToken=ONE)
    client.put_secret_value(SecretId="app", SecretString="two", ClientRequestToken=TWO, VersionStages=["AWSPENDING"])
    return client


def move(client: SecretsManagerClient, label: str, **versions: str) -> None:
    client.update_secret_version_stage(SecretId="app", VersionStage=label, **versions)


def refused_move(client: SecretsManagerClient, label: str, **versions: str) -> tuple[str, str]:
    return refusal(client.update_secret_version_stage, SecretId="app", VersionStage=label, **versions)


def test_moving_current_moves_previous(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """AWSPREVIOUS goes to the version that AWSCURRENT leaves."""
    move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
    assert emulator.labels("app")["AWSCURRENT"] == TWO
    assert emulator.labels("app")["AWSPREVIOUS"] == ONE


@pytest.mark.parametrize(("mode", "pending"), [(PendingAfterFinish.REMOVED, None), (PendingAfterFinish.KEPT, TWO)])
def test_both_legal_ends_of_the_pending_label(mode: PendingAfterFinish, pending: str | None) -> None:
    """Moving AWSCURRENT takes AWSPENDING off the same version, or leaves it there, as the mode says."""
    with EmulatedSecretsManager(world=World(pending_after_finish=mode)) as emulator:
        client = emulator.client()
        client.create_secret(Name="app", SecretString="one", ClientRequestToken=ONE)
        ask = {"SecretId": "app", "SecretString": "two", "ClientRequestToken": TWO}
        client.put_secret_value(**ask, VersionStages=["AWSPENDING"])
        move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
        assert emulator.labels("app").get("AWSPENDING") == pending


@pytest.mark.parametrize("mode", PendingLeftBehind)
@pytest.mark.parametrize("by", ["a put", "an update", "a move"])
def test_what_takes_pending_off_the_version_that_current_leaves(by: str, mode: PendingLeftBehind) -> None:
    """A new value does, as recorded; a move, as in a roll-back, does or does not, as the world says."""
    with EmulatedSecretsManager(world=World(pending_left_behind=mode)) as emulator:
        client = emulator.client()
        client.create_secret(Name="app", SecretString="one", ClientRequestToken=ONE)
        ask = {"SecretId": "app", "SecretString": "two", "ClientRequestToken": TWO}
        client.put_secret_value(**ask, VersionStages=["AWSPENDING"])
        move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
        if by == "a move":
            move(client, "AWSCURRENT", RemoveFromVersionId=TWO, MoveToVersionId=ONE)
        elif by == "an update":
            client.update_secret(SecretId="app", SecretString="three", ClientRequestToken=THREE)
        else:
            client.put_secret_value(SecretId="app", SecretString="three", ClientRequestToken=THREE)
        stays = by == "a move" and mode is PendingLeftBehind.PUT
        assert emulator.state.any("app").stages(TWO) == (["AWSPENDING", "AWSPREVIOUS"] if stays else ["AWSPREVIOUS"])


@pytest.mark.parametrize("code", AbsentLabel)
def test_the_code_for_a_label_that_is_not_there_is_a_switch(code: AbsentLabel) -> None:
    """By which error the service refuses is not recorded; it refuses, and nothing changes."""
    with EmulatedSecretsManager(world=World(absent_label=code)) as emulator:
        client = emulator.client()
        client.create_secret(Name="app", SecretString="one", ClientRequestToken=ONE)
        assert refused_move(client, "AWSPENDING", RemoveFromVersionId=ONE)[0] == code
        assert emulator.labels("app") == {"AWSCURRENT": ONE}


@pytest.mark.parametrize("checks", Checks)
def test_the_order_of_the_checks_of_a_move_is_a_switch(checks: Checks) -> None:
    """Which of three things that are wrong is told is not recorded; it is refused, and nothing changes."""
    with EmulatedSecretsManager(world=World(checks=checks)) as emulator:
        client = emulator.client()
        client.create_secret(Name="app", SecretString="one", ClientRequestToken=ONE)
        codes = [refused_move(client, "AWSCURRENT", MoveToVersionId=ONE, RemoveFromVersionId=TWO)[0]]
        emulator.faults.deny("UpdateSecretVersionStage")
        codes += [
            refused_move(client, "AWSCURRENT", MoveToVersionId=ONE, RemoveFromVersionId=TWO)[0],
            refused_move(client, "blue", MoveToVersionId=ONE)[0],
        ]
        assert (
            codes
            == {
                Checks.VERSION_BEFORE_LABEL: ["ResourceNotFoundException", *["AccessDeniedException"] * 2],
                Checks.LABEL_BEFORE_VERSION: ["InvalidParameterException", *["AccessDeniedException"] * 2],
                Checks.CALLER_LAST: [*["ResourceNotFoundException"] * 2, "AccessDeniedException"],
            }[checks]
        )
        assert emulator.labels("app") == {"AWSCURRENT": ONE}


def test_get_without_a_label_follows_current(client: SecretsManagerClient) -> None:
    """GetSecretValue without VersionStage reads AWSCURRENT, before and after it moves."""
    assert client.get_secret_value(SecretId="app")["SecretString"] == "one"
    move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
    assert client.get_secret_value(SecretId="app")["SecretString"] == "two"


def test_rolling_back_swaps_current_and_previous(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """Moving AWSCURRENT back to the previous version gives AWSPREVIOUS to the other."""
    move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
    move(client, "AWSCURRENT", RemoveFromVersionId=TWO, MoveToVersionId=ONE)
    assert (emulator.labels("app")["AWSCURRENT"], emulator.labels("app")["AWSPREVIOUS"]) == (ONE, TWO)


@pytest.mark.parametrize("label", ["AWSCURRENT", "blue"])
def test_an_attached_label_moves_only_from_a_named_version(client: SecretsManagerClient, label: str) -> None:
    """RemoveFromVersionId is required when the label sits elsewhere, for every label."""
    if label == "blue":
        move(client, label, MoveToVersionId=ONE)
    code, message = refused_move(client, label, MoveToVersionId=TWO)
    assert code == "InvalidParameterException"
    assert f"currently attached to version {ONE}" in message


@pytest.mark.parametrize("label", ["AWSCURRENT", "AWSPENDING", "blue"])
def test_a_wrong_remove_from_version_is_refused(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager, label: str
) -> None:
    """RemoveFromVersionId must be the version that carries the label; a refusal changes nothing."""
    client.put_secret_value(SecretId="app", SecretString="3", ClientRequestToken=THREE, VersionStages=["green"])
    before = emulator.labels("app")
    versions = {"RemoveFromVersionId": THREE, "MoveToVersionId": TWO}
    assert refused_move(client, label, **versions)[0] == "InvalidParameterException"
    assert emulator.labels("app") == before


def test_a_repeated_move_of_current_is_refused(client: SecretsManagerClient) -> None:
    """After a move the old RemoveFromVersionId no longer matches: a blind repetition is refused."""
    move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
    versions = {"RemoveFromVersionId": ONE, "MoveToVersionId": TWO}
    assert refused_move(client, "AWSCURRENT", **versions)[0] == "InvalidParameterException"


def test_a_label_that_is_there_already_stays_once(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """Attaching a label to the version that has it needs no RemoveFromVersionId and changes nothing."""
    before = emulator.labels("app")
    move(client, "AWSPENDING", MoveToVersionId=TWO)
    assert emulator.labels("app") == before
    assert client.describe_secret(SecretId="app")["VersionIdsToStages"][TWO] == ["AWSPENDING"]


def test_current_cannot_be_removed(client: SecretsManagerClient) -> None:
    """AWSCURRENT can be moved, never taken off."""
    assert refused_move(client, "AWSCURRENT", RemoveFromVersionId=ONE)[0] == "InvalidParameterException"


def test_pending_can_be_removed(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """Without MoveToVersionId the label comes off, and the version is readable by its id still."""
    move(client, "AWSPENDING", RemoveFromVersionId=TWO)
    assert emulator.labels("app") == {"AWSCURRENT": ONE}
    assert client.get_secret_value(SecretId="app", VersionId=TWO)["SecretString"] == "two"


def test_custom_labels_stay_where_they_are(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """Moving AWSCURRENT touches no label of one's own."""
    move(client, "blue", MoveToVersionId=ONE)
    move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
    assert emulator.labels("app")["blue"] == ONE
    client.put_secret_value(SecretId="app", SecretString="3", ClientRequestToken=THREE)
    assert emulator.labels("app")["blue"] == ONE


def test_an_unknown_version_is_not_found(client: SecretsManagerClient) -> None:
    """A version that does not exist can neither receive nor lose a label."""
    assert refused_move(client, "blue", MoveToVersionId=THREE)[0] == "ResourceNotFoundException"
    assert refused_move(client, "AWSPENDING", RemoveFromVersionId=THREE)[0] == "ResourceNotFoundException"


def test_a_move_names_a_version(client: SecretsManagerClient) -> None:
    """Neither RemoveFromVersionId nor MoveToVersionId is a mistake."""
    assert refused_move(client, "blue")[0] == "InvalidParameterException"


def test_a_secret_has_at_most_20_labels(client: SecretsManagerClient) -> None:
    """The twenty-first label on all versions together is refused."""
    for number in range(18):
        move(client, f"label-{number}", MoveToVersionId=ONE)
    assert refused_move(client, "one-more", MoveToVersionId=TWO)[0] == "LimitExceededException"
    ask = {"SecretId": "app", "SecretString": "3", "VersionStages": ["one-more"]}
    assert error_code(client.put_secret_value, **ask) == "LimitExceededException"


def test_a_refused_put_stores_nothing(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """A put that fails on its labels leaves no version behind."""
    for number in range(18):
        move(client, f"label-{number}", MoveToVersionId=ONE)
    ask = {"SecretId": "app", "SecretString": "3", "ClientRequestToken": THREE, "VersionStages": ["one-more"]}
    assert error_code(client.put_secret_value, **ask) == "LimitExceededException"
    assert THREE not in emulator.state.any("app").versions


def test_the_label_history_is_kept(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """The journal shows where each label came from and went."""
    move(client, "AWSCURRENT", RemoveFromVersionId=ONE, MoveToVersionId=TWO)
    moves = [(each.from_version, each.to_version) for each in emulator.journal.labels if each.label == "AWSCURRENT"]
    assert moves == [(None, ONE), (ONE, TWO)]
