"""Many meters on one M-Bus line: transactions in turn, repetitions, and meters that are offline.

::

    async with bus.session(Address.parse("5")) as session:      the line is this meter's until the block ends
        await session.initialise()                              SND_NKE, and the selection of a secondary address
        await session.send(DATA_SEND, data)                     SND_UD, acknowledged
        frame = await session.request()                         REQ_UD2: the next telegram

Each request goes out up to twice more, unchanged, when no good answer comes. Then the transaction fails and the meter
is offline: it rests, and later transactions begin with one attempt of SND_NKE (abb-meters.md 1.3 to 1.6).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.line import Judge, Line
from wattproof.drivers.mbus.timing import LineTiming
from wattproof.drivers.schedule import BackOff, Entry, Priority, UnitState
from wattproof.drivers.turns import BACK_OFF, Turn, Turns
from wattproof.errors import FrameError, ResponseTimeout
from wattproof.model.clock import Clock
from wattproof.wire.mbus.frames import Ack, Long
from wattproof.wire.mbus.master import Exchange, Master, Steps, unfit

T = TypeVar("T")
#: In whose name the whole line is taken.
NOBODY = ""


class Bus:
    """A line with its meters. Drivers of several meters share one bus."""

    def __init__(self, line: Line, *, back_off: BackOff = BACK_OFF) -> None:
        self.line = line
        self._turns = Turns(line.clock, line.name, back_off)
        #: Keeps the frame count bits; the line belongs to one transaction at a time, and so does it.
        self.master = Master(line.timing.retries)
        self._contacts: dict[str, int] = {}

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def clock(self) -> Clock:
        """The clock that times the line; drivers sleep on it."""
        return self.line.clock

    @property
    def timing(self) -> LineTiming:
        return self.line.timing

    @property
    def statistics(self) -> Mapping[str, UnitState]:
        """By address: transactions (requests), good and failed ones, and when the meter answered last."""
        return {meter: state for meter, state in self._turns.statistics.items() if meter != NOBODY}

    @asynccontextmanager
    async def session(self, address: Address, priority: int = Priority.POLL) -> AsyncIterator[Session]:
        """One transaction: the line belongs to the meter until the block ends.

        Raises:
            ResponseTimeout: the meter is offline and rests; nothing was sent.
        """
        meter = str(address)
        offline = self._turns.is_offline(meter)
        entry = await self._turns.take(meter, priority)
        session = Session(self, address, 0 if offline else self.timing.retries)
        try:
            yield session
        except BaseException as error:
            self._contact(meter, ready=False)
            if session.lost:
                self.line.noted(answered=False)
                self._turns.failed(entry, damaged=isinstance(error, FrameError))
            else:
                self._give_back(session, entry, refused=True)
            raise
        self._contact(meter, ready=session.ready)
        self._give_back(session, entry)

    @asynccontextmanager
    async def whole_line(self, priority: int = Priority.BACKGROUND) -> AsyncIterator[Line]:
        """The line itself for the time of the block, for those who ask who is there."""
        entry = await self._turns.take(NOBODY, priority)
        try:
            yield self.line
        finally:
            self._turns.dropped(entry)

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        await self.line.close()

    def _give_back(self, session: Session, entry: Entry[Turn], *, refused: bool = False) -> None:
        if session.heard:
            self.line.noted(answered=True)
            self._turns.answered(entry, refused=refused)
        else:
            self._turns.dropped(entry)

    def _contact(self, meter: str, *, ready: bool) -> None:
        """A transaction is over; ``ready``: the meter stands before its first telegram."""
        if ready:
            self._contacts[meter] = self.clock.now()
        else:
            self._contacts.pop(meter, None)

    def in_contact(self, meter: str) -> bool:
        """Whether a meter needs no SND_NKE before it is read."""
        last, limit = self._contacts.get(meter), self.timing.times.meter_contact * 10**6
        return last is not None and self.clock.now() - last < limit


class Session:
    """One transaction with one meter. ``heard``: it has answered; ``lost``: it has not, repetitions included."""

    def __init__(self, bus: Bus, address: Address, retries: int) -> None:
        self._bus = bus
        self._master = bus.master
        self._master.repetitions = retries
        self._meter = str(address)
        self.address = address
        self.heard = self.lost = False
        #: Whether the meter stands before its first telegram.
        self.ready = False

    @property
    def clock(self) -> Clock:
        return self._bus.clock

    async def initialise(self, *, always: bool = True) -> None:
        """SND_NKE, and the selection of a secondary address; unless ``always`` only when the last contact is too old.

        Raises ``ResponseTimeout``, ``FrameError``.
        """
        secondary = self.address.secondary
        if secondary is not None:
            await self._run(self._master.select(secondary))
        elif always or not self._bus.in_contact(self._meter):
            await self._run(self._master.initialise(self.address.primary))
        # Whoever was asked once because it had been dead is there, and worth as many attempts as any other.
        self._master.repetitions = self._bus.timing.retries
        self.ready = True

    async def send(self, ci: int, data: bytes = b"") -> None:
        """SND_UD. The meter has received it; whether it does what it is told shows only when it is read.

        Raises ``ResponseTimeout``, ``FrameError``.
        """
        self.ready = False
        await self._run(self._master.send(self.address.primary, data, ci))

    async def request(self) -> Long:
        """REQ_UD2: the next telegram as its frame.

        Raises ``ResponseTimeout``, ``FrameError``.
        """
        self.ready = False
        return await self._run(self._master.next_telegram(self.address.primary))

    async def _run(self, steps: Steps[T]) -> T:
        """Carry out a procedure on the line."""
        try:
            step = next(steps)
            while True:
                outcome = await self._bus.line.exchange(step, self._judge(step))
                self.heard = self.heard or isinstance(outcome, Ack | Long)
                step = steps.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        except ResponseTimeout as error:
            self.lost = True
            raise ResponseTimeout(
                f"{self._who}: {error} Check address, wiring and baud rate, or allow more time with ?timeout="
            ) from error
        except FrameError as error:
            self.lost = True
            raise FrameError(
                f"{self._who}: {error}. Either two meters have this address (a collision), or baud rate, parity or "
                f"cable are wrong"
            ) from error

    @staticmethod
    def _judge(step: Exchange) -> Judge:
        """Frames of other meters, or late ones, are passed over."""
        return lambda frame: unfit(frame, step.request.address, step.expect)

    @property
    def _who(self) -> str:
        return f"{self._bus.name}, meter at address {self._meter}"
