"""Rotates the secrets of Amazon Redshift, provisioned and serverless (Lambda handler: ``app.lambda_handler``)."""

from rotation.entrypoints.startup import loading

with loading():
    from rotation.engines.redshift import Redshift
    from rotation.entrypoints.secrets_manager import handler_for

    lambda_handler = handler_for(Redshift)
