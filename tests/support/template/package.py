"""What `sam deploy` makes of a build before it asks CloudFormation, in a hundredth of its time."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final

from tests.support.template.cloudformation import REGION, parse

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

FOLDERS: Final = ("Code", "CodeUri", "ContentUri")
"""The properties that name a folder: Code of AWS::Lambda::Function, the others of SAM's functions and layers."""

_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)


class Bucket:
    """Where artefacts go, each under a key that says what it holds."""

    def __init__(self, name: str, client: Any) -> None:  # noqa: ANN401 boto3 makes its clients' classes at run time
        """Know its name, and the client of S3."""
        self._name, self._client = name, client

    def template(self, template: Path) -> str:
        """Upload what a template names of its folder, and it itself, with all that is nested; give its URL."""
        document = parse(template.read_text("utf-8"))
        for one in document["Resources"].values():
            properties = one.get("Properties", {})
            for name in FOLDERS:
                if isinstance(properties.get(name), str):
                    key = self._add(_zipped(template.parent / properties[name]))
                    properties[name] = {"S3Bucket": self._name, "S3Key": key} if name == "Code" else self._place(key)
            if one["Type"] == "AWS::CloudFormation::Stack":
                properties["TemplateURL"] = self.template(template.parent / properties["TemplateURL"])
        key = self._add(json.dumps(document, default=str).encode())
        return f"https://s3.{REGION}.amazonaws.com/{self._name}/{key}"

    def _place(self, key: str) -> str:
        return f"s3://{self._name}/{key}"

    def _add(self, content: bytes) -> str:
        key = hashlib.sha256(content).hexdigest()
        self._client.put_object(Bucket=self._name, Key=key, Body=content)
        return key


def parameters(template: Path, given: Mapping[str, str], before: Container[str]) -> list[dict[str, str | bool]]:
    """Return what is given, and for what the stack has had before but is not given, that it stays."""
    declared = parse(template.read_text("utf-8"))["Parameters"]
    kept = [name for name in declared if name in before and name not in given]
    return [
        *({"ParameterKey": name, "ParameterValue": value} for name, value in given.items()),
        *({"ParameterKey": name, "UsePreviousValue": True} for name in kept),
    ]


def _zipped(folder: Path) -> bytes:
    """Put a folder into a zip that is the same as long as the folder is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(it for it in folder.rglob("*") if it.is_file()):
            archive.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix(), _LONG_AGO), path.read_bytes())
    return file.getvalue()
