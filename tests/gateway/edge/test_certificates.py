"""Certificates: made once, kept secret, taken up when they change."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from wattproof.errors import StorageError
from wattproof.gateway.serve.certificates import Certificates, own_certificate
from wattproof.model.clock import VirtualClock


def names(path: Path) -> tuple[list[str], list[str]]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName), [str(ip) for ip in found.get_values_for_type(x509.IPAddress)]


def test_it_is_made_at_the_first_start_and_stays(tmp_path: Path):
    before = os.umask(0)
    try:
        certificate, key = own_certificate(tmp_path, ["192.168.1.12", "gateway.example", "::1"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(certificate.stat().st_mode) == 0o644
    assert names(certificate) == (["localhost", "gateway.example"], ["127.0.0.1", "::1", "192.168.1.12"])
    made = certificate.read_bytes()
    assert own_certificate(tmp_path, ["10.0.0.1"]) == (certificate, key)
    assert certificate.read_bytes() == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certificate.pem", "key.pem"]
    found = x509.load_pem_x509_certificate(made)
    assert found.not_valid_before_utc < datetime.now(UTC)
    assert found.not_valid_after_utc.year - datetime.now(UTC).year in (9, 10)


def test_a_listener_at_all_addresses_is_reached_by_name(tmp_path: Path):
    certificate, _ = own_certificate(tmp_path, ["0.0.0.0"])
    assert names(certificate) == (["localhost", socket.gethostname()], ["127.0.0.1", "::1"])


@pytest.mark.parametrize("missing", ["certificate.pem", "key.pem"])
def test_half_of_a_pair_is_no_pair(tmp_path: Path, missing: str):
    certificate, key = own_certificate(tmp_path, [])
    before = certificate.read_bytes()
    (tmp_path / missing).unlink()
    assert own_certificate(tmp_path, []) == (certificate, key)
    assert certificate.read_bytes() != before
    Certificates(certificate, key, VirtualClock())


def test_the_key_is_never_readable_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    modes = []
    real = os.open

    def watched(path, flags, mode=0o777, **more):
        if Path(path).name.startswith("key"):
            modes.append((bool(flags & os.O_EXCL), mode))
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", watched)
    own_certificate(tmp_path, [])
    assert modes == [(True, 0o600)]


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(StorageError, match="certificate"):
        own_certificate(tmp_path / "missing", [])


@pytest.mark.proves("G-010")
def test_tls_below_1_2_is_not_spoken(tmp_path: Path):
    context = Certificates(*own_certificate(tmp_path, []), VirtualClock()).context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_another_certificate_is_taken_up_without_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    clock = VirtualClock()
    certificate, key = own_certificate(tmp_path, [])
    certificates = Certificates(certificate, key, clock)
    first = certificates.context()
    clock.advance(10)
    assert certificates.context() is first

    (tmp_path / "other").mkdir()
    other_certificate, other_key = own_certificate(tmp_path / "other", [])
    certificate.write_bytes(other_certificate.read_bytes())  # the key is still the old one
    clock.advance(1)
    assert certificates.context() is first
    assert "stays in use" in caplog.text
    key.write_bytes(other_key.read_bytes())
    assert certificates.context() is first, "it looks at most once a second"
    clock.advance(1)
    second = certificates.context()
    assert second is not first

    key.unlink()
    clock.advance(1)
    assert certificates.context() is second


@pytest.mark.parametrize("content", [b"", b"no certificate", None])
def test_what_cannot_be_used_is_named(tmp_path: Path, content: bytes | None):
    certificate, key = own_certificate(tmp_path, [])
    key.unlink()
    if content is not None:
        key.write_bytes(content)
    with pytest.raises(StorageError, match=r"key\.pem"):
        Certificates(certificate, key, VirtualClock())


def test_an_encrypted_key_asks_nobody_for_its_password(tmp_path: Path):
    certificate, key = own_certificate(tmp_path, [])
    private = ec.generate_private_key(ec.SECP256R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    with pytest.raises(StorageError, match="encrypted"):
        Certificates(certificate, key, VirtualClock())
