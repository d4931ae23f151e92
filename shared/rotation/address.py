"""Where a database is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


def plain(name: str) -> str:
    """Return a host's name in the form in which two of them can be compared."""
    return name.lower().removesuffix(".")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, and whether the way there is encrypted (and then verified)."""

    host: str
    port: int
    database: str
    tls: bool = True
    auth_database: str | None = None
    """The database that holds the user, where that is a choice (MongoDB) and the secret makes it."""
    users_database: str | None = None
    """The database that holds the users whom an admin changes; empty for the engine's usual one."""
    application_database: str | None = None
    """The database that the application logs in to whose users an admin levels; None where nobody is an admin."""
    cluster: str = ""
    """The identifier of the RDS cluster that is meant, where the secret names no host."""
    hosts: tuple[str, ...] = ()
    """Further hosts of the same replica set, to which a node of it may lead."""
    dialect: str = field(default="", compare=False)
    """The secret's word for its engine, for a function that speaks with several."""

    def is_place_of(self, other: Address) -> bool:
        """Return whether the two lead to the same place in the same way, however its host is spelt."""
        return replace(self, host=plain(self.host)) == replace(other, host=plain(other.host))

    def __str__(self) -> str:
        """Name the place as messages do."""
        if not self.host:
            return f"the cluster {self.cluster}"
        return f"{self.host}:{self.port}/{self.database}".removesuffix("/")
