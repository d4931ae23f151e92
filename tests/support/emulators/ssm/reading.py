"""GetParameter, GetParameters, GetParametersByPath, GetParameterHistory, DescribeParameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.ssm.model import SECURE, Parameter, Version, arn_of
from tests.support.emulators.ssm.state import missing
from tests.support.emulators.wire.clock import epoch
from tests.support.emulators.wire.errors import ServiceError, answer

if TYPE_CHECKING:
    from tests.support.emulators.ssm.journal import Call
    from tests.support.emulators.ssm.model import Request, Response
    from tests.support.emulators.ssm.state import State

BY_PATH: Final = 10
REFERENCE: Final = "/aws/reference/secretsmanager/"
HISTORY: Final = 50


def get_parameter(state: State, request: Request, call: Call) -> Response:
    """GetParameter; of a secret, by its reference."""
    if request["Name"].startswith(REFERENCE):
        return {"Parameter": _secret(state, request)}
    return {"Parameter": _read(state, request["Name"], state.horizon(), request, call)}


def get_parameters(state: State, request: Request, call: Call) -> Response:
    """GetParameters: what is not there is named, with success; the rest is sorted by name."""
    found: list[Response] = []
    invalid: list[str] = []
    for name in request["Names"]:
        try:
            found.append(_read(state, name, state.horizon(), request, call))
        except ServiceError as error:
            if error.code not in {"ParameterNotFound", "ParameterVersionNotFound"}:
                raise
            invalid.append(name)
    return {"Parameters": sorted(found, key=lambda it: str(it["Name"])), "InvalidParameters": invalid}


def get_parameters_by_path(state: State, request: Request, call: Call) -> Response:
    """GetParametersByPath; with a Label filter it gives the labelled versions (API reference, ParameterFilters)."""
    path = request["Path"]
    if not path.startswith("/"):
        message = "The parameter doesn't meet the parameter name requirements: the path must begin with a slash."
        raise answer(message, code="ValidationException")
    labels, horizon = _label_filter(request), state.horizon()
    below = path.rstrip("/") + "/"
    found: list[Response] = []
    for parameter, versions in _all(state, horizon):
        rest = parameter.name.removeprefix(below)
        if rest == parameter.name or ("/" in rest and not request.get("Recursive", False)):
            continue
        chosen = _chosen(parameter, versions, labels)
        found += [_show(state, parameter, version, request, call) for version in chosen]
    return _page(state, found, request, BY_PATH)


def get_parameter_history(state: State, request: Request, call: Call) -> Response:
    """GetParameterHistory: oldest first, with every value that is still kept."""
    found = state.seen(request["Name"], state.horizon())
    if found is None:
        raise missing()
    parameter, versions = found
    decrypted = request.get("WithDecryption", False)
    for version in versions if decrypted else []:
        _decrypt(state, parameter, version, call)
    remembered = [parameter.remembered(version, decrypted=decrypted) for version in versions]
    return _page(state, remembered, request, HISTORY)


def describe_parameters(state: State, request: Request, call: Call) -> Response:
    """DescribeParameters, by name, path and tags (API reference, ParameterStringFilter)."""
    del call
    found = [
        parameter.described(versions[-1])
        for parameter, versions in _all(state, state.horizon())
        if all(_meant(parameter, wanted) for wanted in request.get("ParameterFilters", []))
    ]
    return _page(state, found, request, HISTORY)


def _secret(state: State, request: Request) -> Response:
    """
    Give what Secrets Manager keeps (user guide, "Referencing AWS Secrets Manager secrets from Parameter Store").

    "The WithDecryption flag must be True"; SourceResult holds the whole answer of GetSecretValue. The texts are moto's.
    """
    name = request["Name"].removeprefix(REFERENCE)
    if not request.get("WithDecryption", False):
        message = "WithDecryption flag must be True for retrieving a Secret Manager secret."
        raise answer(message, code="ValidationException")
    found = state.secrets(name)
    if found is None:
        message = f"An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret {name} not found."
        raise answer(message, code="ParameterNotFound")
    return {
        "Name": request["Name"],
        "Type": SECURE,
        "Value": found["SecretString"],
        "Version": 0,
        "SourceResult": json.dumps({key: found[key] for key in ("ARN", "Name", "VersionId", "VersionStages")}),
        "LastModifiedDate": epoch(state.clock()),
        "ARN": arn_of(request["Name"]),
        "DataType": "text",
    }


def _read(state: State, asked: str, horizon: int, request: Request, call: Call) -> Response:
    parameter, version, selector = state.select(asked, horizon)
    return _show(state, parameter, version, request, call, selector)


def _show(
    state: State, parameter: Parameter, version: Version, request: Request, call: Call, selector: str = ""
) -> Response:
    decrypted = request.get("WithDecryption", False)
    if decrypted:
        _decrypt(state, parameter, version, call)
    return parameter.shown(version, decrypted=decrypted, selector=selector)


def _decrypt(state: State, parameter: Parameter, version: Version, call: Call) -> None:
    """Need the key of a SecureString, and enter into the journal what the reader gets."""
    if version.type == SECURE:
        state.require_key(version.key)
    state.journal.read(call, parameter.name, version)


def _all(state: State, horizon: int) -> list[tuple[Parameter, list[Version]]]:
    seen = (state.seen(key, horizon) for key in sorted(state.parameters.keys() | state.gone.keys()))
    return [found for found in seen if found is not None]


def _chosen(parameter: Parameter, versions: list[Version], labels: list[str] | None) -> list[Version]:
    if labels is None:
        return [versions[-1]]
    return [version for version in versions if set(parameter.labels_of(version.number)) & set(labels)]


def _label_filter(request: Request) -> list[str] | None:
    filters: list[dict[str, Any]] = request.get("ParameterFilters", [])
    if any(it["Key"] != "Label" for it in filters):
        message = "This emulator filters by label alone."
        raise answer(message, code="InvalidFilterKey")
    return [label for it in filters for label in it.get("Values", [])] if filters else None


def _meant(parameter: Parameter, wanted: Request) -> bool:
    key, values, option = wanted["Key"], wanted["Values"], wanted.get("Option", "Equals")
    if key == "Name":
        begins = option == "BeginsWith"
        return any(parameter.name.startswith(it) if begins else parameter.name == it for it in values)
    if key == "Path":  # "Recursive" or "OneLevel"
        below = (parameter.name.removeprefix(f"{it}/") for it in values if parameter.name.startswith(f"{it}/"))
        return any(option == "Recursive" or "/" not in rest for rest in below)
    if key.startswith("tag:"):
        return parameter.tags.get(key.removeprefix("tag:")) in values
    message = "This emulator filters by name, path and tags alone."
    raise answer(message, code="InvalidFilterKey")


def _page(state: State, found: list[Response], request: Request, most: int) -> Response:
    """Give a page; what stands in the token is the service's own affair."""
    try:
        start = int(request.get("NextToken", "0"))
    except ValueError:
        message = "The specified token isn't valid."
        raise answer(message, code="InvalidNextToken") from None
    end = start + (1 if state.world.short_pages else request.get("MaxResults", most))
    more = end < len(found) or (state.world.short_pages and start < len(found))
    return {"Parameters": found[start:end]} | ({"NextToken": str(end)} if more else {})
