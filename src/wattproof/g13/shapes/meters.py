"""Bodies of the resources about which meters there are: 16, 28 to 40 and 91 (g13-api.md 3, 4, 10.1, 10.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wattproof.g13.parameters import FLAGS
from wattproof.g13.shapes.common import (
    ACCESS,
    ALIAS,
    ANY_NUMBER,
    ANY_TEXT,
    LOCATION,
    METER,
    SERIAL,
    SUCCESS,
    listed,
    numbers,
    serials,
    texts,
)
from wattproof.g13.shapes.compound import (
    Array,
    Either,
    Member,
    Named,
    Object,
    Table,
    either,
    needs,
    optional,
    ours,
    record,
    same,
)
from wattproof.g13.shapes.scalars import Choice, Text, Whole
from wattproof.g13.shapes.shape import Body, How, Shape, Unfit

#: Meters in one request of 16, 37, and permitted wireless meters at any time (1.6).
EXECUTED, FORGOTTEN, PERMITTED = 32, 15, 25
#: 36: rates of M-Bus, bit/s.
MBUS_RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400)
_OBIS = re.compile(r"[0-9]{1,3}([.:*-][0-9]{1,3}){5}", re.ASCII)


@dataclass(frozen=True)
class Obis(Shape):
    """Six groups of an OBIS code, as array or as text with dots or other marks between them (16)."""

    def take(self, value: Any, how: How) -> list[int]:
        if isinstance(value, str) and _OBIS.fullmatch(value):
            value = [int(group) for group in re.split("[.:*-]", value)]
        if not isinstance(value, list) or len(value) != 6:
            raise Unfit
        return [Whole(0, 255).take(group, how) for group in value]

    def give(self, value: Any, compat: bool) -> str:
        return ".".join(map(str, value))

    def schema(self, *, request: bool) -> dict[str, Any]:
        group = {"type": "integer", "minimum": 0, "maximum": 255}
        octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
        text = {"type": "string", "pattern": rf"^{octet}([.:*-]{octet}){{5}}$", "description": "OBIS code as text"}
        groups = {"type": "array", "items": group, "minItems": 6, "maxItems": 6, "description": "its six groups"}
        return {"anyOf": [text, groups]}


_ATTRIBUTE = record(Member("value", Whole(-128, 127)), optional("unit", Whole(-128, 127)))


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Bus(Object):
    """What to scan on one bus: addresses as ``start`` and ``end`` or as ``range``, or none of them where ``free``.

    A marker says which addresses are meant: ``"mode":"secondary"`` or ``"secondary":true`` (GD-47).
    """

    free: bool = False

    def take(self, value: Any, how: How) -> dict[str, Any]:
        found = super().take(_with_mode(value), how)
        spans = {"start", "end"} & found.keys()
        if found.get("mode") == "secondary":
            if spans or "range" in found:
                raise Unfit("invalid mode", final=True)
            return found
        if spans and "range" in found:
            raise Unfit("invalid range", final=True)
        if "range" in found or (self.free and not spans):
            return found
        for name in ("start", "end"):
            if name not in found:
                raise Unfit(f"missing {name} in JSON", final=True)
        if found["start"] > found["end"]:
            raise Unfit("invalid start", final=True)
        return found


def _with_mode(value: Any) -> Any:
    """The markers ``"primary":true`` and ``"secondary":true`` as mode."""
    if not isinstance(value, dict):
        return value
    marked = [name for name in ("primary", "secondary") if value.get(name) is True]
    if "mode" in value or not marked:
        return value
    if len(marked) > 1:
        raise Unfit("invalid mode", final=True)
    return {**value, "mode": marked[0]}


def _addresses(low: int, high: int) -> tuple[Member, ...]:
    address = Whole(low, high)
    span = Array(address, least=1, most=10, unique=same)
    return (optional("start", address), optional("end", address), optional("range", span))


def _spans(*, mode: bool = False, free: bool = False) -> dict[str, Any]:
    """What :class:`Bus` asks for."""
    primary = {"mode": "primary"} if mode else {}
    ways = [needs("start", "end", without=("range",), **primary), needs("range", without=("start", "end"), **primary)]
    if mode or free:
        ways.append(
            needs(
                *(("mode",) if mode else ()),
                without=("start", "end", "range"),
                **({"mode": "secondary"} if mode else {}),
            )
        )
    return either(*ways)


_MODE = Choice(("primary", "secondary"))
_RATE = Member("baudrate", Whole(only=MBUS_RATES))
_URLS = Array(Text(256, least=1), least=1, most=16)
_EQBUS = Bus(_addresses(0, 16381), rules=_spans())
_WIRED = Bus((optional("mode", _MODE, default="primary"), *_addresses(0, 250), _RATE), rules=_spans(mode=True))
_INFRARED = Bus((Member("mode", _MODE), _RATE), free=True)
_MODBUS = Bus(
    (
        optional("urls", _URLS),
        optional("bus", Array(Text(33, pattern="[a-z0-9-]{1,32}"), least=1, most=16, single=True)),
        *_addresses(1, 247),
    ),
    free=True,
    rules={"allOf": [_spans(free=True), either(needs("urls"), needs("bus"))]},
)
_PROTOCOLS = ("eqbus", "mbus-wired", "mbus-ir", "modbus", "rest")


def _check_scan(body: dict[str, Any], how: How) -> None:
    """There is something to scan (36); the token of the path counts, and Modbus units are 1 to 247 by default."""
    body.pop("token", None)
    if not any(name in body for name in _PROTOCOLS):
        raise Unfit("missing eqbus in JSON")
    modbus = body.get("modbus")
    if modbus is not None:
        if not {"urls", "bus"} & modbus.keys():
            raise Unfit("missing urls in JSON")
        if "range" not in modbus:
            modbus.setdefault("start", 1)
            modbus.setdefault("end", 247)


def _permitted(serial: Text) -> Body:
    """A list of wireless meters, or a single one (GD-31)."""
    item = Named("serial", serial)
    return Body(record(Member("meters", Array(item, most=PERMITTED, excess="too many meters", single=True))))


_NAMED = (Member("alias", ALIAS), Member("location", LOCATION))

REQUESTS: Mapping[int, Body] = {
    16: Body(
        record(
            Member("devices", serials(least=1, most=EXECUTED)),
            Member("obis", Obis()),
            Member("classid", Whole(0, 65535)),
            Member("attributes", Either((_ATTRIBUTE, Array(_ATTRIBUTE, least=1, most=16)), _as_list)),
        )
    ),
    32: Body(record(*_NAMED, optional("serial", METER))),
    33: Body(record(*_NAMED, Member("serial", METER))),
    36: Body(
        record(
            optional("eqbus", _EQBUS),
            optional("mbus-wired", _WIRED, aliases=("mbus_wired", "mbus wired", "mbus/wired")),
            optional("mbus-ir", _INFRARED, aliases=("mbus_ir", "mbus ir", "mbus/ir")),
            optional("modbus", _MODBUS),
            optional("rest", record(Member("urls", _URLS))),
            optional("token", Whole()),
            rules=either(*map(needs, _PROTOCOLS)),
        ),
        check=_check_scan,
    ),
    37: Body(
        record(
            optional(
                "scanned",
                Array(record(Member("serial", METER)), most=FORGOTTEN, excess="too many meters"),
                default=None,
            )
        ),
        needed=False,
    ),
    39: _permitted(SERIAL),
    40: _permitted(METER),
}

_ADDRESS = Either((ANY_NUMBER, ANY_TEXT))
_LISTED = record(
    *texts("alias", "serial"),
    Member("protocol", ANY_NUMBER),
    Member("address", _ADDRESS),
    Member("status", ANY_NUMBER),
)
_EXECUTED = record(
    *texts("serial"),
    Member("values", Array(record(*texts("value"), optional("unit", ANY_TEXT)))),
    optional("error", ANY_TEXT),
)

RESPONSES: Mapping[int, Shape] = {
    16: record(Member("devices", Array(_EXECUTED))),
    28: Table(wrapper="parametermapping"),
    29: record(*(Member(name, Array(ANY_NUMBER)) for name in ("pv", "lp", "dm", "ac"))),
    30: record(
        Member("associationobjects", Array(ANY_NUMBER, least=FLAGS, most=FLAGS)),
        Member("role", ACCESS),
        *texts("serial"),
    ),
    31: record(
        *texts("alias", "location", "serial"),
        Member("locations", Array(record(*texts("location", "serial"), Member("meters", Array(_LISTED))))),
    ),
    35: record(
        Member(
            "scanresult",
            Array(
                record(
                    *numbers("token"),
                    *texts("serial"),
                    Member("protocol", Whole(text=True)),
                    Member("address", ANY_TEXT),
                    ours("family", ANY_TEXT),
                )
            ),
        ),
        *numbers("scancomplete"),
        ours("progress", ANY_NUMBER),
    ),
    37: listed("deleted", *texts("serial"), *numbers("status")),
    38: record(Member("meters", Array(ANY_TEXT))),
    91: record(
        optional("id", ANY_NUMBER),
        Member("status", Choice(("success", "error"))),
        optional("des", ANY_TEXT),
        ours("serial", ANY_TEXT),
        ours("resource", ANY_TEXT),
        ours("detail", ANY_TEXT),
    ),
    **dict.fromkeys((32, 33, 34, 36, 39, 40), SUCCESS),
}
