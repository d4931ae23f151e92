"""Rotates the secrets of Aurora clusters, both editions (Lambda handler: ``app.lambda_handler``)."""

from rotation.engines.aurora import Aurora
from rotation.entrypoint import handler_for

lambda_handler = handler_for(Aurora)
