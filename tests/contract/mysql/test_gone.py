"""Grants on what is gone: the servers keep them, and do not take them from an admin. On the real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import AccessMismatch
from rotation.ports import Caution
from tests.lab.stages.mysql import DATABASE, pair_of, unique

if TYPE_CHECKING:
    from tests.lab.stages.mysql import Stage

GONE = {
    "a dropped table": ("CREATE TABLE {0} (a int)", "GRANT SELECT, INSERT ON {0} TO {1}", "DROP TABLE {0}"),
    "columns of a dropped table": ("CREATE TABLE {0} (a int)", "GRANT SELECT (a) ON {0} TO {1}", "DROP TABLE {0}"),
    "a renamed table": ("CREATE TABLE {0} (a int)", "GRANT SELECT ON {0} TO {1}", "RENAME TABLE {0} TO {0}_2"),
    "a dropped column": (
        "CREATE TABLE {0} (a int, b int)",
        "GRANT UPDATE (a, b), SELECT ON {0} TO {1}",
        "ALTER TABLE {0} DROP b",
    ),
    "a routine of a dropped schema": (
        "CREATE DATABASE {0}_d",
        "CREATE PROCEDURE {0}_d.p() SELECT 1",
        "GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE {0}_d.p TO {1}",
        "DROP DATABASE {0}_d",
    ),
}


def held(stage: Stage, user: str) -> set[str]:
    """Return what a user holds on something."""
    rows = {str(row[0]).replace(f"`{user}`", "X") for row in stage.run(f"SHOW GRANTS FOR {user}")}
    return {row for row in rows if " ON " in row and not row.startswith("GRANT USAGE")}


@pytest.mark.parametrize("case", GONE)
def test_what_is_gone_is_left_out_and_told(stage: Stage, case: str) -> None:
    """The rest is levelled, in the rehearsal and for real, and again in the next rotation."""
    base, admin, name = stage.user().username, stage.superuser(), f"{DATABASE}.{unique('gone')}"
    name = unique("gone") if "_d" in GONE[case][0] else name
    stage.run(*(statement.format(name, base) for statement in GONE[case]))
    _, said = stage.level(admin, pair_of(base), rehearse=True)
    idle, told = stage.level(admin, pair_of(base))
    absent = [line for line in told if line.startswith("left out, since what it is on is gone: GRANT ")]
    assert absent
    assert all(name.partition(".")[2] in line for line in absent)
    assert {line for line in said if "left out" in line} == {*absent}
    assert stage.accepts(idle)
    assert stage.as_clients_see(idle, "SELECT 1 FROM t LIMIT 0") == []
    with stage.login(idle) as session:
        session.check_access(pair_of(base))
    assert stage.level(admin, pair_of(base))[1] == absent
    assert stage.level(admin, pair_of(base, promote="base", version="version-2"))[1] == []


def test_a_table_that_is_just_not_there_is_granted_as_it_was(stage: Stage) -> None:
    """Together with CREATE the server takes it, be it that CREATE was there before: nothing is lost when it comes."""
    base, admin, name = stage.user().username, stage.superuser(), f"{DATABASE}.{unique('staging')}"
    stage.run(f"GRANT SELECT, CREATE ON {name} TO {base}")
    _, told = stage.level(admin, pair_of(base))
    assert not any("left out" in line for line in told)
    stage.run(f"GRANT CREATE, DROP, INSERT ON {name} TO {base}")
    assert not any("left out" in line for line in stage.level(admin, pair_of(base), rehearse=True)[1])
    idle, told = stage.level(admin, pair_of(base))
    assert not any("left out" in line for line in told)
    assert held(stage, base) == held(stage, idle.username)


def test_what_the_clone_alone_holds_of_what_is_gone_is_no_loss(stage: Stage) -> None:
    """The base gets nothing of it; what is there it would get."""
    base, admin, name = stage.user().username, stage.superuser(), f"{DATABASE}.{unique('gone')}"
    idle, _ = stage.level(admin, pair_of(base))
    stage.run(
        f"CREATE TABLE {name} (a int, b int)",
        f"CREATE PROCEDURE {name}_p() SELECT 1",
        f"GRANT SELECT, DELETE ON {name} TO {idle.username}",
        f"GRANT EXECUTE ON PROCEDURE {name}_p TO {idle.username}",
    )
    _, said = stage.level(admin, pair_of(base, promote="base", version="version-2"), rehearse=True)
    assert [line.partition(" ON ")[0] for line in said] == ["GRANT EXECUTE", "GRANT DELETE, SELECT"]
    stage.run(f"DROP TABLE {name}", f"DROP PROCEDURE {name}_p")
    again, told = stage.level(admin, pair_of(base, promote="base", version="version-2"))
    assert told == []
    assert stage.accepts(again)


def test_what_the_admin_may_not_see_is_not_taken_for_gone(stage: Stage) -> None:
    """A table or a routine that an admin without rights on it cannot look at stays a difference."""
    base, schema, admin = stage.user().username, unique("other"), stage.user()
    stage.run(
        f"GRANT CREATE USER ON *.* TO {admin.username}",
        f"GRANT SELECT ON mysql.* TO {admin.username}",
        f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (a int)",
        f"CREATE PROCEDURE {schema}.p() SELECT 1",
    )
    idle, _ = stage.level(stage.superuser(), pair_of(base))
    for grant, place in (("SELECT (a)", "t"), ("EXECUTE", "PROCEDURE p")):
        on = place.replace("PROCEDURE ", f"PROCEDURE {schema}.") if " " in place else f"{schema}.{place}"
        stage.run(f"GRANT {grant} ON {on} TO {idle.username}")
        _, (told,) = stage.level(admin, pair_of(base, promote="base", version="version-2"))
        assert isinstance(told, Caution)
        assert "lacks what its clone was granted" in told
        stage.run(f"REVOKE {grant} ON {on} FROM {idle.username}")


def test_one_thing_of_many_that_the_admin_may_not_give_is_named_alone(stage: Stage) -> None:
    """What goes in one statement is tried apart where the server refuses it; the error names the one, and where."""
    base, admin, schema = stage.user().username, stage.admin(), unique("own")
    stage.run(
        f"CREATE DATABASE {schema}",
        f"GRANT SELECT, DELETE HISTORY, INSERT ON {schema}.* TO {base}"
        if stage.is_mariadb
        else f"GRANT SHUTDOWN, PROCESS, RELOAD ON *.* TO {base}",
    )
    alone = f"DELETE HISTORY ON `{schema}`" if stage.is_mariadb else r"SHUTDOWN ON \*"
    with pytest.raises(AccessMismatch, match=f"may not GRANT {alone}"):
        stage.level(admin, pair_of(base))
