"""A virtual ABB meter as time passes (abb-meters.md 3.14): what happens at which moment, each in its order.

Between two moments nothing changes, so everything is counted in closed form: one long step and many short ones lead to
the same state, byte for byte. Moments are whole milliseconds of meter time.
"""

from __future__ import annotations

from collections.abc import Callable

from wattproof.metering.clock import Clock
from wattproof.metering.dates import SECOND
from wattproof.metering.dst import FAR
from wattproof.metering.harmonics import ORDERS, distortion
from wattproof.meters.abb.rows import GOLD
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual import watch
from wattproof.meters.abb.virtual.electrics import TIME, Measured, Wiring
from wattproof.meters.abb.virtual.gauges import DISTORTIONS, GAUGES
from wattproof.meters.abb.virtual.image import ImageTransfer
from wattproof.meters.abb.virtual.image import Status as ImageStatus
from wattproof.meters.abb.virtual.ports import Ports
from wattproof.meters.abb.virtual.recorder import Recorder
from wattproof.meters.abb.virtual.registers import Registers
from wattproof.meters.abb.virtual.sources import Load
from wattproof.meters.abb.virtual.supply import MILLI, Supply
from wattproof.meters.abb.virtual.tariffing import Tariffing
from wattproof.meters.abb.virtual.watch import Watch
from wattproof.virtual.faults import Faults

#: Named states that begin by themselves.
POWER_UP, INTERVAL_END, PERIOD_END = "power-up", "interval-end", "period-end"
#: Until harmonics are measured after a start, ms; then one order a second (3.4).
HARMONICS_AFTER = 15 * SECOND
#: How long the information "power fail" lasts, ms.
POWER_FAIL_SHOWN = 60 * SECOND


def unheard(state: str) -> None:
    """Nobody waits for a named state."""


class Timeline:
    """``at`` is the present, ``due`` the next moment at which something happens by itself, ``supply.edge`` the next one
    at which the source changes; ``entered`` is told of named states, after what they name has happened."""

    __slots__ = (
        "_rates",
        "at",
        "clock",
        "due",
        "entered",
        "faults",
        "firmware",
        "image",
        "measured",
        "off_at",
        "orders",
        "outage",
        "ports",
        "power_at",
        "power_fails",
        "ready_at",
        "recorder",
        "registers",
        "supply",
        "tariffing",
        "variant",
        "watch",
    )

    def __init__(self, variant: Variant, load: Load, clock: Clock, faults: Faults, *, seed: int, at: int) -> None:
        self.variant, self.clock, self.faults, self.at = variant, clock, faults, at
        self.registers = Registers()
        self.ports = Ports(variant.level)
        self.recorder = Recorder(self.registers, self.ports.count)
        self.tariffing = Tariffing()
        self.watch = Watch()
        self.image = ImageTransfer()
        self.supply = Supply(load, Wiring(variant.phases), seed)
        self.supply.since = at
        self.entered: Callable[[str], None] = unheard
        self.firmware = ""
        self.measured: Measured | None = None
        self._rates: tuple[tuple[int, int], ...] = ()
        self.power_fails = self.outage = 0
        self.off_at: int | None = None
        self.power_at = self.due = FAR
        self.ready_at, self.orders = at + HARMONICS_AFTER, 0
        self.ports.arrange(at)

    @property
    def supplied(self) -> bool:
        return self.off_at is None

    # time

    def advance(self, now: int) -> None:
        """Do everything that is due until meter time ``now`` (ns), in its order."""
        self._advance(now // MILLI)

    def next_event(self) -> int | None:
        """Meter time (ns) of the next moment at which something changes, ``None`` if none is foreseen."""
        found = min(self.due, self.supply.edge)
        return None if found >= FAR else found * MILLI

    def _advance(self, target: int) -> None:
        sums, supply = self.registers.sums, self.supply
        while True:
            due, edge = self.due, supply.edge
            stop = min(due, edge, target)
            duration = stop - self.at
            if duration > 0:
                self.at = stop
                if self.measured is not None:
                    sums[TIME] += duration
                    for number, rate in self._rates:
                        sums[number] += rate * duration
            if stop == due:
                self._happen()
            elif stop == edge:
                self.turn()
            else:
                return

    def _happen(self) -> None:
        """Everything that is due at this moment."""
        at = self.at
        if at >= self.power_at:
            self.power(True)
            return
        standard = self.clock.standard(at)
        states: list[str] = []
        if self.recorder.due <= standard:
            interval, period = self.recorder.tick(self.clock, at, standard)
            states = [*[INTERVAL_END] * interval, *[PERIOD_END] * period]
        if at >= self.image.due:
            states.append(self._finish_image())
        if self.tariffing.due <= standard:
            self.decide_tariff(follow=True)
        if self.watch.due <= at:
            self.watch.expire(self.clock, at)
        if at >= self._next_order():
            self.turn()
        self.plan()
        for state in states:
            self.entered(state)

    def _finish_image(self) -> str:
        status = self.image.finish(self.faults.get("image-fails"))
        if status is ImageStatus.ACTIVATED:
            self.firmware = self.image.version or self.firmware
            self.watch.note(self.clock.stamp(self.at), watch.RESTARTED)
        return status.state

    def plan(self) -> None:
        """Find the next moment at which something happens by itself."""
        if self.off_at is not None:
            self.due, self.supply.edge = self.power_at, FAR
            return
        self.due = min(
            self.power_at,
            self.image.due,
            self.watch.due,
            self._next_order(),
            self.clock.when(min(self.recorder.due, self.tariffing.due)),
        )

    def _next_order(self) -> int:
        """When the next order of harmonics becomes available."""
        if self.orders == len(ORDERS) or not (self.recorder.averages or self.watch.alarms):
            return FAR
        return self.ready_at + self.orders * SECOND

    def available(self) -> int:
        """Orders of harmonics that are available now."""
        since = self.at - self.ready_at
        return 0 if since < 0 else min(since // SECOND + 1, len(ORDERS))

    # what is measured

    def turn(self) -> None:
        """The source changes, or how it is seen."""
        at = self.at
        if self.ports.running:
            self.ports.advance(self.measured, at)
        orders = self.orders if self.orders == len(ORDERS) else self.available()
        measured = self.supply.measure(self.clock, at)
        if measured is self.measured and orders == self.orders:
            return
        self.measured, self.orders = measured, orders
        recorder = self.recorder
        averages = recorder.rates(measured, orders) if recorder.averages else ()
        self._rates = measured.rates + averages if averages else measured.rates
        if (self.watch.bits ^ measured.warnings) & watch.MEASURED_BITS:
            self.review()
        if self.watch.alarms:
            self.look()

    def retrack(self) -> None:
        """Averages are taken of other gauges from now on."""
        self.recorder.track()
        if self.measured is not None:
            self._rates = self.measured.rates + self.recorder.rates(self.measured, self.orders)

    def review(self) -> None:
        """Find out which errors and warnings are present now."""
        bits = 0
        if self.measured is not None:
            bits = self.measured.warnings
            number = self.faults.get("status-bit")
            if isinstance(number, int):
                bits |= 1 << number
            if not self.clock.valid and self.variant.level >= GOLD:
                bits |= watch.DATE_NOT_SET | watch.TIME_NOT_SET
        if bits != self.watch.bits:
            self.watch.put(bits, self.clock, self.at)

    def look(self) -> None:
        """Show the alarms what is measured now; a delay may begin or end."""
        for number, alarm in self.watch.alarms.items():
            self.watch.see(number, self._gauge(alarm.setting.quantity), self.clock, self.at)
        self.plan()

    def _gauge(self, id: int) -> int | None:
        """An instantaneous value as shown, ``None`` without one."""
        measured = self.measured
        if measured is None:
            return None
        if id in GAUGES:
            return GAUGES[id].show(measured)
        return distortion(measured.spectrum(DISTORTIONS[id])) if self.orders == len(ORDERS) else None

    # tariff

    def decide_tariff(self, *, follow: bool = False) -> None:
        """Activate the tariff of this moment; ``follow``: time has passed, so outputs follow the calendar."""
        tariffing, local = self.tariffing, self.clock.local(self.at)
        tariffing.activate_due(local)
        if follow:
            for port, state in tariffing.outputs(local):
                self.ports.put(port, state)
        else:
            tariffing.seen = local
        tariff = tariffing.decide(local, 2 * self.ports.level(4) + self.ports.level(3))
        if tariff is not None:
            self.registers.switch(tariff)
        tariffing.plan(self.clock, self.at)

    # power and clock

    def power(self, on: bool) -> None:
        """Supply off or on (3.7)."""
        if on == self.supplied:
            return
        self.power_at = FAR
        if on:
            self._power_up()
        else:
            self.ports.advance(self.measured, self.at)
            self.ports.fail()
            self.watch.fail(self.clock, self.at)
            self.image.interrupt()
            self.off_at, self.measured, self._rates = self.at, None, ()
        self.plan()
        if on:
            self.entered(POWER_UP)

    def _power_up(self) -> None:
        at, clock = self.at, self.clock
        off = at if self.off_at is None else self.off_at
        self.off_at, seconds = None, (at - off) // SECOND
        self.power_fails = (self.power_fails + 1) & 0xFFFFFFFF
        self.outage = (self.outage + seconds) & 0xFFFFFFFF
        self.watch.power_fail_until = at + POWER_FAIL_SHOWN
        self.watch.note(clock.stamp_of(clock.standard(off)), watch.POWER_FAILED, seconds)
        self.ports.advance(None, at)
        self.recorder.resume(clock, off, at)
        self.ready_at, self.orders = at + HARMONICS_AFTER, 0
        self.decide_tariff()
        self.turn()
        self.review()

    def clock_moved(self, moved: int) -> None:
        """The clock was set, by so many ms."""
        if self.supplied:
            self.recorder.clock_set(self.clock, self.at, moved)
            self.watch.note(self.clock.stamp(self.at), watch.CLOCK_CHANGED)
        self.time_changed()

    def time_changed(self) -> None:
        """The clock shows, or will show, other times than were expected."""
        if self.supplied:
            self.decide_tariff()
            self.turn()
            self.review()
        self.plan()
