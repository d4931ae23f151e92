"""The live parameter: read with care for what a read may not show yet, and written once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rotation.errors import InvalidSettings, StoreError, StoreUnavailable, VersionNotFound
from rotation.stores.parameter_store import layouts, refusals
from rotation.stores.parameter_store.parameters import VERSIONS, Busy, Unanswered, settings_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rotation.ports import Observer
    from rotation.stores.parameter_store.journal import Live
    from rotation.stores.parameter_store.layouts import Layout
    from rotation.stores.parameter_store.parameters import Parameters, Version
    from rotation.stores.parameter_store.tries import Tries


@dataclass(frozen=True, slots=True)
class Publishing:
    """What is done besides, when a new value becomes the newest version."""

    restore_foreign: bool = False
    """Whether a value that somebody wrote in that instant is put back, at the cost of the rotation."""
    follow_labels: frozenset[str] = frozenset()
    """Labels that move to each new version, for readers that ask by label."""


class LiveParameter:
    """What readers read. It knows what this process wrote, whatever a stale read shows."""

    def __init__(
        self, parameters: Parameters, name: str, observer: Observer, tries: Tries, publishing: Publishing
    ) -> None:
        """Know its name, and who is told of what a person should look at."""
        self._parameters = parameters
        self._name = name
        self._observer = observer
        self._tries = tries
        self._publishing = publishing
        self._values: dict[tuple[int, int, int], str] = {}
        self._history: dict[tuple[int, int], list[Version]] = {}
        self._replaced: Live | None = None

    def read(self) -> Live:
        """Read the newest version; one that is older than what is known to be there is read again."""
        old, seen = self._replaced, 0
        for _ in self._tries:
            live = self._parameters.live(self._name)
            if old is None or live.number > old.number or live.stamp > old.stamp:
                return live
            seen = live.number
        raise StoreUnavailable(
            f"The parameter still shows version {seen}, and a newer one was written or may have been",
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
        history = self._versions(live)
        if len(history) >= VERSIONS and history[0].labels:
            raise StoreError(
                f"The parameter has 100 versions, and the oldest, {history[0].number}, bears a label: it takes no more",
                where=self._name,
                remedy="Move its labels to a newer version, or take them off.",
            )
        return settings_of(history, live, self._name)

    def by_the_same(self, live: Live, number: int | None) -> bool:
        """Return whether whoever wrote that version wrote the newest one, too, and no person put its value back."""
        if number is None:
            return False
        by = {it.number: it.by for it in self._versions(live)}
        return live.number in by and by[live.number] == by.get(number)

    def layout(self, live: Live, number: int) -> Layout:
        """Tell how the credential is laid out in a version, whose value that is."""
        return layouts.layout_of(self._name, live, lambda: self._described(live, number))

    def document(self, live: Live, number: int) -> str:
        """Return the document of an older version; of a tree with what stands beside its password now."""
        older = replace(live, value=self.numbered(live, number))
        return self.layout(older, number).document(older.value)

    def judged(self, live: Live, published: str, value: str, probe: str) -> Mapping[str, str]:
        """
        Return those settings of the parameter that an entry with the value is to have.

        A pattern is for what the parameter will hold. Where the entry holds something else, it is tried apart.
        """
        settings = self.settings(live).settings
        if published == value or "AllowedPattern" not in settings:
            return settings
        self.try_value(published, settings, probe)
        return {key: it for key, it in settings.items() if key != "AllowedPattern"}

    def try_value(self, value: str, settings: Mapping[str, str], probe: str) -> None:
        """Let the service judge a value under a name in the journal; nothing of it stays."""
        self._parameters.create(probe, value, settings)
        self._parameters.delete([probe])

    def publish(self, live: Live, value: str) -> None:
        """
        Put the value in the place of that version, in one try. Raises Busy where nothing was written.

        Raises StoreUnavailable where it is not known whether the value was written. It may still be; until a newer
        version shows, every read says so too, so that nobody takes the old one for the last word. Raises StoreError
        where somebody's value was newest in between, and was put back.
        """
        settings = self.settings(live)
        try:
            number = self._parameters.overwrite(self._name, value, settings.settings)
        except Unanswered:
            self._replaced = live
            number = self._shown(value)
        self._replaced = live
        if number != live.number + 1:
            self._see_who_came_between(live, value, number, settings.settings)
        self._warn_of_labels([label for label in settings.labels if label not in self._publishing.follow_labels])
        self.let_labels_follow(live, number)

    def let_labels_follow(self, live: Live, number: int) -> None:
        """Move the labels that are to follow from older versions to that one; where that fails it is told."""
        followed = self._publishing.follow_labels
        behind = [label for it in self._versions(live) if it.number < number for label in followed & {*it.labels}]
        left: Collection[str] = behind
        if behind:
            with suppress(StoreError):
                left = self._parameters.label(self._name, number, sorted(behind))
        self._warn_of_labels(sorted(left))

    def written(self, name: str, missing: str | None = None) -> str:
        """Read what is known to be there; a read may not show it yet."""
        for _ in self._tries:
            with suppress(VersionNotFound):
                return self._parameters.value(name)[2]
        if missing is not None:
            return missing
        raise StoreUnavailable("What was written is not shown yet", where=name, remedy="Retry later.")

    def _versions(self, live: Live) -> list[Version]:
        key = (live.stamp, live.number)
        if key not in self._history:
            self._history[key] = self._parameters.history(self._name)
        return self._history[key]

    def _described(self, live: Live, number: int) -> str:
        """
        Return a version's description; empty where it has none, or is not kept any more.

        Raises InvalidSettings where an older one says as JSON how to rotate, and this one says nothing: who overwrites
        a value and leaves the description out may lose it.
        """
        settings_of(self._versions(live), live, self._name)  # what does not show the newest one yet is no history
        said = {it.number: it.settings.get("Description", "") for it in self._versions(live) if it.number <= number}
        own = said.pop(number, "")
        lost = [older for older, text in said.items() if layouts.is_object(text)]
        if lost and not layouts.is_object(own):
            raise InvalidSettings(
                "The parameter's description says nothing as JSON any more, and that of an older version did",
                where=f"{self._name}, versions {lost[-1]} and {number}",
                remedy="Look at both with aws ssm get-parameter-history. Put the value again with that description, or "
                "with {} if it is meant to say nothing.",
            )
        return own

    def _shown(self, value: str) -> int:
        shown = self.read()
        if shown.value == value:
            return shown.number
        raise StoreUnavailable(
            "PutParameter got no answer, and somebody else's value is newest now; ours may still come",
            where=self._name,
            remedy="Look who wrote the parameter. The next run goes on from what is newest then.",
        )

    def _see_who_came_between(self, live: Live, value: str, number: int, settings: Mapping[str, str]) -> None:
        """
        Warn of whoever wrote between our read and our put, or put theirs back; a twin wrote the same and is none.

        Where the twin's was newest before theirs, theirs was made from it, and this run was frozen: it came too late.
        """
        between = {it: self.written(f"{self._name}:{it}", missing="") for it in range(live.number + 1, number)}
        foreign = {it: theirs for it, theirs in between.items() if theirs != value}
        if not foreign and number > live.number:
            return
        late = any(it < max(foreign, default=0) for it in between.keys() - foreign)
        if late or (foreign and self._publishing.restore_foreign):
            self._restore(
                number, foreign[max(foreign)], settings, (refusals.too_late if late else refusals.put_back)(self._name)
            )
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

    def _restore(self, number: int, theirs: str, settings: Mapping[str, str], told: StoreError) -> None:
        """Put their value back, if it is known, over ours if that is the newest still. Raises what is told then."""
        ours = next((it for _ in self._tries if (it := self._parameters.live(self._name)).number >= number), None)
        if not theirs or ours is None or ours.number > number:
            return
        try:
            self._parameters.overwrite(self._name, theirs, settings)
        except Busy:  # they write on
            return
        except Unanswered:
            self._replaced = ours
            self._shown(theirs)
        self._replaced = ours
        raise told

    def _warn_of_labels(self, labels: Collection[str]) -> None:
        if labels:
            self._observer.warn(
                "The version before bears labels, which did not move; clients that read by label have its value",
                parameter=self._name,
                labels=", ".join(labels),
            )
