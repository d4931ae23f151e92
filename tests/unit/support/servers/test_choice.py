"""Containers or plain processes: what the suite decides, on a machine with and without Docker (none is needed here)."""

from __future__ import annotations

import gc
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support import servers
from tests.support.servers import choice, containers, images, mariadb, mongodb, mysql
from tests.support.servers.choice import Choice, ServerUnavailableError
from tests.support.servers.containers import EngineUnavailableError, Image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Asked = Callable[[], containers.Engine]


class Played:
    """An engine that holds some images, can pull some, and starts containers unless it is broken."""

    title = "Docker 99"

    def __init__(self, *held: str, pulled: tuple[str, ...] = (), broken: bool = False) -> None:
        self.held, self.pulled, self.broken = set(held), pulled, broken
        self.asked: list[str] = []

    def __call__(self) -> containers.Engine:
        return self

    def holds(self, image: str) -> bool:
        return image in self.held

    def pull(self, image: str) -> None:
        self.asked.append(f"pull {image}")
        if image not in self.pulled:
            raise EngineUnavailableError(f"no {image}")
        self.held.add(image)

    def variables(self, image: str) -> Mapping[str, str]:
        return {"MARIADB_VERSION": "1:10.11.6-MariaDB-1"} if "mariadb" in image else {"PG_VERSION": "17.5-1.pgdg"}

    def prove(self, image: str) -> None:
        self.asked.append(f"prove {image}")
        if self.broken:
            raise EngineUnavailableError("Docker 99 answers, but cannot start a container")


def absent() -> containers.Engine:
    raise EngineUnavailableError("no Docker engine answers")


def test_an_image_that_is_there_is_taken() -> None:
    """It is tried once, however often it is asked for."""
    engine = Played("postgres:17")
    chosen = Choice("auto", engine=engine)
    assert [chosen.image("postgres"), chosen.image("postgres")] == [Image("postgres:17")] * 2
    assert engine.asked == ["prove postgres:17"]


def test_an_image_that_can_be_pulled_is_pulled() -> None:
    engine = Played(pulled=("mysql:9",))
    assert Choice("auto", engine=engine).image("mysql") == Image("mysql:9")
    assert engine.asked == ["pull mysql:9", "prove mysql:9"]


@pytest.mark.parametrize("engine", [absent, Played(), Played("mongo:6", broken=True)])
def test_without_one_a_plain_process_serves(engine: Asked) -> None:
    """No engine, no image, an engine that starts nothing: all the same to the tests."""
    assert Choice("auto", engine=engine).image("mongo") is None


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (absent, "no Docker engine answers"),
        (Played(), "no mongo:6: `make images` makes it"),
        (Played("mongo:6", broken=True), "cannot start a container"),
    ],
)
def test_who_insists_on_containers_hears_what_lacks(engine: Asked, said: str) -> None:
    """And which command helps; the second time as the first."""
    chosen = Choice("containers", engine=engine)
    for _ in range(2):
        with pytest.raises(ServerUnavailableError, match=said):
            chosen.image("mongo")


def test_what_cannot_be_made_is_not_promised() -> None:
    """There are no packages of every version."""
    chosen = Choice("auto", engine=Played())
    assert chosen.why_not("mongo", "8") == ""
    assert chosen.image("mongo", "8") is None
    assert "`make images IMAGES=all` makes postgres:17, " in chosen.why_not("mongo", "8")


def test_what_is_made_only_when_asked_for_is_named_in_the_command() -> None:
    """`make images` alone makes the usual ones."""
    chosen = Choice("containers", "postgres=18", engine=Played())
    with pytest.raises(ServerUnavailableError, match="`make images IMAGES=postgres:18` makes it from packages"):
        chosen.image("postgres")


def test_images_are_named_once() -> None:
    """What the messages promise is what can be made."""
    assert sorted(recipe.name for recipe in images.RECIPES) == sorted(choice.MADE)


def test_an_engine_that_nobody_runs_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where the socket is missing nor where it is left over, and no open socket stays behind."""
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as once:
        once.bind(str(left))
    for path in (left, tmp_path / "missing.sock"):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with pytest.raises(EngineUnavailableError, match="no Docker engine answers"):
            containers.DockerEngine()
    gc.collect()


def test_plain_processes_do_not_ask_the_engine() -> None:
    """Nobody waits for an engine that is not wanted."""
    engine = Played("postgres:17")
    assert Choice("local", engine=engine).image("postgres") is None
    assert engine.asked == []


def test_other_versions_may_be_asked_for() -> None:
    """Those that are not named are the usual ones; a test may name its own."""
    chosen = Choice("containers", "postgres=16 mysql=8.4", Played("postgres:16", "postgres:15", "mongo:6"))
    assert chosen.image("postgres") == Image("postgres:16")
    assert chosen.image("postgres", "15") == Image("postgres:15")
    assert chosen.image("mongo") == Image("mongo:6")
    assert not chosen.is_usual("mysql")
    assert chosen.is_usual("mariadb")


@pytest.mark.parametrize(("wish", "versions"), [("docker", ""), ("auto", "oracle=23"), ("auto", "postgres")])
def test_what_cannot_be_meant_is_an_error(wish: str, versions: str) -> None:
    with pytest.raises(ServerUnavailableError):
        Choice(wish, versions)


@pytest.mark.parametrize(("image", "version"), [("postgres:17", "17.5"), ("mariadb:10.11", "10.11.6")])
def test_an_image_notes_its_version(image: str, version: str) -> None:
    """As the official ones do: PostgreSQL's and MariaDB's with the packager's own marks around it."""
    assert Choice("auto", engine=Played(image)).noted_version(Image(image)) == version


@pytest.mark.parametrize(
    ("versions", "ask", "said"),
    [
        ("postgres=12", servers.postgres, "no PostgreSQL 12 here"),
        ("mysql=8.4", mysql.MySQLServer.command, "no MySQL 8.4 here: Debian has 9 alone"),
        ("mariadb=10.6", mariadb.MariaDBServer.command, "no MariaDB 10.6 here: Debian has 10.11, 11"),
        ("mongo=8", mongodb.program.__wrapped__, "no MongoDB 8 here: the wheel has 6 alone"),
    ],
)
def test_a_plain_version_that_nobody_has_is_an_error(
    monkeypatch: pytest.MonkeyPatch, versions: str, ask: Callable[[], object], said: str
) -> None:
    """Another version than that which was asked for does not serve in its place."""
    monkeypatch.setenv(choice.DATABASES, "local")
    monkeypatch.setenv(choice.VERSIONS, versions)
    for module in (mysql, mariadb):
        monkeypatch.setattr(module, "_root", module._root.__wrapped__)  # noqa: SLF001 what it remembers is another's
    with pytest.raises(ServerUnavailableError, match=said):
        ask()


@pytest.mark.parametrize(
    ("wish", "engine", "said"),
    [
        ("local", Played(), "plain processes"),
        ("auto", absent, "plain processes, no Docker engine answers"),
        ("containers", absent, "none, no Docker engine answers"),
        (
            "auto",
            Played("postgres:17"),
            "Docker 99: postgres:17 (17.5), mysql:9 (to be pulled; where that fails, a plain",
        ),
        ("containers", Played(), "where that fails, its tests fail; `make images` makes it)"),
        (
            "auto",
            Played("mysql:9", broken=True),
            "mysql:9 (Docker 99 answers, but cannot start a container: a plain process)",
        ),
    ],
)
def test_the_header_says_where_servers_run(wish: str, engine: Asked, said: str) -> None:
    """Without a pull, and without a start of anything but a look at an image that is there."""
    (line,) = Choice(wish, engine=engine).report()
    assert line.startswith(f"databases (DATABASES={wish}): ")
    assert said in line
