"""The authorities that the layer ships: whole, current, and each there once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from tests.support import authorities

BUNDLE = Path(__file__).parents[2] / "shared/rotation/trust/amazon-rds.pem"
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html: the three that each Region has.
KINDS = ("RSA2048", "RSA4096", "ECC384")
# One Region of each part of the world; the README beside the bundle says which are missing.
REGIONS = (
    "af-south-1",
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "me-south-1",
    "sa-east-1",
    "us-east-1",
    "us-west-2",
)
NOTICE = dt.timedelta(days=365)


@pytest.fixture(scope="module")
def shipped() -> list[x509.Certificate]:
    return authorities.certificates(BUNDLE.read_text("ascii"))


def test_every_block_of_the_bundle_is_a_certificate(shipped: list[x509.Certificate]) -> None:
    assert len(shipped) == BUNDLE.read_text("ascii").count("-----BEGIN ") > 80


def test_no_authority_is_there_twice(shipped: list[x509.Certificate]) -> None:
    assert len(set(shipped)) == len(shipped)


def test_every_certificate_is_a_root_that_may_sign_others(shipped: list[x509.Certificate]) -> None:
    for authority in shipped:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.value.ca, authorities.common_name(authority)
        authority.verify_directly_issued_by(authority)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_has_the_three_current_authorities(shipped: list[x509.Certificate], region: str) -> None:
    names = {authorities.common_name(authority) for authority in shipped}
    assert {f"Amazon RDS {region} Root CA {kind} G1" for kind in KINDS} <= names


def test_amazons_public_roots_are_there_for_proxies_and_redshift(shipped: list[x509.Certificate]) -> None:
    names = {authorities.common_name(authority) for authority in shipped}
    assert {f"Amazon Root CA {number}" for number in range(1, 5)} <= names


def test_no_authority_expires_within_a_year(shipped: list[x509.Certificate]) -> None:
    limit = dt.datetime.now(dt.UTC) + NOTICE
    late = [authorities.common_name(one) for one in shipped if one.not_valid_after_utc < limit]
    assert not late, "`make trust` renews the bundle"


def test_what_is_shipped_is_what_the_target_writes(shipped: list[x509.Certificate]) -> None:
    now = dt.datetime.now(dt.UTC)
    assert authorities.bundle(authorities.in_use(shipped, now)) == BUNDLE.read_text("ascii")


def test_an_expired_authority_is_dropped(shipped: list[x509.Certificate]) -> None:
    first = min(shipped, key=lambda one: one.not_valid_after_utc)
    assert first not in authorities.in_use(shipped, first.not_valid_after_utc)


@pytest.mark.parametrize("name", ["Amazon RDS Preview us-east-2 Root CA RSA2048 G1", "Amazon RDS Beta Root 2019 CA"])
def test_an_authority_of_a_trial_environment_is_dropped(
    monkeypatch: pytest.MonkeyPatch, shipped: list[x509.Certificate], name: str
) -> None:
    monkeypatch.setattr(authorities, "common_name", lambda _: name)
    assert not authorities.in_use(shipped, dt.datetime.now(dt.UTC))


def test_certificates_are_read_from_the_packages_javascript(
    capsys: pytest.CaptureFixture[str], shipped: list[x509.Certificate], tmp_path: Path
) -> None:
    lines = authorities.bundle(shipped[:1]).splitlines()[1:]
    source = tmp_path / "defaults.js"
    source.write_text("exports.defaults = [\n" + " +\n".join(f"    '{line}\\n'" for line in lines) + ",\n];\n")
    authorities.main([str(source), str(source)])
    assert authorities.certificates(capsys.readouterr().out) == shipped[:1]
