"""A pair of users on Redshift that alternate, and are made level."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from rotation.engines.redshift import pair as pairs
from rotation.engines.redshift.accounts import Change
from rotation.engines.redshift.forms import Form
from rotation.errors import AccessMismatch, AuthenticationFailed, NotOurs, PermissionDenied, StatementFailed
from rotation.model import Credential, Deadline, Ownership
from tests.lab.stages.redshift import LEVELLING, pair_of, promoting_base, unique

if TYPE_CHECKING:
    from tests.lab.stages.redshift import Stage


def test_a_missing_clone_is_created_and_logs_in(stage: Stage) -> None:
    """It exists once its password is set, and its own look finds nothing amiss."""
    base = stage.user()
    pair = pair_of(base.username)
    with stage.login(stage.superuser()) as session:
        assert session.ownership(pair) is Ownership.ABSENT
        assert session.prepared_version(pair) is None
    clone, changes = stage.level(pair)
    assert changes[0] == f'CREATE USER "{pair.clone}" PASSWORD …'
    with stage.login(clone) as session:
        session.check_access(pair)
    stage.accepts(base)


def test_a_rehearsal_names_the_changes_and_makes_none(stage: Stage) -> None:
    """The same lines, and no clone."""
    base = stage.user(options="CREATEDB")
    pair = pair_of(base.username)
    _, changes = stage.level(pair, rehearse=True)
    assert any("CREATEDB" in change for change in changes)
    with stage.login(stage.superuser()) as session:
        assert session.ownership(pair) is Ownership.ABSENT
    assert stage.level(pair)[1] == changes


def test_a_level_pair_needs_no_change(stage: Stage) -> None:
    """A second preparation finds nothing to do but the password."""
    base, old, pair = stage.pair("CREATEDB CONNECTION LIMIT 7 SESSION TIMEOUT 300 SYSLOG ACCESS UNRESTRICTED")
    clone, changes = stage.level(pair)
    assert changes == []
    stage.accepts(clone)
    stage.accepts(base)
    with pytest.raises(AuthenticationFailed):
        stage.login(old)


def everything(stage: Stage, base: str) -> str:
    """Return the base one right of every kind, and name the schema of all that."""
    name = unique("all")
    stage.run(
        f"CREATE SCHEMA {name}",
        f"CREATE TABLE {name}.t (a int, b int)",
        f"CREATE VIEW {name}.v AS SELECT a FROM {name}.t",
        f"CREATE MATERIALIZED VIEW {name}.m AS SELECT a FROM {name}.t",
        f"CREATE FUNCTION {name}.f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        f"CREATE PROCEDURE {name}.p(int) LANGUAGE plpgsql AS 'BEGIN NULL; END'",
        f"CREATE EXTERNAL SCHEMA {name}_x FROM DATA CATALOG DATABASE 'lake' IAM_ROLE default",
        f"CREATE DATASHARE {name}_share",
        f"CREATE GROUP {name}_group",
        f"CREATE ROLE {name}_role",
        f"GRANT USAGE, CREATE, ALTER ON SCHEMA {name} TO {base} WITH GRANT OPTION",
        f"GRANT USAGE ON SCHEMA {name}_x TO {base}",
        f"GRANT SELECT, INSERT, DROP ON TABLE {name}.t TO {base}",
        f"GRANT SELECT ON {name}.v TO {base} WITH GRANT OPTION",
        f"GRANT SELECT ON {name}.m TO {base}",
        f"GRANT UPDATE (b) ON {name}.t TO {base}",
        f"GRANT EXECUTE ON FUNCTION {name}.f(int, text) TO {base}",
        f"GRANT EXECUTE ON PROCEDURE {name}.p(int) TO {base}",
        f"GRANT USAGE ON LANGUAGE plpgsql TO {base}",
        f"GRANT TEMPORARY, CREATE ON DATABASE dev TO {base}",
        f"GRANT SHARE ON DATASHARE {name}_share TO {base}",
        f"GRANT EXECUTE ON MODEL {name}.forecast TO {base}",
        f"GRANT DELETE FOR TABLES IN SCHEMA {name} TO {base}",
        f"GRANT ASSUMEROLE ON 'arn:aws:iam::123456789012:role/loader' TO {base} FOR COPY, EXTERNAL FUNCTION",
        f"GRANT ASSUMEROLE ON DEFAULT TO {base} FOR UNLOAD",
        f"GRANT ROLE {name}_role TO {base} WITH ADMIN OPTION",
        f"ALTER GROUP {name}_group ADD USER {base}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT ON TABLES TO {base} WITH GRANT OPTION",
        f"ALTER DEFAULT PRIVILEGES FOR USER {base} GRANT SELECT ON TABLES TO GROUP {name}_group",
        f"ALTER DEFAULT PRIVILEGES FOR USER {base} GRANT INSERT ON TABLES TO PUBLIC",
        f'ALTER USER {base} SET search_path TO "$user", {name}, "odd ""name"',
        f"ALTER USER {base} SET statement_timeout TO 30000",
        f"ALTER USER {base} SET app.note TO 'it''s \\\\ here'",
        f"ALTER USER {base} VALID UNTIL '2037-01-01'",
    )
    return name


def test_the_clone_gets_every_kind_of_right(stage: Stage) -> None:
    """Groups, roles, direct rights with grant option, settings and limits; then nothing is left to do."""
    base = stage.user(options="CONNECTION LIMIT 9 SESSION TIMEOUT 120")
    pair = pair_of(base.username)
    schema = everything(stage, base.username)
    _, changes = stage.level(pair)
    text = "\n".join(changes)
    for wanted in (
        f'GRANT SELECT ON TABLE "{schema}"."v" TO "{pair.clone}" WITH GRANT OPTION',
        f'GRANT SELECT ON TABLE "{schema}"."m"',
        f'GRANT UPDATE ("b") ON TABLE "{schema}"."t"',
        f'GRANT DROP ON TABLE "{schema}"."t"',
        f'GRANT EXECUTE ON FUNCTION "{schema}"."f"(integer, text)',
        f'GRANT EXECUTE ON PROCEDURE "{schema}"."p"(integer)',
        'GRANT USAGE ON LANGUAGE "plpgsql"',
        f'GRANT SHARE ON DATASHARE "{schema}_share"',
        f'GRANT EXECUTE ON MODEL "{schema}"."forecast"',
        f'GRANT DELETE FOR TABLES IN SCHEMA "{schema}"',
        f'GRANT ALTER ON SCHEMA "{schema}"',
        f'GRANT USAGE ON SCHEMA "{schema}_x"',
        'GRANT TEMPORARY ON DATABASE "dev"',
        "FOR EXTERNAL FUNCTION",
        "GRANT ASSUMEROLE ON DEFAULT",
        f'GRANT ROLE "{schema}_role" TO "{pair.clone}" WITH ADMIN OPTION',
        f'ALTER GROUP "{schema}_group" ADD USER "{pair.clone}"',
        f'ALTER DEFAULT PRIVILEGES FOR USER "{pair.clone}" GRANT SELECT ON TABLES TO GROUP "{schema}_group"',
        f'ALTER DEFAULT PRIVILEGES FOR USER "{pair.clone}" GRANT INSERT ON TABLES TO PUBLIC',
        "CONNECTION LIMIT 9",
        "SESSION TIMEOUT 120",
        "SET app.note TO …",
        "VALID UNTIL",
    ):
        assert wanted in text, wanted
    clone, changes = stage.level(pair)
    assert changes == []
    with stage.login(clone) as session:
        session.check_access(pair)
    shown = stage.as_clients_see(clone, "SHOW search_path")
    assert shown == [(f'"$user", {schema}, "odd ""name"',)]
    assert stage.as_clients_see(clone, "SHOW app.note") == [("it's \\ here",)]


def test_what_the_clone_has_too_much_is_taken_away(stage: Stage) -> None:
    """Rights, their grant option, groups, settings and attributes that the base has not."""
    base, _, pair = stage.pair()
    table, group = unique("t"), unique("g")
    stage.run(
        f"CREATE TABLE public.{table} (a int)",
        f"CREATE GROUP {group}",
        f"CREATE ROLE {group}_role",
        f"GRANT SELECT ON public.{table} TO {base.username}",
        f"GRANT SELECT, DELETE ON public.{table} TO {pair.clone} WITH GRANT OPTION",
        f"GRANT ROLE {group}_role TO {base.username}",
        f"GRANT ROLE {group}_role TO {pair.clone} WITH ADMIN OPTION",
        f"ALTER GROUP {group} ADD USER {pair.clone}",
        f"ALTER USER {pair.clone} SET statement_timeout TO 1000",
        f"ALTER USER {pair.clone} CREATEDB SESSION TIMEOUT 90",
    )
    _, changes = stage.level(pair)
    assert set(changes) == {
        f'ALTER USER "{pair.clone}" NOCREATEDB',
        f'ALTER USER "{pair.clone}" RESET SESSION TIMEOUT',
        f'ALTER USER "{pair.clone}" RESET statement_timeout',
        f'ALTER GROUP "{group}" DROP USER "{pair.clone}"',
        f'REVOKE ADMIN OPTION FOR ROLE "{group}_role" FROM "{pair.clone}"',
        f'REVOKE GRANT OPTION FOR SELECT ON TABLE "public"."{table}" FROM "{pair.clone}"',
        f'REVOKE DELETE ON TABLE "public"."{table}" FROM "{pair.clone}"',
    }


def test_rights_through_groups_roles_and_public_do_not_become_direct(stage: Stage) -> None:
    """The clone gets the membership, and the views show no grant to it."""
    base = stage.user()
    pair, table, group = pair_of(base.username), unique("t"), unique("g")
    stage.run(
        f"CREATE TABLE public.{table} (a int)",
        f"CREATE GROUP {group}",
        f"CREATE ROLE {group}_role",
        f"GRANT SELECT ON public.{table} TO GROUP {group}",
        f"GRANT UPDATE ON public.{table} TO ROLE {group}_role",
        f"GRANT INSERT ON public.{table} TO PUBLIC",
        f"ALTER GROUP {group} ADD USER {base.username}",
        f"GRANT ROLE {group}_role TO {base.username}",
    )
    clone, changes = stage.level(pair)
    assert not any(table in change for change in changes)
    stage.as_clients_see(clone, f"SELECT * FROM public.{table}", f"UPDATE public.{table} SET a = 1")


def test_what_the_base_owns_the_clone_may_use_as_fully(stage: Stage) -> None:
    """Ownership gives all rights; the clone is granted each of them."""
    base = stage.user()
    pair, schema = pair_of(base.username), unique("own")
    stage.run(f"CREATE SCHEMA {schema} AUTHORIZATION {base.username}")
    stage.as_clients_see(base, f"CREATE TABLE {schema}.t (a int)")
    clone, changes = stage.level(pair)
    assert f'GRANT DROP ON TABLE "{schema}"."t" TO "{pair.clone}" WITH GRANT OPTION' in changes
    stage.as_clients_see(clone, f"INSERT INTO {schema}.t VALUES (1)", f"TRUNCATE {schema}.t")
    assert stage.level(pair)[1] == []


def test_what_the_clone_made_goes_to_the_base_with_all_rights_back(stage: Stage) -> None:
    """A superuser gives it away in the rotation that promotes the base; the clone still may do all."""
    base = stage.user()
    schema = unique("made")
    stage.run(f"CREATE SCHEMA {schema}", f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {base.username}")
    pair = pair_of(base.username)
    clone, _ = stage.level(pair)
    stage.as_clients_see(
        clone,
        f"CREATE TABLE {schema}.t (a int)",
        f"CREATE FUNCTION {schema}.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        f"CREATE PROCEDURE {schema}.p(int) LANGUAGE plpgsql AS 'BEGIN NULL; END'",
    )
    fresh, changes = stage.level(promoting_base(pair))
    assert f'ALTER TABLE "{schema}"."t" OWNER TO "{pair.base}"' in changes
    assert f'ALTER PROCEDURE "{schema}"."p"(integer) OWNER TO "{pair.base}"' in changes
    stage.as_clients_see(clone, f"INSERT INTO {schema}.t VALUES (1)")
    stage.as_clients_see(fresh, f"SELECT {schema}.f(a) FROM {schema}.t", f"DROP TABLE {schema}.t")


def test_an_admin_that_is_no_superuser_names_what_to_give_away(stage: Stage) -> None:
    """Only a superuser changes an owner, so the statement to run is named."""
    base, clone, pair = stage.pair()
    schema = unique("made")
    stage.run(f"CREATE SCHEMA {schema} AUTHORIZATION {pair.clone}")
    admin = stage.admin(*LEVELLING)
    with pytest.raises(AccessMismatch) as mismatch:
        stage.level(promoting_base(pair), admin)
    assert f'ALTER SCHEMA "{schema}" OWNER TO "{pair.base}"' in mismatch.value.remedy
    stage.accepts(base)
    stage.accepts(clone)


def test_what_cannot_change_hands_is_named(stage: Stage) -> None:
    """A datashare has no OWNER TO."""
    _, _, pair = stage.pair()
    share = unique("share")
    stage.run(f"INSERT INTO redshift.datashares VALUES ('{share}', '{pair.clone}')")
    with pytest.raises(AccessMismatch, match="cannot change hands"):
        stage.level(pair)


def test_promoting_the_base_takes_nothing_from_the_clone(stage: Stage) -> None:
    """An attribute that the clone alone has is named, and nothing is changed."""
    base, clone, pair = stage.pair()
    stage.run(f"ALTER USER {pair.clone} CREATEDB SYSLOG ACCESS UNRESTRICTED")
    with pytest.raises(AccessMismatch) as mismatch:
        stage.level(promoting_base(pair))
    assert f'ALTER USER "{pair.base}" CREATEDB' in mismatch.value.remedy
    assert "SYSLOG ACCESS UNRESTRICTED" in mismatch.value.remedy
    stage.accepts(base)
    stage.accepts(clone)


def granted_by_a_stranger(stage: Stage, user: str) -> str:
    """Let somebody who owns a table grant a right on it to the user."""
    stranger, schema = stage.user(unique("stranger")), unique("theirs")
    stage.run(f"CREATE SCHEMA {schema} AUTHORIZATION {stranger.username}")
    stage.as_clients_see(stranger, f"CREATE TABLE {schema}.t (a int)", f"GRANT SELECT ON {schema}.t TO {user}")
    return f'SELECT ON TABLE "{schema}"."t"'


@pytest.mark.parametrize("kind", ["superuser", "no superuser"])
def test_what_a_stranger_granted_to_the_clone_stops_no_rotation(stage: Stage, kind: str) -> None:
    """The base gets it too, and the clone loses it in its own turn; where the admin may not, it is told."""
    base = stage.user()
    pair = pair_of(base.username)
    admin = stage.superuser() if kind == "superuser" else stage.admin(*LEVELLING)
    stage.level(pair, admin)
    right = granted_by_a_stranger(stage, pair.clone)
    left = "" if kind == "superuser" else "left as it is, since only its grantor or a superuser may run: "
    for rehearse in (True, False):
        fresh, changes = stage.level(promoting_base(pair), admin, rehearse=rehearse)
        assert changes == [f'{left}GRANT {right} TO "{pair.base}"']
    stage.accepts(fresh)
    theirs = granted_by_a_stranger(stage, pair.clone)
    for rehearse in (True, False):
        fresh, changes = stage.level(pair, admin, rehearse=rehearse)
        assert f'{left}REVOKE {theirs} FROM "{pair.clone}"' in changes
    stage.accepts(fresh)


def test_an_admin_takes_back_what_it_gave(stage: Stage) -> None:
    """One that is no superuser ends the clone's hold of a role that it made itself."""
    admin, role = stage.admin(*LEVELLING), unique("made")
    pair = pair_of(stage.user().username)
    stage.level(pair, admin)
    stage.as_clients_see(admin, f"CREATE ROLE {role}", f"GRANT ROLE {role} TO {pair.clone}")
    assert stage.level(pair, admin)[1] == [f'REVOKE ROLE "{role}" FROM "{pair.clone}"']


def test_a_conflict_while_a_strangers_grant_is_ended_can_be_retried(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing of what the admin may."""
    _, _, pair = stage.pair()
    admin = stage.admin(*LEVELLING)
    monkeypatch.setattr(pairs, "_clones_alone", lambda *_: [Change("SELECT redshift.refuse('40001', 'x')")])
    with pytest.raises(StatementFailed) as failed:
        stage.level(pair, admin)
    assert failed.value.retryable


@pytest.mark.parametrize("promote", ["clone", "base"])
def test_a_user_that_another_secret_marked_is_left_alone(stage: Stage, promote: str) -> None:
    """Be it the one that would be granted from; the role to drop is named."""
    _, _, pair = stage.pair()
    other = replace(pair, secret_arn=pair.secret_arn + "x")
    stage.run(f"DROP USER {pair.clone}")
    with pytest.raises(NotOurs, match=r"DROP ROLE .* FORCE"):
        stage.level(other if promote == "clone" else promoting_base(other))


@pytest.mark.parametrize("form", [Form.MD5, Form.SHA256])
def test_the_idle_user_gets_the_form_of_the_active_one(stage: Stage, form: Form) -> None:
    """A client that logs in as the one can log in as the other."""
    base = stage.user(form=form)
    pair = pair_of(base.username)
    for promoted in (pair, promoting_base(pair), replace(pair, version=str(uuid4()))):
        deadline = Deadline(20)
        with stage.login(base, deadline=deadline), stage.login(stage.superuser(), deadline=deadline) as session:
            session.level(promoted, password := stage.password())
        base = Credential(promoted.idle, password)
        stage.accepts(base)
        assert stage.form(base.username) is form


def test_an_admin_in_another_database_is_told_so(stage: Stage) -> None:
    """What it does not see there it cannot level."""
    pair = pair_of(stage.user().username)
    address = replace(stage.address(), application_database="orders")
    with stage.engine.connect(address, stage.superuser(), Deadline(20)) as session:
        with pytest.raises(AccessMismatch, match='Take "dbname" out') as mismatch:
            session.level(pair, stage.password())
        assert session.ownership(pair) is Ownership.ABSENT
    assert "orders" in str(mismatch.value)


def test_names_with_capitals_are_levelled(stage: Stage) -> None:
    """Tables that were made with case-sensitive identifiers, for a user that was made in double quotes."""
    base = stage.user(unique("MixedCase"))
    pair, table = pair_of(base.username), unique("MixedTable")
    exact = "SET enable_case_sensitive_identifier TO true"
    stage.as_clients_see(
        stage.superuser(),
        exact,
        f'CREATE TABLE public."{table}" (a int)',
        f'CREATE TABLE public."{table.lower()}" (a int)',
    )
    stage.as_clients_see(stage.superuser(), exact, f'GRANT SELECT ON public."{table}" TO "{base.username}"')
    clone, changes = stage.level(pair)
    assert f'GRANT SELECT ON TABLE "public"."{table}" TO "{pair.clone}"' in changes
    stage.as_clients_see(clone, exact, f'SELECT * FROM public."{table}"')


def test_the_base_is_promoted_where_nothing_is_lost(stage: Stage) -> None:
    """The base gets its new password and keeps what the clone has not."""
    base, clone, pair = stage.pair()
    table = unique("t")
    stage.run(f"CREATE TABLE public.{table} (a int)", f"GRANT SELECT ON public.{table} TO {base.username}")
    fresh, changes = stage.level(promoting_base(pair))
    assert changes == []
    stage.accepts(fresh)
    stage.accepts(clone)
    with pytest.raises(AuthenticationFailed):
        stage.login(base)


def test_an_admin_without_sight_is_told_what_it_lacks(stage: Stage) -> None:
    """Views that hide the rights of others would make a clone with fewer of them."""
    base = stage.user()
    with pytest.raises(PermissionDenied, match="ACCESS SYSTEM TABLE"):
        stage.level(pair_of(base.username), stage.admin("CREATE USER", "ALTER USER"))


def test_an_admin_that_does_not_see_tables_rights_is_told_so(stage: Stage) -> None:
    """ACCESS SYSTEM TABLE alone does not show them."""
    base = stage.user()
    with pytest.raises(PermissionDenied, match="SYSLOG ACCESS UNRESTRICTED"):
        stage.level(pair_of(base.username), stage.admin(*LEVELLING, syslog="RESTRICTED"))


def test_an_admin_that_may_not_create_users_is_told_so(stage: Stage) -> None:
    """It sees everything and may change nothing."""
    base = stage.user()
    with pytest.raises(PermissionDenied, match="may not level"):
        stage.level(pair_of(base.username), stage.admin("ACCESS SYSTEM TABLE"))


def test_an_admin_that_may_not_create_roles_takes_no_pair_over(stage: Stage) -> None:
    """It sees whose the pair is, by a superuser's mark, and may not make another one."""
    pair = pair_of(stage.user().username)
    stage.level(pair)
    there = replace(pair, secret_arn=pair.secret_arn.replace("eu-west-1", "eu-central-1"))
    with stage.login(stage.admin("ACCESS SYSTEM TABLE")) as session:
        assert session.take_over(there, pair.secret_arn, rehearse=True)
        with pytest.raises(PermissionDenied, match="may not mark"):
            session.take_over(there, pair.secret_arn)
    assert stage.level(pair)


def test_an_admin_that_is_no_superuser_levels_what_it_may(stage: Stage) -> None:
    """Four permissions through a role are enough where no grant is missing."""
    base = stage.user()
    pair = pair_of(base.username)
    clone, _ = stage.level(pair, stage.admin(*LEVELLING))
    stage.accepts(clone)


def test_a_grant_that_the_admin_may_not_make_is_named(stage: Stage) -> None:
    """The statement stands in the error, and there is no clone."""
    base, table = stage.user(), unique("t")
    stage.run(f"CREATE TABLE public.{table} (a int)", f"GRANT SELECT ON public.{table} TO {base.username}")
    pair = pair_of(base.username)
    with pytest.raises(AccessMismatch, match=f'GRANT SELECT ON TABLE "public"."{table}"'):
        stage.level(pair, stage.admin(*LEVELLING))
    with stage.login(stage.superuser()) as session:
        assert session.ownership(pair) is Ownership.ABSENT


def test_a_pair_without_its_base_is_named(stage: Stage) -> None:
    """The user that is missing stands in the error."""
    name = unique("nobody")
    with pytest.raises(AccessMismatch, match=name):
        stage.level(pair_of(name))


def test_a_clone_that_differs_is_no_equal_to_itself(stage: Stage) -> None:
    """What every user may see of both is compared: attributes, settings, groups."""
    _, clone, pair = stage.pair()
    group = unique("g")
    stage.run(f"CREATE GROUP {group}", f"ALTER GROUP {group} ADD USER {pair.clone}")
    with stage.login(clone) as session, pytest.raises(AccessMismatch, match="same attributes"):
        session.check_access(pair)


@pytest.mark.parametrize(
    ("change", "told"),
    [("ALTER USER {base} SET search_path TO public", 1), ("CREATE GROUP {base}_more WITH USER {base}", 0)],
)
def test_a_base_that_was_given_more_meanwhile_is_promoted(stage: Stage, change: str, told: int) -> None:
    """An owner changes the base while the clone is in use; the base is the source, so its own word counts."""
    base, _, pair = stage.pair()
    stage.run(change.format(base=base.username))
    promoted, _ = stage.level(promoting_base(pair))
    with stage.login(promoted) as session:
        assert len(session.check_access(promoting_base(pair))) == told


@pytest.mark.parametrize("change", ["ALTER USER {clone} CREATEDB", "CREATE GROUP {clone}_more WITH USER {clone}"])
def test_a_base_that_lacks_what_the_clone_was_given_meanwhile_is_not_promoted(stage: Stage, change: str) -> None:
    """The application may use it by now; setSecret gives it to the base, or names the statement."""
    _, _, pair = stage.pair()
    promoted, _ = stage.level(promoting_base(pair))
    stage.run(change.format(clone=pair.clone))
    with stage.login(promoted) as session, pytest.raises(AccessMismatch, match="same attributes"):
        session.check_access(promoting_base(pair))


def test_names_are_quoted(stage: Stage) -> None:
    """Whatever is odd in a name stays."""
    name = unique('Odd "Name" é')
    stage.run(f"CREATE USER {quote(name)} PASSWORD 'Abcdefg1'")
    pair = pair_of(name)
    clone, _ = stage.level(pair)
    stage.accepts(clone)
    with stage.login(clone) as session:
        session.check_access(pair)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_a_conflict_with_another_session_can_be_retried(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that would succeed the next time is no difference between the users."""
    base = stage.user(options="CREATEDB")
    with stage.login(stage.superuser()) as session:
        monkeypatch.setattr(pairs, "levelling", lambda *_: [Change("SELECT redshift.refuse('40001', 'x')")])
        with pytest.raises(StatementFailed) as failed:
            session.level(pair_of(base.username), stage.password())
    assert failed.value.retryable


def test_a_difference_that_stays_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pair is read once more after the changes."""
    base = stage.user()
    with stage.login(stage.superuser()) as session:
        monkeypatch.setattr(pairs, "levelling", lambda *_: [Change("SELECT 1")])
        with pytest.raises(AccessMismatch, match="same access"):
            session.level(pair_of(base.username), stage.password())
