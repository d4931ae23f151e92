"""
A secret's JSON, read and written. All names of its keys are here, but those below ``rotation`` (``overrides``).

The format is that of AWS's rotation functions (Secrets Manager user guide, "JSON structure of AWS Secrets Manager
database credential secrets"), with two keys of our own (``overrides``). What is not known here is carried along.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from rotation.credentials import overrides
from rotation.credentials.secret_keys import SURROGATE, Keys, decoded, present
from rotation.errors import InvalidSecret
from rotation.model import Address, Credential, Overrides, Password, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.model import Provenance, StoredVersion, Traits

_ARN_BYTES: Final = 2048
_BYTE_ORDER_MARK: Final = "\ufeff"
_OTHER_SPELLINGS: Final = {"mongodb": "mongo", "pgsql": "postgres", "aurora-postgres": "aurora-postgresql"}
"""What people write for a name that Secrets Manager's format has."""

_VALUE_BYTES: Final = 65536
"""Secrets Manager API reference, PutSecretValue, SecretString."""


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
    named = not present(document).keys().isdisjoint({"host", "dbClusterIdentifier"})
    if lacking is not None and not named:
        document = {**_completed(lacking, document, where), **present(document)}
    keys = Keys(present(document), where)
    engine = keys.text("engine")
    if engine not in traits.names:
        raise keys.wrong("engine", f"is none of {', '.join(sorted(traits.names))}", _other_engine(engine, traits))
    edition = traits.of(engine)
    own = overrides.read(document, where)
    return Secret(
        arn=version.arn,
        version=version.id,
        stages=version.stages,
        engine=engine,
        address=_address(keys, edition, engine, Overrides(hosts=own.hosts) if lacking else own),
        credential=Credential(
            username=keys.text("username", limit=traits.name_bytes(engine)), password=Password(keys.password())
        ),
        admin_arn=keys.optional_text("masterarn", limit=_ARN_BYTES),
        overrides=own,
        document=document,
        two_passwords=engine in edition.two_passwords,
    )


def engine_of(version: StoredVersion) -> str:
    """Return the name of the engine that a version's value gives. Raises InvalidSecret."""
    where = f"version {version.id} of {version.arn}"
    return Keys(present(_object(version.value, where)), where).text("engine")


def place_of(version: StoredVersion) -> dict[str, object]:
    """Return what a value says of the database's place, by the keys that ``relocated`` takes. Raises InvalidSecret."""
    document = _object(version.value, f"version {version.id} of {version.arn}")
    own = overrides.settings_of(document)
    inner = {f"{overrides.SETTINGS}.{key}": own[key] for key in ("host", "port") if key in own}
    return {key: document[key] for key in ("host", "port", "dbClusterIdentifier") if key in document} | inner


def _address(keys: Keys, traits: Traits, engine: str, own: Overrides) -> Address:
    """
    Read where the server is; its ``own`` host and port stand for a proxy's.

    Where servers stand in clusters, the cluster's identifier will do: which host that is, is then asked when a login
    needs it.
    """
    by_cluster = traits.clustered and "host" not in keys and "dbClusterIdentifier" in keys
    named = "dbname" in keys or traits.default_database
    return Address(
        host="" if by_cluster else own.host or keys.host("host"),
        port=own.port or (0 if by_cluster and "port" not in keys else keys.port("port", traits.default_port)),
        database=keys.text("dbname", traits.default_database) if named else "",
        tls=keys.truth("ssl", default=True),
        auth_database=keys.optional_text("authSource"),
        cluster=keys.text("dbClusterIdentifier") if by_cluster else "",
        hosts=own.hosts,
        dialect=engine,
    )


def render(
    secret: Secret,
    credential: Credential,
    provenance: Provenance | None,
    region: str | None = None,
    seal: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> str:
    """
    Write the value of a new version: all as it was, but the credential, and what later steps have to remember.

    The Region is given where the secret has replicas; ``seal`` puts a seal on the whole.

    Raises InvalidSecret where that is longer than Secrets Manager takes.
    """
    document = overrides.recorded(secret.document, secret.overrides, provenance, region)
    changed = {"username": credential.username, "password": credential.password.reveal()}
    value = _text(seal({**document, **changed}))
    if len(value.encode()) > _VALUE_BYTES:
        raise InvalidSecret(
            f"The new version's value would be longer than {_VALUE_BYTES} bytes",
            where=f"version {secret.version} of {secret.arn}",
            remedy="Take other content than the credential out of the secret.",
        )
    return value


def relocated(version: StoredVersion, place: Mapping[str, Any], made_at: str | None = None) -> str:
    """
    Return the version's value for another place: as it is, but for those keys that it has and that say otherwise.

    ``made_at`` is the Region where it was made, for a value that does not say so itself. ``place`` names keys as a
    secret's JSON does; ``rotation.host`` and ``rotation.port`` stand in its settings, and count where it has such a
    host. A port stays a text where it was one.

    Raises InvalidSecret.
    """
    where = f"version {version.id} of {version.arn}"
    document = _object(version.value, where)
    known = overrides.read(document, where)
    if made_at is not None and known.made_at is None:
        document = overrides.recorded(document, known, None, made_at)
    own = overrides.settings_of(document)
    named = {key: value for key, value in place.items() if not key.startswith(f"{overrides.SETTINGS}.")}
    inner = {key.partition(".")[2]: value for key, value in place.items() if key not in named}
    if "host" in inner and "host" in own:
        document = overrides.with_own(document, _changed(own, inner))
    fresh = _changed(
        document, {key: value for key, value in named.items() if key in present(document) or key == "port"}
    )
    return version.value if fresh == decoded(version.value) else _text(fresh)


def _changed(document: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Set what is said otherwise; in a document of texts a number is one, too."""
    differing = {key: value for key, value in wanted.items() if str(document.get(key)) != str(value)}
    texts = all(isinstance(value, str) for value in document.values())
    return {**document, **{key: str(value) if texts else value for key, value in differing.items()}}


def _text(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, ensure_ascii=False)  # as short as it was
    return SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", text)


def carried(secret: Secret) -> dict[str, object]:
    """Return what a new version takes over from the one before: all but the password and the record."""
    apart = {"password", overrides.SETTINGS, overrides.RECORD}
    kept = {key: value for key, value in secret.document.items() if key not in apart}
    return {**kept, overrides.SETTINGS: overrides.settings_of(secret.document)}


def _completed(
    lacking: Callable[[], Mapping[str, object] | None], document: Mapping[str, Any], where: str
) -> Mapping[str, object]:
    """Return what an admin secret lacks that names no server. Raises InvalidSecret where nothing else tells it."""
    found = lacking()
    if found is None and "engine" not in present(document):
        raise InvalidSecret(
            "The admin secret names no server, and no tag of it says that RDS, DocumentDB or Redshift manages it",
            where=where,
            remedy='Add "engine", "host" and, if it is not the usual one, "port" to it. For a secret that a service '
            "manages, make an admin secret of your own.",
        )
    return found or {}


def _other_engine(engine: str, traits: Traits) -> str:
    """Tell a misspelt name from one of an engine that another function rotates."""
    plain = engine.strip().lower()
    meant = _OTHER_SPELLINGS.get(plain, plain)
    if meant in traits.names:
        return f'Write "{meant}".'
    return f"Attach the function of that engine; this one is for {traits.name}."


def _object(text: str, where: str) -> dict[str, Any]:
    remedy = 'Store an object such as {"engine": …, "host": …, "username": …, "password": …}.'
    if text.startswith(_BYTE_ORDER_MARK):
        what = "The secret's value begins with a byte order mark, an invisible character that JSON does not have"
        raise InvalidSecret(what, where=where, remedy="Store it anew, from a file in UTF-8 without that mark.")
    try:
        document = decoded(text)
    except (ValueError, ArithmeticError, RecursionError):  # the decoder's text quotes the value
        what = "The secret's value is not valid JSON, or a number in it has more digits than can be kept"
        raise InvalidSecret(what, where=where, remedy=remedy) from None
    if not isinstance(document, dict):
        raise InvalidSecret("The secret's value is not a JSON object", where=where, remedy=remedy)
    return document
