"""The Amazon Redshift engine."""

from rotation.engines.redshift.engine import Redshift

__all__ = ["Redshift"]
