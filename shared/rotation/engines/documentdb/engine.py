"""Amazon DocumentDB, and MongoDB itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines import tls
from rotation.engines.documentdb.connection import Connection
from rotation.engines.documentdb.faults import ENGINE
from rotation.engines.documentdb.login import Login
from rotation.engines.documentdb.session import DocumentDBSession
from rotation.errors import InvalidSecret
from rotation.model import Limits, Traits

if TYPE_CHECKING:
    from pathlib import Path

    from rotation.model import Address, Credential, Deadline

_TRAITS: Final = Traits(
    name=ENGINE,
    names=frozenset({"mongo", "docdb", "documentdb"}),
    default_port=27017,
    default_database="admin",
    limits=Limits(password_min=8, password_max=100, name_bytes=63, forbidden='/"@', default_excluded="/@\"'\\:%"),
)
"""Limits: DocumentDB developer guide, "Amazon DocumentDB quotas and limits", "Naming constraints"."""

_EXTERNAL: Final = "$external"
"""The database of users whom something else than a password proves (MongoDB manual, "x.509", "LDAP", IAM)."""


class DocumentDB:
    """The engine. It holds no connection and no credential."""

    traits = _TRAITS

    def __init__(self, ca_bundle: Path | None = None) -> None:
        """Take the file of authorities to trust; without one, Amazon's and the system's count."""
        self._bundle = tls.check(ca_bundle)

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> DocumentDBSession:
        """Log in at the node that takes writes, and have a first statement answered."""
        if address.auth_database == _EXTERNAL:
            what = 'The secret\'s "authSource" is $external, where no user has a password'
            raise InvalidSecret(
                what, where=str(address), remedy="Name the database that holds the user, or leave it out."
            )
        return DocumentDBSession(Connection(Login(address, credential, self._bundle, deadline)))
