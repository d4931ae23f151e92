"""The commands of the guide of Regions, given to the emulated service as they stand there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import botocore.session
import pytest
from botocore import xform_name

from rotation.errors import GuardViolation
from tests.support.emulators.secretsmanager.replication import AfterStop, Replication
from tests.support.guides.pages import ROOT, page
from tests.support.memory.regions import AWAY, HOME, TwoRegions
from tests.support.template.cloudformation import parse

GUIDE: Final = page("docs/regions.md")
NAME: Final = "orders/database"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr("rotation.promotion.returning.LOOKS", (0, 0))
    monkeypatch.setattr("rotation.strategies.replicas.LOOKS", (0,))


def commands(chapter: str) -> list[list[str]]:
    """Return the commands of a chapter as their words."""
    text = GUIDE.text.split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    blocks = [block.split("```")[0] for block in text.split("```sh\n")[1:]]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split() for line in lines]


def run(scene: TwoRegions, words: list[str]) -> Any:  # noqa: ANN401 JSON
    """Run an `aws secretsmanager` command, as the command line makes a request of it."""
    _, service, name, *options = words
    assert service == "secretsmanager"
    model = botocore.session.get_session().get_service_model(service)
    (operation,) = (one for one in model.operation_names if xform_name(one, "-") == name)
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    members = {xform_name(member, "-"): (member, kind.type_name) for member, kind in shape.members.items()}
    given = dict(zip(options[::2], options[1::2], strict=False)) if "--force" not in " ".join(options) else {}
    if not given:
        flag = options.pop()
        given = {**dict(zip(options[::2], options[1::2], strict=True)), flag: "true"}
    asked = {option.removeprefix("--"): value for option, value in given.items()}
    region, query = asked.pop("region", HOME), asked.pop("query", "")
    request: dict[str, Any] = {}
    for option, value in asked.items():
        member, kind = members[option]
        request[member] = {"list": [value], "boolean": value == "true"}.get(kind, value)
    assert request["SecretId"] == NAME
    answer = scene.regions[region].execute(operation, {**request, "SecretId": "app"})
    return answer.get(query) if query else answer


def test_an_old_primary_that_does_not_give_way_is_deleted_as_the_guide_tells() -> None:
    """The first command shows whether it is safe; after the others the return makes a replica of the same ARN."""
    scene = TwoRegions("alternating-users", replication=Replication(after_stop=AfterStop.FAILED))
    scene.rotate()
    scene.regions.cut(HOME)
    look, *rest = commands("The way back")
    assert run(scene, look) == HOME
    scene.promote()
    scene.run_due()
    scene.regions.restore(HOME)
    with pytest.raises(GuardViolation, match="failed"):
        scene.give_back(AWAY, HOME, OverwriteStale=scene.regions[HOME].labels("app")["AWSCURRENT"])
    assert run(scene, look) in {None, AWAY}
    for words in rest:
        run(scene, words)
    scene.give_back(AWAY, HOME)
    assert scene.regions[HOME].value("app") == scene.regions[AWAY].value("app")
    assert scene.regions.find("app", HOME) == scene.regions[HOME].state.find(scene.arn)


def test_what_helps_a_replica_that_does_not_follow() -> None:
    """The status is shown, and replicating again overwrites nothing."""
    scene = TwoRegions("alternating-users")
    look, again = commands("A replica does not follow")
    (status,) = run(scene, look)
    assert status["Region"] == AWAY
    assert "--force-overwrite-replica-secret" not in again
    assert again[again.index("--add-replica-regions") + 1] == f"Region={AWAY}"


def test_the_function_is_invoked_with_an_event_of_its_own() -> None:
    """The command names the function as its stack does, and a file that changes nothing as it stands."""
    (deploy, invoke) = commands("Promote a replica")
    assert deploy[:2] == ["make", "deploy-promotion"]
    source = parse((ROOT / "functions/replica_promotion/template.yaml").read_text("utf-8"))
    name = source["Resources"]["ReplicaPromotionFunction"]["Properties"]["FunctionName"]["Fn::Sub"]
    prefix = source["Parameters"]["FunctionPrefix"]["Default"]
    assert invoke[invoke.index("--function-name") + 1] == name.replace("${FunctionPrefix}", prefix)
    file = invoke[invoke.index("--payload") + 1].removeprefix("fileb://")
    assert json.loads(Path(file).read_text("utf-8"))["DryRun"] is True


@pytest.mark.parametrize("service", ["stepfunctions", "ssm"])
def test_the_commands_for_many_secrets_are_those_of_the_stack(service: str) -> None:
    """Each option is one of the operation's, and each name one that the stack gives."""
    model = botocore.session.get_session().get_service_model(service)
    source = parse((ROOT / "functions/replica_promotion/template.yaml").read_text("utf-8"))
    made = source["Resources"]
    names = (made["PromotionFleet"]["Properties"]["StateMachineName"], made["PromotionRunbook"]["Properties"]["Name"])
    prefix = source["Parameters"]["FunctionPrefix"]["Default"]
    known = {name["Fn::Sub"].replace("${FunctionPrefix}", prefix) for name in names}
    mine = [words for words in commands("Many secrets at once") if words[1] == service]
    assert mine
    for _, _, name, *options in mine:
        (operation,) = (one for one in model.operation_names if xform_name(one, "-") == name)
        shape = model.operation_model(operation).input_shape
        assert shape is not None
        given = dict(zip(options[::2], options[1::2], strict=True))
        assert {it.removeprefix("--") for it in given} - {"region", "task-output"} <= {
            xform_name(it, "-") for it in shape.members
        }
        target = given.get("--state-machine-arn", given.get("--document-name", f":{min(known)}"))
        assert target.rpartition(":")[2] in known
        assert Path(given.get("--input", "file://LICENSE").removeprefix("file://")).exists()
