"""The libraries of docs/clients.md, each beside rotations of a real server: what the guide shows rejects nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.beside import EXAMPLES, Client
from tests.lab.nightly import NIGHTLY
from tests.lab.theatre import ROOT

if TYPE_CHECKING:
    from tests.lab.theatre import Theatre

GUIDE = (ROOT / "docs/clients.md").read_text("utf-8")
ENGINES = {
    "with_psycopg.py": "postgresql",
    "with_sqlalchemy.py": "postgresql",
    "with_django.py": "postgresql",
    "with_secret_cache.py": "postgresql",
    "with_aws_wrapper.py": "postgresql",
    "with_pg.mjs": "postgresql",
    "with_pymysql.py": "mysql",
    "with_mysql_connector.py": "mysql",
    "with_powertools.py": "mysql",
    "with_mysql2.mjs": "mysql",
    "with_pymongo.py": "documentdb",
    "with_mongodb.mjs": "documentdb",
}
TWO = {"postgresql": ("alternating-users",), "mysql": ("retained-password",), "documentdb": ("alternating-users",)}
READ_WHEN_REFUSED = {"with_pymongo.py", "with_mongodb.mjs", "with_aws_wrapper.py"}
STATEMENT = {"documentdb": "ping"}
AT_NIGHT = {"with_aws_wrapper.py", "with_mongodb.mjs"}
"""What `make crash` plays alone: each has a neighbour that does the same."""


@pytest.mark.parametrize("example", [name for name in ENGINES if NIGHTLY or name not in AT_NIGHT])
def test_no_login_is_rejected(example: str, request: pytest.FixtureRequest, rotations: int) -> None:
    """With two users or two passwords, in every rotation."""
    engine = ENGINES[example]
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    for number, strategy in enumerate(TWO[engine]):
        application = theatre.application(f"{example.removeprefix('with_').partition('.')[0]}{number}", strategy)
        with Client(application, example, STATEMENT.get(engine, "SELECT 1")) as client:
            client.rotate(rotations, reads=example not in READ_WHEN_REFUSED)
        assert client.seen.errors == {}
        assert client.seen.answers > rotations


def test_the_guide_shows_what_is_tested() -> None:
    """Each example is linked, and each one that is linked is run."""
    assert {path.name for path in EXAMPLES.glob("with_*")} == set(ENGINES)
    for path in EXAMPLES.iterdir():
        if path.is_file() and path.suffix in {".py", ".mjs"}:
            assert f"examples/clients/{path.name}" in GUIDE
