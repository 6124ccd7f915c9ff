"""Alarm settings, 0-0:128.1.k for alarm k, and register monitors (abb-meters.md 2.8, AD-23)."""

from __future__ import annotations

from wattproof.errors import InvalidValue
from wattproof.metering.alarms import ALARMS, Setting
from wattproof.meters.abb.quantities import ROWS, by_logical_name
from wattproof.meters.abb.shapes.shape import Shape
from wattproof.wire.cosem.data import (
    Data,
    boolean,
    double_long_unsigned,
    long64,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import written
from wattproof.wire.cosem.shapes import fields, flag, number, octets

__all__ = ["ALARM", "ALARMS", "alarm_name"]

#: What an alarm that is off holds.
_OFF = Setting(0, 0, 0)


def alarm_name(alarm: int) -> str:
    """The logical name of the settings of an alarm, 1 to 25."""
    return f"0-0:128.1.{alarm}"


def _write(setting: Setting | None) -> Data:
    chosen = _OFF if setting is None else setting
    name = b"" if setting is None else ROWS[setting.quantity].ln
    return structure(
        octet_string(name),
        long64(chosen.on),
        long64(chosen.off),
        double_long_unsigned(chosen.on_delay),
        double_long_unsigned(chosen.off_delay),
        boolean(chosen.log),
        unsigned(chosen.output),
    )


def _read(data: Data) -> Setting | None:
    quantity, on, off, on_delay, off_delay, log, output = fields(data, 7)
    name = octets(quantity)
    rest = number(on), number(off), number(on_delay), number(off_delay), flag(log), number(output)
    if not name:
        return None
    row = by_logical_name(name)
    if row is None:
        raise InvalidValue(f"an alarm watches {written(name)}, which is no quantity of the meter")
    return Setting(row.id, *rest)


#: The settings of one alarm, ``None`` where it is off. Thresholds are raw values of the quantity.
ALARM: Shape[Setting | None] = Shape(_write, _read)
