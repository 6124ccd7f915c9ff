"""Where a scan asked for over the network may look (g13-api.md 10.2): certain networks, never a device by its path."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from wattproof.errors import InvalidURL
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.io.url import MeterURL, parse_url

NOT_ALLOWED = "url not allowed"
#: Resolves a name to its addresses, as texts.
Resolve = Callable[[str], Awaitable[Sequence[str]]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


async def resolve(name: str) -> list[str]:
    """Addresses of a host name, by the system; of an address itself."""
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(name.partition("%")[0]))]
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def allowed(text: str, schemes: Sequence[str], networks: Sequence[str], resolver: Resolve = resolve) -> MeterURL:
    """An address to be scanned, with the host as it was resolved, so that it cannot mean another one later.

    Raises ``CommandFailed``: a scheme, a device, credentials or a host that is not allowed.
    """
    try:
        url = parse_url(text)
    except InvalidURL as error:
        raise _refused(str(error)) from error
    if url.scheme not in schemes:
        raise _refused(f"{url.scheme} is not scanned; these are: {', '.join(schemes)}")
    if url.host is None:
        raise _refused("a serial device is only reached by the name of a configured bus")
    if url.model is not None or set(url.options) & {"user", "password-file", "key", "certificate", "ca"}:
        raise _refused("an address to be scanned names neither a model nor a user nor a file")
    try:
        found = await resolver(url.host)
    except OSError as error:
        raise _refused(f"the name {url.host} is not known: {error}") from error
    ranges = [ipaddress.ip_network(network) for network in networks]
    for address in found:
        _check(ipaddress.ip_address(address.partition("%")[0]), ranges, url.host)
    if not found:
        raise _refused(f"the name {url.host} has no address")
    return replace(url, host=found[0])


def _check(address: Address, ranges: Sequence[Network], host: str) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    inside = any(address.version == network.version and address in network for network in ranges)
    if address.is_link_local or address.is_multicast or address.is_unspecified or not inside:
        raise _refused(f"{host} ({address}) is outside the networks that may be scanned")


def _refused(detail: str) -> CommandFailed:
    return CommandFailed(Failing.INVALID, NOT_ALLOWED, detail=detail)
