"""Promotes replicas of secrets, and makes replicas again (Lambda handler: ``app.lambda_handler``)."""

from rotation.entrypoints.startup import loading

with loading():
    from rotation.entrypoints.promotion import handler

    lambda_handler = handler()
