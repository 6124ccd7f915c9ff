"""What can be told to a meter by its faces: commands and settings, each with its limits (abb-meters.md 1.15, 2.8 to
2.12, 3.10).

Every method acts at the present moment, whole or not at all, and raises :class:`Refusal` for what is not possible. Who
may do it is asked before, by ``permit``. Times are seconds since 2000-01-01 00:00.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wattproof.metering.alarms import ALARMS, MOST_DELAY, Setting
from wattproof.metering.dates import seconds_of
from wattproof.metering.demand import Demand
from wattproof.metering.demand import Entry as DemandEntry
from wattproof.metering.dst import Rule
from wattproof.metering.intervals import Period
from wattproof.metering.load_profile import INTERVALS
from wattproof.metering.previous_values import PreviousValues
from wattproof.metering.pulses import FREQUENCIES, LENGTHS
from wattproof.meters.abb.rows import GOLD, PLATINUM, SILVER, STEEL
from wattproof.meters.abb.virtual.commanding import checked
from wattproof.meters.abb.virtual.gauges import DISTORTIONS, GAUGES, SPECTRA
from wattproof.meters.abb.virtual.ports import NO_ENERGY, OFF, PORTS, Function
from wattproof.meters.abb.virtual.recorder import CHANNELS, COUNTERS, ROWS
from wattproof.meters.abb.virtual.refusals import denied, out_of_range, undefined
from wattproof.meters.abb.virtual.registers import CO2, CURRENCY, NETS, RESETS, RESETTABLE, SUMS, TARIFFS
from wattproof.meters.abb.virtual.tariff_commands import TariffCommands

#: The clock shows years of two digits on M-Bus.
FIRST, LAST = 0, seconds_of(2099, 12, 31, 23, 59, 59)
#: Time zones, minutes.
ZONES = range(-720, 841)
#: Largest transformer ratio terms and conversion factors.
MOST_RATIO, MOST_CO2, MOST_CURRENCY = 999_999, 9_999, 999_999_999
#: What can be recorded: registers as they stand, and averages of gauges.
REGISTERS = frozenset({*SUMS, *NETS, *TARIFFS, *RESETTABLE, *RESETS, CO2, CURRENCY, *COUNTERS})
PROFILED = REGISTERS | GAUGES.keys() | DISTORTIONS.keys() | SPECTRA.keys()
DEMANDED = frozenset({*SUMS, *NETS, *TARIFFS, *COUNTERS, *GAUGES, *DISTORTIONS})
ALARMED = frozenset({*GAUGES, *DISTORTIONS})
_RATIOS = {141: ("current", 0), 142: ("current", 1), 143: ("voltage", 0), 144: ("voltage", 1)}


class Commands(TariffCommands):
    """All of them."""

    __slots__ = ("time_zone",)

    time_zone: int

    # clock (2.11)

    def set_clock(self, seconds: int) -> None:
        """Set local time."""
        self._need(GOLD, "clock")
        if not FIRST <= seconds <= LAST:
            raise out_of_range(f"{seconds} s since 2000 lie beyond 2099")
        self.clock_moved(self.clock.set_local(self.at, seconds))

    def shift_clock(self, by: int) -> None:
        """Put the clock on by so many ms, negative: back."""
        self._need(GOLD, "clock")
        if not FIRST * 1000 <= self.clock.local(self.at) + by <= LAST * 1000:
            raise out_of_range(f"a clock shifted by {by} ms would leave 2000 to 2099")
        self.clock_moved(self.clock.move(self.at, by))

    def adjust_clock(self, to: int) -> None:
        """Set the clock to the nearest multiple of ``to`` ms (a minute, a quarter of an hour)."""
        self.shift_clock((to // 2 - 1) - (self.clock.local(self.at) + to // 2 - 1) % to)

    def lose_clock(self) -> None:
        """Date and time count as not set until they are."""
        self.clock.valid = False
        self.review()

    def set_summer_time(
        self, begin: Rule | None = None, end: Rule | None = None, enabled: bool | None = None, deviation: int = 60
    ) -> None:
        """Rules of summer time; what is ``None`` stays."""
        self._need(GOLD, "clock")
        if deviation != 60:
            raise out_of_range(f"a deviation of {deviation} min is not possible: write 60")
        summer = self.clock.summer
        switched = summer.enabled if enabled is None else enabled
        summer.set(begin or summer.begin, end or summer.end, switched)
        self.recorder.replan(self.clock, self.at)
        self._changed()
        self.time_changed()

    def set_time_zone(self, minutes: int) -> None:
        """Minutes between UTC and local time, which nothing here uses (2.11)."""
        self._need(GOLD, "clock")
        if minutes not in ZONES:
            raise out_of_range(f"a time zone of {minutes} min is not possible: write {ZONES.start} to {ZONES.stop - 1}")
        self.time_zone = minutes
        self._changed()

    # ratios and factors

    def set_ratio(self, id: int, value: int) -> None:
        """One term of a transformer ratio (ids 141 to 144); the ratio stays 1 or more."""
        if id not in self.ids or id not in _RATIOS:
            raise undefined(f"an {self.variant.label} has no such transformer ratio")
        kind, place = _RATIOS[id]
        terms = list(getattr(self.supply.wiring, kind))
        terms[place] = value
        if not 1 <= value <= MOST_RATIO or terms[0] < terms[1]:
            raise out_of_range(f"a ratio of {terms[0]} to {terms[1]} is not possible: 1..{MOST_RATIO}, at least 1")
        self.rewire(**{kind: tuple(terms)})
        self._changed()

    def rewire(self, **changes: Any) -> None:
        """Another wiring of the source, from now on."""
        self.supply.wiring = self.supply.wiring._replace(**changes)
        if self.supplied:
            self.turn()
        self.plan()

    def set_factor(self, id: int, value: int) -> None:
        """The conversion factor to CO2 (84) or currency (83), in thousandths a kWh."""
        if id not in self.ids or id not in (83, 84):
            raise undefined(f"an {self.variant.label} has no such conversion factor")
        most = MOST_CO2 if id == 84 else MOST_CURRENCY
        if not 0 <= value <= most:
            raise out_of_range(f"a factor of {value} is not possible: write 0 to {most}")
        if id == 84:
            self.registers.co2 = value
        else:
            self.registers.currency = value
        self._changed()

    # registers that can be reset

    def reset_register(self, id: int) -> None:
        """Clear a resettable register (171 to 174), which counts it."""
        if id not in self.ids or id not in RESETTABLE:
            raise undefined(f"an {self.variant.label} has no such resettable register")
        self.registers.reset(RESETTABLE[id])
        self._reset()

    def reset_power_fails(self) -> None:
        """Number of power failures to 0."""
        self._need(STEEL, "power fail counter")
        self.power_fails = 0
        self._reset()

    def reset_outage(self) -> None:
        """Time of power failures to 0."""
        self._need(STEEL, "outage time")
        self.outage = 0
        self._reset()

    # ports (3.5)

    def _input(self, port: int) -> None:
        if not self.ports.is_input(port):
            raise undefined(f"port {port} is no input")

    def reset_stored(self, port: int) -> None:
        """Forget that an input was on."""
        self._input(port)
        self.ports.reset_stored(port)

    def reset_counter(self, port: int) -> None:
        """Counter of an input to 0."""
        self._input(port)
        self.ports.reset_counter(port)
        self._reset()

    def set_output(self, port: int, state: bool) -> None:
        """Switch an output; only those for communication can be switched."""
        if self.ports.function(port) is None or self.ports.is_input(port):
            raise undefined(f"port {port} is no output")
        if not self.ports.put(port, state):
            raise denied(f"output {port} is not switched by communication")

    def set_outputs(self, bits: int) -> None:
        """Switch all outputs for communication; others stay as they are."""
        self._need(SILVER, "outputs")
        if not 0 <= bits < 16:
            raise out_of_range(f"outputs {bits} are not possible: write 0 to 15")
        for port in PORTS:
            self.ports.put(port, bool(bits >> port - 1 & 1))

    def set_port(self, port: int, function: int) -> None:
        """What a port does; only a Platinum meter turns inputs into outputs."""
        if self.ports.function(port) is None:
            raise undefined(f"there is no port {port}")
        if function not in tuple(Function):
            raise out_of_range(f"function {function} is not possible: write 0 to 6")
        chosen = Function(function)
        fixed = self.ports.fixed and (chosen is Function.INPUT) != self.ports.is_input(port)
        if fixed or (self.variant.level < SILVER and chosen in (Function.COMMUNICATION, Function.TARIFF)):
            raise out_of_range(f"port {port} of an {self.variant.label} cannot have function {function}")
        self._sync()
        self.ports.assign(port, chosen, self.at)
        self.decide_tariff()
        self._changed()
        self.plan()

    def set_pulse(
        self, number: int, length: int | None = None, frequency: int | None = None, energy: int | None = None,
        port: int | None = None,
    ) -> None:  # fmt: skip
        """Settings of pulse output 1 to 4; what is ``None`` stays."""
        self._need(STEEL, "pulse outputs")
        if number not in PORTS:
            raise undefined(f"there is no pulse output {number}")
        limits = {"length": LENGTHS, "frequency": FREQUENCIES, "energy": range(NO_ENERGY + 1)}
        given = {"length": length, "frequency": frequency, "energy": energy}
        changes = {name: value for name, value in given.items() if value is not None}
        for name, value in changes.items():
            if value not in limits[name]:
                most = limits[name].stop - 1
                raise out_of_range(f"pulse {name} {value} is not possible: write {limits[name].start} to {most}")
        if port is not None:
            if port != OFF and self.ports.function(port) is None:
                raise out_of_range(f"pulse port {port} is not possible")
            changes["port"] = port
        self._sync()
        self.ports.set_pulse(number, self.at, **changes)
        self._changed()

    def _sync(self) -> None:
        """Bring the pulse outputs to the present."""
        self.ports.advance(self.measured, self.at)

    # alarms (3.6)

    def set_alarm(self, number: int, setting: Setting | None) -> None:
        """Settings of alarm 1 to 25, ``None`` = off."""
        self._need(GOLD, "alarms")
        if not 1 <= number <= ALARMS:
            raise undefined(f"there is no alarm {number}")
        if setting is not None:
            self._recordable(setting.quantity, ALARMED)
            if not (0 <= setting.on_delay <= MOST_DELAY and 0 <= setting.off_delay <= MOST_DELAY):
                raise out_of_range(f"delays of {setting.on_delay} and {setting.off_delay} s are not possible")
            if setting.output and (self.ports.function(setting.output) is None or self.ports.is_input(setting.output)):
                raise out_of_range(f"port {setting.output} is no output")
        self.watch.set_alarm(number, setting, self.clock, self.at)
        self._changed()
        self.turn()
        self.look()

    # what is recorded (3.10)

    def set_channel(self, number: int, quantity: int | None, interval: int, capacity: int) -> None:
        """Load profile channel 1 to 8: what it records, every so many seconds, and how many rows it keeps; it is
        cleared."""
        self._need(PLATINUM, "load profile")
        if not 1 <= number <= CHANNELS:
            raise undefined(f"there is no channel {number}")
        if quantity is not None:
            self._recordable(quantity, PROFILED)
        if interval not in INTERVALS:
            raise out_of_range(f"an interval of {interval} s is not possible: write one of {INTERVALS}")
        others = sum(kept for n, (_, kept) in enumerate(self.recorder.settings, 1) if n != number)
        if not 0 <= capacity <= ROWS - others:
            raise out_of_range(f"{capacity} rows are not possible: {ROWS - others} of {ROWS} are free")
        self.recorder.configure(number - 1, quantity, interval, capacity, self.clock, self.at)
        self._recording_changed()

    def clear_channel(self, number: int) -> None:
        """Forget the rows of a channel."""
        self._need(PLATINUM, "load profile")
        if not 1 <= number <= CHANNELS:
            raise undefined(f"there is no channel {number}")
        channel = self.recorder.channels[number - 1]
        if channel is not None:
            channel.clear()

    def set_previous_values(self, columns: Iterable[int] | None = None, period: Period | None = None) -> None:
        """Columns and period of the previous values; what is ``None`` stays, the rows go."""
        self._need(GOLD, "previous values")
        now = self.recorder.previous
        chosen = list(now.columns if columns is None else columns)
        for id in chosen:
            self._recordable(id, REGISTERS)
        kept = checked(PreviousValues, chosen, period or now.period)
        self.recorder.configure_previous(kept, self.clock, self.at)
        self._recording_changed()

    def clear_previous_values(self) -> None:
        """Forget the rows of the previous values."""
        self._need(GOLD, "previous values")
        self.recorder.previous.table.clear()

    def set_demand(self, entries: Iterable[DemandEntry], interval: int, sub_interval: int, period: Period) -> None:
        """Entries, intervals (s) and period of the demand; everything recorded goes."""
        self._need(GOLD, "demand")
        chosen = list(entries)
        for entry in chosen:
            self._recordable(entry.quantity, DEMANDED)
        demand = checked(Demand, chosen, interval, sub_interval, period)
        self.recorder.configure_demand(demand, self.clock, self.at)
        self._recording_changed()

    def clear_demand(self) -> None:
        """Forget everything that was found, the running period included."""
        self._need(GOLD, "demand")
        demand = self.recorder.demand
        demand.table.clear()
        self.recorder.configure_demand(demand, self.clock, self.at)
        self.plan()

    def freeze_demand(self) -> None:
        """Close the period of the demand at once."""
        self._need(GOLD, "demand")
        self.recorder.freeze(self.clock, self.at)
        self.plan()

    def _recording_changed(self) -> None:
        self.retrack()
        self._changed()
        self.turn()
        self.plan()

    def clear_log(self, number: int) -> None:
        """Forget the system (0), event (1) or net quality log (2)."""
        self._need(GOLD, "logs")
        if not 0 <= number < 3:
            raise undefined(f"there is no log {number}")
        self.watch.logs[number].clear()

    # firmware (2.12)

    def initiate_image(self, identifier: bytes, size: int) -> None:
        """Begin the transfer of an image."""
        self.image.initiate(identifier, size)
        self.entered(self.image.status.state)

    def take_image_block(self, number: int, data: bytes) -> None:
        """One block of an image."""
        self.image.take(number, data)

    def verify_image(self) -> None:
        """Begin the verification; the status tells its end."""
        self.image.verify(self.at)
        self.plan()
        self.entered(self.image.status.state)

    def activate_image(self) -> None:
        """Begin the activation; the status tells its end."""
        self.image.activate(self.at)
        self.plan()
        self.entered(self.image.status.state)
