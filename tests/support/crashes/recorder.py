"""
Writing a Chronicle: an Engine and a SecretStore that tell what is asked of them, and a Sight of the memory stage.

Both stand at the ports, so any engine and any store can be behind them, in memory or real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from rotation.errors import AccountUnusable, AuthenticationFailed
from rotation.model import CLONE_SUFFIX, Password, Stage
from tests.support.crashes.invariants import Chronicle, Kind, Sight
from tests.support.crashes.proofs import Change, Login
from tests.support.memory.engine import ADMIN, HOST, PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType

    from rotation.model import Address, Credential, Deadline, Traits
    from rotation.ports import Engine, SecretStore, Session
    from tests.support.memory.stage import MemoryStage

CHANGES: Final = frozenset({"set_password", "retain_password", "replace_first", "disable_password", "discard_retained"})
"""What changes the user that is its first argument; ``level`` changes the idle user of a pair."""

LABELLINGS: Final = {"promote": Stage.CURRENT, "unstage": Stage.PENDING}


class WatchedEngine:
    """An Engine, and a note of each login and of each change."""

    def __init__(self, engine: Engine, chronicle: Chronicle) -> None:
        """Stand before an engine."""
        self._engine, self._chronicle = engine, chronicle
        self.traits: Traits = engine.traits

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> WatchedSession:
        """Log in, and note how it went."""
        user, place = credential.username, f"{address.host}:{address.port}"
        sent = Login(credential.password.reveal(), place, address.tls)
        self._chronicle.note(Kind.TRIED, user, place, encrypted=address.tls)
        self._chronicle.proofs.entries.append(sent)
        try:
            session = self._engine.connect(address, credential, deadline)
        except AuthenticationFailed:
            self._chronicle.note(Kind.REFUSED, user, place)
            raise
        except AccountUnusable as error:
            self._chronicle.note(_kind(error), user, place)
            if error.password_accepted:
                self._chronicle.proofs.entries.append(sent._replace(accepted=True))
            raise
        self._chronicle.note(Kind.ACCEPTED, user, place)
        self._chronicle.proofs.entries.append(sent._replace(accepted=True))
        return WatchedSession(session, self._chronicle, place)


class WatchedSession:
    """A Session, and a note of each change that is asked of it, before it is known whether it took effect."""

    def __init__(self, session: Session, chronicle: Chronicle, place: str) -> None:
        """Stand before a session of the server at that place."""
        self._session, self._chronicle, self._place = session, chronicle, place

    def __enter__(self) -> Self:
        self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever the session has
        asked = getattr(self._session, name)
        if name == "level":
            return self._level
        return self._noted(asked) if name in CHANGES else asked

    def _noted(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def noted(username: str, *arguments: Any) -> Any:  # noqa: ANN401 passed on
            self._chronicle.note(Kind.CHANGED, username)
            for argument in arguments:
                if isinstance(argument, Password):
                    self._set(argument)
            return change(username, *arguments)

        return noted

    def _level(self, pair: Any, password: Any, *, rehearse: bool = False) -> Any:  # noqa: ANN401 passed on
        if not rehearse:
            self._chronicle.note(Kind.CHANGED, pair.idle)
            self._set(password)
        return self._session.level(pair, password, rehearse=rehearse)

    def _set(self, password: Password) -> None:
        self._chronicle.proofs.entries.append(Change(password.reveal(), self._place))


class WatchedStore:
    """A SecretStore, and a note of each label of the service's that is moved or taken off."""

    def __init__(self, store: SecretStore, chronicle: Chronicle) -> None:
        """Stand before a store."""
        self._store, self._chronicle = store, chronicle

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever the store has
        if name in LABELLINGS:
            self._chronicle.note(Kind.LABELLED, LABELLINGS[name])
        return self._staging if name == "stage_pending" else getattr(self._store, name)

    def _staging(self, token: str, value: str) -> bool:
        """Note what createSecret makes before it is known whether it is kept: a lost answer does not unmake it."""
        self._chronicle.proofs.stored(value, made=True)
        return self._store.stage_pending(token, value)


def watched(stage: MemoryStage) -> Chronicle:
    """Put the watch before a memory stage's engine and store, for all its deliveries from now on."""
    chronicle = Chronicle(frozenset({"app", "app" + CLONE_SUFFIX}), ADMIN, f"{HOST}:{PORT}")
    chronicle.proofs.server = f"{HOST}:{PORT}"
    for value in stage.store.values.values():
        chronicle.proofs.stored(value)
    engine, deliver, put = WatchedEngine(stage.engine, chronicle), stage.delivery, stage.store.begin

    def delivery(token: str) -> Any:  # noqa: ANN401 a Delivery
        chronicle.note(Kind.BEGAN, token)
        made = deliver(token)
        made.engine = engine
        made.store = WatchedStore(made.store, chronicle)
        return made

    def begin(value: str) -> str:
        chronicle.proofs.stored(value)
        return put(value)

    stage.delivery = delivery  # type: ignore[method-assign]
    stage.store.begin = begin  # type: ignore[method-assign]
    return chronicle


def sight_of(stage: MemoryStage, *, known: Collection[str] = (), in_the_window: bool = False) -> Sight:
    """Look at a memory stage: labels, passwords, rights; ``known`` are passwords that strangers set and keep."""
    accounts, current = stage.server.accounts, stage.credential().username
    stored = stage.stored_passwords()
    base = accounts[current.removesuffix(CLONE_SUFFIX)].rights
    held = accounts[current].rights if current in accounts else base
    return Sight(
        current_logs_in=stage.current_logs_in(),
        in_the_window=in_the_window,
        lost=[user for user, it in accounts.items() if {it.password, it.second} - {None} - stored - {*known}],
        missing_rights=(base | stage.needed_rights) - held,
        extra_rights=held - base,
        written={"the function's log": "\n".join([*stage.notes.said, *stage.notes.warned])},
        passwords=stored,
    )


def _kind(error: AccountUnusable) -> Kind:
    if error.locked:
        return Kind.LOCKED
    return Kind.ACCEPTED if error.password_accepted else Kind.REFUSED
