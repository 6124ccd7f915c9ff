"""Pulse outputs: so many pulses per kilowatt hour, no faster than the output can switch (abb-meters.md 3.5).

Time is cut into slots of twice the pulse length, counted from meter time 0. Pulses that become due in a slot wait in a
queue, and one is put out in each slot; a queue of more than a second's output loses the rest. Over constant power a
slot brings one of two neighbouring numbers of pulses, so the queue only falls or only grows and any number of slots is
settled at once. The result does not depend on how time was cut into steps.
"""

from __future__ import annotations

from typing import Any

from wattproof.metering.dates import MINUTE, SECOND

#: mW x ms in a kilowatt hour.
KILOWATT_HOUR = 3_600_000_000_000
#: Length of a pulse (ms) and pulses per kilowatt hour that can be set.
LENGTHS = range(10, 991)
FREQUENCIES = range(1, 1_000_001)


class PulseOutput:
    """One output. ``emitted`` and ``dropped`` count pulses; ``merged``: some were dropped since the last full minute.

    :param length: of a pulse, ms; :param frequency: pulses per kWh.
    """

    __slots__ = ("_due", "_rest", "at", "dropped", "emitted", "frequency", "high", "length", "merged", "queue")

    def __init__(self, length: int, frequency: int, now: int) -> None:
        self.length, self.frequency, self.at = length, frequency, now
        self._rest = self._due = 0
        self.queue = self.emitted = self.dropped = 0
        self.high = self.merged = False

    @property
    def limit(self) -> int:
        """The longest queue."""
        return max(1, SECOND // (2 * self.length))

    def advance(self, power: int, now: int) -> None:
        """Until ``now`` the power was ``power`` mW (0 or more)."""
        minute = now - now % MINUTE
        if self.at < minute:
            self._advance(power, minute)
            self.merged = False
        self._advance(power, now)

    def _advance(self, power: int, now: int) -> None:
        slot = 2 * self.length
        rate = power * self.frequency
        begin = -(-self.at // slot) * slot
        if now < begin or self.at == now:
            self._due += self._grow(rate * (now - self.at))
            self.at = now
            return
        if self.at < begin:
            self._due += self._grow(rate * (begin - self.at))
            self._settle(self._due, 1, rate * slot)
            self._due = 0
        whole = (now - begin) // slot
        if whole > 1:
            self._settle(self._grow(rate * slot * (whole - 1)), whole - 1, rate * slot)
        if whole:
            self._settle(self._grow(rate * slot), 1, rate * slot)
        self._due = self._grow(rate * (now - begin - whole * slot))
        self.at = now

    def _grow(self, amount: int) -> int:
        """Pulses that become due by so much energy."""
        due, self._rest = divmod(self._rest + amount, KILOWATT_HOUR)
        return due

    def _settle(self, due: int, slots: int, load: int) -> None:
        """So many slots brought so many pulses; ``load`` is the energy of a slot, which tells a queue that falls from
        one that grows. A single slot may have been filled at several powers."""
        waiting = self.queue + due
        if slots == 1 or load > KILOWATT_HOUR:
            out = min(waiting, slots)
            self.queue = min(waiting - out, self.limit)
            lost = waiting - out - self.queue
            self.dropped += lost
            self.merged = self.merged or lost > 0
        else:
            self.queue = max(0, waiting - slots)
            out = waiting - self.queue
        self.emitted += out
        self.high = out > 0

    def fail(self) -> None:
        """The supply fails: what waits is lost."""
        self._due = self.queue = 0
        self.high = self.merged = False

    def level(self, now: int) -> bool:
        """What the output shows: a pulse of a slot is put out in the first half of the next one."""
        return self.high and now % (2 * self.length) < self.length

    def save(self) -> list[Any]:
        """Plain data of everything."""
        return [self.length, self.frequency, self.at, self._rest, self._due, self.queue, self.emitted, self.dropped,
                self.high, self.merged]  # fmt: skip

    @classmethod
    def restore(cls, data: list[Any]) -> PulseOutput:
        """The output of :meth:`save`."""
        output = cls(*data[:3])
        (output._rest, output._due, output.queue, output.emitted, output.dropped, output.high, output.merged) = data[3:]
        return output
