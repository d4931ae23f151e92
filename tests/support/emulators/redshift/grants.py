"""
Grants: PostgreSQL's where it has them, rows in the table that the views show where it has not.

Developer Guide, "GRANT", "REVOKE", "ALTER DEFAULT PRIVILEGES"; EXFUNC stands in the example of "SVV_IAM_PRIVILEGES".
"""

from __future__ import annotations

import re

from tests.support.emulators.redshift.words import (
    array,
    identifier,
    named,
    names,
    quoted,
    role_statement,
    together,
    unquoted,
)

ONLY_REDSHIFTS = frozenset({"DROP", "ALTER"})


def _grantees(text: str) -> str:
    return re.sub(r"^\s*ROLE\b", "", text.strip(), flags=re.IGNORECASE)


def _grantee_names(text: str) -> list[str]:
    return [name for name in names(text) if name not in {"role", "group"}]


def right(match: re.Match[str]) -> str:
    """Translate a grant of privileges on things, or its end."""
    words, granting = match.groupdict(), match["verb"].upper() == "GRANT"
    kind = (words["kind"] or "TABLE").upper()
    only_option = bool(words.get("only"))
    option = bool(words.get("option")) or only_option
    privileges = [one.strip() for one in re.split(r",(?![^(]*\))", match["privileges"])]
    kept = [one.upper() for one in privileges if one.upper() in ONLY_REDSHIFTS or kind in {"DATASHARE", "MODEL"}]
    native = [one for one in privileges if one.upper() not in kept]
    steps = []
    if native:
        direction = "TO" if granting else "FROM"
        prefix = "GRANT OPTION FOR " if only_option else ""
        suffix = " WITH GRANT OPTION" if granting and option else ""
        steps.append(
            f"{match['verb']} {prefix}{', '.join(native)} ON {kind} {match['objects']} {direction} "
            f"{_grantees(match['grantees'])}{suffix}"
        )
    grantees = _grantee_names(match["grantees"])
    targets = _objects(match["objects"]) if kept else []
    steps += [_keep(kind, target, kept, kind, grantees, granting=granting, option=option) for target in targets]
    return together(steps)


def _objects(text: str) -> list[list[str]]:
    return [names(part) for part in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", text)]


def _keep(
    kind: str,
    target: list[str],
    privileges: list[str],
    scope: str,
    grantees: list[str],
    *,
    granting: bool,
    option: bool,
) -> str:
    return (
        f"SELECT redshift.keep({granting}, {quoted(kind)}, {array(target)}, {array(privileges)}, {quoted(scope)}, "
        f"{array(grantees)}, {option})"
    )


def scoped(match: re.Match[str]) -> str:
    """Keep a scoped permission."""
    privileges = [one.strip().upper() for one in match["privileges"].split(",")]
    return _keep(
        match["kind"].upper(),
        names(match["objects"]),
        privileges,
        match["scope"].upper(),
        _grantee_names(match["grantees"]),
        granting=match["verb"].upper() == "GRANT",
        option=bool(match.groupdict().get("option") or match.groupdict().get("only")),
    )


def assume(match: re.Match[str]) -> str:
    """Keep a right to an IAM role."""
    place = match["place"]
    arn = unquoted(place) if place.startswith("'") else "default-aws-iam-role"
    commands = [re.sub(r"\s+", " ", one).strip().upper() for one in match["commands"].split(",")]
    commands = ["EXFUNC" if one == "EXTERNAL FUNCTION" else one for one in commands]
    granting = match["verb"].upper() == "GRANT"
    return _keep("ASSUMEROLE", [arn], commands, "", _grantee_names(match["grantees"]), granting=granting, option=False)


def role(match: re.Match[str]) -> str:
    """Translate the grant of a role."""
    granting = match["verb"].upper() == "GRANT"
    prefix = "ADMIN OPTION FOR " if match.groupdict().get("only") else ""
    suffix = " WITH ADMIN OPTION" if match.groupdict().get("option") else ""
    direction = "TO" if granting else "FROM"
    names = ", ".join(identifier(name) for name in _grantee_names(match["grantees"]))
    statement = f"{match['verb']} {prefix}{identifier(named(match['role']))} {direction} {names}{suffix}"
    return role_statement("GRANT ROLE", named(match["role"]), statement)


def system(match: re.Match[str]) -> str:
    """Keep a system permission of a role."""
    privileges = [re.sub(r"\s+", " ", one).strip().upper() for one in match["privileges"].split(",")]
    granting = match["verb"].upper() == "GRANT"
    return _keep("SYSTEM", [], privileges, "", names(match["role"]), granting=granting, option=False)


def defaults(match: re.Match[str]) -> str:
    """Translate default privileges."""
    owner = f" FOR ROLE {identifier(named(match['owner']))}" if match["owner"] else ""
    schema = f" IN SCHEMA {identifier(named(match['schema']))}" if match["schema"] else ""
    privileges = re.sub(r"\b(DROP|ALTER)\b\s*,?|,?\s*\b(DROP|ALTER)\b", "", match["privileges"]).strip()
    verb, kind, rest = match["verb"], match["kind"].replace("PROCEDURES", "ROUTINES"), _grantees(match["grantees"])
    only = "GRANT OPTION FOR " if match["only"] else ""
    direction = "TO" if verb.upper() == "GRANT" else "FROM"
    option = " WITH GRANT OPTION" if match["option"] else ""
    return f"ALTER DEFAULT PRIVILEGES{owner}{schema} {verb} {only}{privileges} ON {kind} {direction} {rest}{option}"
