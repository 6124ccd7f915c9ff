"""Any meter on M-Bus: who it is, and all that it sends (abb-meters.md 1.5 to 1.9).

Names of records are those of `wattproof.drivers.mbus.names`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Self

from wattproof.drivers.mbus.address import Address, address_of
from wattproof.drivers.mbus.bus import Bus
from wattproof.drivers.mbus.line import blocking_line_of, line_of
from wattproof.drivers.mbus.names import ALL, chosen, details_of, fixed_readings, named, reading_of
from wattproof.drivers.mbus.readout import Enough, Readout, read_out
from wattproof.drivers.schedule import Priority
from wattproof.io.clock import BlockingClock, SystemClock
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.media import medium_name
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.telegrams import Telegram, status_texts

#: Records that say which firmware a meter has, and which type it is.
FIRMWARE = ("firmware_version", "software_version")
TYPE = "type_designation"
NOBODY = ("", 0x0F)


class MbusMeter:
    """A meter at ``address`` on ``bus``. ``owner``: the bus ends with the meter.

    ``priority``: how urgent its transactions are among those of other meters.
    """

    family: ClassVar[str] = "mbus"

    def __init__(self, bus: Bus, address: Address, *, priority: int = Priority.COMMAND, owner: bool = False) -> None:
        self.bus = bus
        self.address = address
        self.priority = priority
        #: What was odd about the last readout.
        self.warnings: tuple[str, ...] = ()
        self._owner = owner
        self._known: DeviceInfo | None = None
        #: Manufacturer's letters and medium of the last readout; of a meter that sends no header "" and 15, unknown.
        self.maker_and_medium = NOBODY
        self._records: dict[str, Record] = {}

    @classmethod
    async def open(cls, url: MeterURL, *, trace: Trace | None = None) -> Self:
        """The meter of a URL, on the running event loop, connected.

        Raises:
            InvalidURL: its address is none.
            Unreachable: no connection, or no such device.
        """
        bus = Bus(line_of(url, trace=trace, clock=SystemClock()))
        meter = cls.at(bus, url)
        await bus.line.open()
        return meter

    @classmethod
    def open_blocking(cls, url: MeterURL, *, trace: Trace | None = None) -> Self:
        """The same without an event loop: its coroutines never suspend. It connects when it is first asked."""
        return cls.at(Bus(blocking_line_of(url, trace=trace, clock=BlockingClock())), url)

    @classmethod
    def at(cls, bus: Bus, url: MeterURL) -> Self:
        """The meter of a URL on a bus of its own. Raises ``InvalidURL``."""
        return cls(bus, address_of(url), owner=True)

    @property
    def clock(self) -> Clock:
        return self.bus.clock

    async def close(self) -> None:
        """End the connection, unless others share the bus."""
        if self._owner:
            await self.bus.close()

    async def readout(self, enough: Enough | None = None) -> Readout:
        """All telegrams of the standard readout, or as many as are ``enough``.

        Raises ``ResponseTimeout``, ``FrameError``, ``ProtocolError``, ``Refused``.
        """
        async with self.bus.session(self.address, self.priority) as session:
            readout = await read_out(session, enough=enough)
        self.warnings = readout.warnings
        self._known = describe(readout, self.family, self._known)
        if readout.header is not None:
            self.maker_and_medium = (readout.header.address.letters, readout.header.address.medium)
        return readout

    async def read(self, names: Sequence[str] = ()) -> list[Reading]:
        """The records of ``names``, in that order: names, patterns such as ``energy*``; all of them without any.

        Raises:
            UnknownName: the meter has sent no such record.
        """
        readout = await self.readout()
        time = self._now()
        if readout.fixed is not None:
            readings = {reading.point: reading for reading in fixed_readings(readout.fixed, time)}
        else:
            self._records = named(readout)
            readings = {name: reading_of(name, record, time) for name, record in self._records.items()}
        who = f"the meter at address {self.address}"
        return [readings[name] for name in chosen(readings, names or (ALL,), who)]

    def details(self, name: str) -> dict[str, object]:
        """What else the last readout said about a record: function, storage, tariff, subunit, qualifiers, bytes."""
        record = self._records.get(name)
        return {} if record is None else details_of(record)

    async def info(self) -> DeviceInfo:
        """Who the meter is by the header of its telegrams; the last readout serves where there is one."""
        if self._known is None:
            await self.readout(enough=lambda telegram: True)
        assert self._known is not None  # noqa: S101 - set by every readout
        return self._known

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time() / 1e9, UTC)


def describe(readout: Readout, family: str = MbusMeter.family, known: DeviceInfo | None = None) -> DeviceInfo:
    """Who a meter is by what it has sent: maker's letters, medium, identification number, type and firmware if it sends
    them. ``known``: what an earlier readout said, where this one was not complete."""
    firmware, type = ("", "") if known is None else (known.firmware, known.type)
    for record in readout:
        if record.quantity in FIRMWARE and isinstance(record.value, str):
            firmware = record.value
        elif record.quantity == TYPE and isinstance(record.value, str):
            type = record.value
    header, fixed = readout.header, readout.fixed
    letters, number = "", ""
    if header is not None:
        who = header.address
        letters, number = who.letters, who.number
        type, firmware = type or medium_name(who.medium), firmware or f"{who.version:02X}"
    elif fixed is not None:
        type, number = fixed.medium_name, fixed.number
    return DeviceInfo(family, None, letters, type or "unknown", number, firmware, None)


def status_of(telegram: Telegram | FixedData) -> list[str]:
    """What the status byte of a telegram says, in words."""
    status = telegram.status if isinstance(telegram, FixedData) else getattr(telegram.header, "status", 0)
    return status_texts(status)
