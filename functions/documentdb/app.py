"""Rotates the secrets of DocumentDB databases (Lambda handler: ``app.lambda_handler``)."""

from rotation.entrypoints.startup import loading

with loading():
    from rotation.engines.documentdb import DocumentDB
    from rotation.entrypoints.secrets_manager import handler_for

    lambda_handler = handler_for(DocumentDB)
