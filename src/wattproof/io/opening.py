"""From an address to an open link: one row for each kind of place."""

from __future__ import annotations

from types import ModuleType

from wattproof.errors import InvalidURL
from wattproof.io import portable, tcp, udp
from wattproof.io.link import BlockingLink, ByteLink, DescriptorLink, DescriptorStream
from wattproof.io.settings import SerialSettings
from wattproof.io.tls import Trust
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock

_TLS = frozenset({"tls", "https"})
_DATAGRAMS = "dlms+udp"


async def open_link(url: MeterURL, *, limit: float = tcp.CONNECT_LIMIT, clock: Clock | None = None) -> ByteLink:
    """Open the place of ``url`` on the running event loop, within ``limit`` seconds.

    Raises:
        Unreachable: no connection, no such device, certificate not trusted.
        InvalidURL: the address names no place to connect to, or a bit rate that the system does not know.
    """
    if url.host is None:
        serial = _termios(url)
        if serial is None:
            return await portable.open_link(url.path, SerialSettings.of(url), name=url.place, clock=clock)
        return DescriptorLink(serial.open_device(url.path, SerialSettings.of(url)), url.place, clock=clock)
    host, port = _socket(url)
    if url.scheme == _DATAGRAMS:
        return await udp.connect(host, port, name=url.place, limit=limit, clock=clock)
    trust = Trust.of(url) if url.scheme in _TLS else None
    return await tcp.connect(host, port, name=url.place, limit=limit, trust=trust, clock=clock)


def open_link_blocking(url: MeterURL, *, limit: float = tcp.CONNECT_LIMIT, clock: Clock | None = None) -> ByteLink:
    """The same without an event loop: the link's methods block and never suspend."""
    if url.host is None:
        serial = _termios(url)
        if serial is None:
            return portable.open_link_blocking(url.path, SerialSettings.of(url), name=url.place, clock=clock)
        return BlockingLink(DescriptorStream(serial.open_device(url.path, SerialSettings.of(url))), url.place, clock)
    host, port = _socket(url)
    if url.scheme == _DATAGRAMS:
        return udp.connect_blocking(host, port, name=url.place, clock=clock)
    trust = Trust.of(url) if url.scheme in _TLS else None
    return tcp.connect_blocking(host, port, name=url.place, limit=limit, trust=trust, clock=clock)


def _socket(url: MeterURL) -> tuple[str, int]:
    if not url.port:
        raise InvalidURL(f"{url}: port 0 only says that a listener may choose one; name the port it has chosen")
    return str(url.host), url.port


def _termios(url: MeterURL) -> ModuleType | None:
    """The module that opens devices with termios, ``None`` on systems that have none."""
    if not url.path:
        raise InvalidURL(f"{url}: the path of the pseudo-terminal is missing; an example: pty:///tmp/meter")
    try:
        from wattproof.io import serial
    except ImportError:
        return None
    return serial
