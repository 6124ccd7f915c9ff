"""What a meter notices: status word, alarms, and the three logs (abb-meters.md 3.6, 3.9, 3.10)."""

from __future__ import annotations

from typing import Any

from wattproof.metering.alarms import ALARMS, Alarm, Setting
from wattproof.metering.clock import Clock, Stamp
from wattproof.metering.dst import FAR
from wattproof.metering.logs import Category, Log
from wattproof.meters.abb.virtual.gauges import DISTORTIONS, SPECTRA

#: Bits of the status word by class: errors, warnings, alarms among the informations.
ERRORS, WARNINGS = range(38, 54), range(12)
FIRST_ALARM = 13
ERROR_BITS = sum(1 << bit for bit in ERRORS)
WARNING_BITS = sum(1 << bit for bit in WARNINGS)
ALARM_BITS = sum(1 << FIRST_ALARM + number for number in range(ALARMS))
DATE_NOT_SET, TIME_NOT_SET, MERGED, POWER_FAIL = 1 << 10, 1 << 11, 1 << 54, 1 << 55
#: Bits that a segment sets.
MEASURED_BITS = 0x1F7
#: Log codes beside those of the status word: 2000 + bit, of bits that no meter sends.
SETTINGS_CHANGED, REGISTERS_RESET, CLOCK_CHANGED, RESTARTED = 2056, 2057, 2058, 2059
POWER_FAILED = 2055
VOLTAGES = frozenset({69, 72, 75, 78, 79, 80})
QUALITY = VOLTAGES | DISTORTIONS.keys() | SPECTRA.keys()
_QUALITY_BITS = 0x10F
_SYSTEM_BITS = ERROR_BITS | DATE_NOT_SET | TIME_NOT_SET


class Watch:
    """``bits`` are those of the status word that last and are logged: errors and warnings."""

    __slots__ = ("alarms", "bits", "event", "power_fail_until", "quality", "system")

    def __init__(self) -> None:
        self.system, self.event, self.quality = Log(), Log(), Log()
        self.bits = 0
        self.alarms: dict[int, Alarm] = {}
        self.power_fail_until = 0

    @property
    def logs(self) -> tuple[Log, Log, Log]:
        """System, event and net quality log, in the order of their logical names."""
        return self.system, self.event, self.quality

    def log_of(self, bit: int) -> Log:
        """Where a bit of the status word is logged (AD-29)."""
        if _SYSTEM_BITS >> bit & 1:
            return self.system
        return self.quality if _QUALITY_BITS >> bit & 1 else self.event

    # bits

    def put(self, bits: int, clock: Clock, now: int) -> None:
        """Errors and warnings that are present from now on."""
        changed = self.bits ^ bits
        self.bits = bits
        while changed:
            bit = (changed & -changed).bit_length() - 1
            changed &= changed - 1
            error = bit in ERRORS
            code = bit if error else 1000 + bit
            if bits >> bit & 1:
                category = Category.ERROR if error else Category.WARNING
                self.log_of(bit).note(clock.stamp(now), category, code, clock.run(now))
            else:
                self.log_of(bit).end(code, clock.run(now))

    def note(self, stamp: Stamp, code: int, duration: int = 0) -> None:
        """A moment in the system log."""
        self.system.note(stamp, Category.INFORMATION, code)
        if duration and self.system.entries:
            self.system.entries[-1].duration = duration

    @property
    def alarm_word(self) -> int:
        """Bit k - 1: alarm k is active."""
        return sum(1 << number - 1 for number, alarm in self.alarms.items() if alarm.active)

    @property
    def outputs(self) -> int:
        """Bits of the ports that active alarms switch on."""
        bits = 0
        for alarm in self.alarms.values():
            if alarm.active and alarm.setting.output:
                bits |= 1 << alarm.setting.output - 1
        return bits

    # alarms

    @property
    def due(self) -> int:
        """When a delay ends, ms of meter time."""
        return min((alarm.due for alarm in self.alarms.values()), default=FAR)

    def expire(self, clock: Clock, now: int) -> None:
        """End the delays that end now."""
        for number, alarm in self.alarms.items():
            if alarm.expire(now):
                self._changed(number, alarm, clock, now)

    def see(self, number: int, value: int | None, clock: Clock, now: int) -> None:
        """The quantity of an alarm has another value."""
        alarm = self.alarms[number]
        if alarm.watch(value, now):
            self._changed(number, alarm, clock, now)

    def _changed(self, number: int, alarm: Alarm, clock: Clock, now: int) -> None:
        if not alarm.setting.log:
            return
        code = 2000 + FIRST_ALARM + number - 1
        log = self.quality if alarm.setting.quantity in QUALITY else self.event
        if alarm.active:
            log.note(clock.stamp(now), Category.INFORMATION, code, clock.run(now))
        else:
            log.end(code, clock.run(now))

    def set_alarm(self, number: int, setting: Setting | None, clock: Clock, now: int) -> None:
        """Other settings of an alarm, ``None`` = off; it begins anew."""
        self._drop(number, clock, now)
        self.alarms.pop(number, None)
        if setting is not None:
            self.alarms = dict(sorted({**self.alarms, number: Alarm(setting)}.items()))

    def _drop(self, number: int, clock: Clock, now: int) -> None:
        alarm = self.alarms.get(number)
        if alarm is not None and alarm.drop():
            self._changed(number, alarm, clock, now)

    def fail(self, clock: Clock, now: int) -> None:
        """The supply fails: nothing lasts any longer."""
        self.put(0, clock, now)
        for number in self.alarms:
            self._drop(number, clock, now)

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {
            "logs": [log.save() for log in self.logs],
            "bits": self.bits,
            "alarms": [[number, alarm.save()] for number, alarm in self.alarms.items()],
            "power_fail_until": self.power_fail_until,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """As :meth:`save` left it."""
        for log, entries in zip(self.logs, data["logs"], strict=True):
            log.restore(entries)
        self.bits = data["bits"]
        self.alarms = {number: Alarm.restore(alarm) for number, alarm in data["alarms"]}
        self.power_fail_until = data["power_fail_until"]
