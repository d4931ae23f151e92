"""Who is too powerful for an application's secret: each right that leads to all others, on the real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.engines.mysql.guard import HARMLESS, matches
from rotation.errors import GuardViolation
from tests.lab.stages.mysql import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.stages.mysql import Stage

ON_BOTH = [
    "FILE ON *.*",
    "ALTER ON mysql.*",
    "UPDATE ON *.*",
    "SELECT, INSERT ON *.*",
    "DELETE ON mysql.*",
    "ALL ON `%`.*",
    "UPDATE ON `mysq_`.*",
    "INSERT ON mysql.proxies_priv",
    "SUPER ON *.*",
    "CREATE USER ON *.*",
]
ON_MYSQL = [
    "UPDATE (authentication_string) ON mysql.user",
    "SET_ANY_DEFINER ON *.*",
    "SYSTEM_VARIABLES_ADMIN ON *.*",
    "REPLICATION_SLAVE_ADMIN ON *.*",
    "CLONE_ADMIN ON *.*",
    "ALLOW_NONEXISTENT_DEFINER ON *.*",
]
ON_MARIADB = ["UPDATE (Priv) ON mysql.global_priv", "SET USER ON *.*", "CONNECTION ADMIN ON *.*"]
ON_MARIADB += ["REPLICATION SLAVE ADMIN ON *.*", "BINLOG REPLAY ON *.*", "FEDERATED ADMIN ON *.*"]
LEADING_NOWHERE = [
    "SELECT, PROCESS, RELOAD ON *.*",
    "SELECT ON mysql.*",
    r"ALL ON `mysq\_`.*",
    "ALL ON `mysql_shop`.*",
    "UPDATE ON `my`.*",
]
OF_OTHERS = {"FIREWALL_USER", "NDB_STORED_USER", "SKIP_QUERY_REWRITE", "TP_CONNECTION_ADMIN"}
"""What plugins bring that the server under test has not."""


@pytest.fixture
def partial_revokes(mysql: Stage) -> Iterator[None]:
    """With accounts of one's own: MySQL cannot switch it off while one is restricted."""
    mysql.run("SET GLOBAL partial_revokes = ON")
    yield
    mysql.run("SET GLOBAL partial_revokes = OFF")


def guarded(stage: Stage, grant: str) -> None:
    """Let the guard look at a user that has it."""
    user = stage.user()
    stage.run(f"GRANT {grant} TO {user.username}")
    with stage.login(stage.superuser()) as session:
        session.guard_target(user.username, allow_privileged=True)
        session.guard_target(user.username, allow_privileged=False)


@pytest.mark.parametrize("grant", ON_BOTH)
def test_a_right_that_leads_to_all_others_is_refused(stage: Stage, grant: str) -> None:
    """Whoever writes the server's own tables, by whatever name, or manages users."""
    with pytest.raises(GuardViolation, match="more powerful than an application's"):
        guarded(stage, grant)


@pytest.mark.parametrize("grant", ON_MYSQL)
def test_so_is_mysqls(mysql: Stage, grant: str) -> None:
    """A single column is enough."""
    with pytest.raises(GuardViolation, match="more powerful than an application's"):
        guarded(mysql, grant)


@pytest.mark.parametrize("grant", ON_MARIADB)
def test_so_is_mariadbs(mariadb: Stage, grant: str) -> None:
    """Who may name root as a routine's definer runs it as root; who sets init_connect runs it as everybody."""
    with pytest.raises(GuardViolation, match="more powerful than an application's"):
        guarded(mariadb, grant)


@pytest.mark.parametrize("grant", LEADING_NOWHERE)
def test_what_leads_nowhere_is_not(stage: Stage, grant: str) -> None:
    """Reading, and what only looks like the server's own schema."""
    guarded(stage, grant)


@pytest.mark.parametrize("privilege", sorted(HARMLESS))
def test_a_dynamic_privilege_that_leads_nowhere_is_not(mysql: Stage, privilege: str) -> None:
    """Each of the list; those that the server does not have belong to plugins, or to other releases."""
    if any(str(row[0]) == privilege for row in mysql.run("SHOW PRIVILEGES")):
        guarded(mysql, f"{privilege} ON *.*")
    else:
        assert privilege in OF_OTHERS


def test_who_may_proxy_an_admin_is_one(stage: Stage) -> None:
    """A login as a proxy acts as the account that it stands for; a grant for nobody is one for all."""
    user, other = stage.user().username, stage.user().username
    proxy = "INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user) VALUES ('%', '{}', '{}', '{}')"
    stage.run(proxy.format(user, "%", other), "FLUSH PRIVILEGES")
    with stage.login(stage.superuser()) as session:
        session.guard_target(user, allow_privileged=False)
        stage.run(f"GRANT CREATE USER ON *.* TO {other}")
        with pytest.raises(GuardViolation, match=f"{other}.* holds CREATE USER"):
            session.guard_target(user, allow_privileged=False)
        stage.run(f"REVOKE CREATE USER ON *.* FROM {other}", proxy.format(other, "", ""), "FLUSH PRIVILEGES")
        for each in (user, other):
            with pytest.raises(GuardViolation, match=f"{other}.* holds PROXY"):
                session.guard_target(each, allow_privileged=False)


def test_a_user_may_look_at_itself(stage: Stage) -> None:
    """Its own grants are shown to everybody, and no more is needed for a user without power."""
    user = stage.user()
    with stage.login(user) as session:
        session.guard_target(user.username, allow_privileged=False)


@pytest.mark.usefixtures("partial_revokes")
def test_what_was_taken_back_for_the_servers_own_schema_is_not_held(mysql: Stage) -> None:
    """Writing everywhere but there is an application's."""
    user = mysql.user()
    mysql.run(f"GRANT INSERT, UPDATE ON *.* TO {user.username}", f"REVOKE INSERT ON mysql.* FROM {user.username}")
    with mysql.login(mysql.superuser()) as session:
        with pytest.raises(GuardViolation, match="holds UPDATE"):
            session.guard_target(user.username, allow_privileged=False)
        mysql.run(f"REVOKE UPDATE ON mysql.* FROM {user.username}")
        session.guard_target(user.username, allow_privileged=False)
    mysql.run(f"DROP USER {user.username}")


def test_the_last_of_very_many_roles_is_looked_at(stage: Stage) -> None:
    """Whoever hides one right among a hundred roles hides nothing."""
    user, roles = stage.user(), [unique("role") for _ in range(105)]
    stage.run(*(f"CREATE ROLE {role}" for role in roles), *(f"GRANT {role} TO {user.username}" for role in roles))
    stage.run(f"GRANT CREATE USER ON *.* TO {min(roles)}", f"GRANT CREATE USER ON *.* TO {max(roles)}")
    try:
        with (
            stage.login(stage.superuser()) as session,
            pytest.raises(GuardViolation, match="holds CREATE USER"),
        ):
            session.guard_target(user.username, allow_privileged=False)
        stage.run(*(f"REVOKE CREATE USER ON *.* FROM {role}" for role in (min(roles), max(roles))))
        with stage.login(stage.superuser()) as session:
            session.guard_target(user.username, allow_privileged=False)
    finally:
        stage.run(f"DROP ROLE {', '.join(roles)}")


@pytest.mark.parametrize("listed", ["{}", " {0}@% , nobody", "'nobody'@'%',`{}`", "`no,b@dy`@`10.0.%`,{}"])
def test_what_everybody_may_by_a_mandatory_role_is_looked_at(mysql: Stage, listed: str) -> None:
    """The server lists such roles in a variable and in nobody's grants, and lets each user take them on."""
    user, role, inner = mysql.user(), unique("Boss-"), unique("inner")
    mysql.run(
        f"CREATE ROLE `{role}`, {inner}",
        f"GRANT {inner} TO `{role}`",
        f"GRANT CREATE USER ON *.* TO {inner}",
        f'SET GLOBAL mandatory_roles = "{listed.format(role)}"',
    )
    try:
        mysql.as_clients_see(user, f"SET ROLE `{role}`", f"CREATE ROLE {unique('by_application')}")
        with mysql.login(mysql.superuser()) as session, pytest.raises(GuardViolation, match=f"{inner}.* CREATE USER"):
            session.guard_target(user.username, allow_privileged=False)
        with mysql.login(user) as session, pytest.raises(GuardViolation, match=f"{user.username}.* CREATE USER"):
            session.guard_target(user.username, allow_privileged=False)
        mysql.run(f"REVOKE CREATE USER ON *.* FROM {inner}")
        with mysql.login(mysql.superuser()) as session:
            session.guard_target(user.username, allow_privileged=False)
    finally:
        mysql.run("SET GLOBAL mandatory_roles = ''", f"DROP ROLE `{role}`, {inner}")


@pytest.mark.parametrize(
    ("pattern", "name", "is_meant"),
    [
        ("mysql", "mysql", True),
        ("my%", "mysql", True),
        ("%", "mysql", True),
        ("mysq_", "mysql", True),
        (r"mysq\_", "mysql", False),
        (r"mysq\l", "mysql", True),
        ("mysql%", "mysql", True),
        ("ysql", "mysql", False),
        ("my.*", "mysql", False),
        ("", "mysql", False),
    ],
)
def test_a_schema_of_a_grant_is_a_pattern(pattern: str, name: str, is_meant: bool) -> None:  # noqa: FBT001 a table's column
    """As GRANT reads it."""
    assert matches(pattern, name) is is_meant
