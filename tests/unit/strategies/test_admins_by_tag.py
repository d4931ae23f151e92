"""Admin secrets that a tag makes ones, where there are more than a list holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotation.errors import GuardViolation, StoreDenied
from rotation.model import Step
from rotation.settings import Settings
from tests.support.memory.interruptions import fail
from tests.support.memory.stage import ADMIN_ARN, MemoryStage
from tests.support.memory.store import MemoryStore

TAGGED = Settings(admin_secret_tag=("AdminGroup", "orders"))
LOOKS = {"single-user": 2, "alternating-users": 1}
"""How often a rotation reads the admin secret. The tag is looked at as often, and once before anything is made."""


@pytest.mark.parametrize("strategy", LOOKS)
def test_an_admin_secret_that_bears_the_tag_is_used(strategy: str) -> None:
    """A look at the tags is one call more each time; an admin secret that is on the list costs none."""
    listed = MemoryStage(admin=True, rotation={"strategy": strategy})
    tagged = MemoryStage(admin=True, rotation={"strategy": strategy}, settings=TAGGED)
    tagged.store.tags[ADMIN_ARN] = {"AdminGroup": "orders"}
    for stage in (listed, tagged):
        stage.rotate()
    assert [it for it in tagged.store.calls if it != "tags_of"] == listed.store.calls
    assert listed.store.calls.count("read_admin") == LOOKS[strategy]
    assert tagged.store.calls.count("tags_of") == 1 + LOOKS[strategy]


def test_an_admin_secret_that_is_listed_costs_no_look_at_tags() -> None:
    """Also where the settings name a tag besides."""
    stage = MemoryStage(admin=True, settings=replace(TAGGED, admin_secret_arns=(ADMIN_ARN,)))
    stage.rotate()
    assert "tags_of" not in stage.store.calls


@pytest.mark.parametrize("tags", [{}, {"AdminGroup": "payroll"}, {"admingroup": "orders"}])
def test_an_admin_secret_without_the_tag_is_refused(tags: dict[str, str]) -> None:
    """Nothing is read or stored before."""
    stage = MemoryStage(admin=True, settings=TAGGED)
    stage.store.tags[ADMIN_ARN] = tags
    with pytest.raises(GuardViolation, match="ADMIN_SECRET_TAG"):
        stage.step(Step.CREATE, stage.store.rotate())
    assert "read_admin" not in stage.store.calls


def test_a_tag_that_is_taken_off_in_the_middle_of_a_rotation_counts() -> None:
    """Each step that logs the admin in looks anew."""
    stage = MemoryStage(admin=True, settings=TAGGED)
    stage.store.tags[ADMIN_ARN] = {"AdminGroup": "orders"}
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    stage.store.tags[ADMIN_ARN] = {}
    with pytest.raises(GuardViolation, match="ADMIN_SECRET_TAG"):
        stage.step(Step.SET, token)
    assert stage.server.accepted == []


def test_an_admin_secret_whose_tags_may_not_be_seen_is_refused_in_the_same_words() -> None:
    """A role that lets tagged secrets alone be described denies the look at another one."""
    stage = MemoryStage(admin=True, settings=TAGGED)
    stage.store.effect = fail("tags_of", "before", StoreDenied("DescribeSecret was denied"))
    with pytest.raises(GuardViolation, match="ADMIN_SECRET_TAG"):
        stage.step(Step.CREATE, stage.store.rotate())


def test_the_tag_makes_no_secret_its_own_admin() -> None:
    """What a list refuses a tag does not allow."""
    stage = MemoryStage(settings=TAGGED, masterarn=MemoryStore().arn)
    stage.store.tags[stage.store.arn] = {"AdminGroup": "orders"}
    with pytest.raises(GuardViolation, match="names the secret itself"):
        stage.step(Step.CREATE, stage.store.rotate())
