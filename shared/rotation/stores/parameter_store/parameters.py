"""The calls of Parameter Store that the store is made of, each answer read with care."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from rotation.answers import as_name, as_text, error_code
from rotation.errors import InvalidSecret, StoreUnavailable, VersionNotFound
from rotation.stores.parameter_store import layouts, refusals
from rotation.stores.parameter_store.journal import Journal, Live

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_ssm.client import SSMClient

    from rotation.ports import SecretStore

REFERENCE: Final = "/aws/reference/secretsmanager/"
"""What the names of secrets begin with here (user guide, "Referencing AWS Secrets Manager secrets")."""

VERSIONS: Final = 100
"""So many versions of a parameter are kept (API reference, ParameterMaxVersionLimitExceeded)."""

_KEPT: Final = ("KeyId", "Tier", "AllowedPattern", "DataType", "Description")
"""What is sent again with each value: nothing promises that an overwrite keeps it (API reference, PutParameter)."""


class Busy(Exception):
    """Another update of the parameter is under way (API reference, TooManyUpdates); this one was not made."""


class Unanswered(Exception):
    """No answer came: whether the put took effect is not known, and it may still."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the history."""

    number: int
    settings: Mapping[str, str]
    labels: tuple[str, ...]
    by: str


class Clients(NamedTuple):
    """Botocore clients: one that may repeat requests, and one that tries once, for what nothing makes idempotent."""

    client: SSMClient
    single_try: SSMClient
    secrets: Callable[[], SecretStore] | None = None
    """Makes what reads the admin credentials that Secrets Manager keeps."""


class Parameters:
    """The operations of Parameter Store."""

    def __init__(self, clients: Clients) -> None:
        """Keep the clients. Raises ValueError where the one that writes repeats requests by itself."""
        retries: Any = getattr(clients.single_try.meta.config, "retries", None)
        if (retries or {}).get("total_max_attempts") != 1:
            raise ValueError("the client that writes the live parameter must not repeat a put by itself")
        self._client = clients.client
        self._single_try = clients.single_try

    def live(self, name: str) -> Live:
        """Read the newest version; of a tree all of it. Raises InvalidSecret where it is no SecureString."""
        return self._tree(name) if layouts.is_leaf(name) else self.newest(name)

    def newest(self, name: str) -> Live:
        """Read the newest version, whatever the name. Raises InvalidSecret where it is no SecureString."""
        with refusals.translated("GetParameter", name):
            return _live(self._client.get_parameter(Name=name, WithDecryption=True)["Parameter"], name)

    def _tree(self, name: str) -> Live:
        """Read the password and what stands beside it: one GetParametersByPath for each ten, or fewer."""
        folder = name.rpartition("/")[0]
        with refusals.translated("GetParametersByPath", folder):
            pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=folder, WithDecryption=True)
            found = {as_name(it["Name"]): it for page in pages for it in page["Parameters"]}
            if name not in found:
                raise VersionNotFound("There is no such parameter", where=name, remedy="Check the name and the Region.")
            leaves = {full.rpartition("/")[2]: as_text(it["Value"]) for full, it in found.items()}
            return _live(found[name], name, layouts.beside(leaves))

    def value(self, name: str) -> tuple[str, int, str]:
        """Read any parameter, or version ``name:number``: its ARN, number and value."""
        with refusals.translated("GetParameter", name):
            found = self._client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
            return as_name(found["ARN"]), int(found["Version"]), as_text(found["Value"])

    def admin(self, name: str) -> tuple[str, str, str]:
        """
        Read a parameter, or a secret by its reference: ARN, version and value.

        Of a secret SourceResult holds what Secrets Manager answered, and so whose value it really is.
        """
        with refusals.translated("GetParameter", name):
            found = self._client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
            if not name.startswith(REFERENCE):
                return as_name(found["ARN"]), f"v{int(found['Version'])}", as_text(found["Value"])
            source = json.loads(found["SourceResult"])
            return as_name(source["ARN"]), as_name(source["VersionId"]), as_text(found["Value"])

    def journal(self, folder: str, home: str) -> Journal:
        """Read what stands under a folder: one GetParametersByPath for each ten entries, or fewer."""
        journal = Journal()
        with refusals.translated("GetParametersByPath", folder):
            pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=folder, WithDecryption=True)
            for found in (found for page in pages for found in page["Parameters"]):
                journal.add(home, as_name(found["Name"]).removeprefix(f"{folder}/"), as_text(found["Value"]))
        return journal

    def history(self, name: str) -> list[Version]:
        """Read all versions without their values, oldest first: one GetParameterHistory for each fifty."""
        with refusals.translated("GetParameterHistory", name):
            pages = self._client.get_paginator("get_parameter_history").paginate(
                Name=name, PaginationConfig={"PageSize": 50}
            )
            return [_version(found) for page in pages for found in page["Parameters"]]

    def create(self, name: str, value: str, settings: Mapping[str, str]) -> bool:
        """Write what is not there yet; False where it is."""
        return self._create(name, value, {"Type": "SecureString", **settings})

    def note(self, name: str, value: str) -> bool:
        """Write what is no secret and not there yet; False where it is."""
        return self._create(name, value, {"Type": "String", "Tier": "Standard"})

    def _create(self, name: str, value: str, settings: Mapping[str, Any]) -> bool:
        with refusals.translated("PutParameter", name), refusals.sized(name, value, settings.get("Tier", "")):
            try:
                self._client.put_parameter(Name=name, Value=value, Overwrite=False, **settings)
            except self._client.exceptions.ParameterAlreadyExists:
                return False
        return True

    def overwrite(self, name: str, value: str, settings: Mapping[str, Any]) -> int:
        """Write a new version, in one try, and return its number. Raises Busy, Unanswered."""
        with refusals.translated("PutParameter", name), refusals.sized(name, value, settings.get("Tier", "")):
            try:
                answer = self._single_try.put_parameter(
                    Name=name, Value=value, Type="SecureString", Overwrite=True, **settings
                )
                return int(answer["Version"])
            except ClientError as error:
                if error_code(error) == "TooManyUpdates":
                    raise Busy from None
                if refusals.failed_inside(error):
                    raise Unanswered from None
                raise
            except BotoCoreError:
                raise Unanswered from None

    def label(self, name: str, number: int, labels: list[str]) -> list[str]:
        """Move labels to a version, and return those that the service does not take."""
        with refusals.translated("LabelParameterVersion", name):
            answer = self._client.label_parameter_version(Name=name, ParameterVersion=number, Labels=labels)
            return [as_text(label) for label in answer.get("InvalidLabels", [])]

    def delete(self, names: list[str]) -> None:
        """Delete up to ten; what is not there is no error."""
        with refusals.translated("DeleteParameters", names[0]):
            self._client.delete_parameters(Names=names)

    def tags(self, name: str) -> Mapping[str, str]:
        """Read a parameter's tags."""
        with refusals.translated("ListTagsForResource", name):
            found = self._client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
            return {as_text(tag["Key"]): as_text(tag["Value"]) for tag in found}


def settings_of(history: list[Version], live: Live, name: str) -> Version:
    """Return the live version's own. Raises StoreUnavailable where the history does not show it yet."""
    for version in history:
        if version.number == live.number:
            return version
    raise StoreUnavailable(
        f"GetParameterHistory does not show version {live.number} yet", where=name, remedy="Retry later."
    )


def _version(found: Mapping[str, Any]) -> Version:
    settings = {key: as_text(found[key]) for key in _KEPT if found.get(key)}
    labels = tuple(as_text(label) for label in found.get("Labels", ()))
    return Version(int(found["Version"]), settings, labels, as_name(found["LastModifiedUser"]))


def _live(found: Mapping[str, Any], name: str, beside: Mapping[str, str] | None = None) -> Live:
    if found["Type"] != "SecureString":
        raise InvalidSecret(
            "The parameter is no SecureString: whoever may read the account's parameters reads its password",
            where=name,
            remedy="Make one of the type SecureString under another name, and point its readers there.",
        )
    stamp = round(found["LastModifiedDate"].timestamp() * 1000)
    return Live(as_name(found["ARN"]), int(found["Version"]), stamp, as_text(found["Value"]), beside or {})
