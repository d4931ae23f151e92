"""The secrets that parameters follow: one DescribeSecret for each of these parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, MISSING, Sight, reason
from audit.rules.mirrors import Mirror

if TYPE_CHECKING:
    from audit.model import Parameter

_SECRET: Final = re.compile(r"arn:aws[\w-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:\S+-[A-Za-z0-9]{6}")


def secret_in(description: str) -> str | None:
    """Return the secret that a description names, as a word of its own."""
    return next((word for word in description.split() if _SECRET.fullmatch(word)), None)


class Mirrors:
    """The mirrors of one Region."""

    def __init__(self, client: Any, sight: Sight) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Ask by this client, and note there what cannot be seen."""
        self._client, self._sight = client, sight

    def of(self, parameter: Parameter) -> Mirror | None:
        """Return the parameter with its secret; None where it follows none of this Region, or that cannot be seen."""
        arn = secret_in(parameter.description)
        if arn is None or arn.split(":")[3:5] != [self._sight.region, self._sight.account]:
            return None
        try:
            found = self._client.describe_secret(SecretId=arn)
        except FAILURES as error:
            if reason(error) in MISSING:
                return Mirror(parameter, arn, listed=False)
            self._sight.failed("replicas", error, arn)
            return None
        listed = found.get("DeletedDate") is None
        return Mirror(parameter, arn, listed, found.get("LastRotatedDate"), str(found.get("KmsKeyId") or ""))
