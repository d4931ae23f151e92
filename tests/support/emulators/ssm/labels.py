"""Labels of versions, and tags of parameters."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.support.emulators.ssm.journal import Change
from tests.support.emulators.ssm.names import require_name
from tests.support.emulators.wire.errors import answer

if TYPE_CHECKING:
    from tests.support.emulators.ssm.journal import Call
    from tests.support.emulators.ssm.model import Parameter, Request, Response
    from tests.support.emulators.ssm.state import State

MOST: Final = 10
_LABEL: Final = re.compile(r"(?!aws|ssm)[a-z_.\-][a-z0-9_.\-]*", re.IGNORECASE)
"""API reference, LabelParameterVersion: "can't begin with a number, "aws" or "ssm" (not case sensitive)"."""


def label_parameter_version(state: State, request: Request, call: Call) -> Response:
    """LabelParameterVersion: a label that is no good comes back with success; a label moves from where it was."""
    del call
    require_name(request["Name"])
    parameter = state.own(request["Name"])
    number = request.get("ParameterVersion", parameter.newest.number)
    _require_version(parameter, number)
    good = [label for label in request["Labels"] if _LABEL.fullmatch(label)]
    if len(set(parameter.labels_of(number)) | set(good)) > MOST:
        message = "A parameter version can have a maximum of ten labels."
        raise answer(message, code="ParameterVersionLabelLimitExceeded")
    parameter.labels |= dict.fromkeys(good, number)
    _date(state, parameter, number)
    state.journal.changes.append(Change("LabelParameterVersion", parameter.name, parameter.newest.type))
    return {"InvalidLabels": [it for it in request["Labels"] if it not in good], "ParameterVersion": number}


def unlabel_parameter_version(state: State, request: Request, call: Call) -> Response:
    """UnlabelParameterVersion: labels that are not on the version come back in InvalidLabels."""
    del call
    parameter, number = state.own(request["Name"]), request["ParameterVersion"]
    _require_version(parameter, number)
    removed = [label for label in request["Labels"] if parameter.labels.get(label) == number]
    for label in removed:
        del parameter.labels[label]
    _date(state, parameter, number)
    return {"RemovedLabels": removed, "InvalidLabels": [it for it in request["Labels"] if it not in removed]}


def _date(state: State, parameter: Parameter, number: int) -> None:
    """Move a version's date, where labels do."""
    if state.world.labels_date:
        parameter.versions = [replace(it, at=state.clock()) if it.number == number else it for it in parameter.versions]


def _require_version(parameter: Parameter, number: int) -> None:
    if all(version.number != number for version in parameter.versions):
        message = f"Systems Manager could not find version {number} of {parameter.name}."
        raise answer(message, code="ParameterVersionNotFound")


def add_tags_to_resource(state: State, request: Request, call: Call) -> Response:
    """AddTagsToResource."""
    del call
    _tagged(state, request).tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
    return {}


def remove_tags_from_resource(state: State, request: Request, call: Call) -> Response:
    """RemoveTagsFromResource."""
    del call
    for key in request["TagKeys"]:
        _tagged(state, request).tags.pop(key, None)
    return {}


def list_tags_for_resource(state: State, request: Request, call: Call) -> Response:
    """ListTagsForResource."""
    del call
    return {"TagList": [{"Key": key, "Value": value} for key, value in sorted(_tagged(state, request).tags.items())]}


def _tagged(state: State, request: Request) -> Parameter:
    """Return the parameter of a name (API reference, ResourceId: "for Parameter, the parameter name")."""
    if request["ResourceType"] != "Parameter":
        message = "This emulator tags parameters alone."
        raise answer(message, code="InvalidResourceType")
    found = state.seen(request["ResourceId"], len(state.writes))
    if found is None:
        message = "The resource ID isn't valid."
        raise answer(message, code="InvalidResourceId")
    return found[0]
