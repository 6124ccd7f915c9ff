"""Bodies of the resources about the gateway: 1 to 15; users: 17 to 23; firmware: 24 to 27 (g13-api.md 3, 8, 9)."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from wattproof.g13.shapes.common import (
    ACCESS,
    ALIAS,
    ANY_FLAG,
    ANY_MOMENT,
    ANY_NUMBER,
    ANY_TEXT,
    LOCATION,
    METER,
    SUCCESS,
    Key,
    UserName,
    listed,
    numbers,
    serials,
    texts,
)
from wattproof.g13.shapes.compound import Array, Member, either, needs, optional, ours, record, row
from wattproof.g13.shapes.scalars import Choice, Flag, Hardware, Mask, Quad, Text, Whole
from wattproof.g13.shapes.shape import Body, How, Shape, Unfit
from wattproof.g13.shapes.times import Moment

#: 6: rates of the EQ bus, bit/s.
EQBUS_RATES = (1200, 2400, 9600, 19200, 38400, 57600, 115200, 125000, 230400, 460800, 500000)
#: 7, 8: times of M-Bus in milliseconds (GD-09).
MBUS_TIMES: Mapping[str, tuple[int, int]] = {
    "ack": (200, 2000),
    "delay_after_telegram": (50, 60000),
    "delay_before_requd2": (50, 1000),
    "get_request": (0, 25000),
    "meter_contact": (10, 25000),
    "response_timeout": (300, 15000),
    "response_timeout_base": (100, 10000),
}
#: 12, 42: years that a clock may be set to (8.2).
CLOCK = Moment(clock=True)


def _check_ip(body: dict[str, Any], how: How) -> None:
    """The addresses fit together (8.1)."""
    mask = int(IPv4Address(body["subnet"]))
    if mask | (mask - 1) != 0xFFFFFFFF and mask:
        raise Unfit("invalid subnet")
    gateway = IPv4Address(body["gateway"])
    network = IPv4Network((body["ip"], body["subnet"]), strict=False)
    if int(gateway) and gateway not in network:
        raise Unfit("invalid gateway")
    if body["dns"] and not body["dhcp"]:
        raise Unfit("static ip needs static dns")


def _check_key(body: dict[str, Any], how: How) -> None:
    """A new password differs from the old one and from the name, whatever its case (9.1)."""
    if "key" not in body:
        return
    if body["key"] == body.get("oldkey"):
        raise Unfit("new key equals old key")
    if body["key"].lower() == body["name"]:
        raise Unfit("key equals name")


def _check_change(body: dict[str, Any], how: How) -> None:
    """18: a new password, or the flag of the gateway admin (ours), or both."""
    if "key" not in body and "gatewayadmin" not in body:
        raise Unfit(_NO_KEY)
    _check_key(body, how)


_NO_KEY = "missing name and key tag in JSON"
_MBUS = record(*(Member(name, Whole(*limits)) for name, limits in MBUS_TIMES.items()))
_NAME = Member("name", UserName(), missing=_NO_KEY, invalid="invalid user name")
_KEY = Member("key", Key(), missing=_NO_KEY)
_OLD_KEY = optional("oldkey", Text(1025))
_ADMIN = optional("gatewayadmin", Flag(), ours=True)
_BINDING = (Member("name", UserName(), invalid="invalid user name"), Member("serial", METER))

REQUESTS: Mapping[int, Body] = {
    5: Body(
        record(
            Member("dhcp", Flag()),
            Member("dns", Flag()),
            *(
                Member(name, Mask() if name == "subnet" else Quad())
                for name in ("ip", "gateway", "subnet", "pdns", "sdns")
            ),
            rules=either(needs(dns=False), needs(dhcp=True)),
        ),
        check=_check_ip,
    ),
    6: Body(record(Member("baudrate", Whole(only=EQBUS_RATES)), Member("interoctettimeout", Whole(20, 6000)))),
    7: Body(_MBUS),
    8: Body(_MBUS),
    10: Body(record(optional("serial", METER), Member("alias", ALIAS), Member("location", LOCATION))),
    12: Body(record(Member("datetime", CLOCK, missing="missing datetime tag in JSON"))),
    18: Body(
        record(_NAME, _OLD_KEY, optional("key", Key()), _ADMIN, rules=either(needs("key"), needs("gatewayadmin"))),
        check=_check_change,
    ),
    19: Body(record(_NAME, _KEY, _ADMIN), check=_check_key),
    22: Body(record(*_BINDING, Member("access", ACCESS))),
    23: Body(record(*_BINDING, optional("access", ACCESS))),
    27: Body(
        record(Member("meters", serials("too many meters", least=1, most=10, twice="duplicate serial"))),
    ),
}

_USER = (*texts("name"), ours("gatewayadmin", ANY_FLAG))
_TIMES = record(*numbers(*MBUS_TIMES))
_UPDATE_STATES = ("waiting", "initiating", "transferring", "verifying", "activating", "restarting", "done", "failed")

RESPONSES: Mapping[int, Shape] = {
    1: record(
        *texts("cosemversion", "firmwareversion", "hardwareversion"),
        Member("model", ANY_TEXT, compat=lambda model: ""),
        Member("jsonapiversion", ANY_TEXT, compat=lambda version: "0.9"),  # GD-03
        *texts("logicaldevicename"),
        Member("releasedate", ANY_MOMENT),
        *texts("serial"),
    ),
    4: record(
        Member(
            "ip",
            record(
                Member("dhcp", ANY_FLAG),
                Member("dns", ANY_FLAG),
                *texts("gateway", "ip"),
                Member("mac", Hardware()),
                *texts("pdns", "sdns", "subnet"),
            ),
        ),
        Member("eqbus", record(*numbers("baudrate", "interoctettimeout"))),
        Member("mbus-wired", _TIMES, aliases=("mbus_wired", "mbus wired", "mbus/wired")),  # GD-21
        Member("mbus-ir", _TIMES, aliases=("mbus_ir", "mbus ir", "mbus/ir")),
    ),
    9: record(*texts("serial", "alias", "location")),
    11: record(Member("datetime", ANY_MOMENT), Member("status", Choice(("set", "not set")))),
    13: listed(
        "events",
        *numbers("category", "index", "id"),
        Member("timestamp", ANY_MOMENT),
        *numbers("type"),
    ),
    15: record(Member("status", Choice(("Rebooting",)))),
    17: listed("users", *_USER),
    21: listed("bindings", *texts("serial"), Member("access", ACCESS)),
    24: record(
        Member(
            "devices",
            Array(
                record(
                    *texts("serial"),
                    Member("status", Choice(("pending", "success", "failed"))),
                    ours("state", Choice(_UPDATE_STATES)),
                    ours("progress", ANY_NUMBER),
                    ours("blocks", row(ANY_NUMBER, ANY_NUMBER)),
                    ours("error", ANY_TEXT),
                )
            ),
        ),
        *numbers("firmwareupdatecomplete"),
    ),
    **dict.fromkeys((5, 6, 7, 8, 10, 12, 14, 18, 19, 20, 22, 23, 25, 26, 27), SUCCESS),
}
