"""ListSecrets, which gives nearly everything, and the few calls beside it that a single secret may need."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, MISSING, Sight, reason
from audit.classes import listed
from audit.model import ROTATED, Access, Copy, Kind, Version
from audit.policy import access_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.calls import Budget
    from audit.memory import Memory
    from audit.model import Secret
    from audit.settings import Settings

PAGE: Final = 100
_RENEWED: Final = 30
"""Days after which a remembered policy is asked for again."""
_SETTLED: Final = timedelta(days=2)
"""After a rotation: then a client that still reads the previous version does so by habit."""


class Secrets:
    """The secrets of one Region."""

    def __init__(self, client: Any, sight: Sight, memory: Memory, settings: Settings, now: datetime) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Read by this client, and note there what cannot be read."""
        self._client, self._sight, self._memory = client, sight, memory
        self._settings, self._now = settings, now

    def pages(self) -> Iterator[list[Secret]]:
        """
        Yield the secrets page by page, those scheduled for deletion too.

        A page may be empty and not the last one. A token may expire: the listing then begins anew, once, and what was
        seen is passed over (API reference, ListSecrets).
        """
        anew = False
        request: dict[str, Any] = {"MaxResults": PAGE, "IncludePlannedDeletion": True, "SortOrder": "asc"}
        while True:
            try:
                answer = self._client.list_secrets(**request)
            except FAILURES as error:
                if reason(error) == "InvalidNextTokenException" and not anew and request.pop("NextToken", None):
                    anew = True
                    continue
                self._sight.failed("secrets", error, "after a part of the list" if "NextToken" in request else "")
                return
            page = [listed(entry, self._settings, self._now) for entry in answer["SecretList"]]
            yield [it for it in page if not (anew and self._memory.has(it.arn))]
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]

    def again(self, secret: Secret) -> Secret | None:
        """Look a second time, by DescribeSecret; None where the secret is gone. What stands around it is kept."""
        try:
            answer = self._client.describe_secret(SecretId=secret.arn)
        except FAILURES as error:
            if reason(error) in MISSING:
                return None
            self._sight.failed("replicas", error, secret.name)
            return secret
        fresh = listed(answer, self._settings, self._now)
        dates = {name: getattr(fresh, name) for name in ("changed", "accessed", "due", "enabled", "stages", "deleted")}
        # Describe shows no LastRotatedDate where rotation is off (API reference): then the list's stands.
        return replace(secret, **dates, rotated=fresh.rotated or secret.rotated, kind=fresh.kind)

    def with_copies(self, secret: Secret) -> Secret:
        """Add the replicas of a primary; a secret that takes part in no replication names no primary Region."""
        if secret.primary_region != secret.region:
            return secret
        try:
            answer = self._client.describe_secret(SecretId=secret.arn)
        except FAILURES as error:
            self._sight.failed("replicas", error, secret.name)
            return secret
        return replace(secret, copies=tuple(map(_copy, answer.get("ReplicationStatus") or ())))

    def with_access(self, secret: Secret, budget: Budget) -> Secret:
        """
        Add what the resource policy lets in: remembered while the secret has not changed, within the budget.

        That a new policy moves LastChangedDate is documented ("modified in any way") and was not seen: each secret is
        asked for once in 30 days all the same, another share of them every day.
        """
        share = (self._now.toordinal() + zlib.crc32(secret.arn.encode())) // _RENEWED
        stamp = f"{_stamp(secret.changed)} {share}"
        known = self._memory.recall(secret.arn, "policy", stamp)
        if known is None:
            if not budget.take():
                self._sight.lost("policies", "no time left", "some secrets", "nothing: the next run goes on")
                return secret
            known = self._policy(secret)
            if known is None:
                return secret
            self._memory.remember(secret.arn, "policy", stamp, known)
        names = ("foreign", "gone", "shared")
        return replace(secret, access=Access(known["public"], *(frozenset(known[it]) for it in names)))

    def _policy(self, secret: Secret) -> dict[str, Any] | None:
        try:
            answer = self._client.get_resource_policy(SecretId=secret.arn)
        except FAILURES as error:
            if reason(error) not in MISSING:
                self._sight.failed("policies", error, secret.name)
            return None
        access = access_of(answer.get("ResourcePolicy") or "", secret.account)
        lists = {name: sorted(getattr(access, name)) for name in ("foreign", "gone", "shared")}
        return {"public": access.public, **lists}

    def with_versions(self, secret: Secret, budget: Budget) -> Secret:
        """Add the versions where a rule cannot do without: asked once for each rotation, and while one is pending."""
        if not self._needs_versions(secret):
            return secret
        stamp = f"{_stamp(secret.rotated)} {_stamp(secret.changed)}"
        known = None if secret.lone_pending else self._memory.recall(secret.arn, "versions", stamp)
        if known is None:
            if not budget.take():
                self._sight.lost("versions", "no time left", "some secrets", "nothing: the next run goes on")
                return secret
            try:
                known = list(self._versions(secret.arn))
            except FAILURES as error:
                if reason(error) not in MISSING:
                    self._sight.failed("versions", error, secret.name)
                return secret
            self._memory.remember(secret.arn, "versions", stamp, known)
        return replace(secret, versions=tuple(map(_version, known)))

    def _needs_versions(self, secret: Secret) -> bool:
        if secret.lone_pending:
            return True
        if secret.kind in ROTATED:
            rotated = secret.rotated
            settled = rotated is not None and self._now - rotated > _SETTLED
            return settled and (self._is_read_since(secret) or _changed_since(secret))
        if secret.kind not in {Kind.UNROTATED, Kind.EXTERNAL}:
            return False
        # Its value is young where it rotated or began lately, and old where nothing changed: only between is asked.
        old = self._now - timedelta(days=self._settings.max_age_days)
        latest = max(filter(None, (secret.rotated, secret.created)), default=None)
        return (latest is None or latest < old) and (secret.changed is None or secret.changed >= old)

    @staticmethod
    def _is_read_since(secret: Secret) -> bool:
        """Return whether anybody read it after the day of its rotation: dates have no time (API reference)."""
        day = timedelta(days=1)
        return bool(secret.accessed and secret.rotated and secret.accessed.date() > (secret.rotated + day).date())

    def _versions(self, arn: str) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"SecretId": arn, "IncludeDeprecated": True, "MaxResults": PAGE}
        while True:
            answer = self._client.list_secret_version_ids(**request)
            for it in answer["Versions"]:
                dates = {key: _stamp(it.get(key)) for key in ("CreatedDate", "LastAccessedDate")}
                yield {"id": it["VersionId"], "stages": it.get("VersionStages", []), **dates}
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]

    def with_pending(self, secret: Secret) -> Secret:
        """Add since when AWSPENDING stands alone: by its version, by an earlier run, or by the last change at all."""
        version = secret.lone_pending
        if version is None:
            self._memory.forget(secret.arn, "pending")
            return secret
        first = self._memory.recall(secret.arn, "pending", version)
        if first is None:
            first = self._now.isoformat()
            self._memory.remember(secret.arn, "pending", version, first)
        created = next((it.created for it in secret.versions or () if it.id == version), None)
        # Whatever put the label there changed the secret: it is there since the last change, or longer.
        since = min(filter(None, (datetime.fromisoformat(first), secret.changed, created)))
        return replace(secret, pending_since=since)

    def with_quiet(self, secret: Secret) -> Secret:
        """Add in how many intervals nobody but the rotation read it, the running one included."""
        if secret.kind not in ROTATED or secret.rotated is None or self._is_read_since(secret):
            self._memory.forget(secret.arn, "quiet")
            return secret
        stamp = _stamp(secret.rotated)
        known = self._memory.recall(secret.arn, "quiet", "") or {"rotated": stamp, "many": 1}
        if known["rotated"] != stamp:
            known = {"rotated": stamp, "many": known["many"] + 1}
        self._memory.remember(secret.arn, "quiet", stamp, known)
        return replace(secret, quiet_intervals=known["many"])


def _changed_since(secret: Secret) -> bool:
    """Return whether anything about a secret changed after its last rotation."""
    hour = timedelta(hours=1)
    return bool(secret.changed and secret.rotated and secret.changed > secret.rotated + hour)


def _stamp(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat() if moment else ""


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _version(known: dict[str, Any]) -> Version:
    created, accessed = _moment(known["CreatedDate"]), _moment(known["LastAccessedDate"])
    return Version(known["id"], frozenset(known["stages"]), created, accessed)


def _copy(entry: dict[str, Any]) -> Copy:
    told = entry.get("Status", ""), entry.get("StatusMessage") or ""
    return Copy(entry["Region"], *told, entry.get("LastAccessedDate"), entry.get("KmsKeyId") or "")
