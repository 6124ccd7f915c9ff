"""The meter under test on M-Bus: raw frames, telegrams, special readouts.

Nothing here is a driver: what is sent is what a check says, whole or damaged. Setting things up is repeated after
silence, as the standard allows; what a check asks for is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from wattproof.conformance.abb.common import expect
from wattproof.conformance.abb.stream import Dial, Heard, Stream
from wattproof.conformance.engine import Failed, NotApplicable, Skipped
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.timing import LineTiming
from wattproof.errors import FrameError, ProtocolError, ResponseTimeout
from wattproof.meters.abb.mbus.binding import Sense, sense_of_row
from wattproof.meters.abb.quantities import ROWS
from wattproof.model.clock import Clock
from wattproof.model.values import Scaled
from wattproof.wire.mbus import ci_fields, frames
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.frames import LONG, SELECTED, SHORT, SINGLE, Long
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Answer, ApplicationError, Identification, Telegram, decode_answer
from wattproof.wire.mbus.timing import Pause, Wait

ACK = bytes((SINGLE,))
#: Telegrams after which a readout is taken for endless, and of a special one.
LIMIT, SPECIAL_LIMIT = 32, 64
#: Attempts to set something up.
ATTEMPTS = 3


def whole(data: bytes) -> bool:
    """Whether an answer is complete as far as its first bytes say."""
    if data[:1] == ACK:
        return True
    if data[:1] == bytes((LONG,)) and len(data) > 1:
        return len(data) >= data[1] + 6
    return data[:1] == bytes((SHORT,)) and len(data) >= 5


class MbusSide:
    """One meter on M-Bus.

    ``dial`` opens the line; ``prepare`` is awaited before each use of it and ends what else uses it.
    """

    name = "M-Bus"

    def __init__(self, dial: Dial, clock: Clock, timing: LineTiming, address: Address, driver: Any = None) -> None:
        self.driver = driver
        self.timing = timing
        self.address = address
        self.prepare: Callable[[], Any] | None = None
        character = 0.0 if timing.network else timing.character
        self.stream = Stream(dial, clock, character=character, pause=timing.pause(Pause.NONE))
        self._primary: int | None = None
        self._identity: SecondaryAddress | None = None
        self._bit = True
        self._readout: list[Telegram] | None = None

    @property
    def clock(self) -> Clock:
        return self.stream.clock

    async def release(self) -> None:
        """Leave the meter before its first telegram, with nothing selected, and the line closed."""
        if self.stream.open and self._primary is not None:
            await self.ask(frames.snd_nke(self._primary))
        await self.stream.close()

    # Raw ------------------------------------------------------------------------------------------------------------

    async def ask(self, request: bytes | frames.Frame) -> Heard:
        """What comes back to these bytes, asked once."""
        if self.prepare is not None:
            await self.prepare()
        data = request if isinstance(request, bytes) else request.encode()
        first = max(self.timing.wait(Wait.ACK), self.timing.wait(Wait.RESPONSE))
        return await self.stream.ask(data, first=first, gap=self.timing.gap, whole=whole)

    async def silent(self, request: bytes | frames.Frame, what: str) -> None:
        """``Failed`` if the meter answers."""
        heard = await self.ask(request)
        expect(not heard, f"{what} is answered by {heard}")

    async def acknowledged(self, request: bytes | frames.Frame, what: str) -> Heard:
        """``Failed`` unless the answer is ``E5``."""
        heard = await self.ask(request)
        expect(heard.data == ACK, f"{what} is answered by {heard}, not by E5")
        return heard

    async def _insist(self, request: bytes | frames.Frame) -> Heard:
        """The answer, asked for again after silence: for what is no matter of the check."""
        heard = await self.ask(request)
        for _ in range(ATTEMPTS - 1):
            if heard:
                return heard
            heard = await self.ask(request)
        if not heard:
            raise ResponseTimeout(f"the meter at address {self.address} does not answer")
        return heard

    # Who it is ------------------------------------------------------------------------------------------------------

    async def primary(self) -> int:
        """Its primary address: given, or told in the answer of a selected meter."""
        if self._primary is None:
            await self._meet()
        assert self._primary is not None  # noqa: S101 - set by the meeting
        return self._primary

    async def identity(self) -> SecondaryAddress:
        """Its secondary address, as the header of its telegrams has it."""
        if self._identity is None:
            await self._meet()
        assert self._identity is not None  # noqa: S101 - set by the meeting
        return self._identity

    async def _meet(self) -> None:
        address = self.address.primary
        if self.address.secondary is not None:
            await self._insist(_select(self.address.secondary))
            await self.ask(frames.snd_nke(SELECTED))
            await self._insist(_select(self.address.secondary))
        else:
            await self._insist(frames.snd_nke(address))
        frame = _frame(await self._insist(frames.req_ud2(address, True)))
        telegram = decode_answer(frame)
        header = telegram.header if isinstance(telegram, Telegram) else None
        if not isinstance(header, Identification):
            raise Failed(f"the first telegram of {self.address} has no header that says who sends it")
        if frame.address == SELECTED:
            raise Skipped("the meter does not tell its primary address: give it as ?address=")
        self._identity, self._primary = header.address, frame.address

    # Requests -------------------------------------------------------------------------------------------------------

    async def start(self, address: int | None = None) -> None:
        """SND_NKE: before the first telegram, with FCB 1 to come."""
        heard = await self._insist(frames.snd_nke(await self.primary() if address is None else address))
        expect(heard.data == ACK, f"SND_NKE is answered by {heard}, not by E5")
        self._bit = True

    async def frame(self, fcb: bool | None = None, address: int | None = None) -> Long:
        """One RSP_UD, by REQ_UD2 with this frame count bit, else with that of the next telegram."""
        place = await self.primary() if address is None else address
        bit = self._bit if fcb is None else fcb
        found = _frame(await self._insist(frames.req_ud2(place, bit)))
        if fcb is None:
            self._bit = not bit
        return found

    async def answer(self, fcb: bool | None = None, address: int | None = None) -> Answer:
        """What an RSP_UD says."""
        return decode_answer(await self.frame(fcb, address))

    async def telegram(self, fcb: bool | None = None, address: int | None = None) -> Telegram:
        """The same; ``Failed`` if it is no telegram of variable data."""
        found = await self.answer(fcb, address)
        if not isinstance(found, Telegram):
            raise Failed(f"a telegram is expected, and {type(found).__name__} {found} comes")
        return found

    async def send(self, data: bytes, ci: int = ci_fields.DATA_SEND, *, fcb: bool = True) -> None:
        """SND_UD to the meter; ``Failed`` unless it acknowledges."""
        request = frames.snd_ud(await self.primary(), ci, data, fcb)
        heard = await self._insist(request)
        expect(heard.data == ACK, f"SND_UD {data.hex(' ')} is answered by {heard}, not by E5")

    async def command(self, *requests: Request) -> None:
        """SND_NKE, then commands one behind the other in the same session."""
        await self.start()
        fcb = True
        for request in requests:
            await self.send(request.encode(), fcb=fcb)
            fcb = not fcb

    async def read(self) -> list[Telegram]:
        """A new standard readout."""
        await self.start()
        return await self.rest(LIMIT)

    async def rest(self, limit: int = SPECIAL_LIMIT) -> list[Telegram]:
        """Telegrams from here to the last one."""
        telegrams = [await self.telegram()]
        while telegrams[-1].more_follow:
            if len(telegrams) == limit:
                raise Failed(f"after {limit} telegrams still more follow")
            telegrams.append(await self.telegram())
        return telegrams

    async def standard(self) -> list[Telegram]:
        """The standard readout, taken once in a run."""
        if self._readout is None:
            self._readout = await self.read()
        return self._readout

    async def special(self, request: Request, limit: int = SPECIAL_LIMIT) -> list[Telegram]:
        """A special readout: all its telegrams, or the first ``limit``."""
        await self.start()
        await self.send(request.encode())
        telegrams = [await self.telegram()]
        while telegrams[-1].more_follow and len(telegrams) < limit:
            telegrams.append(await self.telegram())
        return telegrams

    # Values ---------------------------------------------------------------------------------------------------------

    async def records(self) -> Sequence[Record]:
        """All records of the standard readout."""
        return [record for telegram in await self.standard() for record in telegram]

    async def number(self, id: int) -> Scaled:
        """The value of a quantity in the standard readout. ``NotApplicable`` if the meter has it not."""
        found = find(await self.records(), id)
        if found is None or not isinstance(found.value, Scaled):
            raise NotApplicable(f"the meter has no {ROWS[id].name}")
        return found.value

    async def present(self, id: int) -> Scaled:
        """The same from a new readout, which goes no further than it has to."""
        await self.start()
        for _ in range(LIMIT):
            telegram = await self.telegram()
            found = find(telegram.records, id)
            if found is not None and isinstance(found.value, Scaled):
                return found.value
            if not telegram.more_follow:
                break
        raise NotApplicable(f"the meter has no {ROWS[id].name}")

    async def time(self) -> datetime:
        """Date and time of the meter, read now. ``NotApplicable`` without a clock that is set."""
        await self.start()
        wanted = sense_of_row(ROWS[146])
        telegram = await self.telegram()
        for record in telegram:
            if Sense.of(record.header) == wanted and isinstance(record.value, Moment):
                found = record.value.datetime
                if found is not None:
                    return found
        raise NotApplicable("the meter has no clock, or nobody has set it")


def find(records: Sequence[Record], id: int) -> Record | None:
    """The record of a quantity."""
    wanted = sense_of_row(ROWS[id])
    return next((record for record in records if Sense.of(record.header) == wanted), None)


def _frame(heard: Heard) -> Long:
    try:
        found = frames.decode(heard.data)
    except FrameError as error:
        raise FrameError(f"REQ_UD2 is answered by {heard}: {error}") from error
    if not isinstance(found, Long):
        raise ProtocolError(f"REQ_UD2 is answered by {found}, not by a long frame")
    return found


def _select(mask: SecondaryAddress, *, msb: bool = False) -> Long:
    ci = ci_fields.SELECT_MSB if msb else ci_fields.SELECT
    return frames.snd_ud(SELECTED, ci, Selection(mask).encode(msb))


#: The frame that selects a meter, as checks send it.
selection = _select


def layout(telegram: Telegram) -> tuple[Sense, ...]:
    """What its records mean, whatever their values: what tells one telegram of a readout from another."""
    return tuple(Sense.of(record.header) for record in telegram)


def refused(answer: Answer) -> int | None:
    """The code of an application error; ``None`` for anything else."""
    return (answer.code or 0) if isinstance(answer, ApplicationError) else None
