"""Amazon Redshift: provisioned clusters and Serverless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from rotation.engines import tls
from rotation.engines.redshift.connection import Connection, log_in
from rotation.engines.redshift.faults import ENGINE
from rotation.engines.redshift.network import authorities, open_channel
from rotation.engines.redshift.session import RedshiftSession
from rotation.engines.redshift.text import NAME_BYTES, require_whole
from rotation.model import Limits, Traits

if TYPE_CHECKING:
    from pathlib import Path

    from rotation.engines.redshift.forms import Form
    from rotation.model import Address, Credential, Deadline

_TRAITS: Final = Traits(
    name=ENGINE,
    names=frozenset({"redshift"}),
    default_port=5439,
    default_database="dev",
    levels_one_database=True,
    limits=Limits(
        password_min=8,
        password_max=64,
        name_bytes=NAME_BYTES,
        forbidden="'\"\\/@ ",
        default_excluded="/@\"'\\:",
        required=frozenset({"uppercase", "lowercase", "numbers"}),
    ),
)
"""The rules for passwords: Developer Guide, "CREATE USER"."""


class Redshift:
    """The engine. It holds no connection and no credential."""

    traits = _TRAITS

    def __init__(self, ca_bundle: Path | None = None) -> None:
        """Take the file of authorities to trust; without one, Amazon's, Redshift's and the system's count."""
        self._bundle = tls.check(ca_bundle)
        self._forms: WeakKeyDictionary[Deadline, dict[tuple[str, int], dict[str, Form]]] = WeakKeyDictionary()
        """What the logins of each invocation told; it goes with the invocation's deadline."""

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> RedshiftSession:
        """Log in, verified against the host's name unless the secret goes without TLS, and ask for something."""
        require_whole(credential.username)
        forms = self._forms.setdefault(deadline, {}).setdefault((address.host, address.port), {})
        channel = open_channel(address, authorities(self._bundle, address.host), deadline)
        try:
            raw = log_in(channel, address, credential, forms)
            return RedshiftSession(Connection(raw, address, credential.username, deadline, forms))
        except BaseException:
            channel.close()
            raise
