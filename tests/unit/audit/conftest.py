"""The account in which everything is wrong, made once, and audited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.audited.account import Account
from tests.support.audited.faulty import fill

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def faulty() -> Iterator[Account]:
    with Account() as account:
        fill(account)
        yield account
