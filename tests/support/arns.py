"""Names of AWS's resources; needs nothing of the library, so that what runs beside it can use them."""

from __future__ import annotations


def moved(arn: str, region: str) -> str:
    """Return the ARN of a secret's replica: another Region, and the same to the last of its six random characters."""
    service, _, rest = arn.partition(":secretsmanager:")
    return f"{service}:secretsmanager:{region}:{rest.partition(':')[2]}"
