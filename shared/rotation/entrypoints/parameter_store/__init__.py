"""
Rotates credentials that Parameter Store keeps: from a schedule's event to the four steps of each that is due.

Parameter Store rotates nothing by itself, so whatever fires may fire often. Whether a parameter is due is decided by
the date of its newest version, and a rotation that was begun goes on.
"""

from rotation.entrypoints.parameter_store.handler import Handler, handler_for_parameters

__all__ = ["Handler", "handler_for_parameters"]
