"""What makes a TLS connection trusted: authorities, or the digest of one certificate."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from dataclasses import dataclass
from typing import Any

from wattproof.errors import StorageError, Unreachable
from wattproof.io.url import MeterURL


@dataclass(frozen=True, slots=True)
class Trust:
    """How the certificate of the other side is judged, and what we show of ourselves.

    By default the system's authorities must have signed it for the host's name. ``authorities`` is a PEM file that
    replaces them. ``pin``, 64 hexadecimal digits, is the SHA-256 of the DER certificate and replaces authorities and
    name: a meter's self-signed certificate is trusted because it is known. ``verify=False`` trusts anybody.
    ``certificate`` and ``key`` are PEM files for a server that wants to know its clients (mutual TLS).
    """

    verify: bool = True
    pin: str | None = None
    authorities: str | None = None
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, url: MeterURL) -> Trust:
        """From the options ``verify``, ``pin``, ``ca``, ``certificate`` and ``key`` of an address."""
        pin = url.options.get("pin")
        return cls(
            verify=url.switch("verify", True) is not False,
            pin=pin.partition(":")[2].lower() if pin else None,
            authorities=url.options.get("ca"),
            certificate=url.options.get("certificate"),
            key=url.options.get("key"),
        )

    def client_context(self) -> ssl.SSLContext:
        """The context of a client, TLS 1.2 or newer.

        Raises:
            StorageError: a file cannot be read, or holds no certificate or key.
        """
        try:
            context = ssl.create_default_context(cafile=self.authorities)
        except (OSError, ssl.SSLError) as error:
            raise StorageError(f"cannot read authorities from {self.authorities}: {error}; PEM is expected") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.pin or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            try:
                context.load_cert_chain(self.certificate, self.key)
            except (OSError, ssl.SSLError) as error:
                files = " and ".join(file for file in (self.certificate, self.key) if file)
                raise StorageError(f"cannot read certificate and key from {files}: {error}; PEM is expected") from error
        return context

    def check_pin(self, name: str, connection: Any) -> None:
        """Compare the certificate of ``connection`` (an SSL object or socket) with the pin, if there is one.

        Raises:
            Unreachable: it is another certificate.
        """
        if not self.pin:
            return
        found = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(found, self.pin):
            raise Unreachable(
                f"cannot connect to {name}: its certificate has the digest sha256:{found}, not sha256:{self.pin}; "
                f"if the device has got a new certificate, check it there and change ?pin="
            )
