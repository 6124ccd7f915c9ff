"""The shapes of section 3 of the G13 specification, as one that reads answers would write them down.

A dictionary is an object with these members in this order (a ``?`` behind the name: may be absent); a list of one shape
an array of any length; a tuple an array of exactly these; a set one of these values; a pattern a text that it matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.interop.g13_client import Number

TEXT = str
WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
QUAD = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
SERIAL = re.compile(r"[A-Za-z0-9_.-]{1,16}")
DECIMAL = r"-?\d+"


def decimal(places: int | None, unit: str | None) -> tuple[Any, Any]:
    """A value with unit (1.2): a decimal text with that many places (``None``: any number), and the unit."""
    tail = r"(\.\d+)?" if places is None else "" if places == 0 else rf"\.\d{{{places}}}"
    return re.compile(DECIMAL + tail), {unit}


def check(document: Any, shape: Any, where: str = "") -> None:
    """``AssertionError`` where the document leaves the shape, with the place."""
    for kind, judge in JUDGES:
        if isinstance(shape, kind):
            judge(document, shape, where)
            return
    fits = type(document) is shape if isinstance(shape, type) else shape(document)
    assert fits, f"{where}: {document!r} is not {shape}"


def _object(document: Any, shape: dict[str, Any], where: str) -> None:
    assert isinstance(document, dict), f"{where}: {document!r} is no object"
    wanted = {name.rstrip("?"): rest for name, rest in shape.items()}
    needed = [name for name in shape if not name.endswith("?")]
    assert not [name for name in document if name not in wanted], f"{where}: unexpected members in {list(document)}"
    assert not [name for name in needed if name not in document], f"{where}: members missing in {list(document)}"
    order = [name for name in wanted if name in document]
    assert list(document) == order, f"{where}: order {list(document)} is not {order}"
    for name, value in document.items():
        check(value, wanted[name], f"{where}.{name}")


def _array(document: Any, shape: list[Any], where: str) -> None:
    assert isinstance(document, list), f"{where}: {document!r} is no array"
    for index, value in enumerate(document):
        check(value, shape[0], f"{where}[{index}]")


def _tuple(document: Any, shape: tuple[Any, ...], where: str) -> None:
    assert isinstance(document, list) and len(document) == len(shape), f"{where}: {document!r} has not {len(shape)}"
    for index, (value, part) in enumerate(zip(document, shape, strict=True)):
        check(value, part, f"{where}[{index}]")


def _choice(document: Any, shape: set[Any] | frozenset[Any], where: str) -> None:
    fits = any(type(value) is type(document) and value == document for value in shape)
    assert fits, f"{where}: {document!r} is none of {shape}"


def _pattern(document: Any, shape: re.Pattern[str], where: str) -> None:
    assert isinstance(document, str) and shape.fullmatch(document), f"{where}: {document!r} is no {shape.pattern}"


JUDGES: tuple[tuple[Any, Callable[[Any, Any, str], None]], ...] = (
    (dict, _object), (list, _array), (tuple, _tuple), ((set, frozenset), _choice), (re.Pattern, _pattern),
)  # fmt: skip

SUCCESS = {"status": {"success"}}
RULE = {"month": int, "day": int, "week": int, "hour": int}
TIMINGS = dict.fromkeys(
    ("ack", "delay_after_telegram", "delay_before_requd2", "get_request", "meter_contact", "response_timeout",
     "response_timeout_base"), int,
)  # fmt: skip
FACTORS = {"co2": decimal(3, "kg/kWh"), "currency": decimal(3, "curr/kWh")}
EVENT = {"datetime": WHEN, "duration": int, "category": {1, 2, 4, 8}, "logid": int}
IO_NAMES = {"input", "communiation_out", "alarm_out", "pulse_out", "tariff_out", "always_on", "always_off"}
PULSE_NAMES = {"active_import", "active_export", "reactive_import", "reactive_export", "turned_off", "invalid"}
NUMBER = lambda it: type(it) in (int, Number)  # noqa: E731
ALARM = {"quantity": int, "onthreshold": NUMBER, "offthreshold": NUMBER, "ondelay": int, "offdelay": int, "log": bool,
         "output": {0, 1, 2, 3, 4}}  # fmt: skip
PERCENT = lambda it: isinstance(it, Number) and re.fullmatch(r"\d+\.\d", it.text) is not None  # noqa: E731
HARMONICS = {"harmonics": (PERCENT,) * 16, "thd": PERCENT}


def energies(unit: str, places: int = 2, *, tariffs: bool = True) -> dict[str, Any]:
    """#54: net has no tariffs."""
    value = decimal(places, unit)
    full = dict.fromkeys(("l1", "l2", "l3", *(("t1", "t2", "t3", "t4") if tariffs else ()), "total"), value)
    net = dict.fromkeys(("l1", "l2", "l3", "total"), value)
    return {"importenergy": full, "exportenergy": full, "netenergy": net}


def powers(active: str, reactive: str, apparent: str, places: int = 2) -> dict[str, Any]:
    """#59, with the units of GD-18."""
    rows = (("active", active), ("reactive", reactive), ("apparent", apparent))
    return {name: dict.fromkeys(("l1", "l2", "l3", "total"), decimal(places, unit)) for name, unit in rows}


PHASE = {
    "current": decimal(2, "A"), "currentquadrant": decimal(0, None), "phaseanglecurrent": decimal(1, "deg"),
    "phaseanglepower": decimal(1, "deg"), "phaseanglevoltage": decimal(1, "deg"), "powerfactor": decimal(3, None),
    "voltage": decimal(1, "V"),
}  # fmt: skip
LINE = {"voltage": decimal(1, "V")}
INSTRUMENT = {
    "l1": PHASE, "l2": PHASE, "l3": PHASE, "l1-l2": LINE, "l2-l3": LINE, "l1-l3": LINE,
    "neutral": {"current": decimal(2, "A")},
    "total": {"currentquadrant": decimal(0, None), "phaseanglepower": decimal(1, "deg"),
              "powerfactor": decimal(3, None)},
    "frequency": {"frequency": decimal(2, "Hz")},
}  # fmt: skip
OUTPUT = {"port": int, "currentstate": {0, 1}}
INPUT = OUTPUT | {"storedstate": {0, 1}, "counter": int}
RESETTABLE = {
    "activeimport": decimal(3, "Wh"), "activeexport": decimal(3, "Wh"),
    "reactiveimport": decimal(3, "varh"), "reactiveexport": decimal(3, "varh"),
}  # fmt: skip
INFO = {
    "manufacturing": {"serial": SERIAL, "label": TEXT, "firmwareversion": TEXT},
    "ratio": dict.fromkeys(("ctdenum", "ctnum", "vtdenum", "vtnum"), int),
    "conversionfactor": FACTORS,
    "power": {"powerfailcounter": int, "poweroutagetime": int},
}
DAYS = {"actions": [(int, re.compile(r"\d\d:\d\d"))], "profile": int}
CLOCK = {"datetime": WHEN, "dayofweek": set(range(1, 8)), "dst": {0, 1}, "dstenable": bool, "dstend": RULE,
         "dststart": RULE, "status": {"set", "not set"}}  # fmt: skip
COLUMN = (re.compile("[a-z0-9_]+"), re.compile("Wh|varh|VAh|kg|KG|curr|currency|W|var|VA|V|A|%|"))


def without(shape: dict[str, Any], *paths: str) -> dict[str, Any]:
    """The shape of a meter that lacks these members, named ``a.b``."""
    made = dict(shape)
    for path in paths:
        name, _, rest = path.partition(".")
        if rest:
            made[name] = without(made[name], rest)
        else:
            del made[name]
    return made


def only(shape: dict[str, Any], *paths: str) -> dict[str, Any]:
    """The shape of a meter that has nothing but these members, named ``a`` or ``a.b``."""
    made: dict[str, Any] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        made[name] = only(shape[name], rest) | made.get(name, {}) if rest else shape[name]
    return {name: made[name] for name in shape if name in made}


def ordered(shape: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    return {name: shape[name] for name in like if name in shape}


GATEWAY: dict[str, Any] = {
    "/about": dict.fromkeys(
        ("cosemversion", "firmwareversion", "hardwareversion", "model", "jsonapiversion", "logicaldevicename",
         "releasedate", "serial"), TEXT,
    ) | {"firmwareversion": re.compile(r"G\d+\.\d+\.\d+\.\d+"), "hardwareversion": {""}, "releasedate": WHEN,
         "serial": re.compile(r"\d{10}"), "cosemversion": {"6"}},
    "/configuration": {
        "ip": {"dhcp": bool, "dns": bool, "gateway": QUAD, "ip": QUAD, "mac": re.compile(r"\d{1,3}(\.\d{1,3}){5}"),
               "pdns": QUAD, "sdns": QUAD, "subnet": QUAD},
        "eqbus": {"baudrate": int, "interoctettimeout": int}, "mbus-wired": TIMINGS, "mbus-ir": TIMINGS,
    },
    "/gateway": {"serial": SERIAL, "alias": TEXT, "location": TEXT},
    "/gateway/datetime": {"datetime": WHEN, "status": {"set", "not set"}},
    "/gateway/events": {"events": [{"category": {4, 8}, "index": int, "id": set(range(1, 18)), "timestamp": WHEN,
                                    "type": {2}}]},
    "/users/admin/bindings": {"bindings": [{"serial": SERIAL, "access": {"Configure", "View Only", "No Access"}}]},
    "/storablequantities": {name: [int] for name in ("pv", "lp", "dm", "ac")},
    "/meters": {
        "alias": TEXT, "location": TEXT, "serial": SERIAL,
        "locations": [{"location": TEXT, "serial": {""},
                       "meters": [{"alias": TEXT, "serial": SERIAL, "protocol": set(range(1, 8)),
                                   "address": (lambda it: type(it) in (int, str)), "status": {-1, 0, 1}}]}],
    },
    "/permittedmeters": {"meters": [SERIAL]},
    "/meters/scanned": {"scanresult": [{"token": int, "serial": SERIAL, "protocol": re.compile("[1-7]"),
                                        "address": TEXT}], "scancomplete": {0, 1, 2}},
    "/lasterror/0": SUCCESS,
}  # fmt: skip
#: What ours adds with compat=none (GD-54).
FOUND = {"token": int, "serial": SERIAL, "protocol": re.compile("[1-7]"), "address": TEXT, "family?": TEXT}
EXTENDED = {"/meters/scanned": {"scanresult": [FOUND], "scancomplete": {0, 1, 2}, "progress?": set(range(101))}}
