"""A secret's JSON, read and written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.credentials import secret_format
from rotation.errors import InvalidSecret, InvalidSettings, RotationError
from rotation.model import (
    Address,
    Credential,
    Limits,
    Overrides,
    Password,
    PasswordRules,
    Provenance,
    Secret,
    StoredVersion,
    StrategyName,
    Traits,
)

TRAITS = Traits("test", frozenset({"postgres", "aurora-postgresql"}), 5432, "postgres", Limits(8, 128, 63))
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
CANARY = "canary-7f3a"
LEAST: dict[str, Any] = {"engine": "postgres", "host": "db.example", "username": "app", "password": CANARY}


def parse_text(text: str) -> Secret:
    """Read a value."""
    return secret_format.parse(StoredVersion(ARN, "v1", frozenset({"AWSCURRENT"}), text), TRAITS)


def parse(**changed: object) -> Secret:
    """Read a value that differs from the least one."""
    return parse_text(json.dumps({**LEAST, **changed}))


def refused(text: str, error: type[RotationError] = InvalidSecret) -> str:
    """Expect a refusal that names place and remedy and gives nothing of the value away."""
    with pytest.raises(error) as problem:
        parse_text(text)
    shown = f"{problem.value} {problem.value!r} {problem.value.args}"
    assert CANARY not in shown
    assert problem.value.__cause__ is None
    assert problem.value.__suppress_context__ or problem.value.__context__ is None
    assert "version v1" in problem.value.where
    assert problem.value.remedy
    return problem.value.what


def test_the_least_that_a_secret_needs() -> None:
    """What is left out has the engine's default, and TLS is on."""
    secret = parse()
    assert secret.address == Address("db.example", 5432, "postgres", tls=True)
    assert secret.credential == Credential("app", Password(CANARY))
    assert secret.admin_arn is None
    assert secret.overrides == Overrides()
    assert secret.stages == {"AWSCURRENT"}
    assert CANARY not in repr(secret)


everything: dict[str, Any] = {
    "strategy": "single-user",
    "passwordLength": 40,
    "excludeCharacters": "abc",
    "excludeNumbers": True,
    "excludePunctuation": "false",
    "excludeUppercase": False,
    "excludeLowercase": "TRUE",
    "requireEachIncludedType": False,
    "host": "own.example",
    "hosts": "a.example, ::1",
    "port": "7000",
}
RECORDED = {"base": "app", "from": "v0", "to": "v1"}


@pytest.mark.parametrize(
    "own",
    [
        {"rotation": everything, "rotationRecord": json.dumps(RECORDED)},
        {"rotation": json.dumps(everything), "rotationRecord": json.dumps(RECORDED)},
        {"rotation": {**everything, **RECORDED}},
        {"rotation": json.dumps({**everything, **RECORDED})},
        {"rotation": {**everything, "base": "older", "from": "x", "to": "y"}, "rotationRecord": json.dumps(RECORDED)},
    ],
    ids=["object", "text", "record of older versions", "record of older versions as text", "both records"],
)
def test_everything_that_a_secret_may_say(own: dict[str, object]) -> None:
    """Every key is read; settings are an object or a text, and a record inside of them is one of older versions."""
    secret = parse(port=6000, dbname="orders", ssl=False, masterarn=ARN, **own)
    hosts = ("a.example", "::1")
    assert secret.address == Address("own.example", 7000, "orders", tls=False, hosts=hosts)
    assert secret.admin_arn == ARN
    rules = PasswordRules(40, "abc", True, False, False, True, False)  # noqa: FBT003 in the order of the fields
    assert secret.overrides == Overrides(StrategyName.SINGLE_USER, rules, "own.example", 7000, hosts, "app", "v0", "v1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        CANARY,
        '{"password": "' + CANARY,
        json.dumps(LEAST) + "x",
        '{"password": "a", "password": "' + CANARY + '"}',
        '{"rotation": {"host": "a", "host": "' + CANARY + '"}}',
        json.dumps({**LEAST, "port": float("nan")}),
        json.dumps({**LEAST, "port": float("inf")}),
        '{"port": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"a": "\x00"}',
    ],
    ids=["empty", "bare", "cut", "trailing", "twice", "twice inside", "nan", "infinity", "huge", "deep", "control"],
)
def test_a_value_that_is_no_json(text: str) -> None:
    """What two readers could read differently, or not at all, is refused as a whole."""
    assert "is not valid JSON" in refused(text)


@pytest.mark.parametrize("text", ["[]", "1", "null", f'"{CANARY}"', "true"])
def test_a_value_that_is_no_object(text: str) -> None:
    """JSON that is no object is refused."""
    assert "is not a JSON object" in refused(text)


NO_TEXTS: list[object] = [5, True, [], {}, ["x"], "a\nb", "a\0b", "a\x7fb", "a\u200bb", "a\ud800b", "\u2028"]


@pytest.mark.parametrize("value", [*NO_TEXTS, f"{CANARY}\n"], ids=ascii)
@pytest.mark.parametrize("key", ["engine", "host", "username", "dbname", "masterarn"])
def test_a_key_that_is_no_plain_text(key: str, value: object) -> None:
    """A text with control characters, or no text at all, is refused by the key's name."""
    assert f'"{key}"' in refused(json.dumps({**LEAST, key: value}))


@pytest.mark.parametrize("key", ["engine", "host", "username", "password"])
def test_a_missing_key(key: str) -> None:
    """A key that no secret can do without is named, and one with null or an empty text is as good as none."""
    for document in (
        {name: value for name, value in LEAST.items() if name != key},
        LEAST | {key: None},
        LEAST | {key: ""},
    ):
        assert f'"{key}" is missing' in refused(json.dumps(document))


OPTIONAL = ("port", "dbname", "ssl", "masterarn", "authSource", "dbClusterIdentifier", "rotation", "rotationRecord")


@pytest.mark.parametrize("value", [None, ""], ids=ascii)
@pytest.mark.parametrize("key", OPTIONAL)
def test_an_optional_key_that_is_empty_is_absent(key: str, value: object) -> None:
    """Terraform's jsonencode writes null for what was not set, and forms an empty text; both are carried along."""
    secret, plain = parse(**{key: value}), parse()
    assert replace(secret, document=plain.document) == plain
    assert json.loads(secret_format.render(secret, secret.credential, None)) == {**LEAST, key: value}


@pytest.mark.parametrize("value", [None, ""], ids=ascii)
def test_an_optional_setting_that_is_empty_is_absent(value: object) -> None:
    """The same holds inside of ``rotation``, but for the one setting in which an empty text says something."""
    settings = dict.fromkeys((*everything, "base", "from", "to"), value)
    left_out = parse(rotation=settings).overrides.password.exclude_characters
    assert left_out == value
    assert parse(rotation={**settings, "excludeCharacters": None}).overrides == Overrides()


@pytest.mark.parametrize("engine", ["mysql", "Postgres", CANARY])
def test_another_engine(engine: str) -> None:
    """A secret of another engine names those of this function."""
    assert "aurora-postgresql, postgres" in refused(json.dumps({**LEAST, "engine": engine}))


@pytest.mark.parametrize(
    "host",
    [CANARY + ":x/", "a,b", "a b", "http://a", "a/b", "/tmp", "-a", "a-", "a" * 256, "@a", "a?x=1", "a'b", "[::1]"],  # noqa: S108
)
def test_what_is_no_host(host: str) -> None:
    """A host is one name or address, so that nothing else slips into a connection."""
    assert '"host"' in refused(json.dumps({**LEAST, "host": host}))


@pytest.mark.parametrize("host", ["a", "localhost", "10.0.0.1", "::1", "a-b.example.", "x_y", "a" * 255])
def test_what_is_a_host(host: str) -> None:
    """Names, IPv4 and IPv6 addresses are hosts."""
    assert parse(host=host).address.host == host


@pytest.mark.parametrize(
    ("port", "read"), [(1, 1), (65535, 65535), ("5433", 5433), ("00080", 80), (5432, 5432)], ids=ascii
)
def test_ports_as_numbers_and_texts(port: object, read: int) -> None:
    """Other rotation functions store the port as a text, too."""
    assert parse(port=port).address.port == read


@pytest.mark.parametrize(
    "port", [0, -1, 65536, True, 5432.0, " 5432", "5432 ", "x", "٣", "0054321", "54321000", "1e3", [5432]]
)
def test_what_is_no_port(port: object) -> None:
    """A port that is none is refused, not guessed at."""
    assert '"port" is not a port number' in refused(json.dumps({**LEAST, "port": port}))


@pytest.mark.parametrize(
    ("ssl", "tls"), [(True, True), (False, False), ("true", True), ("False", False), ("TRUE", True)], ids=ascii
)
def test_forms_of_ssl(ssl: object, *, tls: bool) -> None:
    """The samples of AWS write booleans and texts."""
    assert parse(ssl=ssl).address.tls is tls


@pytest.mark.parametrize("ssl", ["yes", 1, 0, [], "tru", " "], ids=ascii)
def test_what_is_no_ssl(ssl: object) -> None:
    """A word that is neither true nor false never switches TLS off."""
    assert '"ssl" is neither true nor false' in refused(json.dumps({**LEAST, "ssl": ssl}))


@pytest.mark.parametrize("password", ["", None, 5, True, ["x"], "a\0b", CANARY + "\ud800"], ids=ascii)
def test_what_is_no_password(password: object) -> None:
    """A password is a text that can be encoded and sent."""
    assert '"password" is missing, empty or not a text' in refused(json.dumps({**LEAST, "password": password}))


def test_a_value_stays_as_short_as_it_was() -> None:
    """Escapes would make it longer, and too long for Secrets Manager; half a character has no other form."""
    text = json.dumps({**LEAST, "note": "é漢" * 5000, "half": "\ud800"}, ensure_ascii=False).replace(
        "\ud800", "\\ud800"
    )
    secret = parse_text(text)
    written = secret_format.render(secret, secret.credential, None)
    assert len(written.encode()) == len(text.encode())
    assert json.loads(written) == json.loads(text)


def test_a_value_that_would_become_too_long() -> None:
    """Secrets Manager takes 65,536 bytes, and the pair's record needs some of them."""
    secret = parse(note="x" * 65400)
    assert len(secret_format.render(secret, secret.credential, None)) < 65536
    with pytest.raises(InvalidSecret, match="longer than 65536 bytes"):
        secret_format.render(secret, secret.credential, Provenance("b", "v" * 40, "w" * 40))


@pytest.mark.unsearched
@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_every_other_text_is_a_password(text: str) -> None:
    """Whatever the database accepts may be stored, and comes back as it was."""
    secret = parse(password=text)
    assert secret.credential.password.reveal() == text
    assert json.loads(secret_format.render(secret, secret.credential, None)) == {**LEAST, "password": text}


@pytest.mark.parametrize(("name", "fits"), [("a" * 63, True), ("a" * 64, False), ("ä" * 31, True), ("ä" * 32, False)])
def test_a_name_fits_in_bytes(name: str, *, fits: bool) -> None:
    """A name that the server would cut is another user's name."""
    if fits:
        assert parse(username=name).username == name
    else:
        assert '"username" is longer than 63 bytes' in refused(json.dumps({**LEAST, "username": name}))


@pytest.mark.parametrize("key", ["rotation", "rotationRecord"])
@pytest.mark.parametrize("value", [5, False, [], "x", "5", " ", '{"a": 1, "a": 2}', "[" * 100_000, CANARY], ids=ascii)
def test_settings_and_record_must_be_objects(key: str, value: object) -> None:
    """What a secret sets is an object, or a text with the JSON of one; so is what the functions record."""
    assert f'"{key}" is neither an object' in refused(json.dumps({**LEAST, key: value}), InvalidSettings)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("adoptUnmarkedClones", "adoptUnmarkedClones"),
        ("allow_privileged_targets", "allow_privileged_targets"),
        ("repairByAdmin", "repairByAdmin"),
        ("adminSecretArns", "adminSecretArns"),
        ("", "…"),
        (CANARY + "\n", "…"),
        ("x" * 41, "…"),
    ],
)
def test_what_a_secret_may_not_set(key: str, shown: str) -> None:
    """The function's settings cannot be had in a secret; only a key that looks like one is shown."""
    what = refused(json.dumps({**LEAST, "rotation": {key: 1}}), InvalidSettings)
    assert f'"{shown}" cannot be set in a secret' in what


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("strategy", ["x", 5, CANARY, "SINGLE-USER"]),
        ("passwordLength", ["32", 0, -1, True, 1.5, []]),
        ("excludeCharacters", [5, True, ["a"]]),
        ("excludeNumbers", ["x", 1]),
        ("requireEachIncludedType", [0]),
        ("host", ["a b", 5]),
        ("hosts", ["a b", "a, b c", 5, ["a"]]),
        ("base", [5, "a\n"]),
        ("from", [5]),
        ("to", [5]),
    ],
)
def test_a_wrong_setting_of_a_secret(key: str, values: list[object]) -> None:
    """A setting of the wrong kind is InvalidSettings by its key."""
    for value in values:
        for rotation in ({key: value}, json.dumps({key: value})):
            assert f'"{key}"' in refused(json.dumps({**LEAST, "rotation": rotation}), InvalidSettings)
        if key in RECORDED:
            record = json.dumps({key: value})
            assert f'"{key}"' in refused(json.dumps({**LEAST, "rotationRecord": record}), InvalidSettings)


def test_what_is_not_known_is_carried_along() -> None:
    """A new version differs from the old one in the credential alone."""
    secret = parse(
        rotation={"passwordLength": 40}, nested={"a": [1, {"b": None}]}, ünknown="ß", dbClusterIdentifier="c"
    )
    written = secret_format.render(secret, Credential("app", Password("new")), None)
    assert json.loads(written) == {**secret.document, "password": "new"}


def render(secret: Secret, provenance: Provenance | None) -> dict[str, Any]:
    """Write a new version for the user b."""
    written: dict[str, Any] = json.loads(secret_format.render(secret, Credential("b", Password("new")), provenance))
    return written


@pytest.mark.parametrize("settings", [None, {"passwordLength": 40}, '{"passwordLength": 40}', "", {}], ids=ascii)
def test_the_record_is_one_text(settings: object) -> None:
    """What later steps have to remember is a text of its own; the team's settings stay as the team wrote them."""
    secret = parse(rotation=settings, port="5432")
    written = render(secret, Provenance("app", "v1", "v2"))
    record = written.pop("rotationRecord")
    assert written == {**LEAST, "username": "b", "password": "new", "rotation": settings, "port": "5432"}
    assert json.loads(record) == {"base": "app", "from": "v1", "to": "v2"}


def test_a_secret_of_texts_stays_one() -> None:
    """Readers that take a secret for a map of texts can go on, rotation after rotation."""
    secret = parse(port="5432", rotation='{"excludeCharacters": "abc"}')
    for turn in range(3):
        written = render(secret, Provenance("app", f"v{turn}", f"v{turn + 1}"))
        assert {type(value) for value in written.values()} == {str}
        secret = parse_text(json.dumps(written))
        assert (secret.overrides.base, secret.overrides.made_for) == ("app", f"v{turn + 1}")


@pytest.mark.parametrize("provenance", [None, Provenance("app", "v1", "v2"), Provenance(None, "v1", "v2")])
@pytest.mark.parametrize("settings", [{}, {"passwordLength": 40}])
def test_the_record_of_older_versions_becomes_a_text(
    settings: dict[str, object], provenance: Provenance | None
) -> None:
    """They kept it inside of ``rotation``: it is carried over, and an object that held nothing else goes."""
    secret = parse(rotation={**settings, "base": "app", "from": "v0", "to": "v1"})
    written = render(secret, provenance)
    came = ("v1", "v2") if provenance else ("v0", "v1")
    assert json.loads(written["rotationRecord"]) == {"base": "app", "from": came[0], "to": came[1]}
    assert written.get("rotation", {}) == settings
    assert ("rotation" in written) is bool(settings)


def test_a_record_without_a_base() -> None:
    """A secret of one user records where its value came from, and no base."""
    assert json.loads(render(parse(), Provenance(None, "v1", "v2"))["rotationRecord"]) == {"from": "v1", "to": "v2"}


def test_what_is_carried_over_is_the_same_in_both_forms() -> None:
    """A new version differs from the old one in nothing that a person wrote, whoever wrote the record where."""
    plain, older = {"passwordLength": 40}, {"passwordLength": 40, "base": "app", "from": "v0", "to": "v1"}
    forms = [parse(rotation=plain), parse(rotation=older), parse(rotation=json.dumps(older))]
    forms.append(parse(rotation=json.dumps(plain), rotationRecord="{}"))
    one = secret_format.carried(forms[0])
    assert all(secret_format.carried(form) == one for form in forms)
    assert one["rotation"] == plain
    assert "password" not in one
    assert secret_format.carried(parse(rotation={"passwordLength": 41})) != one


def complete(document: dict[str, Any], found: dict[str, object] | None) -> Secret:
    """Read an admin secret that may be a managed one."""
    version = StoredVersion(ARN, "v1", frozenset(), json.dumps(document))
    return secret_format.parse(version, TRAITS, lambda: found)


def test_a_managed_admin_is_completed() -> None:
    """A secret without a host gets what the control plane says."""
    found: dict[str, object] = {"engine": "postgres", "host": "db.example", "port": 6000}
    secret = complete({"username": "admin", "password": CANARY}, found)
    assert secret.address == Address("db.example", 6000, "postgres")


def test_what_an_admin_secret_says_itself_counts() -> None:
    """A secret that names its host is not completed, and its own keys come first."""
    found: dict[str, object] = {"engine": "postgres", "host": "other.example", "port": 6000}
    assert complete(LEAST, found).address.host == "db.example"
    assert complete({"username": "a", "password": "b", "port": 7000}, found).address.port == 7000
    assert complete({"username": "a", "password": "b", "host": None, "port": ""}, found).address.port == 6000


def test_a_managed_admin_that_nobody_knows() -> None:
    """Without a word of the control plane the missing key is named."""
    with pytest.raises(InvalidSecret, match="names no server"):
        complete({"username": "admin", "password": CANARY}, None)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e99999999999999999999", "1.00000000000000000001"])
def test_a_number_that_cannot_be_carried_along(number: str) -> None:
    """It would be written as another one, or as something that is no JSON."""
    with pytest.raises(InvalidSecret):
        secret_format.parse(StoredVersion("arn", "v", frozenset(), '{"engine": "memory", "x": ' + number + "}"), TRAITS)


CLUSTERED = replace(
    TRAITS,
    names=frozenset({"aurora-postgresql", "aurora"}),
    editions={"aurora": replace(TRAITS, default_port=3306, default_database="", clustered=True)},
    clustered=True,
)
BY_CLUSTER = {"engine": "aurora-postgresql", "dbClusterIdentifier": "orders", "username": "app", "password": CANARY}


def in_a_cluster(document: dict[str, Any], **more: Any) -> Secret:  # noqa: ANN401 JSON
    """Read a secret of an engine whose servers stand in clusters."""
    return secret_format.parse(StoredVersion(ARN, "v1", frozenset(), json.dumps({**document, **more})), CLUSTERED)


def test_a_cluster_in_place_of_a_host() -> None:
    """Which host it is, is asked later; the new version names it as the old one did."""
    secret = in_a_cluster(BY_CLUSTER)
    assert secret.address == Address("", 0, "postgres", cluster="orders")
    assert str(secret.address) == "the cluster orders"
    assert in_a_cluster(BY_CLUSTER, port=6000).address.port == 6000
    assert in_a_cluster(BY_CLUSTER, host="", port=None).address == secret.address
    written = json.loads(secret_format.render(secret, secret.credential, None))
    assert written == BY_CLUSTER


def test_a_host_comes_before_the_cluster() -> None:
    """SecretTargetAttachment writes both."""
    assert in_a_cluster(BY_CLUSTER, host="db.example").address == Address("db.example", 5432, "postgres")


def test_a_cluster_is_not_enough_elsewhere() -> None:
    """An engine without clusters wants a host."""
    assert '"host" is missing' in refused(json.dumps(BY_CLUSTER))


def test_the_edition_is_the_secrets() -> None:
    """Port and database are those of the engine that the secret names."""
    secret = in_a_cluster({**LEAST, "engine": "aurora"})
    assert (secret.address.port, secret.address.database, secret.address.dialect) == (3306, "", "aurora")


def test_an_admin_logs_in_at_its_own_host() -> None:
    """An endpoint beside a proxy is for the secret's user, never for an admin's password."""
    secret = complete({**LEAST, "rotation": {"host": "other.example", "port": 7000}}, None)
    assert (secret.address.host, secret.address.port) == ("db.example", 5432)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Postgres", "postgres"), (" POSTGRES ", "postgres"), ("pgsql", "postgres"), ("MongoDB", "mongo")],
)
def test_another_spelling_of_the_engine_is_called_so(written: str, meant: str) -> None:
    """The function is the right one, and the word is not."""
    value = StoredVersion(ARN, "v1", frozenset(), json.dumps({**LEAST, "engine": written}))
    with pytest.raises(InvalidSecret) as problem:
        secret_format.parse(value, replace(TRAITS, names=TRAITS.names | {"mongo"}))
    assert problem.value.remedy == f'Write "{meant}".'


def test_an_engine_of_another_function_is_called_so() -> None:
    """Then another function is to be attached."""
    with pytest.raises(InvalidSecret, match="Attach the function of that engine"):
        parse(engine="mysql")


def test_a_byte_order_mark_is_called_so() -> None:
    """It cannot be seen, so that the sentence names it."""
    assert "begins with a byte order mark" in refused("\ufeff" + json.dumps(LEAST))


def test_an_admin_secret_that_names_no_server() -> None:
    """One sentence for all that is missing, where no tag tells it either."""
    value = StoredVersion(ARN, "v1", frozenset(), json.dumps({"username": "admin", "password": CANARY}))
    with pytest.raises(InvalidSecret, match="names no server, and no tag of it says") as problem:
        secret_format.parse(value, TRAITS, lambda: None)
    assert '"engine", "host"' in problem.value.remedy
