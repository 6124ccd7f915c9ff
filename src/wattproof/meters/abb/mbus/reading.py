"""Reading an ABB meter over M-Bus: points, who it is, flags, clock, ports, harmonics (abb-meters.md 1.12 to 1.14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from wattproof.drivers.mbus.meter import MbusMeter
from wattproof.drivers.mbus.readout import Enough, Readout, ask_for
from wattproof.errors import InvalidValue, ProtocolError, UnknownName
from wattproof.meters.abb.mbus.binding import OUTPUT_SENSES, SENSES, Sense, by_sense, missing, needed, reading_of
from wattproof.meters.abb.mbus.recorded import spectra
from wattproof.meters.abb.points import FLAGS, OVERVIEW, POINTS, PORT_NUMBERS, Point, find, find_all
from wattproof.meters.abb.records import ClockReading, Port, Spectrum
from wattproof.meters.abb.statusword import FIRST_ALARM, StatusFlags
from wattproof.meters.abb.variants import variant
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.values import Quality
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Telegram

HARMONICS = frozenset(POINTS["harmonics"])
#: Texts that mean one point, which is shown even where the meter does not have it.
_GROUPS = frozenset({"all", *POINTS})
Records = Mapping[Sense, Record]


class AbbReading(MbusMeter):
    """The reading half of the driver; see `wattproof.meters.abb.mbus.driver`."""

    family = "abb"

    async def read(self, names: Sequence[str] = ()) -> list[Reading]:
        """The points of ``names`` (see `wattproof.meters.abb.points`), in that order; the main values without any.

        A point that was named and that the meter does not have is missing; of groups and ``all`` it is left out.
        Harmonics are asked for separately, so ``all`` has none: name them, or their group.

        Raises:
            UnknownName: no such point; nothing was sent.
        """
        names = [str(name) for name in names]
        wanted = find_all(names or OVERVIEW)
        named = {point for name in names if name.strip().casefold() not in _GROUPS for point in find(name)}
        everything = any(name.strip().casefold() == "all" for name in names)
        harmonics = [point for point in wanted if point in HARMONICS and (point in named or not everything)]
        plain = [point for point in wanted if point not in HARMONICS]
        found: dict[Point, Reading] = {}
        time = self._now()
        if plain:
            records = await self.records(None if everything else plain)
            time = self._now()
            found = {point: reading for point in plain if (reading := reading_of(point, records, time)) is not None}
        if harmonics:
            found |= await self._harmonic_readings(harmonics)
        return [
            found[point] if point in found else missing(point, time)
            for point in wanted
            if point in found or point in named
        ]

    async def records(self, points: Iterable[Point] | None = None) -> Records:
        """The records of a readout by what they mean; of only so many telegrams as have these ``points``.

        Raises ``ProtocolError`` for a meter that sends no records.
        """
        left = needed(points or ())

        def enough(telegram: Telegram) -> bool:
            left.difference_update(Sense.of(record.header) for record in telegram.records)
            return not left

        readout = await self.readout(None if points is None else enough)
        if readout.fixed is not None:
            raise ProtocolError(
                f"the meter at address {self.address} on {self.bus.name} sends two counters without quantities, as "
                f"no ABB A- or B-series meter does; read it as mbus+mbus://..."
            )
        return by_sense(readout)

    async def ask(self, request: Request, enough: Enough | None = None) -> Readout:
        """The special readout that a request asks for; ``enough`` may end it early."""
        async with self.bus.session(self.address, self.priority) as session:
            readout = await ask_for(session, request.encode(), enough=enough)
        self.warnings = readout.warnings
        return readout

    async def info(self) -> DeviceInfo:
        """Who the meter is: its type designation, serial number (the identification number) and firmware."""
        known = await super().info()
        try:
            label = variant(known.type.replace(" ", "-")).label
        except UnknownName:
            label = None
        return DeviceInfo(
            self.family, label, known.manufacturer, known.type, known.serial, known.firmware, known.public_key
        )

    async def status(self) -> StatusFlags:
        """Errors, warnings, information and alarms that are active."""
        records = await self.records(FLAGS)
        words = [_word(point, records) for point in FLAGS]
        return StatusFlags(words[0] | words[1] | words[2] | words[3] << FIRST_ALARM)

    async def read_clock(self) -> ClockReading:
        """Date and time of the meter; none while nobody has set them."""
        point = find("146")[0]
        reading = reading_of(point, await self.records([point]), self._now())
        good = reading is not None and reading.quality is Quality.GOOD and isinstance(reading.value, str)
        return ClockReading(datetime.fromisoformat(str(reading.value)) if reading is not None and good else None)

    async def ports(self) -> list[Port]:
        """Inputs and outputs by their numbers; a port without a record is left out."""
        points = [*POINTS["ports"]]
        records = await self.records(points)
        values = {
            point.name: reading.value
            for point in points
            if (reading := reading_of(point, records, self._now())) is not None and reading.quality is Quality.GOOD
        }
        ports = []
        for number in PORT_NUMBERS:
            state = values.get(f"INPUT_STATE_{number}")
            if state is not None:
                stored, counter = (
                    values.get(f"IO_{name}_{number}") for name in ("STORED_INPUT_STATE", "INPUT_CUMULATION")
                )
                count = None if counter is None else int(counter)
                ports.append(Port(number, True, bool(state), None if stored is None else bool(stored), count))
            elif OUTPUT_SENSES[number] in records and f"OUTPUT_STATE_{number}" in values:
                ports.append(Port(number, False, bool(values[f"OUTPUT_STATE_{number}"])))
        return ports

    async def harmonics(self, kind: str) -> list[Spectrum]:
        """``voltage`` or ``current``: one spectrum for each place that the meter measures; none if it measures none.

        Raises ``InvalidValue`` for another kind.
        """
        if kind not in ("voltage", "current"):
            raise InvalidValue(f"harmonics are those of voltage or current, not of {kind!r}")
        readout = await self.ask(
            Request(f"{kind}_harmonics"),
            lambda telegram: not any("harmonic" in one.quantity for one in telegram.records),
        )
        return spectra(readout, kind)

    async def _harmonic_readings(self, points: Sequence[Point]) -> dict[Point, Reading]:
        found: dict[Point, Reading] = {}
        for kind in ("voltage", "current"):
            wanted = [point for point in points if f"_{kind.upper()}_" in point.name]
            if not wanted:
                continue
            places = {spectrum.place: spectrum for spectrum in await self.harmonics(kind)}
            time = self._now()
            for point in wanted:
                spectrum = places.get(point.quantity.phase or "")
                if spectrum is not None:
                    found[point] = _harmonic(point, spectrum, time)
        return found


def _word(point: Point, records: Records) -> int:
    record = records.get(SENSES[point])
    content = None if record is None or record.quality is not Quality.GOOD else record.content
    return content if isinstance(content, int) else 0


def _harmonic(point: Point, spectrum: Spectrum, time: datetime) -> Reading:
    """The total distortion, or all orders as text."""
    if point.name.startswith("THD"):
        return missing(point, time)._replace(
            value=spectrum.thd, quality=Quality.MISSING if spectrum.thd is None else Quality.GOOD
        )
    known = any(order is not None for order in spectrum.orders[1:])
    return missing(point, time)._replace(
        value=spectrum.text if known else None, quality=Quality.GOOD if known else Quality.MISSING
    )
