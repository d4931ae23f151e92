"""The account in which everything is wrong, made once, and audited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.audited.account import OURS, Account
from tests.support.audited.faulty import fill

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared() -> Iterator[Account]:
    """Return an account of two Regions, each with a trail, and a function of ours; starting one takes a second."""
    with Account() as account:
        account.add_function(OURS.rpartition(":")[2])
        for region in account.secrets.at:
            account.add_trail(region)
        yield account


@pytest.fixture
def account(shared: Account) -> Iterator[Account]:
    """Return that account without any secret."""
    yield shared
    shared.clear()


@pytest.fixture(scope="module")
def faulty() -> Iterator[Account]:
    with Account() as account:
        fill(account)
        yield account
