"""
What the secret's own server accepted, and what was sent and set: the facts behind the tenth invariant.

A value counts as proven once the server has let somebody in with its password. What createSecret makes of a value is
as good as that value, and no better.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Route(NamedTuple):
    """Where a value sends passwords (the function, and clients), how, and by what rules they are made."""

    place: str
    clients: str
    encrypted: bool
    rules: str

    def carries(self, other: Route) -> bool:
        """Return whether what was proven of this one holds for the other: all alike, and TLS no weaker."""
        return self._replace(encrypted=True) == other._replace(encrypted=True) and self.encrypted <= other.encrypted


class Value(NamedTuple):
    """A version's value, and whether createSecret made it."""

    password: str
    route: Route
    made: bool


class Login(NamedTuple):
    """A login that was tried, or that was accepted."""

    password: str
    place: str
    encrypted: bool
    accepted: bool = False


class Change(NamedTuple):
    """A password that was asked for."""

    password: str
    place: str


@dataclass
class Proofs:
    """All of it in the order in which it happened; nothing is looked at as long as the server is not named."""

    server: str = ""
    entries: list[Value | Login | Change] = field(default_factory=list)

    def stored(self, text: str, *, made: bool = False) -> None:
        """Note a value, if it is one of a database."""
        try:
            value = _value(json.loads(text), made=made)
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        self.entries.append(value)

    def broken(self, *, by_admin: bool = False) -> Iterator[str]:
        """Say where a value that the server never accepted decided something; never show a password."""
        if self.server:
            yield from self._wrongly_set(by_admin=by_admin)
            yield from self._wrongly_sent()

    def _wrongly_set(self, *, by_admin: bool) -> Iterator[str]:
        """Go through the changes in order; in a repair ``by_admin`` the admin's own route counts as proven."""
        accepted: set[str] = set()
        values: list[Value] = []
        for entry in self.entries:
            if isinstance(entry, Value):
                values.append(entry)
            elif entry.place != self.server:
                continue
            elif isinstance(entry, Login):
                accepted |= {entry.password} if entry.accepted else set()
            elif entry.password not in accepted:
                routes = [it.route for it in values if it.password in accepted and not it.made]
                routes += [Route(self.server, self.server, True, "{}")] if by_admin else []  # noqa: FBT003 encrypted
                made = [it.route for it in values if it.made and it.password == entry.password]
                if not made:
                    yield "a password was set that was neither accepted before nor made by createSecret"
                elif not any(known.carries(route) for known in routes for route in made):
                    yield f"the password that was set is of no proven value's making: {made[-1]}"

    def _wrongly_sent(self) -> Iterator[str]:
        """Look for live passwords that were sent to another place than the server, or without TLS."""
        logins = [entry for entry in self.entries if isinstance(entry, Login)]
        accepted = {it.password for it in logins if it.accepted and it.place == self.server}
        live = accepted | {it.password for it in self.entries if isinstance(it, Change) and it.place == self.server}
        values = [entry for entry in self.entries if isinstance(entry, Value) and not entry.made]
        for login in logins:
            if login.password in live and (login.place != self.server or not login.encrypted):
                may = [it.route for it in values if it.password in {login.password, *accepted}]
                if not any(it.place == login.place and it.encrypted <= login.encrypted for it in may):
                    yield f"a live password was sent to {login.place}, {'with' if login.encrypted else 'without'} TLS"


def _value(document: dict[str, object], *, made: bool) -> Value:
    own = document.get("rotation") or {}
    settings: dict[str, object] = json.loads(own) if isinstance(own, str) else dict(own)  # type: ignore[call-overload]
    host, port = document["host"], document.get("port") or 5432
    rules = {key: settings[key] for key in sorted(settings) if key.startswith(("password", "exclude", "require"))}
    place = f"{settings.get('host') or host}:{settings.get('port') or port}"
    route = Route(place, f"{host}:{port}", document.get("ssl") not in {False, "false"}, json.dumps(rules))
    return Value(str(document["password"]), route, made)
