"""The tables of the guides are the code's: engines, keys, parameters, settings, errors, metrics and limits."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation import errors
from rotation.credentials import overrides, password_policy, secret_format
from rotation.engines.documentdb import DocumentDB
from rotation.engines.redshift import Redshift
from rotation.entrypoints.parameter_store.settings import ParameterSettings
from rotation.entrypoints.telemetry import NAMESPACE, Telemetry
from rotation.model import CLONE_SUFFIX, StrategyName
from rotation.settings import Settings
from rotation.strategies.recovery import Recovery
from tests.support.guides.messages import SHIPPED, constants, tree_of
from tests.support.guides.pages import PAGES, PROSE, ROOT, TEXT, between, column, rows
from tests.support.template import functions
from tests.unit.docs.test_examples import TRAITS, traits_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE: Final = (ROOT / "template.yaml").read_text("utf-8")
TAKEN: Final = (
    "| engine | `engine` in the secret | port | `dbname` | password length "
    "| never in a new password, unless you set it | longest user name; of a base with a clone |"
)
ERRORS: Final = "| error | says, for example | what to do |"


class Recorder(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 as a mapping's
        """Remember the name."""
        self.asked.add(key)
        return super().get(key, default)


def calls(name: str) -> Iterator[ast.Call]:
    """Yield every call of a method of that name in the library's code."""
    for file in SHIPPED:
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                yield node


def test_every_function_has_a_row_in_the_table_of_engines() -> None:
    """Each function is linked, beside the strategies that its engine has."""
    linked = {link for link in PAGES[0].links if link.endswith("/app.py")}
    assert linked == {f"functions/{name}/app.py" for name in functions.ALL}
    for row in rows("| engine | function | driver | strategies | state |"):
        offered = set(re.findall(r"`([^`]+)`", row[3]))
        retaining = row[0].startswith(("[MySQL]", "[Aurora MySQL]"))
        assert offered == set(StrategyName) - (set() if retaining else {"retained-password"})


def test_every_key_of_a_secret_is_explained() -> None:
    """The tables of the secret's JSON name each key that the code reads, and no other."""
    readers = (secret_format.parse, secret_format._address)  # noqa: SLF001 the keys stand nowhere else
    tree = ast.parse("".join(inspect.getsource(one) for one in readers))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    apart = {"password", overrides.SETTINGS, overrides.RECORD}
    assert set(column("| key | needed | meaning |")) == {text for text in texts if text.isidentifier()} | apart
    assert set(column("| key | meaning |")) == overrides.SETTABLE
    assert set(re.findall(r"`(\w+)`", between("`rotationRecord`: the JSON of", "Earlier"))) == overrides.RECORDED


def test_every_parameter_of_the_stack_is_explained() -> None:
    """The table of parameters names each parameter of the template, and no other."""
    declared = TEMPLATE.split("\nParameters:\n")[1].split("\nConditions:\n")[0]
    assert sorted(column("| parameter | meaning |")) == sorted(re.findall(r"^  (\w+):$", declared, re.MULTILINE))


def test_every_setting_is_explained() -> None:
    """The table of variables names each one that the code reads, and no other."""
    environment = Recorder()
    Settings.from_environment(environment)
    ParameterSettings.from_environment(environment)
    Telemetry("guides", environment)
    assert set(column("| variable | parameter | meaning |")) == environment.asked


def test_a_setting_names_the_parameter_that_sets_it() -> None:
    """Each variable stands beside the parameter from which the template takes it."""
    taken = re.findall(r"^ +([A-Z_]+): !(?:Ref (\w+)|If \[.*(?:!Ref |\$\{)(\w+)\b.*\])$", TEMPLATE, re.MULTILINE)
    sources = {name: plain or otherwise for name, plain, otherwise in reversed(taken)}  # the first counts
    for variable, parameter, _ in rows("| variable | parameter | meaning |"):
        assert sources.get(variable.strip("`"), "none") == parameter.strip("`")


def test_every_error_is_explained() -> None:
    """The table of errors names each class of errors.py, and no other."""
    classes = [name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)]
    assert sorted(column(ERRORS)) == sorted(classes)


@pytest.mark.parametrize("row", rows(ERRORS), ids=lambda row: row[0].strip("`"))
def test_an_example_of_a_message_is_one_that_the_code_writes(row: list[str]) -> None:
    """Each part of an example between its "…" stands in the library's code, and each row says what to do."""
    texts = list(constants())
    for message in re.findall(r"`([^`]+)`", row[1]):
        for part in message.split("…"):
            assert any(part in text for text in texts) or part == ")", part
    assert row[2] or row[0] == "`EngineError`"


def metric_names(name: ast.expr) -> list[str]:
    """Return the names that a metric may have; those that count an end are made from what ended."""
    if isinstance(name, ast.JoinedStr):
        ending = ast.literal_eval(name.values[-1])
        return [f"{subject}{ending}" for subject in ("Rotation", "Revocation", "Mirroring", "Promotion")]
    return [str(ast.literal_eval(name))]


def test_every_metric_is_explained() -> None:
    """The table of metrics names each one that the code measures, with its unit, and no other."""
    measured = {
        (name, ast.literal_eval(call.args[2])) for call in calls("measure") for name in metric_names(call.args[0])
    }
    listed = {(name, row[1]) for row in rows("| metric | unit | when |") for name in re.findall(r"`(\w+)`", row[0])}
    assert listed == measured
    assert f"FROM {NAMESPACE} " in TEXT


def test_dimensions_are_those_of_the_code() -> None:
    """The guides name the dimensions that the code adds, beside Powertools' own."""
    added = {call.args[0].value for call in calls("add_dimension") if isinstance(call.args[0], ast.Constant)}
    added |= {keyword.arg for call in calls("_dimensions") for keyword in call.keywords}
    sentences = between("Dimensions: ", "\n").split(" To see")[0]
    assert set(re.findall(r"`(\w+)`", sentences)) == added | {"service"}


def test_every_recovery_is_explained() -> None:
    """The table of recoveries is the code's."""
    assert [row[0] for row in rows("| `recovery` | what happened |")] == [f"`{reason}`" for reason in Recovery]
    assert "`A recovery was used`" in TEXT


@pytest.mark.parametrize("row", rows(TAKEN), ids=lambda row: row[0])
def test_numbers_are_those_of_the_code(row: list[str]) -> None:
    """The limits and names that the guides give for an engine are the engine's."""
    _, named, port, database, lengths, excluded, longest = row
    names = re.findall(r"`([^`]+)`", named)
    traits = traits_of(names[0])
    limits = traits.limits
    assert port == str(traits.default_port)
    assert database.strip("`") == (traits.default_database or "none")
    assert lengths == f"{limits.password_min} to {limits.password_max}"
    assert excluded == f"`{' '.join(limits.default_excluded)}`"
    for name in names:
        most = traits.name_bytes(name)
        assert longest == f"{most}; {most - len(CLONE_SUFFIX)} bytes"


def test_every_name_of_an_engine_is_listed() -> None:
    """The table has each name that a secret may say, and no other."""
    listed = [name for row in rows(TAKEN) for name in re.findall(r"`([^`]+)`", row[1])]
    assert sorted(listed) == sorted({name for traits in TRAITS for name in traits.names})
    assert f"Empty: {password_policy.DEFAULT_LENGTH}, or what the secret asks for" in PROSE


def test_rules_that_cannot_be_switched_off_are_those_of_the_code() -> None:
    """The guides name what DocumentDB and Redshift forbid, and nobody else does."""
    documentdb, redshift = DocumentDB.traits.limits, Redshift.traits.limits
    assert set(documentdb.forbidden) == set('/"@')
    assert set(redshift.forbidden) == set("/\"@'\\ ")
    assert redshift.required == {"uppercase", "lowercase", "numbers"}
    others = (traits.limits for traits in TRAITS[:2])
    assert not any(limits.forbidden or limits.required for limits in others)
    assert 'no `/ " @` for DocumentDB, and for Redshift no `/ " @ \' \\` and no space' in PROSE
