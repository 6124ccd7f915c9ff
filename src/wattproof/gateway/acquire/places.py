"""Where a meter is: protocol and address as the interface shows them, and what its bus needs (g13-api.md 10.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wattproof.drivers.cosem.place import TCP, UDP
from wattproof.gateway.config import BusConfig, MeterConfig
from wattproof.io.url import MODBUS, MeterURL, parse_url
from wattproof.meters import registry

MBUS_WIRED, MBUS_IR, EQ_BUS, WIRELESS, MODBUS_TCP, MODBUS_LINE, REST = range(1, 8)
#: HDLC and primary M-Bus address of a meter that was given none. On Modbus it is the usual unit of its family.
HDLC_ADDRESS, UNIT = 17, 1
_WEB = ("http", "https")
#: The family of meters behind another gateway: many share one address, so their serial numbers are part of it.
MIRRORED = "g13"


def protocol_of(url: MeterURL) -> int:
    """The number of what is spoken at a bus."""
    if url.framing == "mbus":
        return MBUS_IR if url.switch("ir") else MBUS_WIRED
    if url.framing in MODBUS:
        return MODBUS_TCP if url.framing == "tcp" else MODBUS_LINE
    return REST if url.scheme in _WEB else EQ_BUS


def socket_of(url: MeterURL) -> str:
    """``host:port`` of a bus on a network, IPv6 in brackets; of a device the last part of its path."""
    if url.host is None:
        return url.path.rpartition("/")[2]
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port}"


def place_of(url: MeterURL) -> dict[str, Any]:
    """What singles out the meter of a found address on its line."""
    names = {"unit": int, "channel": int, "address": str}
    found = {name: take(url.options[name]) for name, take in names.items() if name in url.options}
    return found | _wrapped(url)


def _wrapped(url: MeterURL) -> dict[str, Any]:
    """What carries COSEM to the one meter at a port."""
    return {"transport": url.framing} if url.framing in (TCP, UDP) else {}


def configured_place(meter: MeterConfig, url: MeterURL) -> dict[str, Any]:
    """The same for a meter of the file."""
    place: dict[str, Any] = {}
    if url.framing in MODBUS:
        place["unit"] = registry.family(meter.family).unit if meter.unit is None else meter.unit
    elif url.framing == "mbus":
        place["address"] = str(meter.address if meter.address is not None else meter.unit or UNIT)
    elif url.framing == "hdlc":
        place["address"] = str(meter.address if meter.address is not None else meter.unit or HDLC_ADDRESS)
    elif meter.channel is not None:
        place["channel"] = meter.channel
    place |= _wrapped(url)
    if meter.family == MIRRORED and (serial := meter.serial or url.options.get("serial")) is not None:
        place["serial"] = serial
    if meter.map is not None:
        place["map"] = meter.map
    if meter.tls_pin is not None:
        place["tls_pin"] = meter.tls_pin
    return place


def address_of(bus: str, url: MeterURL, place: Mapping[str, Any]) -> int | str:
    """The address as #31 shows it."""
    protocol = protocol_of(url)
    if protocol == MODBUS_TCP:
        return f"{socket_of(url)}/{place['unit']}"
    if protocol == MODBUS_LINE:
        return f"{bus}/{place['unit']}"
    if protocol == REST:
        part = place.get("channel", place.get("serial"))
        return socket_of(url) if part is None else f"{socket_of(url)}/{part}"
    address = str(place.get("address", "1"))
    return int(address) if address.isdecimal() else address


def bus_named(text: str) -> BusConfig:
    """A bus that only its address names, as one that was found by a scan. Raises ``InvalidURL``."""
    url = parse_url(text).line
    return BusConfig(socket_of(url), str(url))


def meter_url(family: str, bus: MeterURL, place: Mapping[str, Any]) -> str:
    """The address under which a meter is asked without the gateway: what ``wattproof read`` takes.

    >>> meter_url("bsm", parse_url("tcp://127.0.0.1:502?timeout=2"), {"unit": 42, "identity": "x"})
    'bsm+tcp://127.0.0.1:502?unit=42'
    """
    options = {name: str(place[name]) for name in ("unit", "address", "channel", "map") if name in place}
    kept = {name: text for name, text in bus.options.items() if name in ("baudrate", "parity", "stopbits", "ir")}
    return str(replace(bus, model=family, options={**kept, **options}))
