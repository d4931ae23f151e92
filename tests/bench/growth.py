"""
What a rotation of two users asks of a server that holds very much, by counts: statements, bytes, allocations.

A count is the same on a busy machine. The tests of growth hold it, and `make measured` draws it.
"""

from __future__ import annotations

import json
import secrets
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rotation.model import Address, Credential, Deadline, Stage
from tests.support.memory.stage import MemoryStage
from tests.support.network.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.model import Pair

SECONDS: Final = 120.0
ROOM: Final = 1.25
"""What a set has room for beyond what it holds, as its table doubles."""
PRIVILEGES: Final = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, "
    "EXECUTE, CREATE VIEW, SHOW VIEW"
)
OF_A_SCHEMA: Final = PRIVILEGES.count(",") + 1


@dataclass(frozen=True)
class Counts:
    """What the preparation of the idle user took."""

    statements: int
    bytes: int
    """Both ways, within TLS."""
    allocated: int
    """The most bytes that Python held for it at once."""

    def within(self, other: Counts, times: float) -> bool:
        """Tell whether each is at most so many times another's."""
        return (
            self.statements <= times * other.statements
            and self.bytes <= times * other.bytes
            and self.allocated <= ROOM * times * other.allocated
        )


def counted(stage: Any, admin: Credential, pair: Pair) -> Counts:  # noqa: ANN401 the stage of an engine
    """Guard, level and compare a pair as `setSecret` does, and count."""
    whole: Address = stage.address()
    with Proxy("127.0.0.1", whole.port) as proxy:
        address = Address(whole.host, proxy.port, whole.database, tls=whole.tls)
        mark = stage.server.mark()
        tracemalloc.start()
        with stage.engine.connect(address, admin, Deadline(SECONDS)) as session:
            session.guard_target(pair.active, allow_privileged=False)
            session.level(pair, stage.password())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return Counts(said(stage.server.log_text(mark)), proxy.carried, peak)


def said(log: str) -> int:
    """Count the statements in the log of MySQL, MariaDB or PostgreSQL."""
    return log.count(" Query\t") + log.count("LOG:  statement: ") + log.count("LOG:  execute ")


def on_schemas(count: int, user: str) -> Iterator[str]:
    """Grant so many privileges of MySQL, 14 on each schema, as a user of many tenants holds them."""
    for number in range(count // OF_A_SCHEMA):
        yield f"GRANT {PRIVILEGES} ON {user}_{number}.* TO {user}"


def as_roles(count: int, user: str) -> Iterator[str]:
    """Grant so many roles of MySQL or MariaDB."""
    for number in range(count):
        yield f"CREATE ROLE {user}_r{number}"
        yield f"GRANT {user}_r{number} TO {user}"


HELD: Final[dict[str, Callable[[int, str], Iterator[str]]]] = {"grants": on_schemas, "roles": as_roles}


def on_mysql(stage: Any, what: str, count: int) -> tuple[Counts, Counts]:  # noqa: ANN401 the stage of an engine
    """Let a user hold so many, and count its first preparation and the next one, in which nothing differs."""
    from tests.lab.stages.mysql import pair_of  # noqa: PLC0415 each engine's stage alone

    base = stage.user(f"g{secrets.token_hex(3)}")
    stage.run(*HELD[what](count, base.username))
    admin = stage.superuser()
    first = counted(stage, admin, pair_of(base.username))
    return first, counted(stage, admin, pair_of(base.username, version="version-2"))


def with_versions(versions: int, *, admin: bool) -> list[str]:
    """Rotate a secret to which that many values were written, and list the service's calls."""
    stage = MemoryStage(admin=admin)
    stage.rotate()
    value = json.loads(stage.store.value_at(Stage.CURRENT))
    for number in range(versions):
        stage.store.put(json.dumps(value | {"note": str(number)}), Stage.CURRENT)
    stage.store.calls.clear()
    stage.rotate()
    return list(stage.store.calls)


def curves(stage: Any, sizes: tuple[int, ...] = (1_000, 4_000, 10_000)) -> list[dict[str, Any]]:  # noqa: ANN401 a stage
    """Measure what the guides draw: of a MySQL server on which a user holds much, and of many versions."""
    found = [on_mysql(stage, "grants", size) for size in sizes]
    versions = (1, 50, 100)
    calls = [len(with_versions(number, admin=True)) for number in versions]
    x, of = list(sizes), "privileges of the user, MySQL"
    return [
        {"what": "statements, first rotation", "of": of, "x": x, "y": [first.statements for first, _ in found]},
        {"what": "statements, each later one", "of": of, "x": x, "y": [later.statements for _, later in found]},
        {"what": "calls of Secrets Manager", "of": "versions of the secret", "x": list(versions), "y": calls},
    ]
