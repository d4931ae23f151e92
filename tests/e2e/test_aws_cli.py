"""The `aws` that is forked for the tests does as the one that a person starts."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import aws

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINE = "printf '%s\\n' ID KEY eu-west-9 json | aws configure; cat config; aws configure get nothing; echo $?"


@pytest.mark.parametrize("path", [aws.path, aws.installed])
def test_it_has_the_files_the_variables_and_the_folder_of_who_types(tmp_path: Path, path: Callable[[], str]) -> None:
    """It reads what it is asked for, writes where a variable says in this folder, and ends with its own status."""
    done = subprocess.run(  # noqa: S603 the line above
        ["/bin/sh", "-c", LINE],
        cwd=tmp_path,
        env={
            "PATH": path(),
            "HOME": "/nonexistent",
            "AWS_CONFIG_FILE": "./config",
            "AWS_SHARED_CREDENTIALS_FILE": "./credentials",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("AWS Access Key ID [None]: ")
    assert done.stdout.endswith("[default]\nregion = eu-west-9\noutput = json\n1\n")
    assert "aws_secret_access_key = KEY" in (tmp_path / "credentials").read_text()
