"""A proxy knows AWSCURRENT only: what is changed and proven is never a proxy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rotation.errors import GuardViolation
from rotation.model import Stage
from rotation.settings import Settings
from tests.support.memory_engine import ADMIN, HOST
from tests.support.stage import ADMIN_ARN, MemoryStage

PROXIES = (
    "shop.proxy-abc123xyz.eu-west-1.rds.amazonaws.com",
    "shop.endpoint.proxy-abc123xyz.cn-north-1.rds.amazonaws.com.cn",
    "SHOP.PROXY-ABC123XYZ.EU-WEST-1.RDS.AMAZONAWS.COM.",
)
BEHIND: dict[str, Any] = {"host": PROXIES[0], "rotation": {"host": HOST}}


def refusal(stage: MemoryStage) -> GuardViolation:
    """Expect that nobody logs in."""
    error = stage.play(stage.store.rotate())
    assert isinstance(error, GuardViolation)
    assert stage.server.accepted == stage.server.refused == []
    return error


@pytest.mark.parametrize("host", PROXIES)
@pytest.mark.parametrize("admin", [True, False])
def test_a_proxy_in_place_of_the_database(host: str, *, admin: bool) -> None:
    """The refusal names the key for the database's own endpoint."""
    assert '"rotation": {"host": …}' in refusal(MemoryStage(admin=admin, host=host)).remedy


def test_the_databases_own_endpoint_beside_the_proxy() -> None:
    """One user is rotated at the database; what clients read names the proxy still."""
    stage = MemoryStage(**BEHIND)
    stage.rotate()
    current = json.loads(stage.store.value_at(Stage.CURRENT))
    assert current["host"] == PROXIES[0]
    assert stage.server.logs_in(stage.credential())


def test_a_pair_behind_a_proxy() -> None:
    """The proxy would refuse the other user, unless somebody says that it knows both."""
    assert "PROXY_KNOWS_BOTH_USERS" in refusal(MemoryStage(admin=True, **BEHIND)).remedy
    settings = Settings(admin_secret_arns=(ADMIN_ARN,), proxy_knows_both_users=True)
    stage = MemoryStage(admin=True, settings=settings, **BEHIND)
    stage.rotate()
    assert stage.credential().username == "app_clone"


@pytest.mark.parametrize("rotation", [{}, {"rotation": {"host": HOST}}])
def test_an_admin_behind_a_proxy(rotation: dict[str, object]) -> None:
    """The admin logs in at its secret's host and nowhere else, so that has to be the database."""
    stage = MemoryStage(admin=True)
    document = {"engine": "memory", "host": PROXIES[0], "username": ADMIN, "password": "admin-password", **rotation}
    stage.store.admins[ADMIN_ARN] = json.dumps(document)
    assert "an admin's secret" in refusal(stage).remedy
