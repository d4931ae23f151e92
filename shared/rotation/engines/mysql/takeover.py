"""Accounts that go over from a secret to the same secret in another Region, which a promotion made a primary."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.engines.mysql import links
from rotation.engines.mysql.accounts import MARK, attributes_of, mark_in, marked_accounts, only, read
from rotation.engines.mysql.applying import run
from rotation.engines.mysql.pair import claim, names
from rotation.engines.mysql.preparing import unable
from rotation.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.engines.mysql.connection import Account, Connection
    from rotation.model import Pair


def take_over(connection: Connection, pair: Pair, former: str, *, rehearse: bool) -> Sequence[str]:
    """Mark as the pair's each of its accounts that carries the former secret's mark of it."""
    before = replace(pair, secret_arn=former)
    take = _take_on_mariadb if connection.is_mariadb else _take
    try:
        found = [list(marked_accounts(connection, name)) for name in (pair.base, pair.clone)]
        accounts = [only(connection, one) for one in found if one]
        return [account.user for account in accounts if take(connection, account, pair, before, rehearse=rehearse)]
    except PermissionDenied as denied:
        raise unable(connection, denied, "mark the pair") from None


def _take(connection: Connection, account: Account, pair: Pair, before: Pair, *, rehearse: bool) -> bool:
    """Change the secret alone within the mark: what the account was prepared with stays (a merge patch)."""
    mark = mark_in(attributes_of(connection, account))
    if mark is None or not names(mark, before):
        return False
    if not rehearse:
        patch = json.dumps({MARK: {"secret": pair.secret_arn}})
        run(connection, f"ALTER USER {account}", f"ATTRIBUTE {connection.literal(patch)}")
    return True


def _take_on_mariadb(connection: Connection, account: Account, pair: Pair, before: Pair, *, rehearse: bool) -> bool:
    """Give the account a mark of the pair, then take the former one's: in between it is nobody's to change."""
    state = read(connection, account)
    if not links.is_ours(before, state):
        return False
    if not rehearse:
        role = links.owned(pair, account.user)
        state = claim(connection, state, role)
        for outdated in links.others(before, state, role):
            run(connection, f"DROP ROLE {outdated}")
    return True
