"""An application's secret in another Region, and the function that promotes it there, on a real server."""

from __future__ import annotations

import contextlib
import copy
import os
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from rotation.entrypoints.promotion import Handler
from tests.lab.theatre import REGION, Application, Context
from tests.support.emulators.secretsmanager.replicas import copied
from tests.support.emulators.secretsmanager.rotation import RotationPlayer

if TYPE_CHECKING:
    from tests.lab.theatre import Theatre

OTHER_REGION: Final = "eu-central-1"


def beside(application: Application) -> Application:
    """Return the application as it is seen in the other Region: its replica, that of the admin's secret, a function."""
    state = application.theatre.emulator.state
    theatre = copy.copy(application.theatre)
    theatre.admin_arn = copied(state, application.theatre.admin_arn, OTHER_REGION).arn
    theatre.handler = theatre.load()
    theatre.player = RotationPlayer(theatre.emulator, theatre.invoke, caller="function")
    return Application(theatre, copied(state, application.arn, OTHER_REGION).arn, application.strategy)


def promote(there: Application, *, dry_run: bool = False, **event: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    """Promote by the real handler, though the primary answers."""
    theatre = there.theatre
    said = {"SecretId": there.arn, "From": REGION, "DryRun": dry_run, "Force": True, **event}
    with contextlib.redirect_stdout(theatre.function_log), mock.patch.dict(os.environ, _environment(theatre)):
        return Handler(os.environ)(said, Context(theatre.seconds))


def play(there: Application) -> None:
    """Play what a promotion has begun: a dry run, or a rotation."""
    there.theatre.player.on_step = None
    there.theatre.player.run()


def _environment(theatre: Theatre) -> dict[str, str]:
    function = f"arn:aws:lambda:{OTHER_REGION}:123456789012:function:rotation"
    return {
        **theatre.environment(),
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": theatre.emulator.url,
        "ROTATION_FUNCTIONS": f"{theatre.scene.engine}={function}",
    }
