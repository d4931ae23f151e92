"""Two users that alternate on MongoDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from rotation.engines.documentdb.accounts import LAST_SERIAL
from rotation.errors import AccessMismatch, AuthenticationFailed, NotOurs, PermissionDenied, StatementFailed
from rotation.model import Mark, Ownership, Pair
from rotation.ports import Caution
from tests.lab.stages.documentdb import ARN, ROLES, pair_of, unique
from tests.support.servers.mongodb import fail_next

if TYPE_CHECKING:
    from rotation.model import Credential
    from tests.lab.stages.documentdb import Stage


def prepared(stage: Stage, *roles: object, **fields: Any) -> tuple[Credential, Credential, Credential]:  # noqa: ANN401
    """Return a base, its admin, and its clone, made by the engine."""
    base, admin = stage.user(None, *roles, **fields), stage.admin("clusterMonitor")
    clone, _ = stage.level(admin, pair_of(base.username))
    return base, admin, clone


def promote_base(stage: Stage, base: Credential, admin: Credential) -> tuple[Credential, list[str]]:
    return stage.level(admin, pair_of(base.username, promote="base", version="version-2"))


def test_the_clone_can_do_what_the_base_can(stage: Stage) -> None:
    """It has the base's roles, and says so itself."""
    base, _, clone = prepared(stage)
    assert stage.roles(clone.username) == stage.roles(base.username)
    stage.as_clients_do(base)
    stage.as_clients_do(clone)
    with stage.login(clone) as session:
        session.check_access(pair_of(base.username))


def test_the_changes_of_a_first_rotation_are_named(stage: Stage) -> None:
    """No password stands among them."""
    base = stage.user(authenticationRestrictions=[{"clientSource": ["127.0.0.1"]}])
    pair = pair_of(base.username)
    clone, changes = stage.level(stage.admin(), pair)
    assert changes == [
        f"create the user {pair.clone}",
        f"grant readWrite@shop to {pair.clone}",
        f"copy the authenticationRestrictions to {pair.clone}",
    ]
    assert clone.password.reveal() not in str(changes)


def test_a_rehearsal_names_the_same_changes_and_makes_none(stage: Stage) -> None:
    """What a dry run says is what a rotation does, in both directions."""
    base, admin = stage.user(), stage.admin()
    pair = pair_of(base.username)
    for turn in (pair, pair_of(base.username, promote="base", version="version-2")):
        before = stage.described(base.username), stage.described(pair.clone)
        _, rehearsed = stage.level(admin, turn, rehearse=True)
        assert (stage.described(base.username), stage.described(pair.clone)) == before
        _, done = stage.level(admin, turn)
        assert rehearsed == done
        assert stage.level(admin, turn)[1] == []


def test_both_users_take_turns(stage: Stage) -> None:
    """Each gets a new password in its turn, and the other's goes on working."""
    base, admin, clone = prepared(stage)
    stage.accepts(base)
    again, changes = promote_base(stage, base, admin)
    assert changes == []
    stage.accepts(again)
    stage.accepts(clone)
    with stage.login(again) as session:
        session.check_access(pair_of(base.username, promote="base"))


def test_each_account_proves_itself(stage: Stage) -> None:
    """A user may write its own mark; so no mark vouches for another account."""
    base, admin, clone = prepared(stage)
    for pair in (pair_of(base.username), pair_of(base.username, promote="base")):
        with stage.login(admin) as session:
            assert session.ownership(pair) is Ownership.OURS
            assert session.ownership(replace(pair, secret_arn="arn:other")) is Ownership.FOREIGN
            stage.server.run("updateUser", pair.idle, customData={})
            assert session.ownership(pair) is Ownership.UNMARKED
    with stage.login(admin) as session:
        stranger = Pair(ARN, clone.username, clone.username, "v")
        assert session.ownership(stranger) is Ownership.UNMARKED
        assert session.ownership(replace(stranger, idle=stranger.clone)) is Ownership.ABSENT


def test_the_mark_is_read_back(stage: Stage) -> None:
    """It names the secret, the base and the version; a user without one has none."""
    base, admin, clone = prepared(stage)
    with stage.login(admin) as session:
        assert session.mark_of(clone.username) == Mark(ARN, base.username, "version-1")
        assert session.mark_of(stage.user().username) is None
        assert session.mark_of(unique("nobody")) is None


def test_the_version_that_was_prepared_last_is_known(stage: Stage) -> None:
    """The younger mark tells, in both turns, and a repetition does not age it."""
    base, admin = stage.user(), stage.admin()
    pair = pair_of(base.username)
    with stage.login(admin) as session:
        assert session.prepared_version(pair) is None
        for number, turn in enumerate(["clone", "base", "base", "clone"]):
            version = f"version-{number}"
            session.level(pair_of(base.username, promote=turn, version=version), stage.password())
            session.level(pair_of(base.username, promote=turn, version=version), stage.password())
            assert session.prepared_version(pair) == version
        assert session.prepared_version(replace(pair, secret_arn="arn:other")) is None
        stage.server.run("dropUser", pair.clone)
        assert session.prepared_version(pair) == "version-2"


def test_a_first_attempt_that_was_cut_off_has_prepared_nothing(stage: Stage) -> None:
    """The base is marked before the clone is made."""
    base, admin = stage.user(), stage.admin()
    pair = pair_of(base.username)
    with stage.login(admin) as session:
        fail_next(stage.server, "createUser", errorCode=8, times=4)  # with and without what can be left out
        with pytest.raises(StatementFailed):
            session.level(pair, stage.password())
        assert session.mark_of(base.username) is not None
        assert session.prepared_version(pair) is None
        session.level(pair, stage.password())
        assert session.prepared_version(pair) == pair.version


def test_a_mark_that_only_an_admin_can_write_is_a_proof(stage: Stage) -> None:
    """The server shows what the user may do; nobody is no proof."""
    base, admin, clone = prepared(stage)
    with stage.login(admin) as session:
        assert session.mark_is_proof(clone.username)
        assert not session.mark_is_proof(unique("nobody"))
    stage.server.run("grantRolesToUser", clone.username, roles=[stage.role("changeOwnCustomData")])
    with stage.login(admin) as session:
        assert not session.mark_is_proof(clone.username)
        assert session.ownership(pair_of(base.username)) is Ownership.UNMARKED


def test_what_stands_beside_the_mark_is_kept(stage: Stage) -> None:
    """CustomData is merged, never replaced; what the base has, the clone has too."""
    base, admin, clone = prepared(stage, customData={"team": "tea"})
    stage.server.run("updateUser", clone.username, customData={**stage.described(clone.username)["customData"], "x": 1})
    promote_base(stage, base, admin)
    stage.level(admin, pair_of(base.username, version="version-3"))
    for name, wanted in ((base.username, {"team": "tea"}), (clone.username, {"team": "tea", "x": 1})):
        custom = stage.described(name)["customData"]
        assert custom.pop("aws-rotation")["base"] == base.username
        assert custom == wanted


def test_roles_that_were_taken_away_are_gone_from_the_clone(stage: Stage) -> None:
    """And new ones are there; each is named."""
    base, admin, clone = prepared(stage, {"role": "readWrite", "db": "shop"}, {"role": "read", "db": "stock"})
    stage.server.run("revokeRolesFromUser", base.username, roles=[{"role": "read", "db": "stock"}])
    stage.server.run("grantRolesToUser", base.username, roles=[{"role": "read", "db": "audit"}])
    _, changes = stage.level(admin, pair_of(base.username))
    assert changes == [f"grant read@audit to {clone.username}", f"revoke read@stock from {clone.username}"]
    assert stage.roles(clone.username) == ["read@audit", "readWrite@shop"]


def test_roles_of_ones_own_go_to_the_clone(stage: Stage) -> None:
    """Also those that are defined in another database."""
    stage.server.run("createRole", "clerk", database="shop", privileges=[], roles=["readWrite"])
    base, _, clone = prepared(stage, {"role": "clerk", "db": "shop"}, stage.role("find", database="stock"))
    assert "clerk@shop" in stage.roles(clone.username)
    assert stage.roles(clone.username) == stage.roles(base.username)
    stage.as_clients_do(clone)


def test_a_user_of_the_clones_name_in_another_database_is_not_touched(stage: Stage) -> None:
    """A user is its name and its database."""
    base = stage.user()
    other = stage.user(pair_of(base.username).clone, {"role": "read", "db": "stock"}, database="shop")
    stage.level(stage.admin(), pair_of(base.username))
    with stage.login(other, auth_database="shop"):
        pass
    found = stage.server.run("usersInfo", other.username, database="shop")["users"][0]
    assert found["roles"] == [{"role": "read", "db": "stock"}]
    assert "customData" not in found


def test_restrictions_and_mechanisms_are_the_bases(stage: Stage) -> None:
    """They are set with the password, and lifted again where the base has none any more."""
    here = [{"clientSource": ["127.0.0.1"]}]
    base, admin, clone = prepared(stage, authenticationRestrictions=here, mechanisms=["SCRAM-SHA-1"])
    found = stage.described(clone.username)
    assert (found["authenticationRestrictions"], found["mechanisms"]) == (here, ["SCRAM-SHA-1"])
    promote_base(stage, base, admin)
    assert stage.described(base.username)["mechanisms"] == ["SCRAM-SHA-1"]
    both = ["SCRAM-SHA-1", "SCRAM-SHA-256"]
    stage.server.run("updateUser", base.username, pwd="pw-other", mechanisms=both, authenticationRestrictions=[])
    _, changes = stage.level(admin, pair_of(base.username))
    assert changes == [
        f"copy the authenticationRestrictions to {clone.username}",
        f"copy the mechanisms to {clone.username}",
    ]
    found = stage.described(clone.username)
    assert (found["authenticationRestrictions"], found["mechanisms"]) == ([], both)


def test_what_the_clone_alone_was_granted_goes_to_the_base_that_is_promoted(stage: Stage) -> None:
    """Whoever manages the users of another database may have granted it; nothing is lost, and nothing stops."""
    base, admin, clone = prepared(stage)
    stage.server.run("grantRolesToUser", clone.username, roles=[{"role": "read", "db": "stock"}])
    rehearsed = stage.level(admin, pair_of(base.username, promote="base", version="version-2"), rehearse=True)[1]
    assert stage.roles(base.username) == ["readWrite@shop"]
    again, changes = promote_base(stage, base, admin)
    assert changes == rehearsed == [f"grant read@stock to {base.username}"]
    with stage.login(again) as session:
        session.check_access(pair_of(base.username, promote="base"))
    assert stage.roles(base.username) == stage.roles(clone.username) == ["read@stock", "readWrite@shop"]


def test_what_the_admin_may_not_grant_is_told(stage: Stage) -> None:
    """It stops no rotation, and the command to run is named."""
    base, _, clone = prepared(stage)
    actions = ["viewUser", "changePassword", "changeCustomData"]
    admin = stage.user(unique("admin"), stage.role(*actions))
    stage.server.run("grantRolesToUser", clone.username, roles=[{"role": "read", "db": "stock"}])
    again, (told,) = promote_base(stage, base, admin)
    assert isinstance(told, Caution)
    assert f'grantRolesToUser("{base.username}", [{{"role": "read", "db": "stock"}}])' in told
    stage.accepts(again)


def test_a_base_that_gained_a_role_is_promoted(stage: Stage) -> None:
    """The application loses nothing by it."""
    base, admin, _ = prepared(stage)
    stage.server.run("grantRolesToUser", base.username, roles=[{"role": "read", "db": "stock"}])
    again, _ = promote_base(stage, base, admin)
    with stage.login(again) as session:
        session.check_access(pair_of(base.username, promote="base"))


def test_a_base_that_was_restricted_meanwhile_is_not_promoted(stage: Stage) -> None:
    """The application may live where the base may not come from."""
    base, admin, _ = prepared(stage)
    stage.server.run("updateUser", base.username, authenticationRestrictions=[{"clientSource": ["10.0.0.0/8"]}])
    with pytest.raises(AccessMismatch, match="different addresses"):
        promote_base(stage, base, admin)


def test_a_pair_without_one_of_its_users_is_named(stage: Stage) -> None:
    """A base cannot be made up, and it is not promoted from a clone that is not there."""
    base, admin, clone = prepared(stage)
    stage.server.run("dropUser", clone.username)
    with pytest.raises(AccessMismatch, match=clone.username):
        promote_base(stage, base, admin)
    stage.server.run("dropUser", base.username)
    with pytest.raises(AccessMismatch, match=base.username):
        stage.level(admin, pair_of(base.username))


def test_an_unmarked_clone_is_taken_over_and_marked(stage: Stage) -> None:
    """Whether it may be is the core's to say; what it has more than the base is taken away."""
    base, admin = stage.user(), stage.admin()
    pair = pair_of(base.username)
    stage.user(pair.clone, {"role": "read", "db": "stock"})
    _, changes = stage.level(admin, pair)
    assert changes[-1] == f"mark the user {pair.clone} as this secret's"
    assert stage.roles(pair.clone) == ["readWrite@shop"]


@pytest.mark.parametrize("whose", ["base", "clone"])
def test_another_secrets_account_is_not_overwritten(stage: Stage, whose: str) -> None:
    """Not even one that came to be another's after it was looked at."""
    base, admin, _ = prepared(stage)
    pair = pair_of(base.username)
    foreign = {
        "aws-rotation": {"secret": "arn:other", "base": "x", "version": "v", "serial": 1},
        "made": datetime.now(UTC),
    }
    name = pair.base if whose == "base" else pair.clone
    stage.server.run("updateUser", name, customData=foreign)
    with pytest.raises(NotOurs) as caught:
        stage.level(admin, pair)
    assert 'the key "aws-rotation"' in caught.value.remedy


def test_the_second_of_two_that_create_the_clone_is_told_so(stage: Stage) -> None:
    """It may look again, and then finds the clone that is there."""
    base = stage.user()
    fail_next(stage.server, "createUser", errorCode=51003)
    with pytest.raises(StatementFailed) as caught:
        stage.level(stage.admin(), pair_of(base.username))
    assert caught.value.retryable


def test_an_admin_that_may_not_manage_users_is_told_which_role_to_ask_for(stage: Stage) -> None:
    """In a rehearsal as in a rotation, whether it may look or not."""
    base = stage.user()
    for weak in (stage.user(), stage.user(None, stage.role("viewUser"))):
        for rehearse in (True, False):
            with pytest.raises(PermissionDenied, match="userAdminAnyDatabase"):
                stage.level(weak, pair_of(base.username), rehearse=rehearse)
    assert stage.described(pair_of(base.username).clone) == {}


def test_a_role_that_the_clone_lost_is_seen_by_the_clone(stage: Stage) -> None:
    """What it was given stands in its mark."""
    base, _, clone = prepared(stage)
    stage.server.run("revokeRolesFromUser", clone.username, roles=[{"role": "readWrite", "db": "shop"}])
    with stage.login(clone) as session, pytest.raises(AccessMismatch, match="readWrite@shop differ"):
        session.check_access(pair_of(base.username))


def test_without_a_mark_the_partner_is_looked_at_where_that_is_allowed(stage: Stage) -> None:
    """An ordinary user may not, and then the admin's look has to do."""
    viewer = stage.role("viewUser")
    base, _, clone = prepared(stage, {"role": "readWrite", "db": "shop"}, viewer)
    pair = pair_of(base.username)
    stage.server.run("updateUser", clone.username, customData={})
    with stage.login(clone) as session:
        session.check_access(pair)
        stage.server.run("revokeRolesFromUser", clone.username, roles=[{"role": "readWrite", "db": "shop"}])
        with pytest.raises(AccessMismatch):
            session.check_access(pair)
        stage.server.run("revokeRolesFromUser", clone.username, roles=[viewer])
        session.check_access(pair)
        stage.server.run("grantRolesToUser", clone.username, roles=[viewer])
        stage.server.run("dropUser", base.username)
        session.check_access(pair)


def test_a_server_that_shows_a_user_nothing_of_itself_is_taken_at_its_word(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The admin has seen in setSecret that the two are equal."""
    base, _, clone = prepared(stage)
    with stage.login(clone) as session:
        monkeypatch.setattr(session._connection, "run", lambda *_, **__: {"users": []})  # noqa: SLF001
        session.check_access(pair_of(base.username))


@pytest.mark.parametrize("promote", ["clone", "base"])
def test_an_account_that_was_closed_is_opened_with_its_next_password(stage: Stage, promote: str) -> None:
    """Under the restrictions that it had before."""
    here = [{"clientSource": ["127.0.0.1"]}]
    base, admin, clone = prepared(stage, authenticationRestrictions=here)
    pair = pair_of(base.username, promote=promote, version="version-2")
    idle = clone if promote == "clone" else base
    with stage.login(admin) as session:
        session.end_sessions(idle.username)
        with pytest.raises(AuthenticationFailed):
            stage.login(idle)
    again, changes = stage.level(admin, pair)
    assert len(changes) == 1
    stage.accepts(again)
    assert stage.described(idle.username)["authenticationRestrictions"] == here
    assert stage.level(admin, pair)[1] == []


def test_a_base_that_no_mark_remembers_is_opened_again(stage: Stage) -> None:
    """Closing an unmarked account needs none where there was nothing to remember; the live user stays as it is."""
    base, admin = stage.user(), stage.admin("clusterMonitor")
    clone = stage.user(pair_of(base.username).clone)
    with stage.login(admin) as session:
        session.end_sessions(base.username)
    again, changes = promote_base(stage, base, admin)
    assert changes == [
        f"mark the user {base.username} as this secret's",
        f"open the user {base.username}, which was closed when its sessions were ended",
    ]
    stage.accepts(again)
    stage.accepts(clone)


def test_a_base_whose_mark_does_not_remember_its_closing_is_opened_again(stage: Stage) -> None:
    """Its mark was lost and made anew while it was closed."""
    base, admin, clone = prepared(stage)
    custom = stage.described(base.username)["customData"]
    with stage.login(admin) as session:
        session.end_sessions(base.username)
    stage.server.run("updateUser", base.username, customData=custom)
    again, _ = promote_base(stage, base, admin)
    stage.accepts(again)
    stage.accepts(clone)


def test_dates_of_any_year_beside_the_mark_are_kept(stage: Stage) -> None:
    """Python's end with the year 9999, and the server's do not."""
    dates = {"now": datetime(2026, 2, 3, 4, 5, 6, 7000), "late": DatetimeMS(253_402_300_800_005)}  # noqa: DTZ001 UTC
    dates["early"] = DatetimeMS(-62_135_596_800_001)
    base, admin, clone = prepared(stage, customData=dates)
    again, _ = promote_base(stage, base, admin)
    with stage.login(admin) as session:
        session.set_password(again.username, stage.password())
    shown: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    for name in (base.username, clone.username):
        answer = stage.server.root.admin.command("usersInfo", name, codec_options=shown)
        custom = answer["users"][0]["customData"]
        assert custom.pop("aws-rotation")["base"] == base.username
        assert custom == dates


def test_a_user_that_says_it_was_closed_keeps_its_restrictions(stage: Stage) -> None:
    """What stands in a mark that a user can write lifts nothing."""
    here = [{"clientSource": ["127.0.0.1"]}]
    own = stage.role("changeOwnPassword", "changeOwnCustomData")
    base, admin, clone = prepared(stage, *ROLES, own, authenticationRestrictions=here)
    mark = {**stage.described(base.username)["customData"]["aws-rotation"], "closed": []}
    with stage.server.client(base.username, base.password.reveal()) as client:
        client.admin.command("updateUser", base.username, customData={"aws-rotation": mark})
    promote_base(stage, base, admin)
    stage.level(admin, pair_of(base.username, version="version-3"))
    for name in (base.username, clone.username):
        assert stage.described(name)["authenticationRestrictions"] == here


def test_a_mark_that_counts_to_the_end_of_numbers_is_none(stage: Stage) -> None:
    """A user can write it, and the next one would be no integer of the server's."""
    base, admin, _ = prepared(stage)
    mark = {**stage.described(base.username)["customData"]["aws-rotation"], "serial": Int64(2**63 - 1)}
    stage.server.run("updateUser", base.username, customData={"aws-rotation": mark})
    _, changes = promote_base(stage, base, admin)
    assert changes == [f"mark the user {base.username} as this secret's"]
    stage.server.run("updateUser", base.username, customData={"aws-rotation": {**mark, "serial": LAST_SERIAL}})
    stage.level(admin, pair_of(base.username, version="version-3"))
    with stage.login(admin) as session:
        assert session.ownership(pair_of(base.username)) is Ownership.OURS


@pytest.mark.parametrize("dropped", ["roles", "authenticationRestrictions"])
def test_what_the_server_drops_is_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch, dropped: str) -> None:
    """A clone that has more or less than its base does not become current."""
    base = stage.user(authenticationRestrictions=[{"clientSource": ["127.0.0.1"]}])
    with stage.login(stage.admin()) as session:
        connection = session._connection  # noqa: SLF001
        run = connection.run

        def dropping(command: str, *values: Any, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
            if command == "createUser":
                fields[dropped] = []
            return run(command, *values, **fields)

        monkeypatch.setattr(connection, "run", dropping)
        with pytest.raises(AccessMismatch, match="did not make"):
            session.level(pair_of(base.username), stage.password())


def test_a_server_that_keeps_no_mark_leaves_the_account_unmarked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields that it does not know are left out one by one, and the password and the roles are set all the same."""
    base, admin = stage.user(mechanisms=["SCRAM-SHA-1"]), stage.admin()
    pair = pair_of(base.username)
    with stage.login(admin) as session:
        connection = session._connection  # noqa: SLF001
        run = connection.run

        def poor(command: str, *values: Any, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
            unknown = {"customData", "mechanisms", "writeConcern", "showAuthenticationRestrictions"} & fields.keys()
            if unknown:
                fail_next(stage.server, command, errorCode=40415)
            answer = run(command, *values, **fields)
            for user in answer.get("users", ()):
                user.pop("mechanisms")
            return answer

        monkeypatch.setattr(connection, "run", poor)
        password = stage.password()
        session.level(pair, password)
        assert session.ownership(pair) is Ownership.UNMARKED
        assert session.prepared_version(pair) is None
        monkeypatch.setattr(connection, "run", run)
        fail_next(stage.server, "updateUser", errorCode=40415, times=9)
        with pytest.raises(StatementFailed):
            session.set_password(pair.clone, password)
        stage.server.run("configureFailPoint", "failCommand", mode="off")
    assert stage.roles(pair.clone) == ["readWrite@shop"]
    with stage.server.client(pair.clone, password.reveal()) as client:
        client.admin.command("ping")
