"""
The seal of a pending value: that createSecret made it, and not somebody else who may write the secret.

A token keeps the value that is stored for it first, and the next password comes from there. The seal is an HMAC
(RFC 2104) over the whole value, its secret and its token, by a key that the function's environment holds. Half of it
is kept (section 5), since secrets are to stay short.
"""

from __future__ import annotations

import hmac
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from rotation.credentials import overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.model import Secret


def sealing(key: str | None, token: str, current: Secret) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Return what seals the value that is made from AWSCURRENT for a token; without a key nothing is sealed."""
    return dict if key is None else partial(_sealed, key, current.arn, token)


def is_sealed(key: str, secret: Secret) -> bool:
    """Return whether the version bears the seal of its own value."""
    made = _seal(key, secret.arn, secret.version, secret.document)
    return hmac.compare_digest(made.encode(), (secret.overrides.seal or "").encode())


def _sealed(key: str, arn: str, token: str, document: Mapping[str, Any]) -> dict[str, Any]:
    return overrides.with_seal(document, _seal(key, arn, token, document))


def _seal(key: str, arn: str, token: str, document: Mapping[str, Any]) -> str:
    content = json.dumps([arn, token, overrides.with_seal(document, None)], sort_keys=True)
    return hmac.digest(key.encode(), content.encode(), "sha256")[:16].hex()
