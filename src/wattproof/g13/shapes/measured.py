"""Bodies of the resources about one meter that are not recorded over time: 41 to 68 (g13-api.md 3, 5, 6)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from wattproof.g13.parameters import STORABLE
from wattproof.g13.shapes.common import (
    ANY_FLAG,
    ANY_MOMENT,
    ANY_NUMBER,
    ANY_TEXT,
    METER,
    PERCENT,
    SUCCESS,
    listed,
    numbers,
    texts,
    values,
)
from wattproof.g13.shapes.compound import (
    Array,
    Either,
    Member,
    Null,
    Object,
    Perhaps,
    either,
    needs,
    optional,
    ours,
    record,
)
from wattproof.g13.shapes.gateway import CLOCK
from wattproof.g13.shapes.scalars import Choice, Coded, Exact, Flag, Value, Whole
from wattproof.g13.shapes.shape import Body, How, Shape, Unfit, missing

#: 67: functions of the ports, spelt as the original prints them (GD-26).
IO_FUNCTIONS = Coded(
    {
        0: "input",
        1: "communiation_out",
        2: "alarm_out",
        3: "pulse_out",
        4: "tariff_out",
        5: "always_on",
        6: "always_off",
        255: "dont_change",
    },
    {"communication_out": 1},
)
#: 68: what the pulses of an output count.
PULSE_ENERGIES = Coded(
    {
        0: "active_import",
        1: "active_export",
        2: "reactive_import",
        3: "reactive_export",
        4: "turned_off",
        255: "invalid",
    }
)
#: Port of a pulse output that is off.
OFF = 255
_REGISTERS = ("activeimport", "activeexport", "reactiveimport", "reactiveexport")
_SECONDS = Whole(0, 0xFFFFFFFF)


_DATES = ("dststart", "dstend")


class _Clock(Object):
    """The setting of a clock: without summer time its dates are ignored, whatever they are (42)."""

    def take(self, value: Any, how: How) -> dict[str, Any]:
        if how.request and isinstance(value, dict) and value.get("dstenable") is False:
            value = {name: item for name, item in value.items() if name not in _DATES}
        return super().take(value, how)


def _check_clock(body: dict[str, Any], how: How) -> None:
    """Summer time needs both its dates; without it they are of no account (42)."""
    if not body.get("dstenable"):
        for name in _DATES:
            body.pop(name, None)
        return
    for name in _DATES:
        if name not in body:
            raise missing(name)


def _check_factors(body: dict[str, Any], how: How) -> None:
    if not body["conversionfactor"]:
        raise missing("co2")


def _check_ratio(body: dict[str, Any], how: How) -> None:
    """A transformer makes less of what it measures, never more (abb-meters.md 2.8)."""
    if body["ctnum"] < body["ctdenum"] or body["vtnum"] < body["vtdenum"]:
        raise Unfit("invalid ratio")


def _check_alarms(body: dict[str, Any], how: How) -> None:
    """An alarm that has only its id is off; one that is on has all that it needs (52, 53)."""
    for alarm in body["alarmconfig"]:
        if len(alarm) > 1:
            for name in _ALARM_NEEDS:
                if name not in alarm:
                    raise missing(name)
            alarm.setdefault("output", 0)


def _check_ports(body: dict[str, Any], how: How) -> None:
    for port in body["iostatus"]:
        if "currentstate" not in port and "reset" not in port:
            raise missing("currentstate")


_RULE = record(
    Member("month", Whole(1, 12)),
    Member("day", Whole(1, 7)),
    Member("week", Whole(1, 5, also=(254,))),
    Member("hour", Whole(0, 23)),
)
_RULE_SHOWN = record(*numbers("month", "day", "week", "hour"))
_THRESHOLD = Exact()
_ALARM_NEEDS = ("quantity", "onthreshold", "offthreshold", "ondelay", "offdelay", "log")
_TERM = Whole(1, 999999)
_RATIO = ("ctnum", "ctdenum", "vtnum", "vtdenum")
_CO2 = Exact(Decimal(0), Decimal("9.999"), places=3)
_CURRENCY = Exact(Decimal(0), Decimal(999999), places=3)

REQUESTS: Mapping[int, Body] = {
    42: Body(
        _Clock(
            (
                Member("datetime", CLOCK),
                optional("dstenable", Flag()),
                optional("dststart", _RULE, invalid="invalid dststart"),
                optional("dstend", _RULE, invalid="invalid dstend"),
            ),
            rules=either(needs(dstenable=False), needs("dststart", "dstend")),
        ),
        check=_check_clock,
    ),
    45: Body(
        record(
            Member(
                "conversionfactor",
                record(optional("co2", _CO2), optional("currency", _CURRENCY), rules={"minProperties": 1}),
            )
        ),
        check=_check_factors,
    ),
    48: Body(
        record(optional("serial", METER), *(Member(name, _TERM, invalid="invalid ratio") for name in _RATIO)),
        check=_check_ratio,
    ),
    53: Body(
        record(
            Member(
                "alarmconfig",
                Array(
                    record(
                        Member("id", Whole(1, 25)),
                        optional("quantity", Whole(only=STORABLE["ac"])),
                        optional("onthreshold", _THRESHOLD),
                        optional("offthreshold", _THRESHOLD),
                        optional("ondelay", _SECONDS),
                        optional("offdelay", _SECONDS),
                        optional("log", Flag()),
                        optional("output", Whole(0, 4)),
                        rules=either({"maxProperties": 1}, needs(*_ALARM_NEEDS)),
                    ),
                    unique=lambda alarm: alarm["id"],
                    twice="invalid id",
                ),
            )
        ),
        check=_check_alarms,
    ),
    57: Body(record(Member("resettableenergy", record(*(optional(name, Flag()) for name in _REGISTERS))))),
    66: Body(
        record(
            Member(
                "iostatus",
                Array(
                    record(
                        Member("port", Whole(1, 4)),
                        optional("currentstate", Whole(0, 1)),
                        optional("reset", Array(Choice(("storedstate", "counter")), least=1)),
                        rules=either(needs("currentstate"), needs("reset")),
                    )
                ),
            )
        ),
        check=_check_ports,
    ),
    67: Body(record(Member("ioconfig", Array(IO_FUNCTIONS, most=4), invalid="invalid io function"))),
    68: Body(
        record(
            Member(
                "pulse",
                Array(
                    record(
                        Member("id", Whole(1, 4)),
                        Member("port", Whole(1, 4, also=(OFF,))),
                        Member("length", Whole(10, 990)),
                        Member("frequency", Whole(1, 1_000_000)),
                        Member("energytype", PULSE_ENERGIES),
                    ),
                    unique=lambda output: output["id"],
                    twice="invalid id",
                ),
            )
        )
    ),
}

_FACTORS = record(
    optional("co2", Value(("kg/kWh",))),
    optional("currency", Value(("curr/kWh",))),
)
_EVENT = record(Member("datetime", ANY_MOMENT), *numbers("duration", "category", "logid"))
_PHASES = ("l1", "l2", "l3")
_TARIFFS = ("t1", "t2", "t3", "t4")
_ENERGY_UNITS = ("kWh", "kvarh", "kVAh")
_ENERGY = values((*_PHASES, *_TARIFFS, "total"), *_ENERGY_UNITS)
_POWER = (*_PHASES, "total")


def between(first: int, second: int, shape: Shape) -> Member:
    """An object about the voltage between two conductors; some write its key in another way (GD-20)."""
    marks = ("_", " ", "")
    return optional(f"l{first}-l{second}", shape, aliases=tuple(f"l{first}{mark}l{second}" for mark in marks))


_PAIRS = ((1, 2), (2, 3), (1, 3))
_PHASE = record(
    optional("current", Value(("A",))),
    optional("currentquadrant", Value((None,))),
    *(optional(f"phaseangle{what}", Value(("deg",))) for what in ("current", "power", "voltage")),
    optional("powerfactor", Value((None,))),
    optional("voltage", Value(("V",))),
)
_VOLTAGE = values(("voltage",), "V")
_INSTRUMENT = record(
    *(optional(name, _PHASE) for name in _PHASES),
    *(between(*pair, _VOLTAGE) for pair in _PAIRS),
    optional("neutral", values(("current",), "A")),
    optional(
        "total",
        record(
            optional("currentquadrant", Value((None,))),
            optional("phaseanglepower", Value(("deg",))),
            optional("powerfactor", Value((None,))),
        ),
    ),
    optional("frequency", values(("frequency",), "Hz")),
    ours("temperature", values(("i1", "i2"), "°C")),
)
_HARMONICS = record(
    Member("harmonics", Perhaps(PERCENT, many=True), shown=False), Member("thd", Perhaps(PERCENT), shown=False)
)
_MAYBE = Perhaps(ANY_NUMBER)
_ALARM = record(
    Member("id", ANY_NUMBER),
    optional("quantity", ANY_NUMBER),
    optional("onthreshold", _THRESHOLD),
    optional("offthreshold", _THRESHOLD),
    optional("ondelay", ANY_NUMBER),
    optional("offdelay", ANY_NUMBER),
    optional("log", ANY_FLAG),
    optional("output", ANY_NUMBER),
)

RESPONSES: Mapping[int, Shape] = {
    # A clock that nobody has set may show no time at all.
    41: record(
        Member("datetime", Either((ANY_MOMENT, Null()))),
        Member("dayofweek", Either((ANY_NUMBER, Null()))),
        optional("dst", ANY_NUMBER),
        optional("dstenable", ANY_FLAG),
        optional("dstend", _RULE_SHOWN),
        optional("dststart", _RULE_SHOWN),
        Member("status", Choice(("set", "not set"))),
    ),
    43: record(
        Member("manufacturing", record(*texts("serial", "label"), optional("firmwareversion", ANY_TEXT))),
        optional("ratio", record(*numbers("ctdenum", "ctnum", "vtdenum", "vtnum"))),
        optional("conversionfactor", _FACTORS),
        optional("power", record(optional("powerfailcounter", ANY_NUMBER), optional("poweroutagetime", ANY_NUMBER))),
    ),
    44: record(optional("conversionfactor", _FACTORS)),
    46: record(Member("version", Array(ANY_TEXT, most=8))),
    47: record(*texts("manufacturer"), *numbers("devicetype", "addressingmode", "version", "id")),
    49: record(*texts("serial", "label"), Member("status", ANY_NUMBER, shown=False)),
    50: record(*(Member(name, Array(ANY_TEXT)) for name in ("errors", "warnings", "informationflags"))),
    51: record(*(Member(name, Array(_EVENT)) for name in ("system", "quality", "event"))),
    52: listed("alarmconfig", *_ALARM.members),
    54: record(
        optional("importenergy", _ENERGY),
        optional("exportenergy", _ENERGY),
        optional("netenergy", values((*_PHASES, "total"), *_ENERGY_UNITS)),
    ),
    55: record(optional("importenergy", record(optional("total", Value(("KG", "curr")))))),
    56: record(
        optional(
            "resettableenergy",
            record(
                *(optional(name, Value(("Wh" if name.startswith("active") else "varh",))) for name in _REGISTERS),
            ),
        )
    ),
    58: record(optional("resetcounter", values(_REGISTERS, None))),
    # GD-18: the original writes W for all three.
    59: record(
        optional("active", values(_POWER, "W")),
        optional("reactive", values(_POWER, "var", compat="W")),
        optional("apparent", values(_POWER, "VA", compat="W")),
    ),
    60: _INSTRUMENT,
    61: record(*(optional(name, _HARMONICS) for name in _PHASES), *(between(*pair, _HARMONICS) for pair in _PAIRS)),
    62: record(*(optional(name, _HARMONICS) for name in (*_PHASES, "neutral"))),
    63: listed(
        "iostatus",
        *numbers("port", shown=False),
        Member("currentstate", _MAYBE, shown=False),
        optional("storedstate", _MAYBE),
        optional("counter", _MAYBE),
    ),
    64: record(Member("ioconfig", Array(IO_FUNCTIONS))),
    # GD-11: compat mode counts ports from 0 and has no id.
    65: listed(
        "pulse",
        ours("id", ANY_NUMBER),
        *numbers("length", "frequency"),
        Member("energytype", PULSE_ENERGIES),
        Member("port", ANY_NUMBER, compat=lambda port: port if port == OFF else port - 1),
    ),
    **dict.fromkeys((42, 45, 48, 53, 57, 66, 67, 68), SUCCESS),
}
