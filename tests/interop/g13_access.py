"""The 91 resources, each with a request that is in order, and who is turned away (13.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.interop.g13_limits import ALARM, NETWORK, USUAL

#: Roles: N without binding, V View Only, C Configure, G gateway admin without binding. Who gets 403:
ALL, ADMIN, VIEW, CONFIGURE, EITHER, FIRMWARE = "", "NVC", "NG", "NVG", "NV", "NV"


class Cell(NamedTuple):
    number: int
    method: str
    path: str
    body: Any
    refused: str


def cells(serial: str) -> Iterator[Cell]:
    """One request a resource. ``serial``: a meter. Of users it names ``admin``, whom nobody but a gateway admin may."""
    when, whole = "2026-06-01T12:00:00", {"resettableenergy": {"activeimport": False}}
    rows: tuple[tuple[int, str, str, Any, str], ...] = (
        (1, "GET", "/about", None, ALL), (2, "POST", "/login", None, ALL), (3, "POST", "/logout", None, ALL),
        (4, "GET", "/configuration", None, ALL), (5, "POST", "/configuration/ip", NETWORK, ADMIN),
        (6, "POST", "/configuration/eqbus", {"baudrate": 9600, "interoctettimeout": 40}, ADMIN),
        (7, "POST", "/configuration/mbus/wired", USUAL, ADMIN), (8, "POST", "/configuration/mbus/ir", USUAL, ADMIN),
        (9, "GET", "/gateway", None, ALL),
        (10, "POST", "/gateway", {"alias": "Gateway", "location": "All Location"}, ADMIN),
        (11, "GET", "/gateway/datetime", None, ALL),
        (12, "POST", "/gateway/datetime", {"datetime": when}, ADMIN), (13, "GET", "/gateway/events", None, ALL),
        (14, "DELETE", "/gateway/events", None, ADMIN), (15, "POST", "/gateway/reboot", None, ADMIN),
        (16, "POST", "/gateway/execute", {"devices": [serial], "obis": "1.0.1.8.0.255", "classid": 3,
                                          "attributes": {"value": 2}}, VIEW),
        (17, "GET", "/users", None, ADMIN), (18, "POST", "/users/boss", {"name": "boss", "key": "another key"}, ADMIN),
        (19, "PUT", "/users", {"name": "intruder", "key": "another key"}, ADMIN),
        (20, "DELETE", "/users/boss", None, ADMIN), (21, "GET", "/users/admin/bindings", None, ADMIN),
        (22, "PUT", "/users/boss/bindings", {"name": "boss", "serial": serial, "access": "Configure"}, ADMIN),
        (23, "DELETE", "/users/viewer/bindings", {"name": "viewer", "serial": serial}, ADMIN),
        (24, "GET", "/meters/firmwareupdatestatus", None, ALL), (25, "POST", "/firmware", None, ADMIN),
        (26, "PUT", "/firmware", None, ADMIN), (27, "PUT", "/meters/firmware", {"meters": [serial]}, FIRMWARE),
        (28, "GET", "/parametermapping", None, ALL), (29, "GET", "/storablequantities", None, ALL),
        (31, "GET", "/meters", None, ALL),
        (32, "POST", f"/meters/{serial}", {"alias": "x", "location": "y", "serial": serial}, EITHER),
        (33, "PUT", "/meters", {"alias": "x", "location": "y", "serial": "NEW"}, ADMIN),
        (34, "DELETE", f"/meters/{serial}", None, ADMIN), (35, "GET", "/meters/scanned", None, ADMIN),
        (36, "POST", "/meters/scanned/1", {"eqbus": {"start": 17, "end": 17}}, ADMIN),
        (37, "DELETE", "/meters/scanned", None, ADMIN), (38, "GET", "/permittedmeters", None, ADMIN),
        (39, "PUT", "/permittedmeters", {"meters": ["A"]}, ADMIN),
        (40, "DELETE", "/permittedmeters", {"meters": ["A"]}, ADMIN), (91, "GET", "/lasterror/0", None, ALL),
    )  # fmt: skip
    for row in rows:
        yield Cell(*row)
    reads = {
        30: "associationobjects", 41: "datetime", 43: "info", 44: "energy/conversionfactor", 46: "hardwareversion",
        47: "mbusinfo", 49: "status", 50: "statusflags", 51: f"events/{when}/5", 52: "alarms/configuration",
        54: "energy/active", 55: "energy/active/co2", 56: "energy/resettable", 58: "energy/resetcounter", 59: "power",
        60: "instrument", 61: "harmonics/voltage", 62: "harmonics/current", 63: "io", 64: "io/configuration",
        65: "io/pulse", 69: "previousvalues", 70: "previousvalues/configuration", 73: "loadprofiles/1",
        74: "loadprofiles/configuration", 77: "demand", 78: "demand/configuration", 81: "tariff",
        83: "tariff/dayprofiles", 85: "tariff/weekprofiles", 87: "tariff/seasonprofiles",
        89: "tariff/specialdayprofiles",
    }  # fmt: skip
    for number, path in reads.items():
        yield Cell(number, "GET", f"/meters/{serial}/{path}", None, VIEW)
    day = {"actions": [[1, "00:00"]], "profile": 16}
    special = {"date": {"day": 24, "month": 12, "week": 255, "year": 65535}, "dayprofile": 16, "profile": 50}
    season = {"day": 1, "month": 1, "profile": "S", "weekprofile": "W"}
    writes: dict[int, tuple[str, Any]] = {
        42: ("datetime", {"datetime": when}), 45: ("conversionfactor", {"conversionfactor": {"co2": 1}}),
        48: ("transformersettings", {"serial": serial, "ctnum": 2, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}),
        53: ("alarms/configuration", {"alarmconfig": [{"id": 9} | ALARM]}), 57: ("energy/resettable", whole),
        66: ("io", {"iostatus": [{"port": 2, "currentstate": 1}]}), 67: ("io/configuration", {"ioconfig": [255]}),
        68: ("io/pulse", {"pulse": [{"id": 1, "port": 255, "length": 100, "frequency": 100, "energytype": 0}]}),
        71: ("previousvalues/configuration", {"interval": "monthly", "pvconfig": [1]}),
        75: ("loadprofiles/configuration", {"lpconfig": [[60, 1, 1]]}),
        79: ("demand/configuration", {"dmc": [[1, 1]], "interval": [60, 60], "period": "daily"}),
        82: ("tariff", {"source": 0}), 84: ("tariff/dayprofiles", day),
        86: ("tariff/weekprofiles", {"weekprofiles": [{"dayid": [16] * 7, "profile": "W"}]}),
        88: ("tariff/seasonprofiles", {"seasonprofiles": [season]}),
        90: ("tariff/specialdayprofiles", {"specialdayprofiles": [special]}),
    }  # fmt: skip
    for number, (path, body) in writes.items():
        yield Cell(number, "POST", f"/meters/{serial}/{path}", body, CONFIGURE)
    for number, path in {72: "previousvalues", 76: "loadprofiles/1", 80: "demand"}.items():
        yield Cell(number, "DELETE", f"/meters/{serial}/{path}", None, CONFIGURE)
