"""Logins that find the writer: two servers in memory, of which one takes changes, and what may happen in between."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import pytest

from rotation.engines.aurora.following import Following
from rotation.engines.aurora.session import LAG, MOST_MOVES, FollowingSession
from rotation.engines.aurora.writers import PAUSE, Attempt
from rotation.errors import (
    AccessMismatch,
    AuthenticationFailed,
    GuardViolation,
    ReadOnlyServer,
    StatementFailed,
    StoreDenied,
    TlsFailed,
    Unreachable,
)
from rotation.model import Address, Credential, Deadline, Mark, Ownership, Pair, Password
from tests.support.memory.engine import ADMIN, HOST, Account, MemoryEngine, MemoryServer, MemorySession
from tests.support.memory.stage import Notes

if TYPE_CHECKING:
    from collections.abc import Callable

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
WRITER = Address("writer.example", 5432, "main")
READER = Address("reader.example", 5432, "main")
APP = Credential("app", Password("first-password"))
BOSS = Credential(ADMIN, Password("admin-password"))
NEW = Password("second-password")
PAIR = Pair(ARN, "app", "app_clone", "version-1")
CHANGES = {"rehearse_password", "set_password", "level", "disable_password", "retain_password", "discard_retained"}


class Member:
    """A session with one of the two."""

    def __init__(self, session: Any, cluster: Cluster, number: int) -> None:  # noqa: ANN401 passed on
        self._session, self._cluster, self._number = session, cluster, number

    def takes_changes(self) -> bool:
        return self._number == self._cluster.writer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *gone: object) -> None:
        self._session.end()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 passed on
        self._cluster.before(name)
        if name in CHANGES and not self.takes_changes():
            raise ReadOnlyServer("read-only", engine="memory", code="25006")
        return getattr(self._session, name)


@dataclass
class Cluster:
    """Two servers, the names that lead to them, and an engine and a control plane for both."""

    servers: list[MemoryServer]
    writer: int = 0
    names: dict[str, int] = field(default_factory=lambda: {WRITER.host: 0, READER.host: 1})
    asked: int = 0
    known: Address | Exception | None = WRITER
    before: Callable[[str], object] = lambda _: None
    unsafe: tuple[str, ...] = ()
    slept: list[float] = field(default_factory=list)
    doubted: list[float] = field(default_factory=list)
    asleep: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.traits = replace(MemoryEngine(self.servers[0]).traits, clustered=True)
        self.notes = Notes()
        self.engine = Following(self, self, self.notes)

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> Any:  # noqa: ANN401 the engine's
        if address.host in self.unsafe:
            raise TlsFailed("another name", engine="memory")
        number = self.names[address.host]
        session = MemoryEngine(self.servers[number]).connect(replace(address, host=HOST), credential, deadline)
        return Member(session, self, number)

    def forget(self, since: float) -> None:
        self.doubted.append(since)

    def writer_of(self, address: Address, _deadline: Deadline) -> Address | None:
        self.asked += 1
        if isinstance(self.known, Exception):
            raise self.known
        return self.known and replace(self.known, dialect=address.dialect)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep()

    def login(self, who: Credential = APP, where: Address = WRITER, seconds: float = 60) -> FollowingSession:
        return self.engine.connect(where, who, Deadline(seconds))


def accounts() -> dict[str, Account]:
    return {ADMIN: Account("admin-password", {"admin"}), "app": Account("first-password", {"read orders"})}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return a cluster whose servers share what they know, as Aurora's do."""
    shared = accounts()
    made = Cluster([MemoryServer(shared), MemoryServer(shared)])
    monkeypatch.setattr("time.sleep", made.sleep)
    return made


@pytest.fixture
def lagging(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return one whose reader knows nothing of the writer's changes yet."""
    made = Cluster([MemoryServer(accounts()), MemoryServer(accounts())])
    monkeypatch.setattr("time.sleep", made.sleep)
    return made


def catch_up(cluster: Cluster) -> None:
    cluster.servers[1].accounts = copy.deepcopy(cluster.servers[0].accounts)


# At the writer


def test_what_a_mark_proves_is_asked_at_the_writer(cluster: Cluster) -> None:
    """A reader's session moves first."""
    with cluster.login(BOSS, READER) as session:
        assert session.mark_is_proof("app") is True
        assert session.takes_changes()


def test_what_there_is_to_tell_is_asked_at_the_writer(cluster: Cluster) -> None:
    """The same."""
    with cluster.login(BOSS, READER) as session:
        assert list(session.cautions("app", PAIR)) == []
        assert session.takes_changes()


def test_at_the_writer_nobody_is_asked(cluster: Cluster) -> None:
    """The cluster's own endpoint leads to the writer: no call, no other login, no wait."""
    with cluster.login() as session:
        assert session.takes_changes()
        assert not session.lock("a lock")
        session.set_password("app", NEW)
    assert cluster.servers[0].accounts["app"].password == NEW.reveal()
    assert cluster.servers[0].accepted == ["app"]
    assert (cluster.asked, cluster.slept) == (0, [])


def test_every_call_reaches_the_writer(cluster: Cluster) -> None:
    """A session that stands at a reader does at the writer what has to do with changes."""
    with cluster.login(BOSS, READER) as session:
        assert not session.takes_changes()
        session.guard_target("app", allow_privileged=False)
        assert session.takes_changes()
        session.require_usable("app")
        assert session.mark_of("app") is None
        assert session.ownership(PAIR) is Ownership.ABSENT
        assert session.take_over(PAIR, "the ARN elsewhere") == []
        assert session.prepared_version(PAIR) is None
        session.rehearse_password("app", NEW)
        assert session.level(PAIR, NEW, rehearse=True)
        session.level(PAIR, NEW)
        assert session.prepared_version(PAIR) == PAIR.version
        assert session.retention_obstacle("app") is None
        assert session.retain_password("app", APP.password, NEW, Mark(ARN, "app", "v"), "v0")
        session.replace_first("app", NEW, Mark(ARN, "app", "v"))
        session.discard_retained("app")
        assert session.end_sessions("app") == 0
        session.disable_password("app_clone")
    assert cluster.servers[0].accepted == [ADMIN]
    assert cluster.asked == 1


def test_a_reader_that_tells_of_it_only_when_it_refuses(cluster: Cluster) -> None:
    """A server may become a reader at any time; the call is made again, and whole, at the new writer."""
    with cluster.login(BOSS) as session:
        session.lock("a lock")
        assert session.ownership(PAIR) is Ownership.ABSENT

        def fail_over(name: str) -> None:
            if name == "level":
                cluster.writer = cluster.names[WRITER.host] = 1
                cluster.before = lambda _: None

        cluster.before = fail_over
        session.level(PAIR, NEW)
        assert not cluster.servers[1].lock("a lock").acquire(blocking=False)
    assert cluster.servers[1].accepted == [ADMIN]
    assert "looking for the cluster's writer" in cluster.notes.said[0]


def test_a_lock_that_another_had_meanwhile(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever held the lock at the new writer may have changed what was decided upon: the step begins anew."""
    with cluster.login(BOSS) as session:
        session.lock("a lock")
        cluster.writer = cluster.names[WRITER.host] = 1
        monkeypatch.setattr(MemorySession, "lock", lambda *_: True)
        with pytest.raises(StatementFailed) as error:
            session.set_password("app", NEW)
    assert error.value.retryable
    assert cluster.servers[1].accounts["app"].password == APP.password.reveal()


def test_stale_names_are_waited_for(cluster: Cluster) -> None:
    """While the cluster's own name still leads to the old writer, it is tried again until it moves."""
    begun = time.monotonic()
    cluster.engine = Following(cluster, cluster, cluster.notes)
    cluster.names[WRITER.host] = 1
    turns = iter(range(3))

    def asleep() -> None:
        if next(turns) == 2:
            cluster.names[WRITER.host] = 0

    cluster.asleep = asleep
    with cluster.login() as session:
        session.set_password("app", NEW)
    assert cluster.slept == [PAUSE] * 3
    assert cluster.asked == 2
    assert begun <= cluster.doubted[0] <= time.monotonic()
    assert len(cluster.doubted) == 1


def test_the_user_changed_its_password_before_the_move(lagging: Cluster) -> None:
    """A new writer may not have heard of it: the old password is tried, too."""
    with lagging.login() as session:
        session.set_password("app", NEW)
        lagging.writer = lagging.names[WRITER.host] = 1
        session.set_password("app", NEW)
    assert lagging.servers[1].accounts["app"].password == NEW.reveal()
    assert lagging.servers[1].refused == ["app"]


def test_a_login_that_the_new_writer_does_not_know(lagging: Cluster) -> None:
    """Nothing else is tried."""
    with lagging.login(BOSS) as session:
        lagging.servers[1].accounts[ADMIN].password = "other-password"
        lagging.writer = lagging.names[WRITER.host] = 1
        with pytest.raises(AuthenticationFailed):
            session.set_password("app", NEW)
    assert lagging.servers[1].refused == [ADMIN]


# Where a change begins

READING = replace(READER, host="orders.cluster-ro-abc123.eu-west-1.rds.amazonaws.com")


@pytest.mark.parametrize(
    "host",
    [
        "orders.cluster-ro-abc123.eu-west-1.rds.amazonaws.com",
        "reports.cluster-custom-abc123.eu-west-1.rds.amazonaws.com",
        "orders-2.abc123.eu-west-1.rds.amazonaws.com",
        "Orders-2.ABC123.cn-north-1.RDS.amazonaws.com.cn.",
    ],
)
def test_a_change_at_what_may_be_a_reader_begins_at_the_writer(cluster: Cluster, host: str) -> None:
    """The control plane is asked before the login, which is then the only one; the proof comes at the reader next."""
    cluster.names[host] = 1
    place = cluster.engine.for_changes(replace(READER, host=host), Deadline(60))
    assert place.host == WRITER.host
    with cluster.login(where=place) as session:
        session.set_password("app", NEW)
    assert (cluster.servers[0].accepted, cluster.asked, cluster.slept) == (["app"], 1, [LAG[0]])


def test_a_change_at_the_writing_instance_is_proven_at_once(cluster: Cluster) -> None:
    """The cluster's endpoint is a CNAME of it: the proof comes at the very server that was changed."""
    instance = replace(WRITER, host="Orders-1.abc123.eu-west-1.rds.amazonaws.com")
    cluster.engine = Following(cluster, cluster, cluster.notes, lambda host, _: {host.lower(), "orders-1.real"})
    place = cluster.engine.for_changes(instance, Deadline(60))
    assert place.host == WRITER.host
    with cluster.login(where=place) as session:
        session.set_password("app", NEW)
    assert cluster.slept == []


@pytest.mark.parametrize(
    "host",
    [
        "orders.cluster-abc123.eu-west-1.rds.amazonaws.com",
        "orders.global-abc123.global.rds.amazonaws.com",
        "orders.example.com",
        "10.0.0.7",
        "",
    ],
)
def test_a_change_at_what_leads_to_the_writer_asks_nobody(cluster: Cluster, host: str) -> None:
    """Nor one at another name, of which a failing certificate or the server itself tells."""
    place = replace(WRITER, host=host)
    assert cluster.engine.for_changes(place, Deadline(60)) is place
    assert cluster.asked == 0


@pytest.mark.parametrize("known", [None, READING, StoreDenied("The function may not call rds:DescribeDBClusters")])
def test_a_change_goes_where_the_secret_says_if_nobody_knows_better(cluster: Cluster, known: Any) -> None:  # noqa: ANN401
    """Not the control plane, or there is no other place: one question, and no wait after the change."""
    cluster.known = known
    cluster.names[READING.host] = 0
    assert cluster.engine.for_changes(READING, Deadline(60)) == READING
    with cluster.login(where=READING) as session:
        session.set_password("app", NEW)
    assert (cluster.asked, cluster.slept) == (1, [])


# No writer


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, "ame the cluster's own endpoint"),
        (StoreDenied("The function may not call rds:DescribeDBClusters", remedy="Add it."), "rds:DescribeDBClusters"),
    ],
)
def test_a_reader_whose_writer_cannot_be_learnt(cluster: Cluster, known: Any, said: str) -> None:  # noqa: ANN401
    """The error names what is missing, and the same attempt may succeed later."""
    cluster.known = known
    with cluster.login(where=READER, seconds=2.5) as session, pytest.raises(ReadOnlyServer) as error:
        session.set_password("app", NEW)
    assert said in error.value.remedy
    assert error.value.retryable


def test_a_refusal_for_another_reason(cluster: Cluster) -> None:
    """A server that is the writer, and refuses all the same, is believed after a few times."""

    def refuse(name: str) -> None:
        if name == "set_password":
            raise ReadOnlyServer("an option forbids it", engine="memory", code="1290")

    cluster.before = refuse
    with cluster.login() as session, pytest.raises(ReadOnlyServer, match="an option"):
        session.set_password("app", NEW)
    assert len(cluster.servers[0].accepted) == MOST_MOVES + 1


def test_no_writer_in_this_region(cluster: Cluster) -> None:
    """What the control plane says of a global database ends the step."""
    cluster.known = GuardViolation("The writer is elsewhere")
    with cluster.login(where=READER) as session, pytest.raises(GuardViolation):
        session.set_password("app", NEW)


def test_a_cluster_by_its_identifier(cluster: Cluster) -> None:
    """A secret without a host is about the writer of the cluster that it names."""
    with cluster.login(where=replace(WRITER, host="", cluster="orders")) as session:
        session.set_password("app", NEW)
    assert cluster.asked == 1


def test_another_name_that_is_in_no_certificate(cluster: Cluster) -> None:
    """A CNAME fails with TLS: the writer's own name is taken, where the control plane knows it."""
    cluster.names["alias.example"] = 0
    cluster.unsafe = ("alias.example",)
    with cluster.login(where=replace(WRITER, host="alias.example")) as session:
        session.set_password("app", NEW)
    cluster.unsafe = (WRITER.host,)
    with pytest.raises(TlsFailed):
        cluster.login()


# Proofs


def test_a_proof_at_a_reader_waits_for_replication(lagging: Cluster) -> None:
    """What the writer accepts, the reader is given time to learn."""
    lagging.servers[0].accounts["app"].password = NEW.reveal()
    lagging.asleep = lambda: catch_up(lagging)
    with lagging.login(Credential("app", NEW), READER) as session:
        assert not session.takes_changes()
    assert lagging.slept == [LAG[1]]


def test_a_reader_that_never_catches_up(lagging: Cluster) -> None:
    """The refusal stands, with the number of logins that it took."""
    lagging.servers[0].accounts["app"].password = NEW.reveal()
    with pytest.raises(AuthenticationFailed) as error:
        lagging.login(Credential("app", NEW), READER)
    assert error.value.logins == len(lagging.servers[1].refused) == 3


def test_a_password_that_the_writer_refuses_too(cluster: Cluster) -> None:
    """Nobody is waited for."""
    with pytest.raises(AuthenticationFailed) as error:
        cluster.login(Credential("app", NEW), READER)
    assert error.value.logins == 2
    assert cluster.slept == []


def test_a_wrong_password_at_the_writer(cluster: Cluster) -> None:
    """It is refused once, and at once."""
    with pytest.raises(AuthenticationFailed) as error:
        cluster.login(Credential("app", NEW))
    assert error.value.logins == 1
    assert (cluster.servers[0].refused, cluster.slept) == (["app"], [])


def test_a_wrong_password_at_another_name_of_the_writer(cluster: Cluster) -> None:
    """A global endpoint leads to it: what it refused is not tried there again."""
    cluster.engine = Following(cluster, cluster, cluster.notes, lambda host, _: {host, "orders-1.real"})
    elsewhere = replace(WRITER, host="orders.global-abc123.global.rds.amazonaws.com")
    cluster.names[elsewhere.host] = 0
    with pytest.raises(AuthenticationFailed) as error:
        cluster.login(Credential("app", NEW), elsewhere)
    assert error.value.logins == 1
    assert (cluster.servers[0].refused, cluster.slept) == (["app"], [])


def test_access_at_a_reader_waits_for_replication(lagging: Cluster) -> None:
    """The idle user is prepared at the writer; the reader may see it later."""
    with lagging.login(BOSS) as session:
        session.level(PAIR, NEW)
    lagging.servers[1].accounts["app_clone"] = Account(NEW.reveal())
    lagging.asleep = lambda: catch_up(lagging)
    with lagging.login(Credential("app_clone", NEW), READER) as session:
        session.check_access(PAIR)
    assert lagging.slept == [LAG[0]]


@pytest.mark.parametrize(("where", "pauses"), [(READER, list(LAG)), (WRITER, [])])
def test_access_that_is_not_there(cluster: Cluster, where: Address, pauses: list[float]) -> None:
    """At the writer it is told at once, at a reader when time is up."""
    cluster.servers[0].accounts["app_clone"] = Account(NEW.reveal())
    with cluster.login(Credential("app_clone", NEW), where) as session, pytest.raises(AccessMismatch):
        session.check_access(PAIR)
    assert cluster.slept == pauses


def test_a_change_is_given_a_moment_before_it_is_proven_at_a_reader(cluster: Cluster) -> None:
    """Where the session began at a reader, the proof comes there next."""
    with cluster.login(where=READER) as session:
        session.set_password("app", NEW)
    assert cluster.slept == [LAG[0]]


def test_a_refused_swap_is_no_change(cluster: Cluster) -> None:
    """The session goes on with the password that it has."""
    cluster.servers[0].accounts["app"].second, cluster.servers[0].accounts["app"].password = (
        "first-password",
        "abandoned",
    )
    with cluster.login() as session:
        assert not session.retain_password("app", APP.password, NEW, Mark(ARN, "app", "v"), "v0")


# Servers that sleep


def test_a_silent_server_is_waited_for(cluster: Cluster) -> None:
    """A paused server is tried again, and told of once; the session then has all the time that is left."""
    cluster.servers[0].reachable = False
    turns = iter(range(3))

    def asleep() -> None:
        cluster.servers[0].reachable = next(turns) == 2

    cluster.asleep = asleep
    with cluster.login():
        assert cluster.slept == [PAUSE] * 3
    assert [note for note in cluster.notes.said if "Waiting for writer.example:5432/main" in note] == cluster.notes.said
    assert len(cluster.notes.said) == 1


@pytest.mark.parametrize("retryable", [True, False])
def test_a_server_that_never_wakes(cluster: Cluster, retryable: bool) -> None:  # noqa: FBT001 a case
    """The step ends within its deadline; what no wait can change ends it at once."""

    def refuse(_name: str, _phase: str) -> None:
        raise Unreachable("gone", engine="memory", retryable=retryable)

    cluster.servers[0].effect = refuse
    with pytest.raises(Unreachable):
        cluster.login(seconds=2.9 if retryable else 60)
    assert cluster.slept == []


def test_the_sessions_deadline_is_not_that_of_one_attempt() -> None:
    """A session may use what is left of the invocation."""
    attempt = Attempt(1.0)
    attempt.extend_to(Deadline(100))
    assert attempt.remaining() > 99
