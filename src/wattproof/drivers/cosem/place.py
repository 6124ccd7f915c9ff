"""Which meter, and as which client: the options of an address (abb-meters.md 2.1, 2.4, 2.17)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wattproof.drivers.cosem.timing import Timing, nanoseconds
from wattproof.errors import InvalidURL
from wattproof.io.url import MeterURL
from wattproof.io.web import password_of
from wattproof.wire.cosem.association_objects import SERVER_SAP
from wattproof.wire.cosem.client import Link
from wattproof.wire.cosem.wrapper_links import DatagramLink, StreamLink
from wattproof.wire.hdlc.addresses import MANAGEMENT, PUBLIC, Address
from wattproof.wire.hdlc.client import ClientLink

#: The HDLC address of a meter that was given none.
ADDRESS = 17
HDLC, TCP, UDP = "hdlc", "dlms", "dlms+udp"
SCHEMES = frozenset({HDLC, TCP, UDP})


@dataclass(frozen=True)
class Place:
    """A meter as seen by one client. ``address`` counts on HDLC alone; ``transport`` is one of `SCHEMES`.

    Without ``client`` it is 1 (management) with a password and 16 (public) without.
    """

    transport: str = HDLC
    address: int = ADDRESS
    client: int | None = None
    password: bytes | None = None

    @classmethod
    def of(cls, url: MeterURL) -> Place:
        """The options of an address: ``?address=``, ``?client=``, and the password of its file or of the environment.

        A public client needs no password, so none is looked for.

        Raises:
            InvalidURL: it leads to no COSEM meter, or has no HDLC address.
            UsageError: the password file cannot be read.
        """
        if url.framing not in SCHEMES:
            raise InvalidURL(f"{url}: {url.scheme} does not carry COSEM; an example: hdlc:///dev/ttyUSB1?address=17")
        try:
            address = int(url.options.get("address", ADDRESS))
            Address.server(address)
        except ValueError as error:
            raise InvalidURL(f"{url}: {error}; an example: hdlc:///dev/ttyUSB1?address=17") from error
        client = url.whole("client", 0) or None
        secret = None if client == PUBLIC else password_of(url)
        return cls(url.framing, address, client, None if secret is None else secret.encode())

    @property
    def sap(self) -> int:
        """The client."""
        return self.client or (PUBLIC if self.password is None else MANAGEMENT)

    @property
    def name(self) -> str:
        """The meter among those of its line: its HDLC address, or its port of the wrapper."""
        return str(self.address if self.transport == HDLC else SERVER_SAP)

    def link(self, timing: Timing) -> Link:
        """What carries the APDUs to it."""
        return _LINKS[self.transport](self, timing)


def _hdlc(place: Place, timing: Timing) -> Link:
    return ClientLink(place.address, place.sap, timing=timing.link)


def _stream(place: Place, timing: Timing) -> Link:
    return StreamLink(place.sap, timeout=nanoseconds(timing.answer))


def _datagram(place: Place, timing: Timing) -> Link:
    link = DatagramLink(place.sap, timeout=nanoseconds(timing.answer))
    link.repetitions = timing.repetitions
    return link


_LINKS: Mapping[str, Callable[[Place, Timing], Link]] = {HDLC: _hdlc, TCP: _stream, UDP: _datagram}
