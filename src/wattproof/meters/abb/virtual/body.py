"""The body of a virtual ABB meter: everything but what it says on its buses (abb-meters.md part 3).

A face asks ``value`` for quantities by id, looks at ``status_word``, ``ports``, ``recorder``, ``watch``, ``tariffing``
and ``image``, and gives the commands of :class:`~wattproof.meters.abb.virtual.commands.Commands`. It calls ``advance``
before, and ``answered`` when an answer is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from wattproof.metering.clock import Clock, Stamp
from wattproof.metering.previous_values import PreviousValues
from wattproof.meters.abb.rows import GOLD, PLATINUM
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual import values, watch
from wattproof.meters.abb.virtual.commands import Commands
from wattproof.meters.abb.virtual.electrics import Wiring
from wattproof.meters.abb.virtual.gauges import CURRENTS
from wattproof.meters.abb.virtual.ports import Ports
from wattproof.meters.abb.virtual.refusals import Missing, denied, out_of_range
from wattproof.meters.abb.virtual.sources import Load
from wattproof.meters.abb.virtual.supply import MILLI
from wattproof.meters.abb.virtual.tariffing import Tariffing
from wattproof.meters.abb.virtual.values import FROZEN, Value
from wattproof.virtual.faults import Faults

#: Firmware and hardware of a new meter.
FIRMWARE = "A1.00.0"
HARDWARE = ("MAIN 1.0", "IO 1.0", "RS-485 1.0", "MBUS 1.0", "", "", "", "")
#: The password of a new meter, on M-Bus and for the management client (2.4).
PASSWORD = b"00000000"


class Access(IntEnum):
    """The write access level (1.15)."""

    CLOSED = 1
    PASSWORD = 2
    OPEN = 3


class Body(Commands):
    """One meter.

    :param clock: its clock, already set; :param load: its source; :param seed: of the noise; :param start: meter time
        of the first moment, ns.

    ``frozen`` holds what is shown while the fault ``frozen`` lasts, currents in mA under -id; ``glitched``: the present
    answer shows a glitch.
    """

    __slots__ = ("access", "frozen", "glitched", "hardware", "password", "serial")

    def __init__(
        self, variant: Variant, serial: str, load: Load, clock: Clock, faults: Faults, *, seed: int = 0, start: int = 0
    ) -> None:
        super().__init__(variant, load, clock, faults, seed=seed, at=start // MILLI)
        self.ids = ids_of(variant)
        self.serial = serial
        self.firmware, self.hardware, self.password = FIRMWARE, HARDWARE, PASSWORD
        self.access = Access.OPEN
        self.time_zone = 0
        self.frozen: dict[int, Value | Missing] | None = None
        self.glitched = False
        self._record_as_new()
        self.turn()
        self.review()
        self.plan()

    def _record_as_new(self) -> None:
        """What a new meter records: import every quarter of an hour for 30 days, and the totals every day."""
        if self.variant.level >= PLATINUM:
            self.recorder.configure(0, 1, 900, 2880, self.clock, self.at)
        if self.variant.level >= GOLD:
            self.recorder.configure_previous(PreviousValues((1, 2, 21, 22)), self.clock, self.at)

    # values

    def value(self, id: int) -> Value | Missing:
        """A quantity as it is now; see :mod:`wattproof.meters.abb.virtual.values`."""
        return values.read(self, id)

    def harmonic(self, id: int, order: int) -> int | Missing:
        """One order (2 to 16) of an array of harmonics, 0.1 %."""
        return values.harmonic(self, id, order)

    def milliamperes(self, id: int) -> int | Missing:
        """A current in mA."""
        return values.milliamperes(self, id)

    @property
    def stamp(self) -> Stamp:
        """Local time with the clock status."""
        return self.clock.stamp(self.at)

    @property
    def outputs(self) -> int:
        """States of the outputs, bit n - 1 = port n."""
        self._sync()
        return values.outputs(self)

    @property
    def status_word(self) -> int:
        """64 bits (3.9)."""
        self._sync()
        bits = self.watch.bits | self.watch.alarm_word << watch.FIRST_ALARM
        if self.ports.merged:
            bits |= watch.MERGED
        return bits | watch.POWER_FAIL if self.at < self.watch.power_fail_until else bits

    @property
    def alarm_word(self) -> int:
        """Bit k - 1 = alarm k is active."""
        return self.watch.alarm_word

    def answered(self) -> None:
        """An answer has left the meter: a glitch that it showed is one of its hits."""
        if self.glitched:
            self.glitched = False
            self.faults.hit("counter-glitch")

    # access (1.15)

    def permit(self, password: bool) -> None:
        """A protected change is wanted; ``password``: by somebody who gave it. Raises ``Refusal`` (denied)."""
        if "refuse-writes" in self.faults:
            raise denied("the meter refuses writes")
        if self.access is Access.CLOSED:
            raise denied("the write access level is closed: the keys of the meter open it")
        if self.access is Access.PASSWORD and not password:
            raise denied("the write access level asks for the password")

    def set_access(self, level: int) -> None:
        """The write access level: 1 closed, 2 by password, 3 open."""
        if level not in tuple(Access):
            raise out_of_range(f"write access level {level} is not possible: write 1 to 3")
        self.access = Access(level)
        self._changed()

    def set_password(self, password: bytes) -> None:
        """Another password, eight bytes."""
        if len(password) != len(PASSWORD):
            raise out_of_range(f"a password of {len(password)} bytes is not possible: write {len(PASSWORD)}")
        self.password = password
        self._changed()

    # from outside

    def drive_input(self, port: int, level: bool) -> None:
        """A level at a port (controls ``input-1`` to ``input-4``); without supply no edge is seen."""
        if not self.supplied:
            self.ports.put_level(port, level)
        elif self.ports.drive(port, level):
            self.decide_tariff()
            self.plan()

    def freeze(self, on: bool) -> None:
        """Show what is shown now, until it ends (fault ``frozen``)."""
        self.frozen = None
        if on:
            fine = {-id: values.milliamperes(self, id) for id in self.ids & CURRENTS}
            self.frozen = {id: values.read(self, id) for id in sorted(self.ids & FROZEN)} | fine

    def factory(self) -> None:
        """Factory settings; registers, clock and logs stay (control ``default``)."""
        self._sync()
        counters, levels = self.ports.counters, self.ports.levels
        self.ports = Ports(self.variant.level)
        self.ports.counters, self.ports.levels = counters, levels
        self.recorder.count_with(self.ports.count)
        self.ports.arrange(self.at)
        self.tariffing = Tariffing()
        self.registers.co2 = self.registers.currency = 1000
        self.registers.switch(1)
        for number in tuple(self.watch.alarms):
            self.watch.set_alarm(number, None, self.clock, self.at)
        self.access, self.password, self.time_zone = Access.OPEN, PASSWORD, 0
        new = Clock().summer
        self.clock.summer.set(new.begin, new.end, new.enabled)
        self.recorder.forget(self.clock, self.at)
        self._record_as_new()
        self.retrack()
        self._changed()
        wiring = Wiring()
        self.rewire(voltage=wiring.voltage, current=wiring.current)
        self.time_changed()

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything, as JSON can hold it."""
        from wattproof.meters.abb.virtual.state import save

        return save(self)

    def restore(self, data: Mapping[str, Any]) -> None:
        """As :meth:`save` left it. The source is not part of it."""
        from wattproof.meters.abb.virtual.state import restore

        restore(self, data)


_IDS: dict[str, frozenset[int]] = {}


def ids_of(variant: Variant) -> frozenset[int]:
    """The ids of the quantities that a variant has, shared by all meters of it."""
    found = _IDS.get(variant.label)
    if found is None:
        found = _IDS[variant.label] = frozenset(row.id for row in variant.rows())
    return found
