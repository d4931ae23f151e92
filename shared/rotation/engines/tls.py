"""
TLS as the engines share it: whom to trust, and what is wrong with a server's certificate.

Drivers tell little of a failed verification (libpq says the same of a certificate that has expired and of one
by an unknown authority), so a handshake without credentials is made to name the cause.
"""

from __future__ import annotations

import functools
import re
import socket
import ssl
import tempfile
from enum import Enum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeVar, cast

from rotation.endpoints import EVERY_REGION, endpoint, is_amazons
from rotation.errors import InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.model import Deadline

ContextT = TypeVar("ContextT", bound=ssl.SSLContext)

SHIPPED: Final = Path(__file__).parents[1] / "trust" / "amazon-rds.pem"
"""Amazon's authorities for RDS, Aurora and DocumentDB."""

_BY_REGION: Final = frozenset({"rds", "docdb"})
"""The services whose databases each Region's own authorities vouch for; the others' are under Amazon's public roots."""

SYSTEM: Final = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")
"""Where systems keep the authorities that they trust (Amazon Linux, Debian, Alpine and the BSDs)."""


class TlsFault(Enum):
    """What is wrong with a server's TLS: what happened, and what to do."""

    NOT_OFFERED = (
        "The server offers no TLS",
        'Switch it on there; only "ssl": false in the secret goes without.',
    )
    EXPIRED = ("The server's certificate has expired", "Renew it on the server.")
    NOT_YET_VALID = ("The server's certificate is not valid yet", "Look at the server's certificate and clock.")
    UNKNOWN_AUTHORITY = (
        "The server's certificate is by an authority that is not trusted",
        "Name a file with the server's authority in DATABASE_CA_BUNDLE.",
    )
    REGION_NOT_SHIPPED = (
        "The server's certificate is by an authority of its Region, which the functions do not ship",
        "Download the Region's bundle, run make trust-layer, and deploy with TrustLayerArn and DatabaseCaBundle.",
    )
    OTHER_HOST = (
        "The server's certificate is for another host name",
        "Put a name that stands in the certificate into the secret, usually the endpoint's own.",
    )
    HANDSHAKE = ("The TLS handshake with the server failed", "Look at its certificate and TLS versions.")


_BY_CODE: Final = {
    9: TlsFault.NOT_YET_VALID,
    10: TlsFault.EXPIRED,
    **dict.fromkeys((2, 18, 19, 20, 21), TlsFault.UNKNOWN_AUTHORITY),
    **dict.fromkeys((62, 64), TlsFault.OTHER_HOST),
}
"""OpenSSL's X509_V_ERR_* (manual page X509_STORE_CTX_get_error)."""


def authorities(bundle: Path | None, host: str) -> Path:
    """
    Return the file of the authorities in force for a host: the bundle if one is set, else Amazon's and the system's.

    For a name that AWS gave only Amazon's count: no other authority has a reason to vouch for one. For a database of
    one Region only that Region's do (RDS user guide, "Using SSL/TLS", certificate bundles by Region). Whoever verifies
    by a file reads it at every login: all of Amazon's cost 30 ms of a whole processor, and a function has a seventh.
    """
    if bundle is not None:
        return bundle
    if not is_amazons(host):
        return Path(_combined().name)
    named = endpoint(host)
    if named is None or named.service not in _BY_REGION or named.region == EVERY_REGION:
        return SHIPPED
    return Path(_of_region(named.region).name)


def check(bundle: Path | None) -> Path | None:
    """Return the bundle. Raises InvalidSettings where one is set that holds no certificate."""
    if bundle is None:
        return None
    try:
        verifying(bundle, ssl.SSLContext)
    except (OSError, ValueError):
        what = f"DATABASE_CA_BUNDLE names {bundle}, which holds no certificate that can be read"
        raise InvalidSettings(what, remedy="Name a PEM file that the function ships or a layer brings.") from None
    return bundle


@functools.cache
def _combined() -> IO[bytes]:
    """Write Amazon's authorities and the system's into one file, once per process; it goes with the process."""
    return _written(SHIPPED.read_bytes() + b"\n" + system_authorities())


@functools.cache
def _of_region(region: str) -> IO[bytes]:
    """Write Amazon's authorities into a file, but for those of other Regions' databases."""
    blocks = SHIPPED.read_text("ascii").split("\n\n")
    others = re.compile(rf"# Amazon RDS (?!{re.escape(region)} )")
    return _written("\n\n".join(one for one in blocks if not others.match(one)).encode())


def _written(authorities: bytes) -> IO[bytes]:
    file = tempfile.NamedTemporaryFile(prefix="authorities-", suffix=".pem")  # noqa: SIM115 kept open on purpose
    file.write(authorities)
    file.flush()
    return file


def system_authorities() -> bytes:
    """Return the authorities that the system trusts, as PEM; nothing where it keeps none."""
    configured = ssl.get_default_verify_paths().cafile
    places = (configured, *SYSTEM) if configured else SYSTEM
    return next((Path(place).read_bytes() for place in places if Path(place).is_file()), b"")


def verifying(trusted: Path, kind: Callable[[int], ContextT]) -> ContextT:
    """
    Verify as the drivers do: against these authorities, for the host's own name, without X.509's strict mode.

    Gives the same context again while the file is as it was: to read it takes longer than all else in a login.
    """
    return cast("ContextT", _read(trusted, trusted.stat().st_mtime_ns, kind))


@functools.lru_cache(maxsize=4)
def _read(trusted: Path, _changed: int, kind: Callable[[int], ssl.SSLContext]) -> ssl.SSLContext:
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(trusted)
    return context


def diagnose(
    peer: tuple[str, int],
    host: str,
    trusted: Path,
    deadline: Deadline,
    begin: Callable[[socket.socket], bool],
) -> TlsFault | None:
    """
    Make a handshake without credentials, and name what is wrong; None when nothing is, or nothing was answered.

    ``peer`` is the address to connect to, ``host`` the name to verify; ``begin`` asks for TLS as the protocol
    wants it, and says whether the server agreed. Ends at the deadline.
    """
    try:
        with socket.create_connection(peer, timeout=_left(deadline)) as plain:
            plain.settimeout(_left(deadline))
            fault = _handshake(plain, host, trusted, deadline) if begin(plain) else TlsFault.NOT_OFFERED
    except OSError:
        return None
    return TlsFault.REGION_NOT_SHIPPED if fault is TlsFault.UNKNOWN_AUTHORITY and _lacks_region(host) else fault


def _lacks_region(host: str) -> bool:
    """Return whether the name is Amazon's, of a Region whose authorities for databases are not in the bundle."""
    named = endpoint(host)
    return named is not None and f"Amazon RDS {named.region} " not in SHIPPED.read_text("ascii")


def _handshake(plain: socket.socket, host: str, trusted: Path, deadline: Deadline) -> TlsFault | None:
    plain.settimeout(_left(deadline))
    try:
        with verifying(trusted, ssl.SSLContext).wrap_socket(plain, server_hostname=host):
            return None
    except ssl.SSLCertVerificationError as error:
        return _BY_CODE.get(error.verify_code, TlsFault.HANDSHAKE)
    except ssl.SSLEOFError:
        return None
    except ssl.SSLError:
        return TlsFault.HANDSHAKE


def _left(deadline: Deadline) -> float:
    """Return a socket's timeout in seconds; zero would mean not to wait at all."""
    return max(deadline.remaining(), 0.001)
