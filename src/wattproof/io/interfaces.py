"""The network interfaces of the host: their IPv4 and hardware addresses."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

#: ioctl that tells the first IPv4 address of an interface (netdevice(7)), and how much of a name it takes.
_SIOCGIFADDR, _NAME = 0x8915, 15


def interfaces() -> Iterator[tuple[str, IPv4Address | None, int]]:
    """Name, first IPv4 address and hardware address (0 where there is none) of each; nothing where the system does not
    tell."""
    if not sys.platform.startswith("linux"):
        return
    for _, name in socket.if_nameindex():
        yield name, _address(name), _hardware(name)


def hardware_address(listening: str) -> int:
    """The hardware address of the interface with an IPv4 address; of the first that has one where it is 0.0.0.0."""
    everywhere = listening in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not listened at
    for _, address, hardware in interfaces():
        if address is not None and ((everywhere and hardware) or str(address) == listening):
            return hardware
    return 0


def is_local(address: str) -> bool:
    """Whether an IPv4 address belongs to an interface of this host."""
    if not int(IPv4Address(address)):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            return error.errno not in (errno.EADDRNOTAVAIL, errno.EINVAL)
    return True


def _address(name: str) -> IPv4Address | None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        asked = struct.pack("256s", name.encode()[:_NAME])
        return IPv4Address(fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, asked)[20:24])
    return None


def _hardware(name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(Path(f"/sys/class/net/{name}/address").read_text().strip().replace(":", ""), 16)
    return 0
