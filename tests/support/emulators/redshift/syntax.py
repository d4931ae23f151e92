"""
What Redshift takes, by the Redshift Database Developer Guide: the forms of statements, and the catalog's relations.

Each form is written from the section that it names, by hand: the stand-in's own reading of statements does not count.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

NAME: Final = r'"(?:[^"]|"")+"'
DOTTED: Final = rf"{NAME}(?:\.{NAME})?"
COLUMNS: Final = rf"{NAME}(?:\.{NAME})*(?:, {NAME}(?:\.{NAME})*)*"
TEXT: Final = r"'(?:[^'\\]|''|\\.)*'"
SHA256: Final = r"'sha256\|[0-9a-f]{64}\|[0-9a-f]{64}'"
TABLE: Final = "(?:SELECT|INSERT|UPDATE|DELETE|DROP|REFERENCES|ALTER|TRUNCATE)"
GRANTEE: Final = rf"TO {NAME}(?: WITH GRANT OPTION)?"
WITHDRAWN: Final = "REVOKE (?:GRANT OPTION FOR )?"
REVOKED: Final = rf"FROM {NAME}"
DEFAULTS: Final = rf"ALTER DEFAULT PRIVILEGES FOR USER {NAME}(?: IN SCHEMA {NAME})? "
RECEIVER: Final = rf"(?:{NAME}|GROUP {NAME}|ROLE {NAME}|PUBLIC)"


class Form(NamedTuple):
    """A statement's form: the section of the guide, and what it may look like."""

    section: str
    pattern: str


FORMS: Final = {
    "limit of time": Form("SET, statement_timeout", r"SET statement_timeout TO \d+"),
    "create": Form("CREATE USER, PASSWORD", rf"CREATE USER {NAME} PASSWORD {SHA256}"),
    "password": Form("ALTER USER, PASSWORD", rf"ALTER USER {NAME} PASSWORD {SHA256}"),
    "password md5": Form("ALTER USER, PASSWORD", rf"ALTER USER {NAME} PASSWORD 'md5[0-9a-f]{{32}}'"),
    "createdb": Form("ALTER USER, CREATEDB", rf"ALTER USER {NAME} (?:NO)?CREATEDB"),
    "createuser": Form("ALTER USER, CREATEUSER", rf"ALTER USER {NAME} (?:NO)?CREATEUSER"),
    "syslog": Form("ALTER USER, SYSLOG ACCESS", rf"ALTER USER {NAME} SYSLOG ACCESS (?:UN)?RESTRICTED"),
    "limit": Form("ALTER USER, CONNECTION LIMIT", rf"ALTER USER {NAME} CONNECTION LIMIT (?:\d+|UNLIMITED)"),
    "timeout": Form("ALTER USER, SESSION TIMEOUT", rf"ALTER USER {NAME} SESSION TIMEOUT \d+"),
    "no timeout": Form("ALTER USER, RESET SESSION TIMEOUT", rf"ALTER USER {NAME} RESET SESSION TIMEOUT"),
    "until": Form("ALTER USER, VALID UNTIL", rf"ALTER USER {NAME} VALID UNTIL {TEXT}"),
    "list": Form("ALTER USER, SET", rf"ALTER USER {NAME} SET search_path TO {NAME}(?:, {NAME})*"),
    "setting": Form("ALTER USER, SET", rf"ALTER USER {NAME} SET [a-z_]+(?:\.[a-z_]+)? TO {TEXT}"),
    "no setting": Form("ALTER USER, RESET", rf"ALTER USER {NAME} RESET [a-z_]+(?:\.[a-z_]+)?"),
    "make role": Form("CREATE ROLE", rf"CREATE ROLE {NAME}"),
    "drop role": Form("DROP ROLE, FORCE", rf"DROP ROLE {NAME} FORCE"),
    "rls": Form("ATTACH RLS POLICY", rf"ATTACH RLS POLICY {NAME} ON TABLE {DOTTED} TO {NAME}"),
    "no rls": Form("DETACH RLS POLICY", rf"DETACH RLS POLICY {NAME} ON TABLE {DOTTED} FROM {NAME}"),
    "mask": Form(
        "ATTACH MASKING POLICY",
        rf"ATTACH MASKING POLICY {NAME} ON {DOTTED} \({COLUMNS}\) USING \({COLUMNS}\) TO {NAME} PRIORITY \d+",
    ),
    "no mask": Form("DETACH MASKING POLICY", rf"DETACH MASKING POLICY {NAME} ON {DOTTED} \({COLUMNS}\) FROM {NAME}"),
    "join": Form("ALTER GROUP", rf"ALTER GROUP {NAME} ADD USER {NAME}"),
    "leave": Form("ALTER GROUP", rf"ALTER GROUP {NAME} DROP USER {NAME}"),
    "role": Form("GRANT, ROLE", rf"GRANT ROLE {NAME} TO {NAME}(?: WITH ADMIN OPTION)?"),
    "no role": Form("REVOKE, ROLE", rf"REVOKE (?:ADMIN OPTION FOR )?ROLE {NAME} FROM {NAME}"),
    "table": Form("GRANT, tables", rf"GRANT {TABLE} ON TABLE {DOTTED} {GRANTEE}"),
    "no table": Form("REVOKE, tables", rf"REVOKE (?:GRANT OPTION FOR )?{TABLE} ON TABLE {DOTTED} {REVOKED}"),
    "column": Form("GRANT, columns", rf"GRANT (?:SELECT|UPDATE) \({NAME}\) ON TABLE {DOTTED} TO {NAME}"),
    "no column": Form("REVOKE, columns", rf"REVOKE (?:SELECT|UPDATE) \({NAME}\) ON TABLE {DOTTED} {REVOKED}"),
    "schema": Form("GRANT, schemas", rf"GRANT (?:CREATE|USAGE|ALTER|DROP) ON SCHEMA {NAME} {GRANTEE}"),
    "database": Form("GRANT, databases", rf"GRANT (?:CREATE|TEMPORARY|TEMP|USAGE) ON DATABASE {NAME} {GRANTEE}"),
    "function": Form("GRANT, functions", rf"GRANT EXECUTE ON FUNCTION {DOTTED}\([a-z ,]*\) {GRANTEE}"),
    "procedure": Form("GRANT, procedures", rf"GRANT EXECUTE ON PROCEDURE {DOTTED}\([a-z ,]*\) {GRANTEE}"),
    "language": Form("GRANT, languages", rf"GRANT USAGE ON LANGUAGE {NAME} {GRANTEE}"),
    "datashare": Form("GRANT, datashares", rf"GRANT (?:ALTER|SHARE) ON DATASHARE {NAME} {GRANTEE}"),
    "model": Form("GRANT, models", rf"GRANT EXECUTE ON MODEL {DOTTED} {GRANTEE}"),
    "scoped": Form("GRANT, scoped permissions", rf"GRANT {TABLE} FOR TABLES IN SCHEMA {NAME} {GRANTEE}"),
    "no schema": Form("REVOKE, schemas", rf"{WITHDRAWN}(?:CREATE|USAGE|ALTER|DROP) ON SCHEMA {NAME} {REVOKED}"),
    "no database": Form(
        "REVOKE, databases", rf"{WITHDRAWN}(?:CREATE|TEMPORARY|TEMP|USAGE) ON DATABASE {NAME} {REVOKED}"
    ),
    "no function": Form("REVOKE, functions", rf"{WITHDRAWN}EXECUTE ON FUNCTION {DOTTED}\([a-z ,]*\) {REVOKED}"),
    "no procedure": Form("REVOKE, procedures", rf"{WITHDRAWN}EXECUTE ON PROCEDURE {DOTTED}\([a-z ,]*\) {REVOKED}"),
    "no language": Form("REVOKE, languages", rf"{WITHDRAWN}USAGE ON LANGUAGE {NAME} {REVOKED}"),
    "no datashare": Form("REVOKE, datashares", rf"{WITHDRAWN}(?:ALTER|SHARE) ON DATASHARE {NAME} {REVOKED}"),
    "no model": Form("REVOKE, models", rf"{WITHDRAWN}EXECUTE ON MODEL {DOTTED} {REVOKED}"),
    "no scoped": Form("REVOKE, scoped permissions", rf"{WITHDRAWN}{TABLE} FOR TABLES IN SCHEMA {NAME} {REVOKED}"),
    "assume": Form(
        "GRANT, ASSUMEROLE",
        rf"GRANT ASSUMEROLE ON (?:{TEXT}|DEFAULT) TO {NAME} FOR (?:COPY|UNLOAD|EXTERNAL FUNCTION|CREATE MODEL)",
    ),
    "no assume": Form(
        "REVOKE, ASSUMEROLE",
        rf"REVOKE ASSUMEROLE ON (?:{TEXT}|DEFAULT) FROM {NAME} FOR (?:COPY|UNLOAD|EXTERNAL FUNCTION|CREATE MODEL)",
    ),
    "default": Form(
        "ALTER DEFAULT PRIVILEGES",
        DEFAULTS
        + rf"GRANT (?:{TABLE}|EXECUTE) ON (?:TABLES|FUNCTIONS|PROCEDURES) TO {RECEIVER}(?: WITH GRANT OPTION)?",
    ),
    "no default": Form(
        "ALTER DEFAULT PRIVILEGES",
        DEFAULTS
        + rf"REVOKE (?:GRANT OPTION FOR )?(?:{TABLE}|EXECUTE) ON (?:TABLES|FUNCTIONS|PROCEDURES) FROM {RECEIVER}",
    ),
    "table's owner": Form("ALTER TABLE, OWNER TO", rf"ALTER TABLE {DOTTED} OWNER TO {NAME}"),
    "schema's owner": Form("ALTER SCHEMA, OWNER TO", rf"ALTER SCHEMA {NAME} OWNER TO {NAME}"),
    "function's owner": Form("ALTER FUNCTION, OWNER TO", rf"ALTER FUNCTION {DOTTED}\([a-z ,]*\) OWNER TO {NAME}"),
    "procedure's owner": Form("ALTER PROCEDURE, OWNER TO", rf"ALTER PROCEDURE {DOTTED}\([a-z ,]*\) OWNER TO {NAME}"),
    "database's owner": Form("ALTER DATABASE, OWNER TO", rf"ALTER DATABASE {NAME} OWNER TO {NAME}"),
    "begin": Form("BEGIN", "BEGIN"),
    "commit": Form("COMMIT", "COMMIT"),
    "rollback": Form("ROLLBACK", "ROLLBACK"),
}

RELATIONS: Final = {
    name: name.upper()
    for name in (
        "pg_user",
        "pg_group",
        "pg_class",
        "pg_namespace",
        "pg_database",
        "pg_proc_info",
        "stv_sessions",
        "svv_attached_masking_policy",
        "svv_column_privileges",
        "svv_database_privileges",
        "svv_datashare_privileges",
        "svv_datashares",
        "svv_default_privileges",
        "svv_function_privileges",
        "svv_iam_privileges",
        "svv_language_privileges",
        "svv_ml_model_info",
        "svv_ml_model_privileges",
        "svv_redshift_functions",
        "svv_redshift_schemas",
        "svv_redshift_tables",
        "svv_relation_privileges",
        "svv_rls_attached_policy",
        "svv_role_grants",
        "svv_roles",
        "svv_schema_privileges",
        "svv_system_privileges",
        "svv_user_grants",
        "svv_user_info",
    )
}
"""Relations that queries may name, each with its section ("System catalog tables", "SVV metadata views", …)."""

FUNCTIONS: Final = {
    "set_config": "SET_CONFIG",
    "pg_backend_pid": "PG_BACKEND_PID",
    "pg_terminate_backend": "PG_TERMINATE_BACKEND",
    "current_database": "CURRENT_DATABASE",
    "oidvectortypes": "PG_PROC_INFO",
}
"""Functions that queries may call, each with its section."""


_SYSTEMS: Final = ("pg_", "svv_", "svl_", "stv_", "stl_", "sys_")


def matching(statement: str) -> list[str]:
    """Name the forms that a statement has."""
    return [name for name, form in FORMS.items() if re.fullmatch(form.pattern, statement)]


def is_known(statement: str) -> bool:
    """Return whether a statement has a form, or is a query of relations and functions that the guide describes."""
    if not statement.lstrip().startswith("SELECT"):
        return bool(matching(statement))
    words = re.findall(r"(pg_catalog\.)?\b(?!pg_catalog\b)([a-z_]\w*)", re.sub(TEXT, "''", statement))
    named = [(place, word) for place, word in words if place or word.startswith(_SYSTEMS)]
    return all(place and word in RELATIONS | FUNCTIONS for place, word in named)
