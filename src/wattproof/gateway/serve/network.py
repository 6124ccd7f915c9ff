"""Checks the network settings of #5 (g13-api.md 8.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from wattproof.gateway.serve.problems import invalid

#: Members in the order of section 3.
SWITCHES = ("dhcp", "dns")
ADDRESSES = ("ip", "gateway", "subnet", "pdns", "sdns")
_ANY = ipaddress.IPv4Address("0.0.0.0")  # noqa: S104 - "none", not an address to listen at


def checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are stored. Raises ``Problem`` 400 naming the member."""
    for name in ("dhcp", "dns", "ip", "gateway", "subnet", "pdns", "sdns"):
        if body.get(name) is None:
            raise invalid(f"missing {name} in JSON")
    for name in SWITCHES:
        if not isinstance(body[name], bool):
            raise invalid(f"invalid {name}")
    found = {name: _quad(name, body[name]) for name in ADDRESSES}
    mask = int(found["subnet"])
    if (mask | mask - 1) & 0xFFFFFFFF != 0xFFFFFFFF and mask:
        raise invalid("invalid subnet")
    outside = (int(found["gateway"]) ^ int(found["ip"])) & mask
    if found["gateway"] != _ANY and outside:
        raise invalid("invalid gateway")
    if not body["dhcp"] and body["dns"]:
        raise invalid("static ip needs static dns")
    return {name: body[name] if name in SWITCHES else str(found[name]) for name in SWITCHES + ADDRESSES}


def _quad(name: str, value: object) -> ipaddress.IPv4Address:
    try:
        if isinstance(value, str):
            return ipaddress.IPv4Address(value)
    except ValueError:
        pass
    raise invalid(f"invalid {name}")


def mac_text(address: int) -> str:
    """A hardware address as six decimal numbers with dots (GD-28).

    >>> mac_text(0xFFFFFFC72200)
    '255.255.255.199.34.0'
    """
    return ".".join(str(octet) for octet in address.to_bytes(6, "big"))
