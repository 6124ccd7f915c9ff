"""A registered meter in ``acquire``: its newest values, its documents, and whether it is there (g13-api.md 11).

Values and documents come from the bus when they are too old, and equal requests that wait share one transaction. What
the meter has said is stored with what its engine makes of it, in one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from wattproof.errors import (
    Disconnected,
    LinkError,
    ModbusRefused,
    ProtocolError,
    Refused,
    StorageError,
    Unreachable,
    WattproofError,
)
from wattproof.gateway.acquire.buses import Runner, Urgency
from wattproof.gateway.acquire.documents import Documents, Key, key_of
from wattproof.gateway.acquire.polling import PERIODS, Poll, polls_of
from wattproof.gateway.acquire.presence import Presence, Status
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.sources.failures import failure
from wattproof.gateway.acquire.station import Document, Engine, Source, traits_of
from wattproof.gateway.acquire.storing import Layouts
from wattproof.gateway.acquire.timetable import Appointment
from wattproof.gateway.events import Id
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Group, Meter, Value, Write
from wattproof.meters.abb.driver import Cause
from wattproof.wire.modbus.exceptions import ExceptionCode

_log = logging.getLogger(__name__)
#: The first visits of meters on one bus lie so far apart (s), for a bus that just opens.
STAGGER = 0.01
#: Seconds after the end of a row within which a poll of the grid is near enough.
NEAR = 4
#: Resource that reads one COSEM object.
EXECUTE = 16
#: Seconds before a busy meter is asked again.
BUSY_PAUSE = 0.2
MILLISECOND, SECOND = 10**6, 10**9


#: Makes the engine of a station; ``None`` where it has none.
MakeEngine = Callable[["Station"], Awaitable[Engine | None]]
#: Is told of new values of a station.
Watch = Callable[["Station", Mapping[int, Value]], None]


def nobody(station: Station, values: Mapping[int, Value]) -> None:
    """Nobody watches."""


async def no_engine(station: Station) -> Engine | None:
    """Nothing is added to this meter."""
    return None


@dataclass(slots=True)
class StationStatistics:
    """What happened with a meter since the start. ``seconds``: how long its last reading took."""

    polls: int = 0
    failures: int = 0
    shared: int = 0
    seconds: float = 0.0
    error: str = ""


class Station:
    """The meter of ``record`` on its bus. ``index``: its number on the gateway.

    ``engine`` makes what the gateway adds to it, as soon as it is known what the meter has; ``watch`` is told of new
    values.
    """

    def __init__(
        self,
        record: Meter,
        source: Source,
        runner: Runner,
        site: Site,
        engine: MakeEngine = no_engine,
        index: int = 0,
        watch: Watch = nobody,
    ) -> None:
        self.record = record
        self.source = source
        self.runner = runner
        self.engine: Engine | None = None
        self.presence = Presence(known_offline=record.status == Status.OFFLINE)
        self.polls: list[Poll] = []
        self.documents = Documents()
        self.latest: dict[int, Value] = {}
        self.statistics = StationStatistics()
        #: Are told when the meter is back, or there for the first time.
        self.returned: list[Callable[[Station], None]] = []
        #: Is told when the engine lacks rows that the meter itself may have.
        self.lacking: Callable[[Station], None] = lambda station: None
        self._site = site
        self._make_engine = engine
        self._watch = watch
        self._index = index
        self._layouts = Layouts(site.store, record.serial)
        self._read_at: dict[Group, int] = {}
        self._groups: Mapping[Group, frozenset[int]] = {}
        self._together: dict[tuple[Group, ...], frozenset[int]] = {}
        self._opened = self._asked_anew = False
        self._since = 0
        self._first = site.clock.now() + round(index * STAGGER * SECOND)
        self._flights: dict[Hashable, Any] = {}
        self._ticking: Appointment | None = None
        self._boundary: int | None = None
        self._signing = 0

    @property
    def serial(self) -> str:
        return self.record.serial

    @property
    def now(self) -> int:
        """Host time, UTC ms."""
        return self._site.now

    @property
    def mbus(self) -> bool:
        """Whether it is on M-Bus, where everything takes longer."""
        return self.runner.line.kind == "mbus"

    # -- the bus asks ------------------------------------------------------------------------------------------------

    def due(self) -> int | None:
        """See `wattproof.gateway.acquire.buses.Visitor`."""
        if self._signing:
            return None
        if self.presence.is_offline:
            return self.presence.next_probe
        if not self._opened:
            return self._first
        first = min((poll.due for poll in self.polls), default=None)
        return None if first is None else max(first, self._since)

    @contextmanager
    def signing(self) -> Iterator[None]:
        """The meter signs a record and may answer nothing else meanwhile: it is not polled, nor taken to be away."""
        self._signing += 1
        try:
            yield
        finally:
            self._signing -= 1
            self.runner.line.forgive(self.record.place)
            self.runner.wake()

    async def visit(self) -> None:
        """Read all groups that are due; a meter that was offline is asked once, and then for everything."""
        now = self._site.clock.now()
        due = {poll.group for poll in self.polls if poll.due <= now}
        if not self._opened or self.presence.is_offline:
            due = set()
        try:
            await self.attempt(lambda: self._read(due))
        except WattproofError as error:
            _log.debug("%s was not read: %s", self.serial, error)
        finally:
            self._schedule(now)

    def _schedule(self, now: int) -> None:
        """The next moment of every poll that is over."""
        if not self._opened:
            self._first = now + SECOND
        clock, stretch = self._site.clock, self.runner.load.stretch
        for poll in self.polls:
            if poll.due <= now:
                poll.schedule(clock.now(), self._site.time, stretch)
        if self._boundary is not None:
            self._read_at_the_latest(self._boundary)

    async def attempt(self, work: Callable[[], Awaitable[Any]], *, writing: bool = False) -> Any:
        """Carry out ``work`` at the bus, again where nothing was done; keep account of the meter's presence.

        The drivers have repeated what was not answered; what is repeated here had no connection, or a busy meter.

        Raises what drivers raise.
        """
        offline = self.presence.is_offline
        if offline:
            self.runner.line.forgive(self.record.place)
        attempts = 1 if offline else 1 + self.runner.retries
        while True:
            attempts -= 1
            try:
                if not self._opened or offline:
                    await self._open()
                result = await work()
            except WattproofError as error:
                cause = error.__cause__ if isinstance(error, CommandFailed) else error
                if attempts > 0 and may_repeat(cause, writing=writing):
                    if isinstance(cause, ModbusRefused):
                        await self._site.clock.sleep(BUSY_PAUSE)
                    continue
                self.judge(error)
                raise
            self._answered()
            return result

    async def _open(self) -> None:
        """Find out who the meter is, and what it can be asked for."""
        self._opened = False
        await self.source.open()
        expected = self.record.place.get("identity", self.source.serial)
        if self.source.serial != expected:
            raise ProtocolError(
                f"another meter answers at {self.record.address} on {self.runner.name}: {self.source.serial} instead "
                f"of {expected}; its readings are not taken for those of {self.serial}"
            )
        self._groups = self.source.groups()
        self._together.clear()
        periods = {**PERIODS[self.runner.line.kind], **self.runner.periods}
        due = {poll.group: poll.due for poll in self.polls}
        self.polls = polls_of(self._groups, periods, self._index)
        for poll in self.polls:
            poll.due = due.get(poll.group, 0)
        self.documents.reconnected()
        self._opened = self._asked_anew = True
        self._since = self._site.clock.now()
        await self.equip()

    def renew(self) -> None:
        """It runs another firmware: find out what it has now before it is asked for anything else."""
        self._opened = False
        self._first = self.presence.next_probe = self._site.clock.now()
        self.documents.reconnected()
        self.runner.wake()

    async def equip(self) -> None:
        """Make the engine, if it is known what the meter has and there is none yet."""
        if self.engine is None and self.measured:
            self.engine = await self._make_engine(self)
            self.arm()

    def judge(self, error: WattproofError) -> None:
        """What a failure says about the presence of the meter; mistakes of our own say nothing."""
        cause = error.__cause__ if isinstance(error, CommandFailed) else error
        if isinstance(cause, LinkError | ProtocolError):
            if not self._signing:
                self._failed(cause)
        elif isinstance(cause, Refused):
            self._answered()

    def _answered(self) -> None:
        was = self.presence.status
        news = self.presence.answered(self._site.clock.now())
        if not news and not self._asked_anew:
            return
        self._asked_anew = False
        back = news and (was is Status.OFFLINE or self.presence.known_offline)
        self.presence.known_offline = self.presence.known_offline and not news
        self._note(Id.METER_CONNECTED if back else None)
        if news:
            for told in self.returned:
                told(self)

    def _failed(self, error: WattproofError) -> None:
        self.statistics.failures += 1
        self.statistics.error = str(error)
        if not self.presence.failed(self._site.clock.now()):
            return
        _log.warning("meter %s is offline: %s", self.serial, error)
        self._note(None if self.presence.known_offline else Id.METER_NOT_CONNECTED)

    def _note(self, id: Id | None) -> None:
        """What is known of the meter is stored and told if it has changed, with the event."""
        changes: dict[str, Any] = {"status": int(self.presence.status)}
        if self._opened:
            traits = traits_of(self.source)
            place = {**self.record.place, "measured": sorted(self.measured)}
            changes |= {"provides": self.provides, "label": self.source.label, "traits": traits, "place": place}
        record = msgspec.structs.replace(self.record, **changes)
        if record == self.record and id is None:
            return
        self.record = record
        writes: list[Write] = [record]
        if id is not None:
            writes.append(self._site.record(id, self.serial))
        self._site.ledger.add(*writes)

    @property
    def measured(self) -> frozenset[int]:
        """Ids of the quantities that the meter itself gives; while it is not there, those that it gave last."""
        if self._opened:
            return frozenset().union(*self._groups.values())
        return frozenset(self.record.place.get("measured", ()))

    @property
    def provides(self) -> tuple[int, ...]:
        """Ids of all quantities of the meter and of its engine."""
        return tuple(sorted(self.measured | (self.engine.provides if self.engine is not None else frozenset())))

    # -- readings ----------------------------------------------------------------------------------------------------

    async def _read(self, groups: Collection[Group]) -> None:
        """Read groups together; without any, all."""
        wanted = tuple(group for group in self._groups if not groups or group in groups)
        ids = self._together.get(wanted)
        if ids is None:
            ids = self._together[wanted] = frozenset[int]().union(*(self._groups[group] for group in wanted))
        if not ids:
            return
        began = self._site.clock.now()
        values = await self.source.read(ids)
        self.statistics.polls += 1
        self.statistics.seconds = seconds = (self._site.clock.now() - began) / SECOND
        for poll in self.polls:
            if poll.group in wanted:
                poll.taken(seconds * len(poll.ids) / len(ids))
        await self._take(wanted, values)

    async def _take(self, groups: Iterable[Group], values: Mapping[int, Value]) -> None:
        """Keep values, feed the engine, and store both together."""
        now = self._site.now
        self.latest.update(values)
        writes: list[Write] = []
        for group in groups:
            ids = self._groups[group]
            times = [values[id].time for id in ids if id in values]
            self._read_at[group] = min(times, default=now)
            try:
                writes.append(await self._layouts.readings(group, ids, values, self._read_at[group]))
            except StorageError as error:
                _log.error("readings of %s are not stored: %s", self.serial, error)
        if self.engine is not None:
            writes += self.engine.feed(values, now)
            self.arm()
            if self.engine.lacks():
                self.lacking(self)
        self._site.ledger.add(*writes)
        self._watch(self, values)

    def arm(self) -> None:
        """Wake the engine when it has something to close, and read the counters where a row ends."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        due = self.engine.due() if self.engine is not None else None
        if due is not None:
            self._ticking = self._site.timetable.after((due - self._site.now) / 1000, self._tick)
        self._boundary = self.engine.boundary() if self.engine is not None else None
        if self._boundary is not None:
            self._read_at_the_latest(self._boundary)

    def _read_at_the_latest(self, boundary: int) -> None:
        """A row ends at ``boundary`` (UTC ms): where no poll of the grid comes near it, there is one of its own."""
        clock = self._site.clock
        wanted = clock.now() + (boundary - self._site.now) * MILLISECOND
        for poll in self.polls:
            if poll.group is Group.ENERGY and poll.due > wanted + NEAR * SECOND and wanted > clock.now():
                poll.due = wanted
                self.runner.wake()

    def _tick(self) -> None:
        if self.engine is not None:
            self._site.ledger.add(*self.engine.tick(self._site.now))
            self.arm()

    def clock_moved(self, offset: int) -> list[Write]:
        """The gateway's time is now ``offset`` ms beside the host's (8.2); what the engine writes about it."""
        if self.engine is None:
            return []
        writes = self.engine.clock_moved(offset, self._site.now)
        self.arm()
        return writes

    def regrid(self) -> None:
        """The grid of the polls has moved."""
        for poll in self.polls:
            poll.due = 0
            poll.schedule(self._site.clock.now(), self._site.time)
        self.runner.wake()

    # -- somebody asks -----------------------------------------------------------------------------------------------

    async def values(self, ids: Collection[int], max_age: float, wait: float) -> dict[int, Value]:
        """Values by id, not older than ``max_age`` seconds; ids that the meter has not are absent.

        Raises ``CommandFailed``: the meter does not answer, too many wait.
        """
        added = self.engine.provides if self.engine is not None else frozenset()
        own = {id for id in ids if id not in added}
        needed = {group for group, members in self._groups.items() if not members.isdisjoint(own)}
        if own and (not self._groups or self._stale(needed, max_age)):
            await self._refresh(needed, max_age, wait)
        elif len(own) < len(ids) and not self.presence.is_offline and self._stale({Group.ENERGY}, max_age):
            await self._refresh({Group.ENERGY}, max_age, wait)
        found = {id: self.latest[id] for id in own if id in self.latest}
        if len(own) < len(ids):
            found |= {id: value for id, value in self.added().items() if id in ids}
        return found

    def added(self) -> dict[int, Value]:
        """What the engine adds, as of the last readings; the meter is not asked."""
        return {} if self.engine is None else self.engine.values(self._site.now)

    def _stale(self, groups: Iterable[Group], max_age: float) -> set[Group]:
        oldest = self._site.now - max_age * 1000
        return {group for group in groups if self._read_at.get(group, 0) < oldest}

    async def _refresh(self, groups: set[Group], max_age: float, wait: float) -> None:
        async def work() -> None:
            # A poll, or another request, may have brought them while this one waited.
            stale = self._stale(groups, max_age)
            if stale or not self._opened:
                await self.attempt(lambda: self._read(stale))

        await self._shared(("values", frozenset(groups)), work, wait)

    async def get(self, resource: int, arguments: Mapping[str, Any], max_age: float, wait: float) -> Document:
        """The body of a resource that the meter itself answers. Raises ``CommandFailed``."""
        key = key_of(resource, arguments)
        return await self._document(key, lambda: self.source.get(resource, arguments), max_age, wait)

    async def execute(
        self, obis: bytes, class_id: int, attributes: Mapping[str, int], max_age: float, wait: float
    ) -> Document:
        """What the meter says of one COSEM object (16). Raises ``CommandFailed``."""

        async def ask() -> Document:
            time = self._site.now
            return Document(await self.source.execute(obis, class_id, attributes), time)

        key = key_of(EXECUTE, {"obis": obis, "class": class_id, **attributes})
        return await self._document(key, ask, max_age, wait)

    async def _document(
        self, key: Key, ask: Callable[[], Awaitable[Document]], max_age: float, wait: float
    ) -> Document:
        document = self.documents.get(key, self._site.now, max_age)
        if document is not None:
            return document

        async def work() -> Document:
            found = self.documents.get(key, self._site.now, max_age)
            if found is None:
                found = await self.attempt(ask)
                self.documents.put(key, found)
            return found

        found: Document = await self._shared(("get", key), work, wait)
        return found

    async def put(self, resource: int, body: Mapping[str, Any], arguments: Mapping[str, Any], wait: float) -> None:
        """Write to the meter, before whatever else its bus has to do. Raises ``CommandFailed``."""
        self.check_presence()

        async def work() -> None:
            try:
                await self.attempt(lambda: self.source.put(resource, body, arguments), writing=True)
            finally:
                self.outdated()

        await self.runner.ask(self._told(work, writing=True), Urgency.WRITE, wait)

    def outdated(self) -> None:
        """What was read is not what would be read now."""
        self.documents.written()
        self._read_at.clear()

    async def _shared(self, key: Hashable, work: Callable[[], Awaitable[Any]], wait: float) -> Any:
        """Run ``work`` at the bus for all who ask for the same at the same time."""
        flight = self._flights.get(key)
        if flight is None or flight.outcome.done():
            self.check_presence()
            flight = self._flights[key] = self.runner.submit(self._told(work), Urgency.READ)
            flight.outcome.add_done_callback(lambda _: self._flights.pop(key, None))
        else:
            self.statistics.shared += 1
        return await self.runner.outcome_of(flight, wait)

    def _told(self, work: Callable[[], Awaitable[Any]], *, writing: bool = False) -> Callable[[], Awaitable[Any]]:
        """``work`` whose errors are failures of a command."""

        async def told() -> Any:
            try:
                return await work()
            except WattproofError as error:
                found = failure(error, writing=writing)
                if found is error:
                    raise
                raise found from error

        return told

    def check_presence(self) -> None:
        """Raises ``CommandFailed`` at once for a meter that is known to be offline, so that it delays nobody."""
        if not self.presence.may_ask(self._site.clock.now()):
            raise CommandFailed(
                Failing.METER,
                Cause.INVALID_RESPONSE.value,
                detail=f"the meter is offline: {self.statistics.error}",
            )

    async def close(self) -> None:
        """Let go of the meter."""
        if self._ticking is not None:
            self._ticking.cancel()
        self.runner.remove(self)
        await self.source.close()


def may_repeat(cause: BaseException | None, *, writing: bool) -> bool:
    """Whether something that failed was not done, or may be done twice."""
    if isinstance(cause, ModbusRefused) and not isinstance(cause, LinkError):
        busy, acknowledged = ExceptionCode.SERVER_DEVICE_BUSY, ExceptionCode.ACKNOWLEDGE
        return cause.code == busy or (cause.code == acknowledged and not writing)
    return isinstance(cause, Unreachable) or (isinstance(cause, Disconnected) and not writing)
