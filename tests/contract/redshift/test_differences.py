"""What differs between the two users of a pair although they are level: each line of the guide's list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redshift_connector.error import ProgrammingError

from tests.lab.stages.redshift import pair_of, promoting_base, unique

if TYPE_CHECKING:
    from tests.lab.stages.redshift import Stage


def test_each_user_is_known_by_its_own_name(stage: Stage) -> None:
    """To the session itself, and to whoever looks at the sessions."""
    base, clone, _ = stage.pair()
    for who in (base, clone):
        assert stage.as_clients_see(who, "SELECT current_user, session_user") == [(who.username, who.username)]
        own = "SELECT trim(user_name) FROM stv_sessions WHERE process = pg_backend_pid()"
        assert stage.as_clients_see(who, own) == [(who.username,)]


def test_the_clone_owns_nothing_of_the_bases(stage: Stage) -> None:
    """It uses all, and passes the rights on; the owner stays the base."""
    base, other = stage.user(), stage.user()
    pair, schema = pair_of(base.username), unique("own")
    stage.run(f"CREATE SCHEMA {schema} AUTHORIZATION {base.username}")
    stage.as_clients_see(base, f"CREATE TABLE {schema}.t (a int)")
    clone, _ = stage.level(pair)
    stage.as_clients_see(clone, f"INSERT INTO {schema}.t VALUES (1)", f"GRANT SELECT ON {schema}.t TO {other.username}")
    with pytest.raises(ProgrammingError, match="42501"):
        stage.as_clients_see(clone, f"ALTER TABLE {schema}.t OWNER TO {clone.username}")


def test_what_the_clone_makes_is_the_bases_after_the_next_rotation(stage: Stage) -> None:
    """Until then the base cannot drop it."""
    base = stage.user()
    pair, schema = pair_of(base.username), unique("made")
    stage.run(f"CREATE SCHEMA {schema}", f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {base.username}")
    clone, _ = stage.level(pair)
    stage.as_clients_see(clone, f"CREATE TABLE {schema}.t (a int)")
    with pytest.raises(ProgrammingError, match="42501"):
        stage.as_clients_see(base, f"DROP TABLE {schema}.t")
    fresh, _ = stage.level(promoting_base(pair))
    stage.as_clients_see(fresh, f"DROP TABLE {schema}.t")


def test_each_user_ends_its_own_sessions(stage: Stage) -> None:
    """And not the other's (Developer Guide, "PG_TERMINATE_BACKEND")."""
    base, clone, _ = stage.pair()
    of_base = f"SELECT process FROM stv_sessions WHERE user_name = '{base.username}'"
    with stage.login(base):
        ((process,),) = stage.as_clients_see(clone, of_base)
        with pytest.raises(ProgrammingError, match="42501"):
            stage.as_clients_see(clone, f"SELECT pg_terminate_backend({process})")
        stage.as_clients_see(base, f"SELECT pg_terminate_backend({process})")
