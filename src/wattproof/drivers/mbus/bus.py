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

from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.line import Judge, Line, Outcome
from wattproof.drivers.mbus.timing import Timing
from wattproof.drivers.mbus.turns import BACK_OFF, Turn, Turns
from wattproof.drivers.schedule import BackOff, Entry, Priority, UnitState
from wattproof.errors import FrameError, ResponseTimeout, WattproofError
from wattproof.model.clock import Clock
from wattproof.wire.mbus.ci_fields import SELECT
from wattproof.wire.mbus.frames import BROADCAST, SELECTED, Ack, Frame, Long, Short, req_ud2, snd_nke, snd_ud
from wattproof.wire.mbus.receivers import Damaged, Expect

#: Meters that failed one after the other, with nobody answering in between, until a converter counts as gone.
GONE = 2


class Bus:
    """A line with its meters. Drivers of several meters share one bus."""

    def __init__(self, line: Line, *, back_off: BackOff = BACK_OFF) -> None:
        self.line = line
        self._turns = Turns(line.clock, line.name, back_off)
        self._counts: dict[int, bool] = {}
        self._contacts: dict[str, int] = {}
        self._failures = 0

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def clock(self) -> Clock:
        """The clock that times the line; drivers sleep on it."""
        return self.line.clock

    @property
    def timing(self) -> Timing:
        return self.line.timing

    @property
    def statistics(self) -> Mapping[str, UnitState]:
        """By address: transactions (requests), good and failed ones, and when the meter answered last."""
        return self._turns.statistics

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
                self._lost()
                self._turns.failed(entry, damaged=isinstance(error, FrameError))
            else:
                self._give_back(session, entry, refused=True)
            raise
        self._contact(meter, ready=session.ready)
        self._give_back(session, entry)

    @asynccontextmanager
    async def whole_line(self, priority: int = Priority.BACKGROUND) -> AsyncIterator[Line]:
        """The line itself for the time of the block, for those who ask who is there."""
        entry = await self._turns.take("scan", priority)
        try:
            yield self.line
        finally:
            self._counts.pop(SELECTED, None)
            self._turns.dropped(entry)

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        await self.line.close()

    def _give_back(self, session: Session, entry: Entry[Turn], *, refused: bool = False) -> None:
        if session.heard:
            self._failures = 0
            self._turns.answered(entry, refused=refused)
        else:
            self._turns.dropped(entry)

    def _lost(self) -> None:
        self._failures += 1
        if self._failures >= GONE:
            self.line.renew()

    def _contact(self, meter: str, *, ready: bool) -> None:
        """A transaction is over; ``ready``: the meter stands before its first telegram."""
        if ready:
            self._contacts[meter] = self.clock.now()
        else:
            self._contacts.pop(meter, None)

    # What sessions keep here -------------------------------------------------------------------------------------

    def fcb(self, primary: int) -> bool:
        """The frame count bit of the next request to an address."""
        return self._counts.get(primary, True)

    def toggle(self, primary: int) -> None:
        """A request was answered well."""
        self._counts[primary] = not self.fcb(primary)

    def restart(self, primary: int) -> None:
        """SND_NKE was sent: the next request has FCB 1."""
        self._counts[primary] = True

    def in_contact(self, meter: str) -> bool:
        """Whether a meter needs no SND_NKE before it is read."""
        last, limit = self._contacts.get(meter), self.timing.meter_contact * 10**6
        return last is not None and self.clock.now() - last < limit


class Session:
    """One transaction with one meter. ``heard``: it has answered; ``lost``: it has not, repetitions included."""

    def __init__(self, bus: Bus, address: Address, retries: int) -> None:
        self._bus = bus
        self._retries = retries
        self._meter = str(address)
        self.address = address
        self.heard = self.lost = False
        #: Whether the meter stands before its first telegram: so does one that was just initialised.
        self.ready = False

    @property
    def clock(self) -> Clock:
        return self._bus.clock

    async def initialise(self, *, always: bool = True) -> None:
        """SND_NKE, and the selection of a secondary address; unless ``always`` only when the last contact is too old.

        Raises ``ResponseTimeout``, ``FrameError``.
        """
        if not always and self.address.secondary is None and self._bus.in_contact(self._meter):
            self.ready = True
            return
        if self.address.secondary is None:
            await self._ask(snd_nke(self.address.primary), Expect.ACK, "SND_NKE")
        else:
            # Deselects whoever is selected. Nobody who is not answers to it, so silence says nothing.
            await self._bus.line.exchange(snd_nke(SELECTED), Expect.ACK)
        self._bus.restart(self.address.primary)
        if self.address.secondary is not None:
            selection = snd_ud(SELECTED, SELECT, self.address.secondary.encode())
            await self._ask(selection, Expect.ACK, "selection")
        self._retries = self._bus.timing.retries
        self.ready = True

    async def send(self, ci: int, data: bytes = b"") -> None:
        """SND_UD. The meter has received it; whether it does what it is told shows only when it is read.

        Raises ``ResponseTimeout``, ``FrameError``.
        """
        primary = self.address.primary
        self.ready = False
        await self._ask(snd_ud(primary, ci, data, self._bus.fcb(primary)), Expect.ACK, f"command (CI {ci:02X})")
        self._bus.toggle(primary)

    async def request(self) -> Long:
        """REQ_UD2: the next telegram as its frame.

        Raises ``ResponseTimeout``, ``FrameError``.
        """
        primary = self.address.primary
        self.ready = False
        answer = await self._ask(req_ud2(primary, self._bus.fcb(primary)), Expect.RESPONSE, "REQ_UD2")
        assert isinstance(answer, Long)  # noqa: S101 - _judge lets nothing else pass
        self._bus.toggle(primary)
        return answer

    def finished(self) -> None:
        """The last telegram came: the next request begins with the first one again."""
        self.ready = True

    async def _ask(self, request: Short | Long, expect: Expect, what: str) -> Frame:
        """Send a request until it is answered well, the repetitions unchanged."""
        line, damage = self._bus.line, ""
        judge = self._judge(expect)
        for attempt in range(self._retries + 1):
            if attempt:
                line.pause(self._bus.timing.before_repetition)
            outcome: Outcome = await line.exchange(request, expect, judge=judge)
            if isinstance(outcome, Damaged):
                damage = outcome.reason
            elif outcome is not None:
                self.heard = True
                return outcome
        self.lost = True
        raise self._no_answer(what, damage)

    def _judge(self, expect: Expect) -> Judge:
        def judge(frame: Frame) -> str:
            if isinstance(frame, Ack):
                return "" if expect is Expect.ACK else "E5 came instead of a telegram"
            if expect is Expect.ACK or not isinstance(frame, Long):
                return f"{frame} came instead of E5"
            if not self.address.fits(frame.address):
                return f"address {frame.address} answered instead"
            return ""

        return judge

    def _no_answer(self, what: str, damage: str) -> WattproofError:
        who = f"the meter at address {self._meter} on {self._bus.name}"
        times = f" in {self._retries + 1} attempts" if self._retries else ""
        if damage:
            return FrameError(
                f"no good answer from {who} to its {what}{times}: {damage}. Either two meters have this address (a "
                f"collision), or baud rate, parity or cable are wrong"
            )
        timing = self._bus.timing
        wait = timing.response if what == "REQ_UD2" else timing.acknowledgement
        return ResponseTimeout(
            f"no answer from {who} to its {what} within {1000 * wait:.0f} ms{times}: check address, wiring and baud "
            f"rate, or allow more time with ?timeout="
        )


def broadcast(ci: int, data: bytes = b"") -> Long:
    """SND_UD to all meters, which nobody answers."""
    return snd_ud(BROADCAST, ci, data)
