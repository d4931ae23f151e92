"""Rotates the secrets of DocumentDB databases (Lambda handler: ``app.lambda_handler``)."""

from rotation.engines.documentdb import DocumentDB
from rotation.entrypoint import handler_for

lambda_handler = handler_for(DocumentDB)
