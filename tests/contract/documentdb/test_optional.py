"""Arguments that a server may not know, on a MongoDB whose answers to them are made DocumentDB's."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.synchronous.database import Database

from rotation.engines.documentdb.accounts import DISPENSABLE
from rotation.errors import StatementFailed
from rotation.model import Ownership
from tests.lab.nightly import NIGHTLY
from tests.lab.stages.documentdb import pair_of, unique

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.stages.documentdb import Stage

COMMANDS = {"usersInfo", "createUser", "updateUser", "connectionStatus"}
DETAILS = ("showAuthenticationRestrictions", "showPrivileges")


@contextmanager
def answering(answer: Callable[[str, dict[str, Any]], Exception | None]) -> Iterator[list[dict[str, Any]]]:
    """Let the server answer some commands by an error, and keep all those that it ran."""
    command, ran = Database.command, []

    def answered(self: Any, asked: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 the driver's
        name = next(iter(asked)) if isinstance(asked, dict) else asked
        if name in COMMANDS and isinstance(asked, dict):
            if error := answer(name, asked):
                raise error
            ran.append(asked)
        return command(self, asked, *rest, **more)

    with mock.patch.object(Database, "command", answered):
        yield ran


def refusing(unknown: set[str], code: int) -> Callable[[str, dict[str, Any]], Exception | None]:
    """Refuse arguments as Amazon DocumentDB was reported to (ansible-collections/community.mongodb, issue 575)."""

    def answer(name: str, asked: dict[str, Any]) -> Exception | None:
        found = sorted(unknown & set(asked))
        said = f'"{found[0]}" is not a valid argument to {name}' if found else ""
        return OperationFailure(said, code, {"code": code}) if found else None

    return answer


UNKNOWN = [{DETAILS[0]}, {*DETAILS}, {"customData"}, {*DISPENSABLE}, {*DETAILS, *DISPENSABLE}]
CODES = [2, 9, 303, 40415, 12345]


@pytest.mark.parametrize(("unknown", "code"), [*(product if NIGHTLY else zip)(UNKNOWN, CODES)])
def test_what_the_server_does_not_know_is_done_without(stage: Stage, unknown: set[str], code: int) -> None:
    """By whatever code it says so: both users of a pair are prepared, and their passwords set."""
    base, admin = stage.changer(), stage.admin()
    with answering(refusing(unknown, code)):
        clone, _ = stage.level(admin, pair_of(base.username))
        again, _ = stage.level(admin, pair_of(base.username, promote="base", version="version-2"))
        with stage.login(again) as session:
            session.rehearse_password(again.username, stage.password())
            session.set_password(again.username, again.password)
            session.check_access(pair_of(base.username, promote="base"))
    for who in (clone, again):
        stage.accepts(who)
    assert stage.roles(clone.username) == stage.roles(base.username)


def test_a_mark_is_no_proof_where_the_server_does_not_show_who_may_write_it(stage: Stage) -> None:
    """For a pair it counts as before, since AWSCURRENT logs in there; nothing is repaired upon it."""
    base, admin = stage.user(), stage.admin()
    pair = pair_of(base.username)
    stage.level(admin, pair)
    with answering(refusing({*DETAILS}, 2)), stage.login(admin) as session:
        assert session.ownership(pair) is Ownership.OURS
        assert not session.mark_is_proof(pair.clone)


def test_no_more_is_left_out_than_the_server_refuses(stage: Stage) -> None:
    """What it knows is written, the mechanisms among it."""
    base, admin = stage.user(mechanisms=["SCRAM-SHA-256"]), stage.admin()
    with answering(refusing({"customData"}, 2)) as ran:
        stage.level(admin, pair_of(base.username))
    (made,) = (asked for asked in ran if "createUser" in asked)
    assert {"mechanisms", "writeConcern"} <= made.keys()
    assert stage.described(pair_of(base.username).clone)["mechanisms"] == ["SCRAM-SHA-256"]


def test_a_refusal_of_something_else_is_told(stage: Stage) -> None:
    """Without all that can be left out the command is refused all the same."""
    user, admin = stage.user(), stage.admin()
    with answering(refusing({"pwd"}, 2)), stage.login(admin) as session, pytest.raises(StatementFailed) as failed:
        session.set_password(user.username, stage.password())
    assert failed.value.code == "2"
    stage.accepts(user)


def test_a_server_without_restrictions_cannot_end_sessions(stage: Stage) -> None:
    """It says so, and nothing was changed."""
    user = stage.user()
    restricting = answering(refusing({"authenticationRestrictions"}, 2))
    session = stage.login(stage.admin("clusterMonitor"))
    with session, restricting, pytest.raises(StatementFailed, match="no means"):
        session.end_sessions(user.username)
    stage.accepts(user)


def test_a_user_that_is_there_is_a_duplicate_key(stage: Stage) -> None:
    """DocumentDB's word for it (ansible-collections/community.mongodb, issues 57 and 215)."""
    base = stage.user(unique())
    duplicate = DuplicateKeyError("there already", 11000, {"code": 11000})
    there = answering(lambda name, _: duplicate if name == "createUser" else None)
    session = stage.login(stage.admin())
    with session, there, pytest.raises(StatementFailed, match="came into being") as failed:
        session.level(pair_of(base.username), stage.password())
    assert failed.value.retryable
