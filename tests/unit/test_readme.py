"""The README says what is: its picture, tables, examples, commands and links are held against the code."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import subprocess
import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import botocore.session
import cfnlint.api
import cfnlint.config
import pytest
import yaml
from botocore import xform_name

from rotation import errors, machine
from rotation.credentials import overrides, secret_format
from rotation.credentials import password_policy as passwords
from rotation.engines.aurora.engine import Aurora
from rotation.engines.documentdb import DocumentDB
from rotation.engines.mysql import MySQL
from rotation.engines.postgresql import PostgreSQL
from rotation.engines.redshift import Redshift
from rotation.entrypoints.secrets_manager import Event
from rotation.entrypoints.telemetry import NAMESPACE, Telemetry
from rotation.model import (
    CLONE_SUFFIX,
    LAST_REFUSED,
    LATE_CUTOVER,
    Credential,
    Mark,
    Password,
    StoredVersion,
    StrategyName,
)
from rotation.settings import Settings
from rotation.strategies import strategy_for
from rotation.strategies.recovery import Recovery
from tests.lab.__main__ import ENGINES as LAB
from tests.lab.__main__ import arguments
from tests.lab.stages import documentdb, redshift
from tests.lab.stages import mysql as mysql_stage
from tests.support import picture
from tests.support.emulators.redshift.server import RedshiftServer
from tests.support.servers.mongodb import MongoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Traits
    from tests.support.servers.postgresql_address import Postgres
    from tests.support.servers.tls import Authority

ROOT = Path(__file__).parents[2]
README = picture.README.read_text("utf-8")
SHIPPED = sorted((ROOT / "shared/rotation").rglob("*.py"))
TEMPLATE = (ROOT / "template.yaml").read_text("utf-8")
OWN_OPTIONS = {"query", "output", "region", "profile", "cli-binary-format", "endpoint-url"}
"""Options of the AWS command line itself, which no service's model has."""

FUNCTIONS = {
    "postgresql": PostgreSQL.traits,
    "mysql": MySQL.traits,
    "documentdb": DocumentDB.traits,
    "redshift": Redshift.traits,
    "aurora": Aurora.traits,
}
"""What is fixed about the engine of each function, by the name of its folder."""

ADMIN_PASSWORD = "Its-present-passw0rd"
"""What the statements in the README give the admin."""

TAKEN = (
    "| engine | `engine` in the secret | port | `dbname` | password length "
    "| never in a new password, unless you set it | longest user name; of a base with a clone |"
)


class Block(NamedTuple):
    """A fenced block: its language, the word after it that says what it shows, and its text."""

    language: str
    kind: str
    text: str


SHOWN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/database-a1B2c3"
BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
LINKS = re.findall(r"\]\(([^)\s]+)\)", PROSE)
PROOFS = sorted(set(re.findall(r"`(tests/\S+?\.py)::(\w+)`", PROSE)))


def blocks(language: str, kind: str = "") -> list[str]:
    """Return the texts of the blocks of a language, or of those of one kind."""
    return [block.text for block in BLOCKS if block.language == language and kind in {"", block.kind}]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table whose first line is ``heading``, without the two lines of its head."""
    lines = PROSE.split(f"\n{heading}\n")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def column(heading: str) -> list[str]:
    """Return every name in code type in the first column of a table, in order."""
    return [name for row in rows(heading) for name in re.findall(r"`([^`]+)`", row[0])]


def commands() -> Iterator[list[str]]:
    """Return each command of the shell blocks as its words."""
    for text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            yield shlex.split(line)


def statements(kind: str) -> list[str]:
    """Return the statements of an engine's SQL blocks, in order."""
    return [one.strip() for text in blocks("sql", kind) for one in text.split(";") if one.strip()]


def traits_of(name: str) -> Traits:
    """Return the traits of the engine that takes the name, as it stands in a secret."""
    return next(traits for traits in FUNCTIONS.values() if name in traits.names).of(name)


AWS = [words for words in commands() if words[0] == "aws"]


def constants() -> Iterator[str]:
    """Return every piece of text that stands in the library's code."""
    for file in SHIPPED:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def calls(name: str) -> Iterator[ast.Call]:
    """Return every call of a method of that name in the library's code."""
    for file in SHIPPED:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                yield node


STRATEGIES_HEAD = (
    "| | " + " | ".join(f"`{name}`" for name in ("alternating-users", "retained-password", "single-user")) + " |"
)


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
    """Return the address that GitHub makes of a heading."""
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
    """What the README shows as a secret is accepted by the function of its engine, and has a strategy."""
    named = json.loads(text)
    traits = traits_of(named["engine"]) if "host" in named else Aurora.traits
    secret = secret_format.parse(StoredVersion("arn", "version", frozenset(), text), traits)
    assert secret.username.startswith("shop")
    assert strategy_for(secret, Settings()).name in StrategyName


def test_every_engine_has_an_example_of_a_secret() -> None:
    """No function is without one."""
    shown = {json.loads(text)["engine"] for text in blocks("json", "secret")}
    assert all(shown & traits.names for traits in FUNCTIONS.values())
    assert "aurora-postgresql" in shown


def test_the_default_strategies_are_those_of_the_code() -> None:
    """The table's line on defaults holds for the example of each engine, with an admin secret and without."""
    ((_, alternating, retained, single),) = (row for row in rows(STRATEGIES_HEAD) if row[0] == "chosen by default")
    for text in blocks("json", "secret"):
        document = {
            key: value
            for key, value in json.loads(text).items()
            if key not in {"rotation", "rotationRecord", "masterarn"}
        }
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
    readers = (secret_format.parse, secret_format._address)  # noqa: SLF001 the keys stand nowhere else
    tree = ast.parse("".join(inspect.getsource(one) for one in readers))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    apart = {"password", overrides.SETTINGS, overrides.RECORD}
    assert set(column("| key | needed | meaning |")) == {text for text in texts if text.isidentifier()} | apart
    assert set(column("| key | meaning |")) == overrides.SETTABLE
    written = set(re.findall(r"`(\w+)`", PROSE.split("`rotationRecord`: the JSON of")[1].split("Earlier")[0]))
    assert written == overrides.RECORDED


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
    assert arguments(named + options).engine == given.get("ENGINE", LAB[0])


def test_the_demo_is_shown_for_every_engine() -> None:
    """No engine of the demo is left out."""
    shown = {word.removeprefix("ENGINE=") for words in commands() for word in words if word.startswith("ENGINE=")}
    assert shown | {LAB[0]} == set(LAB)


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
    """The functions that the README names are those that the template names, in the stack of samconfig.toml."""
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    stack = configuration["default"]["global"]["parameters"]["stack_name"]
    suffixes = re.findall(r"FunctionName: !Sub \$\{AWS::StackName\}-(\w+)", TEMPLATE)
    named = set(re.findall(rf"\b{stack}-\w+", README))
    assert named == {f"{stack}-{suffix}" for suffix in suffixes}
    assert set(suffixes) == set(FUNCTIONS) == {file.parent.name for file in (ROOT / "functions").glob("*/app.py")}


def test_every_function_of_the_stack_is_listed() -> None:
    """The table of outputs names each function's ARN, beside the function's name."""
    outputs = re.findall(r"^  (\w+FunctionArn):$", TEMPLATE.split("\nOutputs:\n")[1], re.MULTILINE)
    listed = {row[0].strip("`"): row[1].strip("`") for row in rows("| output | function | for secrets of |")}
    assert listed == {name: f"secret-rotation-{name.removesuffix('FunctionArn').lower()}" for name in outputs}


def test_every_function_has_a_row_in_the_table_of_engines() -> None:
    """Each function is linked, beside the strategies that its engine has."""
    table = rows("| engine | function | driver | strategies | state |")
    assert {link for link in LINKS if link.endswith("/app.py")} == {f"functions/{name}/app.py" for name in FUNCTIONS}
    for row in table:
        offered = set(re.findall(r"`([^`]+)`", row[3]))
        retaining = row[0].startswith(("MySQL", "Aurora MySQL"))
        assert offered == set(StrategyName) - (set() if retaining else {"retained-password"})


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
    """Return the names that a metric may have; those that count an end are made from what ended."""
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
    for part in blocks("text"):
        if part.startswith("The password will change"):
            said, reason, grant = re.fullmatch(r"(.*?: )(a right is .*? TO )(.*)\n", part).groups()  # type: ignore[union-attr]
            assert {said, reason} <= set(texts)
            assert grant == "`shop`@`%`"
    assert f"`{LATE_CUTOVER}`" in README
    assert f"`{LAST_REFUSED}`" in README


def test_every_recovery_is_explained() -> None:
    """The table of recoveries is the code's."""
    assert [row[0] for row in rows("| `recovery` | what happened |")] == [f"`{reason}`" for reason in Recovery]
    assert "`A recovery was used`" in README


@pytest.mark.parametrize("row", rows(TAKEN), ids=lambda row: row[0])
def test_numbers_are_those_of_the_code(row: list[str]) -> None:
    """The limits and names that the README gives for an engine are the engine's."""
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
    assert sorted(listed) == sorted({name for traits in FUNCTIONS.values() for name in traits.names})
    assert f"Default {passwords.DEFAULT_LENGTH};" in PROSE


def test_rules_that_cannot_be_switched_off_are_those_of_the_code() -> None:
    """The README names what DocumentDB and Redshift forbid, and nobody else does."""
    documentdb_, redshift_ = DocumentDB.traits.limits, Redshift.traits.limits
    assert set(documentdb_.forbidden) == set('/"@')
    assert set(redshift_.forbidden) == set("/\"@'\\ ")
    assert redshift_.required == {"uppercase", "lowercase", "numbers"}
    others = (traits.limits for name, traits in FUNCTIONS.items() if name in {"postgresql", "mysql"})
    assert not any(limits.forbidden or limits.required for limits in others)
    assert 'no `/ " @` for DocumentDB, and for Redshift no `/ " @ \' \\` and no space' in PROSE


def test_the_handler_that_is_shown_is_the_functions() -> None:
    """The handler that the README shows is that of the PostgreSQL function, but for its docstring."""
    (shown,) = (block.text for block in BLOCKS if (block.language, block.kind) == ("python", ""))
    stored = (ROOT / "functions/postgresql/app.py").read_text("utf-8")
    assert stored.endswith(shown)


def test_the_statements_of_postgresql_run(postgres: Postgres) -> None:
    """PostgreSQL accepts the statements of the SQL blocks, in their order; nothing of them is kept."""
    with closing(postgres.connect(postgres.user, postgres.password)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shop")
        for statement in statements("postgresql"):
            cursor.execute(statement)
        cursor.execute("SELECT count(*) FROM pg_auth_members WHERE member = 'shop_admin'::regrole")
        assert cursor.fetchone() == (2,)
        connection.rollback()


@pytest.fixture
def orders(stage: mysql_stage.Stage) -> Iterator[mysql_stage.Stage]:
    """Make the application that the README speaks of, with a role, on MySQL and on MariaDB."""
    stage.run("CREATE DATABASE orders", "CREATE ROLE clerk", "GRANT DELETE ON orders.* TO clerk")
    stage.user("shop")
    direction = "FOR" if stage.is_mariadb else "TO"
    stage.run(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM shop",
        "GRANT SELECT, INSERT ON orders.* TO shop",
        "GRANT clerk TO shop",
        f"SET DEFAULT ROLE clerk {direction} shop",
    )
    yield stage
    stage.run("DROP USER IF EXISTS shop, shop_clone, shop_admin", "DROP ROLE clerk", "DROP DATABASE orders")


def test_the_rights_that_are_named_suffice_on_mysql_and_mariadb(orders: mysql_stage.Stage) -> None:
    """The servers accept the statements, and their admin levels both, ends sessions, and sets two passwords."""
    given = statements("mariadb" if orders.is_mariadb else "mysql")
    orders.run(*(statement.replace(SHOWN, mysql_stage.ARN) for statement in given))
    if not orders.is_mariadb:
        orders.run("REVOKE APPLICATION_PASSWORD_ADMIN ON *.* FROM shop")  # it is for a user without a clone
    admin = Credential("shop_admin", Password(ADMIN_PASSWORD))
    idle, changes = orders.level(admin, mysql_stage.pair_of("shop"))
    assert any("clerk" in change for change in changes)
    orders.level(admin, mysql_stage.pair_of("shop", promote="base", version="version-2"))
    with orders.login(idle), orders.login(admin) as session:
        assert session.end_sessions("shop_clone") == 1
        session.guard_target("shop", allow_privileged=False)
        current, pending = orders.password(), orders.password()
        session.set_password("shop", current)
        if not orders.is_mariadb:
            mark = Mark(mysql_stage.ARN, "shop", "version-3")
            assert session.retain_password("shop", current, pending, mark, "version-2")
            orders.run(statements("mysql")[0])
            with orders.login(Credential("shop", current)) as alone:
                assert alone.retention_obstacle("shop") is None


def test_the_rights_that_are_named_suffice_on_mongodb(authority: Authority) -> None:
    """MongoDB accepts the commands of the mongosh blocks; user and admin may then do what the README says."""
    with MongoServer(authority) as server:
        stage = documentdb.Stage(server)
        user = stage.user("shop")
        for line in "".join(blocks("js", "documentdb")).replace(SHOWN, documentdb.ARN).splitlines():
            database, method, given = re.fullmatch(r'db\.getSiblingDB\("(\w+)"\)\.(\w+)\((.*)\)', line).groups()  # type: ignore[union-attr]
            first, *more = json.loads(f"[{given.replace('passwordPrompt()', json.dumps(ADMIN_PASSWORD))}]")
            fields = dict(
                next((it for it in (first, *more) if isinstance(it, dict)), {"roles": more[0] if more else []})
            )
            name = fields.pop("role", None) or fields.pop("user", None) or first
            server.run(method, name, database=database, **fields)
        admin = Credential("shop_admin", Password(ADMIN_PASSWORD))
        with stage.login(user) as session:
            session.rehearse_password("shop", user.password)
            session.set_password("shop", user.password)
        idle, _ = stage.level(admin, documentdb.pair_of("shop"))
        stage.level(admin, documentdb.pair_of("shop", promote="base", version="version-2"))
        with stage.login(idle), stage.login(admin) as session:
            assert session.end_sessions("shop_clone") == 1


@pytest.mark.parametrize("admin", ["shop_admin", "shop_levelling"])
def test_the_rights_that_are_named_suffice_on_the_stand_in_for_redshift(authority: Authority, admin: str) -> None:
    """The stand-in accepts the statements, and either admin levels a pair of which no grant is missing."""
    with RedshiftServer(authority) as server:
        stage = redshift.Stage(server)
        stage.user("shop")
        stage.run(*statements("redshift"))
        clone, _ = stage.level(redshift.pair_of("shop"), Credential(admin, Password(ADMIN_PASSWORD)))
        stage.accepts(clone)


def test_every_statement_belongs_to_an_engine() -> None:
    """No SQL or mongosh block escapes the tests above."""
    kinds = {block.kind for block in BLOCKS if block.language in {"sql", "js"}}
    assert kinds == {"postgresql", "mysql", "mariadb", "documentdb", "redshift"}
