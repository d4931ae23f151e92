"""Pairs on the real servers: everything that makes two accounts equal, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.engines.mysql.accounts import MARK_ROLE
from rotation.engines.mysql.connection import quoted
from rotation.errors import AccessMismatch, GuardViolation, NotOurs
from rotation.model import Ownership
from tests.lab.stages.mysql import ARN, DATABASE, pair_of, unique

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.stages.mysql import Stage


def rights(stage: Stage, name: str, host: str = "%") -> set[str]:
    """Return what SHOW GRANTS and SHOW CREATE USER say of an account, without its name and password."""
    account = f"{quoted(name)}@{quoted(host)}"
    rows: Iterable[str] = [str(row[0]) for row in stage.run(f"SHOW GRANTS FOR {account}") if MARK_ROLE not in row[0]]
    plain = f"'{name}'@'{host}'"
    return {row.replace(account, "X").replace(plain, "X").partition(" IDENTIFIED")[0] for row in rows}


def test_everything_is_levelled(stage: Stage) -> None:
    """Privileges of all places, roles, default roles, limits and REQUIRE: given, and taken again."""
    role, base, admin = unique("role"), stage.user(options="REQUIRE SSL WITH MAX_USER_CONNECTIONS 7"), stage.superuser()
    user = base.username
    stage.run(
        f"CREATE ROLE {role}",
        "CREATE DATABASE IF NOT EXISTS `od``d TO x%_`",
        f"GRANT ALL ON `od``d TO x%_`.* TO {user}",
        f"GRANT PROCESS ON *.* TO {user}",
        f"GRANT {role} TO {user} WITH ADMIN OPTION",
        f"SET DEFAULT ROLE {role} {'FOR' if stage.is_mariadb else 'TO'} {user}",
        f"CREATE PROCEDURE {DATABASE}.p_{user}() SELECT 1",
        f"GRANT EXECUTE ON PROCEDURE {DATABASE}.p_{user} TO {user}",
        f"GRANT SELECT ON {DATABASE}.* TO {user} WITH GRANT OPTION",
        f"GRANT PROXY ON {admin.username}@'127.0.0.1' TO {user}",
    )
    if not stage.is_mariadb:
        stage.run(f"GRANT XA_RECOVER_ADMIN ON *.* TO {user} WITH GRANT OPTION", f"ALTER USER {user} COMMENT 'shop''s'")
        stage.run(f"ALTER USER {user} PASSWORD EXPIRE INTERVAL 90 DAY PASSWORD HISTORY 3 FAILED_LOGIN_ATTEMPTS 9")
    idle, changes = stage.level(admin, pair_of(user))
    assert changes
    assert rights(stage, user) == rights(stage, idle.username)
    with stage.login(idle) as session:
        session.check_access(pair_of(user))
    assert stage.as_clients_see(idle, "SELECT CURRENT_ROLE()") == stage.as_clients_see(base, "SELECT CURRENT_ROLE()")
    stage.run(
        f"REVOKE ALL ON `od``d TO x%_`.* FROM {user}",
        f"GRANT SELECT ON `od``d TO x%_`.* TO {user}",
        f"REVOKE {role} FROM {user}",
        f"REVOKE GRANT OPTION ON {DATABASE}.* FROM {user}",
        f"ALTER USER {user} REQUIRE NONE WITH MAX_USER_CONNECTIONS 0",
    )
    _, changes = stage.level(admin, pair_of(user))
    assert any("REVOKE" in change for change in changes)
    assert rights(stage, user) == rights(stage, idle.username)
    assert stage.level(admin, pair_of(user))[1] == []


def test_attributes_and_comments_are_levelled_beside_the_marks(mysql: Stage) -> None:
    """What a person wrote stays on the base and comes to the clone; what is gone from the base goes."""
    base, admin = mysql.user(options="""ATTRIBUTE '{"team": {"a": 1, "b": 2}, "x": 1}'"""), mysql.admin()
    mysql.level(admin, pair_of(base.username))
    mysql.run(f"""ALTER USER {base.username} ATTRIBUTE '{{"team": {{"b": null}}, "x": null}}'""")
    mysql.level(admin, pair_of(base.username))
    query = "SELECT ATTRIBUTE->'$.team', ATTRIBUTE->'$.x' FROM information_schema.USER_ATTRIBUTES WHERE USER = "
    assert (
        mysql.run(f"{query}'{base.username}_clone'") == mysql.run(f"{query}'{base.username}'") == [('{"a": 1}', None)]
    )


def test_partial_revokes_are_levelled(mysql: Stage) -> None:
    """What is restricted on the base is restricted on the clone."""
    mysql.run("SET GLOBAL partial_revokes = ON")
    base = mysql.user()
    mysql.run(f"GRANT DELETE ON *.* TO {base.username}", f"REVOKE DELETE ON mysql.* FROM {base.username}")
    mysql.level(mysql.superuser(), pair_of(base.username))
    assert rights(mysql, base.username) == rights(mysql, f"{base.username}_clone")
    assert any(row.startswith("REVOKE") for row in rights(mysql, f"{base.username}_clone"))
    mysql.run(f"DROP USER {base.username}, {base.username}_clone", "DROP USER IF EXISTS nobody")


def test_the_clone_has_the_hosts_part_of_its_base(stage: Stage) -> None:
    """The pair is user@host and user_clone@host."""
    base, admin = stage.user(host="127.0.0.%"), stage.admin()
    idle, _ = stage.level(admin, pair_of(base.username))
    assert stage.run(f"SELECT Host FROM mysql.user WHERE User = '{idle.username}'") == [("127.0.0.%",)]
    assert stage.accepts(idle)


def test_one_name_at_several_hosts_is_refused_to_an_admin(stage: Stage) -> None:
    """Nobody can tell which account the secret is about; the user itself can."""
    user, admin = stage.user(), stage.admin()
    stage.user(user.username, host="10.%")
    with stage.login(admin) as session, pytest.raises(GuardViolation, match="2 accounts"):
        session.set_password(user.username, stage.password())
    with stage.login(user) as session:
        session.set_password(user.username, user.password)


def test_a_clone_at_another_host_is_refused(stage: Stage) -> None:
    """It would not be the pair's."""
    base, admin = stage.user(), stage.admin()
    stage.user(f"{base.username}_clone", host="10.%")
    with pytest.raises(GuardViolation, match="another host part"):
        stage.level(admin, pair_of(base.username))


def test_a_lock_by_hand_is_respected(stage: Stage) -> None:
    """An account that a person locked is neither opened nor changed."""
    base, admin = stage.user(), stage.admin()
    idle, _ = stage.level(admin, pair_of(base.username))
    stage.run(f"ALTER USER {idle.username} ACCOUNT LOCK")
    with pytest.raises(AccessMismatch, match="locked by hand"):
        stage.level(admin, pair_of(base.username))
    stage.run(f"ALTER USER {idle.username} ACCOUNT UNLOCK", f"ALTER USER {base.username} ACCOUNT LOCK")
    with pytest.raises(AccessMismatch, match="is locked"):
        stage.level(admin, pair_of(base.username, promote="base"))


def test_a_clone_that_cannot_be_levelled_cannot_log_in(stage: Stage) -> None:
    """It is born closed, and stays so until all of its access is there."""
    base, admin = stage.user(), stage.admin()
    stage.run(f"CREATE ROLE IF NOT EXISTS r_{base.username}", f"GRANT r_{base.username} TO {base.username}")
    if stage.is_mariadb:
        with pytest.raises(AccessMismatch, match="may not GRANT"):
            stage.level(admin, pair_of(base.username))
    else:
        stage.run(f"GRANT SHUTDOWN ON *.* TO {base.username}")
        with pytest.raises(AccessMismatch, match="may not GRANT"):
            stage.level(admin, pair_of(base.username))
    with stage.login(admin) as session:
        assert session.ownership(pair_of(base.username)) is Ownership.OURS


def test_a_routine_that_the_clone_made_is_given_to_the_base(stage: Stage) -> None:
    """After the switch the base may call and drop it; the clone in use keeps its rights."""
    base, admin = stage.user(), stage.superuser()
    stage.run(f"GRANT CREATE ROUTINE ON {DATABASE}.* TO {base.username}")
    idle, _ = stage.level(admin, pair_of(base.username))
    name = f"made_{base.username}"
    stage.as_clients_see(idle, f"CREATE PROCEDURE {name}() SELECT 1")
    again, changes = stage.level(admin, pair_of(base.username, promote="base", version="version-2"))
    assert len(changes) == 1
    assert stage.as_clients_see(again, f"CALL {name}()") == [(1,)]
    stage.as_clients_see(idle, f"CALL {name}()")
    stage.as_clients_see(again, f"DROP PROCEDURE {name}")


def test_names_of_routines_know_no_capitals(stage: Stage) -> None:
    """SHOW GRANTS writes them without, the server's list of routines as they were made; schemas stay as they are."""
    base, admin, schema = stage.user(), stage.superuser(), unique("Big")
    user = base.username
    stage.run(f"CREATE DATABASE {schema}", f"GRANT CREATE ROUTINE ON {schema}.* TO {user}")
    idle, _ = stage.level(admin, pair_of(user))
    stage.as_clients_see(
        idle,
        f"CREATE PROCEDURE {schema}.AddOrder() SELECT 1",
        f"CREATE FUNCTION {schema}.`Tot``É.al`() RETURNS int DETERMINISTIC RETURN 2",
    )
    again, changes = stage.level(admin, pair_of(user, promote="base", version="version-2"))
    assert len(changes) == 2
    assert stage.as_clients_see(again, f"CALL {schema}.AddOrder()") == [(1,)]
    assert stage.as_clients_see(again, f"SELECT {schema}.`Tot``É.al`()") == [(2,)]
    stage.as_clients_see(again, f"DROP PROCEDURE {schema}.AddOrder")
    stage.run(f"DROP DATABASE {schema}")


def test_a_library_that_the_clone_made_is_given_to_the_base(mysql: Stage) -> None:
    """MySQL 9 keeps libraries of code beside its routines, and gives their creator the same rights."""
    base, admin = mysql.user(), mysql.superuser()
    mysql.run(f"GRANT CREATE ROUTINE ON {DATABASE}.* TO {base.username}")
    idle, _ = mysql.level(admin, pair_of(base.username))
    name = f"Made_{base.username}"
    mysql.as_clients_see(idle, f"CREATE LIBRARY {name} LANGUAGE JAVASCRIPT AS 'export function f(n) {{ return n }}'")
    again, changes = mysql.level(admin, pair_of(base.username, promote="base", version="version-2"))
    assert len(changes) == 1
    mysql.as_clients_see(again, f"DROP LIBRARY {name}")


def test_a_forged_mark_gives_nothing(mysql: Stage) -> None:
    """A user can write its own ATTRIBUTE; a mark on it never proves its partner."""
    victim, clone, admin = mysql.user(), mysql.user(f"{unique()}_clone"), mysql.admin()
    forged = f'{{"aws-rotation": {{"secret": "{ARN}", "base": "{victim.username}", "version": "v"}}}}'
    mysql.as_clients_see(
        clone, f"ALTER USER CURRENT_USER() IDENTIFIED BY '{clone.password.reveal()}' ATTRIBUTE '{forged}'"
    )
    with mysql.login(admin) as session:
        assert session.ownership(pair_of(victim.username, promote="base")) is Ownership.UNMARKED
        assert not session.mark_is_proof(clone.username)


def test_another_secrets_mark_is_refused(mysql: Stage) -> None:
    """Neither base nor clone of another secret is touched."""
    base, admin = mysql.user(), mysql.admin()
    mysql.level(admin, pair_of(base.username))
    mysql.run(
        f"""ALTER USER {base.username} ATTRIBUTE '{{"aws-rotation": {{"secret": "arn:other"}}}}'""",
    )
    with pytest.raises(NotOurs):
        mysql.level(admin, pair_of(base.username))


@pytest.mark.parametrize("account", ["root", "mysql.sys", "mariadb.sys"])
def test_the_servers_own_users_are_left_alone(stage: Stage, account: str) -> None:
    """Whatever a secret says."""
    with stage.login(stage.admin()) as session, pytest.raises(GuardViolation):
        session.guard_target(account, allow_privileged=False)


def test_a_user_that_logs_in_otherwise_is_left_alone(mysql: Stage) -> None:
    """An account whose password the server does not keep has none to rotate."""
    name = unique()
    mysql.run("INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'", f"CREATE USER {name} IDENTIFIED WITH auth_socket")
    with mysql.login(mysql.admin()) as session, pytest.raises(GuardViolation, match="auth_socket"):
        session.guard_target(name, allow_privileged=True)


def test_power_through_a_role_is_seen(stage: Stage) -> None:
    """A role of a role that may create users makes its holder an admin."""
    user, inner, outer = stage.user(), unique("inner"), unique("outer")
    stage.run(
        f"CREATE ROLE {inner}",
        f"CREATE ROLE {outer}",
        f"GRANT CREATE USER ON *.* TO {inner}",
        f"GRANT {inner} TO {outer}",
        f"GRANT {outer} TO {user.username}",
    )
    with stage.login(stage.superuser()) as session, pytest.raises(GuardViolation, match="CREATE USER"):
        session.guard_target(user.username, allow_privileged=False)


def test_a_user_of_mariadb_that_logs_in_otherwise_is_left_alone(mariadb: Stage) -> None:
    """An account that the operating system lets in has no password to rotate."""
    name = unique()
    mariadb.run(f"CREATE USER {name} IDENTIFIED VIA unix_socket")
    with mariadb.login(mariadb.admin()) as session:
        assert session.ownership(pair_of(name, promote="base")) is Ownership.UNMARKED
        with pytest.raises(GuardViolation, match="unix_socket"):
            session.guard_target(name, allow_privileged=True)


def test_a_login_that_begins_without_its_default_roles_is_not_equal(stage: Stage) -> None:
    """What the server runs at each login can take away what was granted."""
    base, role = stage.user(), unique("role")
    stage.run(
        f"CREATE ROLE {role}",
        f"GRANT {role} TO {base.username}",
        f"SET DEFAULT ROLE {role} {'FOR' if stage.is_mariadb else 'TO'} {base.username}",
    )
    idle, _ = stage.level(stage.superuser(), pair_of(base.username))
    stage.run("SET GLOBAL init_connect = 'SET ROLE NONE'")
    try:
        with stage.login(idle) as session, pytest.raises(AccessMismatch, match="without its default roles"):
            session.check_access(pair_of(base.username))
    finally:
        stage.run("SET GLOBAL init_connect = ''")
    with stage.login(idle) as session:
        session.check_access(pair_of(base.username))


def test_a_clone_that_was_prepared_for_another_rotation_is_not_equal(mysql: Stage) -> None:
    """The clone's mark names the version that it was levelled for."""
    base = mysql.user()
    idle, _ = mysql.level(mysql.admin(), pair_of(base.username))
    with mysql.login(idle) as session, pytest.raises(AccessMismatch, match="not prepared for this rotation"):
        session.check_access(pair_of(base.username, version="version-2"))


def test_a_default_role_needs_a_right_of_its_own(mariadb: Stage) -> None:
    """SET DEFAULT ROLE … FOR another wants UPDATE on mysql.*; the message says so, and that right is enough."""
    base, admin, role = mariadb.user(), mariadb.admin(), unique("role")
    mariadb.run(
        f"CREATE ROLE {role}",
        f"GRANT {role} TO {base.username}",
        f"GRANT {role} TO {admin.username} WITH ADMIN OPTION",
        f"SET DEFAULT ROLE {role} FOR {base.username}",
        f"REVOKE UPDATE ON *.* FROM {admin.username}",
    )
    with pytest.raises(AccessMismatch, match=r"GRANT UPDATE ON mysql\.\* TO") as caught:
        mariadb.level(admin, pair_of(base.username))
    mariadb.run(caught.value.remedy.partition("run: ")[2])
    idle, _ = mariadb.level(admin, pair_of(base.username))
    assert mariadb.as_clients_see(idle, "SELECT CURRENT_ROLE()") == [(role,)]
