"""The README says what is: its picture, tables, examples, commands and links are held against the code."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import botocore.session
import cfnlint.api
import cfnlint.config
import pytest
import yaml
from botocore import xform_name

from rotation import errors, machine, passwords, secret_format
from rotation.engines.postgresql import PostgreSQL
from rotation.entrypoint import Event
from rotation.model import CLONE_SUFFIX, StoredVersion
from rotation.settings import Settings
from rotation.telemetry import NAMESPACE, Telemetry
from tests.lab.__main__ import arguments
from tests.support import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgresql_address import Postgres

ROOT = Path(__file__).parents[2]
README = picture.README.read_text("utf-8")
SHIPPED = sorted((ROOT / "shared/rotation").rglob("*.py"))
TEMPLATE = (ROOT / "template.yaml").read_text("utf-8")
OWN_OPTIONS = {"query", "output", "region", "profile", "cli-binary-format"}
"""Options of the AWS command line itself, which no service's model has."""


class Block(NamedTuple):
    """A fenced block: its language, the word after it that says what it shows, and its text."""

    language: str
    kind: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
LINKS = re.findall(r"\]\(([^)\s]+)\)", PROSE)
PROOFS = sorted(set(re.findall(r"`(tests/\S+?\.py)::(\w+)`", PROSE)))


def blocks(language: str, kind: str = "") -> list[str]:
    """Give the texts of the blocks of a language, or of those of one kind."""
    return [block.text for block in BLOCKS if block.language == language and kind in {"", block.kind}]


def rows(heading: str) -> list[list[str]]:
    """Give the cells of the table whose first line is ``heading``, without the two lines of its head."""
    lines = PROSE.split(f"\n{heading}\n")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def column(heading: str) -> list[str]:
    """Give every name in code type in the first column of a table, in order."""
    return [name for row in rows(heading) for name in re.findall(r"`([^`]+)`", row[0])]


def commands() -> Iterator[list[str]]:
    """Give each command of the shell blocks as its words."""
    for text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            yield shlex.split(line)


AWS = [words for words in commands() if words[0] == "aws"]


def constants() -> Iterator[str]:
    """Give every piece of text that stands in the library's code."""
    for file in SHIPPED:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def calls(name: str) -> Iterator[ast.Call]:
    """Give every call of a method of that name in the library's code."""
    for file in SHIPPED:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                yield node


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


def anchor(heading: str) -> str:
    """Give the address that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_picture_is_drawn_from_the_transition_table() -> None:
    """The diagram is the one that tests/support/picture.py draws; run it to renew the README."""
    assert picture.drawn(README) == picture.picture(machine.TRANSITIONS)
    assert picture.redrawn(README, machine.TRANSITIONS) == README


def test_the_picture_shows_every_transition() -> None:
    """A table with one transition less makes another picture."""
    for state, steps in machine.TRANSITIONS.items():
        for step in steps:
            fewer = {**machine.TRANSITIONS, state: {key: value for key, value in steps.items() if key is not step}}
            assert picture.picture(fewer) != picture.drawn(README)


def test_every_promise_names_its_test() -> None:
    """No row of the promises is without a test."""
    assert all(re.search(r"`tests/\S+::\w+`", row[1]) for row in rows("| promise | test |"))


@pytest.mark.parametrize(("file", "function"), PROOFS)
def test_a_test_that_is_named_exists(file: str, function: str) -> None:
    """Each test that stands behind a promise is a function in the file that is named."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_a_link_leads_somewhere(link: str) -> None:
    """Relative links name a file or folder of the project, anchors a heading of the README."""
    if link.startswith("#"):
        assert link[1:] in {anchor(heading) for heading in re.findall(r"^#+ (.+)$", PROSE, re.MULTILINE)}
    else:
        assert (ROOT / link).exists()


def test_no_path_is_that_of_one_machine() -> None:
    """Nothing in the README is the path of one person's machine."""
    assert not re.search(r"(^|[\s`(])/(work|home|root|tmp|Users)/", README)


@pytest.mark.parametrize("text", blocks("json"))
def test_json_parses(text: str) -> None:
    """Every JSON block is valid, and no key stands twice."""
    pairs: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.append([key for key, _ in found]))
    assert all(len(keys) == len(set(keys)) for keys in pairs)


@pytest.mark.parametrize("text", blocks("json", "secret"))
def test_an_example_of_a_secret_is_one(text: str) -> None:
    """What the README shows as a secret is accepted by the PostgreSQL function."""
    secret = secret_format.parse(StoredVersion("arn", "version", frozenset(), text), PostgreSQL.traits)
    assert secret.username.startswith("shop")


@pytest.mark.parametrize("text", blocks("json", "managed"))
def test_an_example_of_a_managed_secret_is_completed(text: str) -> None:
    """What the README shows as a secret that RDS manages lacks just what the control plane tells."""
    place = {"engine": "postgres", "host": "orders.example", "port": 5432}
    secret = secret_format.parse(StoredVersion("arn", "id", frozenset(), text), PostgreSQL.traits, lambda: place)
    assert secret.address.host == "orders.example"


def test_an_example_of_an_event_is_the_file_of_that_event() -> None:
    """The revocation in the README is events/revoke.json, but for whether sessions end."""
    (shown,) = (json.loads(text) for text in blocks("json", "event"))
    stored = json.loads((ROOT / "events/revoke.json").read_text("utf-8"))
    assert Event.parse(shown).end_sessions
    assert {**shown, "EndSessions": stored["EndSessions"]} == stored


def test_every_event_is_named() -> None:
    """Each file in events/ is linked, and each linked one is there."""
    linked = {link for link in LINKS if link.startswith("events/")}
    assert linked == {f"events/{file.name}" for file in (ROOT / "events").iterdir()}


@pytest.mark.parametrize("text", blocks("json", "log"))
def test_a_line_of_the_log_has_the_fields_that_are_listed(text: str) -> None:
    """The example of a log line has no field that the README does not name."""
    named = set(re.findall(r"`(\w+)`", PROSE.split("Every line has")[1].split("Errors have")[0]))
    assert set(json.loads(text)) | {"timestamp"} == named


def test_every_key_of_a_secret_is_explained() -> None:
    """The tables of the secret's JSON name each key that the code reads, and no other."""
    tree = ast.parse(inspect.getsource(secret_format.parse))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(column("| key | needed | meaning |")) == {text for text in texts if text.isidentifier()} | {"password"}
    own = set(column("| key | meaning |"))
    written = set(re.findall(r"`(\w+)`", PROSE.split("that the function writes:")[1].split("Leave them")[0]))
    assert own | written == secret_format._OVERRIDES  # noqa: SLF001 the list is nowhere else
    assert not own & written


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
    plain = yaml.safe_load(found.replace("!Sub ", "").replace("!Ref ", ""))
    made = plain["Resources"]["Secret"]["Properties"]["GenerateSecretString"]
    assert set(made["ExcludeCharacters"]) == set(PostgreSQL.traits.limits.default_excluded)
    assert made["PasswordLength"] == passwords.DEFAULT_LENGTH


@pytest.mark.parametrize("text", blocks("sh"))
def test_a_command_is_written_as_a_shell_reads_it(text: str) -> None:
    """Every shell block is free of syntax errors."""
    done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)  # noqa: S607 any sh
    assert (done.returncode, done.stderr) == (0, "")


def test_every_make_target_exists() -> None:
    """Each `make X` in the README is a target of the Makefile, its variables among those that it reads."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = [words for words in commands() if words[0] == "make"]
    named += [shlex.split(code) for code in re.findall(r"`(make [^`]+)`", PROSE)]
    assert len(named) > 5
    for _, target, *variables in named:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)
        for variable in variables:
            assert re.search(rf"\b{variable.split('=')[0]}\b", makefile)


@pytest.mark.parametrize("words", [words for words in commands() if words[:2] == ["make", "demo"]])
def test_the_demo_has_the_options_that_are_shown(words: list[str]) -> None:
    """Each `make demo` line is one that the demo's command line accepts."""
    given = dict(word.split("=", 1) for word in words[2:])
    options = shlex.split(given.pop("OPTIONS", ""))
    named = [part for name, value in given.items() for part in (f"--{name.lower()}", value)]
    assert arguments(named + options).engine == "postgresql"


@pytest.mark.parametrize("words", AWS, ids=lambda words: " ".join(words[1:3]))
def test_an_aws_command_is_one_that_the_service_has(words: list[str]) -> None:
    """Each AWS command is an operation of its service, with options that the operation takes."""
    _, service, operation, *rest = words
    model = botocore.session.get_session().get_service_model(service)
    (name,) = (one for one in model.operation_names if xform_name(one, "-") == operation)
    shape = model.operation_model(name).input_shape
    assert shape
    members = {xform_name(member, "-") for member in shape.members}
    given = {word.removeprefix("--") for word in rest if word.startswith("--")}
    assert {option.removeprefix("no-") for option in given - OWN_OPTIONS} <= members


def test_an_aws_command_names_the_stacks_function() -> None:
    """The function that the commands name is the one that the template names, in the stack of samconfig.toml."""
    (stack,) = re.findall(r'stack_name = "(.+)"', (ROOT / "samconfig.toml").read_text("utf-8"))
    (suffix,) = re.findall(r"FunctionName: !Sub \$\{AWS::StackName\}-(postgresql)", TEMPLATE)
    named = set(re.findall(rf"\b{stack}-\w+", README))
    assert named == {f"{stack}-{suffix}"}


def test_every_parameter_of_the_stack_is_explained() -> None:
    """The table of parameters names each parameter of the template, and no other."""
    declared = TEMPLATE.split("\nParameters:\n")[1].split("\nConditions:\n")[0]
    assert sorted(column("| parameter | meaning |")) == sorted(re.findall(r"^  (\w+):$", declared, re.MULTILINE))


def test_every_setting_is_explained() -> None:
    """The table of variables names each one that the code reads, and no other."""
    environment = Recorder()
    Settings.from_environment(environment)
    Telemetry("readme", environment)
    assert set(column("| variable | parameter | meaning |")) == environment.asked


def test_a_setting_names_the_parameter_that_sets_it() -> None:
    """Each variable stands beside the parameter from which the template takes it."""
    taken = re.findall(r"^ +([A-Z_]+): !(?:Ref (\w+)|Join \[.*!Ref (\w+)\])$", TEMPLATE, re.MULTILINE)
    sources = {name: plain or joined for name, plain, joined in taken}
    for variable, parameter, _ in rows("| variable | parameter | meaning |"):
        assert sources.get(variable.strip("`"), "none") == parameter.strip("`")


def test_every_error_is_explained() -> None:
    """The table of errors names each class of errors.py, and no other."""
    classes = [name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)]
    assert sorted(column("| error | says, for example | what to do |")) == sorted(classes)


@pytest.mark.parametrize("row", rows("| error | says, for example | what to do |"), ids=lambda row: row[0].strip("`"))
def test_an_example_of_a_message_is_one_that_the_code_writes(row: list[str]) -> None:
    """Each part of an example between its "…" stands in the library's code, and each row says what to do."""
    texts = list(constants())
    for message in re.findall(r"`([^`]+)`", row[1]):
        for part in message.split("…"):
            assert any(part in text for text in texts) or part == ")", part
    assert row[2] or row[0] == "`EngineError`"


def metric_names(name: ast.expr) -> list[str]:
    """Give the names that a metric may have; those that count an end are made from what ended."""
    if isinstance(name, ast.JoinedStr):
        ending = ast.literal_eval(name.values[-1])
        return [f"{subject}{ending}" for subject in ("Rotation", "Revocation")]
    return [str(ast.literal_eval(name))]


def test_every_metric_is_explained() -> None:
    """The table of metrics names each one that the code measures, with its unit, and no other."""
    measured = {
        (name, ast.literal_eval(call.args[2])) for call in calls("measure") for name in metric_names(call.args[0])
    }
    listed = {(name, row[1]) for row in rows("| metric | unit | when |") for name in re.findall(r"`(\w+)`", row[0])}
    assert listed == measured
    assert f"FROM {NAMESPACE} " in README


def test_dimensions_are_those_of_the_code() -> None:
    """The README names the dimensions that the code adds, beside Powertools' own."""
    added = {call.args[0].value for call in calls("add_dimension") if isinstance(call.args[0], ast.Constant)}
    added |= {keyword.arg for call in calls("_dimensions") for keyword in call.keywords}
    sentences = PROSE.split("Dimensions: ")[1].split("\n")[0].split(" To see")[0]
    assert set(re.findall(r"`(\w+)`", sentences)) == added | {"service"}


def test_lines_of_the_log_that_are_quoted_are_written() -> None:
    """What the README quotes from the log of a dry run and of a revocation stands in the code."""
    texts = list(constants())
    for line in (
        "Dry run: nothing stands in the way of a rotation",
        "The password of AWSPREVIOUS is not accepted any more",
    ):
        assert f"`{line}`" in README
        assert line in texts


def test_numbers_are_those_of_the_code() -> None:
    """Limits that the README gives for PostgreSQL are the engine's."""
    limits = PostgreSQL.traits.limits
    assert (
        f"Default {passwords.DEFAULT_LENGTH}; PostgreSQL takes {limits.password_min} to {limits.password_max}" in PROSE
    )
    assert f"up to {limits.name_bytes - len(CLONE_SUFFIX)} bytes" in PROSE
    assert f"`{' '.join(limits.default_excluded)}`" in PROSE
    names = ", ".join(f"`{name}`" for name in sorted(PostgreSQL.traits.names - {"aurora-postgresql"}))
    assert f"{names} or `aurora-postgresql`" in PROSE
    assert f"Default {PostgreSQL.traits.default_port}." in PROSE
    assert f"Default `{PostgreSQL.traits.default_database}`." in PROSE


def test_the_handler_that_is_shown_is_the_functions() -> None:
    """The handler that the README shows is that of the PostgreSQL function, but for its docstring."""
    (shown,) = blocks("python")
    stored = (ROOT / "functions/postgresql/app.py").read_text("utf-8")
    assert stored.endswith(shown)


def test_the_statements_run(postgres: Postgres) -> None:
    """PostgreSQL accepts the statements of the SQL blocks, in their order; nothing of them is kept."""
    with closing(postgres.connect(postgres.user, postgres.password)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shop")
        for text in blocks("sql"):
            cursor.execute(text)
        cursor.execute("SELECT count(*) FROM pg_auth_members WHERE member = 'shop_admin'::regrole")
        assert cursor.fetchone() == (2,)
        connection.rollback()
