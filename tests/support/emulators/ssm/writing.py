"""PutParameter, DeleteParameter, DeleteParameters."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tests.support.emulators.ssm.journal import Change
from tests.support.emulators.ssm.model import ADVANCED, DEFAULT_KEY, SECURE, STANDARD, Parameter, Version
from tests.support.emulators.ssm.names import key_of, require_name
from tests.support.emulators.ssm.worlds import LeftOut
from tests.support.emulators.wire.errors import ServiceError, answer
from tests.support.emulators.wire.service import OPERATOR

if TYPE_CHECKING:
    from tests.support.emulators.ssm.journal import Call
    from tests.support.emulators.ssm.model import Request, Response
    from tests.support.emulators.ssm.state import State

VERSIONS: Final = 100
RESTS: Final = timedelta(seconds=30)
BYTES: Final = {STANDARD: 4096, ADVANCED: 8192}
"""User guide, Managing parameter tiers."""


def put_parameter(state: State, request: Request, call: Call) -> Response:
    """PutParameter: Overwrite=false creates or fails, and is the one write that has a condition."""
    name = request["Name"]
    require_name(name)
    parameter = state.parameters.get(key_of(name))
    if parameter is not None and not request.get("Overwrite", False):
        message = "The parameter already exists. To overwrite this value, set the overwrite option in the request."
        raise answer(message, code="ParameterAlreadyExists")
    if request.get("Tags") and request.get("Overwrite", False):
        raise _invalid("Invalid request: tags and overwrite can't be used together.")  # Terraform's provider, moto
    if parameter is None and call.caller != OPERATOR:
        _require_rested(state, key_of(name))
    _require_room(state, parameter)
    version = _version(state, request, parameter, call)
    _require_value(version)
    state.writes.append(version.at)
    if parameter is None:
        parameter = state.parameters[key_of(name)] = Parameter(name)
        parameter.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    parameter.versions.append(version)
    del parameter.versions[:-VERSIONS]
    state.journal.wrote(call, parameter.name, version)
    return {"Version": version.number, "Tier": version.tier}


def _version(state: State, request: Request, parameter: Parameter | None, call: Call) -> Version:
    old = parameter.newest if parameter else None
    kind = _type(request, old)
    kept = old if state.world.attributes is LeftOut.KEPT else None
    key = request.get("KeyId") or (old.key if old and state.world.key is LeftOut.KEPT else None) or DEFAULT_KEY
    if kind == SECURE:
        state.require_key(key)
    tier = _tier(state, request, old)
    policies = request.get("Policies") or (old.policies if old else None)
    if policies and tier == STANDARD:
        raise _invalid("Parameter policies are for the Advanced tier.")
    number = old.number + 1 if old else 1
    return Version(
        number,
        len(state.writes) + 1,
        state.clock(),
        call.caller,
        request["Value"],
        kind,
        key if kind == SECURE else None,
        tier,
        request.get("Description") or (kept.description if kept else None),
        request.get("AllowedPattern") or (kept.pattern if kept else None),
        request.get("DataType") or (kept.data_type if kept else "text"),
        policies,
    )


def _type(request: Request, old: Version | None) -> str:
    """Return the type, which an overwrite may leave out and none may change."""
    kind: str | None = request.get("Type") or (old.type if old else None)
    if kind is None:
        raise _invalid("A parameter type is required when you create a parameter.")
    if old is not None and kind != old.type:
        # API reference: "A hierarchy can't contain … the same name with a different type."
        message = "The parameter type can't be changed."
        raise answer(message, code="HierarchyTypeMismatchException")
    return kind


def _tier(state: State, request: Request, old: Version | None) -> str:
    """Return the tier (user guide, Managing parameter tiers): left out, the account's default decides."""
    asked: str = request.get("Tier") or state.default_tier
    if asked == "Intelligent-Tiering":
        big = len(request["Value"].encode()) > BYTES[STANDARD] or bool(request.get("Policies"))
        asked = ADVANCED if big or (old is not None and old.tier == ADVANCED) else STANDARD
    if old is not None and old.tier == ADVANCED and asked == STANDARD:
        raise _invalid("This parameter uses the advanced-parameter tier. You can't downgrade it to standard.")
    return asked


def _require_rested(state: State, key: str) -> None:
    """Refuse a name that was just deleted; with this code, seen with the tags of such a name (streamalert 682)."""
    _, deleted = state.gone.get(key, (None, 0))
    if state.world.names_rest and deleted and state.clock() - state.writes[deleted - 1] < RESTS:
        message = ""
        raise answer(message, code="TooManyUpdates")


def _require_room(state: State, parameter: Parameter | None) -> None:
    if parameter is None and len(state.parameters) >= state.limit:
        message = "You have exceeded the number of parameters for this AWS account."
        raise answer(message, code="ParameterLimitExceeded")
    if parameter and len(parameter.versions) >= VERSIONS and parameter.labels_of(parameter.versions[0].number):
        # API reference, ParameterMaxVersionLimitExceeded: the oldest version has a label, nothing is written.
        message = "The oldest version has a label associated with it. Move the label to another version."
        raise answer(message, code="ParameterMaxVersionLimitExceeded")


def _require_value(version: Version) -> None:
    """Refuse a value by size, form and pattern; no value is repeated in the message."""
    if not version.value:
        raise _invalid("Value at 'value' failed to satisfy constraint: Member must have length greater than 0")
    if len(version.value.encode()) > BYTES[version.tier]:
        raise _invalid(f"{version.tier} tier parameters support a maximum of {BYTES[version.tier]} characters.")
    if "{{" in version.value:
        # User guide, Creating parameters: a value can't hold another parameter's {{name}}.
        raise _invalid("Parameter value: nested parameters are not supported.")
    try:
        if version.pattern and not re.fullmatch(version.pattern, version.value):
            message = "Parameter value failed to satisfy the pattern."
            raise answer(message, code="ParameterPatternMismatchException")
    except re.error:
        message = "The request doesn't meet the regular expression requirement."
        raise answer(message, code="InvalidAllowedPatternException") from None


def delete_parameter(state: State, request: Request, call: Call) -> Response:
    """DeleteParameter: the name that is made again begins at version 1."""
    require_name(request["Name"])
    parameter = state.own(request["Name"])
    key = key_of(parameter.name)
    state.writes.append(state.clock())
    state.gone[key] = (parameter, len(state.writes))
    del state.parameters[key]
    state.journal.changes.append(Change("Delete", parameter.name, parameter.newest.type))
    del call
    return {}


def delete_parameters(state: State, request: Request, call: Call) -> Response:
    """DeleteParameters: what is not there is named, with success."""
    deleted: list[str] = []
    invalid: list[str] = []
    for name in request["Names"]:
        try:
            delete_parameter(state, {"Name": name}, call)
            deleted.append(name)
        except ServiceError:
            invalid.append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": invalid}


def _invalid(message: str) -> ServiceError:
    return answer(message, code="ValidationException")
