"""Locks that strangers take: they name the holder, and stop nothing."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from rotation.engines import moment
from rotation.errors import AccountUnusable, LockWithheld, StatementFailed
from tests.lab.stages.mysql import unique

if TYPE_CHECKING:
    import pymysql

    from rotation.model import Credential
    from tests.lab.stages.mysql import Stage


def named(name: str) -> str:
    """Return the server's name of a lock, as anybody can work it out."""
    return f"rotation-{hashlib.sha256(name.encode()).hexdigest()[:48]}"


def held(stage: Stage, who: Credential, name: str, seconds: float = 0) -> closing[pymysql.Connection[Any]]:
    """Take a lock as a client does, and keep it as long as the connection."""
    connection = stage.server.connect(who.username, who.password.reveal())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT GET_LOCK('{named(name)}', {seconds})")
    return closing(connection)


def test_a_lock_that_a_stranger_holds_counts_for_nothing(stage: Stage) -> None:
    """At once, and the admin, who sees all sessions, says who it is."""
    mallory, name, begun = stage.user(), unique("lock"), time.monotonic()
    with held(stage, mallory, name), stage.login(stage.admin()) as session:
        with pytest.raises(LockWithheld, match=f"held by {mallory.username} \\(session") as withheld:
            session.lock(name, {"another"})
        assert withheld.value.where
    assert time.monotonic() - begun < 5


def test_a_holder_that_the_login_does_not_see_is_a_stranger(stage: Stage) -> None:
    """Without PROCESS one's own user's sessions are seen, as whom any other step of the rotation has logged in."""
    user, name = stage.user(), unique("lock")
    with (
        held(stage, stage.user(), name),
        stage.login(user) as session,
        pytest.raises(LockWithheld, match="may not see"),
    ):
        session.lock(name, {"another"})
    with (
        held(stage, user, name),
        stage.login(user, seconds=1) as session,
        pytest.raises(StatementFailed, match="too long") as kept,
    ):
        session.lock(name)
    assert kept.value.retryable


def test_a_lock_that_another_of_the_rotation_holds_is_waited_for(stage: Stage) -> None:
    """The pair's users and its admin have a part in it."""
    user, name = stage.user(), unique("lock")
    with stage.login(stage.admin()) as session:
        holding = held(stage, user, name)
        timer = threading.Timer(0.3, holding.__exit__, (None, None, None))
        timer.start()
        assert session.lock(name, {user.username})
        timer.join()


def test_a_stranger_who_gets_the_lock_while_it_is_waited_for_counts_for_nothing(stage: Stage) -> None:
    """Who stood in the queue before us has it when the wait ends."""
    user, mallory, name = stage.user(), stage.user(), unique("lock")
    taken: list[closing[pymysql.Connection[Any]]] = []
    holding = held(stage, user, name)
    waiting = threading.Thread(target=lambda: taken.append(held(stage, mallory, name, 5)))
    waiting.start()
    time.sleep(0.3)
    timer = threading.Timer(0.3, holding.__exit__, (None, None, None))
    timer.start()
    with stage.login(stage.admin(), seconds=3) as session, pytest.raises(LockWithheld, match=mallory.username):
        session.lock(name, {user.username})
    waiting.join()
    timer.join()
    taken[0].__exit__(None, None, None)


def test_a_lock_that_is_free_by_then_is_taken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that ends between the first look and the next is nobody's reason."""
    name = unique("lock")
    holding = held(stage, stage.user(), name)
    with stage.login(stage.admin()) as session:
        connection = session._connection  # noqa: SLF001 the moment between two statements
        one = connection.one

        def ended(statement: str) -> object:
            if "IS_USED_LOCK" in statement:
                holding.__exit__(None, None, None)
                time.sleep(0.3)
            return one(statement)

        monkeypatch.setattr(connection, "one", ended)
        assert session.lock(name, {"another"})


def test_an_account_that_several_decisions_ask_for_is_read_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the lock and for a moment, unless the session changes something; without the lock each time."""
    monkeypatch.setattr(moment, "SECONDS", 60)
    one, other, last = (stage.user() for _ in range(3))

    def is_usable(who: Credential) -> bool:
        try:
            session.require_usable(who.username)
        except AccountUnusable:
            return False
        return True

    def close(who: Credential) -> None:
        stage.run(f"ALTER USER {who.username} ACCOUNT LOCK")

    with stage.login(stage.admin()) as session:
        assert is_usable(one)
        close(one)
        assert not is_usable(one)
        session.lock(unique("lock"))
        assert is_usable(other)
        close(other)
        session._connection.run("\nSELECT 1\n")  # noqa: SLF001 a question changes nothing, however it is written
        assert is_usable(other)
        session.set_password(one.username, stage.password())
        assert not is_usable(other)
        monkeypatch.setattr(moment, "SECONDS", 0)
        assert is_usable(last)
        close(last)
        assert not is_usable(last)
