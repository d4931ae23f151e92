"""Rotates credentials that Parameter Store keeps, of every engine (Lambda handler: ``app.lambda_handler``)."""

from rotation.entrypoints.startup import loading

with loading():
    from rotation.entrypoints.parameter_store import handler_for_parameters

    lambda_handler = handler_for_parameters()
