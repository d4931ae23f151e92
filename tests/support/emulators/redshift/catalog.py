"""Redshift's catalog on PostgreSQL: the views, the users' records, and what each statement may do.

Users, groups and Redshift's roles are all roles of PostgreSQL here, so one name cannot be two of them. A user is
one that may log in, a Redshift role stands in the table ``redshift.roles``, the rest are groups. What PostgreSQL
does not have (DROP, ALTER, ASSUMEROLE, datashares, models, scoped and system privileges) is kept in a table and
shown by the views; nothing enforces it.
"""

from __future__ import annotations

BOOKKEEPING = """
CREATE SCHEMA redshift;
GRANT USAGE ON SCHEMA redshift TO PUBLIC;
CREATE TABLE redshift.users (
    name text PRIMARY KEY, password text,
    syslog text NOT NULL DEFAULT 'RESTRICTED', timeout integer NOT NULL DEFAULT 0);
CREATE TABLE redshift.roles (name text PRIMARY KEY, owner text NOT NULL DEFAULT session_user);
CREATE TABLE redshift.datashares (name text PRIMARY KEY, owner text NOT NULL);
CREATE TABLE redshift.models (schema text, name text, owner text, PRIMARY KEY (schema, name));
CREATE TABLE redshift.policies (
    kind text, name text, relation text[], grantee text, grantee_type text, priority integer, outputs text, inputs text,
    PRIMARY KEY (kind, name, relation, grantee, outputs));
CREATE TABLE redshift.elsewhere (database text, schema text, name text, acl text);
CREATE TABLE redshift.grants (
    kind text, object text[], privilege text, scope text, identity text, option boolean,
    PRIMARY KEY (kind, object, privilege, scope, identity));
GRANT SELECT ON redshift.roles TO PUBLIC;

CREATE FUNCTION redshift.kind_of(identity oid) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT CASE WHEN identity = 0 THEN 'public'
                WHEN EXISTS (SELECT FROM redshift.roles r JOIN pg_authid a ON a.rolname = r.name WHERE a.oid = identity)
                THEN 'role'
                WHEN (SELECT rolcanlogin FROM pg_authid WHERE oid = identity) THEN 'user' ELSE 'group' END
$$ SECURITY DEFINER;

CREATE FUNCTION redshift.name_of(identity oid) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT CASE WHEN identity = 0 THEN 'public' ELSE pg_get_userbyid(identity) END
$$;

-- Developer Guide, "System permissions for RBAC"; what a role was granted counts for its holders: "Role hierarchy".
CREATE FUNCTION redshift.holds(wanted text) RETURNS boolean STABLE LANGUAGE sql SECURITY DEFINER AS $$
    SELECT (SELECT rolsuper FROM pg_authid WHERE rolname = session_user) OR EXISTS (
        WITH RECURSIVE held(oid) AS (
            SELECT oid FROM pg_authid WHERE rolname = session_user
            UNION SELECT m.roleid FROM pg_auth_members m JOIN held ON m.member = held.oid)
        SELECT FROM held JOIN redshift.grants g ON g.kind = 'SYSTEM' AND g.identity = redshift.name_of(held.oid)
         WHERE g.privilege = wanted)
$$;

-- Each SVV view's page: superusers and ACCESS SYSTEM TABLE see all, others "identities they have access to or own".
CREATE FUNCTION redshift.sees(identity oid) RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT redshift.holds('ACCESS SYSTEM TABLE') OR identity = 0
        OR identity = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)
$$;

-- "SVV_RELATION_PRIVILEGES": superusers, and SYSLOG ACCESS UNRESTRICTED.
CREATE FUNCTION redshift.sees_tables(identity oid) RETURNS boolean STABLE LANGUAGE sql SECURITY DEFINER AS $$
    SELECT (SELECT rolsuper FROM pg_authid WHERE rolname = session_user)
        OR (SELECT syslog = 'UNRESTRICTED' FROM redshift.users WHERE name = session_user)
        OR identity = 0 OR identity = (SELECT oid FROM pg_authid WHERE rolname = session_user)
$$;

CREATE FUNCTION redshift.refuse(code text, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = reason; END $$;

CREATE FUNCTION redshift.execute(VARIADIC statements text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN FOREACH statement IN ARRAY statements LOOP EXECUTE statement; END LOOP; END $$;

-- "CREATE USER", "ALTER USER" and "DROP USER", required privileges; "CREATE USER", PASSWORD DISABLE: superusers alone.
CREATE FUNCTION redshift.user_statement(needed text, target text, own boolean, VARIADIC statements text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    statement text;
    mine boolean := own AND target = session_user
        AND (SELECT password IS NOT NULL FROM redshift.users WHERE name = target);
    super boolean := (SELECT rolsuper FROM pg_authid WHERE rolname = session_user);
BEGIN
    IF NOT super AND (array_to_string(statements, ';') LIKE '%SET password = NULL%' OR needed = 'ALTER USER'
        AND (SELECT password IS NULL FROM redshift.users WHERE name = target)
        AND array_to_string(statements, ';') LIKE '%redshift.set_password(%') THEN
        RAISE EXCEPTION 'only a superuser enables and disables passwords' USING ERRCODE = '42501';
    END IF;
    IF NOT (super OR mine OR redshift.holds(needed))
       OR (NOT super AND NOT mine AND (SELECT rolsuper FROM pg_authid WHERE rolname = target)) THEN
        RAISE EXCEPTION 'permission denied' USING ERRCODE = '42501';
    END IF;
    FOREACH statement IN ARRAY statements LOOP EXECUTE statement; END LOOP;
END $$;

-- "CREATE ROLE", "DROP ROLE" and "GRANT", required privileges: the owner, and who has the role WITH ADMIN OPTION.
CREATE FUNCTION redshift.role_statement(needed text, target text, VARIADIC statements text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    statement text;
    mine boolean := EXISTS (SELECT FROM redshift.roles WHERE name = target AND owner = session_user) OR EXISTS (
        SELECT FROM pg_auth_members m JOIN pg_authid r ON r.oid = m.roleid JOIN pg_authid u ON u.oid = m.member
         WHERE r.rolname = target AND u.rolname = session_user AND m.admin_option);
BEGIN
    IF needed <> 'CREATE ROLE' AND NOT EXISTS (SELECT FROM redshift.roles WHERE name = target) THEN
        RAISE EXCEPTION 'role "%" does not exist', target USING ERRCODE = '42704';
    END IF;
    IF NOT (mine OR redshift.holds(CASE needed WHEN 'CREATE ROLE' THEN needed END)) THEN
        RAISE EXCEPTION 'permission denied' USING ERRCODE = '42501';
    END IF;
    FOREACH statement IN ARRAY statements LOOP EXECUTE statement; END LOOP;
END $$;

-- "DROP ROLE", FORCE and RESTRICT.
CREATE FUNCTION redshift.drop_role(target text, force boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT force AND EXISTS (SELECT FROM pg_auth_members WHERE roleid = target::regrole) THEN
        RAISE EXCEPTION 'cannot drop this role since it has been granted on a user' USING ERRCODE = '2BP01';
    END IF;
    DELETE FROM redshift.roles WHERE name = target;
    EXECUTE 'DROP ROLE ' || quote_ident(target);
END $$;

-- "CREATE USER", PASSWORD: the forms are in passwords.py.
CREATE FUNCTION redshift.set_password(target text, secret text, own boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_authid WHERE rolname = target AND rolcanlogin) THEN
        RAISE EXCEPTION 'user "%" does not exist', target USING ERRCODE = '42704';
    END IF;
    INSERT INTO redshift.users (name, password) VALUES (target, secret)
        ON CONFLICT (name) DO UPDATE SET password = secret;
END $$;

-- "GRANT": the privileges that PostgreSQL does not have. That only superusers give them is the stand-in's own limit.
CREATE FUNCTION redshift.keep(
    granting boolean, kind_ text, object_ text[], privileges text[], scope_ text, identities text[], option_ boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_authid WHERE rolname = session_user) THEN
        RAISE EXCEPTION 'permission denied' USING ERRCODE = '42501';
    END IF;
    DELETE FROM redshift.grants g WHERE g.kind = kind_ AND g.object = object_ AND g.privilege = ANY(privileges)
       AND g.scope = scope_ AND g.identity = ANY(identities) AND NOT (option_ AND NOT granting);
    IF granting THEN
        INSERT INTO redshift.grants SELECT kind_, object_, p, scope_, i, option_
          FROM unnest(privileges) p, unnest(identities) i;
    ELSIF option_ THEN
        UPDATE redshift.grants g SET option = false WHERE g.kind = kind_ AND g.object = object_
           AND g.privilege = ANY(privileges) AND g.scope = scope_ AND g.identity = ANY(identities);
    END IF;
END $$;

CREATE VIEW redshift.kept AS
SELECT g.kind, g.object, g.privilege, g.scope, coalesce(r.oid, 0) AS id, g.identity AS name, g.option
  FROM redshift.grants g LEFT JOIN pg_catalog.pg_roles r ON r.rolname = g.identity;
GRANT SELECT ON redshift.kept TO PUBLIC
"""

_IDENTITY = """acl.grantee::bigint::integer AS identity_id, redshift.name_of(acl.grantee) AS identity_name,
       redshift.kind_of(acl.grantee) AS identity_type, acl.is_grantable AS admin_option"""
_KEPT = "id::bigint::integer, name, redshift.kind_of(id), option"
_SEEN = "redshift.sees(acl.grantee)"


def _kept(kind: str, columns: str) -> str:
    return f"UNION ALL SELECT {columns} FROM redshift.kept WHERE kind = '{kind}' AND redshift.sees(id)"


VIEWS = {
    "pg_shadow": """SELECT a.rolname AS usename, a.oid AS usesysid, a.rolcreatedb AS usecreatedb,
       a.rolsuper AS usesuper, a.rolreplication AS userepl, a.rolbypassrls AS usebypassrls,
       u.password COLLATE "C" AS passwd, a.rolvaliduntil AS valuntil, s.setconfig AS useconfig
  FROM pg_authid a LEFT JOIN redshift.users u ON u.name = a.rolname
  LEFT JOIN pg_db_role_setting s ON a.oid = s.setrole AND s.setdatabase = 0 WHERE a.rolcanlogin""",
    "svv_user_info": """SELECT r.rolname::text AS user_name, r.oid::bigint::integer AS user_id,
       r.rolcreatedb AS createdb, r.rolsuper AS superuser, false AS catalog_update,
       CASE r.rolconnlimit WHEN -1 THEN 'UNLIMITED' ELSE r.rolconnlimit::text END AS connection_limit,
       coalesce(u.syslog, 'RESTRICTED') AS syslog_access, coalesce(u.timeout, 0) AS session_timeout,
       NULL::text AS external_user_id
  FROM pg_roles r LEFT JOIN redshift.users u ON u.name = r.rolname
 WHERE r.rolcanlogin AND redshift.sees(r.oid)""",
    "pg_group": """SELECT a.rolname AS groname, a.oid AS grosysid,
       ARRAY(SELECT m.member FROM pg_auth_members m WHERE m.roleid = a.oid) AS grolist
  FROM pg_authid a
 WHERE NOT a.rolcanlogin AND a.rolname NOT LIKE 'pg\\_%' AND redshift.kind_of(a.oid) = 'group'""",
    "svv_roles": """SELECT a.oid::bigint::integer AS role_id, a.rolname::text AS role_name,
       r.owner AS role_owner, NULL::text AS external_id
  FROM redshift.roles r JOIN pg_roles a ON a.rolname = r.name
 WHERE redshift.holds('ACCESS SYSTEM TABLE') OR r.owner = session_user OR EXISTS (
    SELECT FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
     WHERE m.roleid = a.oid AND u.rolname = session_user)""",
    "svv_user_grants": """SELECT u.oid::bigint::integer AS user_id, u.rolname::text AS user_name,
       r.oid::bigint::integer AS role_id, r.rolname::text AS role_name, m.admin_option
  FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
 WHERE u.rolcanlogin AND redshift.kind_of(r.oid) = 'role' AND redshift.sees(u.oid)""",
    "svv_role_grants": """SELECT u.rolname::text AS role_name, r.rolname::text AS granted_role_name
  FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
 WHERE redshift.kind_of(u.oid) = 'role' AND redshift.kind_of(r.oid) = 'role'""",
    "svv_system_privileges": """SELECT privilege AS system_privilege, id::bigint::integer AS identity_id,
       name AS identity_name, 'role'::text AS identity_type FROM redshift.kept WHERE kind = 'SYSTEM'
   AND (redshift.holds('ACCESS SYSTEM TABLE') OR id = 0)""",
    "svv_database_privileges": f"""SELECT d.datname::text AS database_name, acl.privilege_type, {_IDENTITY},
       'DATABASE'::text AS privilege_scope
  FROM pg_database d, aclexplode(d.datacl) acl
 WHERE acl.privilege_type <> 'CONNECT' AND acl.grantee <> d.datdba AND {_SEEN}
 {_kept("DATABASE", f"object[1], privilege, {_KEPT}, scope")}""",
    "svv_schema_privileges": f"""SELECT n.nspname::text AS namespace_name, acl.privilege_type, {_IDENTITY},
       'SCHEMA'::text AS privilege_scope
  FROM pg_namespace n, aclexplode(n.nspacl) acl WHERE acl.grantee <> n.nspowner AND {_SEEN}
 {_kept("SCHEMA", f"object[1], privilege, {_KEPT}, scope")}""",
    "svv_relation_privileges": f"""SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name,
       acl.privilege_type, {_IDENTITY}
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) acl
 WHERE c.relkind IN ('r', 'v', 'm') AND acl.privilege_type NOT IN ('MAINTAIN', 'TRIGGER')
   AND acl.grantee <> c.relowner AND redshift.sees_tables(acl.grantee)
 UNION ALL SELECT object[1], object[2], privilege, {_KEPT} FROM redshift.kept
  WHERE kind = 'TABLE' AND redshift.sees_tables(id)""",
    "svv_column_privileges": f"""SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name,
       a.attname::text AS column_name, acl.privilege_type, {_IDENTITY}
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
       aclexplode(a.attacl) acl WHERE {_SEEN}""",
    "svv_function_privileges": f"""SELECT n.nspname::text AS namespace_name, p.proname::text AS function_name,
       oidvectortypes(p.proargtypes) AS argument_types, acl.privilege_type, {_IDENTITY}
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) acl
 WHERE acl.grantee <> p.proowner AND {_SEEN}""",
    "svv_redshift_functions": """SELECT current_database()::text AS database_name, n.nspname::text AS schema_name,
       p.proname::text AS function_name, oidvectortypes(p.proargtypes) AS argument_type,
       CASE p.prokind WHEN 'p' THEN 'STORED PROCEDURE' ELSE 'REGULAR FUNCTION' END AS function_type
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace""",
    "svv_language_privileges": f"""SELECT l.lanname::text AS language_name, acl.privilege_type, {_IDENTITY}
  FROM pg_language l, aclexplode(l.lanacl) acl WHERE acl.grantee <> l.lanowner AND {_SEEN}""",
    "svv_datashare_privileges": """SELECT object[1] AS datashare_name, privilege AS privilege_type,
       id::bigint::integer AS identity_id, name AS identity_name, redshift.kind_of(id) AS identity_type,
       option AS admin_option FROM redshift.kept WHERE kind = 'DATASHARE' AND redshift.sees(id)""",
    "svv_datashares": """SELECT d.name AS share_name, r.oid::bigint::integer AS share_owner,
       'OUTBOUND'::text AS share_type
  FROM redshift.datashares d JOIN pg_roles r ON r.rolname = d.owner""",
    "svv_ml_model_privileges": """SELECT object[1] AS namespace_name, object[2] AS model_name,
       privilege AS privilege_type, id::bigint::integer AS identity_id, name AS identity_name,
       redshift.kind_of(id) AS identity_type, option AS admin_option
  FROM redshift.kept WHERE kind = 'MODEL' AND redshift.sees(id)""",
    "svv_ml_model_info": """SELECT schema AS schema_name, owner AS user_name, name AS model_name,
       'Complete'::text AS life_cycle, 0 AS is_refreshable, 'READY'::text AS model_state FROM redshift.models""",
    "svv_rls_attached_policy": """SELECT relation[1] AS relschema, relation[2] AS relname, 'table'::text AS relkind,
       name AS polname, grantee, grantee_type AS granteekind, true AS is_pol_on, true AS is_rls_on
  FROM redshift.policies WHERE kind = 'RLS'""",
    "svv_attached_masking_policy": """SELECT name AS policy_name, relation[1] AS schema_name,
       relation[2] AS table_name, 'table'::text AS table_type, grantee, grantee_type, priority,
       inputs AS input_columns, outputs AS output_columns
  FROM redshift.policies WHERE kind = 'MASKING' AND redshift.holds(NULL)""",
    "svv_redshift_schemas": """SELECT database AS database_name, schema AS schema_name, acl AS schema_acl
  FROM redshift.elsewhere WHERE name IS NULL AND redshift.holds(NULL)""",
    "svv_redshift_tables": """SELECT database AS database_name, schema AS schema_name, name AS table_name,
       acl AS table_acl FROM redshift.elsewhere WHERE name IS NOT NULL AND redshift.holds(NULL)""",
    "svv_iam_privileges": """SELECT object[1] AS iam_arn, privilege AS command_type, id::bigint::integer AS identity_id,
       name AS identity_name, redshift.kind_of(id) AS identity_type
  FROM redshift.kept WHERE kind = 'ASSUMEROLE' AND redshift.sees(id)""",
    "svv_default_privileges": """SELECT n.nspname::text AS schema_name,
       CASE d.defaclobjtype WHEN 'r' THEN 'RELATION' ELSE 'FUNCTION' END AS object_type,
       d.defaclrole::bigint::integer AS owner_id, redshift.name_of(d.defaclrole) AS owner_name,
       'user'::text AS owner_type, acl.privilege_type, acl.grantee::bigint::integer AS grantee_id,
       redshift.name_of(acl.grantee) AS grantee_name, redshift.kind_of(acl.grantee) AS grantee_type,
       acl.is_grantable AS admin_option
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) acl
 WHERE d.defaclobjtype IN ('r', 'f') AND acl.privilege_type NOT IN ('MAINTAIN', 'TRIGGER')
   AND acl.grantee <> d.defaclrole AND redshift.sees(acl.grantee)""",
    "pg_proc_info": """SELECT p.oid AS prooid, p.proname, p.pronamespace, p.proowner, p.proargtypes,
       p.prokind::text AS prokind FROM pg_proc p""",
    "stv_sessions": """SELECT s.backend_start AS starttime, s.pid AS process,
       rpad(s.usename, 50)::char(50) AS user_name,
       rpad(s.datname, 50)::char(50) AS db_name FROM pg_stat_activity s WHERE s.usename IS NOT NULL""",
}
"""
What stands in pg_catalog, under the names and columns of the Redshift Database Developer Guide, each on its own page:
"SVV views", "PG_PROC_INFO", "STV_SESSIONS". PG_SHADOW and PG_GROUP are PostgreSQL's.
"""


SUPERUSERS = frozenset({"pg_shadow", "svv_rls_attached_policy"})
"""Which of them nobody else may read; others show nobody else a row."""


def script() -> list[str]:
    """Return the statements that make a database look like Redshift's."""
    made = [f"CREATE OR REPLACE VIEW pg_catalog.{name} AS {body}" for name, body in VIEWS.items()]
    public = [f"GRANT SELECT ON pg_catalog.{name} TO PUBLIC" for name in VIEWS if name not in SUPERUSERS]
    return [BOOKKEEPING, "SET allow_system_table_mods = on", *made, *public]
