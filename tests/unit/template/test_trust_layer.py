"""The layer of authorities that `make trust-layer` makes of a file that people downloaded."""

from __future__ import annotations

from pathlib import Path

import cfnlint.api
import pytest

from rotation.engines.tls import SHIPPED
from tests.support.template.cloudformation import REGION
from tests.support.template.trust_layer import PLACE, main

ACCOUNTS = (Path(__file__).parents[3] / "docs/accounts.md").read_text("utf-8")


def test_a_bundle_becomes_a_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a function sees is the file itself, at the place that the guide names."""
    assert main([str(SHIPPED), str(tmp_path)]) == 0
    assert "Amazon RDS" in capsys.readouterr().out
    assert (tmp_path / "content" / PLACE).read_bytes() == SHIPPED.read_bytes()
    assert f"DatabaseCaBundle=/opt/{PLACE}" in ACCOUNTS
    config = cfnlint.config.ManualArgs(regions=[REGION], ignore_checks=["W3002"])  # content is a folder until packaged
    assert cfnlint.api.lint((tmp_path / "template.yaml").read_text("utf-8"), config=config) == []


@pytest.mark.parametrize(
    "text", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"]
)
def test_a_file_that_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None) -> None:
    """One line says so, and nothing is written."""
    bundle = tmp_path / "bundle.pem"
    if text is not None:
        bundle.write_text(text)
    assert main([str(bundle), str(tmp_path / "layer")]) == 2
    assert capsys.readouterr().err.startswith(f"make: {bundle} ")
    assert not (tmp_path / "layer").exists()
