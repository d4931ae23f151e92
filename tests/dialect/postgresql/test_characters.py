"""Names and passwords of every kind."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.model import Credential, Password
from tests.lab.stages.postgresql import pair_of

if TYPE_CHECKING:
    from tests.lab.stages.postgresql import Stage

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

NAMES = ["quo\"te'd back\\slash;colon--", "Upper per%cent %s {}", "$user", "select", "ä名" * 11 + "xx"]
"""Every odd character, words that the server knows by themselves, and 57 bytes, which leave room for the suffix."""


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_of_any_name_rotates_and_can_be_taken_away(stage: Stage, name: str) -> None:
    """Both turns, the checks and the guard."""
    base = stage.user(name)
    admin = stage.admin(name)
    with stage.login(base) as session:
        session.guard_target(name, allow_privileged=False)
        session.set_password(name, base.password)
    clone, _ = stage.level(admin, pair_of(name))
    with stage.login(clone) as session:
        session.check_access(pair_of(name))
    assert stage.level(admin, pair_of(name))[1] == []
    again, _ = stage.level(admin, pair_of(name, promote="base"))
    with stage.login(again) as session:
        session.check_access(pair_of(name, promote="base"))
        assert session.end_sessions(name) == 0
    stage.run("DROP ROLE {}", pair_of(name).clone)
    stage.run("DROP ROLE {}", name)


def test_a_name_of_63_bytes_rotates_by_itself(stage: Stage) -> None:
    """The longest that the server keeps."""
    user = stage.user("n" * 63)
    with stage.login(user) as session:
        session.set_password(user.username, user.password)
    stage.accepts(user)
    stage.run("DROP ROLE {}", user.username)


@pytest.fixture(scope="module")
def user_and_admin(stage: Stage) -> tuple[Credential, Credential]:
    """Make a user, and an admin that may change it."""
    user = stage.user()
    return user, stage.admin(user.username)


@pytest.mark.parametrize(
    "text",
    [
        PRINTABLE,
        PRINTABLE[::-1],
        " leading and trailing ",
        "pässwörd-密码-🔑-ﬃ",
        "\\'\"%s%%{}$$;--",
        "md5" + "0" * 32,
        "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0$aGFzaA==:aGFzaA==",
        "x" * 128,
        "tab\tand\nnewline",
    ],
)
def test_a_password_of_any_characters_logs_in(
    stage: Stage, user_and_admin: tuple[Credential, Credential], text: str
) -> None:
    """Set by an admin and by the user; what looks like a verifier is a password too."""
    user, admin = user_and_admin
    new = Credential(user.username, Password(text))
    for who in (admin, new):
        with stage.login(who) as session:
            session.set_password(user.username, new.password)
        stage.accepts(new)


def test_a_database_of_any_name_is_connected_to(stage: Stage) -> None:
    """Its name goes to the server as it is."""
    user = stage.user()
    for name in NAMES:
        database = f"{name}{secrets.token_hex(3)}"
        stage.server.create_database(database)
        stage.accepts(user, database)
        stage.run("DROP DATABASE {}", database)


def test_no_password_stands_in_the_servers_log(stage: Stage) -> None:
    """Every statement is logged; none holds a password, whatever was done with it."""
    since = stage.server.mark()
    made = len(stage.made)
    base = stage.user()
    admin = stage.admin(base.username)
    new = replace(base, password=stage.password())
    with stage.login(base) as session:
        session.rehearse_password(base.username, new.password)
        session.set_password(base.username, new.password)
    stage.level(admin, pair_of(base.username), rehearse=True)
    stage.level(admin, pair_of(base.username))
    stage.level(admin, pair_of(base.username, promote="base"))
    log = stage.server.log_text(since)
    assert f'ALTER ROLE "{base.username}" PASSWORD \'SCRAM-SHA-256$' in log
    assert len(stage.made) - made >= 6
    for password in stage.made:
        assert password not in log


def test_a_healthy_change_fails_no_login(stage: Stage) -> None:
    """Three logins are made, and all are accepted."""
    since = stage.server.mark()
    user = stage.user()
    new = replace(user, password=stage.password())
    with stage.login(user) as session:
        session.set_password(user.username, new.password)
        stage.accepts(new)
    logins = stage.server.logins(since).of(user.username)
    assert (len(logins.accepted), len(logins.refused)) == (2, 0)
