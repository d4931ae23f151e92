"""Rotates the secrets of PostgreSQL databases (Lambda handler: ``app.lambda_handler``)."""

from rotation.entrypoints.startup import loading

with loading():
    from rotation.engines.postgresql import PostgreSQL
    from rotation.entrypoints.secrets_manager import handler_for

    lambda_handler = handler_for(PostgreSQL)
