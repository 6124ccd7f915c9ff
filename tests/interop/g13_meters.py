"""What each of the five meters answers to a read (10.3, and section 1.15 of the ABB specification for M-Bus).

A text is the reason of ``not supported by this meter: ...``; everything else is a shape.
"""

from __future__ import annotations

import re
from typing import Any

from tests.interop.g13_shapes import (
    ALARM,
    CLOCK,
    COLUMN,
    DAYS,
    DECIMAL,
    EVENT,
    FACTORS,
    HARMONICS,
    INFO,
    INPUT,
    INSTRUMENT,
    IO_NAMES,
    OUTPUT,
    PHASE,
    PULSE_NAMES,
    RESETTABLE,
    SERIAL,
    TEXT,
    WHEN,
    decimal,
    energies,
    only,
    powers,
    without,
)

FLAG = {0, 1}
VERSION = {"version": [re.compile(".{1,17}")]}
ALARMS = {"alarmconfig": [{"id": set(range(1, 26))} | {f"{name}?": shape for name, shape in ALARM.items()}]}
FLAGS = {"errors": [TEXT], "warnings": [TEXT], "informationflags": [TEXT]}
LOGS = {"system": [EVENT], "quality": [EVENT], "event": [EVENT]}
COUNTERS = dict.fromkeys(RESETTABLE, decimal(0, None))
WEEKS = {"weekprofiles": [{"dayid": (int,) * 7, "profile": TEXT}]}
SEASONS = {"seasonprofiles": [{"day": int, "month": int, "profile": TEXT, "weekprofile": TEXT}]}
DATE = {"day": int, "month": int, "week": int, "year": int}
SPECIALS = {"specialdayprofiles": [{"date": DATE, "dayprofile": int, "profile": int}]}
TARIFF = {"daytype": int, "season": int, "tariff": {1, 2, 3, 4}, "source": {0, 1, 2}, "inputconfig?": [int]}
PERIODS = {"daily", "weekly", "monthly"}
NUMERIC = re.compile(DECIMAL + r"(\.\d+)?")
STORED = {
    "mapping": [COLUMN],
    "interval": PERIODS,
    "items": [{"values": [(int, NUMERIC)], "time": WHEN}],
}
PROFILE = {"mapping": COLUMN, "interval": int, "items": [{"status": int, "timestamp": WHEN, "value": NUMERIC}]}
DEMAND = {
    "mapping": [COLUMN],
    "items": [{"values": [(int, lambda it: type(it) is int or NUMERIC.fullmatch(it), WHEN, {1, 2, 3})], "time": WHEN}],
}
PULSE = {"length": int, "frequency": int, "energytype": PULSE_NAMES}
SETTINGS = {
    "previousvalues": {"interval": PERIODS, "weekday?": set(range(1, 8)), "pvconfig": [int]},
    "loadprofiles": {"lpconfig": ((int, int, int),) * 8},
    "demand": {"dmc": [(int, int)], "interval": (int, int), "period": PERIODS, "weekday?": set(range(1, 8))},
}


def rights(role: str) -> dict[str, Any]:
    return {"associationobjects": (FLAG,) * 241, "role": {role}, "serial": SERIAL}


def reads(g13: bool) -> dict[tuple[int, str], dict[str, Any]]:
    """By resource and path: what each kind of meter answers."""
    watts = ("W", "W", "W") if g13 else ("W", "var", "VA")
    active = energies("kWh")
    some = {"importenergy": dict.fromkeys(("t1", "t2", "t3", "t4", "total"), decimal(None, "kWh"))}
    both = some | {"exportenergy": some["importenergy"], "netenergy": {"total": decimal(None, "kWh")}}
    pulse = PULSE | {"port": {0, 1, 2, 3, 255}} if g13 else {"id": {1, 2, 3, 4}} | PULSE | {"port": {1, 2, 3, 4, 255}}
    ac = {name: only(PHASE, "current", "powerfactor", "voltage") for name in ("l1", "l2", "l3")}
    heat = {} if g13 else {"temperature": dict.fromkeys(("i1", "i2"), decimal(None, "°C"))}
    power, loose = powers(*watts), powers(*watts, places=None)
    ports = {"iostatus": (OUTPUT, OUTPUT, INPUT, INPUT)}
    none = "inputs and outputs"
    rows: tuple[tuple[int, str, tuple[Any, ...]], ...] = (
        (30, "associationobjects", (rights("Configure"), rights("Configure"), rights("Configure"),
                                    rights("View Only"), rights("View Only"))),
        (41, "datetime", (CLOCK, only(CLOCK, "datetime", "dayofweek", "status"), CLOCK, CLOCK, "clock")),
        (43, "info", (INFO, INFO, without(INFO, "ratio", "power.poweroutagetime"), without(INFO, "ratio", "power"),
                      without(INFO, "ratio", "power", "manufacturing.firmwareversion"))),
        (44, "energy/conversionfactor", ({"conversionfactor": FACTORS},) * 5),
        (44, "conversionfactor", ({"conversionfactor": FACTORS},) * 5),
        (46, "hardwareversion", (VERSION, "hardware version", VERSION, VERSION, "hardware version")),
        (47, "mbusinfo", ({"manufacturer": {"ABB"}, "devicetype": {2}, "addressingmode": set(range(256)),
                           "version": {32}, "id": int},) * 2 + ("M-Bus",) * 3),
        (49, "status", ({"serial": SERIAL, "label": TEXT, "status": {1}},) * 5),
        (50, "statusflags", (FLAGS,) * 5),
        (51, "events/2099-01-01T00:00:00", (LOGS,) * 5),
        (51, "events/2099-01-01T00:00:00/100", (LOGS,) * 5),
        (52, "alarms/configuration", (ALARMS, "alarms", ALARMS, ALARMS, ALARMS)),
        (54, "energy/active", (active, active, some, both, some)),
        (54, "energy/reactive", (energies("kvarh"), energies("kvarh"), *("reactive energy",) * 3)),
        (54, "energy/apparent", (energies("kVAh", tariffs=False), energies("kVAh", tariffs=False),
                                 *("apparent energy",) * 3)),
        (55, "energy/active/co2", ({"importenergy": {"total": decimal(3, "KG")}},) * 5),
        (55, "energy/active/currency", ({"importenergy": {"total": decimal(2, "curr")}},) * 5),
        (56, "energy/resettable", tuple({"resettableenergy": it} for it in (
            RESETTABLE, RESETTABLE, only(RESETTABLE, "activeimport"), only(RESETTABLE, "activeimport", "activeexport"),
            only(RESETTABLE, "activeimport")))),
        (58, "energy/resetcounter", tuple({"resetcounter": it} for it in (
            COUNTERS, COUNTERS, only(COUNTERS, "activeimport"), only(COUNTERS, "activeimport", "activeexport"),
            only(COUNTERS, "activeimport")))),
        (59, "power", (power, power, loose, only(loose, "active.total"), only(loose, "active.total"))),
        (59, "powers", (power, power, loose, only(loose, "active.total"), only(loose, "active.total"))),
        (60, "instrument", (INSTRUMENT, INSTRUMENT, ac | {"frequency": {"frequency": decimal(1, "Hz")}},
                            {"l1": dict.fromkeys(("current", "voltage"), (NUMERIC, {"A", "V"}))} | heat,
                            {"l1": only(PHASE, "voltage")})),
        (61, "harmonics/voltage", (dict.fromkeys(("l1", "l2", "l3", "l1-l2", "l2-l3", "l1-l3"), HARMONICS),) * 2
         + ("harmonics",) * 3),
        (62, "harmonics/current", (dict.fromkeys(("l1", "l2", "l3", "neutral"), HARMONICS),) * 2 + ("harmonics",) * 3),
        (63, "io", (ports, ports, {"iostatus": (OUTPUT, OUTPUT)}, none, none)),
        (64, "io/configuration", ({"ioconfig": (IO_NAMES,) * 4}, "input and output configuration",
                                  {"ioconfig": ({"input"}, {"communiation_out"})}, none, none)),
        (65, "io/pulse", ({"pulse": (pulse,) * 4}, *("pulse outputs",) * 4)),
        (69, "previousvalues", (STORED,) * 5),
        (70, "previousvalues/configuration", (SETTINGS["previousvalues"], "previous values configuration",
                                              *(SETTINGS["previousvalues"],) * 3)),
        (73, "loadprofiles", (PROFILE,) * 5),
        (73, "loadprofiles/1", (PROFILE,) * 5),
        (74, "loadprofiles/configuration", (SETTINGS["loadprofiles"], "load profile configuration",
                                            *(SETTINGS["loadprofiles"],) * 3)),
        (77, "demand", (DEMAND,) * 5),
        (78, "demand/configuration", (SETTINGS["demand"], "demand configuration", *(SETTINGS["demand"],) * 3)),
        (81, "tariff", (TARIFF, {"tariff": {1, 2, 3, 4}, "source?": {0, 1, 2}}, *(TARIFF,) * 3)),
        (83, "tariff/dayprofiles", ({"dayprofiles": [DAYS]}, "day profiles", *({"dayprofiles": [DAYS]},) * 3)),
        (85, "tariff/weekprofiles", (WEEKS, "week profiles", *(WEEKS,) * 3)),
        (87, "tariff/seasonprofiles", (SEASONS, "season profiles", *(SEASONS,) * 3)),
        (87, "tariff/seasons", (SEASONS, "season profiles", *(SEASONS,) * 3)),
        (89, "tariff/specialdayprofiles", (SPECIALS, "special days", *(SPECIALS,) * 3)),
    )  # fmt: skip
    return {(number, path): dict(zip(KINDS, what, strict=True)) for number, path, what in rows}


KINDS = ("eq", "mbus", "bsm", "dmed", "map")
