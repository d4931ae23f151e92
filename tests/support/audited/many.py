"""An account of as many secrets as one likes, of which one in five has a finding and four in five rotate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.support.audited.account import Account

_OF: Final = 10
"""What repeats itself: seven that rotate and are read, one that only its rotation has read, and two without any."""


def fill(account: Account, many: int) -> None:
    """Put them in: ten that were made as people make them, and copies under other names."""
    ours = account.add_function("secret-rotation-mysql")
    # One Region: what the emulator does for others with every call is not what is measured.
    account.here.state.regions = None
    for place in range(_OF):
        name = f"seed{place}"
        account.secret(name, days=200, read=200 if place == _OF - 1 else 1)
        if place < _OF - 2:
            account.rotate(name, ours, days=10)
    account.known(f"seed{_OF - 3}").accessed = account.known(f"seed{_OF - 3}").rotation.last_rotated
    account.at()
    secrets = account.here.state.secrets
    seeds = list(secrets.values())
    for place in range(_OF, many):
        seed = seeds[place % _OF]
        name = f"shop/{place:07}"
        arn = seed.arn.replace(seed.name, name)
        secrets[arn] = replace(seed, arn=arn, name=name)
