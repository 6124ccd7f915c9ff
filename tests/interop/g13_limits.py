"""Limits and refusals of 13.2, one row each: resource, method, path, body, and ``None`` for success or the error.

An error is the text of a 400, or a pair of status and text; the text ``...`` stands where the specification has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.interop.g13_client import demand_codes

Row = tuple[int, str, str, Any, str | tuple[int, str] | None]

NETWORK = {
    "dhcp": False, "dns": False, "ip": "192.168.1.12", "gateway": "192.168.1.1", "subnet": "255.255.255.0",
    "pdns": "0.0.0.0", "sdns": "8.8.8.8",
}  # fmt: skip
BAUD_RATES = (1200, 2400, 9600, 19200, 38400, 57600, 115200, 125000, 230400, 460800, 500000)
TIMINGS = {
    "ack": (200, 2000), "delay_after_telegram": (50, 60000), "delay_before_requd2": (50, 1000),
    "get_request": (0, 25000), "meter_contact": (10, 25000), "response_timeout": (300, 15000),
    "response_timeout_base": (100, 10000),
}  # fmt: skip
USUAL = {
    "ack": 1000, "delay_after_telegram": 50, "delay_before_requd2": 50, "get_request": 500, "meter_contact": 100,
    "response_timeout": 300, "response_timeout_base": 100,
}  # fmt: skip


def gateway_rows(serial: str) -> Iterator[Row]:
    """#5 to #12, #38 to #40; ``serial`` is the gateway's own."""
    yield from _network()
    for rate in BAUD_RATES:
        yield 6, "POST", "/configuration/eqbus", {"baudrate": rate, "interoctettimeout": 40}, None
    for rate, wait, error in (
        (4800, 40, "invalid baudrate"), (0, 40, "invalid baudrate"), (9600, 20, None), (9600, 6000, None),
        ("9600", "1000", None), (9600, 19, "invalid interoctettimeout"), (9600, 6001, "invalid interoctettimeout"),
        (True, 40, "invalid baudrate"), (None, 40, "..."), ([9600], 40, "invalid baudrate"),
        (9600.5, 40, "invalid baudrate"),
    ):  # fmt: skip
        yield 6, "POST", "/configuration/eqbus", {"baudrate": rate, "interoctettimeout": wait}, error
    yield 6, "POST", "/configuration/eqbus", {"interoctettimeout": 40}, "missing baudrate in JSON"
    yield 6, "POST", "/configuration/eqbus", {}, "missing baudrate in JSON"
    yield 6, "POST", "/configuration/eqbus", {"baudrate": 9600, "interoctettimeout": 40, "more": 1}, None
    for number, kinds in ((7, ("mbus/wired", "mbus-wired")), (8, ("mbus/ir", "mbus-ir"))):
        for kind in kinds:
            yield number, "POST", f"/configuration/{kind}", USUAL, None
        path = f"/configuration/{kinds[0]}"
        for name, (low, high) in TIMINGS.items():
            yield number, "POST", path, USUAL | {name: low}, None
            yield number, "POST", path, USUAL | {name: high}, None
            yield number, "POST", path, USUAL | {name: low - 1}, f"invalid {name}"
            yield number, "POST", path, USUAL | {name: high + 1}, f"invalid {name}"
            yield number, "POST", path, {k: v for k, v in USUAL.items() if k != name}, f"missing {name} in JSON"
        yield number, "POST", path, USUAL, None
    yield from _names(serial)
    yield from _times()
    yield from _permitted()


def _network() -> Iterator[Row]:
    path = "/configuration/ip"
    yield 5, "POST", path, NETWORK, None
    yield 5, "POST", path, NETWORK | {"ip": "192.168.1.255", "gateway": "0.0.0.0"}, None
    yield 5, "POST", path, NETWORK | {"dhcp": True, "dns": True}, None
    for name in NETWORK:
        yield 5, "POST", path, {k: v for k, v in NETWORK.items() if k != name}, f"missing {name} in JSON"
    yield 5, "POST", path, {}, "missing dhcp in JSON"
    for name, value in (
        ("ip", "192.168.1.256"), ("ip", "192.168.01.12"), ("ip", "192.168.1"), ("ip", "192.168.1.12 "),
        ("ip", 3232235788), ("ip", "١٩٢.168.1.12"), ("ip", ""), ("subnet", "255.0.255.0"), ("subnet", "256.0.0.0"),
        ("gateway", "10.0.0.1"),
        ("gateway", "x"), ("pdns", "1.2.3"), ("sdns", "1.2.3.4.5"), ("dhcp", "yes"), ("dhcp", 1), ("dns", None),
    ):  # fmt: skip
        yield 5, "POST", path, NETWORK | {name: value}, "..." if value is None else f"invalid {name}"
    yield 5, "POST", path, NETWORK | {"dns": True}, "static ip needs static dns"
    yield 5, "POST", path, NETWORK, None


def _names(serial: str) -> Iterator[Row]:
    usual = {"serial": serial, "alias": "Gateway", "location": "All Location"}
    for alias, error in (("a" * 20, None), ("ä" * 20, None), ("😀" * 20, None), ("a" * 21, "invalid alias")):
        yield 10, "POST", "/gateway", usual | {"alias": alias}, error
    for place, error in (("a" * 50, None), ("ß" * 50, None), ("a" * 51, "invalid location")):
        yield 10, "POST", "/gateway", usual | {"location": place}, error
    yield 10, "POST", "/gateway", usual | {"serial": "ABB1"}, "serial mismatch"
    yield 10, "POST", "/gateway", {"serial": serial, "location": "x"}, "missing alias in JSON"
    yield 10, "POST", "/gateway", {"serial": serial, "alias": "x"}, "missing location in JSON"
    yield 10, "POST", "/gateway", usual | {"alias": 5}, "invalid alias"
    yield 10, "POST", "/gateway", usual, None


def _times() -> Iterator[Row]:
    for text, error in (
        ("2027-02-29T12:00:00", "invalid datetime"), ("1999-12-31T23:59:59", "invalid datetime"),
        ("2100-01-01T00:00:00", "invalid datetime"), ("2027-03-28T02:30:00", "no such local time"),
        ("2027-06-01T12:00:00Z", "invalid datetime"), ("2027-06-01T12:00:00+02:00", "invalid datetime"),
        ("2027-06-01 12:00:00", "invalid datetime"), ("2027-06-01T24:00:00", "invalid datetime"),
        ("2027-06-01T12:00", "invalid datetime"), ("٢٠27-06-01T12:00:00", "invalid datetime"), (0, "invalid datetime"),
    ):  # fmt: skip
        yield 12, "POST", "/gateway/datetime", {"datetime": text}, error
    yield 12, "POST", "/gateway/datetime", {"date": "x"}, "missing datetime tag in JSON"


def _permitted() -> Iterator[Row]:
    path = "/permittedmeters"
    full = [f"ABB{number:013}" for number in range(25)]
    yield 39, "PUT", path, {"meters": full[:24]}, None
    yield 39, "PUT", path, {"meters": full}, None
    yield 39, "PUT", path, {"meters": [full[0]]}, None
    yield 39, "PUT", path, {"meters": ["ONE_MORE"]}, "too many meters"
    yield 40, "DELETE", path, {"meters": [*full[2:], "UNKNOWN"]}, None
    yield 39, "PUT", path, {"meters": "Single.one-1"}, None
    yield 39, "PUT", path, {"meters": ["A" * 17]}, "invalid serial"
    for serial in ("", "a b", "a/b", "ä", 5):
        yield 39, "PUT", path, {"meters": [serial]}, "invalid serial"
    yield 39, "PUT", path, {}, "missing meters in JSON"
    yield 40, "DELETE", path, {}, "missing meters in JSON"


def user_rows(g13: bool) -> Iterator[Row]:
    """#18 to #23 as ``admin``."""
    good = "key of newone"
    short, long = ("a", "k" * 16) if g13 else ("k" * 8, "k" * 64)
    yield 19, "PUT", "/users", {"name": "newone", "key": good}, None
    yield 19, "PUT", "/users", {"name": "newone", "key": good}, "user exists"
    yield 19, "PUT", "/users/ignored", {"name": "x", "key": good}, None
    yield 19, "PUT", "/users", {"name": "a1" * 10, "key": good}, None
    for name in ("a" * 21, "", "a b", "ä", "x.y", 5):
        yield 19, "PUT", "/users", {"name": name, "key": good}, "invalid user name"
    yield 19, "PUT", "/users", {"name": "Capital", "key": good}, None if g13 else "invalid user name"
    for body in ({"name": "other"}, {"key": good}, {}):
        yield 19, "PUT", "/users", body, "missing name and key tag in JSON"
        yield 18, "POST", "/users/newone", body, "missing name and key tag in JSON"
    for key in (short[:-1], long + "k"):
        yield 19, "PUT", "/users", {"name": "other", "key": key}, "invalid key length"
        yield 18, "POST", "/users/newone", {"name": "newone", "key": key}, "invalid key length"
    yield 19, "PUT", "/users", {"name": "otherone", "key": "otherone"}, "key equals name"
    yield 19, "PUT", "/users", {"name": "otherone", "key": "other\tone"}, "..."
    for key in (short, long, "ключ юзера" if not g13 else "é" * 16):
        yield 18, "POST", "/users/newone", {"name": "newone", "key": key}, None
    yield 18, "POST", "/users/newone", {"name": "newone", "key": key}, "new key equals old key"
    yield 18, "POST", "/users/whatever", {"name": "newone", "key": good}, None
    yield 18, "POST", "/users/newone", {"name": "nosuch", "key": good}, (404, "...")
    yield 20, "DELETE", "/users/x", None, None
    yield 20, "DELETE", "/users/x", None, (404, "...")
    yield 20, "DELETE", "/users/" + "a1" * 10, {"name": "newone"}, None
    yield 20, "DELETE", "/users/admin", None, "admin cannot be deleted"
    yield 21, "GET", "/users/nosuch/bindings", None, (404, "...")


def binding_rows(serial: str) -> Iterator[Row]:
    """#22 and #23 for the user ``newone``; the last row leaves View Only."""
    path = "/users/newone/bindings"
    for access in ("No Access", "Configure", "View Only"):
        yield 22, "PUT", path, {"name": "newone", "serial": serial, "access": access}, None
    for access in ("view only", "View only", "Admin", "", 2):
        yield 22, "PUT", path, {"name": "newone", "serial": serial, "access": access}, "invalid access"
    yield 22, "PUT", path, {"name": "newone", "access": "View Only"}, "missing serial in JSON"
    yield 22, "PUT", path, {"name": "newone", "serial": serial}, "missing access in JSON"
    yield 22, "PUT", path, {"name": "newone", "serial": "NOSUCH", "access": "View Only"}, (404, "meter not found")
    yield 22, "PUT", "/users/nosuch/bindings", {"name": "nosuch", "serial": serial, "access": "View Only"}, (404, "...")
    yield 23, "DELETE", path, {"name": "newone", "serial": serial, "access": "No Access"}, None
    yield 22, "PUT", path, {"name": "newone", "serial": serial, "access": "Configure"}, None
    yield 23, "DELETE", path, {"name": "newone", "serial": serial}, None
    yield 23, "DELETE", path, {"name": "newone", "serial": "NOSUCH"}, (404, "meter not found")
    yield 23, "DELETE", path, {"name": "newone"}, "missing serial in JSON"
    yield 22, "PUT", path, {"name": "newone", "serial": serial, "access": "View Only"}, None


def fleet_rows(serial: str) -> Iterator[Row]:
    """#32 to #37 with a meter that the configuration file names."""
    path = f"/meters/{serial}"
    usual = {"alias": "Hall 1", "location": "Hall", "serial": serial}
    for alias, error in (("a" * 20, None), ("ü" * 20, None), ("a" * 21, "invalid alias"), (7, "invalid alias")):
        yield 32, "POST", path, usual | {"alias": alias}, error
    for place, error in (("a" * 50, None), ("a" * 51, "invalid location")):
        yield 32, "POST", path, usual | {"location": place}, error
    yield 32, "POST", path, usual | {"serial": "ABB_8"}, "..."
    yield 32, "POST", path, {"location": "Hall", "serial": serial}, "missing alias in JSON"
    yield 32, "POST", path, {}, "missing alias in JSON"
    yield 32, "POST", "/meters/NOSUCH", usual | {"serial": "NOSUCH"}, (404, "meter not found")
    yield 32, "POST", path, usual, None
    yield 33, "PUT", "/meters", usual | {"serial": "NOSUCH"}, "meter not scanned"
    yield 33, "PUT", "/meters", {"alias": "x", "location": "y"}, "missing serial in JSON"
    yield 34, "DELETE", path, None, "configured by file"
    yield 34, "DELETE", path, usual, "configured by file"
    yield 34, "DELETE", "/meters/NOSUCH", None, (404, "meter not found")
    yield 37, "DELETE", "/meters/scanned", {"scanned": [{"serial": f"S{n}"} for n in range(16)]}, "too many meters"
    yield 36, "POST", "/meters/scanned/x", {"eqbus": {"start": 17, "end": 18}}, "..."
    yield 36, "POST", "/meters/scanned/4294967296", {"eqbus": {"start": 17, "end": 18}}, "..."
    yield 36, "POST", "/meters/scanned/-1", {"eqbus": {"start": 17, "end": 18}}, "..."
    for body in (
        {"eqbus": {"start": 18, "end": 17}}, {"eqbus": {"range": list(range(17, 28))}}, {"eqbus": {"range": []}},
        {"eqbus": {"start": 17, "end": 18, "range": [17]}}, {"mbus-wired": {"start": 1, "end": 2, "baudrate": 4711}},
        {"mbus-wired": {"start": 1, "end": 2, "mode": "secondary", "baudrate": 2400}}, {"eqbus": {"start": 17}},
        {"mbus-ir": {"mode": "tertiary", "baudrate": 2400}}, {"modbus": {"urls": ["tcp://127.0.0.1"] * 17}},
        {"modbus": {"urls": ["tcp://127.0.0.1:1"], "start": 0, "end": 5}}, {}, {"token": 5},
        {"modbus": {"urls": ["tcp://127.0.0.1:1"], "start": 1, "end": 248}}, {"modbus": {"bus": ["nosuch"]}},
    ):  # fmt: skip
        yield 36, "POST", "/meters/scanned/77", body, "..."
    for url in (
        "rtu:///dev/ttyUSB0", "tcp://169.254.1.1:502", "tcp://8.8.8.8:502", "tcp://u:p@127.0.0.1:502", "http://127.0.0.1",
        "file:///etc/passwd", "tcp://[fe80::1]:502", "tcp://", "rtu+unix:///tmp/x", "tcp://0.0.0.0:1", "tcp://[::]:1",
    ):  # fmt: skip
        yield 36, "POST", "/meters/scanned/77", {"modbus": {"urls": [url], "range": [1]}}, "url not allowed"
    for url in ("https://u@127.0.0.1", "tcp://127.0.0.1:502", "https://192.0.2.1", "https://169.254.169.254/latest"):
        yield 36, "POST", "/meters/scanned/77", {"rest": {"urls": [url]}}, "url not allowed"


def error_rows() -> Iterator[Row]:
    """#91"""
    for path in ("x", "-1", "1.0", "%20", "1e3"):
        yield 91, "GET", f"/lasterror/{path}", None, "..."
    yield 91, "GET", "/lasterror/99999999", None, (404, "unknown error id")


PV = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 21, 22, 51, 52, 53, 54, 113, 122, 171, 172, 173, 174]
INTERVALS = (60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
ALARM = {"quantity": 96, "onthreshold": 310, "offthreshold": 0, "ondelay": 240, "offdelay": 0, "log": True, "output": 0}


def meter_rows(kind: str, serial: str, now: str) -> Iterator[Row]:
    """All reads and writes of one meter with limits; ``now``: local date-time. Paths: below ``/meters/{serial}/``."""
    yield from _clock(kind, now)
    yield from _factors()
    yield from _transformers(serial)
    yield from _events()
    yield from _alarms()
    yield from _energies()
    yield from _ports()
    yield from _previous(kind)
    yield from _profiles(kind)
    yield from _demand(kind)
    yield from _tariff(kind)
    yield from _calendar()


def _clock(kind: str, now: str) -> Iterator[Row]:
    rule = {"month": 6, "day": 1, "week": 1, "hour": 2}
    both = {"dststart": rule, "dstend": rule | {"month": 10, "hour": 1}}
    rules = "not supported by this meter: summer time" if kind == "mbus" else None
    yield 42, "POST", "datetime", {"datetime": now, "dstenable": True} | both, rules
    for bad in (
        rule | {"month": 13},
        rule | {"day": 8},
        rule | {"day": 0},
        rule | {"hour": 24},
        rule | {"week": 6},
        5,
        {},
    ):
        yield 42, "POST", "datetime", {"datetime": now, "dstenable": True} | both | {"dststart": bad}, "..."
    yield 42, "POST", "datetime", {"datetime": now, "dstenable": True}, "missing dststart in JSON"
    yield 42, "POST", "datetime", {"datetime": now, "dstenable": True, "dststart": rule}, "missing dstend in JSON"
    yield 42, "POST", "datetime", {"datetime": now, "dstenable": "x"}, "..."
    yield 42, "POST", "datetime", {"dstenable": False}, "missing datetime in JSON"
    yield 42, "POST", "datetime", {"datetime": "2026-02-30T00:00:00"}, "invalid datetime"
    yield 42, "POST", "datetime", {"datetime": now + "Z"}, "invalid datetime"
    yield 42, "POST", "datetime", {"datetime": now, "dstenable": False, "dststart": 5}, None
    yield 42, "POST", "datetime", {"datetime": now}, None


def _factors() -> Iterator[Row]:
    for path in ("energy/conversionfactor", "conversionfactor"):
        for given, error in (
            ({"co2": 9.998, "currency": 999998.999}, None), ({"co2": "1.123"}, None), ({"currency": 100.789}, None),
            ({"co2": 0}, None), ({"co2": 9.999}, "invalid co2"), ({"currency": 999999}, "invalid currency"),
            ({"co2": -0.001}, "invalid co2"), ({"currency": -1}, "invalid currency"), ({"co2": "x"}, "invalid co2"),
            ({"co2": True}, "invalid co2"), ({"co2": "1e400000000"}, "invalid co2"), ({"co2": "NaN"}, "invalid co2"),
            ({"co2": "١"}, "invalid co2"), ({"co2": 1, "currency": 10**40}, "invalid currency"),
            ({"co2": 0.5, "currency": 0.25}, None),
        ):  # fmt: skip
            yield 45, "POST", path, {"conversionfactor": given}, error
        yield 45, "POST", path, {}, "missing conversionfactor in JSON"
        yield 45, "POST", path, {"conversionfactor": 5}, "..."


def _transformers(serial: str) -> Iterator[Row]:
    usual = {"serial": serial, "ctnum": 1, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}
    yield 48, "POST", "transformersettings", usual | {"ctnum": 999999}, None
    for name in ("ctnum", "ctdenum", "vtnum", "vtdenum"):
        for value in (0, 1000000, -1):
            yield 48, "POST", "transformersettings", usual | {name: value}, "invalid ratio"
        yield (
            48,
            "POST",
            "transformersettings",
            {k: v for k, v in usual.items() if k != name},
            f"missing {name} in JSON",
        )
    yield 48, "POST", "transformersettings", usual | {"ctnum": 5, "ctdenum": 6}, "invalid ratio"
    yield 48, "POST", "transformersettings", usual | {"vtnum": 20000, "vtdenum": 100}, None
    yield 48, "POST", "transformersettings", usual, None


def _events() -> Iterator[Row]:
    yield 51, "GET", "events/2099-12-31T23:59:59/1", None, None
    yield 51, "GET", "events/2000-01-01T00:00:00", None, None
    for count in ("0", "101", "999999999999"):
        yield 51, "GET", f"events/2099-01-01T00:00:00/{count}", None, "invalid count"
    for when in ("x", "2026-02-30T00:00:00", "2026-01-01", "2026-01-01T00:00:00Z"):
        yield 51, "GET", f"events/{when}", None, "invalid datetime"


def _alarms() -> Iterator[Row]:
    path = "alarms/configuration"

    def configured(**alarm: Any) -> dict[str, Any]:
        return {"alarmconfig": [alarm]}

    yield 53, "POST", path, configured(id=1, **ALARM), None
    yield 53, "POST", path, configured(id=25, **ALARM), None
    yield 53, "POST", path, configured(id=1), None
    for number in (0, 26, "x"):
        yield 53, "POST", path, configured(id=number, **ALARM), "invalid id"
    for quantity in (1, 58, 105, 0, 999):
        yield 53, "POST", path, configured(id=2, **ALARM | {"quantity": quantity}), "invalid quantity"
    for output in (5, -1, 255):
        yield 53, "POST", path, configured(id=2, **ALARM | {"output": output}), "invalid output"
    yield 53, "POST", path, configured(id=2, **ALARM | {"log": "x"}), "..."
    yield 53, "POST", path, {"alarmconfig": [{"id": 3} | ALARM, {"id": 3} | ALARM]}, "..."
    yield 53, "POST", path, {}, "missing alarmconfig in JSON"
    yield 53, "POST", path, configured(id=2, **ALARM, colour="red"), "unknown member"
    yield 53, "POST", path, {"alarmconfig": []}, None


def _energies() -> Iterator[Row]:
    for path in ("energy/solar", "energy/Active", "energy/1"):
        yield 54, "GET", path, None, "invalid energy type"
    for path in ("energy/reactive/co2", "energy/apparent/currency", "energy/active/joule", "energy/active/CO2"):
        yield 55, "GET", path, None, "..."
    yield 57, "POST", "energy/resettable", {"resettableenergy": {"activeimport": True}}, None
    yield 57, "POST", "energy/resettable", {"resettableenergy": {"activeimport": False}}, None
    yield 57, "POST", "energy/resettable", {"resettableenergy": {}}, None
    yield 57, "POST", "energy/resettable", {}, "missing resettableenergy in JSON"
    yield 57, "POST", "energy/resettable", {"resettableenergy": {"activeimport": "x"}}, "..."
    yield 57, "POST", "energy/resettable", {"resettableenergy": {"nosuch": True}}, "unknown member"


def _ports() -> Iterator[Row]:
    yield 66, "POST", "io", {"iostatus": [{"port": 1, "currentstate": 1}]}, None
    yield 66, "POST", "io", {"iostatus": [{"port": 3, "reset": ["storedstate", "counter"]}]}, None
    yield 66, "POST", "io", {"iostatus": [{"port": 1, "currentstate": 0}, {"port": 4, "reset": ["counter"]}]}, None
    for port in (0, 5, 255):
        yield 66, "POST", "io", {"iostatus": [{"port": port, "currentstate": 1}]}, "invalid port"
    yield 66, "POST", "io", {"iostatus": [{"port": 3, "currentstate": 1}]}, "..."
    yield 66, "POST", "io", {"iostatus": [{"port": 1, "currentstate": 2}]}, "..."
    yield 66, "POST", "io", {"iostatus": [{"port": 3, "reset": ["everything"]}]}, "..."
    yield 66, "POST", "io", {}, "missing iostatus in JSON"
    for codes, error in (
        ([3, 5, 4, 2], None), (["pulse_out", "always_on", "alarm_out", "input"], None), ([255, 255, 255, 255], None),
        (["communiation_out", 1, "input", "communication_out"], None), ([255, "dont_change"], None),
        ([0, 0, 0, 0, 0], "invalid io function"), ([7], "invalid io function"), ([254], "invalid io function"),
        (["relay"], "invalid io function"), ([-1], "invalid io function"), ([1, 1, 0, 0], None),
    ):  # fmt: skip
        yield 67, "POST", "io/configuration", {"ioconfig": codes}, error
    usual = {"id": 1, "port": 2, "length": 100, "frequency": 10000, "energytype": 2}
    for change, error in (
        ({}, None), ({"id": 4}, None), ({"id": 5}, "invalid id"), ({"id": 0}, "invalid id"), ({"port": 4}, None),
        ({"port": 255}, None), ({"port": 0}, "invalid port"), ({"port": 5}, "invalid port"), ({"length": 10}, None),
        ({"length": 990}, None), ({"length": 9}, "invalid length"), ({"length": 991}, "invalid length"),
        *(({"energytype": kind}, None) for kind in (0, 1, 3, 4, 255)), ({"energytype": 5}, "invalid energytype"),
    ):  # fmt: skip
        yield 68, "POST", "io/pulse", {"pulse": [usual | change]}, error
    yield 68, "POST", "io/pulse", {}, "missing pulse in JSON"


def _spans(number: int, path: str, most: int | None = None) -> Iterator[Row]:
    """The four path forms of stored rows."""
    begin, end = "2026-01-01T00:00:00", "2099-01-01T00:00:00"
    for form in ("", f"/{begin}/1", f"/{begin}/{end}", f"/{end}/{begin}", f"/{begin}/{begin}"):
        yield number, "GET", path + form, None, None
    yield number, "GET", f"{path}/{begin}/0", None, "invalid count"
    yield number, "GET", f"{path}/2026-02-30T00:00:00/5", None, "invalid datetime"
    yield number, "GET", f"{path}/{begin}/2026-02-30T00:00:00", None, "invalid datetime"
    if most is not None:
        yield number, "GET", f"{path}/{begin}/{most}", None, None
        yield number, "GET", f"{path}/{begin}/{most + 1}", None, "invalid count"


def _previous(kind: str) -> Iterator[Row]:
    yield from _spans(69, "previousvalues")
    path = "previousvalues/configuration"
    weekly = {"interval": "weekly", "weekday": 1, "pvconfig": [1]}
    if kind == "eq":
        yield 71, "POST", path, weekly | {"pvconfig": PV[:23]}, None
    for ids in (PV, [1, 1], [13], [0], ["x"], [1.5]):
        yield 71, "POST", path, weekly | {"pvconfig": ids}, "invalid pvconfig"
    for day in (0, 8):
        yield 71, "POST", path, weekly | {"weekday": day}, "invalid weekday"
    yield 71, "POST", path, {"interval": "weekly", "pvconfig": [1]}, "missing weekday in JSON"
    yield 71, "POST", path, {"interval": "weekly", "weekday": 1}, "missing pvconfig in JSON"
    yield 71, "POST", path, weekly | {"interval": "yearly"}, "invalid interval"
    yield 71, "POST", path, weekly | {"interval": "monthly", "pvconfig": []}, None
    yield 71, "POST", path, weekly | {"weekday": 7}, None
    yield 71, "POST", path, {"interval": "daily", "pvconfig": [1]}, None
    yield 72, "DELETE", "previousvalues", None, None


def _profiles(kind: str) -> Iterator[Row]:
    yield from _spans(73, "loadprofiles")
    yield from _spans(73, "loadprofiles/8" if kind != "mbus" else "loadprofiles/1")
    for channel in ("0", "9", "10", "99999999999999999999"):
        yield 73, "GET", f"loadprofiles/{channel}", None, "invalid channel"
        yield 76, "DELETE", f"loadprofiles/{channel}", None, "invalid channel"
    path = "loadprofiles/configuration"
    for rows, error in (
        *(([[interval, 1, 100]], None) for interval in INTERVALS), ([[450, 1, 100]], "invalid interval"),
        ([[0, 1, 100]], "invalid interval"), ([[900, 1, 40000]], None), ([[900, 1, 40001]], "too many items"),
        ([[900, 1, 20000], [3600, 1, 20001]], "too many items"), ([[900, 1, 20000], [3600, 1, 20000]], None),
        ([[900, 1, 100]] * 9, "..."), ([[900, 83, 100]], "invalid quantity"), ([[900, 999, 100]], "invalid quantity"),
        ([[900, 1]], "..."), ([[900, 1, -5]], "..."), ([], None), ([[900, 1, 2880]], None),
    ):  # fmt: skip
        yield 75, "POST", path, {"lpconfig": rows}, error
    yield 75, "POST", path, {}, "missing lpconfig in JSON"
    one = "not supported by this meter: clearing one channel" if kind == "mbus" else None
    yield 76, "DELETE", "loadprofiles/1", None, one
    yield 76, "DELETE", "loadprofiles", None, None


def _demand(kind: str) -> Iterator[Row]:
    yield from _spans(77, "demand", 500)
    usual = {"dmc": [[1, 1]], "interval": [900, 60], "period": "weekly", "weekday": 2}
    path = "demand/configuration"
    for code in range(17):
        yield 79, "POST", path, usual | {"dmc": [[1, code]]}, None if code in demand_codes() else "invalid demand code"
    every = [[quantity, code] for quantity in (1, 96, 69, 70, 93) for code in sorted(demand_codes())]
    if kind == "eq":
        yield 79, "POST", path, usual | {"dmc": every[:50]}, None
    yield 79, "POST", path, usual | {"dmc": every[:51]}, "..."
    for pair in ([900, 120], [900, 1800], [100, 100], [900, 0], [7200, 900]):
        yield 79, "POST", path, usual | {"interval": pair}, "invalid interval"
    for pair in ([900, 900], [3600, 60], [180, 60], [60, 60]):
        yield 79, "POST", path, usual | {"interval": pair}, None
    yield 79, "POST", path, usual | {"dmc": [[171, 1]]}, "invalid quantity"
    for day in (0, 8):
        yield 79, "POST", path, usual | {"weekday": day}, "invalid weekday"
    yield 79, "POST", path, {k: v for k, v in usual.items() if k != "weekday"}, "missing weekday in JSON"
    yield 79, "POST", path, usual | {"period": "hourly"}, "invalid period"
    for name in ("dmc", "interval", "period"):
        yield 79, "POST", path, {k: v for k, v in usual.items() if k != name}, f"missing {name} in JSON"
    yield 79, "POST", path, usual | {"dmc": []}, None
    yield 80, "DELETE", "demand", None, None


def _tariff(kind: str) -> Iterator[Row]:
    no: Any = "tariff source is not communication"
    if kind == "mbus":  # nobody can read the source there: what did not take was refused (11.1)
        no = (403, "received READ_WRITE_DENIED response from COSEM at tariff")  # unless the body itself says the source
    for body, error in (
        ({"source": 1}, None), ({"tariff": 1}, None), ({"tariff": 4}, None), ({"tariff": 0}, "invalid tariff"),
        ({"tariff": 5}, "invalid tariff"), ({"source": 0}, None), ({"tariff": 2}, no),
        ({"source": 0, "tariff": 2}, "tariff source is not communication"),
        ({"source": 1, "tariff": 3}, None), ({"source": 3}, "invalid source"),
        ({"source": 1, "inputconfig": [1, 2, 3, 4]}, "invalid inputconfig"),
        ({"inputconfig": [1, 2, 3, 4]}, "invalid inputconfig"), ({"source": 2, "inputconfig": [1, 2, 3, 5]}, "..."),
        ({}, "..."), ({"source": 1, "tariff": 1}, None),
    ):  # fmt: skip
        yield 82, "POST", "tariff", body, error


def _calendar() -> Iterator[Row]:
    path = "tariff/dayprofiles"
    times = [[1 + n % 4, f"{n // 2:02}:{n % 2 * 30:02}"] for n in range(31)]
    for actions, error in (
        (times[:30], None), (times, "invalid actions"), ([[12, "00:00"]], None), ([[13, "00:00"]], "invalid actions"),
        ([[0, "00:00"]], "invalid actions"), ([[1, "24:00"]], "invalid actions"), ([[1, "12:60"]], "invalid actions"),
        ([[1, "1:00"]], "..."), ([[2, "12:00"], [1, "00:00"]], None),
    ):  # fmt: skip
        yield 84, "POST", path, {"actions": actions, "profile": 1}, error
    for number in (17, 255, -1):
        yield 84, "POST", path, {"actions": times[:1], "profile": number}, "invalid profile"
    for number in range(2, 17):
        yield 84, "POST", path, {"actions": [[1, "00:00"]], "profile": number}, None
    yield 84, "POST", path, {"profile": 1}, "missing actions in JSON"
    yield 84, "POST", path, {"actions": times[:1]}, "missing profile in JSON"
    week = {"dayid": [1, 2, 3, 4, 5, 6, 7], "profile": "Week1"}
    path, bad = "tariff/weekprofiles", "invalid weekprofiles"
    for weeks, error in (
        ([week], None), ([week | {"profile": f"Week{n}"} for n in range(1, 5)], None),
        ([week | {"profile": f"Week{n}"} for n in range(1, 6)], bad), ([week | {"dayid": [1] * 6}], bad),
        ([week | {"dayid": [1] * 8}], bad), ([week | {"profile": "a" * 30}], bad),
        ([week | {"profile": "ä" * 15}], bad), ([week | {"dayid": [99] * 7}], bad), ([week, week], bad),
    ):  # fmt: skip
        yield 86, "POST", path, {"weekprofiles": weeks}, error
    season = {"day": 1, "month": 5, "profile": "Summer", "weekprofile": "Week1"}
    path, bad = "tariff/seasonprofiles", "invalid seasonprofiles"
    for seasons, error in (
        ([season | {"profile": f"S{n}", "month": n} for n in range(1, 5)], None),
        ([season | {"profile": f"S{n}", "month": n} for n in range(1, 6)], bad), ([season | {"day": 253}], None),
        ([season | {"day": 254}], None), ([season | {"day": 255}], None), ([season | {"day": 32}], bad),
        ([season | {"month": 13}], bad), ([season | {"weekprofile": "Nowhere"}], bad),
        ([{"day": 254, "month": 10, "profile": "Winter", "weekprofile": "Week1"}, season], None),
    ):  # fmt: skip
        yield 88, "POST", path, {"seasonprofiles": seasons}, error
    yield 88, "POST", "tariff/seasons", {"seasonprofiles": [season]}, None
    yield from _special_days()


def _special_days() -> Iterator[Row]:
    path = "tariff/specialdayprofiles"

    def entry(number: int, year: int = 65535, name: str = "dayprofile", **date: int) -> dict[str, Any]:
        when = {"day": 1, "month": 11, "week": 255, "year": year} | date
        return {"specialdayprofiles": [{"date": when, name: 1, "profile": number}]}

    yield 90, "POST", path, entry(1), None
    yield 90, "POST", path, entry(1), None
    yield 90, "POST", path, entry(1, day=2), "profile id in use"
    yield 90, "POST", path, entry(2, 2030, "dayprofileid"), None
    yield 90, "POST", path, entry(50, day=254), None
    for number in (0, 51):
        yield 90, "POST", path, entry(number, day=7), "..."
    for date in (
        {"day": 32},
        {"day": 0},
        {"month": 13},
        {"week": 8},
        {"week": 0},
        {"year": 70000},
    ):
        yield 90, "POST", path, entry(3, **date), "invalid date"
    yield 90, "POST", path, {"specialdayprofiles": [{"dayprofile": 1, "profile": 4}]}, "missing date in JSON"
