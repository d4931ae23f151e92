"""What somebody else granted to the clone alone stops no rotation, on the real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import AccessMismatch
from rotation.ports import Caution
from tests.lab.stages.mysql import DATABASE, pair_of, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Credential
    from tests.lab.stages.mysql import Stage


def other(stage: Stage) -> tuple[Credential, str]:
    """Make another login of the server, which may pass on all of its own database."""
    login, schema = stage.user(unique("other")), unique("theirs")
    stage.run(
        f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (a int)",
        f"GRANT ALL ON {schema}.* TO {login.username} WITH GRANT OPTION",
    )
    return login, schema


def small_admin(stage: Stage) -> Credential:
    """Make an admin of one database's pair, which may pass on nothing of others."""
    admin = stage.user(unique("admin"))
    stage.run(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {DATABASE}.* TO {admin.username} WITH GRANT OPTION",
        f"GRANT CREATE USER ON *.* TO {admin.username}",
        f"GRANT SELECT ON mysql.* TO {admin.username}",
    )
    return admin


def held(stage: Stage, user: str, schema: str) -> list[str]:
    """Return what a user holds on a schema."""
    return [row[0].partition(" ON ")[0] for row in stage.run(f"SHOW GRANTS FOR {user}") if f"`{schema}`" in row[0]]


def grants(stage: Stage, login: Credential, what: str, user: str) -> None:
    """Have the other login grant something to the clone."""
    stage.as_clients_see(login, f"GRANT {what} TO {user}_clone", database="")


@pytest.mark.parametrize("what", ["SELECT, INSERT ON {}.*", "SELECT ON {}.t", "SELECT ON {}.*"])
def test_the_base_gets_it_in_its_turn(stage: Stage, what: str) -> None:
    """The application loses nothing, the two are equal again, and the dry run says it beforehand."""
    base, admin = stage.user(), stage.admin()
    login, schema = other(stage)
    stage.level(admin, pair_of(base.username))
    grants(stage, login, what.format(schema), base.username)
    turn = pair_of(base.username, promote="base", version="version-2")
    _, said = stage.level(admin, turn, rehearse=True)
    promoted, told = stage.level(admin, turn)
    assert said == told
    assert [line.partition(" ON ")[2] for line in told] == [
        f"`{schema}`.{'`t`' if what.endswith('t') else '*'} TO `{base.username}`@`%`"
    ]
    assert held(stage, base.username, schema) == held(stage, f"{base.username}_clone", schema) != []
    assert stage.as_clients_see(promoted, f"SELECT * FROM {schema}.t") == []
    with stage.login(promoted) as session:
        session.check_access(turn)
    assert stage.level(admin, pair_of(base.username, version="version-3"))[1] == []


def test_what_the_admin_may_not_grant_is_told(stage: Stage) -> None:
    """The line names the statement; what the admin may grant beside it is granted."""
    base, admin = stage.user(), small_admin(stage)
    login, schema = other(stage)
    stage.level(admin, pair_of(base.username))
    grants(stage, login, f"SELECT, INSERT ON {schema}.*", base.username)
    stage.run(f"GRANT DELETE ON {DATABASE}.* TO {base.username}_clone")
    turn = pair_of(base.username, promote="base", version="version-2")
    promoted, told = stage.level(admin, turn)
    given, caution = told
    assert given == f"GRANT DELETE ON `{DATABASE}`.* TO `{base.username}`@`%`"
    assert isinstance(caution, Caution)
    assert caution.endswith(f"run GRANT INSERT, SELECT ON `{schema}`.* TO `{base.username}`@`%`")
    assert held(stage, base.username, schema) == []
    with stage.login(promoted) as session:
        session.check_access(turn)


def test_the_clone_loses_it_in_its_turn(stage: Stage) -> None:
    """The base has not got it, so the clone is not to have it."""
    base, admin = stage.user(), stage.admin()
    login, schema = other(stage)
    stage.level(admin, pair_of(base.username))
    grants(stage, login, f"SELECT, INSERT ON {schema}.*", base.username)
    _, told = stage.level(admin, pair_of(base.username, version="version-2"))
    assert told == [f"REVOKE INSERT, SELECT ON `{schema}`.* FROM `{base.username}_clone`@`%`"]
    assert held(stage, f"{base.username}_clone", schema) == []


@pytest.mark.parametrize("what", ["SELECT, INSERT ON {}.*", "ALL ON {}.*"])
def test_what_the_admin_may_not_revoke_is_told(stage: Stage, what: str) -> None:
    """The line names the statement, and the clone is promoted; what the base has by the same hand stays."""
    base, admin = stage.user(), small_admin(stage)
    login, schema = other(stage)
    stage.level(admin, pair_of(base.username))
    stage.as_clients_see(login, f"GRANT SELECT ON {schema}.* TO {base.username}", database="")
    grants(stage, login, what.format(schema), base.username)
    turn = pair_of(base.username, version="version-2")
    promoted, (caution,) = stage.level(admin, turn)
    assert isinstance(caution, Caution)
    assert f"FROM `{base.username}_clone`@`%`" in caution
    assert stage.accepts(promoted)
    assert stage.as_clients_see(promoted, f"SELECT * FROM {schema}.t") == []
    with stage.login(promoted) as session:
        session.check_access(turn)
    for statement in caution.partition(": run ")[2].split("; "):
        stage.run(statement)
    assert stage.level(admin, pair_of(base.username, version="version-3"))[1] == []


def test_a_clone_that_lacks_what_the_base_has_is_refused_all_the_same(stage: Stage) -> None:
    """Whoever granted it to the base alone: the clone would lack it."""
    base, admin = stage.user(), small_admin(stage)
    login, schema = other(stage)
    stage.level(admin, pair_of(base.username))
    stage.as_clients_see(login, f"GRANT SELECT ON {schema}.* TO {base.username}", database="")
    with pytest.raises(AccessMismatch, match=f"may not GRANT SELECT ON `{schema}`"):
        stage.level(admin, pair_of(base.username, version="version-2"))


def test_what_the_clone_created_and_the_base_cannot_get_is_refused(stage: Stage) -> None:
    """A routine of the clone's that the base may not call would be lost."""
    base, admin = stage.user(), small_admin(stage)
    _, schema = other(stage)
    idle, _ = stage.level(admin, pair_of(base.username))
    stage.run(f"GRANT CREATE ROUTINE ON {schema}.* TO {base.username}, {idle.username}")
    stage.as_clients_see(idle, f"CREATE PROCEDURE {schema}.made() SELECT 1", database="")
    with pytest.raises(AccessMismatch, match=f"may not GRANT .* ON PROCEDURE `{schema}`.`made`"):
        stage.level(admin, pair_of(base.username, promote="base", version="version-2"))


def test_an_ordinary_login_that_lends_itself_or_its_role_stops_nothing(stage: Stage) -> None:
    """Only who is powerful can lend power: what an ordinary login lends is taken away, or told, in either turn."""
    base, admin = stage.user(), stage.admin()
    login, schema = other(stage)
    role, clone = unique("role"), f"{base.username}_clone"
    stage.level(admin, pair_of(base.username))
    stage.run(
        f"CREATE ROLE {role}",
        f"GRANT SELECT ON {schema}.* TO {role}",
        f"GRANT {role} TO {login.username} WITH ADMIN OPTION",
    )
    grants(stage, login, role, base.username)
    lender = stage.user(unique("lender"), host="127.0.0.1")
    grants(stage, lender, f"PROXY ON {lender.username}@'127.0.0.1'", base.username)
    for turn in (pair_of(base.username, promote="base", version="2"), pair_of(base.username, version="3")):
        with stage.login(admin) as session:
            session.guard_target(clone, allow_privileged=False)
            session.guard_target(base.username, allow_privileged=False)
        promoted, _ = stage.level(admin, turn)
        assert stage.accepts(promoted)


@pytest.fixture
def restricting(mysql: Stage) -> Iterator[Stage]:
    """Have a server restrict (manual, "Partial Revokes")."""
    mysql.run("SET GLOBAL partial_revokes = ON")
    yield mysql
    mysql.run("SET GLOBAL partial_revokes = OFF")


def test_a_restriction_that_was_lifted_for_the_clone(restricting: Stage) -> None:
    """A grant on the schema lifts it. The base gets the same; what the clone has not got anywhere lifts none."""
    base, admin = restricting.user(), restricting.superuser()
    user, (login, schema) = base.username, other(restricting)
    restricting.run(f"GRANT SELECT, DELETE ON *.* TO {user}", f"REVOKE SELECT, DELETE ON {schema}.* FROM {user}")
    clone, _ = restricting.level(admin, pair_of(user))
    grants(restricting, login, f"SELECT ON {schema}.*", user)
    restricting.run(f"REVOKE DELETE ON *.* FROM {clone.username}")
    promoted, told = restricting.level(admin, pair_of(user, promote="base", version="version-2"))
    assert told == [f"GRANT SELECT ON `{schema}`.* TO `{user}`@`%`"]
    assert restricting.as_clients_see(promoted, f"SELECT * FROM {schema}.t") == []
    restricting.run(f"DROP USER {user}, {clone.username}", f"DROP DATABASE {schema}")
