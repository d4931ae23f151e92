"""The PostgreSQL engine."""

from rotation.engines.postgresql.engine import PostgreSQL

__all__ = ["PostgreSQL"]
