"""
The statements that change something, held against the syntax of the Redshift Database Developer Guide.

Each form is written from the section that it names, by hand: the stand-in's own reading of statements does not count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from rotation.engines.redshift.connection import Connection
from rotation.engines.redshift.owned import Thing
from rotation.engines.redshift.rights import ITSELF, Right, grant, revoke, revoke_option
from rotation.engines.redshift.users import Flags, User, levelling
from rotation.model import Password
from tests.dialect.redshift.stage import pair_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dialect.redshift.stage import Stage

NAME: Final = r'"(?:[^"]|"")+"'
DOTTED: Final = rf"{NAME}(?:\.{NAME})?"
TEXT: Final = r"'(?:[^'\\]|''|\\.)*'"
TABLE: Final = "(?:SELECT|INSERT|UPDATE|DELETE|DROP|REFERENCES|ALTER|TRUNCATE)"
GRANTEE: Final = rf"TO {NAME}(?: WITH GRANT OPTION)?"
REVOKED: Final = rf"FROM {NAME}"
DEFAULTS: Final = rf"ALTER DEFAULT PRIVILEGES FOR USER {NAME}(?: IN SCHEMA {NAME})? "
RECEIVER: Final = rf"(?:{NAME}|GROUP {NAME}|ROLE {NAME}|PUBLIC)"


class Form(NamedTuple):
    """A statement's form: the section of the guide, and what it may look like."""

    section: str
    pattern: str


FORMS: Final = {
    "create": Form("CREATE USER", rf"CREATE USER {NAME} PASSWORD DISABLE"),
    "password": Form("ALTER USER, PASSWORD", rf"ALTER USER {NAME} PASSWORD 'sha256\|[0-9a-f]{{64}}\|[0-9a-f]{{64}}'"),
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

RIGHTS: Final = (
    Right("GROUP", ("readers",), "", ""),
    Right("ROLE", ("writers",), "", ""),
    Right("TABLE", ("s", 'odd "name"'), "", "TRUNCATE"),
    Right("COLUMN", ("s", "t"), "a", "UPDATE"),
    Right("SCHEMA", ("s",), "", "USAGE"),
    Right("SCHEMA", ("s",), "TABLES", "SELECT"),
    Right("DATABASE", ("dev",), "", "TEMPORARY"),
    Right("FUNCTION", ("s", "f"), "integer, character varying", "EXECUTE"),
    Right("PROCEDURE", ("s", "p"), "", "EXECUTE"),
    Right("LANGUAGE", ("plpythonu",), "", "USAGE"),
    Right("DATASHARE", ("share",), "", "SHARE"),
    Right("MODEL", ("s", "m"), "", "EXECUTE"),
    Right("ASSUMEROLE", ("arn:aws:iam::123456789012:role/it's",), "", "EXFUNC"),
    Right("ASSUMEROLE", ("default-aws-iam-role",), "", "CREATE MODEL"),
    Right("DEFAULT", (ITSELF, "s", "readers", "group"), "RELATION", "SELECT"),
    Right("DEFAULT", (ITSELF, "", "writers", "role"), "FUNCTION", "EXECUTE"),
    Right("DEFAULT", ("owner", "s", ITSELF, "user"), "PROCEDURE", "EXECUTE"),
    Right("DEFAULT", (ITSELF, "", "public", "public"), "RELATION", "INSERT"),
)
THINGS: Final = (
    Thing("TABLE", ("s", "t")),
    Thing("SCHEMA", ("s",)),
    Thing("FUNCTION", ("s", "f"), "integer"),
    Thing("PROCEDURE", ("s", "p"), ""),
    Thing("DATABASE", ("dev",)),
)
OPTIONAL: Final = frozenset({"TABLE", "SCHEMA", "ROLE", "DATABASE", "DEFAULT", "FUNCTION"})


def statements() -> Iterator[str]:
    """Give a statement of every kind that the engine can write."""
    for right in RIGHTS:
        for option in {False, right.kind in OPTIONAL}:
            yield grant(right, "app_clone", option=option)
    for right in RIGHTS:
        if right.kind in {"GROUP", "ROLE", "TABLE", "COLUMN", "ASSUMEROLE", "DEFAULT"}:
            yield revoke(right, "app_clone")
        if right.kind in {"ROLE", "TABLE", "DEFAULT"}:
            yield revoke_option(right, "app_clone")
    yield from (thing.give_to("app") for thing in THINGS)
    plain = User(
        "app_clone",
        Flags(superuser=False, createdb=False, valid_until="infinity", settings={"a_b": "1"}),
        "UNLIMITED",
        "RESTRICTED",
        0,
    )
    settings = {"search_path": '"$user", public, "odd ""name"', "app.note": "it's \\", "query_group": "x"}
    full = User(
        "app",
        Flags(superuser=True, createdb=True, valid_until="2037-01-01 00:00:00", settings=settings),
        "5",
        "UNRESTRICTED",
        60,
    )
    for base, clone in ((full, plain), (plain, full)):
        yield from (change.statement for change in levelling(base, clone))


def matching(statement: str) -> list[str]:
    return [name for name, form in FORMS.items() if re.fullmatch(form.pattern, statement)]


@pytest.mark.parametrize("statement", sorted(set(statements())))
def test_a_statement_has_the_documented_form(statement: str) -> None:
    """Every statement that the engine can write is one that the guide describes."""
    assert matching(statement)


@pytest.fixture(scope="module")
def sent(stage: Stage) -> list[str]:
    """Level a pair through its rotations, change passwords, and keep what was sent."""
    kept: list[str] = []
    run = Connection.run

    def watched(connection: Connection, statement: str, *values: object) -> object:
        kept.append(statement)
        return run(connection, statement, *values)

    base = stage.user(options="CREATEDB")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "run", watched)
        stage.level(pair_of(base.username), rehearse=True)
        stage.level(pair_of(base.username))
        stage.level(pair_of(base.username, promote="base"))
        with stage.login(stage.superuser()) as session:
            session.rehearse_password(base.username, Password("Rehearsed-1"))
            session.set_password(base.username, base.password)
            session.disable_password(base.username)
    return [statement for statement in kept if not statement.lstrip().startswith("SELECT")]


@pytest.mark.parametrize("name", ["create", "password", "createdb", "begin", "commit", "rollback"])
def test_what_is_sent_has_the_documented_form(sent: list[str], name: str) -> None:
    """Each form is seen on its way to the server, and nothing without a form is."""
    assert [statement for statement in sent if not matching(statement)] == []
    assert any(name in matching(statement) for statement in sent)


def test_every_form_is_used(sent: list[str]) -> None:
    """A form that nothing has is one too many."""
    seen = {name for statement in [*sent, *statements()] for name in matching(statement)}
    assert seen == FORMS.keys()
