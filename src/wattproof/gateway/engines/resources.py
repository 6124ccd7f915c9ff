"""The resources that an engine answers, by their numbers (g13-api.md 10.3, column E)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from wattproof.gateway.acquire.station import Document
from wattproof.gateway.engines.alarms import Alarms
from wattproof.gateway.engines.averages import Averages, Integrals
from wattproof.gateway.engines.books import EVENT, QUALITY, SYSTEM, Books, Part
from wattproof.gateway.engines.calendar import CalendarTables
from wattproof.gateway.engines.counters import Counters
from wattproof.gateway.engines.demand import MOST_ROWS, Demand
from wattproof.gateway.engines.failing import invalid, unsupported
from wattproof.gateway.engines.gaps import Gaps
from wattproof.gateway.engines.measured import Measured
from wattproof.gateway.engines.previous import Previous
from wattproof.gateway.engines.profile import CHANNELS, LoadProfile
from wattproof.gateway.engines.registers import Registers
from wattproof.gateway.engines.rows import Stored, Window, count_in, moment_text, seconds_in, window
from wattproof.gateway.engines.scales import exponent_of
from wattproof.gateway.engines.tariffs import Tariffs
from wattproof.gateway.engines.transformer import Transformer
from wattproof.gateway.engines.warnings import Warnings
from wattproof.gateway.records import Kind
from wattproof.gateway.store.base import Reader

#: Log entry: settings were changed (2000 + a bit that no meter sends).
SETTINGS_CHANGED = 2056
#: Events of one log that one request may ask for (51).
MOST_EVENTS = 100
LOGS = (SYSTEM, QUALITY, EVENT)
#: Numbers of the resources that an engine reads, writes and streams.
READ = frozenset({43, 44, 50, 51, 52, 55, 56, 58, 70, 74, 78, 81, 83, 85, 87, 89})
WRITTEN = frozenset({45, 48, 53, 57, 71, 72, 75, 76, 79, 80, 82, 84, 86, 88, 90})
STREAMED = frozenset({69, 73, 77})


class Resources:
    """The parts of an engine, and what they say and do."""

    def __init__(self, books: Books, reader: Reader, now: Callable[[], int]) -> None:
        self.books, self.facts = books, books.facts
        self._reader, self._now = reader, now
        self.transformer, self.warnings = Transformer(books), Warnings(books)
        self.counters = Counters(books, self.transformer.ratio)
        self.averages, self._integrals = Averages(books), Integrals(books)
        self.calendar = CalendarTables()
        self.tariffs = Tariffs(books, self.calendar)
        self.registers = Registers(books, self.counters, self.tariffs)
        measured = Measured(books, self.counters, self.averages, self.registers)
        self.gaps = Gaps(books, self.counters, lambda channel: self.profile.settings[channel - 1])
        self.profile = LoadProfile(books, measured, self.gaps.missed)
        self.previous = Previous(books, measured)
        self.demand = Demand(books, measured)
        self.alarms = Alarms(books, measured)
        self.parts: tuple[Part, ...] = (
            books, self.transformer, self.counters, self.averages, self._integrals, self.calendar, self.tariffs,
            self.registers, self.gaps, self.profile, self.previous, self.demand, self.alarms, self.warnings,
        )  # fmt: skip

    @property
    def alarm_flags(self) -> list[str]:
        """Active alarms as #50 lists them among the information flags."""
        return self.alarms.active()

    # reading

    async def get(self, resource: int, arguments: Mapping[str, Any]) -> Document:
        """The body of a reading resource. Raises ``CommandFailed``."""
        at = self._now()
        if resource == 51:
            return Document(await self._events(arguments, at), at)
        read: dict[int, Callable[[], dict[str, Any]]] = {
            43: lambda: {**self.transformer.document(), **self.registers.factors_document()},
            44: self.registers.factors_document,
            50: lambda: {"errors": [], "warnings": [], "informationflags": self.alarms.active()},
            52: self.alarms.document,
            55: lambda: self.registers.energy_document(arguments),
            70: self.previous.document,
            74: self.profile.document,
            78: self.demand.document,
            81: lambda: self.tariffs.document(at),
            **{number: _bound(self.registers.resettable_document, number) for number in (56, 58)},
            **{number: _bound(self.calendar.document, number) for number in (83, 85, 87, 89)},
        }
        if resource not in read:
            raise unsupported(f"resource {resource}")
        return Document(read[resource](), at)

    async def _events(self, arguments: Mapping[str, Any], at: int) -> dict[str, Any]:
        text, count = arguments.get("datetime"), count_in(arguments.get("count"), MOST_EVENTS)
        until = self.books.local(at) if text is None else seconds_in(text)
        found: dict[str, Any] = {}
        for log in LOGS:
            entries = await self._reader.meter_events(
                self.facts.serial, log, until=until, count=MOST_EVENTS if count is None else count
            )
            found[log] = [
                {
                    "datetime": moment_text(entry.local),
                    "duration": entry.duration,
                    "category": entry.category,
                    "logid": entry.logid,
                }
                for entry in entries
            ]
        return found

    # streaming

    async def rows(self, resource: int, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Resources 69, 73, 77: first the head, then what rows of the store there are, :class:`~.rows.Stored`."""
        wanted = window(arguments, MOST_ROWS if resource == 77 else None)
        serial = self.facts.serial
        if resource == 73:
            for part in self._profile(arguments.get("channel", 1), wanted):
                yield part
            return
        if resource not in STREAMED:
            raise unsupported(f"resource {resource}")
        if resource == 69:
            yield self.previous.head()
            yield Stored(serial, Kind.PREVIOUS, 0, *wanted, tuple(exponent_of(id) for id in self.previous.columns))
        else:
            yield self.demand.head()
            yield Stored(serial, Kind.DEMAND, 0, *wanted, tuple(self.demand.quantities))

    def _profile(self, channel: Any, wanted: Window) -> Iterator[Any]:
        number = int(channel) if isinstance(channel, str) and channel.isascii() and channel.isdigit() else channel
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= CHANNELS:
            raise invalid("invalid channel")
        yield self.profile.head(number)
        _, quantity, held = self.profile.settings[number - 1]
        if not quantity:
            return
        limit = held if self.profile.may_be_full(number, self._now()) else None
        yield Stored(self.facts.serial, Kind.PROFILE, number, *wanted, (exponent_of(quantity),), limit)

    # writing

    def carry_out(self, resource: int, body: Mapping[str, Any], arguments: Mapping[str, Any], at: int) -> None:
        """Carry out a writing resource. Raises ``CommandFailed``."""
        write: dict[int, Callable[[], None]] = {
            45: lambda: self.registers.put_factors(body),
            48: lambda: self._put_ratios(body),
            53: lambda: self.alarms.put(self.alarms.check(body), at),
            57: lambda: self.registers.reset(body, at),
            71: lambda: self.previous.put(self.previous.check(body), at),
            72: lambda: self.previous.clear(at),
            75: lambda: self._put_profile(body, at),
            76: lambda: self._clear_profile(arguments.get("channel"), at),
            79: lambda: self.demand.put(self.demand.check(body), at),
            80: lambda: self.demand.clear(at),
            82: lambda: self.tariffs.put(body, at),
            **{number: _bound(self._put_calendar, number, body, at) for number in (84, 86, 88, 90)},
        }
        if resource not in write:
            raise unsupported(f"resource {resource}")
        write[resource]()
        self.averages.follow(self.profile.averaged | self.demand.averaged)
        if resource != 57:
            self.books.note(SYSTEM, SETTINGS_CHANGED, at)

    def _put_ratios(self, body: Mapping[str, Any]) -> None:
        """Counters jump to another value that nobody has counted."""
        if self.transformer.put(body):
            self.counters.begin_anew()

    def _put_profile(self, body: Mapping[str, Any], at: int) -> None:
        wanted = self.profile.check(body)
        for number, setting in enumerate(wanted, 1):
            if setting != self.profile.settings[number - 1]:
                self.gaps.forget(number)
        self.profile.put(wanted, at)

    def _clear_profile(self, channel: Any, at: int) -> None:
        if channel is None:
            numbers = range(1, CHANNELS + 1)
        else:
            number = int(channel) if isinstance(channel, str) and channel.isascii() and channel.isdigit() else channel
            if number not in range(1, CHANNELS + 1) or isinstance(number, bool):
                raise invalid("invalid channel")
            numbers = range(number, number + 1)
        for number in numbers:
            self.gaps.forget(number)
            self.profile.clear(number, at)

    def _put_calendar(self, resource: int, body: Mapping[str, Any], at: int) -> None:
        self.calendar.put(resource, body)
        self.tariffs.decide(at)


def _bound(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: function(*arguments)
