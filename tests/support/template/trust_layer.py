"""
A layer that brings the authorities of databases which the library does not ship.

``python -m tests.support.template.trust_layer BUNDLE FOLDER`` reads a PEM file, says whose authorities it holds, and
writes a template with the layer's content into the folder. ``make trust-layer`` calls it, and deploys that.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from pathlib import Path
from typing import Final

from tests.support.authorities import certificates, common_name

PLACE: Final = "trust/bundle.pem"
"""Where the file is in the layer; a function sees it below /opt."""

TEMPLATE: Final = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Description: Certificate authorities of databases, for the rotation functions

Resources:
  TrustLayer:
    Type: AWS::Serverless::LayerVersion
    Properties:
      Description: Certificate authorities of databases, at /opt/trust/bundle.pem
      ContentUri: content
      CompatibleRuntimes: [python3.13]
      # Functions that still use an earlier version keep it.
      RetentionPolicy: Retain

Outputs:
  TrustLayerArn:
    Description: What to give as TrustLayerArn, beside DatabaseCaBundle=/opt/trust/bundle.pem
    Value: !Ref TrustLayer
"""


class UnusableBundleError(Exception):
    """The file holds no authority that a database could present today."""


def write(bundle: Path, folder: Path) -> list[str]:
    """Write template and content, and return whose authorities they are. Raises UnusableBundleError."""
    try:
        found = certificates(bundle.read_text("ascii"))
    except (OSError, ValueError):
        raise UnusableBundleError(f"{bundle} cannot be read as a PEM file; give the file that you downloaded") from None
    now = dt.datetime.now(dt.UTC)
    valid = [common_name(one) for one in found if one.not_valid_after_utc > now]
    if not valid:
        raise UnusableBundleError(f"{bundle} holds no certificate that is still valid; download it anew")
    content = folder / "content" / PLACE
    content.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bundle, content)
    (folder / "template.yaml").write_text(TEMPLATE, "utf-8")
    return sorted(set(valid))


def main(arguments: list[str]) -> int:
    """Write the layer, and say what it holds."""
    try:
        names = write(Path(arguments[0]), Path(arguments[1]))
    except UnusableBundleError as error:
        print(f"make: {error}", file=sys.stderr)  # noqa: T201 for people
        return 2
    print(f"==> {len(names)} authorities: {', '.join(names[:3])}{', …' if names[3:] else ''}")  # noqa: T201 for people
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
