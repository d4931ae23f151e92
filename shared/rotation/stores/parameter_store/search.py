"""Which parameters there are, and when each was written last: in pages, and without reading a value."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rotation.stores.parameter_store import refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_ssm.client import SSMClient

_NAMES: Final = 10
"""That many at once (API reference, GetParameters, Names); a page by path has as many, one of descriptions 50."""


class Found(NamedTuple):
    """A parameter, and when its newest version was written; None where a name leads to nothing."""

    name: str
    written: datetime | None


def by_names(client: SSMClient, names: Sequence[str]) -> Iterator[Found]:
    """Look each ten names up: one GetParameters."""
    for first in range(0, len(names), _NAMES):
        some = list(names[first : first + _NAMES])
        with refusals.translated("GetParameters", some[0]):
            answer = client.get_parameters(Names=some, WithDecryption=False)
            yield from [_found(it) for it in answer["Parameters"]]
            yield from [Found(str(name), None) for name in answer["InvalidParameters"]]


def by_path(client: SSMClient, path: str) -> Iterator[Found]:
    """Find the SecureStrings below a path, at any depth: one GetParametersByPath for each ten."""
    with refusals.translated("GetParametersByPath", path):
        pages = client.get_paginator("get_parameters_by_path").paginate(
            Path=path, Recursive=True, WithDecryption=False, PaginationConfig={"PageSize": _NAMES}
        )
        yield from _secure(pages)


def by_tags(client: SSMClient, tags: Mapping[str, str], paths: Sequence[str]) -> Iterator[Found]:
    """Find the SecureStrings that bear all tags, below the paths if any is given: a DescribeParameters for each 50."""
    filters: list[Any] = [{"Key": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    if paths:
        filters.append({"Key": "Path", "Option": "Recursive", "Values": list(paths)})
    with refusals.translated("DescribeParameters", ", ".join(tags)):
        pages = client.get_paginator("describe_parameters").paginate(
            ParameterFilters=filters, PaginationConfig={"PageSize": 50}
        )
        yield from _secure(pages)


def _secure(pages: Iterable[Mapping[str, Any]]) -> Iterator[Found]:
    return (_found(it) for page in pages for it in page["Parameters"] if it["Type"] == "SecureString")


def _found(shown: Mapping[str, Any]) -> Found:
    written = shown["LastModifiedDate"]
    if not isinstance(written, datetime):
        raise TypeError
    return Found(str(shown["Name"]), written)
