"""What can be set at an ABB meter: ports, pulse outputs, alarms, and what is recorded (abb-meters.md 2.8, 2.9, 3.5,
3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any

from wattproof.errors import FrameError, InvalidValue
from wattproof.metering import demand as demands
from wattproof.metering.alarms import ALARMS, Setting
from wattproof.metering.intervals import Period
from wattproof.metering.load_profile import INTERVALS
from wattproof.metering.previous_values import COLUMNS as MOST_COLUMNS
from wattproof.metering.pulses import FREQUENCIES, LENGTHS
from wattproof.meters.abb.cosem.asking import Asking, steps, understood
from wattproof.meters.abb.cosem.recording import COLUMNS, ENTRIES, PERIOD_OF
from wattproof.meters.abb.points import PORT_NUMBERS
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import Row
from wattproof.meters.abb.shapes.alarms import ALARM, alarm_name
from wattproof.meters.abb.shapes.recording import (
    CHANNELS,
    DEMAND_CONFIGURATION,
    DEMAND_SETTINGS,
    PERIOD,
    PREVIOUS_COLUMNS,
    PREVIOUS_PERIOD,
    PREVIOUS_VALUES,
    DemandSettings,
    channel_columns,
    channel_name,
)
from wattproof.model.values import Scaled, to_decimal
from wattproof.wire.cosem.data import Data, double_long_unsigned, enum, long_unsigned, unsigned
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.shapes import number

#: Rows that all channels of the load profile hold together.
MOST_ROWS = 40_000
#: A pulse output without a port.
NO_PORT = 255


class PortFunction(IntEnum):
    """What a port is for."""

    INPUT = 0
    COMMUNICATION_OUT = 1
    ALARM_OUT = 2
    PULSE_OUT = 3
    TARIFF_OUT = 4
    ALWAYS_ON = 5
    ALWAYS_OFF = 6


class PulseEnergy(IntEnum):
    """What a pulse output counts."""

    ACTIVE_IMPORT = 0
    ACTIVE_EXPORT = 1
    REACTIVE_IMPORT = 2
    REACTIVE_EXPORT = 3
    TURNED_OFF = 4


@dataclass(frozen=True, slots=True)
class PulseOutput:
    """Pulse output 1 to 4: ``length`` in ms, ``frequency`` in pulses per kWh or kvarh, ``port`` 1 to 4 or `NO_PORT`."""

    number: int
    length: int
    frequency: int
    energy: PulseEnergy
    port: int = NO_PORT

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ("pulse output", self.number, PORT_NUMBERS),
            ("length", self.length, LENGTHS),
            ("frequency", self.frequency, FREQUENCIES),
            ("port", self.port, (*PORT_NUMBERS, NO_PORT)),
        ):
            if value not in allowed:
                raise InvalidValue(f"{what} {value} is not possible: {allowed[0]} to {allowed[-1]} are")

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "id": self.number,
            "length": self.length,
            "frequency": self.frequency,
            "energytype": self.energy.name.lower(),
            "port": self.port,
        }


@dataclass(frozen=True, slots=True)
class Alarm:
    """Alarm 1 to 25; ``setting`` is ``None`` where it is off. Thresholds in the unit of the quantity."""

    number: int
    quantity: Row | None = None
    on: Decimal = Decimal(0)
    off: Decimal = Decimal(0)
    on_delay: int = 0
    off_delay: int = 0
    log: bool = False
    output: int = 0

    @classmethod
    def of(cls, number: int, setting: Setting | None) -> Alarm:
        """The alarm of a setting in raw values."""
        if setting is None:
            return cls(number)
        row = ROWS[setting.quantity]
        on, off = (to_decimal(value, row.scale) for value in (setting.on, setting.off))
        return cls(number, row, on, off, setting.on_delay, setting.off_delay, setting.log, setting.output)

    @property
    def setting(self) -> Setting | None:
        """The same in raw values. Raises ``InvalidValue`` where a threshold has more digits than the quantity."""
        row = self.quantity
        if row is None:
            return None
        on, off = (Scaled.of(value).at(row.scale).mantissa for value in (self.on, self.off))
        return Setting(row.id, on, off, self.on_delay, self.off_delay, self.log, self.output)

    def as_dict(self) -> dict[str, object]:
        """For JSON; an alarm that is off has nothing but its number."""
        if self.quantity is None:
            return {"id": self.number}
        return {
            "id": self.number,
            "quantity": self.quantity.id,
            "onthreshold": str(self.on),
            "offthreshold": str(self.off),
            "ondelay": self.on_delay,
            "offdelay": self.off_delay,
            "log": self.log,
            "output": self.output,
        }


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """A channel of the load profile: ``interval`` in seconds, ``rows`` that it keeps; no quantity: it is off."""

    number: int
    interval: int
    quantity: Row | None
    rows: int

    def as_list(self) -> list[int]:
        """For JSON: interval, id, rows."""
        return [self.interval, 0 if self.quantity is None else self.quantity.id, self.rows]


@dataclass(frozen=True, slots=True)
class PreviousSettings:
    """When previous values are stored, and of what."""

    period: Period
    quantities: tuple[Row, ...]


_PULSE_PARTS = (131, 132, 133, 134)


def _pulse(output: int, part: int) -> Attribute:
    return Attribute.of(1, f"0-{output}:96.3.{part}")


def _port(port: int) -> Attribute:
    return Attribute.of(1, f"0-{port}:96.3.130")


class Settings(Asking):
    """The part of the driver that reads and writes settings with a shape of their own."""

    # ports and pulses ---------------------------------------------------------------------------------------------

    async def port_functions(self) -> dict[int, PortFunction]:
        """What each port is for; none on meters without ports."""
        found = await self.get_all([_port(port) for port in PORT_NUMBERS])
        return {
            port: _member(PortFunction, data)
            for port, data in zip(PORT_NUMBERS, found, strict=True)
            if isinstance(data, Data)
        }

    async def set_port_functions(self, functions: Mapping[int, PortFunction]) -> None:
        """Choose what ports are for. Raises ``InvalidValue``, ``MeterRefused``."""
        _check(functions, PORT_NUMBERS, "port")
        wanted = [(f"port {port}", _port(port), enum(function)) for port, function in functions.items()]
        await self._write_all(wanted)

    async def pulse_outputs(self) -> list[PulseOutput]:
        """All pulse outputs that the meter has."""
        where = [_pulse(output, part) for output in PORT_NUMBERS for part in _PULSE_PARTS]
        data = await self.get_all(where)
        found = []
        for output in PORT_NUMBERS:
            at = 4 * (output - 1)
            parts = [number(one) for one in data[at : at + 4] if isinstance(one, Data)]
            if len(parts) == 4:
                found.append(_pulse_output(output, parts))
        return found

    async def set_pulse_outputs(self, outputs: Sequence[PulseOutput]) -> None:
        """Set up pulse outputs, those named alone. Raises ``MeterRefused``, which says which were done."""
        wanted = [
            (f"{what} of pulse output {one.number}", _pulse(one.number, part), data)
            for one in outputs
            for what, part, data in (
                ("length", 131, long_unsigned(one.length)),
                ("frequency", 132, double_long_unsigned(one.frequency)),
                ("energy", 133, enum(one.energy)),
                ("port", 134, unsigned(one.port)),
            )
        ]
        await self._write_all(wanted)

    # alarms -------------------------------------------------------------------------------------------------------

    async def alarms(self) -> list[Alarm]:
        """All alarms with their settings; none on meters without them."""
        where = {Attribute.of(1, alarm_name(alarm)): alarm for alarm in range(1, ALARMS + 1)}
        found = await self.get_settings(list(where), ALARM)
        return [Alarm.of(where[attribute], setting) for attribute, setting in found.items()]

    async def set_alarms(self, alarms: Sequence[Alarm]) -> None:
        """Set alarms, those named alone. Raises ``InvalidValue``, ``MeterRefused``."""
        _check([alarm.number for alarm in alarms], range(1, ALARMS + 1), "alarm")
        wanted = [
            (f"alarm {alarm.number}", Attribute.of(1, alarm_name(alarm.number)), ALARM.write(alarm.setting))
            for alarm in alarms
        ]
        await self._write_all(wanted)

    # what is recorded -----------------------------------------------------------------------------------------------

    async def load_profile_settings(self) -> list[ChannelSettings]:
        """What the channels of the load profile record; none on meters without one."""
        parts = (COLUMNS, PERIOD_OF, ENTRIES)
        where = [Attribute.of(7, channel_name(channel), part) for channel in CHANNELS for part in parts]
        data = await self.get_all(where)
        found = []
        for at, channel in enumerate(CHANNELS):
            columns, interval, rows = data[3 * at : 3 * at + 3]
            if isinstance(columns, Data) and isinstance(interval, Data) and isinstance(rows, Data):
                quantities = understood(channel_columns(channel), columns, where[3 * at])
                row = quantities[0] if quantities else None
                found.append(ChannelSettings(channel, number(interval), row, number(rows)))
        return found

    async def set_load_profile(self, channels: Sequence[ChannelSettings]) -> None:
        """Set up channels of the load profile. One that changes loses its rows; the others keep theirs.

        Channels that shrink go first, so that the sum of all rows never passes what the meter holds.

        Raises:
            InvalidValue: an interval or a sum of rows that is not possible; nothing was sent but questions.
            MeterRefused: the meter says no; it says which were done.
        """
        _check([one.number for one in channels], CHANNELS, "channel")
        for one in channels:
            if one.interval not in INTERVALS:
                raise InvalidValue(f"channel {one.number}: {one.interval} s is no interval; {INTERVALS} are")
        present = {one.number: one for one in await self.load_profile_settings()}
        total = sum(one.rows for one in ({**present, **{one.number: one for one in channels}}).values())
        if total > MOST_ROWS:
            raise InvalidValue(f"{total} rows in all are too many: the channels hold {MOST_ROWS} together")
        wanted: list[tuple[str, Attribute, Data]] = []
        for one in sorted(
            channels, key=lambda one: one.rows - (present[one.number].rows if one.number in present else 0)
        ):
            wanted += _channel_writes(one, present.get(one.number))
        await self._write_all(wanted)

    async def previous_settings(self) -> PreviousSettings:
        """When previous values are stored, and of what. Raises ``MeterRefused`` where the meter stores none."""
        period = await self.get_setting(Attribute.of(1, PREVIOUS_PERIOD), PERIOD)
        rows = await self.get_setting(Attribute.of(7, PREVIOUS_VALUES, COLUMNS), PREVIOUS_COLUMNS)
        return PreviousSettings(period, rows)

    async def set_previous(self, settings: PreviousSettings) -> None:
        """Choose what is stored, and when; all stored values are lost. Raises ``InvalidValue``, ``MeterRefused``."""
        if len(settings.quantities) > MOST_COLUMNS:
            raise InvalidValue(
                f"{len(settings.quantities)} previous values are too many: the meter stores {MOST_COLUMNS}"
            )
        columns = PREVIOUS_COLUMNS.write(settings.quantities)
        await self._write_all(
            [
                ("quantities", Attribute.of(7, PREVIOUS_VALUES, COLUMNS), columns),
                ("period", Attribute.of(1, PREVIOUS_PERIOD), PERIOD.write(settings.period)),
            ]
        )

    async def demand_settings(self) -> DemandSettings:
        """Intervals, period and entries of demand. Raises ``MeterRefused`` where the meter has none."""
        return await self.get_setting(Attribute.of(1, DEMAND_SETTINGS), DEMAND_CONFIGURATION)

    async def set_demand(self, settings: DemandSettings) -> None:
        """Set up demand; all periods are lost. Raises ``InvalidValue``, ``MeterRefused``."""
        try:
            demands.Demand(settings.entries, settings.interval, settings.sub_interval, settings.period)
        except ValueError as error:
            raise InvalidValue(str(error)) from None
        await self.set(Attribute.of(1, DEMAND_SETTINGS), DEMAND_CONFIGURATION.write(settings))

    async def _write_all(self, wanted: Sequence[tuple[str, Attribute, Data]]) -> None:
        """Write one after the other; an error says where it stopped, and what was done before."""
        done: list[str] = []
        for step, attribute, data in wanted:
            with steps(done, step):
                await self.set(attribute, data)
            done.append(step)


def _channel_writes(wanted: ChannelSettings, present: ChannelSettings | None) -> list[tuple[str, Attribute, Data]]:
    """What has to be written for a channel; nothing where it is as wanted, for each write clears it."""
    name = channel_name(wanted.number)
    quantities = () if wanted.quantity is None else (wanted.quantity,)
    writes: list[tuple[str, Attribute, Data, bool]] = [
        (
            "quantity", Attribute.of(7, name, COLUMNS), channel_columns(wanted.number).write(quantities),
            present is None or present.quantity is not wanted.quantity,
        ),
        (
            "interval", Attribute.of(7, name, PERIOD_OF), double_long_unsigned(wanted.interval),
            present is None or present.interval != wanted.interval,
        ),
        (
            "rows", Attribute.of(7, name, ENTRIES), double_long_unsigned(wanted.rows),
            present is None or present.rows != wanted.rows,
        ),
    ]  # fmt: skip
    return [
        (f"{what} of channel {wanted.number}", attribute, data) for what, attribute, data, changes in writes if changes
    ]


def _pulse_output(output: int, parts: Sequence[int]) -> PulseOutput:
    length, frequency, energy, port = parts
    try:
        return PulseOutput(output, length, frequency, PulseEnergy(energy), port)
    except ValueError as error:
        raise FrameError(f"pulse output {output} of the meter holds something else than it should: {error}") from None


def _member(kind: type[PortFunction], data: Data) -> PortFunction:
    try:
        return kind(number(data))
    except ValueError as error:
        raise FrameError(f"a port of the meter is something that is not known: {error}") from None


def _check(numbers: Any, allowed: Sequence[int], what: str) -> None:
    for one in numbers:
        if one not in allowed:
            raise InvalidValue(f"{what} {one} does not exist: {allowed[0]} to {allowed[-1]} do")
