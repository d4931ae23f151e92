"""What a person should know of a server before its users are rotated; a dry run asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql import acting, releases
from rotation.engines.postgresql.accounts import as_it_logs_in, existing, read_roles
from rotation.engines.postgresql.changes import quoted
from rotation.engines.postgresql.passwords import form_of
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.engines.postgresql.connection import Connection
    from rotation.model import Pair

_WAITS: Final = """
SELECT pg_catalog.current_setting('synchronous_standby_names') <> ''
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication)
"""
"""Whether COMMIT would wait for a standby that is not there (manual, synchronous_standby_names)."""


def told(connection: Connection, username: str, pair: Pair | None) -> Iterator[Caution]:
    """Tell as the user itself of its password's form, as an admin of the pair, and of the server once."""
    itself = connection.user == username
    if itself and form_of(connection, username) == "scram-sha-256" and not connection.uses_scram:
        yield Caution(
            f"The password of {username} is kept as md5 and becomes SCRAM-SHA-256, as the server is set: "
            "clients without SCRAM are then refused. Keep md5 for it: ALTER ROLE … SET password_encryption = 'md5'"
        )
    if pair is not None and not itself:
        yield from _of_the_pair(connection, pair)
    if (pair is None or not itself) and connection.one(_WAITS):
        yield Caution(
            "synchronous_standby_names names a standby, and none is connected: the change of a password will wait "
            "for it in COMMIT. See pg_stat_replication"
        )


def _of_the_pair(connection: Connection, pair: Pair) -> Iterator[Caution]:
    if releases.ignores_role(connection.version):
        yield Caution(
            f"This release ignores the role that a user's settings name, so {pair.clone} cannot act as {pair.base} and "
            f"is not promoted. {releases.remedy(connection.version)}"
        )
    elif not connection.keeps_role:
        yield acting.loses_role(connection, pair)
    base = existing(connection, pair, read_roles(connection, pair.base), pair.base)
    for database, name in base.settings.keys() - as_it_logs_in(base)[0].settings.keys():
        where = f" IN DATABASE {quoted(database)}" if database else ""
        yield Caution(
            f"{pair.base} has a setting of {name} that its login cannot take, and neither user acts as that role. "
            f"Take it away: ALTER ROLE {quoted(pair.base)}{where} RESET {name}"
        )
    yield Caution(
        f"{pair.clone} acts as {pair.base} after its login, and the server looks at the login: pg_cancel_backend, "
        "pg_terminate_backend and pg_stat_activity do not serve its own sessions, unless it first runs SET ROLE NONE"
    )
