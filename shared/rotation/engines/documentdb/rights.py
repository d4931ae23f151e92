"""What a user may do: whether it is an application's, and whether it may change passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rotation.engines.documentdb import accounts
from rotation.engines.documentdb.accounts import Role, denied, in_shell, lacks_user_admin
from rotation.engines.documentdb.faults import LOST_LOGIN, Refused
from rotation.errors import GuardViolation, PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rotation.engines.documentdb.accounts import Account
    from rotation.engines.documentdb.connection import Connection

SERVICE: Final = "serviceadmin"
"""The user by which AWS manages a DocumentDB cluster (developer guide, "Managing Amazon DocumentDB users")."""

POWERFUL: Final = frozenset({"root", "__system", "userAdminAnyDatabase", "restore", "backup"})
"""Built-in roles that can make themselves, or read, any user (MongoDB manual, "Built-In Roles")."""

POWERFUL_IN_ADMIN: Final = frozenset({"userAdmin", "dbOwner"})
"""The same, granted on the database admin, is every power there is."""

POWERFUL_ACTIONS: Final = frozenset(
    {
        "anyAction",
        "changeCustomData",
        "changePassword",
        "createUser",
        "dropUser",
        "grantRole",
        "internal",
        "revokeRole",
        "setAuthenticationRestriction",
    }
)
"""What reads or writes the accounts of others, and their marks (MongoDB manual, "Privilege Actions")."""

MARKING: Final = frozenset({"anyAction", "changeCustomData", "changeOwnCustomData"})
"""By what a user may write the mark that stands in its own customData (MongoDB manual, "Privilege Actions")."""

_ACCOUNTS: Final = frozenset({"system.users", "system.roles"})
"""Collections of the database admin that hold all users, with what their passwords are checked by, and all roles."""

_TOUCHING: Final = frozenset({"anyAction", "find", "insert", "remove", "update"})

OWN_ROLE: Final = "changeOwnPassword"
"""What the role is called that a message asks for; the name is free."""


def guard(connection: Connection, username: str, *, allow_privileged: bool) -> None:
    """Refuse a user that is more powerful than an application's, logs in otherwise, or does not exist."""
    if username == SERVICE:
        what = f"The user {SERVICE} belongs to Amazon DocumentDB itself"
        raise GuardViolation(what, where=connection.where, remedy="Name an application's user.")
    account = accounts.read(connection, username, showPrivileges=True).get(username)
    if account is None:
        what = f"The user {username} does not exist in the database {connection.database}"
        remedy = "Create it, or correct the secret: a user that lives elsewhere than in admin needs authSource."
        raise GuardViolation(what, where=connection.where, remedy=remedy)
    if account.mechanisms is not None and not any(name.startswith("SCRAM") for name in account.mechanisms):
        what = f"The user {username} cannot log in by password"
        raise GuardViolation(what, where=connection.where, remedy="Do not rotate it.")
    if not allow_privileged and (power := _power(account)):
        what = f"The user {username} is more powerful than an application's, through {power}"
        remedy = "Only a function whose settings allow privileged targets changes it."
        raise GuardViolation(what, where=connection.where, remedy=remedy)


def _power(account: Account) -> str | None:
    """Name what makes the user more than an application's, if anything does."""
    inherited = (Role(role["role"], role["db"]) for role in account.document.get("inheritedRoles", ()))
    for role in sorted({*account.roles, *inherited}):
        if role.role in POWERFUL or (role.database == "admin" and role.role in POWERFUL_IN_ADMIN):
            return f"the role {role}"
    for privilege in account.document.get("inheritedPrivileges", ()):
        if reaches(privilege, "admin") and (actions := POWERFUL_ACTIONS.intersection(privilege["actions"])):
            return f"the action {min(actions)}"
        if place := _touched(privilege):
            return f"a right on the collection {place}"
    return None


def _touched(privilege: Mapping[str, Any]) -> str | None:
    """Name the collection of accounts that the privilege reads or writes; "" for all does not mean system ones."""
    resource = privilege["resource"]
    if "anyResource" in resource:
        collection = min(_ACCOUNTS)
    elif resource.get("db") in {"", "admin"} and resource.get("collection") in _ACCOUNTS:
        collection = resource["collection"]
    else:
        return None
    return f"admin.{collection}" if _TOUCHING.intersection(privilege["actions"]) else None


def reaches(privilege: Mapping[str, Any], database: str) -> bool:
    """Return whether a privilege is about all of the database (MongoDB manual, "Resource Document")."""
    resource = privilege["resource"]
    return "anyResource" in resource or (resource.get("db") in {"", database} and not resource.get("collection"))


def may_mark_itself(account: Account, database: str) -> bool | None:
    """
    Return whether the user itself may write its customData; None where the server does not list privileges.

    The account has to be read with ``showPrivileges``.
    """
    held = account.document.get("inheritedPrivileges")
    if held is None:
        return None
    return any(reaches(one, database) and MARKING.intersection(one["actions"]) for one in held)


def require_own_password(connection: Connection) -> None:
    """Raise PermissionDenied unless the session's user may change its own password."""
    if not _may(connection, {"changeOwnPassword", "changePassword"}):
        raise lacks_own_password(connection)


def require_password_of(connection: Connection, username: str) -> None:
    """Raise PermissionDenied unless the session may change another user's password."""
    if not _may(connection, {"changePassword"}):
        raise lacks_user_admin(connection, username)


def _may(connection: Connection, actions: Iterable[str]) -> bool:
    """
    Return whether the session has one of the actions on its users' database.

    A server that does not list privileges is taken at its word when the change is made.
    """
    try:
        status = connection.run("connectionStatus", showPrivileges=True)["authInfo"]
    except Refused:
        return True
    if status["authenticatedUsers"] == []:
        raise LOST_LOGIN.at(connection.where)
    held = status.get("authenticatedUserPrivileges")
    if held is None:
        return True
    wanted = {*actions, "anyAction"}
    return any(reaches(one, connection.database) and wanted.intersection(one["actions"]) for one in held)


def lacks_own_password(connection: Connection) -> PermissionDenied:
    """Name the role that a user needs to change its own password."""
    database = connection.database
    privilege = {"resource": {"db": database, "collection": ""}, "actions": ["changeOwnPassword"]}
    role = in_shell(database, "createRole", {"role": OWN_ROLE, "privileges": [privilege], "roles": []})
    grant = in_shell(database, "grantRolesToUser", connection.user, [{"role": OWN_ROLE, "db": database}])
    return denied(
        connection,
        f"The user {connection.user} may not change its own password: it has no role with changeOwnPassword",
        f"As an administrator, run: {role}; {grant}; or name an admin secret in masterarn.",
    )
