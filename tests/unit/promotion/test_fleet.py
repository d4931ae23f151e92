"""Many secrets at once: the state machine, executed with the real function over two emulated Regions."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation import errors
from rotation.entrypoints import promotion
from rotation.model import Credential, Password, in_region
from tests.support.emulators.secretsmanager.direct import direct_client
from tests.support.guides.pages import ROOT
from tests.support.memory.engine import HOST, PORT, Account, MemoryEngine
from tests.support.memory.regions import AWAY, FUNCTION, HOME, TwoRegions
from tests.support.template.cloudformation import Stack, parse
from tests.support.template.state_machine import FunctionRaised, Topic, execute

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.no_cover  # the trace of coverage doubles its price, and others cover all that it runs

SOURCE: Final = parse((ROOT / "functions/replica_promotion/template.yaml").read_text("utf-8"))
TOPIC: Final = "arn:aws:sns:eu-central-1:123456789012:approvals"
ON: Final = {
    "SharedLayerArn": "arn:aws:lambda:eu-central-1:123456789012:layer:SharedLayer:1",
    "SecretNames": "orders/*",
    "ApprovalTopicArn": TOPIC,
}
NAMES: Final = ("orders/one", "orders/two", "orders/three")
APPROVED: Final = {"Approved": True}


def definition() -> dict[str, Any]:
    """Return the definition as CloudFormation hands it to Step Functions."""
    made = Stack(ON, SOURCE).resources["PromotionFleet"]["Properties"]
    text = json.dumps(made["Definition"])
    for name, value in made["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", str(value))
    return dict(json.loads(text))


class Context:
    """A Lambda context with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Fleet(TwoRegions):
    """Some secrets of one database, their replicas, and the function of the Region that takes over."""

    def begin(self) -> None:
        """Make the secrets, and let them arrive."""
        self.events: list[dict[str, Any]] = []
        self.topic = Topic()
        place: dict[str, Any] = {"engine": "memory", "host": HOST, "port": PORT}
        for name in NAMES:
            username = name.rpartition("/")[2]
            self.server.accounts[username] = Account("first", {"read orders"})
            document = {**place, "username": username, "password": "first", "masterarn": self.admin}
            self._create(name, document)
        self.arrive()
        environment = {
            "SECRETS_MANAGER_ENDPOINT": self.regions[AWAY].url,
            "ADMIN_SECRET_ARNS": in_region(self.admin, AWAY),
            "ROTATION_FUNCTIONS": f"memory={FUNCTION.format(AWAY)}",
            "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4()),
        }
        self._handler = promotion.Handler(environment)
        self.regions.cut(HOME)

    def run(self, answer: object = APPROVED, **changed: object) -> dict[str, Any]:
        """Execute the machine with the event of the guide, for what is to be promoted."""
        event = json.loads(Path("events/promote-fleet.json").read_text("utf-8"))
        said = {**event, "From": HOME, "DryRun": False, **changed}
        clients = {
            "lambda": FunctionRaised(self.invoked),
            "secretsmanager": direct_client(self.regions[AWAY]),
            "sns": self.topic,
        }
        return execute(definition(), said, clients, lambda: answer)

    def promoted(self) -> set[str]:
        """Return which secrets are secrets of their own now."""
        found = {name: self.regions.find(name, AWAY) for name in ("admin", *NAMES)}
        return {name for name, secret in found.items() if secret is not None and not secret.primary_region}

    def opens(self, name: str) -> bool:
        """Return whether a client that reads a secret is accepted."""
        document = self.document(self.regions[AWAY].value(name) or "{}")
        return self.server.logs_in(Credential(document["username"], Password(document["password"])))

    def invoked(self, event: dict[str, Any]) -> Any:  # noqa: ANN401 JSON
        self.events.append(event)
        return self._handler(event, Context())


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Lose the Region at home."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", AWAY)
    made = Fleet("alternating-users")
    with made.regions:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", made.regions[HOME].url)
        monkeypatch.setattr(promotion, "ENGINES", {"memory": "memory"})
        monkeypatch.setattr(promotion, "engine_named", lambda _: lambda _bundle: MemoryEngine(made.server))
        made.begin()
        yield made


def test_a_fleet_is_rehearsed_approved_and_promoted(fleet: Fleet) -> None:
    """All are rehearsed, then somebody is asked, then the admin secret is promoted before the others; all log in."""
    admin = in_region(fleet.admin, AWAY)
    done = fleet.run(Admins=[admin])
    assert done["status"] == "SUCCEEDED", done
    assert fleet.promoted() == {"admin", *NAMES}
    assert all(map(fleet.opens, NAMES))
    rehearsed, promoted = fleet.events[:4], fleet.events[4:]
    assert all(event["DryRun"] for event in rehearsed)
    assert not any(event["DryRun"] for event in promoted)
    assert promoted[0]["SecretId"] == admin
    assert {event["SecretId"] for event in rehearsed} == {event["SecretId"] for event in promoted}
    asked, told = fleet.topic.told
    assert (asked["Secrets"], asked["Refused"], asked["ForAttention"]) == (4, 0, 4)
    assert (told["Admins"], told["Secrets"], told["Refused"]) == (1, 3, 0)


def test_a_dry_run_promotes_nothing_and_asks_nobody(fleet: Fleet) -> None:
    done = fleet.run(DryRun=True)
    assert done["status"] == "SUCCEEDED", done
    assert not fleet.promoted()
    assert all(event["DryRun"] for event in fleet.events)
    assert [message["Subject"] for message in fleet.topic.told] == ["Dry run of a promotion of secrets"]


@pytest.mark.parametrize("answer", [{"Approved": False}, {}, {"Approved": "true"}])
def test_nothing_is_promoted_unless_somebody_says_so(fleet: Fleet, answer: object) -> None:
    done = fleet.run(answer)
    assert (done["status"], done["error"]) == ("FAILED", "NotApproved")
    assert not fleet.promoted()


def test_one_that_is_refused_does_not_hold_up_the_others(fleet: Fleet) -> None:
    """It is named with its error, the execution fails, and one with the same input completes it."""
    fleet.server.accounts["two"].password = "another"
    done = fleet.run()
    assert (done["status"], done["error"]) == ("FAILED", "SomeRefused")
    assert fleet.promoted() == set(NAMES) - {"orders/two"}
    (refused,) = fleet.topic.told[-1]["FirstRefused"]
    assert ":secret:orders/two-" in refused["refused"]
    assert refused["by"] == "NoWorkingCredential"
    fleet.server.accounts["two"].password = "first"
    assert fleet.run()["status"] == "SUCCEEDED"
    assert fleet.promoted() == set(NAMES)
    assert all(map(fleet.opens, NAMES))


def test_what_was_cut_and_is_no_replica_any_more_is_found_again(fleet: Fleet) -> None:
    """A promotion that broke off behind the cut left the tag, by which another execution finds the secret."""
    secret = fleet.regions.find("orders/one", AWAY)
    assert secret is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rotation.promotion.promoting._tell_choice", lambda *_: 1 / 0)
        with pytest.raises(errors.RotationError, match="ZeroDivisionError"):
            fleet.invoked({"SecretId": secret.arn, "From": HOME, "DryRun": False})
    assert not secret.primary_region
    assert not secret.rotation.enabled
    fleet.run()
    assert secret.rotation.enabled


def test_pages_are_turned(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each secret comes once, whatever a page holds."""
    listed: list[object] = []
    whole = direct_client(fleet.regions[AWAY])

    class Narrow:
        def list_secrets(self, *, MaxResults: int, **request: Any) -> Any:  # noqa: ANN401, N803 the API's
            listed.append(MaxResults)
            return whole.list_secrets(MaxResults=1, **request)

    monkeypatch.setattr("tests.unit.promotion.test_fleet.direct_client", lambda _: Narrow())
    assert fleet.run(DryRun=True)["status"] == "SUCCEEDED"
    assert len(listed) > len(NAMES)
    assert sorted(event["SecretId"] for event in fleet.events) == sorted({it["SecretId"] for it in fleet.events})
    assert len(fleet.events) == len(NAMES)


def test_an_answer_may_have_the_names_of_the_sdk_for_java(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step Functions developer guide, "AWS SDK integrations": ARN may be Arn there."""
    whole = direct_client(fleet.regions[AWAY])

    class Java:
        def list_secrets(self, **request: Any) -> Any:  # noqa: ANN401 the API's
            listed = whole.list_secrets(**request)["SecretList"]
            return {"SecretList": [{"Arn": one["ARN"], "Name": one["Name"]} for one in listed]}

    monkeypatch.setattr("tests.unit.promotion.test_fleet.direct_client", lambda _: Java())
    assert fleet.run(DryRun=True)["status"] == "SUCCEEDED"
    assert len(fleet.events) == len(NAMES)


@pytest.mark.parametrize("missing", ["From", "Filter", "Admins", "DryRun", "Force"])
def test_an_input_that_lacks_something_is_refused(fleet: Fleet, missing: str) -> None:
    event = json.loads(Path("events/promote-fleet.json").read_text("utf-8"))
    clients = {"sns": fleet.topic}
    done = execute(definition(), {key: value for key, value in event.items() if key != missing}, clients)
    assert (done["status"], done["error"]) == ("FAILED", "InvalidEvent")


def test_nothing_that_the_filter_finds(fleet: Fleet) -> None:
    done = fleet.run(Filter={"Key": "name", "Values": ["payroll/"]})
    assert (done["status"], done["error"]) == ("FAILED", "NothingFound")


def test_errors_that_are_tried_again_have_nothing_to_do_with_passwords() -> None:
    """They are errors of the library that no login caused."""
    (one,) = {json.dumps(it["ItemProcessor"]) for name, it in definition()["States"].items() if "Label" in it}
    tried = {name for rule in json.loads(one)["States"]["One"]["Retry"] for name in rule["ErrorEquals"]}
    ours = {name for name in tried if "." not in name}
    assert ours == {"StoreUnavailable", "Unreachable"}
    assert all(issubclass(getattr(errors, name), errors.RotationError) for name in ours)
