"""
A secret's JSON, read and written. The only place that knows the names of its keys.

The format is that of AWS's rotation functions (Secrets Manager user guide, "JSON structure of AWS Secrets Manager
database credential secrets"), with one object of our own, ``rotation``. What is not known here is carried along.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rotation.errors import InvalidSecret, InvalidSettings
from rotation.model import Address, Credential, Overrides, Password, PasswordRules, Secret, StrategyName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.model import Provenance, StoredVersion, Traits

_NAME: Final = r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,253}[A-Za-z0-9_.])?"
_IPV6: Final = r"[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,7}"
_HOST: Final = re.compile(f"{_NAME}|{_IPV6}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DIGITS: Final = re.compile(r"[0-9]{1,5}")
_PORTS: Final = range(1, 65536)
_NAME_BYTES: Final = 255
_ARN_BYTES: Final = 2048
_VALUE_BYTES: Final = 65536
"""Secrets Manager API reference, PutSecretValue, SecretString."""

_TRUTH: Final = {"true": True, "false": False}


def parse(
    version: StoredVersion, traits: Traits, lacking: Callable[[], Mapping[str, object] | None] | None = None
) -> Secret:
    """
    Read a version's value as a database secret of this engine.

    An admin's secret is read with ``lacking``, which completes one that names no server (as those that RDS manages).
    Raises InvalidSecret or InvalidSettings, naming the key and never its value.
    """
    where = f"version {version.id} of {version.arn}"
    document = _object(version.value, where)
    named = not document.keys().isdisjoint({"host", "dbClusterIdentifier"})
    if lacking is not None and not named:
        document = {**(lacking() or {}), **document}
    read = _Reader(document, where)
    engine = read.text("engine")
    if engine not in traits.names:
        raise read.wrong("engine", f"is none of {', '.join(sorted(traits.names))}", "Attach this engine's function.")
    edition = traits.of(engine)
    overrides = _overrides(document.get("rotation", {}), where)
    return Secret(
        arn=version.arn,
        version=version.id,
        stages=version.stages,
        engine=engine,
        address=_address(read, edition, engine, None if lacking else overrides.host),
        credential=Credential(
            username=read.text("username", limit=traits.name_bytes(engine)), password=Password(read.password())
        ),
        admin_arn=read.text("masterarn", limit=_ARN_BYTES) if "masterarn" in document else None,
        overrides=overrides,
        document=document,
        two_passwords=engine in edition.two_passwords,
    )


def _address(read: _Reader, traits: Traits, engine: str, own_host: str | None) -> Address:
    """
    Read where the server is; ``own_host`` stands for a proxy's name.

    Where servers stand in clusters, the cluster's identifier will do: which host that is, is then asked when a login
    needs it.
    """
    by_cluster = traits.clustered and "host" not in read.document and "dbClusterIdentifier" in read.document
    named = "dbname" in read.document or traits.default_database
    return Address(
        host="" if by_cluster else own_host or read.host("host"),
        port=0 if by_cluster and "port" not in read.document else read.port("port", traits.default_port),
        database=read.text("dbname", traits.default_database) if named else "",
        tls=read.truth("ssl", default=True),
        auth_database=read.text("authSource") if "authSource" in read.document else None,
        cluster=read.text("dbClusterIdentifier") if by_cluster else "",
        dialect=engine,
    )


def render(secret: Secret, credential: Credential, provenance: Provenance | None) -> str:
    """
    Write the value of a new version: all as it was, but the credential, and what the pair has to remember.

    Raises InvalidSecret where that is longer than Secrets Manager takes.
    """
    changed: dict[str, Any] = {"username": credential.username, "password": credential.password.reveal()}
    if provenance is not None:
        record = {"from": provenance.made_from, "to": provenance.made_for}
        if provenance.base is not None:
            record["base"] = provenance.base
        changed["rotation"] = {**secret.document.get("rotation", {}), **record}
    text = json.dumps({**secret.document, **changed}, ensure_ascii=False)  # as short as it was
    value = _SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", text)
    if len(value.encode()) > _VALUE_BYTES:
        raise InvalidSecret(
            f"The new version's value would be longer than {_VALUE_BYTES} bytes",
            where=f"version {secret.version} of {secret.arn}",
            remedy="Take other content than the credential out of the secret.",
        )
    return value


def _object(text: str, where: str) -> dict[str, Any]:
    remedy = 'Store an object such as {"engine": …, "host": …, "username": …, "password": …}.'
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_exact)
    except (ValueError, ArithmeticError, RecursionError):  # the decoder's text quotes the value
        what = "The secret's value is not valid JSON, or a number in it has more digits than can be kept"
        raise InvalidSecret(what, where=where, remedy=remedy) from None
    if not isinstance(document, dict):
        raise InvalidSecret("The secret's value is not a JSON object", where=where, remedy=remedy)
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError  # two readers could take two different values for the same key
    return document


def _exact(text: str) -> float:
    number = float(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError  # it could not be carried along as it is
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed access to the keys of an object, with errors that name the key and never show its value."""

    document: Mapping[str, Any]
    where: str
    kind: type[InvalidSecret | InvalidSettings] = InvalidSecret

    def wrong(self, key: str, what: str, remedy: str) -> InvalidSecret | InvalidSettings:
        return self.kind(f'The key "{key}" {what}', where=self.where, remedy=remedy)

    def text(self, key: str, default: str | None = None, limit: int = _NAME_BYTES) -> str:
        value = self.document.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing", "Add it to the secret's JSON.")
        if not isinstance(value, str) or not value or _CONTROL.search(value) or not value.isprintable():
            raise self.wrong(key, "is not a plain, non-empty text", "Correct it in the secret's JSON.")
        if len(value.encode()) > limit:
            raise self.wrong(key, f"is longer than {limit} bytes", "The server would cut it; use a shorter name.")
        return value

    def host(self, key: str) -> str:
        value = self.text(key)
        if not _HOST.fullmatch(value):
            raise self.wrong(key, "is not one host name or address", "Give a host name, without port, list or path.")
        return value

    def password(self) -> str:
        value = self.document.get("password")
        if not isinstance(value, str) or not value or "\0" in value or _SURROGATE.search(value):
            raise self.wrong("password", "is missing, empty or not a text", "Store the user's present password.")
        return value

    def port(self, key: str, default: int) -> int:
        value = self.document.get(key, default)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value not in _PORTS:
            raise self.wrong(key, "is not a port number", "Give a number from 1 to 65535, or leave it out.")
        return value

    def truth(self, key: str, *, default: bool) -> bool:
        value = self.document.get(key, default)
        if isinstance(value, str):
            value = _TRUTH.get(value.lower())
        if not isinstance(value, bool):
            raise self.wrong(key, "is neither true nor false", "Set true or false, or leave it out for verified TLS.")
        return value

    def optional_truth(self, key: str) -> bool | None:
        return self.truth(key, default=False) if key in self.document else None

    def length(self, key: str) -> int | None:
        value = self.document.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise self.wrong(key, "is not a whole number", "Give a number of characters, such as 32.")
        return value

    def characters(self, key: str) -> str | None:
        value = self.document.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "is not a text", "Give the characters to leave out as one text.")
        return value


_OVERRIDES: Final = frozenset(
    {
        "strategy",
        "passwordLength",
        "excludeCharacters",
        "excludeNumbers",
        "excludePunctuation",
        "excludeUppercase",
        "excludeLowercase",
        "requireEachIncludedType",
        "host",
        "base",
        "from",
        "to",
    }
)


def _overrides(value: object, where: str) -> Overrides:
    if not isinstance(value, dict):
        raise InvalidSettings('The key "rotation" is not an object', where=where, remedy="Correct or remove it.")
    read = _Reader(value, f'"rotation" in {where}', InvalidSettings)
    for key in value.keys() - _OVERRIDES:
        shown = key if re.fullmatch(r"[A-Za-z_]{1,40}", key) else "…"
        raise read.wrong(
            shown,
            "cannot be set in a secret",
            f"A secret may set {', '.join(sorted(_OVERRIDES - {'base', 'from', 'to'}))}; the rest is the function's.",
        )
    return Overrides(
        strategy=_strategy(read) if "strategy" in value else None,
        password=PasswordRules(
            length=read.length("passwordLength"),
            exclude_characters=read.characters("excludeCharacters"),
            exclude_numbers=read.optional_truth("excludeNumbers"),
            exclude_punctuation=read.optional_truth("excludePunctuation"),
            exclude_uppercase=read.optional_truth("excludeUppercase"),
            exclude_lowercase=read.optional_truth("excludeLowercase"),
            require_each_included_type=read.optional_truth("requireEachIncludedType"),
        ),
        host=read.host("host") if "host" in value else None,
        base=read.text("base") if "base" in value else None,
        made_from=read.text("from") if "from" in value else None,
        made_for=read.text("to") if "to" in value else None,
    )


def _strategy(read: _Reader) -> StrategyName:
    name = read.text("strategy")
    if name not in set(StrategyName):
        raise read.wrong("strategy", "names no strategy", f"Choose one of {', '.join(StrategyName)}.")
    return StrategyName(name)
