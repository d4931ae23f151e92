"""The engine of Amazon DocumentDB and MongoDB."""

from rotation.engines.documentdb.engine import DocumentDB

__all__ = ["DocumentDB"]
