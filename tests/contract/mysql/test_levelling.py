"""What one statement does beside what it says, and what a server writes so that it cannot be sent back as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from rotation.engines.mysql import applying, preparing
from rotation.engines.mysql.connection import Connection
from rotation.errors import AccessMismatch, StatementFailed
from tests.lab.stages.mysql import DATABASE, pair_of, unique

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.engines.mysql.changes import Change
    from rotation.engines.mysql.grants import Grant
    from tests.lab.stages.mysql import Stage


@pytest.fixture
def restricting(mysql: Stage) -> Iterator[Stage]:
    """Have a server restrict (manual, "Partial Revokes")."""
    mysql.run("SET GLOBAL partial_revokes = ON")
    yield mysql
    mysql.run("SET GLOBAL partial_revokes = OFF")


def test_a_privilege_that_goes_with_its_restriction(restricting: Stage) -> None:
    """Taking one can leave the other; one rotation is enough."""
    base, admin = restricting.user(), restricting.superuser()
    user = base.username
    restricting.run(f"GRANT INSERT, DELETE ON *.* TO {user}", f"REVOKE DELETE ON {DATABASE}.* FROM {user}")
    clone, _ = restricting.level(admin, pair_of(user))
    restricting.run(f"REVOKE DELETE ON *.* FROM {user}")
    restricting.level(admin, pair_of(user, version="version-2"))
    assert restricting.level(admin, pair_of(user, version="version-3"))[1] == []
    restricting.run(f"DROP USER {user}, {clone.username}")


def test_what_a_restriction_hid_is_given_at_no_moment(restricting: Stage) -> None:
    """Where the privilege goes the restriction goes with it; one of another privilege stays."""
    base, admin, schema = restricting.user(), restricting.superuser(), unique("payroll")
    user = base.username
    restricting.run(
        f"CREATE DATABASE {schema}",
        f"GRANT SELECT, DELETE ON *.* TO {user}",
        f"REVOKE SELECT, DELETE ON {schema}.* FROM {user}",
    )
    clone, _ = restricting.level(admin, pair_of(user))
    restricting.run(f"REVOKE SELECT ON *.* FROM {user}")
    _, changes = restricting.level(admin, pair_of(user, version="version-2"))
    assert changes == [f"REVOKE SELECT ON *.* FROM `{clone.username}`@`%`"]
    told = {row[0] for row in restricting.run(f"SHOW GRANTS FOR {clone.username}")}
    assert f"REVOKE DELETE ON `{schema}`.* FROM `{clone.username}`@`%`" in told
    assert restricting.level(admin, pair_of(user, version="version-3"))[1] == []
    restricting.run(f"DROP USER {user}, {clone.username}", f"DROP DATABASE {schema}")


def test_a_role_that_loses_the_right_to_be_passed_on_stays_a_default_role(stage: Stage) -> None:
    """It has to be taken and given again, and with it went its being a default role."""
    base, admin, role = stage.user(), stage.superuser(), unique("role")
    user, by_default = base.username, "SET DEFAULT ROLE {} FOR {}" if stage.is_mariadb else "SET DEFAULT ROLE {} TO {}"
    stage.run(f"CREATE ROLE {role}", f"GRANT {role} TO {user} WITH ADMIN OPTION", by_default.format(role, user))
    stage.level(admin, pair_of(user))
    stage.run(f"REVOKE {role} FROM {user}", f"GRANT {role} TO {user}", by_default.format(role, user))
    clone, _ = stage.level(admin, pair_of(user, version="version-2"))
    assert stage.as_clients_see(clone, "SELECT CURRENT_ROLE()") == stage.as_clients_see(base, "SELECT CURRENT_ROLE()")
    assert stage.level(admin, pair_of(user, version="version-3"))[1] == []


def test_a_partial_revoke_hides_no_loss(restricting: Stage) -> None:
    """What the clone may read in a schema that the base is shut out of would be lost, so the base gets that alone."""
    base, admin, schema = restricting.user(), restricting.superuser(), unique("hidden")
    user = base.username
    restricting.run(
        f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (a int)",
        f"GRANT SELECT ON *.* TO {user}",
        f"REVOKE SELECT ON {schema}.* FROM {user}",
    )
    clone, _ = restricting.level(admin, pair_of(user))
    restricting.run(
        f"GRANT SELECT ON {schema}.t TO {clone.username}", f"GRANT SELECT ON {DATABASE}.t TO {clone.username}"
    )
    _, changes = restricting.level(admin, pair_of(user, promote="base", version="version-2"))
    assert changes == [f"GRANT SELECT ON `{schema}`.`t` TO `{user}`@`%`"]
    restricting.run(f"DROP USER {user}, {clone.username}", f"DROP DATABASE {schema}")


def demands_of(stage: Stage, username: str) -> object:
    """Read what the server keeps of REQUIRE, and a limit."""
    columns = "ssl_type, ssl_cipher, x509_issuer, x509_subject, max_user_connections"
    return stage.run(f"SELECT {columns} FROM mysql.user WHERE User = '{username}'")


@pytest.mark.parametrize(
    "required",
    [
        r"""SUBJECT '/CN=o''brien' AND ISSUER '/CN=back\\slash "q"'""",
        "ISSUER '/CN=x'''",
        "SUBJECT '/CN=a' AND ISSUER '/CN=b' AND CIPHER 'it''s'",
    ],
)
def test_what_is_asked_of_a_certificate_is_levelled(stage: Stage, required: str) -> None:
    """SHOW CREATE USER writes quotes and backslashes as they are."""
    base = stage.user(options=f"REQUIRE {required} WITH MAX_USER_CONNECTIONS 7")
    clone, _ = stage.level(stage.superuser(), pair_of(base.username))
    assert demands_of(stage, base.username) == demands_of(stage, clone.username)
    assert stage.level(stage.superuser(), pair_of(base.username, version="version-2"))[1] == []


def test_a_server_that_quotes_what_is_asked_of_a_certificate_is_understood(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB 11.8 does; others are made to here. It shows in what they make of it, and the clone is right at once."""
    base = stage.user(
        options=r"REQUIRE SUBJECT '/CN=o''brien' AND ISSUER '/CN=back\\slash' WITH MAX_USER_CONNECTIONS 7"
    )
    asked = Connection.recall

    ((as_it_is,),) = stage.run(f"SHOW CREATE USER {base.username}")

    def quoted(connection: Connection, query: str) -> list[tuple[Any, ...]]:
        rows = asked(connection, query)
        if "SHOW CREATE USER" in query and "o''brien" not in as_it_is:
            return [(re.sub(r"(?<=/CN=)\w+('+|\\+)", lambda found: found[0] + found[1], row),) for (row,) in rows]
        return rows

    monkeypatch.setattr(Connection, "recall", quoted)
    clone, _ = stage.level(stage.superuser(), pair_of(base.username))
    assert demands_of(stage, base.username) == demands_of(stage, clone.username)
    assert stage.level(stage.superuser(), pair_of(base.username, version="version-2"))[1] == []


def test_a_clone_that_is_dropped_meanwhile_is_not_made_by_a_grant(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB's GRANT would make an account without a password, in the session's mode that the server has by itself."""
    base, admin = stage.user(), stage.admin()
    clone, _ = stage.level(admin, pair_of(base.username))
    stage.run(f"GRANT DELETE ON {DATABASE}.* TO {base.username}")
    carry_out = applying.carry_out

    def dropped(connection: Connection, change: Change, told: list[str], *more: Callable[[Change], bool]) -> set[Grant]:
        stage.run(f"DROP USER IF EXISTS {clone.username}")
        return carry_out(connection, change, told, *more)

    monkeypatch.setattr(preparing, "carry_out", dropped)  # the moment just before a statement
    with pytest.raises((StatementFailed, AccessMismatch)):
        stage.level(admin, pair_of(base.username, version="version-2"))
    assert stage.run(f"SELECT User FROM mysql.user WHERE User = '{clone.username}'") == []
