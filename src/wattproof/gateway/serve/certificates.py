"""The certificate of the HTTPS listeners: the operator's, or one that the gateway makes for itself at its first start.

Files that change are taken up without a restart: connections that are there go on, later ones get the new certificate.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wattproof.errors import StorageError
from wattproof.io.journal import sync_directory
from wattproof.model.clock import Clock

CERTIFICATE, KEY = "certificate.pem", "key.pem"
#: Of a certificate that nobody but the gateway vouches for; browsers refuse none for being too long.
VALIDITY = timedelta(days=3650)
#: Nanoseconds between two looks at the files.
PAUSE = 10**9

_log = logging.getLogger(__name__)


class Certificates:
    """What new connections are secured with. Raises ``StorageError`` where the files cannot be used."""

    def __init__(self, certificate: Path, key: Path, clock: Clock) -> None:
        self._files = (certificate, key)
        self._clock = clock
        self._seen = self._stamps()
        self._context = self._load()
        self._looked = clock.now()

    def context(self) -> ssl.SSLContext:
        """For the next connection. Looks at the files at most once a second; what cannot be used is not taken up."""
        if self._clock.now() - self._looked >= PAUSE:
            self._looked = self._clock.now()
            self._look()
        return self._context

    def _look(self) -> None:
        try:
            stamps = self._stamps()
            if stamps != self._seen:
                self._seen = stamps
                self._context = self._load()
                _log.info("new connections get the certificate that is now in %s", self._files[0])
        except StorageError as error:
            # Between two files that are replaced one after the other they do not belong together.
            _log.warning("the old certificate stays in use: %s", error)

    def _stamps(self) -> list[tuple[int, int, int]]:
        stamps = []
        for file in self._files:
            try:
                found = file.stat()
            except OSError as error:
                raise StorageError(f"cannot read {file}: {error.strerror or error}") from error
            stamps.append((found.st_mtime_ns, found.st_size, found.st_ino))
        return stamps

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise StorageError(
                f"cannot use the certificate {certificate} with the key {key}: {error}; "
                "a chain and its key in PEM are expected, without a password"
            ) from error
        return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def own_certificate(folder: Path, hosts: Iterable[str]) -> tuple[Path, Path]:
    """Certificate and key in the data directory; both are made where one is missing. ``hosts``: listen addresses.

    Raises:
        StorageError: they cannot be written.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    if certificate.is_file() and key.is_file():
        return certificate, key
    private = ec.generate_private_key(ec.SECP256R1())
    made = self_signed(private, hosts, datetime.now(UTC))
    try:
        # With the key in its place and no certificate, both are made again: they always belong together.
        certificate.unlink(missing_ok=True)
        _write(key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        _write(certificate, made.public_bytes(Encoding.PEM), 0o644)
        sync_directory(folder)
    except OSError as error:
        raise StorageError(f"cannot write a certificate to {folder}: {error.strerror or error}") from error
    return certificate, key


def self_signed(private: ec.EllipticCurvePrivateKey, hosts: Iterable[str], now: datetime) -> x509.Certificate:
    """A certificate that is its own authority, for ``localhost`` and the addresses at which the gateway listens."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wattproof gateway")])
    public = private.public_key()
    usage = x509.KeyUsage(True, *[False] * 8)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(secrets.randbits(127) | 1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(private, hashes.SHA256())
    )


def _names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    for host in ("127.0.0.1", "::1", *hosts):
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            name: x509.GeneralName = x509.DNSName(host)
        else:
            # A listener at all addresses is reached by the name of this host, if by any that is known now.
            name = x509.DNSName(socket.gethostname()) if address.is_unspecified else x509.IPAddress(address)
        if name not in names:
            names.append(name)
    return names


def _write(path: Path, data: bytes, mode: int) -> None:
    """A file that has its mode from its creation, and is there whole or not at all."""
    staged = path.with_suffix(".new")
    staged.unlink(missing_ok=True)
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
