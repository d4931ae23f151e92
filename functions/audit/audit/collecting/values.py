"""
What a value shows that a rule needs, where the settings ask for it: nothing of the value itself is kept.

A version's value never changes, so that each is read once. What a rule must compare is kept as a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, MISSING, Sight, reason
from audit.model import CURRENT, LIVE, Held, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.calls import Budget
    from audit.memory import Memory
    from audit.model import Secret
    from audit.settings import Settings

KINDS: Final = LIVE - {Kind.SERVICE, Kind.EXTERNAL}
"""Of others a service or a partner keeps the value."""
CLONE: Final = "_clone"
_QUIET: Final = ("botocore", "urllib3")
_KEYS: Final = ("engine", "username", "password")
_FEW: Final = 8
"""Different characters that a password has at least."""
_SHORT_NAME: Final = 3
_SECRET: Final = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+")
_ONE_USER: Final = frozenset({"single-user", "retained-password"})
"""What `rotation.strategy` says where an admin only changes the password of one user (docs/strategies.md)."""
_PORTS: Final = {"postgres": "5432", "mysql": "3306", "mariadb": "3306", "redshift": "5439", "mongo": "27017"}
_SETTLED: Final = timedelta(days=30)
"""After the audit's own read: by then a client that is in use has read again."""


class Values:
    """The values of one Region, where the settings ask for them."""

    def __init__(self, client: Any, sight: Sight, memory: Memory, settings: Settings, now: datetime) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Read by this client, and note there what cannot be read."""
        self._client, self._sight, self._memory = client, sight, memory
        self._settings, self._now = settings, now
        if settings.read_values:
            # At the level DEBUG, which is a click in Lambda's settings, the SDK writes answers down.
            for name in _QUIET:
                logging.getLogger(name).setLevel(logging.WARNING)

    def with_held(self, secret: Secret, budget: Budget) -> Secret:
        """Add what AWSCURRENT shows, read once for each version; and when others read the secret last."""
        version = next((version for version, its in secret.stages.items() if CURRENT in its), None)
        if not self._settings.read_values or secret.kind not in KINDS or version is None:
            return secret
        stamp = f"{version} {self._settings.password_length}"
        known = self._memory.recall(secret.arn, "value", stamp)
        if known is None:
            if not budget.take():
                self._sight.lost("values", "no time left", "some secrets", "nothing: the next run goes on")
                return secret
            known = self._read(secret, version)
            if known is None:
                return secret
            self._memory.remember(secret.arn, "value", stamp, known)
            before = secret.accessed.isoformat() if secret.accessed else ""
            self._memory.remember(secret.arn, "own read", "", {"on": self._now.isoformat(), "before": before})
        lists = {name: tuple(known[name]) for name in ("missing", "logins")}
        return replace(secret, held=Held(**{**known, **lists}), accessed=self._read_by_others(secret))

    def _read(self, secret: Secret, version: str) -> dict[str, Any] | None:
        try:
            answer = self._client.get_secret_value(SecretId=secret.arn, VersionId=version)
        except FAILURES as error:
            if reason(error) not in MISSING:
                self._sight.failed("values", error, secret.name)
            return None
        return asdict(held_in(answer.get("SecretString"), self._settings.password_length, self._key()))

    def _key(self) -> bytes:
        """Return the key of the hashes: of this memory, or of all parts of an audit. They say nothing elsewhere."""
        key = self._memory.noted("key") or secrets.token_hex(32)
        self._memory.note("key", key)
        return bytes.fromhex(key)

    def _read_by_others(self, secret: Secret) -> datetime | None:
        """Return the last read: the one before the audit's own, where clients had time to read again and did not."""
        own = self._memory.recall(secret.arn, "own read", "")
        if own is None or secret.accessed is None:
            return secret.accessed
        on = datetime.fromisoformat(own["on"])
        if secret.accessed.date() != on.date() or self._now - on < _SETTLED:
            return secret.accessed
        return datetime.fromisoformat(own["before"]) if own["before"] else None


def held_in(value: str | None, least: int, key: bytes) -> Held:
    """Return what a value shows; a password of fewer characters than these is weak."""
    fields = _object(value)
    if fields is None:
        return Held(json=False)
    missing = [name for name in _KEYS if not isinstance(fields.get(name), str)]
    missing += [] if _server(fields) else ["host"]
    user, admin = str(fields.get("username", "")), str(fields.get("masterarn", ""))
    settings = _object(fields.get("rotation")) or {}
    paired = bool(_SECRET.fullmatch(admin)) and settings.get("strategy") not in _ONE_USER
    base = _base(fields, settings, user)
    return Held(
        missing=tuple(missing),
        weak=weakness(fields.get("password"), user, least),
        logins=tuple(_hashed(key, it) for it in _logins(fields, {base, base + CLONE} if paired else {user})),
        admin=admin if paired else "",
        turn=("clone" if user == base + CLONE else "base") if paired else "",
    )


def _object(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 what JSON holds
    """Read an object, which may stand in a text; what is null or empty is as good as absent."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return {name: it for name, it in value.items() if it is not None and it != ""} if isinstance(value, dict) else None


def weakness(password: Any, user: str, least: int) -> str:  # noqa: ANN401 what JSON holds
    """Say what is weak about a password; nothing where there is none."""
    if not isinstance(password, str):
        return ""
    faults = {
        f"it is shorter than {least} characters": len(password) < least,
        "it has few different characters": len(set(password)) < _FEW,
        "it holds the name of its user": len(user) > _SHORT_NAME and user.lower() in password.lower(),
    }
    return ", ".join(fault for fault, there in faults.items() if there)


def _server(fields: dict[str, Any]) -> str:
    """Return where the database is; the reader endpoint of an Aurora cluster is that of the same users."""
    own = _object(fields.get("rotation")) or {}
    host = str(own.get("host") or fields.get("host") or "").lower().rstrip(".").replace(".cluster-ro-", ".cluster-")
    return host or str(fields.get("dbClusterIdentifier") or "")


def _logins(fields: dict[str, Any], users: set[str]) -> Iterator[str]:
    """Yield server and user of each login; without a user or a server there is none."""
    engine, server = str(fields.get("engine", "")), _server(fields)
    usual = next((port for name, port in _PORTS.items() if name in engine), "")
    own = _object(fields.get("rotation")) or {}
    port = str(own.get("port") or fields.get("port") or usual)
    if server:
        yield from (f"{server} {port} {user}" for user in sorted(filter(None, users)))


def _base(fields: dict[str, Any], settings: dict[str, Any], user: str) -> str:
    """Return a pair's first user: as recorded by this suite's function, else by its name as AWS's functions tell it."""
    recorded = (_object(fields.get("rotationRecord")) or settings).get("base")
    return str(recorded) if recorded else user.removesuffix(CLONE)


def _hashed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]
