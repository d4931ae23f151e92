"""A parameter that follows a secret, on the emulated service: what is kept of it, and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import InvalidSecret, NotOurs, StoreDenied, StoreUnavailable, VersionNotFound
from rotation.model import Credential, Password
from rotation.stores.parameter_store import Clients
from rotation.stores.parameter_store.mirrors import ParameterMirrors
from tests.support.emulators.wire.service import OPERATOR

if TYPE_CHECKING:
    from tests.support.emulators.ssm.server import EmulatedParameterStore

NAME = "/mirrors/orders/password"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/database-a1B2c3"


def called(parameters: EmulatedParameterStore) -> list[str]:
    """Return what the code called."""
    return [call.operation for call in parameters.journal.calls if call.caller != OPERATOR]


@pytest.fixture
def mirrors(parameters: EmulatedParameterStore) -> ParameterMirrors:
    """Make a mirror under a key of its own, whose description names the secret."""
    put(parameters, f"follows {SECRET}")
    return ParameterMirrors(lambda: Clients(parameters.client(), parameters.client()))


def put(parameters: EmulatedParameterStore, description: str, kind: str = "SecureString") -> None:
    request = {"Name": NAME, "Value": "canary-1", "Type": kind, "Overwrite": True, "Description": description}
    parameters.execute("PutParameter", request | ({"KeyId": "alias/own"} if kind == "SecureString" else {}))


def test_it_is_written_as_it_is(parameters: EmulatedParameterStore, mirrors: ParameterMirrors) -> None:
    """Its key and its description stay, though the service keeps none of them by itself. Three calls."""
    assert mirrors.value(NAME) == "canary-1"
    mirrors.write(NAME, SECRET, "canary-2")
    newest = parameters.state.own(NAME).newest
    assert (newest.value, newest.key, newest.description) == ("canary-2", "alias/own", f"follows {SECRET}")
    assert called(parameters)[:3] == ["GetParameter", "GetParameterHistory", "PutParameter"]


def test_it_is_seen_to_be_writable(parameters: EmulatedParameterStore, mirrors: ParameterMirrors) -> None:
    """Nothing is written for it, and nothing in it has to match: what is put is what it holds. Three calls."""
    pattern = {"Name": NAME, "Value": "canary-1", "AllowedPattern": "canary-1", "Overwrite": True}
    parameters.execute("PutParameter", {**pattern, "Type": "SecureString", "Description": SECRET})
    versions = len(parameters.state.own(NAME).versions)
    mirrors.check(NAME, SECRET)
    assert len(parameters.state.own(NAME).versions) == versions
    assert called(parameters) == ["GetParameterHistory", "GetParameter", "PutParameter"]
    parameters.faults.deny("PutParameter")
    with pytest.raises(StoreDenied, match="PutParameter was denied"):
        mirrors.check(NAME, SECRET)


CREDENTIAL = Credential("app_clone", Password("p@:/?#[]% +é"))
DOCUMENT = '{"username": "app_clone", "password": "p@:/?#[]% +\\u00e9", "host": "db.example"}'
STRING = "postgresql://{}@db.example:5433/orders?sslmode=verify-full&application_name=a%20b"


@pytest.mark.parametrize(
    ("name", "held", "shown"),
    [
        ("/mirrors/database", "-", DOCUMENT),
        ("/mirrors/database", '{"username": "app"}', DOCUMENT),
        ("/mirrors/url", STRING.format("app:-"), STRING.format("app_clone:p%40%3A%2F%3F%23%5B%5D%25%20%2B%C3%A9")),
        ("/mirrors/orders/password", "whatever", "p@:/?#[]% +é"),
        ("/mirrors/orders/password", STRING.format("a:b"), "p@:/?#[]% +é"),
    ],
)
def test_the_layouts(mirrors: ParameterMirrors, name: str, held: str, shown: str) -> None:
    """Those of credentials that are kept here; all but user and password of a connection string stays as it is."""
    assert mirrors.shown(name, held, DOCUMENT, CREDENTIAL) == shown
    assert mirrors.shown(name, shown, DOCUMENT, CREDENTIAL) == shown
    assert mirrors.constant_names(name) is name.endswith("/password")


@pytest.mark.parametrize("held", ["postgresql//app:p@db", "canary-3", "--", "postgresql://db", "https://a:b@c/", "[1]"])
def test_nothing_is_put_where_readers_expect_another_form(mirrors: ParameterMirrors, held: str) -> None:
    """Somebody has broken it by hand; the error repeats no part of it."""
    with pytest.raises(InvalidSecret) as error:
        mirrors.shown("/mirrors/database", held, DOCUMENT, CREDENTIAL)
    assert held not in str(error.value)


@pytest.mark.parametrize("description", ["", "the orders' database", f"{SECRET}x", SECRET.replace("orders", "other")])
def test_the_mirror_of_another_secret(
    parameters: EmulatedParameterStore, mirrors: ParameterMirrors, description: str
) -> None:
    """Nothing is written, whatever the secret says."""
    put(parameters, description)
    with pytest.raises(NotOurs, match="does not say that it mirrors this secret"):
        mirrors.write(NAME, SECRET, "canary-2")
    with pytest.raises(NotOurs, match="does not say that it mirrors this secret"):
        mirrors.check(NAME, SECRET)
    assert parameters.value(NAME) == "canary-1"


@pytest.mark.parametrize("error", ["TooManyUpdates", "InternalServerError", "cut"])
def test_no_answer(parameters: EmulatedParameterStore, mirrors: ParameterMirrors, error: str) -> None:
    """It is not repeated here: a late try could bring an old value back."""
    if error == "cut":
        parameters.faults.cut("PutParameter")
    else:
        parameters.faults.fail("PutParameter", error=error)
    with pytest.raises(StoreUnavailable, match="got no answer"):
        mirrors.write(NAME, SECRET, "canary-2")
    assert called(parameters).count("PutParameter") == 1


def test_what_is_no_mirror(parameters: EmulatedParameterStore, mirrors: ParameterMirrors) -> None:
    """One that is not there is not made; one that is not encrypted is not written."""
    with pytest.raises(VersionNotFound):
        mirrors.write("/mirrors/none", SECRET, "canary-2")
    parameters.faults.deny("PutParameter")
    with pytest.raises(StoreDenied):
        mirrors.write(NAME, SECRET, "canary-2")
    parameters.faults.revive()
    parameters.execute("DeleteParameter", {"Name": NAME})
    put(parameters, SECRET, "String")
    with pytest.raises(InvalidSecret, match="no SecureString"):
        mirrors.value(NAME)
