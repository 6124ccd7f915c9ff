"""What a meter records over time: eight channels of load profile, previous values, demand (abb-meters.md 3.10).

The engines of ``wattproof.metering`` keep the rows; here they are told what a quantity reads. Counters are read as they
stand. Of gauges, sums of value times duration stand behind the sums of energy, so that an average is a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wattproof.metering.clock import Clock
from wattproof.metering.demand import Demand
from wattproof.metering.dst import FAR
from wattproof.metering.harmonics import ORDERS, distortion, spectrum
from wattproof.metering.load_profile import Channel, End, Status
from wattproof.metering.previous_values import PreviousValues
from wattproof.metering.previous_values import Status as PreviousStatus
from wattproof.metering.rounding import nearest
from wattproof.meters.abb.quantities import ROWS as QUANTITIES
from wattproof.meters.abb.virtual.electrics import TIME, Measured
from wattproof.meters.abb.virtual.gauges import DISTORTIONS, GAUGES, SPECTRA
from wattproof.meters.abb.virtual.registers import Registers

#: Channels of the load profile, and rows of all of them together.
CHANNELS, ROWS = 8, 40_000
#: Interval (s) and capacity of a channel that nobody has set.
UNUSED = (900, 0)
#: Ids of the counters of inputs 1 to 4.
COUNTERS = range(51, 55)
HOUR = 3_600_000
_TWICE = 2 * len(ORDERS)
#: Sums behind the time: one of a gauge, with a time of its own where it is not measured from the start on.
_WIDTH = {**dict.fromkeys(GAUGES, 1), **dict.fromkeys(DISTORTIONS, 2), **dict.fromkeys(SPECTRA, _TWICE)}


class Recorder:
    """:param count: the counter of an input, by port.

    ``quantities`` are the ids that the channels record, ``None`` for a channel that records nothing; ``settings`` their
    intervals (s) and capacities, which such a channel has too.
    """

    __slots__ = ("_count", "_gauges", "_places", "_spectra", "channels", "demand", "previous", "quantities",
                 "registers", "settings")  # fmt: skip

    def __init__(self, registers: Registers, count: Callable[[int], int]) -> None:
        self.registers, self._count = registers, count
        self.quantities: list[int | None] = [None] * CHANNELS
        self.channels: list[Channel | None] = [None] * CHANNELS
        self.settings = [UNUSED] * CHANNELS
        self.previous = PreviousValues()
        self.demand = Demand()
        self._places: dict[int, int] = {}
        self._gauges: list[tuple[int, Callable[[Measured], int]]] = []
        self._spectra: list[tuple[int, int]] = []

    @property
    def averages(self) -> bool:
        """Whether averages are taken of anything."""
        return bool(self._places)

    def count_with(self, count: Callable[[int], int]) -> None:
        """The inputs are counted elsewhere from now on."""
        self._count = count

    def forget(self, clock: Clock, now: int) -> None:
        """Record nothing, and keep no rows."""
        for number in range(CHANNELS):
            self.configure(number, None, 900, 0, clock, now)
        self.configure_previous(PreviousValues(), clock, now)
        self.configure_demand(Demand(), clock, now)

    # readings

    def register(self, id: int) -> int | None:
        """What a register or counter shows, ``None`` if the id is none."""
        return self._count(id - COUNTERS.start + 1) if id in COUNTERS else self.registers.read(id)

    def track(self) -> None:
        """Find out of which gauges averages are taken now; what is tracked already goes on."""
        wanted = {quantity for quantity in (*self.quantities, *self.demand.quantities) if quantity in _WIDTH}
        sums = self.registers.sums
        kept = {id: sums[place : place + _WIDTH[id]] for id, place in self._places.items()}
        del sums[TIME + 1 :]
        self._places = {}
        for id in sorted(wanted):
            self._places[id] = len(sums)
            sums.extend(kept.get(id) or [0] * _WIDTH[id])
        self._gauges = [(place, GAUGES[id].read) for id, place in self._places.items() if id in GAUGES]
        self._spectra = [(id, place) for id, place in self._places.items() if id not in GAUGES]

    def rates(self, measured: Measured, orders: int) -> tuple[tuple[int, int], ...]:
        """What the tracked sums grow by in a ms; ``orders``: so many harmonics are available."""
        found = [(place, read(measured)) for place, read in self._gauges]
        for id, place in self._spectra:
            if id in SPECTRA:
                for number, part in enumerate(measured.spectrum(SPECTRA[id])[:orders]):
                    found += ((place + 2 * number, part), (place + 2 * number + 1, 1))
            elif orders == len(ORDERS):
                found += ((place, distortion(measured.spectrum(DISTORTIONS[id]))), (place + 1, 1))
        return tuple(found)

    def start(self, id: int) -> Sequence[int]:
        """What an average needs of the moment at which its interval begins."""
        place = self._places.get(id)
        if place is None:
            return ()
        sums = self.registers.sums
        if id in GAUGES:
            return sums[place], sums[TIME]
        return tuple(sums[place : place + _WIDTH[id]])

    def reading(self, id: int, start: Sequence[int]) -> Sequence[int]:
        """What a channel keeps at the end of an interval; ``()`` if there was nothing to measure, or more than the
        quantity can hold."""
        if not start:
            value = self.register(id)
            return () if value is None else (value,)
        divisor = GAUGES[id].divisor if id in GAUGES else 1
        parts = [mean(*pair, divisor) for pair in _pairs(start, self.start(id))]
        row = QUANTITIES[id]
        whole = [part for part in parts if part is not None and row.holds(part)]
        if len(whole) < len(parts):
            return ()
        return spectrum(whole) if id in SPECTRA else whole

    def grown(self, id: int) -> Sequence[int]:
        """What demand reads of a quantity: something that only grows."""
        if id in COUNTERS:
            return (self._count(id - COUNTERS.start + 1),)
        return self.start(id) or (self.registers.grown(id) or 0,)

    def average(self, id: int, before: Sequence[int], after: Sequence[int], elapsed: int) -> int | None:
        """The demand between two readings: 0.01 W, var, VA of energies, pulses an hour, raw values of gauges; none
        where it is more than the quantity can hold."""
        if id in GAUGES or id in DISTORTIONS:
            found = mean(before, after, GAUGES[id].divisor if id in GAUGES else 1)
            return found if found is None or QUANTITIES[id].holds(found) else None
        grown = after[0] - before[0]
        return nearest(grown * HOUR, elapsed) if id in COUNTERS else nearest(grown, 10 * elapsed)

    def _readings(self) -> dict[int, Sequence[int]]:
        return {id: self.grown(id) for id in self.demand.quantities}

    # configuration

    def configure(
        self, number: int, quantity: int | None, interval: int, capacity: int, clock: Clock, now: int
    ) -> None:
        """Channel ``number`` (0 to 7) begins anew."""
        self.quantities[number] = quantity
        self.settings[number] = interval, capacity
        self.channels[number] = None
        self.track()
        if quantity is not None:
            channel = Channel(interval, capacity, len(ORDERS) + 1 if quantity in SPECTRA else 1)
            channel.begin(clock, now, self.start(quantity))
            self.channels[number] = channel

    def configure_previous(self, previous: PreviousValues, clock: Clock, now: int) -> None:
        """Other previous values, without rows."""
        self.previous = previous
        previous.plan(clock, now)

    def configure_demand(self, demand: Demand, clock: Clock, now: int) -> None:
        """Another demand, without rows."""
        self.demand = demand
        self.track()
        demand.begin(clock, now, self._readings())

    # time

    @property
    def due(self) -> int:
        """The next moment at which something ends (standard time, ms)."""
        demand = self.demand
        return min(
            min((channel.due for channel in self.channels if channel is not None), default=FAR),
            self.previous.due if self.previous.columns else FAR,
            min(demand.due, demand.ends) if demand.entries else FAR,
        )

    def tick(self, clock: Clock, now: int, standard: int) -> tuple[bool, bool]:
        """End what ends at this moment; whether an interval and whether a period has ended."""
        interval = period = False
        end: End | None = None
        for channel, quantity in zip(self.channels, self.quantities, strict=True):
            if channel is not None and quantity is not None and channel.due <= standard:
                if end is None or end[:2] != (channel.due, channel.interval):
                    end = channel.end(clock, now)
                channel.close(end, self.reading(quantity, channel.start), self.start(quantity))
                interval = True
        demand, previous = self.demand, self.previous
        if demand.entries and demand.due <= standard:
            demand.tick(clock, now, self._readings(), self.average)
            interval = True
        if demand.entries and demand.ends <= standard:
            demand.close(clock, clock.stamp_of(demand.ends), demand.ends)
            period = True
        if previous.columns and previous.due <= standard:
            previous.close(clock, self._columns())
            period = True
        return interval, period

    def _columns(self) -> list[int]:
        return [self.register(id) or 0 for id in self.previous.columns]

    def freeze(self, clock: Clock, now: int) -> None:
        """Close the period of the demand at once."""
        self.demand.close(clock, clock.stamp(now), clock.standard(now))

    def clock_set(self, clock: Clock, now: int, moved: int) -> None:
        """The clock was set, by so many ms."""
        bits = Status.CLOCK_CHANGED | (Status.LONG if moved < 0 else Status.SHORT)
        for channel in self.channels:
            if channel is not None:
                channel.flag(bits if moved else 0)
                channel.plan(clock, now)
        self.previous.catch_up(clock, now, self._columns())
        if self.demand.entries:
            self.demand.clock_set(clock, now)

    def replan(self, clock: Clock, now: int) -> None:
        """Other rules of summer time, or a drift, from now on."""
        for channel in self.channels:
            if channel is not None:
                channel.plan(clock, now)
        self.previous.plan(clock, now)
        if self.demand.entries:
            self.demand.replan(clock, now)

    def resume(self, clock: Clock, off: int, now: int) -> None:
        """The supply is back; it failed at ``off``."""
        for channel, quantity in zip(self.channels, self.quantities, strict=True):
            if channel is not None and quantity is not None:
                channel.resume(clock, off, now, self.reading(quantity, channel.start), self.start(quantity))
        if self.demand.entries:
            self.demand.resume(clock, off, now, self._readings(), self.average)
        self.previous.catch_up(clock, now, self._columns(), PreviousStatus.POWER_OFF)

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        sums = self.registers.sums
        return {
            "tracked": [[id, sums[place : place + _WIDTH[id]]] for id, place in self._places.items()],
            "quantities": list(self.quantities),
            "settings": [list(setting) for setting in self.settings],
            "channels": [None if channel is None else channel.save() for channel in self.channels],
            "previous": self.previous.save(),
            "demand": self.demand.save(),
        }

    def restore(self, data: dict[str, Any]) -> None:
        """As :meth:`save` left it."""
        self.quantities = list(data["quantities"])
        self.settings = [(interval, capacity) for interval, capacity in data["settings"]]
        self.channels = [None if channel is None else Channel.restore(channel) for channel in data["channels"]]
        self.previous = PreviousValues.restore(data["previous"])
        self.demand = Demand.restore(data["demand"])
        self.track()
        sums = self.registers.sums
        for id, values in data["tracked"]:
            place = self._places[id]
            sums[place : place + _WIDTH[id]] = values


def mean(before: Sequence[int], after: Sequence[int], divisor: int) -> int | None:
    """Of two pairs of sum and time, in raw units; ``None`` if no time has passed."""
    elapsed = after[1] - before[1]
    return nearest(after[0] - before[0], elapsed * divisor) if elapsed else None


def _pairs(before: Sequence[int], after: Sequence[int]) -> list[tuple[Sequence[int], Sequence[int]]]:
    return [(before[k : k + 2], after[k : k + 2]) for k in range(0, len(before), 2)]
