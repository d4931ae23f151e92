"""Who tampers with a secret, who reads it, how a dry run ended: each is told once, and what is no news is not."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.watched.events import (
    ADA,
    KEY,
    NOW,
    TAMPERING,
    assumed,
    of_call,
    of_key,
    of_label,
    of_schedule,
    of_service,
    user,
)
from watch import forms
from watch.model import Message

if TYPE_CHECKING:
    from tests.unit.watch.conftest import Watched


def call(watched: Watched, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 what an event holds
    response = {"arn": watched.secret, **more.pop("response", {})}
    return of_call(name, **({"request": {"secretId": watched.secret}, "response": response} | more))


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_told_once_with_who_did_it(watched: Watched, name: str) -> None:
    event = call(watched, name)
    (message,) = watched.told(event, event)
    assert "By: arn:aws:sts::123456789012:assumed-role/ops/ada" in message
    assert f"--secret-id {watched.secret}" in message
    assert watched.told(event) == []
    assert len(watched.told(call(watched, name))) == 1


def test_a_secret_that_is_given_to_another_function_is_told(watched: Watched) -> None:
    """Where one of ours rotated it before; the same call with ours, and what was never ours, is not."""
    assert watched.told(call(watched, "RotateSecret"), of_service("RotationSucceeded", watched.secret)) == []
    stranger = watched.made("strange", "collects-secrets")
    watched.attach(watched.secret, "collects-secrets")
    event = call(watched, "RotateSecret", who=user("eve"))
    (message,) = watched.told(event, event, of_call("RotateSecret", response={"arn": stranger}))
    assert message.startswith("Secret was given to another function: shop/db")
    assert "By: arn:aws:iam::123456789012:user/eve" in message
    assert "Its function is now collects-secrets, which can read its value" in message
    assert watched.failed == []


def test_a_secret_that_is_gone_is_told_of_by_what_the_event_says(watched: Watched) -> None:
    watched.secrets.delete_secret(SecretId=watched.secret, ForceDeleteWithoutRecovery=True)
    (message,) = watched.told(call(watched, "DeleteSecret"))
    assert message.startswith("Secret was deleted: shop/db")
    assert "The secret cannot be described" in message


@pytest.mark.parametrize(
    ("name", "request_", "response", "worth"),
    [
        ("PutSecretValue", {}, {"versionId": "v2"}, True),
        ("PutSecretValue", {"versionStages": ["AWSCURRENT"]}, {}, True),
        ("PutSecretValue", {"versionStages": ["BLUE"]}, {}, False),
        ("UpdateSecretVersionStage", {"versionStage": "AWSCURRENT", "moveToVersionId": "v1"}, {}, True),
        ("UpdateSecretVersionStage", {"versionStage": "AWSPENDING"}, {}, False),
        ("UpdateSecret", {"description": "x"}, {}, False),
        ("UpdateSecret", {"kmsKeyId": KEY}, {}, True),
        ("UpdateSecret", {}, {"versionId": "v2"}, True),
    ],
)
def test_only_what_changes_the_current_value_is_told(
    watched: Watched, name: str, request_: dict[str, Any], response: dict[str, Any], *, worth: bool
) -> None:
    event = call(watched, name, request={"secretId": watched.secret, **request_}, response=response)
    assert bool(watched.told(event)) is worth


def test_without_a_trail_a_move_is_told_unless_the_function_wrote_of_it(watched: Watched) -> None:
    watched.writes(NOW, level="INFO", token="ours", message="AWSCURRENT is the new credential")
    assert watched.told(of_label("ours", watched.secret)) == []
    theirs = of_label("theirs", watched.secret)
    (message,) = watched.told(theirs, theirs)
    assert "By: unknown, since no trail records it" in message


@pytest.mark.parametrize(
    ("name", "word"), [("ScheduleKeyDeletion", "cancel-key-deletion"), ("DisableKey", "enable-key")]
)
def test_a_key_that_goes_is_told(watched: Watched, name: str, word: str) -> None:
    (message,) = watched.told(of_key(name))
    assert f"  aws kms {word} --key-id {KEY} --region eu-west-1" in message


def test_a_dry_run_is_told_however_it_ended(watched: Watched) -> None:
    (green,) = watched.told(of_service("TestRotationSucceeded", watched.secret))
    assert green.startswith("Dry run succeeded: shop/db")
    watched.writes(NOW, error="TlsFailed", message="The server offers no TLS.")
    red = of_service("TestRotationFailed", watched.secret)
    (message,) = watched.told(red, red)
    assert message.startswith("Dry run failed: shop/db")
    assert "Cause: TlsFailed: The server offers no TLS." in message
    assert "--no-rotate-immediately" in message


def test_reads_are_told_at_once_and_summed_up_each_day(watched: Watched) -> None:
    reads = [call(watched, "GetSecretValue", at=NOW + timedelta(minutes=it), who=user("eve")) for it in range(3)]
    reads += [call(watched, "GetSecretValue", who=assumed(ADA))]
    notices = watched.told(*reads, reads[0])
    assert [one.splitlines()[0] for one in notices] == ["Secret was read by somebody else: shop/db (eu-west-1)"] * 2
    day_after = of_schedule(NOW + timedelta(days=1))
    (summary,) = watched.told(day_after, day_after)
    assert f"Reads by others on {NOW:%Y-%m-%d}" in summary
    assert "was read 3 times by arn:aws:iam::123456789012:user/eve, from 03:12:40 to 03:14:40 UTC" in summary
    assert "was read once by arn:aws:sts::123456789012:assumed-role/ops/ada" in summary
    assert watched.told(of_schedule(NOW + timedelta(days=2))) == []


@pytest.mark.parametrize("body", ["{}", "[]", '"x"', "no JSON", '{"detail-type": "AWS API Call via CloudTrail"}'])
def test_what_is_no_event_is_left_for_the_queue_and_keeps_no_other_from_being_told(watched: Watched, body: str) -> None:
    broken = json.loads(body) if body[0] in '{["' else body
    assert len(watched.told(broken, call(watched, "CancelRotateSecret"))) == 1
    assert watched.failed == ["0"]


HOSTILE = "x\n\nFrom: root\r\x1b[31m\u202e<!channel> `$(reboot)` ; rm -rf / [a](http://evil)"


def test_hostile_names_make_no_lines_no_commands_and_no_mentions(watched: Watched) -> None:
    """Whoever calls chooses the name of what is gone, and the name of a session."""
    event = of_call("DeleteSecret", assumed(ADA, HOSTILE), request={}, response={"arn": HOSTILE})
    (message,) = watched.told(event)
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert not any(line.startswith("From:") for line in message.splitlines())
    (typed,) = [line.strip() for line in message.splitlines() if line.startswith("  aws ")]
    assert shlex.split(typed)[:4] == ["aws", "secretsmanager", "restore-secret", "--secret-id"]
    assert len(shlex.split(typed)) == 7
    (again,) = watched.told(of_call("DeleteSecret", assumed(ADA, HOSTILE), request={}, response={"arn": HOSTILE}))
    assert again == message


def test_the_form_for_chat_is_amazon_qs_and_mail_keeps_its_text() -> None:
    told = Message("Rotation is healed: a", (f"By: {HOSTILE}",), ("aws x --y a@b",), (("Log", "https://l"),), "arn")
    sent = forms.published(told, chat=True)
    by_protocol = json.loads(sent["Message"])
    assert sent["MessageStructure"] == "json"
    assert by_protocol["default"] == forms.text_of(told)
    chat = json.loads(by_protocol["https"])
    assert (chat["version"], chat["source"], chat["content"]["textType"]) == ("1.0", "custom", "client-markdown")
    assert chat["content"]["nextSteps"] == ["`aws x --y a@b`", "<https://l|Log>"]
    first, *facts, last = chat["content"]["description"].split("\n")
    assert (first, len(facts), last) == ("```", 1, "```")
    assert not set("<>`") & set(facts[0])
    assert chat["metadata"]["threadId"]


def test_a_subject_is_one_line_of_ascii_and_short() -> None:
    subject = forms.subject_of(Message("é" * 300 + "\n", ()))
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) == 100
