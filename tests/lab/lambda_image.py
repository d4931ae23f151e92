"""
AWS's base image for `sam local`, or a stand-in of the same name where it cannot be pulled.

The stand-in holds Debian's Python of Lambda's version, AWS's runtime client and SDK, and busybox; the emulator, the
layer and the function come from SAM. Amazon Linux is not in it.
"""

from __future__ import annotations

import contextlib
import subprocess
import tarfile
import tempfile
from typing import Final

import docker

from tests.lab import builds
from tests.support import debian, interpreter
from tests.support.servers import images

NAME: Final = f"public.ecr.aws/lambda/python:{interpreter.LAMBDA}-x86_64"
"""The tag with the processor is the one that SAM looks for."""
LIBRARIES: Final = debian.Packages("trixie", ("libstdc++6",))
"""What the runtime client is linked against."""

# SAM mounts the function, adds the layer to the image, and starts its emulator, which runs this.
BOOTSTRAP: Final = f"""\
#!/bin/sh
export LAMBDA_TASK_ROOT=/var/task AWS_EXECUTION_ENV=AWS_Lambda_python{interpreter.LAMBDA}
export PYTHONPATH=/var/task:/opt/python/lib/python{interpreter.LAMBDA}/site-packages:/opt/python:/var/runtime
exec python{interpreter.LAMBDA} -m awslambdaric "$_HANDLER"
"""


def ensure() -> str:
    """Have the image, and say where it comes from."""
    client = docker.from_env(timeout=images.IMPORT_SECONDS)
    try:
        if client.images.list(NAME):
            return "is here"
        pulled = subprocess.run(["docker", "pull", "-q", NAME], capture_output=True, check=False)  # noqa: S603, S607
        if not pulled.returncode:
            return "pulled"
        _make(client)
    finally:
        client.close()
    return "cannot be pulled; a stand-in was made of packages"


def is_stand_in() -> bool:
    """Tell whether the image that is here was made by `ensure`, so that no registry has it."""
    with contextlib.closing(docker.from_env()) as client:
        return images.MADE in client.images.get(NAME).labels


def _make(client: docker.DockerClient) -> None:
    repository, _, tag = NAME.partition(":")
    trees = {
        LIBRARIES.fetch(): "",
        interpreter.PACKAGES[interpreter.LAMBDA].fetch(): "",
        builds.managed(): "var/runtime",
    }
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            contents = images.Contents(tar)
            images.fill(contents, trees)
            contents.entry("var/runtime/bootstrap", text=BOOTSTRAP)
            for folder in ("opt", "var/task", "var/rapid"):
                contents.entry(folder, tarfile.DIRTYPE)
            contents.entry("usr/bin/python3", tarfile.SYMTYPE, text=f"python{interpreter.LAMBDA}")
        archive.seek(0)
        settings = ["ENV PATH=/usr/bin:/bin", "WORKDIR /var/task", f"LABEL {images.MADE}=yes"]
        client.api.import_image_from_data(archive, repository=repository, tag=tag, changes=settings)
