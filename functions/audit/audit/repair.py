"""
The one thing that an audit may put right: AWSPENDING on a version that never got a value. Off by default.

Secrets Manager refuses every rotation while the label is there (user guide, "Troubleshoot rotation": "A previous
rotation isn't complete"). A version without a value is in no database, so that taking the label away loses nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, Sight
from audit.model import LIVE, PENDING, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from audit.model import Secret

DAY: Final = timedelta(hours=24)
"""What is younger is left alone, whatever the settings say."""
_CALM: Final = timedelta(hours=1)
"""After the end of a rotation: the service reattempts one that failed."""
_KINDS: Final = LIVE - {Kind.SERVICE, Kind.EXTERNAL}
_ENDS: Final = ("RotationSucceeded", "RotationFailed", "RotationAbandoned")


class Repair:
    """Takes AWSPENDING from versions of one Region that have held no value for a day."""

    def __init__(self, client: Any, sight: Sight, now: datetime) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Write by this client, and note there what is refused."""
        self._client, self._sight, self._now = client, sight, now

    def drop(self, secret: Secret) -> bool:
        """Take the label away where that loses nothing, as a last look shows; return whether it was taken."""
        version = secret.lone_pending
        if version is None or not self._may(secret) or "events" in self._sight.areas:
            return False
        try:
            return self._is_empty_still(secret.arn, version) and self._taken(secret.arn, version)
        except FAILURES as error:
            self._sight.failed("repair", error, secret.name)
            return False

    def _may(self, secret: Secret) -> bool:
        since = secret.pending_since
        return secret.kind in _KINDS and since is not None and self._now - since > DAY and not self._is_running(secret)

    def _is_running(self, secret: Secret) -> bool:
        """Return whether a rotation began within a day that has not ended, or ended so lately that it may go on."""
        begun = secret.last("RotationStarted")
        if begun is None or self._now - begun.at > DAY:
            return False
        ended = max((it.at for name in _ENDS if (it := secret.last(name))), default=None)
        return ended is None or ended < begun.at or self._now - ended < _CALM

    def _is_empty_still(self, arn: str, version: str) -> bool:
        """Look once more: it carries that label alone, here is the primary, and no value has come."""
        seen = self._client.describe_secret(SecretId=arn)
        labels = (seen.get("VersionIdsToStages") or {}).get(version, [])
        elsewhere = seen.get("PrimaryRegion") not in {None, "", self._sight.region}
        stands = labels == [PENDING] and not elsewhere and not seen.get("DeletedDate")
        return stands and not self._has_value(arn, version)

    def _taken(self, arn: str, version: str) -> bool:
        """Take the label away; put it back should a value have come in the same moment."""
        self._client.update_secret_version_stage(SecretId=arn, VersionStage=PENDING, RemoveFromVersionId=version)
        if not self._has_value(arn, version):
            return True
        self._client.update_secret_version_stage(SecretId=arn, VersionStage=PENDING, MoveToVersionId=version)
        return False

    def _has_value(self, arn: str, version: str) -> bool:
        """Return whether a version is listed: ListSecretVersionIds leaves out one without a value."""
        return version in self._listed(arn)

    def _listed(self, arn: str) -> Iterator[str]:
        request: dict[str, Any] = {"SecretId": arn, "IncludeDeprecated": True, "MaxResults": 100}
        while True:
            answer = self._client.list_secret_version_ids(**request)
            yield from (it["VersionId"] for it in answer["Versions"])
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]
