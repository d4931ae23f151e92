"""The examples of the guides are what the functions take and write: secrets, events, log lines, templates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import cfnlint.api
import cfnlint.config
import pytest

from rotation.credentials import password_policy, secret_format
from rotation.engines.aurora.engine import Aurora
from rotation.engines.documentdb import DocumentDB
from rotation.engines.mysql import MySQL
from rotation.engines.postgresql import PostgreSQL
from rotation.engines.redshift import Redshift
from rotation.model import LAST_REFUSED, LATE_CUTOVER, StoredVersion, StrategyName
from rotation.settings import Settings
from rotation.strategies import strategy_for
from tests.support.guides.messages import constants
from tests.support.guides.pages import PAGES, PROSE, ROOT, TEXT, blocks, column, commands, rows
from tests.support.template.cloudformation import parse

if TYPE_CHECKING:
    from rotation.model import Traits

TEMPLATE: Final = (ROOT / "template.yaml").read_text("utf-8")
TRAITS: Final = [engine.traits for engine in (PostgreSQL, MySQL, DocumentDB, Redshift, Aurora)]
STRATEGIES_HEAD: Final = (
    "| | " + " | ".join(f"`{name}`" for name in ("alternating-users", "retained-password", "single-user")) + " |"
)


def traits_of(name: str) -> Traits:
    """Return the traits of the engine that takes the name, as it stands in a secret."""
    return next(traits for traits in TRAITS if name in traits.names).of(name)


@pytest.mark.parametrize("text", blocks("json", "secret"))
def test_an_example_of_a_secret_is_one(text: str) -> None:
    """What is shown as a secret is accepted by the function of its engine, and has a strategy."""
    named = json.loads(text)
    traits = traits_of(named["engine"]) if "host" in named else Aurora.traits
    secret = secret_format.parse(StoredVersion("arn", "version", frozenset(), text), traits)
    assert secret.username.startswith("shop")
    assert strategy_for(secret, Settings()).name in StrategyName


def test_every_engine_has_an_example_of_a_secret() -> None:
    """No function is without one."""
    shown = {json.loads(text)["engine"] for text in blocks("json", "secret")}
    assert all(shown & traits.names for traits in TRAITS)
    assert "aurora-postgresql" in shown


def test_the_default_strategies_are_those_of_the_code() -> None:
    """The table's line on defaults holds for the example of each engine, with an admin secret and without."""
    ((_, alternating, retained, single),) = (row for row in rows(STRATEGIES_HEAD) if row[0] == "chosen by default")
    for text in blocks("json", "secret"):
        named = json.loads(text)
        document = {key: named[key] for key in named.keys() - {"rotation", "rotationRecord", "masterarn"}}
        document |= {"host": "db.example"} if "host" in document else {}  # one example has a proxy's
        traits = traits_of(document["engine"]) if "host" in document else Aurora.traits
        for more, name in (({"masterarn": "arn"}, "alternating-users"), ({}, None)):
            value = json.dumps(document | more)
            secret = secret_format.parse(StoredVersion("arn", "version", frozenset(), value), traits)
            two = (
                "retained-password"
                if document["engine"] in traits.of(document["engine"]).two_passwords
                else "single-user"
            )
            assert strategy_for(secret, Settings()).name == (name or two)
    assert set(re.findall(r"`(\w+-?\w*)`", retained)) == {"engine", "aurora", *MySQL.traits.two_passwords}
    assert "masterarn" in alternating
    assert "another" in single


@pytest.mark.parametrize("text", blocks("json", "managed"))
def test_an_example_of_a_managed_secret_is_completed(text: str) -> None:
    """What is shown as a secret that RDS manages lacks just what the control plane tells."""
    place = {"engine": "postgres", "host": "orders.example", "port": 5432}
    secret = secret_format.parse(StoredVersion("arn", "id", frozenset(), text), PostgreSQL.traits, lambda: place)
    assert secret.address.host == "orders.example"


def test_an_event_that_is_shown_is_a_file_of_events() -> None:
    """What the guides' commands send by standard input are events of the folder, the revocation among them."""
    shown = [json.loads(words[1]) for words in commands() if words[:1] == ["echo"]]
    files = {file.stem: json.loads(file.read_text("utf-8")) for file in (ROOT / "events").iterdir()}
    assert [name for event in shown for name, stored in files.items() if event == stored] == [
        "revoke",
        "parameter-dry-run",
        "parameter",
        "parameter-revoke",
    ]


def test_every_event_is_named() -> None:
    """Each file in events/ is linked, and each linked one is there."""
    linked = {link.split("events/")[1] for page in PAGES for link in page.links if "events/" in link}
    assert linked == {file.name for file in (ROOT / "events").iterdir()}


@pytest.mark.parametrize("text", blocks("json", "log"))
def test_a_line_of_the_log_has_the_fields_that_are_listed(text: str) -> None:
    """The example of a log line has no field that the guides do not name."""
    named = set(re.findall(r"`(\w+)`", PROSE.split("Every line has")[1].split("Errors have")[0]))
    assert set(json.loads(text)) | {"timestamp"} == named


SHOWN: Final = [*blocks("yaml"), *blocks("hcl"), *blocks("python", "cdk")]


@pytest.mark.parametrize("text", SHOWN, ids=lambda text: text.split("\n", 1)[0])
def test_what_is_shown_is_a_file_that_is_tried(text: str) -> None:
    """Templates, Terraform and CDK in the guides are files of docs/examples, or one piece of such a file."""
    files = [it for it in (ROOT / "docs/examples").rglob("*") if it.suffix in {".yaml", ".tf", ".py"}]
    assert any(text in it.read_text("utf-8") for it in files)


def test_every_example_is_linked() -> None:
    """No file of docs/examples is left that no page leads to."""
    linked = {(page.path.parent / link).resolve() for page in PAGES for link in page.links if "examples" in link}
    files = {it.resolve() for it in (ROOT / "docs/examples").rglob("*") if it.is_file() and it.suffix != ".pyc"}
    shown = {it for it in files if it.suffix == ".py" and any(text == it.read_text("utf-8") for text in SHOWN)}
    assert {str(it.relative_to(ROOT)) for it in files - linked - shown} == set()


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_template_has_no_finding(text: str) -> None:
    """Each CloudFormation block passes cfn-lint as it stands."""
    assert cfnlint.api.lint(text, config=cfnlint.config.ManualArgs(regions=["eu-west-1"])) == []


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_template_names_outputs_and_functions_that_exist(text: str) -> None:
    """What a CloudFormation block says of the functions' stack is what the template has."""
    for output in re.findall(r"(\w+Arn) of the functions' stack", text):
        assert re.search(rf"^  {output}:$", TEMPLATE, re.MULTILINE)
    for parameter in re.findall(r"it is in (\w+) of the functions' stack", text):
        assert parameter in column("| parameter | meaning |")


def test_the_generated_password_of_the_template_suits_the_engine() -> None:
    """The first password that CloudFormation makes leaves out what the function leaves out."""
    (found,) = (text for text in blocks("yaml") if "GenerateSecretString" in text)
    made = parse(found)["Resources"]["Secret"]["Properties"]["GenerateSecretString"]
    assert set(made["ExcludeCharacters"]) == set(PostgreSQL.traits.limits.default_excluded)
    assert made["PasswordLength"] == password_policy.DEFAULT_LENGTH


def test_lines_of_the_log_that_are_quoted_are_written() -> None:
    """What the guides quote from the log of a dry run and of a revocation stands in the code."""
    texts = list(constants())
    for line in (
        "Dry run: nothing stands in the way of a rotation",
        "The password of AWSPREVIOUS is not accepted any more",
    ):
        assert f"`{line}`" in TEXT
        assert line in texts
    for part in blocks("text"):
        if part.startswith("The password will change"):
            said, reason, grant = re.fullmatch(r"(.*?: )(a right is .*? TO )(.*)\n", part).groups()  # type: ignore[union-attr]
            assert {said, reason} <= set(texts)
            assert grant == "`shop`@`%`"
    assert f"`{LATE_CUTOVER}`" in TEXT
    assert f"`{LAST_REFUSED}`" in TEXT


def test_the_handler_that_is_shown_is_the_functions() -> None:
    """The handler that is shown is that of the PostgreSQL function, but for its docstring."""
    (shown,) = (it.text for page in PAGES for it in page.blocks if (it.language, it.kind) == ("python", ""))
    assert (ROOT / "functions/postgresql/app.py").read_text("utf-8").endswith(shown)
