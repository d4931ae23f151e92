"""What .github holds: the workflow runs what everybody can run, and the forms ask for what helps and for no secret."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml

from rotation import VERSION
from tests.support.guides.pages import ROOT, column

GITHUB: Final = ROOT / ".github"
FORMS: Final = sorted(it for it in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if it.name != "config.yml")


def read(name: str) -> dict[Any, Any]:
    """Return a YAML file of the folder."""
    return dict(yaml.safe_load((GITHUB / name).read_text("utf-8")))


def test_the_workflow_runs_what_everybody_can_run() -> None:
    """CI is .ci/run, with a token that may read alone."""
    workflow = read("workflows/ci.yml")
    assert [it["run"] for it in workflow["jobs"]["ci"]["steps"] if "run" in it] == [".ci/run"]
    assert workflow["permissions"] == {"contents": "read"}
    assert (ROOT / ".ci/run").stat().st_mode & 0o100


@pytest.mark.parametrize("file", FORMS, ids=lambda it: it.stem)
def test_a_form_is_one(file: Any) -> None:  # noqa: ANN401 a path
    """Each has a name, a description, and questions with ids that stand once."""
    form = yaml.safe_load(file.read_text("utf-8"))
    questions = [it for it in form["body"] if it["type"] != "markdown"]
    assert form["name"]
    assert form["description"]
    assert len({it["id"] for it in questions}) == len(questions)
    assert all(it["attributes"]["label"] for it in questions)


def test_the_form_for_problems_asks_for_what_helps() -> None:
    """Engine, version, error line and labels have to be given; the form says what never to give."""
    body = read("ISSUE_TEMPLATE/problem.yml")["body"]
    needed = {it["id"] for it in body if it.get("validations", {}).get("required")}
    assert {"engine", "server", "version", "strategy", "line", "labels"} <= needed
    assert "Never paste a secret's value" in body[0]["attributes"]["value"]


def test_the_form_for_problems_knows_the_strategies() -> None:
    """The choices are those of the guide on secrets."""
    (strategy,) = (it for it in read("ISSUE_TEMPLATE/problem.yml")["body"] if it.get("id") == "strategy")
    assert "strategy" in column("| key | meaning |")
    assert strategy["attributes"]["options"][:3] == ["alternating-users", "retained-password", "single-user"]


def test_the_changelog_begins_with_what_comes_and_then_has_this_version() -> None:
    """The newest release is the version of the suite; the first one has no faults of an earlier one to tell of."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    releases = re.findall(r"^## \[([^\]]+)\](?: - \d{4}-\d{2}-\d{2})?$", text, re.MULTILINE)
    assert releases[:2] == ["Unreleased", VERSION]
    assert releases == re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    first = text.split(f"\n## [{releases[-1]}]")[1]
    assert "### Added" in first
    assert "### Fixed" not in first
