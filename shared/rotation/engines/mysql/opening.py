"""
What a session begins with, before it is used for anything else.

First it asks who answers. A pooler names in its greeting a number of its own, and runs statements in connections of
the server that have other numbers: it gives what a session sets to other clients. The server's greeting has the number
that CONNECTION_ID() returns (MySQL manual, "Information Functions"). ProxySQL's has its own session's (its issue 1748),
and it answers "SELECT CONNECTION_ID()" by itself, in exactly that form (issue 1797). MaxScale's has its own session's,
too (its mariadb_client.cc, send_mysql_client_handshake). So nothing is set before it is known that the server itself
answers. What RDS Proxy sends is not published; it is known by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pymysql

from rotation.engines.mysql.connection import Account, Server
from rotation.engines.mysql.faults import EMPTY
from rotation.errors import NotTheServer

if TYPE_CHECKING:
    from rotation.model import Deadline

    _Connection: TypeAlias = pymysql.Connection[Any]
else:
    _Connection = pymysql.Connection  # generic for type checkers alone

_WHO: Final = (
    "/*M!100101 SET STATEMENT max_statement_time = 60 FOR */ "
    "SELECT /*+ MAX_EXECUTION_TIME(60000) */ CAST(CURRENT_USER() AS BINARY), CONNECTION_ID(), "
    "0 /*M!100101 + 1 */, 0 /*!80013 + 1 */, 0 /*!80014 + 1 */, 0 /*!80021 + 1 */"
)
"""
Names are UTF-8 in the server (manual, "UTF-8 for Metadata"), whatever it sends its answers in by default.

MariaDB alone reads the first comment, MySQL alone the hint: the server's own limit of time may be a moment. The other
comments tell what the server knows, as ``Server`` names it.
"""

_GREETED: Final = 0xFFFFFFFF
"""The greeting holds four bytes of the number (internals, "Protocol::HandshakeV10")."""

_FIRST: Final = (
    "SET SESSION character_set_client = 'utf8mb4', character_set_results = 'utf8mb4', "
    "character_set_connection = 'utf8mb4', "
    "sql_mode = IF(VERSION() LIKE '%MariaDB%' OR VERSION() LIKE '5.%', 'NO_AUTO_CREATE_USER', ''), "
    "autocommit = 1, sql_quote_show_create = 1, sql_select_limit = 18446744073709551615, sql_big_selects = 1, "
    "lock_wait_timeout = {seconds}, wait_timeout = {longest} "
    "/*!50720 , transaction_read_only = 0, max_execution_time = {longest}000 */ "
    "/*!80017 , print_identified_with_as_hex = 1 */ "
    "/*M!100101 , tx_read_only = 0, max_statement_time = {longest} */"
)
"""
Other SQL modes quote names and texts otherwise. Without the one that is left, GRANT would make an account without a
password where a clone was dropped meanwhile; MySQL 8 has no such GRANT, nor the mode.

The rest is what the server's owner sets for everybody's sessions, and what would end ours too early, make it read-only,
or show it a part of the accounts. A lock or an answer that is waited for in the server is given up about when this
side gives up, so that its end is known. Hashes that are no text are shown in hexadecimal digits (MySQL manual,
print_identified_with_as_hex). MySQL alone reads the first comments, MariaDB alone the last (MariaDB manual, "Comment
Syntax": it skips those for 50700 to 99999).
"""


class Driver(_Connection):
    """The driver's connection; it sets nothing by itself when it has logged in."""

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """Leave it to the session's first statements."""


def opened(raw: pymysql.Connection[Any], deadline: Deadline, where: str) -> tuple[Account, Server]:
    """Return the account that the server took the login for, and what it is. Raises RotationError, driver's errors."""
    with raw.cursor() as cursor:
        cursor.execute(_WHO)
        row = cursor.fetchone()
        if row is None:
            raise EMPTY.at(where)
        name, number, *known = row
        if number & _GREETED != raw.thread_id():  # type: ignore[no-untyped-call]
            raise NotTheServer(where)
        seconds = max(1, int(deadline.remaining()))
        cursor.execute(_FIRST.format(seconds=seconds, longest=seconds + 2))
    user, _, host = name.decode().rpartition("@")
    return Account(user, host), Server(*map(bool, known))
