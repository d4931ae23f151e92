"""
Where a database really is, by the word of AWS's control plane and of DNS.

A topology says where a managed admin's database is (``rds``, ``redshift``). ``clusters`` says which server of an Aurora
cluster is the writer, ``names`` what else a host is called. What is read here decides where a login goes; a change
needs the tests of the guards beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.topology.rds import RdsTopology
from rotation.topology.redshift import RedshiftTopology

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.ports import Topology

__all__ = ["FirstOf", "RdsTopology", "RedshiftTopology"]


class FirstOf:
    """Several topologies; the tags themselves say which one is meant."""

    def __init__(self, *topologies: Topology) -> None:
        """Keep them in the order in which to ask."""
        self._topologies = topologies

    def locate(self, tags: Mapping[str, str]) -> Mapping[str, object] | None:
        """Return what the first that knows a tag finds."""
        return next(filter(None, (topology.locate(tags) for topology in self._topologies)), None)
