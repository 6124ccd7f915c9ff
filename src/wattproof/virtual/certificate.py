"""A certificate made on the spot, for a virtual meter that listens with TLS and was given none."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wattproof.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Certificate:
    """Certificate and private key as PEM; ``pin`` is what a client's address names: ``sha256:`` and 64 digits."""

    certificate: bytes
    key: bytes
    pin: str


def make_certificate(name: str, host: str) -> Certificate:
    """A self-signed certificate (P-256, valid for ten years) for a meter with this name at this host."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        names.append(x509.DNSName(host))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    return Certificate(certificate.public_bytes(pem), private, f"sha256:{digest}")


def server_context(
    certificate: str | None, key: str | None, authorities: str | None, made: Certificate | None
) -> ssl.SSLContext:
    """The TLS context of a listener (TLS 1.2 or newer): PEM files, or a certificate that was made.

    ``authorities``: PEM file; clients must then show a certificate signed by one of them.

    :raises InvalidValue: a file cannot be read, or holds no certificate or key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if made is not None:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "meter.pem"
                file.touch(0o600)
                file.write_bytes(made.key + made.certificate)
                context.load_cert_chain(file)
        else:
            context.load_cert_chain(certificate or "", key)
        if authorities:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (certificate, key, authorities) if name)
        raise InvalidValue(
            f"cannot use the certificate, key or authorities in {files}: {error}; PEM is expected"
        ) from error
    return context
