"""Rotates the secrets of Aurora clusters, both editions (Lambda handler: ``app.lambda_handler``)."""

from rotation.entrypoints.startup import loading

with loading():
    from rotation.engines.aurora.engine import Aurora
    from rotation.entrypoints.secrets_manager import handler_for

    lambda_handler = handler_for(Aurora)
