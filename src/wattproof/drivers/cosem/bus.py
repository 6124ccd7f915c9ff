"""Many COSEM meters on one line, one request at a time: connections that stay open, repetitions, meters that rest.

::

    closed --SNRM, AARQ--> open --100 s idle: DISC first--> closed
                            |
                            '--silence, DM, FRMR--> DISC, SNRM, AARQ, and what may be done twice once more

A meter that does not answer is offline: it rests, its requests fail at once, and it costs the others one SNRM an
interval (abb-meters.md 2.3, 2.14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from wattproof.drivers.cosem.line import Line
from wattproof.drivers.cosem.place import HDLC, TCP, UDP, Place
from wattproof.drivers.cosem.timing import IDLE, Timing, nanoseconds
from wattproof.drivers.schedule import BackOff, Priority, UnitState
from wattproof.drivers.turns import BACK_OFF, Turns
from wattproof.errors import (
    AssociationRefused,
    CosemRefused,
    Disconnected,
    LinkError,
    ProtocolError,
    Refused,
    ResponseTimeout,
    ServiceRefused,
    UsageError,
    WattproofError,
)
from wattproof.model.clock import Clock
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem.acse import Diagnostic
from wattproof.wire.cosem.association_objects import CURRENT_ASSOCIATION
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.hdlc.client import ClientLink

T = TypeVar("T")
#: One or more requests to a meter, given the client's end of its association.
Service = Callable[[Client], Conversation[T]]
#: Exception response to a service without association: state error, service error (2.5).
_NO_ASSOCIATION = (1, 1)
_AS_WHO = "; client 1 needs the meter's password: name its file with ?password-file=PATH, or set WATTPROOF_PASSWORD"
#: What to do where no association is accepted.
_REMEDIES: Mapping[int, str] = {
    Diagnostic.NO_REASON_GIVEN: "; another client may hold the meter: end it, or wait two minutes",
    Diagnostic.AUTHENTICATION_FAILURE: _AS_WHO,
    Diagnostic.AUTHENTICATION_REQUIRED: _AS_WHO,
}
#: What every server has: the object about the association that asks.
_SELF = Attribute.of(15, CURRENT_ASSOCIATION, 1)


class Bus:
    """A line with its meters. Drivers of several meters share one bus; a wrapper port has one meter."""

    def __init__(self, line: Line, *, back_off: BackOff = BACK_OFF) -> None:
        self.line = line
        self.turns = Turns(line.clock, line.name, back_off)

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def clock(self) -> Clock:
        """The clock that times the line; drivers sleep on it."""
        return self.line.clock

    @property
    def statistics(self) -> Mapping[str, UnitState]:
        """By address: services (requests), good and failed ones, and when the meter answered last."""
        return self.turns.statistics

    def station(self, place: Place, timing: Timing | None = None) -> Station:
        """A meter on this line, with times of its own if need be. Nothing is sent."""
        return Station(self, place, timing or self.line.timing)

    async def close(self) -> None:
        """End the connection of the line; harmless when it has ended."""
        await self.line.close()


class Station:
    """One meter: its link, its association, and what was heard of it."""

    def __init__(self, bus: Bus, place: Place, timing: Timing) -> None:
        self.bus = bus
        self.place = place
        self.timing = timing
        self.link = place.link(timing)
        self.client = Client(self.link, place.password)
        self._connection = 0
        self._standing = self._offline = self._associated = False
        self._heard = 0

    @property
    def clock(self) -> Clock:
        """The clock that times the line."""
        return self.bus.clock

    @property
    def title(self) -> str:
        """The meter as error messages name it."""
        address = f"HDLC address {self.place.address} on " if self.place.transport == HDLC else ""
        return f"{address}{self.bus.name}"

    @property
    def is_open(self) -> bool:
        """Whether there is an association, as far as is known."""
        return bool(self._connection) and self._connection == self.bus.line.connection

    def forgive(self) -> None:
        """Let a meter that rests be asked at once."""
        state = self.bus.turns.statistics.get(self.place.name)
        if state is not None and state.resting_until is not None:
            state.resting_until = self.clock.now()

    async def ask(self, service: Service[T], *, priority: int = Priority.POLL) -> T:
        """Run a service in its turn, over a new connection if need be; its result.

        Where its answer is lost it is done once more: so it may only read.

        Raises:
            ResponseTimeout: silence; also at once, without anything being sent, while the meter rests.
            LinkError: the connection ended.
            AssociationRefused: the meter accepts no association.
            CosemRefused, ServiceRefused: it gives a result instead.
            ProtocolError: its answer is damaged or belongs to nothing.
        """
        return await self._in_turn(lambda: self._read(service), priority)

    async def tell(
        self, service: Service[T], check: Service[bool] | None = None, *, priority: int = Priority.COMMAND
    ) -> T | None:
        """Run a service that changes something, and run it once.

        Where its answer is lost, ``check`` reads back whether it was done; ``None`` is returned if it was.

        Raises:
            LinkError: also when nobody knows whether it was done.
            AssociationRefused, CosemRefused, ServiceRefused, ProtocolError: as `ask`.
        """
        return await self._in_turn(lambda: self._change(service, check), priority)

    async def set(self, attribute: Attribute, value: Data, *, priority: int = Priority.COMMAND) -> None:
        """Write an attribute; where the answer is lost, read it back. Raises as `tell`."""

        def check(client: Client) -> Conversation[bool]:
            return (yield from client.get(attribute)) == value

        await self.tell(lambda client: client.set(attribute, value), check, priority=priority)

    async def _in_turn(self, work: Callable[[], Awaitable[T]], priority: int) -> T:
        turns, name = self.bus.turns, self.place.name
        self._offline = turns.is_offline(name)
        entry = await turns.take(name, priority)
        try:
            result = await work()
        except LinkError as error:
            self.bus.line.noted(answered=False)
            turns.failed(entry)
            self._name(error)
            raise
        except (Refused, ProtocolError) as error:
            self.bus.line.noted(answered=True)
            turns.answered(entry, refused=True)
            self._name(error)
            raise
        except BaseException:
            turns.dropped(entry)
            raise
        self.bus.line.noted(answered=True)
        turns.answered(entry)
        return result

    async def close(self) -> None:
        """End association and link; nothing is sent where there are none, and what fails does not matter.

        What an interrupt or a damaged answer has left standing at the meter is ended too, as the meter would turn
        other clients away until it has forgotten this one.
        """
        if not (self.is_open or self._associated):
            return
        entry = await self.bus.turns.take(self.place.name, Priority.COMMAND)
        try:
            await self._leave()
        except WattproofError:
            self._connection = 0
        finally:
            self.bus.turns.dropped(entry)

    async def _read(self, service: Service[T]) -> T:
        await self._open()
        try:
            return await self._run(service)
        except ServiceRefused as error:
            if not _unassociated(error):
                raise
        except ResponseTimeout:
            if self.place.transport != HDLC:
                raise  # over TCP nothing is repeated, over UDP it has been
        except Disconnected:
            pass
        await self._open()
        return await self._run(service)

    async def _change(self, service: Service[T], check: Service[bool] | None) -> T | None:
        await self._open()
        if self._idle > nanoseconds(self.timing.answer):
            await self._prove()
        try:
            return await self._run(service)
        except ServiceRefused as error:
            if not _unassociated(error):
                raise
        except (Disconnected, ResponseTimeout):
            if check is None:
                raise
            await self._open()
            if await self._run(check):
                return None
            raise
        await self._open()
        return await self._run(service)  # nothing was done

    async def _prove(self) -> None:
        """Find out whether the meter still knows us, before something that must not be asked for twice."""
        try:
            await self._run(_touch)
        except CosemRefused:
            return
        except (Disconnected, ResponseTimeout, ServiceRefused):
            await self._open()

    async def _open(self) -> None:
        """Connect and associate, unless that holds. A meter that is offline gets one attempt."""
        if self.is_open and self._idle <= nanoseconds(IDLE):
            return
        offline, self._offline = self._offline, False
        if self._standing and not offline:
            await self._leave()
        self._standing = True
        repetitions = 0 if offline else self.timing.repetitions
        if isinstance(self.link, ClientLink):
            self.link.timing = replace(self.link.timing, repetitions=repetitions)
        await self._associate(1 + {HDLC: 1, UDP: repetitions}.get(self.place.transport, 0))
        if isinstance(self.link, ClientLink):
            self.link.timing = self.timing.link
        self._connection, self._associated = self.bus.line.connection, True

    async def _associate(self, attempts: int) -> None:
        await self._run(lambda client: client.link.connect())
        try:
            await self._run(lambda client: client.associate())
        except (Disconnected, ResponseTimeout):
            if attempts <= 1:
                raise
            await self._leave()
            await self._associate(attempts - 1)
        except AssociationRefused:
            await self._leave()
            raise

    async def _leave(self) -> None:
        """End what stands, or may stand at the meter alone."""
        known = self.is_open or (self._associated and self.place.transport == UDP)
        self._connection, self._standing, self._associated = 0, False, False
        if self.place.transport == HDLC:
            await self.bus.line.run(self.link.disconnect())  # the association ends with it
        elif known:
            await self.bus.line.run(self.client.close())

    async def _run(self, service: Service[T]) -> T:
        try:
            result = await self.bus.line.run(service(self.client))
        except (CosemRefused, UsageError):
            self._heard = self.bus.clock.now()
            raise
        except BaseException as error:
            self._connection = 0
            if isinstance(error, LinkError) or (isinstance(error, ServiceRefused) and _unassociated(error)):
                self._associated = False
            if self.place.transport == TCP and not isinstance(error, Refused):
                self.bus.line.renew()  # what is late would be taken for an answer to the next request
            raise
        self._heard = self.bus.clock.now()
        return result

    @property
    def _idle(self) -> int:
        """Nanoseconds since the meter was heard."""
        return self.bus.clock.now() - self._heard

    def _name(self, error: WattproofError) -> None:
        """Let an error say which meter it is about."""
        text = str(error)
        if self.bus.name not in text:
            remedy = _REMEDIES.get(error.diagnostic, "") if isinstance(error, AssociationRefused) else ""
            error.args = (f"{self.title}: {text}{remedy}",)


def _unassociated(error: ServiceRefused) -> bool:
    """Whether the meter has forgotten the association; then it has done nothing."""
    return (error.state, error.service) == _NO_ASSOCIATION


def _touch(client: Client) -> Conversation[Data]:
    """The shortest question."""
    return client.get(_SELF)
