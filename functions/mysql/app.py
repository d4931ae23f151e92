"""Rotates the secrets of MySQL databases (Lambda handler: ``app.lambda_handler``)."""

from rotation.entrypoints.startup import loading

with loading():
    from rotation.engines.mysql import MySQL
    from rotation.entrypoints.secrets_manager import handler_for

    lambda_handler = handler_for(MySQL)
