"""A proxy knows AWSCURRENT only: what is changed and proven is never a proxy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import GuardViolation, Unreachable
from rotation.model import Stage, Step
from rotation.settings import Settings
from rotation.steps import dry_run
from rotation.strategies.proxies import require_own_name
from tests.support.memory.engine import ADMIN, HOST
from tests.support.memory.stage import ADMIN_ARN, MemoryStage

if TYPE_CHECKING:
    from rotation.model import Deadline

PROXIES = (
    "shop.proxy-abc123xyz.eu-west-1.rds.amazonaws.com",
    "shop.endpoint.proxy-abc123xyz.cn-north-1.rds.amazonaws.com.cn",
    "shop.proxy-abc123xyz.rds.cn-north-1.amazonaws.com.cn",
    "shop.endpoint.proxy-abc123xyz.rds.cn-northwest-1.amazonaws.com.cn",
    "shop.proxy-abc123xyz.rds.us-gov-east-1.amazonaws.com",
    "shop.proxy-abc123xyz.eusc-de-east-1.rds.amazonaws.eu",
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
    assert '"rotation": {"host": …, "port": …}' in refusal(MemoryStage(admin=admin, host=host)).remedy


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


KNOWS_BOTH = Settings(admin_secret_arns=(ADMIN_ARN,), proxy_knows_both_users=True)


def test_the_way_round_a_proxy_is_looked_at_before_anything_is_changed() -> None:
    """An endpoint of the database that does not answer is found in the dry run, and in setSecret before the change."""
    own = {"host": "pooler.example", "rotation": {"host": "closed.example", "port": 6543}}
    stage = MemoryStage(admin=True, settings=KNOWS_BOTH, **own)
    with pytest.raises(Unreachable, match=r"closed\.example:6543"):
        dry_run(stage.delivery("token"))
    before = stage.held_passwords()
    assert isinstance(stage.play(stage.store.rotate()), Unreachable)
    assert stage.held_passwords() == before


def test_the_new_user_is_proven_round_the_proxy_in_test() -> None:
    """As for one user, testSecret finds a way that is closed before finishSecret needs it."""
    stage = MemoryStage(admin=True, settings=KNOWS_BOTH, **BEHIND)
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.SET]) is None
    stage.server.reachable = False
    with pytest.raises(Unreachable):
        stage.step(Step.TEST, token)


@pytest.mark.parametrize("rotation", [{}, {"rotation": {"host": HOST}}])
def test_an_admin_behind_a_proxy(rotation: dict[str, object]) -> None:
    """The admin logs in at its secret's host and nowhere else, so that has to be the database."""
    stage = MemoryStage(admin=True)
    document = {"engine": "memory", "host": PROXIES[0], "username": ADMIN, "password": "admin-password", **rotation}
    stage.store.admins[ADMIN_ARN] = json.dumps(document)
    assert "an admin's secret" in refusal(stage).remedy


# Another name of a proxy


@pytest.mark.parametrize("admin", [True, False])
def test_a_cname_of_a_proxy_in_place_of_the_database(*, admin: bool) -> None:
    """Whatever the host is called, a proxy is refused before anything is stored."""
    stage = MemoryStage(admin=admin, host="db.example.com")
    stage.aliases["db.example.com"] = PROXIES[0]
    token = stage.store.rotate()
    error = stage.play(token)
    assert isinstance(error, GuardViolation)
    assert '"rotation": {"host": …, "port": …}' in error.remedy
    assert token not in stage.store.values
    assert stage.server.accepted == stage.server.refused == []


def test_a_cname_of_an_admins_proxy() -> None:
    """The admin's own host is looked at, too."""
    stage = MemoryStage(admin=True)
    document = {"engine": "memory", "host": "db.example.com", "username": ADMIN, "password": "admin-password"}
    stage.store.admins[ADMIN_ARN] = json.dumps(document)
    stage.aliases["db.example.com"] = PROXIES[0]
    assert "an admin's secret" in refusal(stage).remedy


def test_a_dry_run_sees_it_too() -> None:
    """Nothing else would be tried either."""
    stage = MemoryStage(host="db.example.com")
    stage.aliases["db.example.com"] = PROXIES[0]
    with pytest.raises(GuardViolation, match="RDS Proxy"):
        dry_run(stage.delivery("token"))


@pytest.mark.parametrize("host", ["orders.cluster-abc123xyz.eu-west-1.rds.amazonaws.com", "10.0.0.1", "fd00::1", HOST])
def test_a_name_that_is_none_of_a_proxy(host: str) -> None:
    """What RDS itself names, and an address, are not looked up; any other name is."""
    asked: list[str] = []

    def names_of(host: str, _deadline: Deadline) -> list[str]:
        asked.append(host)
        return asked

    delivery = replace(MemoryStage(host=host).delivery("token"), names_of=names_of)
    require_own_name(delivery, delivery.current)
    assert asked == ([host] if host == HOST else [])


def test_a_cluster_without_a_host_has_no_other_name() -> None:
    """There is nothing to look up."""
    delivery = replace(MemoryStage().delivery("token"), names_of=lambda *_: pytest.fail("it was looked up"))
    secret = delivery.current
    require_own_name(delivery, replace(secret, address=replace(secret.address, host="", cluster="orders")))


def test_a_pair_behind_a_cname_of_a_proxy() -> None:
    """With the database's own endpoint beside it, the proxy still has to know both users."""
    behind = BEHIND | {"host": "db.example.com"}
    assert "PROXY_KNOWS_BOTH_USERS" in refusal(MemoryStage(admin=True, **behind)).remedy
