"""Alarms on what a meter measures: thresholds, delays, hysteresis (g13-api.md 52, 53; abb-meters.md 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from wattproof.g13.parameters import STORABLE
from wattproof.gateway.engines.books import EVENT, QUALITY, Books, Part
from wattproof.gateway.engines.failing import invalid, unsupported, whole
from wattproof.gateway.engines.measured import Measured
from wattproof.gateway.engines.scales import GUARD, exponent_of, scaled
from wattproof.gateway.records import Value
from wattproof.metering.alarms import ALARMS, MOST_DELAY, Alarm, Setting
from wattproof.metering.dst import FAR
from wattproof.meters.abb.statusword import BITS, FIRST_ALARM

#: Alarms on voltages and distortion go to the log of net quality, all others to that of events (AD-29).
_QUALITY = frozenset({69, 72, 75, 78, 79, 80, *range(59, 69)})
#: Numbers that thresholds can be, in their finest unit.
_MOST = 1 << 62
PORTS = range(5)


class Alarms(Part):
    """Alarms 1 to 25, as far as they are set."""

    name = "alarms"

    def __init__(self, books: Books, measured: Measured) -> None:
        super().__init__()
        self._books, self._measured = books, measured
        self._alarms: dict[int, Alarm] = {}

    # watching

    def read(self, values: Mapping[int, Value], at: int) -> None:
        """New values. A value that is none says nothing."""
        for number, alarm in self._alarms.items():
            value = values.get(alarm.setting.quantity)
            if value is None:
                continue
            before = (alarm.condition, alarm.due)
            seen = scaled(value, _exponent(alarm.setting.quantity))
            if alarm.watch(seen, at):
                self._turned(number, alarm, at)
            self.changed = self.changed or before != (alarm.condition, alarm.due)

    def expire(self, at: int) -> None:
        """End the delays that are over."""
        for number, alarm in self._alarms.items():
            due = alarm.due
            if alarm.expire(at):
                self._turned(number, alarm, due)
                self.changed = True

    def due(self) -> int:
        """When a delay ends (host time)."""
        return min((alarm.due for alarm in self._alarms.values()), default=FAR)

    def active(self) -> list[str]:
        """Names of the active alarms as #50 writes them."""
        return [BITS[FIRST_ALARM + number - 1].name for number, alarm in self._alarms.items() if alarm.active]

    def _turned(self, number: int, alarm: Alarm, moment: int) -> None:
        if alarm.setting.log:
            log = QUALITY if alarm.setting.quantity in _QUALITY else EVENT
            code = BITS[FIRST_ALARM + number - 1].code
            (self._books.begin if alarm.active else self._books.end)(log, code, moment)

    def turn_back(self, by: int) -> None:
        """The host's clock was set back by so many ms."""
        for alarm in self._alarms.values():
            alarm.due = alarm.due if alarm.due >= FAR else alarm.due - by
        self.changed = True

    # resources 52, 53

    def document(self) -> dict[str, Any]:
        """The body of 52."""
        return {"alarmconfig": [self._entry(number) for number in range(1, ALARMS + 1)]}

    def _entry(self, number: int) -> dict[str, Any]:
        alarm = self._alarms.get(number)
        if alarm is None:
            return {"id": number}
        setting = alarm.setting
        return {
            "id": number,
            "quantity": setting.quantity,
            "onthreshold": _number(setting.on, _exponent(setting.quantity)),
            "offthreshold": _number(setting.off, _exponent(setting.quantity)),
            "ondelay": setting.on_delay,
            "offdelay": setting.off_delay,
            "log": setting.log,
            "output": setting.output,
        }

    def check(self, body: Mapping[str, Any]) -> dict[int, Setting | None]:
        """What 53 asks for, by number. Raises ``CommandFailed``. An empty list clears all (GD-51)."""
        wanted = body.get("alarmconfig")
        if not isinstance(wanted, list):
            raise invalid("missing alarmconfig in JSON")
        if not wanted:
            return dict.fromkeys(range(1, ALARMS + 1))
        found: dict[int, Setting | None] = {}
        for entry in wanted:
            number = whole(entry.get("id") if isinstance(entry, Mapping) else None, "invalid id")
            if not 1 <= number <= ALARMS or number in found:
                raise invalid("invalid id")
            found[number] = None if entry.keys() == {"id"} else self._setting(entry)
        return found

    def _setting(self, entry: Mapping[str, Any]) -> Setting:
        quantity = whole(entry.get("quantity"), "invalid quantity")
        if quantity not in STORABLE["ac"] or not self._measured.has(quantity):
            raise invalid("invalid quantity", f"this meter has no quantity {quantity} for an alarm")
        output = whole(entry.get("output", 0), "invalid output")
        if output not in PORTS:
            raise invalid("invalid output")
        if output:
            raise unsupported("outputs")
        on, off = (_threshold(entry, name, _exponent(quantity)) for name in ("onthreshold", "offthreshold"))
        delays = [whole(entry.get(name, 0), f"invalid {name}") for name in ("ondelay", "offdelay")]
        for name, delay in zip(("ondelay", "offdelay"), delays, strict=True):
            if not 0 <= delay <= MOST_DELAY:
                raise invalid(f"invalid {name}")
        log = entry.get("log", False)
        if not isinstance(log, bool):
            raise invalid("invalid log")
        return Setting(quantity, on, off, delays[0], delays[1], log, 0)

    def put(self, wanted: Mapping[int, Setting | None], at: int) -> None:
        """Other settings; an alarm that is set anew begins anew, one with the settings that it has goes on."""
        for number, setting in wanted.items():
            present = self._alarms.get(number)
            if present is not None and present.setting == setting:
                continue
            if present is not None and present.drop():
                self._turned(number, present, at)
            self._alarms.pop(number, None)
            if setting is not None:
                self._alarms[number] = Alarm(setting)
        self._alarms = dict(sorted(self._alarms.items()))
        self.changed = True

    # what stays

    def save(self) -> Any:
        return [[number, alarm.save()] for number, alarm in self._alarms.items()]

    def restore(self, data: Any) -> None:
        self._alarms = {number: Alarm.restore(alarm) for number, alarm in data}


def _exponent(id: int) -> int:
    return exponent_of(id) - GUARD


def _threshold(entry: Mapping[str, Any], name: str, exponent: int) -> int:
    """A threshold in the unit of its quantity, as a multiple of 10 ** ``exponent``."""
    value = entry.get(name, 0)
    try:
        number = Decimal(value if isinstance(value, str) else str(value))
    except InvalidOperation:
        raise invalid(f"invalid {name}") from None
    if isinstance(value, bool) or not number.is_finite() or abs(number) >= _MOST:
        raise invalid(f"invalid {name}")
    found = number.scaleb(-exponent).to_integral_value()
    if abs(found) >= _MOST:
        raise invalid(f"invalid {name}")
    return int(found)


def _number(mantissa: int, exponent: int) -> int | str:
    """A threshold as documents have numbers: whole where it is, else decimal text."""
    number = Decimal(mantissa).scaleb(exponent)
    return int(number) if number == number.to_integral_value() else format(number.normalize(), "f")
