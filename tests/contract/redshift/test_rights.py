"""Each kind of right on Redshift: passed on or not, direct or through somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.stages.redshift import pair_of, unique

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.model import Pair
    from tests.lab.stages.redshift import Stage

THINGS = {
    "table": ("SELECT", "TABLE {0}.t"),
    "drop": ("DROP", "TABLE {0}.t"),
    "view": ("SELECT", "TABLE {0}.v"),
    "materialized view": ("SELECT", "TABLE {0}.m"),
    "schema": ("USAGE", "SCHEMA {0}"),
    "external schema": ("USAGE", "SCHEMA {0}_x"),
    "database": ("CREATE", "DATABASE dev"),
    "function": ("EXECUTE", "FUNCTION {0}.f(integer)"),
    "procedure": ("EXECUTE", "PROCEDURE {0}.p(integer)"),
    "language": ("USAGE", "LANGUAGE plpgsql"),
    "datashare": ("SHARE", "DATASHARE {0}_share"),
    "model": ("EXECUTE", "MODEL {0}.forecast"),
}
"""What GRANT gives with an option (Developer Guide, "GRANT"); a column's and an IAM role's have none."""


@pytest.fixture(scope="module")
def schema(stage: Stage) -> str:
    """Make one of each."""
    name = unique("each")
    stage.run(
        f"CREATE SCHEMA {name}",
        f"CREATE TABLE {name}.t (a int)",
        f"CREATE VIEW {name}.v AS SELECT a FROM {name}.t",
        f"CREATE MATERIALIZED VIEW {name}.m AS SELECT a FROM {name}.t",
        f"CREATE FUNCTION {name}.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        f"CREATE PROCEDURE {name}.p(int) LANGUAGE plpgsql AS 'BEGIN NULL; END'",
        f"CREATE EXTERNAL SCHEMA {name}_x FROM DATA CATALOG DATABASE 'lake' IAM_ROLE default",
        f"CREATE DATASHARE {name}_share",
    )
    return name


def on_each(schema: str) -> list[str]:
    """Write each right as statements do."""
    return [f"{privilege} ON {on.format(schema)}" for privilege, on in THINGS.values()]


def made(stage: Stage, pair: Pair) -> set[str]:
    """Level, and give the changes without the quotes around names."""
    return {change.replace('"', "") for change in stage.level(pair)[1]}


def test_each_right_is_given_and_taken_with_its_option(stage: Stage, schema: str) -> None:
    """The option comes with the right, goes without it, and at last the right goes."""
    base, each = stage.user().username, on_each(schema)
    pair = pair_of(base)
    stage.run(*(f"GRANT {what} TO {base} WITH GRANT OPTION" for what in each))
    created = {f"CREATE USER {pair.clone} PASSWORD …"}
    assert made(stage, pair) - created == {f"GRANT {what} TO {pair.clone} WITH GRANT OPTION" for what in each}
    for taken in ("GRANT OPTION FOR ", ""):
        stage.run(*(f"REVOKE {taken}{what} FROM {base}" for what in each))
        assert made(stage, pair) == {f"REVOKE {taken}{what} FROM {pair.clone}" for what in each}
    stage.run(*(f"GRANT {what} TO {base}" for what in each))
    assert made(stage, pair) == {f"GRANT {what} TO {pair.clone}" for what in each}


@pytest.mark.parametrize("way", ["GROUP {0}", "ROLE {0}_role", "PUBLIC"])
def test_a_right_through_somebody_else_stays_that_way(stage: Stage, schema: str, way: str) -> None:
    """Of each kind: the clone gets the membership and nothing besides."""
    base, group = stage.user().username, unique("g")
    pair = pair_of(base)
    stage.run(
        f"CREATE GROUP {group}",
        f"ALTER GROUP {group} ADD USER {base}",
        f"CREATE ROLE {group}_role",
        f"GRANT ROLE {group}_role TO {base}",
        *(f"GRANT {what} TO {way.format(group)}" for what in on_each(schema)),
    )
    try:
        assert made(stage, pair) == {
            f"CREATE USER {pair.clone} PASSWORD …",
            f"ALTER GROUP {group} ADD USER {pair.clone}",
            f"GRANT ROLE {group}_role TO {pair.clone}",
        }
    finally:
        stage.run(*(f"REVOKE {what} FROM {way.format(group)}" for what in on_each(schema)))


OF_BASE = {
    "GRANT ASSUMEROLE ON DEFAULT TO {0} FOR COPY": "GRANT ASSUMEROLE ON DEFAULT TO {1} FOR COPY",
    "ALTER USER {0} SESSION TIMEOUT 90": "ALTER USER {1} SESSION TIMEOUT 90",
    "ALTER USER {0} SYSLOG ACCESS UNRESTRICTED": "ALTER USER {1} SYSLOG ACCESS UNRESTRICTED",
    "ALTER USER {0} CONNECTION LIMIT 4": "ALTER USER {1} CONNECTION LIMIT 4",
    "ALTER USER {0} CREATEDB": "ALTER USER {1} CREATEDB",
    "ALTER USER {0} CREATEUSER": "ALTER USER {1} CREATEUSER",
    "ALTER USER {0} SET search_path TO a, b": "ALTER USER {1} SET search_path TO a, b",
    "ALTER DEFAULT PRIVILEGES FOR USER {0} GRANT SELECT ON TABLES TO PUBLIC": (
        "ALTER DEFAULT PRIVILEGES FOR USER {1} GRANT SELECT ON TABLES TO PUBLIC"
    ),
}
OF_CLONE = {
    "GRANT ASSUMEROLE ON DEFAULT TO {1} FOR COPY": "REVOKE ASSUMEROLE ON DEFAULT FROM {1} FOR COPY",
    "ALTER USER {1} SESSION TIMEOUT 90": "ALTER USER {1} RESET SESSION TIMEOUT",
    "ALTER USER {1} SYSLOG ACCESS UNRESTRICTED": "ALTER USER {1} SYSLOG ACCESS RESTRICTED",
    "ALTER USER {1} CONNECTION LIMIT 4": "ALTER USER {1} CONNECTION LIMIT UNLIMITED",
    "ALTER USER {1} CREATEUSER": "ALTER USER {1} NOCREATEUSER",
    "ALTER USER {1} VALID UNTIL '2037-01-01'": "ALTER USER {1} VALID UNTIL 'infinity'",
    "ALTER USER {1} SET statement_timeout TO 9": "ALTER USER {1} RESET statement_timeout",
    "ALTER DEFAULT PRIVILEGES FOR USER {1} GRANT SELECT ON TABLES TO PUBLIC": (
        "ALTER DEFAULT PRIVILEGES FOR USER {1} REVOKE SELECT ON TABLES FROM PUBLIC"
    ),
}
"""What was done to one of the users, and what levelling does to the clone for it."""


@pytest.mark.parametrize("done", [OF_BASE, OF_CLONE], ids=["base", "clone"])
def test_what_has_no_option_is_levelled_both_ways(stage: Stage, done: Mapping[str, str]) -> None:
    """What the base alone has the clone gets, and what the clone alone has it loses."""
    _, _, pair = stage.pair()
    stage.run(*(one.format(pair.base, pair.clone) for one in done))
    assert made(stage, pair) == {change.format(pair.base, pair.clone) for change in done.values()}
    assert made(stage, pair) == set()
