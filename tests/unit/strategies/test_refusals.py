"""Refused logins of an invocation: each is counted, those at a cluster's other server too."""

from __future__ import annotations

import pytest

from rotation.errors import AuthenticationFailed
from rotation.strategies import admins, logins
from tests.support.memory.interruptions import fail
from tests.support.memory.stage import MemoryStage


def twice() -> AuthenticationFailed:
    """Return a refusal by a reader, and by the writer."""
    refusal = AuthenticationFailed("refused", engine="memory")
    refusal.logins = 2
    return refusal


def test_of_a_credential_that_is_looked_at() -> None:
    """Whether it is accepted."""
    stage = MemoryStage()
    delivery = stage.delivery("token")
    stage.server.effect = fail("connect", "before", twice())
    assert not logins.accepts(delivery, delivery.current)
    assert delivery.refusals == 2
    assert delivery.refused == {delivery.current.version}


def test_of_the_admin() -> None:
    """Whose secret is then read once more."""
    stage = MemoryStage(admin=True)
    delivery = stage.delivery("token")
    admin = admins.read_admin(delivery, delivery.current)
    stage.server.effect = fail("connect", "before", twice())
    with pytest.raises(AuthenticationFailed):
        admins.open_admin(delivery, admin)
    assert delivery.refusals == 2
