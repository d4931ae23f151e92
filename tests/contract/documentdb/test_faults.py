"""What MongoDB's error codes become, provoked on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.engines.documentdb.faults import CODES
from rotation.errors import RotationError
from tests.support.servers.mongodb import fail_next

if TYPE_CHECKING:
    from rotation.model import Credential
    from tests.lab.stages.documentdb import Stage

CLOSING = {303, 11000}
"""DocumentDB's words: MongoDB ends the connection with the first, and has no such answer without an index's key."""

ENOUGH = 99


@pytest.fixture(scope="module")
def user(stage: Stage) -> Credential:
    """Make a user that asks for its own mark, whatever the answer."""
    return stage.user()


@pytest.mark.parametrize("code", sorted(CODES.keys() - CLOSING))
def test_every_code_of_the_table_is_understood_from_the_server(stage: Stage, user: Credential, code: int) -> None:
    """A command that fails with it, however often, raises what the table says, without the server's text."""
    with stage.login(user, seconds=3) as session:
        fail_next(stage.server, "usersInfo", errorCode=code, times=ENOUGH)
        with pytest.raises(RotationError) as caught:
            session.mark_of(user.username)
        stage.server.run("configureFailPoint", "failCommand", mode="off")
    error = caught.value
    assert type(error) is CODES[code].kind
    assert str(code) in str(error)
    assert "failpoint" not in str(error)


def test_a_connection_that_the_server_ends_is_unreachable(stage: Stage) -> None:
    """Whether the command took effect is not known."""
    user = stage.changer()
    with stage.login(user) as session:
        fail_next(stage.server, "updateUser", closeConnection=True)
        with pytest.raises(RotationError) as caught:
            session.set_password(user.username, stage.password())
        assert (type(caught.value).__name__, caught.value.retryable) == ("Unreachable", True)
    stage.accepts(user)
