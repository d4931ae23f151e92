"""Redshift's statements as PostgreSQL runs them, and the refusal of what Redshift does not have.

A statement becomes exactly one of PostgreSQL's, so that the messages of the protocol stay in step: where it takes
several, they are arguments of a function that runs them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.support.emulators.redshift import grants
from tests.support.emulators.redshift.passwords import stored
from tests.support.emulators.redshift.words import (
    EXACT,
    LITERAL,
    NAME,
    array,
    as_sessions_read,
    identifier,
    named,
    names,
    quoted,
    refused,
    role_statement,
    unquoted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ABSENT = {
    r"\bpg_(roles|authid|auth_members|shdepend|shdescription|db_role_setting|has_role)\b": "42P01",
    r"\b(aclexplode|string_agg|unnest|array_agg|pg_(try_)?advisory\w*)\s*\(": "42883",
    r"\b(ON\s+CONFLICT|RETURNING|LATERAL|FILTER\s*\(|SAVEPOINT)": "42601",
    r"\b((RE)?SET\s+ROLE|REASSIGN\s+OWNED|DROP\s+OWNED)": "42601",
    r"^\s*DO\b|^\s*COMMENT\s+ON\s+ROLE|^\s*CREATE\s+USER\s+IF\s+NOT": "42601",
    r"\bNOLOGIN\b|^\s*ALTER\s+ROLE\b.*\bPASSWORD\b": "42601",
    r"^\s*GRANT\s+(?!ROLE\b|.*\b(ON|IN)\b|.*\bTO\s+ROLE\b)": "42601",
}
"""
What PostgreSQL would take and Redshift does not, each with the SQLSTATE that it answers.

Developer Guide: "Unsupported PostgreSQL functions" (advisory locks, ARRAY_AGG, STRING_AGG); "SQL commands", without
SAVEPOINT, SET ROLE, REASSIGN, DROP OWNED and DO; the syntax of "INSERT", "SELECT", "COMMENT", "CREATE USER", "ALTER
ROLE" and "GRANT". Roles and other catalogs that PostgreSQL got after 8.0.2 ("Amazon Redshift and PostgreSQL").
"""


def translated(statement: str, *, exact: bool = False) -> str:
    """Return the statement for PostgreSQL, as a session reads it whose quoted names are exact or not."""
    statement = as_sessions_read(statement, exact=exact)
    statement = re.sub(rf"\b{EXACT}\b", f"redshift.{EXACT}", statement)  # PostgreSQL has no such setting
    bare = re.sub(LITERAL, "''", statement, flags=re.DOTALL)
    for pattern, code in ABSENT.items():
        if re.search(pattern, bare, re.IGNORECASE | re.DOTALL):
            return refused(code, "syntax that Redshift does not have")
    for pattern, translate in RULES:
        if match := re.fullmatch(pattern, statement.strip().rstrip(";").strip(), re.IGNORECASE | re.DOTALL):
            return translate(match)
    return statement


def _user(match: re.Match[str]) -> str:
    verb, name, words = match["verb"].upper(), named(match["name"]), match["options"] or ""
    steps = [f"CREATE ROLE {identifier(name)} LOGIN"] if verb == "CREATE" else []
    steps += [f"INSERT INTO redshift.users (name) VALUES ({quoted(name)})"] if verb == "CREATE" else []
    own = verb == "ALTER"
    rest = words
    for pattern, make in OPTIONS:
        while found := re.search(pattern, rest, re.IGNORECASE | re.DOTALL):
            rest = rest[: found.start()] + " " + rest[found.end() :]
            own = own and "PASSWORD" in found[0].upper() and "DISABLE" not in found[0].upper()
            steps.append(make(name, found))
    if rest.strip() not in {"", "WITH", "with"}:
        return refused("42601", "an option that Redshift's users do not have")
    if broken := next((step for step in steps if step.startswith("SELECT redshift.refuse")), None):
        return broken
    arguments = ", ".join(map(quoted, steps))
    return f"SELECT redshift.user_statement('{verb} USER', {quoted(name)}, {own}, {arguments})"


def _password(name: str, match: re.Match[str]) -> str:
    if match["secret"].upper() == "DISABLE":
        return f"UPDATE redshift.users SET password = NULL WHERE name = {quoted(name)}"
    record = stored(unquoted(match["secret"]), name)
    if record is None:
        return refused("22023", "the password breaks the rules")
    return f"SELECT redshift.set_password({quoted(name)}, {quoted(record)}, false)"


def _kept_for_user(column: str, group: str = "value") -> Callable[[str, re.Match[str]], str]:
    def make(name: str, match: re.Match[str]) -> str:
        value = (match.groupdict().get(group) or "0").upper()
        return f"UPDATE redshift.users SET {column} = {quoted(value)} WHERE name = {quoted(name)}"

    return make


def _native(template: str) -> Callable[[str, re.Match[str]], str]:
    def make(name: str, match: re.Match[str]) -> str:
        words = {key: value or "" for key, value in match.groupdict().items()}
        return f"ALTER ROLE {identifier(name)} " + template.format(**words)

    return make


def _limit(name: str, match: re.Match[str]) -> str:
    limit = "-1" if match["limit"].upper() == "UNLIMITED" else match["limit"]
    return f"ALTER ROLE {identifier(name)} CONNECTION LIMIT {limit}"


def _in_group(name: str, match: re.Match[str]) -> str:
    return f"ALTER GROUP {identifier(named(match['group']))} ADD USER {identifier(name)}"


OPTIONS: list[tuple[str, Callable[[str, re.Match[str]], str]]] = [
    (rf"\bPASSWORD\s+(?P<secret>{LITERAL}|DISABLE\b)", _password),
    (rf"\bVALID\s+UNTIL\s+(?P<until>{LITERAL})", _native("VALID UNTIL {until}")),
    (r"\bSET\s+(?P<parameter>[\w.]+)\s*(TO|=)\s*(?P<setting>.+)", _native("SET {parameter} TO {setting}")),
    (r"\bRESET\s+SESSION\s+TIMEOUT\b", _kept_for_user("timeout")),
    (r"\bRESET\s+(?P<parameter>[\w.]+)", _native("RESET {parameter}")),
    (r"\bSESSION\s+TIMEOUT\s+(?P<value>\d+)", _kept_for_user("timeout")),
    (r"\bSYSLOG\s+ACCESS\s+(?P<value>UNRESTRICTED|RESTRICTED)", _kept_for_user("syslog")),
    (r"\bCONNECTION\s+LIMIT\s+(?P<limit>\d+|UNLIMITED)", _limit),
    (r"\bNOCREATEUSER\b", _native("NOSUPERUSER NOCREATEROLE")),
    (r"\bCREATEUSER\b", _native("SUPERUSER CREATEROLE")),
    (r"\bNOCREATEDB\b", _native("NOCREATEDB")),
    (r"\bCREATEDB\b", _native("CREATEDB")),
    (rf"\bIN\s+GROUP\s+(?P<group>{NAME})", _in_group),
]
"""The options of CREATE USER and ALTER USER (Developer Guide, "CREATE USER", "ALTER USER")."""


def _drop_user(match: re.Match[str]) -> str:
    name = named(match["name"])
    steps = [f"DROP ROLE {identifier(name)}", f"DELETE FROM redshift.users WHERE name = {quoted(name)}"]
    return f"SELECT redshift.user_statement('DROP USER', {quoted(name)}, false, {', '.join(map(quoted, steps))})"


def _create_role(match: re.Match[str]) -> str:
    name = named(match["name"])
    return role_statement(
        "CREATE ROLE",
        name,
        f"CREATE ROLE {identifier(name)} NOLOGIN",
        f"INSERT INTO redshift.roles VALUES ({quoted(name)})",
    )


def _drop_role(match: re.Match[str]) -> str:
    name, force = named(match["name"]), (match["force"] or "").upper() == "FORCE"
    return role_statement("DROP ROLE", name, f"SELECT redshift.drop_role({quoted(name)}, {force})")


def _policy(match: re.Match[str]) -> str:
    words = match.groupdict()
    kind, relation = words["kind"].upper(), array(names(words["relation"]))
    who = names(words["grantee"])[-1]
    outputs = json.dumps(names(words["outputs"] or ""))
    inputs = json.dumps(names(words["inputs"] or words["outputs"] or ""))
    if words["verb"].upper() == "DETACH":
        return (
            f"DELETE FROM redshift.policies WHERE kind = {quoted(kind)} AND name = {quoted(named(words['name']))} "
            f"AND relation = {relation} AND grantee = {quoted(who)} AND outputs = {quoted(outputs)}"
        )
    return (
        f"INSERT INTO redshift.policies VALUES ({quoted(kind)}, {quoted(named(words['name']))}, {relation}, "
        f"{quoted(who)}, 'user', {words['priority'] or 0}, {quoted(outputs)}, {quoted(inputs)})"
    )


def _datashare(match: re.Match[str]) -> str:
    return f"INSERT INTO redshift.datashares VALUES ({quoted(named(match['name']))}, session_user)"


def _share_owner(match: re.Match[str]) -> str:
    owner, name = named(match["owner"]), named(match["name"])
    return f"UPDATE redshift.datashares SET owner = {quoted(owner)} WHERE name = {quoted(name)}"


_TO = r"(?:TO|FROM)\s+(?P<grantees>.+?)"
_OPTION = r"(?P<option>\s+WITH\s+GRANT\s+OPTION)?"
_ONLY = r"(?P<only>GRANT\s+OPTION\s+FOR\s+)?"
_KIND = r"(?:(?P<kind>TABLE|SCHEMA|DATABASE|FUNCTION|PROCEDURE|LANGUAGE|DATASHARE|MODEL)\s+)?"
POLICY = (
    rf"(?P<verb>ATTACH|DETACH)\s+(?P<kind>RLS|MASKING)\s+POLICY\s+(?P<name>{NAME})\s+ON\s+(?:TABLE\s+)?"
    rf"(?P<relation>(?:{NAME})(?:\.(?:{NAME}))?)\s*(?:\((?P<outputs>[^)]*)\))?(?:\s+USING\s+\((?P<inputs>[^)]*)\))?"
    r"\s+(?:TO|FROM)\s+(?P<grantee>.+?)(?:\s+PRIORITY\s+(?P<priority>\d+))?"
)
RULES: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (rf"(?P<verb>CREATE|ALTER)\s+USER\s+(?P<name>{NAME})(?P<options>\b.*|\s.*)?", _user),
    (rf"DROP\s+USER\s+(?P<name>{NAME})", _drop_user),
    (rf"CREATE\s+ROLE\s+(?P<name>{NAME})", _create_role),
    (rf"DROP\s+ROLE\s+(?P<name>{NAME})(?:\s+(?P<force>FORCE|RESTRICT))?", _drop_role),
    (
        rf"CREATE\s+EXTERNAL\s+SCHEMA\s+(?P<name>{NAME})\s+FROM\b.*",
        lambda m: f"CREATE SCHEMA {identifier(named(m['name']))}",
    ),
    (POLICY, _policy),
    (rf"CREATE\s+DATASHARE\s+(?P<name>{NAME})", _datashare),
    (rf"ALTER\s+DATASHARE\s+(?P<name>{NAME})\s+OWNER\s+TO\s+(?P<owner>{NAME})", _share_owner),
    (
        r"ALTER\s+DEFAULT\s+PRIVILEGES(?:\s+FOR\s+USER\s+(?P<owner>" + NAME + r"))?(?:\s+IN\s+SCHEMA\s+(?P<schema>"
        rf"{NAME}))?\s+(?P<verb>GRANT|REVOKE)\s+{_ONLY}(?P<privileges>.+?)\s+ON\s+(?P<kind>TABLES|FUNCTIONS|PROCEDURES)"
        rf"\s+{_TO}{_OPTION}",
        grants.defaults,
    ),
    (
        rf"(?P<verb>GRANT|REVOKE)\s+ASSUMEROLE\s+ON\s+(?P<place>{LITERAL}|DEFAULT|ALL)\s+{_TO}\s+FOR\s+(?P<commands>.+)",
        grants.assume,
    ),
    (
        (
            rf"(?P<verb>GRANT|REVOKE)\s+(?P<only>ADMIN\s+OPTION\s+FOR\s+)?ROLE\s+(?P<role>{NAME})\s+{_TO}"
            r"(?P<option>\s+WITH\s+ADMIN\s+OPTION)?"
        ),
        grants.role,
    ),
    (
        (
            rf"(?P<verb>GRANT|REVOKE)\s+{_ONLY}(?P<privileges>[\w ,]+?)\s+FOR\s+(?P<scope>TABLES|FUNCTIONS|SCHEMAS)"
            rf"\s+IN\s+(?P<kind>SCHEMA|DATABASE)\s+(?P<objects>{NAME})\s+{_TO}{_OPTION}"
        ),
        grants.scoped,
    ),
    (
        rf"(?P<verb>GRANT|REVOKE)\s+{_ONLY}(?P<privileges>.+?)\s+ON\s+(?!EXTERNAL|ALL\b){_KIND}(?P<objects>.+?)\s+{_TO}{_OPTION}",
        grants.right,
    ),
    (rf"(?P<verb>GRANT|REVOKE)\s+(?P<privileges>[\w ,]+?)\s+(?:TO|FROM)\s+ROLE\s+(?P<role>{NAME})", grants.system),
]
"""
What is translated (Developer Guide, the section of each statement's name): users, roles, policies of rows and of masks,
datashares, default privileges ("ALTER DEFAULT PRIVILEGES"), and the six forms of "GRANT" and "REVOKE".
"""
