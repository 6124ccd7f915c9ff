"""The examples of the JSON interface (g13-api.md section 3) for four made-up meters, and what a change does to them.

Documents are keyed by the path below ``/meters/{serial}/``. Nothing is validated: that is the real gateway's part.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]

IO_NAMES = ("input", "communiation_out", "alarm_out", "pulse_out", "tariff_out", "always_on", "always_off")
PULSE_ENERGIES = ("active_import", "active_export", "reactive_import", "reactive_export", "turned_off")

NUMBERS = {
    "datetime": (41, 42),
    "info": (43, None),
    "energy/conversionfactor": (44, 45),
    "hardwareversion": (46, None),
    "mbusinfo": (47, None),
    "transformersettings": (None, 48),
    "status": (49, None),
    "statusflags": (50, None),
    "alarms/configuration": (52, 53),
    "energy/active": (54, None),
    "energy/active/co2": (55, None),
    "energy/resettable": (56, 57),
    "energy/resetcounter": (58, None),
    "power": (59, None),
    "instrument": (60, None),
    "harmonics/voltage": (61, None),
    "harmonics/current": (62, None),
    "io": (63, 66),
    "io/configuration": (64, 67),
    "io/pulse": (65, 68),
    "previousvalues/configuration": (70, 71),
    "loadprofiles/configuration": (74, 75),
    "demand/configuration": (78, 79),
    "tariff": (81, 82),
    "tariff/dayprofiles": (83, 84),
    "tariff/weekprofiles": (85, 86),
    "tariff/seasonprofiles": (87, 88),
    "tariff/specialdayprofiles": (89, 90),
}

ABB = [*range(41, 91)]
BSM = [n for n in ABB if n not in (47, 48, 61, 62, 65, 67, 68)]
DMED4 = [n for n in BSM if n not in (63, 64, 66)]
MAP = [n for n in DMED4 if n not in (59,)]

METERS: list[Document] = [
    {
        "serial": "A44552100001",
        "alias": "Main board",
        "location": "Building A",
        "family": "abb",
        "label": "A44 552-100",
        "protocol": 3,
        "address": 17,
        "bus": "line1",
        "status": 1,
        "origin": "api",
        "resources": ABB,
    },
    {
        "serial": "001BZR1521070006",
        "alias": "Bay 1",
        "location": "Charging park",
        "family": "bsm",
        "label": "BSM-WS36A",
        "protocol": 6,
        "address": "line2/42",
        "bus": "line2",
        "status": 1,
        "origin": "file",
        "resources": BSM,
    },
    {
        "serial": "80123456",
        "alias": "Fast charger",
        "location": "Charging park",
        "family": "dmed4",
        "label": "DMED404R1500",
        "protocol": 7,
        "address": "192.168.1.40:443",
        "bus": "dc",
        "status": 1,
        "origin": "api",
        "resources": DMED4,
    },
    {
        "serial": "M-hall-1",
        "alias": "Chiller",
        "location": "Building A",
        "family": "map",
        "label": "Acme 3P",
        "protocol": 5,
        "address": "192.168.1.50:502/1",
        "bus": "hall",
        "status": -1,
        "origin": "file",
        "resources": MAP,
    },
]

FLAGS = {"errors": [], "warnings": ["U3 Missing"], "informationflags": ["Alarm1 Active"]}
TOTALS = {
    "activeimport": "1758397.363",
    "activeexport": "12718.562",
    "reactiveimport": "0.000",
    "reactiveexport": "0.0",
}


def documents(meter: Document) -> dict[str, Document]:
    """Everything one meter answers, by path."""
    whole: dict[str, Document] = {
        "info": {
            "manufacturing": {"serial": meter["serial"], "label": meter["label"], "firmwareversion": "A0.0.0.0"},
            "ratio": {"ctdenum": 1, "ctnum": 1, "vtdenum": 1, "vtnum": 1},
            "power": {"powerfailcounter": 4, "poweroutagetime": 0},
        },
        "datetime": {
            "datetime": "2026-11-30T12:00:00",
            "dayofweek": 1,
            "dst": 0,
            "dstenable": True,
            "dstend": {"month": 10, "day": 7, "week": 254, "hour": 3},
            "dststart": {"month": 3, "day": 7, "week": 254, "hour": 2},
            "status": "set",
        },
        "energy/conversionfactor": {
            "conversionfactor": {"co2": ["0.380", "kg/kWh"], "currency": ["0.290", "curr/kWh"]}
        },
        "hardwareversion": {"version": ["MAIN_BOARD_0", "RS485_1"]},
        "mbusinfo": {"manufacturer": "ABB", "devicetype": 2, "addressingmode": 1, "version": 32, "id": 1234},
        "status": {"serial": meter["serial"], "label": meter["label"], "status": meter["status"]},
        "statusflags": FLAGS,
        "alarms/configuration": {
            "alarmconfig": [
                {
                    "id": 1,
                    "quantity": 75,
                    "onthreshold": 310,
                    "offthreshold": 300,
                    "ondelay": 240,
                    "offdelay": 0,
                    "log": True,
                    "output": 1,
                },
                *({"id": n} for n in range(2, 26)),
            ]
        },
        "energy/resettable": {
            "resettableenergy": {
                name: [value, "Wh" if name.startswith("active") else "varh"] for name, value in TOTALS.items()
            }
        },
        "energy/resetcounter": {"resetcounter": {name: ["3", None] for name in TOTALS}},
        "harmonics/voltage": {
            key: {"harmonics": [100.0, 0.1, 2.4, 0.1, 1.9, 0, 1.1, 0, 0.6, 0, 0.4, 0, 0.3, 0, 0.2, 0], "thd": 3.4}
            for key in ("l1", "l2", "l3", "l1-l2", "l2-l3", "l1-l3")
        },
        "harmonics/current": {
            key: {"harmonics": [100.0, 0.4, 8.2, 0.1, 4.4, 0, 2.9, 0, 1.6, 0, 1.0, 0, 0.8, 0, 0.5, 0], "thd": 10.2}
            for key in ("l1", "l2", "l3", "neutral")
        },
        "io": {
            "iostatus": [
                {"port": 1, "currentstate": 0},
                {"port": 2, "currentstate": 0, "storedstate": 0, "counter": 292939},
                {"port": 3, "currentstate": 1, "storedstate": 1, "counter": 48448},
                {"port": 4, "currentstate": 0},
            ]
        },
        "io/configuration": {"ioconfig": ["communiation_out", "input", "input", "pulse_out"]},
        "io/pulse": {
            "pulse": [
                {"id": n, "length": 100, "frequency": 10000, "energytype": kind, "port": port}
                for n, (kind, port) in enumerate(
                    [("active_import", 4), ("active_export", 255), ("active_import", 255), ("turned_off", 255)], 1
                )
            ]
        },
        "previousvalues/configuration": {"interval": "daily", "pvconfig": [1, 2, 9, 10]},
        "loadprofiles/configuration": {"lpconfig": [[900, 1, 20000], [900, 69, 4960], *([[0, 0, 0]] * 6)]},
        "demand/configuration": {"dmc": [[1, 5], [1, 6]], "interval": [900, 60], "period": "daily"},
        "tariff": {"daytype": 1, "season": 1, "tariff": 1, "source": 1},
        "tariff/dayprofiles": {
            "dayprofiles": [
                {"actions": [[1, "00:00"], [2, "06:00"], [1, "22:00"]], "profile": 1},
                {"actions": [[1, "00:00"]], "profile": 2},
            ]
        },
        "tariff/weekprofiles": {"weekprofiles": [{"dayid": [1, 1, 1, 1, 1, 2, 2], "profile": "Week1"}]},
        "tariff/seasonprofiles": {
            "seasonprofiles": [{"day": 1, "month": 1, "profile": "Year", "weekprofile": "Week1"}]
        },
        "tariff/specialdayprofiles": {
            "specialdayprofiles": [
                {"date": {"day": 25, "month": 12, "week": 255, "year": 65535}, "dayprofile": 2, "profile": 1}
            ]
        },
    }
    if meter["family"] != "abb":
        del whole["info"]["ratio"]
    return {path: copy.deepcopy(body) for path, body in whole.items() if NUMBERS[path][0] in meter["resources"]}


Documents = dict[str, Document]
Change = Callable[[Documents, Document], None]


def _into(path: str, change: Callable[[Document, Document], None]) -> Change:
    return lambda documents, body: change(documents[path], body)


def _merge(document: Document, body: Document) -> None:
    document.update(body)


def _replace(document: Document, body: Document) -> None:
    document.clear()
    document.update(body)


def _factors(document: Document, body: Document) -> None:
    for name, value in body["conversionfactor"].items():
        document["conversionfactor"][name][0] = f"{float(value):.3f}"


def _by(member: str, key: str) -> Callable[[Document, Document], None]:
    def change(document: Document, body: Document) -> None:
        rows = {row[key]: row for row in (*document[member], *body[member])}
        document[member] = [rows[number] for number in sorted(rows)]

    return change


def _day(document: Document, body: Document) -> None:
    _by("dayprofiles", "profile")(document, {"dayprofiles": [body]})


def _functions(document: Document, body: Document) -> None:
    for index, code in enumerate(body["ioconfig"]):
        if code != 255:
            document["ioconfig"][index] = IO_NAMES[code]


def _pulses(document: Document, body: Document) -> None:
    for row in body["pulse"]:
        document["pulse"][row["id"] - 1] = {**row, "energytype": PULSE_ENERGIES[row["energytype"]]}


def _lines(document: Document, body: Document) -> None:
    for row in body["iostatus"]:
        old = document["iostatus"][row["port"] - 1]
        if "currentstate" in row:
            old["currentstate"] = row["currentstate"]
        for member in row.get("reset", []):
            old[member] = 0


def _tariff(document: Document, body: Document) -> None:
    document.update(body)
    if document["source"] != 2:
        document.pop("inputconfig", None)


def _profiles(document: Document, body: Document) -> None:
    document["lpconfig"] = [*body["lpconfig"], *([[0, 0, 0]] * 8)][:8]


def _ratio(documents: Documents, body: Document) -> None:
    documents["info"]["ratio"] = {name: value for name, value in body.items() if name != "serial"}


def _reset(documents: Documents, body: Document) -> None:
    for name in (name for name, wanted in body["resettableenergy"].items() if wanted):
        documents["energy/resettable"]["resettableenergy"][name][0] = "0.000"
        counter = documents["energy/resetcounter"]["resetcounter"][name]
        counter[0] = str(int(counter[0]) + 1)


#: What a POST to a path does to the documents of its meter.
CHANGES: dict[str, Change] = {
    "transformersettings": _ratio,
    "energy/resettable": _reset,
    **{
        path: _into(path, change)
        for path, change in {
            "datetime": _merge,
            "energy/conversionfactor": _factors,
            "alarms/configuration": _by("alarmconfig", "id"),
            "io": _lines,
            "io/configuration": _functions,
            "io/pulse": _pulses,
            "previousvalues/configuration": _replace,
            "loadprofiles/configuration": _profiles,
            "demand/configuration": _replace,
            "tariff": _tariff,
            "tariff/dayprofiles": _day,
            "tariff/weekprofiles": _replace,
            "tariff/seasonprofiles": _replace,
            "tariff/specialdayprofiles": _by("specialdayprofiles", "profile"),
        }.items()
    },
}


def configuration() -> Document:
    """4."""
    times = {
        "ack": 1000,
        "delay_after_telegram": 1000,
        "delay_before_requd2": 200,
        "get_request": 500,
        "meter_contact": 100,
        "response_timeout": 300,
        "response_timeout_base": 800,
    }
    ip = {
        "dhcp": False,
        "dns": False,
        "gateway": "192.168.1.1",
        "ip": "192.168.1.12",
        "mac": "0.0.0.0.0.0",
        "pdns": "0.0.0.0",
        "sdns": "0.0.0.0",
        "subnet": "255.255.255.0",
    }
    eqbus = {"baudrate": 500000, "interoctettimeout": 40}
    return {"ip": ip, "eqbus": eqbus, "mbus-wired": dict(times), "mbus-ir": dict(times)}


def gateway_events() -> list[Document]:
    """13, newest first."""
    found = [
        {
            "category": 4 if id == 9 else 8,
            "index": index,
            "id": id,
            "timestamp": f"2026-11-30T{index:02d}:02:02",
            "type": 2,
        }
        for index, id in enumerate((11, 6, 6, 9, 5), 1)
    ]
    return found[::-1]


ABOUT: Document = {
    "cosemversion": "6",
    "firmwareversion": "G0.0.0.0",
    "hardwareversion": "",
    "model": "wattproof",
    "jsonapiversion": "1.0",
    "logicaldevicename": "WTP0000000000001",
    "releasedate": "2026-11-30T12:00:00",
    "serial": "1234567890",
}
STATUS: Document = {
    "leds": {"a": {"colour": "green", "mode": "steady"}},
    "clock": {"offset_ms": 0, "status": "set"},
    "buses": [{"name": name, "state": "ok", "meters": 1, "online": 1, "queue": 0} for name in ("line1", "line2")],
    "uptime_s": 4711,
    "allow_network": False,
}
MADE_OF: Document = {
    "licences": [{"name": "starlette", "version": "1.0", "licence": "BSD-3-Clause", "text": "/ui/licences.md"}],
    "ram": {"total": 8 << 30, "available": 5 << 30, "acquire": 61 << 20, "serve": 74 << 20},
}


def rows(path: str, start: dt.datetime, end: dt.datetime) -> Document:
    """Made-up rows of a series between two local times."""
    items: list[Document] = []
    if path == "loadprofiles":
        time = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0) + dt.timedelta(minutes=15)
        while time <= end and len(items) < 40000:
            watts = 800 + 60 * ((time.hour * 4 + time.minute // 15) % 24) + (3000 if 7 <= time.hour < 18 else 0)
            status = 3 if time.hour == 4 and time.minute == 0 else 1
            items.append({"status": status, "timestamp": time.isoformat(), "value": f"{watts / 4:.3f}"})
            time += dt.timedelta(minutes=15)
        return {"mapping": ["active_import_total", "Wh"], "interval": 900, "items": items}
    day = end.replace(hour=0, minute=0, second=0, microsecond=0)
    while day >= start and len(items) < 60:
        if path == "previousvalues":
            items.append({"values": [[1, f"{1758397 + day.toordinal()}.000"], [1, "0.000"]], "time": day.isoformat()})
        else:
            peak = day - dt.timedelta(hours=7)
            items.append(
                {
                    "values": [[1, 4250, peak.isoformat(), 1], [0, 4294967295, peak.isoformat(), 2]],
                    "time": day.isoformat(),
                }
            )
        day -= dt.timedelta(days=1)
    if path == "previousvalues":
        mapping = [["active_import_total", "Wh"], ["active_export_total", "Wh"]]
        return {"mapping": mapping, "interval": "daily", "items": items}
    return {"mapping": [["active_import_total", "W"], ["active_import_total", "W"]], "items": items}


SESSION: Document = {
    "id": "s-1",
    "serial": "001BZR1521070006",
    "state": "ended",
    "begun": "2026-11-30T08:00:12.000Z",
    "ended": "2026-11-30T08:41:40.000Z",
    "user": "admin",
    "options": {"identification": "contract-id: 4711"},
    "public_key": "3059301306072a8648ce3d020106082a8648ce3d030107034200",
    "records": [
        {
            "role": "begin",
            "format": "BSM-WS36A",
            "data": "begin record of the example",
            "signature": "valid",
            "overall": "yellow",
        },
        {
            "role": "end",
            "format": "BSM-WS36A",
            "data": "end record of the example",
            "signature": "valid",
            "overall": "yellow",
        },
    ],
    "verdict": {
        "notice": "This is a technical check. It is not the conformity-assessed transparency software and does not "
        "replace it in a legal dispute.",
        "summary": {"sessions": 1, "green": 0, "yellow": 1, "red": 0, "grey": 0},
        "records": [
            {
                "signature": "valid",
                "overall": "yellow",
                "reason": None,
                "hints": [],
                "findings": [
                    {
                        "code": "F-KEY-NOT-TRUSTED",
                        "severity": "warning",
                        "where": "",
                        "message": "the key is not trusted",
                    }
                ],
            }
        ],
        "sessions": [
            {
                "verdict": "ok",
                "overall": "yellow",
                "begin": "2026-11-30T09:00:12+01:00",
                "end": "2026-11-30T09:41:40+01:00",
                "energy": {"value": "7.412", "unit": "kWh"},
                "findings": [],
            }
        ],
    },
    "true": True,
}
