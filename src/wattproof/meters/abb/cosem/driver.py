"""The driver of ABB meters over COSEM (abb-meters.md part 2): everything of `AbbDriver`, and what M-Bus cannot carry.

=====================================  ==========================================================
`driver`                               points, status, ports, harmonics, resets, rights
`recording`                            load profile, previous values, demand, logs
`clock`, `calendar`                    date, time and summer time; the tariff calendar
`settings`                             ports, pulse outputs, alarms, what is recorded
`images`                               a new firmware
=====================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters.abb.cosem.asking import differs, is_zero, steps
from wattproof.meters.abb.cosem.binding import (
    PLACES,
    STATUS_WORD,
    Scale,
    attribute_of,
    missing,
    number_of,
    numbers_of,
    reading_of,
    stored,
)
from wattproof.meters.abb.cosem.calendar import CalendarSetting
from wattproof.meters.abb.cosem.clock import ClockSetting
from wattproof.meters.abb.cosem.images import ImageTransfer
from wattproof.meters.abb.cosem.recorded import moment
from wattproof.meters.abb.cosem.recording import Recording
from wattproof.meters.abb.cosem.resets import RESETS, Reset
from wattproof.meters.abb.cosem.rights import rights_of
from wattproof.meters.abb.cosem.settings import Settings
from wattproof.meters.abb.cosem.writable import assignment
from wattproof.meters.abb.points import ALL, OVERVIEW, POINTS, PORT_NUMBERS, Point, find, find_all
from wattproof.meters.abb.quantities import by_name
from wattproof.meters.abb.records import Port, Rights, Spectrum
from wattproof.meters.abb.rows import Row
from wattproof.meters.abb.statusword import StatusFlags
from wattproof.meters.abb.variants import variant
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.values import Quality
from wattproof.wire.cosem.data import Data, long_unsigned, octet_string
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.shapes import flag, number

#: Places of harmonics by kind, in the order of their channels (1.14).
PLACES_OF = {
    "voltage": ("L1", "L2", "L3", "L1_L2", "L2_L3", "L1_L3"),
    "current": ("L1", "L2", "L3", "NEUTRAL"),
}
#: Bytes of the password of the management client.
PASSWORD = 8
_SECRET = Attribute.of(15, "0-0:40.0.0", 7)


class AbbCosemDriver(Recording, ClockSetting, CalendarSetting, Settings, ImageTransfer):
    """An ABB meter behind a station: see `wattproof.meters.abb.driver.AbbDriver`.

    Everything raises ``MeterRefused`` where the meter says no, ``LinkError`` where it is silent, ``ProtocolError``
    where its answer makes no sense.
    """

    async def info(self) -> DeviceInfo:
        """Who the meter is; ``variant`` is its type label, where the type designation is one."""
        identity = await self.identity()
        try:
            label = variant(identity.type.replace(" ", "-")).label
        except UnknownName:
            label = None
        return identity.info(self.family, label)

    # points -------------------------------------------------------------------------------------------------------

    async def read(self, names: Sequence[str] = ()) -> list[Reading]:
        """Points by name, see `wattproof.meters.abb.points`; the main values without any.

        A point that is named and that the meter does not have has quality missing; of groups and of everything it is
        left out. Scaler and unit are those that the meter says.

        Raises:
            UnknownName: no such point; nothing was sent.
        """
        wanted, named = _wanted(names)
        objects = await self.objects() if len(named) < len(wanted) else None
        asked = [
            point for point in wanted
            if point in PLACES and (point in named or objects is None or objects.find(PLACES[point].name))
        ]  # fmt: skip
        where = [PLACES[point] for point in asked]
        scales = await self._scales_of(one for one in where if one.class_id == 3)
        data = dict(zip(asked, await self.get_all(where), strict=True))
        time = datetime.fromtimestamp(self.station.clock.time() / 1e9, UTC)
        found = {point: reading_of(point, one, scales.get(PLACES[point].name), time) for point, one in data.items()}
        if any(point not in PLACES for point in wanted):
            found |= await self._previous([point for point in wanted if point not in PLACES], time)
        readings = [found.get(point) or missing(point, time) for point in wanted]
        return [
            one
            for point, one in zip(wanted, readings, strict=True)
            if point in named or one.quality is not Quality.MISSING
        ]

    async def _previous(self, points: Sequence[Point], time: datetime) -> dict[Point, Reading]:
        """The newest previous values."""
        if not await self.has(Attribute.of(7, "1-0:98.1.0")):
            return {}
        quantities, row = await self.newest_previous()
        if row is None:
            return {}
        scales = await self._scales_of(map(attribute_of, quantities))
        values = dict(zip(quantities, row[2:], strict=False))
        found: dict[Point, Reading] = {}
        for point in points:
            if point.row is None:
                found[point] = stored(point, moment(row[0])[0].isoformat(), time)
            elif point.row in values:
                one = point.row
                found[point] = stored(point, number_of(one, values[one], scales.get(one.ln)), time)
        return found

    async def write(self, values: Mapping[str, object]) -> None:
        """Write points one after the other.

        Raises:
            UnknownName, ReadOnly, InvalidValue: before anything is sent.
            MeterRefused: the meter says no; ``done`` names the points that were written before.
            LinkError: it fell silent; the error names the point at which it did.
        """
        wanted = [assignment(name, value) for name, value in values.items()]
        done: list[str] = []
        for one in wanted:
            with steps(done, f"writing {one.point.full_name}"):
                await self.set(one.attribute, one.data)
            done.append(one.point.full_name)

    # status and instruments ---------------------------------------------------------------------------------------

    async def status(self) -> StatusFlags:
        """Errors, warnings, information and alarms that are active."""
        return StatusFlags(number(await self.get(STATUS_WORD)))

    async def ports(self) -> list[Port]:
        """Inputs and outputs by their numbers; none on meters without ports."""
        parts = ("0-{}:96.3.1", "0-{}:96.3.2", "0-{}:96.3.129")
        where = [Attribute.of(1, part.format(port)) for port in PORT_NUMBERS for part in parts]
        where += [Attribute.of(3, f"1-{port}:82.8.0") for port in PORT_NUMBERS]
        data = await self.get_all(where)
        found = []
        for port in PORT_NUMBERS:
            level, output, kept = data[3 * (port - 1) : 3 * port]
            counter = data[3 * len(PORT_NUMBERS) + port - 1]
            if isinstance(level, Data):
                memory = flag(kept) if isinstance(kept, Data) else None
                count = number(counter) if isinstance(counter, Data) else None
                found.append(Port(port, True, flag(level), memory, count))
            elif isinstance(output, Data):
                found.append(Port(port, False, flag(output)))
        return found

    async def harmonics(self, kind: str) -> list[Spectrum]:
        """``voltage`` or ``current``: one spectrum for each place that the meter measures.

        Raises:
            UnknownName: another kind.
        """
        if kind not in PLACES_OF:
            raise UnknownName(f"there are no harmonics of {kind!r}: write voltage or current")
        rows = [
            (by_name(f"THD_{kind}_{place}"), by_name(f"HARMONICS_{kind}_{place}")) for place in PLACES_OF[kind]
        ]  # fmt: skip
        where = [attribute_of(row) for pair in rows for row in pair]
        objects = await self.objects()
        present = [one for one in where if objects.find(one.name)]
        scales = await self._scales_of(one for one in present if one.class_id == 3)
        data = dict(zip(present, await self.get_all(present), strict=True))
        found = []
        for thd, orders in rows:
            if attribute_of(orders) in data:
                found.append(_spectrum(thd, orders, data, scales.get(thd.ln)))
        return found

    # resets, rights, password -------------------------------------------------------------------------------------

    @property
    def resettable(self) -> Sequence[str]:
        """Names that `reset` takes."""
        return tuple(RESETS)

    async def reset(self, name: str) -> None:
        """Reset a register, counter, stored input or record by its name.

        Raises:
            UnknownName: no such name, see `resettable`.
            MeterRefused: the meter says no.
        """
        rows = RESETS.get(name.strip().rpartition(".")[2].upper())
        if rows is None:
            raise UnknownName(f"nothing called {name!r} can be reset: {', '.join(RESETS)} can")
        if len(rows) > 1:
            rows = tuple([row for row in rows if await self.has(row.attribute)]) or rows[:1]
        done: list[str] = []
        for row in rows:
            with steps(done, f"resetting {row.name}"):
                await self._reset(row)
            done.append(row.name)

    async def _reset(self, row: Reset) -> None:
        if row.data is not None:
            await self.set(row.attribute, row.data)
            return
        before = await self.get(row.proof) if row.counts else None
        check = is_zero(row.proof) if before is None else differs(row.proof, before)
        await self.act(row.method, check=check)

    async def freeze_demand(self) -> None:
        """End the running period of demand now."""
        await self.act(Method.of(7, "1-0:98.2.0", 2))

    async def execute_script(self, selector: int) -> None:
        """Execute a script: 1 to 4 activate a tariff, 5 to 12 set and reset outputs 1 to 4 (2.16)."""
        await self.act(Method.of(9, "0-0:10.0.100"), long_unsigned(selector))

    async def set_password(self, password: str) -> None:
        """Give the management client another password. Later connections need it. Raises ``InvalidValue``."""
        if len(password) != PASSWORD or not password.isascii():
            raise InvalidValue(f"a password of an ABB meter has {PASSWORD} ASCII characters")
        await self.set(_SECRET, octet_string(password.encode()))

    async def rights(self) -> Rights:
        """What may be read, executed and written, and the role of this client (2.13)."""
        return rights_of(await self.objects(), self.station.place.sap)


def _wanted(names: Sequence[str]) -> tuple[list[Point], frozenset[Point]]:
    """The points that names mean, each once, and those of them that were named one by one."""
    names = [str(name) for name in names]
    single = (name for name in names if name.strip().casefold() not in {ALL, *POINTS})
    return find_all(names or OVERVIEW), frozenset(point for name in single for point in find(name))


def _spectrum(thd: Row, orders: Row, data: Mapping[Attribute, object], scale: Scale) -> Spectrum:
    total, array = data.get(attribute_of(thd)), data[attribute_of(orders)]
    values = numbers_of(orders, array) if isinstance(array, Data) else (None,) * 16
    return Spectrum(thd.phase or "", number_of(thd, total, scale) if isinstance(total, Data) else None, values)
