"""
Parameters that follow a secret: written after AWSCURRENT has moved, and looked at before it may move again.

Parameter Store has no conditional overwrite. So whoever wrote looks at AWSCURRENT again, and writes again where it has
moved meanwhile: the last writer always looks after its write, so that all end equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.errors import (
    InvalidSecret,
    InvalidSettings,
    RotationError,
    RotationRefused,
    StoreError,
    StoreUnavailable,
    VersionNotFound,
)
from rotation.model import Stage, StrategyName
from rotation.strategies.choice import name_for
from rotation.strategies.pending_version import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rotation.delivery import Delivery
    from rotation.model import Secret, StoredVersion
    from rotation.ports import Mirrors

TIME_NEEDED: Final = 25.0
"""Seconds that must be left for a mirror, so that the invocation does not end while it is written."""

FORBIDDEN: Final = "{"
"""Two in a row make a reference to another parameter, and Parameter Store takes no such value (user guide)."""

_WRITES: Final = 3


def follow(delivery: Delivery) -> None:
    """
    Let each mirror follow the version that has become AWSCURRENT. It raises nothing: the rotation is done.

    What is behind is counted, and written before the next version is made.
    """
    if delivery.mirrors is None:
        return
    try:
        _follow_and_tell(delivery, delivery.staged or delivery.store.read(version=delivery.token))
    except RotationError as error:
        delivery.observer.warn("Whether the mirrors follow could not be seen", reason=type(error).__name__)


def let_follow(delivery: Delivery) -> None:
    """Let each mirror hold AWSCURRENT before an operator ends AWSPREVIOUS's password; tell what cannot be written."""
    _follow_and_tell(delivery, delivery.stored_current)


def require_in_step_or_begun(delivery: Delivery) -> None:
    """
    See that each mirror holds AWSCURRENT before a version is made: its readers may use a password that ends then.

    A token that has a value goes on: it may be one that the server accepts by now, with AWSCURRENT refused. Raises
    InvalidSettings, or RotationRefused, which is retryable.
    """
    if not _lag(delivery):
        return
    try:
        delivery.store.read(Stage.PENDING, delivery.token)
    except VersionNotFound:
        _write_and_refuse(delivery)


def require_in_step(delivery: Delivery, proven: Secret) -> None:
    """
    See the same right before a password ends: somebody may have put another value there, or broken it, meanwhile.

    Raises RotationRefused, retryable. Where AWSCURRENT is not what the server accepts, its readers are rejected
    already, and the rotation helps them.
    """
    if proven is delivery.current and _lag(delivery):
        _write_and_refuse(delivery)


def require_in_step_alone(delivery: Delivery, proven: Secret) -> None:
    """See the same before the only password changes, and that each may be written: its readers wait for that write."""
    require_in_step(delivery, proven)
    if proven is delivery.current:
        for mirrors, name in _allowed(delivery, proven):
            mirrors.check(name, proven.arn)


def rejected_readers(current: Secret) -> Sequence[str]:
    """Say what a change of the only password does to readers of mirrors; a dry run asks."""
    return [
        f"reject clients that read {name} from the change until it is written, after AWSCURRENT has moved"
        for name in current.overrides.mirror
    ]


def synchronise(delivery: Delivery) -> None:
    """Let each mirror hold AWSCURRENT, for an operator. Raises RotationRefused where one does not in the end."""
    current = delivery.current
    _require_allowed(delivery, current)
    if not current.overrides.mirror:
        delivery.observer.note("Nothing to do: the secret names no mirror")
        return
    for name, error in _follow(delivery, delivery.stored_current).items():
        delivery.observer.measure("MirrorBehind", 1, "Count")
        raise _behind(name, error)
    delivery.observer.note("Each mirror holds AWSCURRENT", mirrors=len(current.overrides.mirror))


def rehearse(delivery: Delivery, current: Secret) -> None:
    """Say of each mirror whether it holds AWSCURRENT. Raises what would refuse a rotation."""
    for mirrors, name in _allowed(delivery, current):
        mirrors.check(name, current.arn)
        follows = _differing(mirrors, name, delivery.stored_current, current) is None
        delivery.observer.note("Dry run: looked at a mirror", parameter=name, follows=follows)


def _lag(delivery: Delivery) -> bool:
    """Return whether a mirror does not hold AWSCURRENT, or cannot be read. Raises InvalidSettings."""
    current = delivery.current
    try:
        differing = [
            _differing(mirrors, name, delivery.stored_current, current) for mirrors, name in _allowed(delivery, current)
        ]
    except (InvalidSecret, StoreError):
        return True
    return differing != [None] * len(differing)


def _write_and_refuse(delivery: Delivery) -> None:
    """
    Write what is behind, and refuse this once, where a password would end that readers may have cached until now.

    One password has ended already.
    """
    current = delivery.current
    for name, error in _follow(delivery, delivery.stored_current).items():
        raise _behind(name, error)
    if name_for(current, delivery.settings) is not StrategyName.SINGLE_USER:
        raise RotationRefused(
            "A mirror held another value than AWSCURRENT until now, which readers that cache may have still",
            where=current.arn,
            remedy="It was written, and nothing else was changed. The service's retry goes on.",
            retryable=True,
        )


def _follow_and_tell(delivery: Delivery, version: StoredVersion) -> None:
    for name, obstacle in _follow(delivery, version).items():
        delivery.observer.measure("MirrorBehind", 1, "Count")
        delivery.observer.warn(f"A mirror does not hold the new version yet: {obstacle}", parameter=name)


def _follow(delivery: Delivery, version: StoredVersion) -> dict[str, RotationError]:
    """Write what differs; return the mirrors that could not be written, and why."""
    behind: dict[str, RotationError] = {}
    for mirrors, name in _allowed(delivery, delivery.parse(version)):
        try:
            version = _write(delivery, mirrors, name, version)
        except RotationError as error:
            behind[name] = error
    return behind


def _write(delivery: Delivery, mirrors: Mirrors, name: str, version: StoredVersion) -> StoredVersion:
    """
    Write what differs, and look at AWSCURRENT again; return the version that it was on then.

    What was read long ago is read anew first: another rotation may have come in between. A write without an answer, or
    beside another one, is tried again after a fresh look: a twin may just have done it.
    """
    obstacle = StoreUnavailable(
        "The mirror was not written to its end in this invocation", where=name, remedy="Send syncMirrors."
    )
    for _ in range(_WRITES):
        if delivery.deadline.remaining() < TIME_NEEDED:
            break
        if delivery.deadline.elapsed() > UNSEEN:
            version = delivery.store.read(Stage.CURRENT)
        secret = delivery.parse(version)
        wanted = _differing(mirrors, name, version, secret) if name in secret.overrides.mirror else None
        if wanted is None:
            return version
        try:
            mirrors.write(name, version.arn, wanted)
        except StoreUnavailable as error:
            obstacle = error
            continue
        delivery.observer.note("Wrote a mirror", parameter=name)
        seen = delivery.store.read(Stage.CURRENT)
        if seen.id == version.id:
            return version
        version = seen
    raise obstacle


def _differing(mirrors: Mirrors, name: str, version: StoredVersion, secret: Secret) -> str | None:
    """Return what the mirror is to hold for the version, if it holds something else."""
    held = mirrors.value(name)
    wanted = mirrors.shown(name, held, version.value, secret.credential)
    return wanted if wanted != held else None


def _require_allowed(delivery: Delivery, secret: Secret) -> None:
    for _ in _allowed(delivery, secret):
        pass


def _allowed(delivery: Delivery, secret: Secret) -> Iterator[tuple[Mirrors, str]]:
    """Return the mirrors, after a check of each. Raises InvalidSettings."""
    where = f"version {secret.version} of {secret.arn}"
    for name in secret.overrides.mirror:
        if delivery.mirrors is None or not name.startswith(f"{delivery.settings.mirror_path}/"):
            raise InvalidSettings(
                "The secret names a mirror where the function writes none",
                where=where,
                remedy="Set MirrorPath of the stack to the path above it, or take it out of rotation.mirror.",
            )
        alternates = name_for(secret, delivery.settings) is StrategyName.ALTERNATING_USERS
        if alternates and delivery.mirrors.constant_names(name):
            raise InvalidSettings(
                "A mirror of the password alone cannot follow two users: the name changes, too",
                where=where,
                remedy="Name a parameter for the whole value, or choose a strategy of one user.",
            )
        yield delivery.mirrors, name


def _behind(name: str, error: RotationError) -> RotationRefused:
    return RotationRefused(
        f"A mirror does not hold AWSCURRENT: {error.what}",
        where=name,
        remedy=f"Nothing was changed. {error.remedy} If nobody reads it, take it out of rotation.mirror.",
        retryable=True,
    )
