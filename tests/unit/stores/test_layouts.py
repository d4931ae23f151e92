"""Connection strings and trees: what they say as a secret's JSON, what is written again, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg2.extensions
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.uri_parser import parse_uri

from rotation.errors import InvalidSecret, InvalidSettings, StoreError, StoreUnavailable, VersionNotFound
from rotation.model import Stage
from rotation.stores.parameter_store import Clients, ParameterStore, dsn, layouts
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.ssm.worlds import WORLDS
from tests.support.emulators.wire.clock import Ticking
from tests.unit.stores.conftest import PARAMETER, looking

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.memory.observer import Warnings

LEAF = "/app/tree/password"
STRING = "postgresql://app:canary-1@db.example:5433/orders?sslmode=verify-full&application_name=a%20b"
ADMIN = "arn:aws:ssm:eu-west-1:123456789012:parameter/admins/db"
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def changed(value: str, **keys: str) -> str:
    """Read a connection string, and write it with another user or password."""
    return dsn.written(dsn.read(value, "here") | keys)


@pytest.mark.parametrize(
    ("scheme", "engine"),
    [
        ("postgres", "postgres"),
        ("postgresql", "postgres"),
        ("PostgreSQL", "postgres"),
        ("postgresql+psycopg2", "postgres"),
        ("mysql", "mysql"),
        ("mysql2", "mysql"),
        ("mysql+pymysql", "mysql"),
        ("mariadb", "mariadb"),
        ("redshift", "redshift"),
        ("redshift+redshift_connector", "redshift"),
        ("mongodb", "mongo"),
        ("mongodb+srv", "mongo"),
    ],
)
def test_the_schemes(scheme: str, engine: str) -> None:
    assert dsn.read(f"{scheme}://u:p@h/", "here")["engine"] == engine


def test_all_that_it_says() -> None:
    assert dsn.read(STRING, "here") == {
        "engine": "postgres",
        "host": "db.example",
        "port": 5433,
        "username": "app",
        "password": "canary-1",
        "dbname": "orders",
        "dsn": STRING.replace("app:canary-1@", "{username}:{password}@"),
    }
    assert dsn.read("mysql://u:p@[2001:db8::1]:3306", "here")["host"] == "2001:db8::1"
    assert "port" not in dsn.read("mysql://u:p@h", "here")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("postgres://u:p@h/d?sslmode=disable", True),
        ("postgres://u:p@h/d?sslmode=prefer", False),
        ("mysql://u:p@h/d?ssl-mode=DISABLED", True),
        ("mongodb://u:p@h/d?tls=false", True),
        ("mongodb://u:p@h/d?tls=true", False),
    ],
)
def test_tls_is_off_only_where_it_is_said(value: str, *, plain: bool) -> None:
    assert (dsn.read(value, "here").get("ssl") is False) is plain


@pytest.mark.parametrize(
    ("tail", "source"),
    [
        ("", None),
        ("/", None),
        ("/orders", "orders"),
        ("/orders?authSource=admin", "admin"),
        ("/orders?authsource=admin", "admin"),
    ],
)
def test_where_mongodb_keeps_the_user(tail: str, source: str | None) -> None:
    """As PyMongo has it, by the connection string specification."""
    value = f"mongodb://u:p@h{tail}"
    assert dsn.read(value, "here").get("authSource") == source
    theirs = parse_uri(value)
    assert (theirs["options"].get("authsource") or theirs["database"]) == source


@given(TEXTS, TEXTS)
def test_any_user_and_password(username: str, password: str) -> None:
    """What is written is read again, by us, by libpq and by PyMongo; all else is as it was."""
    for scheme in ("postgresql", "mongodb"):
        value = changed(f"{scheme}://u:p@h.example:5432/d%5Fb", username=username, password=password)
        assert value.endswith("@h.example:5432/d%5Fb")
        ours = dsn.read(value, "here")
        assert (ours["username"], ours["password"], ours["dbname"]) == (username, password, "d_b")
        assert dsn.written(ours) == value
        if scheme == "postgresql":
            theirs: dict[str, Any] = psycopg2.extensions.parse_dsn(value)
            assert (theirs["user"], theirs["password"], theirs["host"]) == (username, password, "h.example")
        else:
            assert (parse_uri(value)["username"], parse_uri(value)["password"]) == (username, password)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("postgres://h/d", "has no form"),
        ("postgres://u:p@x@h/d", "has no form"),
        ("postgres://u:p@h/d#f", "has no form"),
        ("postgres://u:p@h/d\n", "has no form"),
        ("postgres://u@h/d", "lacks a user or a password"),
        ("postgres://:p@h/d", "lacks a user or a password"),
        ("postgres://u:@h/d", "lacks a user or a password"),
        ("postgres://u:a+b@h/d", "lacks a user or a password"),
        ("postgres://u:a%2@h/d", "lacks a user or a password"),
        ("postgres://u:a:b@h/d", "lacks a user or a password"),
        ("postgres://u:ü@h/d", "lacks a user or a password"),
        ("postgres://u:%ff@h/d", "encode no text"),
        ("postgres://u:p@/d", "names no host"),
        ("postgres://u:p@h:x/d", "names no host"),
        ("postgres://u:p@%2Fvar%2Frun/d", "names no host"),
        ("mongodb://u:p@a,b/d", "names several hosts"),
        ("jdbc:postgresql://u:p@h/d", "scheme of no engine"),
        ("mongodb+evil://u:p@h/d", "scheme of no engine"),
        ("https://u:p@h/d", "scheme of no engine"),
        ("postgres://u:p@h/d?host=evil.example", "in its query, too"),
        ("postgres://u:p@h/d?hostaddr=192.0.2.1", "in its query, too"),
        ("postgres://u:p@h/d?%68ost=evil.example", "in its query, too"),
        ("postgres://u:p@h/d?password=x", "in its query, too"),
        ("mysql://u:p@h/d?ssl=true&ssl=false", "the same twice"),
    ],
)
def test_what_two_drivers_could_read_in_two_ways(value: str, reason: str) -> None:
    """It is refused, and nothing of it is shown."""
    with pytest.raises(InvalidSecret, match=reason) as error:
        dsn.read(value, "here")
    assert "evil" not in str(error.value)
    assert error.value.remedy
    assert error.value.__cause__ is None


def test_what_is_no_entry_of_ours() -> None:
    """Whoever may write the journal cannot stop a rotation by an entry of another form."""
    string = layouts.ConnectionString("here", str)
    for held in ("x", "[]", "{}", '{"dsn": "x", "username": "u", "password": "p"}', "[" * 100_000):
        assert layouts.published(string, held) is None
        assert layouts.recorded(layouts.Tree("here", {}), "p", held, None) == '{"password": "p"}'
    for record in ("5", "[]", '"x"', '"[]"'):
        entry = f'{{"rotationRecord": {record}}}'
        assert layouts.recorded(layouts.Tree("here", {}), "p", entry, None) == '{"password": "p"}'


@pytest.fixture
def store_of(parameters: EmulatedParameterStore, observer: Warnings) -> Callable[[str], ParameterStore]:
    """Make stores as other processes have them."""
    clients = Clients(parameters.client(), parameters.client())
    return lambda name: ParameterStore(clients, name, observer, looking(), sleep=lambda _seconds: None)


def string(parameters: EmulatedParameterStore, value: str = STRING, description: str = "", **more: str) -> None:
    """Put a connection string."""
    said = {"Description": description} if description else {}
    request = {"Name": "/app/url", "Value": value, "Type": "SecureString", "Overwrite": True, **said, **more}
    parameters.execute("PutParameter", request)


def tree(parameters: EmulatedParameterStore, **leaves: str) -> None:
    """Put a parameter for each key."""
    kept = {"engine": "mysql", "host": "db.example", "username": "app", "password": "canary-1", "color": "blue"}
    for key, value in (kept | leaves).items():
        kind = "SecureString" if key == "password" else "String"
        request = {"Name": f"/app/tree/{key}", "Value": value, "Type": kind, "Overwrite": True}
        parameters.execute("PutParameter", request)


def rotated(store: ParameterStore, **keys: str) -> str:
    """Rotate once, to a document of the present one's with other keys."""
    token, current = store.open_rotation(), store.read(Stage.CURRENT)
    record = json.dumps({"base": "app", "from": current.id, "to": token})
    document = json.loads(current.value) | keys | {"rotationRecord": record}
    assert store.stage_pending(token, json.dumps(document))
    store.promote(token, current.id)
    return token


def test_a_connection_string_of_two_users(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    """It is one version: user and password change at once. What the string cannot say is in the description."""
    string(parameters, description=json.dumps({"masterarn": ADMIN, "rotation": {"passwordLength": 40}}))
    token = rotated(store_of("/app/url"), username="app_clone", password="é/@")
    assert parameters.value("/app/url") == STRING.replace("app:canary-1", "app_clone:%C3%A9%2F%40")
    found = store_of("/app/url").read(Stage.CURRENT)
    document = json.loads(found.value)
    assert found.id == token
    assert (document["masterarn"], document["username"], document["password"]) == (ADMIN, "app_clone", "é/@")
    assert json.loads(document["rotationRecord"])["to"] == token
    previous = store_of("/app/url").read(Stage.PREVIOUS)
    assert json.loads(previous.value)["password"] == "canary-1"


def test_a_document_is_never_put_in_the_place_of_a_connection_string(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    """Readers could not read it. Nothing is written, in the journal neither."""
    string(parameters)
    store = store_of("/app/url")
    with pytest.raises(StoreError, match="cannot be written in the form that the parameter has"):
        store.stage_pending(store.open_rotation(), json.dumps({"username": "app", "password": "canary-2"}))
    assert not [name for name in parameters.state.parameters if name.startswith("/rotation")]
    assert parameters.value("/app/url") == STRING


def test_a_person_changes_the_connection_string(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    """Theirs is a version of its own; of the record the pair's base alone is still known."""
    string(parameters)
    rotated(store_of("/app/url"), username="app_clone")
    string(parameters, parameters.value("/app/url") + "&connect_timeout=3")
    found = store_of("/app/url").read(Stage.CURRENT)
    assert found.id == "v3"
    assert json.loads(json.loads(found.value)["rotationRecord"]) == {"base": "app"}


@pytest.mark.parametrize(
    ("value", "description", "reason"),
    [
        (STRING, '{"password": "x"}', "says what its connection string says"),
        (STRING, '{"host": "evil"}', "says what its connection string says"),
        (STRING, "{", "begins as JSON and is none"),
        (STRING, "{}[", "begins as JSON and is none"),
        ("mongodb+srv://u:p@h/d", "", "names a DNS record"),
        ("mongodb+srv://u:p@h/d", '{"rotation": "x"}', "names a DNS record"),
    ],
)
def test_descriptions_that_are_refused(
    parameters: EmulatedParameterStore,
    store_of: Callable[[str], ParameterStore],
    value: str,
    description: str,
    reason: str,
) -> None:
    string(parameters, value, description)
    with pytest.raises(InvalidSettings, match=reason):
        store_of("/app/url").read(Stage.CURRENT)


def test_descriptions_that_are_taken(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    string(parameters, "mongodb+srv://u:p@h/d", '{"rotation": {"host": "node.example"}, "engine": "docdb"}')
    document = json.loads(store_of("/app/url").read(Stage.CURRENT).value)
    assert (document["engine"], document["rotation"]) == ("docdb", {"host": "node.example"})
    parameters.execute("DeleteParameter", {"Name": "/app/url"})
    string(parameters, STRING, "the orders' database")
    assert json.loads(store_of("/app/url").read(Stage.CURRENT).value)["engine"] == "postgres"


@pytest.mark.parametrize("world", ["an overwrite keeps nothing", "an overwrite keeps what it does not name"])
def test_a_description_that_an_overwrite_left_out(world: str, observer: Warnings) -> None:
    """
    The credential is not taken for one of a single user.

    No page of AWS says whether an overwrite keeps it: where it does, all goes on.
    """
    with EmulatedParameterStore(world=WORLDS[world], clock=Ticking()) as parameters:

        def read() -> dict[str, Any]:
            clients = Clients(parameters.client(), parameters.client())
            store = ParameterStore(clients, "/app/url", observer, looking(), sleep=lambda _seconds: None)
            return dict(json.loads(store.read(Stage.CURRENT).value))

        string(parameters, description=json.dumps({"masterarn": ADMIN}))
        for _ in range(2):
            string(parameters, STRING.replace("canary-1", "canary-2"))
            if "keeps nothing" in world:
                with pytest.raises(InvalidSettings, match="that of an older version did") as error:
                    read()
                assert "versions 1 and" in error.value.where
            else:
                assert read()["masterarn"] == ADMIN
        string(parameters, description="{}")
        assert "masterarn" not in read()


def test_a_description_of_a_version_that_the_history_does_not_show_yet(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    """Nobody guesses that it has none: it may name the admin."""
    string(parameters)
    string(parameters, description='{"masterarn": "x"}')
    store = store_of("/app/url")
    store.written_at()

    def hook(_number: int, operation: str, phase: str) -> None:
        if (operation, phase) == ("GetParameterHistory", "before"):
            parameters.state.stale = 1

    parameters.faults.watch(hook)
    with pytest.raises(StoreUnavailable, match="does not show version 2 yet"):
        store.read(Stage.CURRENT)


def test_the_pattern_is_for_what_is_published(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    """The entry holds JSON; the service judges the string apart, before a database is touched."""
    string(parameters, AllowedPattern="postgresql://.*")
    rotated(store_of("/app/url"), password="canary-2")
    assert parameters.state.own("/app/url").newest.pattern == "postgresql://.*"
    string(parameters, AllowedPattern="postgresql://app:canary-1.*")
    with pytest.raises(StoreError, match="AllowedPattern"):
        rotated(store_of("/app/url"), password="canary-3")
    assert [it for it in parameters.state.parameters if it.startswith("/rotation")][1:] == []


def test_a_probe_that_was_left(parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]) -> None:
    """The next run judges its own value, and deletes what a cut left: a name that was deleted has to rest."""
    string(parameters, AllowedPattern="postgresql://app:canary-1.*")
    parameters.faults.cut("DeleteParameters")
    with pytest.raises(StoreUnavailable):
        rotated(store_of("/app/url"), password="canary-1-2")
    (left,) = (it for it in parameters.state.parameters if it.startswith("/rotation/"))
    with pytest.raises(StoreError, match="AllowedPattern"):
        rotated(store_of("/app/url"), password="canary-3")
    rotated(store_of("/app/url"), password="canary-1-3")
    assert left not in parameters.state.parameters


def test_a_tree_of_one_user(parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]) -> None:
    """The password alone is written; the record is in the journal, and a key that is none of ours is not read."""
    tree(parameters)
    token = rotated(store_of(LEAF), password="canary-2")
    assert parameters.value(LEAF) == "canary-2"
    assert [it.name for it in parameters.journal.writes[-2:]][1] == LEAF
    found = store_of(LEAF).read(Stage.CURRENT)
    document = json.loads(found.value)
    assert found.id == token
    assert set(document) == {"engine", "host", "username", "password", "rotationRecord"}
    assert json.loads(store_of(LEAF).read(Stage.PREVIOUS).value)["password"] == "canary-1"


def test_two_users_on_a_tree(parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]) -> None:
    """Nothing is written, in the journal neither."""
    tree(parameters)
    with pytest.raises(InvalidSettings, match="cannot have two users") as error:
        rotated(store_of(LEAF), username="app_clone", password="canary-2")
    assert "as JSON or as a connection string" in error.value.remedy
    assert not [name for name in parameters.state.parameters if name.startswith("/rotation")]


def test_a_tree_that_names_another_server_meanwhile(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    """Its readers would send a password there that is not set there."""
    tree(parameters)
    store = store_of(LEAF)
    token, current = store.open_rotation(), store.read(Stage.CURRENT)
    assert store.stage_pending(token, json.dumps(json.loads(current.value) | {"password": "canary-2"}))
    request = {"Name": "/app/tree/host", "Value": "other.example", "Type": "String", "Overwrite": True}
    parameters.execute("PutParameter", request)
    with pytest.raises(StoreError, match="Another parameter of the tree was changed"):
        store.promote(token, current.id)
    assert parameters.value(LEAF) == "canary-1"


def test_a_tree_without_a_password(
    parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]
) -> None:
    tree(parameters)
    with pytest.raises(VersionNotFound, match="no such parameter"):
        store_of("/app/none/password").written_at()
    parameters.execute("DeleteParameter", {"Name": LEAF})
    with pytest.raises(VersionNotFound, match="no such parameter"):
        store_of(LEAF).written_at()


def test_what_is_a_tree(parameters: EmulatedParameterStore, store_of: Callable[[str], ParameterStore]) -> None:
    """The name alone tells, whatever the password looks like."""
    assert [layouts.is_leaf(name) for name in ("/a/password", "/password", "password", "/a/b", PARAMETER)] == [
        *(True, False, False, False, False)
    ]
    tree(parameters, password="postgres://u:p@h/d")
    assert json.loads(store_of(LEAF).read(Stage.CURRENT).value)["password"] == "postgres://u:p@h/d"
