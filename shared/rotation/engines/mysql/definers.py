"""What stays with the user that defined it, however equal the grants of a pair are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.mysql.accounts import marked_accounts
from rotation.engines.mysql.connection import quoted
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.engines.mysql.connection import Connection
    from rotation.model import Pair

_DEFINED: Final = """
SELECT 'VIEW', TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS WHERE DEFINER IN ({definers})
UNION ALL
SELECT 'ROUTINE', ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE DEFINER IN ({definers})
"""

_SHOWN: Final = 3
"""Names that a line shows of as many as there are."""

_VIEWS: Final = (
    "The users of the pair define views ({names}). The other user's ALTER VIEW is refused; CREATE OR REPLACE VIEW "
    "works, and makes it the definer."
)
"""Manual, "ALTER VIEW Statement": for the definer, or with SET_ANY_DEFINER (MariaDB: SET USER), which is too much."""

_ROUTINES: Final = (
    "The users of the pair define routines ({names}). The other user does not see their bodies, as SHOW CREATE and "
    "some drivers want to. {remedy}"
)
"""Manual, "SHOW CREATE PROCEDURE Statement": for the definer, or with one of these rights."""

_ON_MYSQL: Final = "GRANT SHOW_ROUTINE ON *.* TO {base} shows the bodies of all routines of the server."
_ON_MARIADB: Final = "From MariaDB 11.3 on, GRANT SHOW CREATE ROUTINE ON their database TO {base} shows them."


def cautions(connection: Connection, pair: Pair) -> Sequence[Caution]:
    """Say what the users of the pair define, as far as the admin sees it, and what the other user may not do."""
    accounts = [account for name in (pair.base, pair.clone) for account in marked_accounts(connection, name)]
    if not accounts:
        return ()
    definers = ", ".join(connection.literal(f"{account.user}@{account.host}") for account in accounts)
    found: dict[str, list[str]] = {"VIEW": [], "ROUTINE": []}
    for kind, schema, name in connection.run(_DEFINED.format(definers=definers)):
        found[str(kind)].append(f"{quoted(str(schema))}.{quoted(str(name))}")
    remedy = (_ON_MARIADB if connection.is_mariadb else _ON_MYSQL).format(base=quoted(pair.base))
    texts = {"VIEW": _VIEWS, "ROUTINE": _ROUTINES}
    return [Caution(texts[kind].format(names=_some(names), remedy=remedy)) for kind, names in found.items() if names]


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(sorted(names)[:_SHOWN])}{more}"
