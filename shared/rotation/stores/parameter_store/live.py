"""The live parameter: read with care for what a read may not show yet, and written once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rotation.errors import StoreError, StoreUnavailable, VersionNotFound
from rotation.stores.parameter_store.parameters import Unanswered, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.ports import Observer
    from rotation.stores.parameter_store.journal import Live
    from rotation.stores.parameter_store.parameters import Parameters, Version

TRIES: Final = 5
PAUSE: Final = 0.3
"""Seconds between two reads of what is known to be there (reads are eventually consistent)."""

_VERSIONS: Final = 100


class LiveParameter:
    """What readers read. It knows what this process wrote, whatever a stale read shows."""

    def __init__(self, parameters: Parameters, name: str, observer: Observer, sleep: Callable[[float], None]) -> None:
        """Know its name, and who is told of what a person should look at."""
        self._parameters = parameters
        self._name = name
        self._observer = observer
        self._sleep = sleep
        self._values: dict[tuple[int, int, int], str] = {}
        self._history: dict[tuple[int, int], list[Version]] = {}
        self._replaced: Live | None = None

    def read(self) -> Live:
        """Read the newest version; one that is older than what is known to be there is read again."""
        old = self._replaced
        for _ in range(TRIES):
            live = self._parameters.live(self._name)
            if old is None or live.number > old.number or live.stamp > old.stamp:
                return live
            self._sleep(PAUSE)
        raise StoreUnavailable(
            f"The parameter still shows version {live.number}, and a newer one was written or may have been",
            where=self._name,
            remedy="Retry later.",
        )

    def numbered(self, live: Live, number: int) -> str:
        """Read a version by its number, once: it never changes while the parameter is not made anew."""
        key = (live.stamp, live.number, number)
        if key not in self._values:
            self._values[key] = self._parameters.value(f"{self._name}:{number}")[2]
        return self._values[key]

    def settings(self, live: Live) -> Version:
        """Read what the next put must send again, and see that there is room for it."""
        key = (live.stamp, live.number)
        if key not in self._history:
            self._history[key] = self._parameters.history(self._name)
        history = self._history[key]
        if len(history) >= _VERSIONS and history[0].labels:
            raise StoreError(
                f"The parameter has 100 versions, and the oldest, {history[0].number}, bears a label: it takes no more",
                where=self._name,
                remedy="Move its labels to a newer version, or take them off.",
            )
        return settings_of(history, live, self._name)

    def publish(self, live: Live, value: str) -> None:
        """
        Put the value in the place of that version, in one try. Raises Busy where nothing was written.

        Raises StoreUnavailable where it is not known whether the value was written. It may still be; until a newer
        version shows, every read says so too, so that nobody takes the old one for the last word.
        """
        settings = self.settings(live)
        try:
            number = self._parameters.overwrite(self._name, value, settings.settings)
        except Unanswered:
            self._replaced = live
            number = self._shown(value)
        self._replaced = live
        if number != live.number + 1:
            self._tell(live, value, number)
        if settings.labels:
            self._observer.warn(
                "The version before bears labels, which did not move; clients that read by label have its value",
                parameter=self._name,
                labels=", ".join(settings.labels),
            )

    def _shown(self, value: str) -> int:
        shown = self.read()
        if shown.value == value:
            return shown.number
        raise StoreUnavailable(
            "PutParameter got no answer, and somebody else's value is newest now; ours may still come",
            where=self._name,
            remedy="Look who wrote the parameter. The next run goes on from what is newest then.",
        )

    def written(self, name: str, missing: str | None = None) -> str:
        """Read what is known to be there; a read may not show it yet."""
        for _ in range(TRIES):
            with suppress(VersionNotFound):
                return self._parameters.value(name)[2]
            self._sleep(PAUSE)
        if missing is not None:
            return missing
        raise StoreUnavailable("What was written is not shown yet", where=name, remedy="Retry later.")

    def _tell(self, live: Live, value: str, number: int) -> None:
        """Warn of whoever wrote between our read and our put; a twin wrote the same and is none."""
        between = range(live.number + 1, number)
        foreign = [it for it in between if self.written(f"{self._name}:{it}", missing="") != value]
        if not foreign and number > live.number:
            return
        by: list[str] = []
        with suppress(StoreError):
            by = [it.by for it in self._parameters.history(self._name) if it.number in foreign]
        self._observer.warn(
            "Somebody wrote the parameter, or deleted it, in the instant before the new value was published; the new "
            "value was proven and stays. If theirs was meant to stay, put it again: it can be read by its number",
            parameter=self._name,
            versions=", ".join(map(str, foreign)),
            by=", ".join(by),
        )
