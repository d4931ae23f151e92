"""Two users that alternate on PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import AccessMismatch, GuardViolation, NotOurs, PermissionDenied, StatementFailed
from rotation.model import Ownership, Pair
from rotation.ports import Caution
from tests.lab.stages.postgresql import ARN, pair_of, unique

if TYPE_CHECKING:
    from psycopg2 import sql

    from rotation.model import Credential
    from tests.lab.stages.postgresql import Stage


def prepared(stage: Stage, options: str = "") -> tuple[Credential, Credential, Credential]:
    """Return a base, its admin, and its clone, made by the engine."""
    base = stage.user(options=options)
    admin = stage.admin(base.username)
    clone, _ = stage.level(admin, pair_of(base.username))
    return base, admin, clone


def promote_base(stage: Stage, base: Credential, admin: Credential) -> Credential:
    again, changes = stage.level(admin, pair_of(base.username, promote="base", version="version-2"))
    assert changes == []
    return again


def test_the_clone_acts_as_the_base(stage: Stage) -> None:
    """Its login gives the base's name, and it can do what the base can."""
    base, _, clone = prepared(stage)
    assert stage.as_clients_see(clone, "SELECT current_user, session_user") == [(base.username, clone.username)]
    with stage.login(clone) as session:
        session.check_access(pair_of(base.username))


def test_the_changes_of_a_first_rotation_are_named(stage: Stage) -> None:
    """No password, and no verifier, stands among them."""
    base = stage.user(options="CONNECTION LIMIT 9")
    pair = pair_of(base.username)
    clone, changes = stage.level(stage.admin(base.username), pair)
    assert changes[0] == f'CREATE ROLE "{pair.clone}" NOLOGIN INHERIT'
    assert f'ALTER ROLE "{pair.clone}" SET "role" TO \'{base.username}\'' in changes
    assert f'ALTER ROLE "{pair.clone}" CONNECTION LIMIT 9' in changes
    assert changes[-1] == f'ALTER ROLE "{pair.clone}" LOGIN'
    assert clone.password.reveal() not in str(changes)
    assert "SCRAM" not in str(changes)


def test_a_rehearsal_names_the_same_changes_and_makes_none(stage: Stage) -> None:
    """What a dry run says is what a rotation does."""
    base = stage.user()
    admin, pair = stage.admin(base.username), pair_of(base.username)
    _, rehearsed = stage.level(admin, pair, rehearse=True)
    with stage.login(admin) as session:
        assert session.ownership(pair) is Ownership.ABSENT
    _, done = stage.level(admin, pair)
    assert rehearsed == done
    assert stage.level(admin, pair)[1] == []


def test_both_users_take_turns(stage: Stage) -> None:
    """Each gets a new password in its turn, and the other's goes on working."""
    base, admin, clone = prepared(stage)
    stage.accepts(base)
    again = promote_base(stage, base, admin)
    stage.accepts(again)
    stage.accepts(clone)
    with stage.login(again) as session:
        session.check_access(pair_of(base.username, promote="base"))


def test_what_either_makes_belongs_to_the_base(stage: Stage) -> None:
    """A table of the clone is the base's, and the other way round."""
    base, _, clone = prepared(stage)
    schema, owner = unique("schema"), base.username
    stage.run("CREATE SCHEMA {} AUTHORIZATION {}", schema, owner)
    stage.as_clients_see(clone, f"CREATE TABLE {schema}.a AS SELECT 1 AS x")
    stage.as_clients_see(base, f"ALTER TABLE {schema}.a ADD y int")
    stage.as_clients_see(base, f"CREATE TABLE {schema}.b AS SELECT 2 AS x")
    stage.as_clients_see(clone, f"DROP TABLE {schema}.b")
    assert stage.run("SELECT tableowner::text FROM pg_tables WHERE schemaname = %s", values=(schema,)) == [(owner,)]


def test_whose_the_idle_user_is_stands_on_the_clone(stage: Stage) -> None:
    """The mark proves the clone, and through it the base; another secret's proves neither."""
    base, admin, _ = prepared(stage)
    clone, base_again = pair_of(base.username), pair_of(base.username, promote="base")
    with stage.login(admin) as session:
        for pair in (clone, base_again):
            assert session.ownership(pair) is Ownership.OURS
            assert session.ownership(replace(pair, secret_arn="arn:other")) is Ownership.FOREIGN
        stage.run("COMMENT ON ROLE {} IS NULL", clone.clone)
        for pair in (clone, base_again):
            assert session.ownership(pair) is Ownership.UNMARKED


def test_a_mark_of_another_base_proves_nothing(stage: Stage) -> None:
    """The names are compared exactly, and no partner vouches for the other."""
    base, admin, clone = prepared(stage)
    with stage.login(admin) as session:
        own = Pair(pair_of("x").secret_arn, clone.username, clone.username, "v")
        assert session.ownership(own) is Ownership.UNMARKED
        assert session.ownership(replace(own, idle=own.clone)) is Ownership.ABSENT
        absent = pair_of(unique("nobody"), promote="base")
        assert session.ownership(absent) is Ownership.ABSENT
        assert session.mark_of(clone.username) is not None
        assert session.mark_of(base.username) is None


def test_the_version_that_was_prepared_last_is_known(stage: Stage) -> None:
    """In both turns; another secret's mark says nothing of it."""
    base, admin, _ = prepared(stage)
    pair = pair_of(base.username)
    with stage.login(admin) as session:
        assert session.prepared_version(pair) == "version-1"
        assert session.prepared_version(replace(pair, secret_arn="arn:other")) is None
    promote_base(stage, base, admin)
    with stage.login(admin) as session:
        assert session.prepared_version(pair) == "version-2"
        assert session.prepared_version(pair_of(unique("nobody"))) is None


@pytest.mark.parametrize("promote", ["base", "clone"])
def test_a_clone_of_another_secret_is_not_overwritten(stage: Stage, promote: str) -> None:
    """The mark is read once more where it would be replaced."""
    base, admin, clone = prepared(stage)
    stolen = replace(pair_of(base.username, promote=promote), secret_arn="arn:other")
    with pytest.raises(NotOurs, match="COMMENT ON ROLE"):
        stage.level(admin, stolen)
    stage.accepts(clone)
    stage.accepts(base)


@pytest.mark.parametrize("arn", ["arn:other", ARN])
def test_no_clone_is_made_of_a_clone(stage: Stage, arn: str) -> None:
    """The clone of a pair is no base, neither for another secret nor its own: that one would have all of the base."""
    _, admin, clone = prepared(stage)
    stolen = replace(pair_of(clone.username), secret_arn=arn)
    for rehearse in (True, False):
        with pytest.raises(NotOurs, match=f"The user {clone.username} is marked"):
            stage.level(admin, stolen, rehearse=rehearse)
    with stage.login(admin) as session:
        assert session.ownership(stolen) is Ownership.ABSENT
    stage.accepts(clone)


def test_settings_are_levelled_in_both_directions(stage: Stage) -> None:
    """For all databases and for one; lists and the application's own."""
    base = stage.user()
    name, database = base.username, stage.server.create_database(unique("db"))
    stage.run("ALTER ROLE {} SET search_path TO 'a b', \"$user\", public", name)
    stage.run("ALTER ROLE {} SET work_mem TO '5MB'", name)
    stage.run("ALTER ROLE {} IN DATABASE {} SET statement_timeout TO '9s'", name, database)
    admin = stage.admin(name)
    clone, _ = stage.level(admin, pair_of(name))
    show = "SELECT current_setting('search_path'), current_setting('work_mem'), current_setting('statement_timeout')"
    for place in ("postgres", database):
        assert stage.as_clients_see(clone, show, place) == stage.as_clients_see(base, show, place)
    stage.run("ALTER ROLE {} RESET work_mem", name)
    stage.run("ALTER ROLE {} SET lock_timeout TO '3s'", clone.username)
    _, changes = stage.level(admin, pair_of(name))
    assert sorted(changes) == [f'ALTER ROLE "{clone.username}" RESET "{n}"' for n in ("lock_timeout", "work_mem")]


def test_a_setting_that_the_admin_may_not_copy_is_told(stage: Stage) -> None:
    """It does not stop the rotation; a value of the application's own is not shown."""
    base = stage.user()
    stage.run("ALTER ROLE {} SET log_min_duration_statement TO 5", base.username)
    stage.run("ALTER ROLE {} SET app.key TO 's3cret'", base.username)
    clone, changes = stage.level(stage.admin(base.username), pair_of(base.username))
    told = [line for line in changes if line.startswith("not possible: ")]
    assert len(told) == 2
    assert "s3cret" not in str(changes)
    stage.accepts(clone)


@pytest.mark.parametrize("written", ["app,public", '"$user" ,A,  "B"', ""])
def test_a_search_path_from_a_session_is_levelled_once(stage: Stage, written: str) -> None:
    """FROM CURRENT keeps it as it was written, and SET as the server writes it."""
    base = stage.user()
    admin, pair = stage.admin(base.username), pair_of(base.username)
    stage.as_clients_see(
        base,
        f"SELECT set_config('search_path', '{written}', false);"
        f'ALTER ROLE "{base.username}" SET search_path FROM CURRENT',
    )
    clone, _ = stage.level(admin, pair)
    shown = "SELECT current_schemas(true)"
    assert stage.as_clients_see(clone, shown) == stage.as_clients_see(base, shown)
    assert stage.level(admin, pair)[1] == []


def test_limits_and_validity_are_levelled(stage: Stage) -> None:
    """The connection limit and the end of validity are the base's, also when they are taken back."""
    base, admin, clone = prepared(stage, "CONNECTION LIMIT 5 VALID UNTIL '2040-01-01'")
    query = "SELECT rolconnlimit, rolvaliduntil::text FROM pg_roles WHERE rolname = %s"
    limits = stage.run(query, values=(base.username,))
    assert stage.run(query, values=(clone.username,)) == limits
    stage.run("ALTER ROLE {} CONNECTION LIMIT -1 VALID UNTIL 'infinity'", base.username)
    stage.level(admin, pair_of(base.username))
    assert stage.run(query, values=(clone.username,)) == [(-1, "infinity")]


def test_memberships_of_the_clone_are_levelled(stage: Stage) -> None:
    """A role that the base does not give is revoked, whoever granted it."""
    base, _, clone = prepared(stage)
    extra = unique("extra")
    stage.run("CREATE ROLE {}", extra)
    stage.run("GRANT {} TO {} WITH ADMIN OPTION", extra, clone.username)
    _, changes = stage.level(stage.superuser(), pair_of(base.username))
    assert changes[0].startswith(f'REVOKE "{extra}" FROM "{clone.username}"')


def test_a_membership_that_the_admin_may_not_revoke_refuses(stage: Stage) -> None:
    """The statement to run is named, and neither the password nor anything else was changed."""
    base, admin, clone = prepared(stage)
    extra = unique("extra")
    stage.run("CREATE ROLE {} SUPERUSER", extra)
    stage.run("GRANT {} TO {}", extra, clone.username)
    with pytest.raises(AccessMismatch, match=f'REVOKE "{extra}"'):
        stage.level(admin, pair_of(base.username))
    stage.accepts(clone)


def test_replication_that_the_admin_may_not_give_refuses(stage: Stage) -> None:
    """It does not work through the base, and a superuser can give it."""
    base = stage.user(options="REPLICATION")
    with pytest.raises(AccessMismatch, match="REPLICATION"):
        stage.level(stage.admin(base.username), pair_of(base.username))
    clone, changes = stage.level(stage.superuser(), pair_of(base.username))
    assert f'ALTER ROLE "{clone.username}" REPLICATION' in changes


@pytest.mark.parametrize("promote", ["base", "clone"])
def test_what_the_clone_owns_goes_to_the_base(stage: Stage, promote: str) -> None:
    """In each database, and by name; the admin is afterwards a member of neither user."""
    base, admin, clone = prepared(stage)
    database = stage.server.create_database(unique("db"))
    for place in (database, "postgres"):
        stage.run("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}", clone.username, clone.username, database=place)
        stage.run("GRANT CREATE ON DATABASE {} TO {}", place, base.username)
    stage.run("CREATE TABLE {}.old ()", clone.username, database=database)
    stage.run("ALTER TABLE {}.old OWNER TO {}", clone.username, clone.username, database=database)
    stage.run("ALTER DATABASE {} OWNER TO {}", database, clone.username)
    before = memberships(stage, admin)
    pair = pair_of(base.username, promote=promote)
    _, rehearsed = stage.level(admin, pair, rehearse=True)
    _, changes = stage.level(admin, pair)
    assert changes == rehearsed
    first, second = [line for line in changes if line.startswith("REASSIGN")]
    start = f'REASSIGN OWNED BY "{clone.username}" TO "{base.username}" in database '
    assert first == f'{start}"{database}": database {database}, schema {clone.username}, table {clone.username}.old'
    assert second.startswith(f'{start}"postgres": ')
    query = "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = %s"
    assert stage.run(query, values=(clone.username,)) == [(base.username,)]
    assert stage.run(query, values=(clone.username,), database=database) == [(base.username,)]
    assert memberships(stage, admin) == before
    assert [line for line in stage.level(admin, pair)[1] if line.startswith("REASSIGN")] == []
    stage.run("DROP SCHEMA {} CASCADE", clone.username)


def memberships(stage: Stage, who: Credential) -> list[tuple[Any, ...]]:
    options = ", inherit_option, set_option" if stage.major >= 16 else ""
    query = (
        f"SELECT roleid, grantor, admin_option{options} FROM pg_auth_members WHERE member = %s::regrole ORDER BY 1, 2"
    )
    rows: list[tuple[Any, ...]] = stage.run(query, values=(who.username,))
    return rows


def test_a_membership_that_the_admin_had_is_as_it_was(stage: Stage) -> None:
    """Also one that it had given itself, with less than it takes to give things away."""
    base, admin, clone = prepared(stage)
    options = " WITH INHERIT FALSE, SET TRUE" if stage.major >= 16 else ""
    for user in (base, clone):
        stage.as_clients_see(admin, f"GRANT {user.username} TO {admin.username}{options}")
    before = memberships(stage, admin)
    stage.run("CREATE SCHEMA {} AUTHORIZATION {}", clone.username, clone.username)
    stage.run("GRANT CREATE ON DATABASE postgres TO {}", base.username)
    _, changes = stage.level(admin, pair_of(base.username))
    assert "REASSIGN" in str(changes)
    assert memberships(stage, admin) == before


def test_what_the_admin_may_not_give_away_is_refused(stage: Stage) -> None:
    """The database and the statement are named, and nothing was changed; afterwards the pair is level."""
    base, admin, clone = prepared(stage)
    database = stage.server.create_database(unique("db"))
    stage.run("CREATE SCHEMA old AUTHORIZATION {}", clone.username, database=database)
    stage.run("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", database)
    pair = pair_of(base.username)
    with pytest.raises(AccessMismatch) as refused:
        stage.level(admin, pair)
    statement = f'REASSIGN OWNED BY "{clone.username}" TO "{base.username}";'
    assert f'1 in database "{database}"' in refused.value.what
    assert refused.value.remedy == f'In "{database}", as a member of both users, run: {statement}'
    stage.accepts(clone)
    stage.run(statement, database=database)
    assert stage.level(admin, pair)[1] == []


def test_a_thing_in_use_is_not_waited_for_long(stage: Stage) -> None:
    """Whoever wants it next stands behind us; the step is worth another try."""
    base, admin, clone = prepared(stage)
    stage.run("CREATE TABLE {} ()", clone.username)
    stage.run("ALTER TABLE {} OWNER TO {}", clone.username, clone.username)
    stage.run("GRANT CREATE ON SCHEMA public TO {}", base.username)
    with closing(stage.server.admin()) as busy, busy.cursor() as cursor:
        cursor.execute(f"BEGIN; SELECT FROM {clone.username}")
        with pytest.raises(StatementFailed) as late, stage.login(admin, seconds=30) as session:
            session.level(pair_of(base.username), stage.password())
    assert (late.value.code, late.value.retryable) == ("55P03", True)
    assert "REASSIGN" in str(stage.level(admin, pair_of(base.username))[1])


@pytest.mark.parametrize("promote", ["base", "clone"])
def test_what_others_grant_to_the_clone_stops_nothing(stage: Stage, promote: str) -> None:
    """Any user can grant something; it is told of, and of no use while the clone acts as the base."""
    base, admin, clone = prepared(stage)
    other, schema = stage.user(), unique("schema")
    stage.run("CREATE SCHEMA {} AUTHORIZATION {}", schema, other.username)
    stage.as_clients_see(
        other,
        f"CREATE TABLE {schema}.bait (); GRANT SELECT ON {schema}.bait TO {clone.username};"
        f"CREATE POLICY trap ON {schema}.bait TO {clone.username}",
    )
    _, changes = stage.level(admin, pair_of(base.username, promote=promote))
    [line] = changes
    assert isinstance(line, Caution)
    assert '2 in database "postgres"' in line


@pytest.mark.parametrize("promote", ["base", "clone"])
def test_a_role_that_anybody_gives_to_the_clone_stops_nothing(stage: Stage, promote: str) -> None:
    """Who has a role of its own to give is no admin; what cannot be revoked is told of."""
    base, admin, clone = prepared(stage)
    other, bait = stage.user(), unique("bait")
    stage.run("CREATE ROLE {}", bait)
    stage.run("GRANT {} TO {} WITH ADMIN OPTION", bait, other.username)
    stage.as_clients_see(other, f"GRANT {bait} TO {clone.username}")
    _, changes = stage.level(admin, pair_of(base.username, promote=promote))
    if stage.major >= 16 and promote == "clone":
        [line] = changes
        assert isinstance(line, Caution)
        assert f'REVOKE "{bait}"' in line


def test_things_outside_of_the_databases_count(stage: Stage) -> None:
    """A right on a database is told of; the right to connect is no matter."""
    base, admin, clone = prepared(stage)
    database = stage.server.create_database(unique("db"))
    stage.run("GRANT CONNECT ON DATABASE {} TO {}", database, clone.username)
    assert stage.level(admin, pair_of(base.username))[1] == []
    stage.run("GRANT CREATE ON DATABASE {} TO {}", database, clone.username)
    assert "1 outside of the databases" in str(stage.level(admin, pair_of(base.username))[1])


def test_what_the_application_has_through_the_clone_alone_stops_the_bases_turn(stage: Stage) -> None:
    """Nothing is taken from a user in use: the statement gives it to the base."""
    base, admin, clone = prepared(stage)
    extra = unique("extra")
    stage.run("CREATE ROLE {}", extra)
    stage.run("GRANT {} TO {}", extra, clone.username)
    with pytest.raises(AccessMismatch) as refused:
        promote_base(stage, base, admin)
    assert refused.value.remedy == f'Run: GRANT "{extra}" TO "{base.username}"'
    stage.accepts(base)
    stage.run(refused.value.remedy.removeprefix("Run: "))
    promote_base(stage, base, admin)


def test_a_base_that_may_not_log_in_is_not_promoted(stage: Stage) -> None:
    """Whoever closed it gets told; it is not opened behind their back."""
    base, admin, _ = prepared(stage)
    stage.run("ALTER ROLE {} NOLOGIN", base.username)
    with pytest.raises(AccessMismatch, match="NOLOGIN"):
        promote_base(stage, base, admin)


@pytest.mark.parametrize("promote", ["base", "clone"])
def test_a_pair_without_its_active_user_is_refused(stage: Stage, promote: str) -> None:
    """There is nothing to be the equal of."""
    base = stage.user()
    missing = unique("nobody") if promote == "clone" else base.username
    with pytest.raises(AccessMismatch, match="lacks the user"):
        stage.level(stage.admin(base.username), pair_of(missing, promote=promote))


def test_a_clone_name_that_would_be_cut_is_refused(stage: Stage) -> None:
    """Two users could meet under one name."""
    base = stage.user("b" * 58)
    with pytest.raises(GuardViolation):
        stage.level(stage.admin(base.username), pair_of(base.username))
    stage.run("DROP ROLE {}", base.username)


def test_an_admin_without_the_right_is_told_which(stage: Stage) -> None:
    """The statements make it work."""
    base, admin = stage.user(), stage.user(unique("admin"))
    with pytest.raises(PermissionDenied) as denied:
        stage.level(admin, pair_of(base.username))
    stage.run(denied.value.remedy.removeprefix("Run: "))
    stage.level(admin, pair_of(base.username))


def test_an_existing_clone_of_somebody_elses_needs_its_own_grant(stage: Stage) -> None:
    """A clone that another admin made is taken over with the admin option on it."""
    base = stage.user()
    clone = stage.user(base.username + "_clone")
    admin = stage.admin(base.username)
    if stage.major >= 16:
        with pytest.raises(PermissionDenied, match=f'GRANT "{clone.username}" TO .* WITH ADMIN OPTION'):
            stage.level(admin, pair_of(base.username))
        stage.run("GRANT {} TO {} WITH ADMIN OPTION", clone.username, admin.username)
    stage.level(admin, pair_of(base.username))


@pytest.mark.parametrize("part", ["work_mem", "role"])
def test_a_conflict_in_the_middle_is_worth_another_try(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Neither a wish nor a demand takes a passing conflict for a refusal."""
    base = stage.user()
    stage.run("ALTER ROLE {} SET work_mem TO '5MB'", base.username)
    with stage.login(stage.admin(base.username)) as session:
        run = session._connection.run  # noqa: SLF001

        def conflicting(statement: str | sql.Composable, values: object = None) -> list[tuple[Any, ...]]:
            if f"Identifier({part!r})" in str(statement):
                raise StatementFailed("busy", engine="postgresql", retryable=True)
            return run(statement, values)

        monkeypatch.setattr(session._connection, "run", conflicting)  # noqa: SLF001
        with pytest.raises(StatementFailed, match="busy"):
            session.level(pair_of(base.username), stage.password())
        assert session.ownership(pair_of(base.username)) is Ownership.ABSENT


def test_a_login_that_lost_its_membership_is_not_equal(stage: Stage) -> None:
    """PostgreSQL lets it in with a warning, as itself."""
    base, admin, clone = prepared(stage)
    by = " GRANTED BY {}" if stage.major >= 16 else ""
    stage.run("REVOKE {} FROM {}" + by, base.username, clone.username, *([admin.username] if by else []))
    with stage.login(clone) as session, pytest.raises(AccessMismatch, match=f"acts as {clone.username}"):
        session.check_access(pair_of(base.username))


def test_a_role_without_the_membership_is_not_equal(stage: Stage) -> None:
    """A superuser may take any role; the access of the pair has to come from the base."""
    base = stage.user()
    clone = stage.user(pair_of(base.username).clone, "SUPERUSER")
    stage.run("ALTER ROLE {} SET role TO {}", clone.username, base.username)
    with stage.login(clone) as session, pytest.raises(AccessMismatch, match="is not a member"):
        session.check_access(pair_of(base.username))


def test_a_base_whose_role_is_its_clone_is_itself(stage: Stage) -> None:
    """The server does not give it that role, and its clone is not to act as itself."""
    base = stage.user()
    pair = pair_of(base.username)
    stage.as_clients_see(base, f"ALTER ROLE \"{base.username}\" SET role = '{pair.clone}'")
    clone, _ = stage.level(stage.admin(base.username), pair)
    assert stage.as_clients_see(clone, "SELECT current_user") == [(base.username,)]
    with stage.login(clone) as session:
        session.check_access(pair)


def test_text_of_another_encoding_is_said_to_be_that(stage: Stage) -> None:
    """Roles are shared by databases that do not share an encoding."""
    legacy = unique("legacy")
    stage.run("CREATE DATABASE {} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'", legacy)
    base = stage.user()
    stage.as_clients_see(base, f"ALTER ROLE \"{base.username}\" SET search_path = E'\\xe4b'", legacy)
    with pytest.raises(StatementFailed, match="encoding"):
        stage.level(stage.admin(base.username), pair_of(base.username))


def test_a_base_that_was_made_anew_is_not_ours(stage: Stage) -> None:
    """Where the base was dropped and another user got its name, the clone's mark proves nothing of it."""
    base = stage.user()
    admin = stage.admin(base.username)
    stage.level(admin, pair_of(base.username))
    stage.run("DROP ROLE {}", base.username)
    another = stage.user(base.username)
    stage.run("GRANT {} TO {} WITH ADMIN OPTION", base.username, admin.username)
    with pytest.raises(NotOurs, match="another user of that name"):
        stage.level(admin, pair_of(base.username, promote="base", version="version-2"))
    stage.accepts(another)
