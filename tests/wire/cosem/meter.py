"""A small meter for the tests: the objects of the worked examples, backed by a dictionary."""

from __future__ import annotations

from typing import Any

from wattproof.errors import CosemRefused, InvalidValue
from wattproof.model.units import HERTZ, VOLT, WATT_HOUR
from wattproof.wire.cosem import classes
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.association_objects import sap_assignment
from wattproof.wire.cosem.data import Data, Tag, array, double_long_unsigned, octet_string
from wattproof.wire.cosem.device import ClientRow, LogicalDevice
from wattproof.wire.cosem.objects import Bound, BoundMethod, CosemObject
from wattproof.wire.cosem.profiles import Row, buffer
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import CLOCK_TIME, CaptureObject
from wattproof.wire.cosem.shapes import number, octets
from wattproof.wire.cosem.times import Date, DateTime, Time
from wattproof.wire.cosem.units import scaler_unit

Meter = dict[str, Any]
COLUMNS = (CLOCK_TIME, CaptureObject.of(1, "0-1:96.10.1"), CaptureObject.of(3, "1-0:1.8.0"))
NAME = b"ABB1234567890123"


def row(day: int, quarter: int, status: int, energy: int) -> Row:
    moment = DateTime(Date(2012, 7, day, (day - 2) % 7 + 1), Time(quarter // 4, quarter % 4 * 15, 0, 0))
    return octet_string(moment.encode()), axdr.unsigned(status), axdr.long64_unsigned(energy)


ROWS = [row(day, quarter, 1, 4000 + 96 * day + quarter) for day in (1, 2, 3) for quarter in range(96)]


def new_meter() -> Meter:
    return {
        "voltage": 2306,
        "frequency": 5025,
        "energy": 3913,
        "tariff": 1,
        "source": 1,
        "time": bytes.fromhex("07dc080507010b1f00800080"),
        "blob": bytes(10),
        "rows": list(ROWS),
        "secret": b"12345678",
        "port": True,
        "resets": 0,
        "called": [],
    }


def _set_tariff(meter: Meter, value: Data) -> None:
    if meter["source"] != 1:
        raise CosemRefused(Result.READ_WRITE_DENIED, "the calendar chooses the tariff")
    meter["tariff"] = number(value)


def _set_blob(meter: Meter, value: Data) -> None:
    if len(octets(value)) > 3000:
        raise InvalidValue("too long")
    meter["blob"] = octets(value)


def _reset(meter: Meter, parameter: Data | None) -> None:
    meter["resets"] += 1


def _execute(meter: Meter, parameter: Data | None) -> None:
    assert parameter is not None
    if not 1 <= number(parameter) <= 12:
        raise InvalidValue("no such script")
    _set_tariff(meter, axdr.unsigned(number(parameter)))


def _echo(meter: Meter, parameter: Data | None) -> Data | None:
    meter["called"].append(parameter)
    return parameter


def objects() -> list[CosemObject[Meter]]:
    """Shared by all meters."""
    return [
        CosemObject(classes.DATA, "0-0:42.0.0", {"value": octet_string(NAME)}),
        sap_assignment(lambda meter: NAME),
        CosemObject(
            classes.CLOCK,
            "0-0:1.0.0",
            {
                "time": Bound(
                    lambda meter: octet_string(meter["time"]), lambda meter, value: meter.update(time=octets(value, 12))
                ),
                "time_zone": axdr.long(0),
            },
            {"adjust_to_minute": _reset},
            access="r/rw",
        ),
        CosemObject(
            classes.REGISTER,
            "1-0:32.7.0",
            {"value": lambda meter: double_long_unsigned(meter["voltage"]), "scaler_unit": scaler_unit(-1, VOLT)},
        ),
        CosemObject(
            classes.REGISTER,
            "1-0:14.7.0",
            {"value": lambda meter: axdr.long_unsigned(meter["frequency"]), "scaler_unit": scaler_unit(-2, HERTZ)},
        ),
        CosemObject(
            classes.REGISTER,
            "1-0:1.8.0",
            {"value": lambda meter: axdr.long64_unsigned(meter["energy"]), "scaler_unit": scaler_unit(1, WATT_HOUR)},
            {"reset": _reset},
        ),
        CosemObject(
            classes.DATA,
            "0-0:96.14.0",
            {"value": Bound(lambda meter: axdr.unsigned(meter["tariff"]), _set_tariff, "r/rw", limits=(1, 4))},
        ),
        CosemObject(
            classes.DATA,
            "0-0:128.4.0",
            {"value": Bound(lambda meter: octet_string(meter["blob"]), _set_blob, "r/rw", (Tag.OCTET_STRING,))},
        ),
        CosemObject(
            classes.DATA, "0-1:96.3.1", {"value": lambda meter: axdr.TRUE}, present=lambda meter: bool(meter["port"])
        ),
        CosemObject(
            classes.SCRIPT_TABLE,
            "0-0:10.0.100",
            {"scripts": array([])},
            {"execute": BoundMethod(_execute)},
        ),
        CosemObject(
            classes.PROFILE_GENERIC,
            "1-0:99.1.1",
            {
                "buffer": buffer(lambda meter: meter["rows"], lambda meter: COLUMNS),
                "capture_objects": array(column.data for column in COLUMNS),
                "capture_period": double_long_unsigned(900),
                "sort_method": axdr.enum(1),
                "entries_in_use": lambda meter: double_long_unsigned(len(meter["rows"])),
                "profile_entries": double_long_unsigned(1000),
            },
            {"reset": _reset, "capture": _reset},
        ),
        CosemObject(
            classes.SPECIAL_DAYS,
            "0-0:11.0.0",
            {"entries": array([])},
            {"insert": BoundMethod(_echo, tags=(Tag.STRUCTURE, Tag.OCTET_STRING)), "delete": _echo},
        ),
    ]


def _set_secret(meter: Meter, secret: bytes) -> None:
    if len(secret) != 8:
        raise InvalidValue("a password has 8 characters")
    meter["secret"] = secret


CLIENTS: tuple[ClientRow[Meter], ...] = (
    ClientRow(16, 0, association="0-0:40.0.1"),
    ClientRow(1, 1, lambda meter: meter["secret"], _set_secret, "0-0:40.0.2"),
)


def new_device(**options: Any) -> LogicalDevice[Meter]:
    return LogicalDevice(objects(), CLIENTS, **options)
