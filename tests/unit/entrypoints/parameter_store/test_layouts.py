"""Connection strings and trees, from the event to what readers see: what it costs, and what is refused at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from rotation.entrypoints.parameter_store.events import Event
from rotation.errors import InvalidSettings
from tests.support.emulators.ssm.model import arn_of
from tests.support.memory.engine import HOST, PORT
from tests.unit.entrypoints.parameter_store.conftest import ADMINS, FIRST, PLACE

if TYPE_CHECKING:
    from tests.unit.entrypoints.parameter_store.conftest import Scene

LEAF: Final = "/orders/tree/password"
URL: Final = "/orders/url"
STRING: Final = f"postgresql://app:{FIRST}@{HOST}:{PORT}?application_name=orders"


def since_long(scene: Scene, name: str, value: str, **more: str) -> None:
    """Put a parameter that is due."""
    request = {"Name": name, "Value": value, "Type": "SecureString", "Overwrite": True, **more}
    scene.emulator.execute("PutParameter", request)
    aged(scene, name)


def aged(scene: Scene, name: str) -> None:
    """Let forty days pass."""
    for version in scene.emulator.state.own(name).versions:
        object.__setattr__(version, "at", version.at - timedelta(days=40))


def tree(scene: Scene, **leaves: str) -> None:
    """Put a parameter for each key; the user's name is a SecureString too, as many keep it."""
    place = {key: str(value) for key, value in PLACE.items()}
    for key, value in ({**place, "username": "app", "password": FIRST} | leaves).items():
        since_long(scene, f"/orders/tree/{key}", value)


def string(scene: Scene, **besides: object) -> None:
    """Put a connection string, with what it cannot say in the description."""
    since_long(scene, URL, STRING, Description=json.dumps({"engine": "memory", **besides}))


def test_a_tree_of_one_user_with_two_passwords(scene: Scene) -> None:
    """Whatever moment the two are read in: every password that readers saw is accepted. Eight calls at most."""
    tree(scene, engine="memory-of-two")
    for _ in range(4):
        scene.calls()
        assert scene.send(LEAF)["Outcome"] == "rotated"
        assert len(scene.calls()) <= 8
        written = [it.value for it in scene.emulator.journal.writes if it.name == LEAF]
        account = scene.server.accounts["app"]
        assert {account.password, account.second} == {*written[-2:]}
        aged(scene, LEAF)
    assert scene.server.refused == []
    assert scene.emulator.value("/orders/tree/username") == "app"


def test_a_connection_string_of_two_users(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Nine calls at most; user and password change in one version, and the pair's base is known each time."""
    string(scene, masterarn=arn_of(ADMINS))
    for username in ("app_clone", "app", "app_clone", "app"):
        scene.calls()
        assert scene.send(URL)["Outcome"] == "rotated"
        assert len(scene.calls()) <= 9
        value = scene.emulator.value(URL)
        assert value.startswith(f"postgresql://{username}:")
        assert value.endswith(f"@{HOST}:{PORT}?application_name=orders")
        aged(scene, URL)
    assert scene.server.refused == []
    assert set(scene.server.accounts) == {"admin", "app", "app_clone"}
    log = capsys.readouterr().out
    assert not [it.value for it in scene.emulator.journal.writes if it.value in log]


@pytest.mark.parametrize("dry_run", [False, True])
def test_two_users_on_a_tree(scene: Scene, *, dry_run: bool) -> None:
    """They are refused before anything is changed, in a dry run too."""
    tree(scene, masterarn=arn_of(ADMINS))
    with pytest.raises(InvalidSettings, match="cannot have two users"):
        scene.send(LEAF, DryRun=dry_run)
    assert not [name for name in scene.emulator.state.parameters if name.startswith("/rotation")]
    assert scene.server.accounts.keys() == {"admin", "app"}


def test_an_admin_changes_the_password_of_a_tree(scene: Scene) -> None:
    """The tree says the strategy, as JSON in its parameter ``rotation``."""
    tree(scene, masterarn=arn_of(ADMINS), rotation='{"strategy": "single-user"}')
    assert scene.send(LEAF)["Outcome"] == "rotated"
    assert scene.server.accounts["app"].password == scene.emulator.value(LEAF)


def test_a_look_below_a_path_finds_one_credential_in_a_tree(scene: Scene) -> None:
    """The name is no credential of its own, though it is a SecureString."""
    tree(scene)
    string(scene)
    scene.put("/orders/tree/deeper/database")
    aged(scene, "/orders/tree/deeper/database")
    found = scene.handler._found(Event(scene.clock(), paths=("/orders",)))  # noqa: SLF001 what a queue would get
    assert {it.name for it in found} == {LEAF, URL, "/orders/database", "/orders/tree/deeper/database"}


def test_a_tree_that_is_not_due(scene: Scene) -> None:
    """Two calls."""
    tree(scene)
    scene.calls()
    assert scene.send(LEAF, Days=400)["Outcome"] == "not due"
    assert scene.calls() == ["GetParametersByPath", "GetParametersByPath"]
