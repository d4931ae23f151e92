"""What the two users of a pair define: what the other may do with it, and that an admin tells it beforehand."""

from __future__ import annotations

import pymysql
import pytest

from tests.lab.stages.mysql import DATABASE, Stage, pair_of, unique

ALTERING = "ALTER VIEW {} AS SELECT 2 AS a"


@pytest.fixture
def name() -> str:
    """Return a name for what is defined."""
    return unique("made")


def test_what_the_base_defined_is_told_to_an_admin(stage: Stage, name: str) -> None:
    """With names, of which there are not too many; nothing is told of a pair that defines nothing."""
    base, admin = stage.user(), stage.superuser()
    pair = pair_of(base.username)
    with stage.login(admin) as session:
        assert not session.cautions(base.username, pair)
        assert not session.cautions(base.username)
        assert not session.cautions("nobody", pair_of("nobody"))
    stage.run(f"GRANT CREATE VIEW, CREATE ROUTINE ON {DATABASE}.* TO {base.username}")
    views = [f"CREATE VIEW {name}_{number} AS SELECT 1 AS a" for number in range(5)]
    stage.as_clients_see(base, *views, f"CREATE PROCEDURE {name}() SELECT 1")
    with stage.login(admin) as session:
        of_views, of_routines = session.cautions(base.username, pair)
    assert f"`{DATABASE}`.`{name}_0`, `{DATABASE}`.`{name}_1`, `{DATABASE}`.`{name}_2`, and 2 more" in of_views
    assert f"`{DATABASE}`.`{name}`" in of_routines
    with stage.login(base) as session:
        assert not session.cautions(base.username, pair)


def test_what_the_other_user_may_not_do_is_as_it_is_told(stage: Stage, name: str) -> None:
    """ALTER VIEW is refused, and the body is not shown; CREATE OR REPLACE works, and turns the two round."""
    base, admin = stage.user(), stage.superuser()
    stage.run(f"GRANT CREATE VIEW, DROP, SHOW VIEW, CREATE ROUTINE, EXECUTE ON {DATABASE}.* TO {base.username}")
    stage.as_clients_see(base, f"CREATE VIEW {name} AS SELECT 1 AS a", f"CREATE PROCEDURE {name}() SELECT 1")
    clone, _ = stage.level(admin, pair_of(base.username))
    with pytest.raises(pymysql.err.OperationalError, match="1227"):
        stage.as_clients_see(clone, ALTERING.format(name))
    assert stage.as_clients_see(clone, f"SHOW CREATE PROCEDURE {name}")[0][2] is None
    stage.as_clients_see(clone, f"CREATE OR REPLACE VIEW {name} AS SELECT 3 AS a", ALTERING.format(name))
    with pytest.raises(pymysql.err.OperationalError, match="1227"):
        stage.as_clients_see(base, ALTERING.format(name))


def test_the_right_that_is_told_shows_the_bodies(mysql: Stage, name: str) -> None:
    """SHOW_ROUTINE for the base; levelling gives it to the clone."""
    base, admin = mysql.user(), mysql.superuser()
    mysql.run(f"GRANT CREATE ROUTINE, EXECUTE ON {DATABASE}.* TO {base.username}")
    mysql.as_clients_see(base, f"CREATE PROCEDURE {name}() SELECT 1")
    mysql.run(f"GRANT SHOW_ROUTINE ON *.* TO {base.username}")
    clone, _ = mysql.level(admin, pair_of(base.username))
    assert "SELECT 1" in mysql.as_clients_see(clone, f"SHOW CREATE PROCEDURE {name}")[0][2]
    mysql.run(f"DROP PROCEDURE {DATABASE}.{name}")
