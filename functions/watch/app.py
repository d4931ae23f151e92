"""Tells people about rotations and secrets (Lambda handler: ``app.lambda_handler``)."""

from watch.entrypoint import lambda_handler

__all__ = ["lambda_handler"]
