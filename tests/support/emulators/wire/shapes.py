"""Requests held against the service models that botocore ships: presence, type, length, range, pattern."""

from __future__ import annotations

import base64
import functools
import re
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

from tests.support.emulators.wire.errors import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON_TYPES = {
    "structure": dict,
    "list": list,
    "string": str,
    "blob": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return the API description of a service."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def validate(model: ServiceModel, operation: str, request: dict[str, Any]) -> None:
    """Refuse a request that breaks the API's shapes. No value is ever repeated in the message."""
    shape = model.operation_model(operation).input_shape
    problems = [] if shape is None else list(_problems(shape, request, ""))
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise answer(count + "; ".join(problems), code="ValidationException")


def _problems(shape: Shape, value: object, path: str) -> Iterator[str]:
    expected = PYTHON_TYPES.get(shape.type_name)
    if expected is not None and (not isinstance(value, expected) or (expected is int and isinstance(value, bool))):
        yield _failure(path, f"Member must be of type {shape.type_name}")
        return
    yield from _outside_bounds(shape, value, path)
    if isinstance(shape, StringShape) and isinstance(value, str):
        yield from _not_listed(shape, value, path)
    elif isinstance(shape, StructureShape) and isinstance(value, dict):
        yield from _members(shape, value, path)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{path}.{index}.member")


def _members(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failure(_join(path, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _problems(member, value[name], _join(path, name))


def _outside_bounds(shape: Shape, value: object, path: str) -> Iterator[str]:
    size, noun = _size(shape, value)
    if size is None or isinstance(value, bool):
        return
    if "min" in shape.metadata and size < shape.metadata["min"]:
        yield _failure(path, f"Member must have {noun} greater than or equal to {shape.metadata['min']}")
    if "max" in shape.metadata and size > shape.metadata["max"]:
        yield _failure(path, f"Member must have {noun} less than or equal to {shape.metadata['max']}")


def _size(shape: Shape, value: object) -> tuple[int | None, str]:
    """Measure a value; text and binary in bytes (user guide, Quotas, Secret value size: 65,536 bytes)."""
    if isinstance(value, str):
        return len(_decoded(value) if shape.type_name == "blob" else value.encode("utf-8", "surrogatepass")), "length"
    if isinstance(value, list):
        return len(value), "length"
    return (value, "value") if isinstance(value, int) else (None, "")


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        message = "A binary value is not valid base64."
        raise answer(message, code="SerializationException") from None


def _not_listed(shape: StringShape, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _failure(path, f"Member must satisfy enum value set: {shape.enum}")
    pattern = shape.metadata.get("pattern", "").replace(r"\p{L}\p{Z}\p{N}", r"\w\s")  # Java's classes of letters
    if pattern and not re.fullmatch(pattern, value):
        yield _failure(path, f"Member must satisfy regular expression pattern: {pattern}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name[0].lower() + name[1:]


def _failure(path: str, constraint: str) -> str:
    return f"Value at '{path}' failed to satisfy constraint: {constraint}"
