"""
Amazon Aurora, both editions: the secret's ``engine`` says which one.

What an edition's server understands is what MySQL or PostgreSQL does; what is Aurora's own is which server is the
writer (``rotation.following``, ``rotation.topology.clusters``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql import MySQL
from rotation.engines.postgresql import PostgreSQL
from rotation.model import Traits

if TYPE_CHECKING:
    from pathlib import Path

    from rotation.model import Address, Credential, Deadline
    from rotation.ports import Engine, Session

_POSTGRESQL: Final = "aurora-postgresql"
_MYSQL: Final = ("aurora-mysql", "aurora")
"""RDS calls the MySQL edition ``aurora`` in its older releases (RDS API reference, CreateDBCluster, Engine)."""


class AuroraPostgreSQL(PostgreSQL):
    """The PostgreSQL edition."""

    traits = replace(PostgreSQL.traits, names=frozenset({_POSTGRESQL}), clustered=True)


class AuroraMySQL(MySQL):
    """The MySQL edition; a server of its version 3 keeps two passwords, one of version 2 says that it does not."""

    traits = replace(MySQL.traits, names=frozenset(_MYSQL), two_passwords=frozenset(_MYSQL), clustered=True)


class Aurora:
    """The engine of both editions. It holds no connection and no credential."""

    traits = Traits(
        name="aurora",
        names=AuroraPostgreSQL.traits.names | AuroraMySQL.traits.names,
        default_port=PostgreSQL.traits.default_port,
        default_database=PostgreSQL.traits.default_database,
        limits=PostgreSQL.traits.limits,
        editions={
            _POSTGRESQL: AuroraPostgreSQL.traits,
            **dict.fromkeys(_MYSQL, AuroraMySQL.traits),
        },
        clustered=True,
    )

    def __init__(self, ca_bundle: Path | None = None) -> None:
        """Take the file of authorities to trust; without one, Amazon's and the system's count."""
        self._editions: dict[str, Engine] = {
            _POSTGRESQL: AuroraPostgreSQL(ca_bundle),
            **dict.fromkeys(_MYSQL, AuroraMySQL(ca_bundle)),
        }

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> Session:
        """Log in as the edition that the secret names."""
        return self._editions[address.dialect].connect(address, credential, deadline)
