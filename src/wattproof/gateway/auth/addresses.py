"""Which address a request counts for: the peer, or what a trusted proxy says; IPv6 by its /64 (9.4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks of the configuration; a single address is one. Raises ``ValueError``."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def parsed(text: str) -> Address | None:
    """An address as text, an IPv4 address in IPv6 clothes as IPv4; a zone (``%eth0``) is left away."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The address of the client. ``forwarded``: the ``X-Forwarded-For`` headers, joined in their order.

    Each proxy appends whom it heard, so the list is read from its end for as long as a trusted one speaks. What an
    untrusted peer sends there, and what is not an address, counts for nothing.

    >>> client_address("10.0.0.1", "198.51.100.7, 203.0.113.9", networks(["10.0.0.0/8"]))
    '203.0.113.9'
    >>> client_address("203.0.113.9", "198.51.100.7", networks(["10.0.0.0/8"]))
    '203.0.113.9'
    """
    address = parsed(peer)
    if address is None:
        return peer
    named = forwarded.split(",")
    while named and is_trusted(address, trusted):
        further = parsed(named.pop())
        if further is None:
            break
        address = further
    return str(address)


def is_trusted(address: Address, trusted: Iterable[Network]) -> bool:
    """Whether a proxy of the configuration has this address."""
    return any(address.version == network.version and address in network for network in trusted)


@lru_cache(4096)
def counted(address: str) -> str:
    """What an address is counted as: itself, of IPv6 the /64, for one customer has 2**64 of them.

    >>> counted("2001:db8:1:2:3:4:5:6"), counted("::ffff:192.0.2.1"), counted("192.0.2.1")
    ('2001:db8:1:2::/64', '192.0.2.1', '192.0.2.1')
    """
    found = parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address if found is None else str(found)
