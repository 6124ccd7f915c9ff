"""An ABB meter on M-Bus: wired, or through its infrared window.

::

    AbbMbusDriver -> AbbCommands -> AbbHistory -> AbbReading -> drivers.mbus.meter.MbusMeter
    rights           write, reset   profiles      read, flags   readouts on a bus

It is a `wattproof.meters.abb.driver.AbbDriver`. What M-Bus cannot carry (alarm and profile configuration, calendar,
pulse outputs, hardware versions, firmware update) it does not have: absent on reads, ``ReadOnly`` on writes.
"""

from __future__ import annotations

from typing import Self

from wattproof.drivers.mbus.address import address_of
from wattproof.drivers.mbus.bus import Bus
from wattproof.io.url import MeterURL
from wattproof.io.web import password_of
from wattproof.meters.abb.mbus.binding import by_sense, reading_of
from wattproof.meters.abb.mbus.commands import AbbCommands
from wattproof.meters.abb.mbus.settings import is_protected
from wattproof.meters.abb.points import ALL, find
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.records import Rights
from wattproof.model.values import Quality

#: Ids of the rights list: what can be read, and all of them.
READABLE, IDS = range(1, 201), range(1, 242)
VIEW, CONFIGURE = "View Only", "Configure"


class AbbMbusDriver(AbbCommands):
    """A meter at ``address`` on ``bus``. Arguments: see `AbbCommands` and `wattproof.drivers.mbus.meter.MbusMeter`."""

    @classmethod
    def at(cls, bus: Bus, url: MeterURL) -> Self:
        """The meter of a URL on a bus of its own; its password from ``?password-file=`` or the environment.

        Raises ``InvalidURL``, ``InvalidValue``.
        """
        return cls(bus, address_of(url), owner=True, secret=password_of(url))

    async def rights(self) -> Rights:
        """What is in a readout can be read; what has a command can be written, while the meter has obeyed (2.13)."""
        readout = await self.readout()
        records = by_sense(readout)
        time = self._now()
        shown = {
            point.row.id
            for point in find(ALL)
            if point.row is not None and point.group != "previous"
            and (reading := reading_of(point, records, time)) is not None and reading.quality is not Quality.MISSING
        }  # fmt: skip
        if any(record.storage == 1 and record.quantity == "date_time" for record in readout):
            shown.add(next(id for id, row in ROWS.items() if row.name == "PREVIOUS_VALUES"))
        flags = [id in shown if id in READABLE else self._may(id) for id in IDS]
        return Rights(VIEW if self.obeyed is False else CONFIGURE, tuple(flags))

    def _may(self, id: int) -> bool:
        protected = is_protected(id)
        return protected is not None and not (protected and self.obeyed is False)
