"""Being a meter: the link layer state machine of a slave over an application (abb-meters.md 1.3 and 3.11).

Bytes come through a :class:`~wattproof.wire.mbus.receivers.SlaveReceiver`; every frame is given to every slave of the
line, and those that are meant answer:

====================================  =====================================================================
frame                                 what the slave does
====================================  =====================================================================
SND_NKE                               forget frame count, readout, selection, session; ``E5``
SND_UD, CI 52 or 56, to 253           compare: select itself and ``E5``, or deselect itself silently
SND_UD, CI 51 or 55                   execute the records; ``E5``, done or not
SND_UD, CI B8 to BF                   ``E5``, then another rate; back after 30 s without a good frame
SND_UD, CI 50, 54                     end the readout; nothing; ``E5``
SND_UD, other CI or bad records       ``E5``; the next REQ_UD2 gets an application error
REQ_UD2                               the present telegram, or the next one if the frame count bit has changed
REQ_UD1                               ``E5``: there are no alarm data
====================================  =====================================================================

Time is an argument, in nanoseconds of any monotonic clock. The 35 to 80 ms before an answer are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from wattproof.errors import FrameError
from wattproof.wire.mbus import ci_fields, frames
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.application_errors import ApplicationErrorCode, RecordError
from wattproof.wire.mbus.frames import BROADCAST, EVERY_ANSWERS, FCB, FCV, SELECTED, Ack, Long, Service, Short, rsp_ud
from wattproof.wire.mbus.records import Record, decode_records
from wattproof.wire.mbus.telegrams import Answer, ApplicationError, Telegram, encode_answer, maker_of

#: How long a new rate is tried, in nanoseconds.
RATE_WATCH = 30 * 10**9
DEFAULT_RATE = 2400


class Readout(Protocol):
    """A list of telegrams. Each is made at the moment when it is asked for."""

    def telegram(self, number: int, access: int) -> Answer:
        """Telegram ``number``, counted from 1, with this access number. Its end marker says whether another follows."""
        ...


class Application(Protocol):
    """The meter behind the slave."""

    @property
    def address(self) -> int:
        """Primary address, 0..250. A command may change it; the slave looks every time."""
        ...

    @property
    def identity(self) -> SecondaryAddress:
        """Secondary address."""
        ...

    @property
    def fabrication(self) -> str | None:
        """Fabrication number for extended selections, eight digits; ``None`` if it has none."""
        ...

    def readout(self) -> Readout:
        """The standard readout."""
        ...

    def execute(self, records: Sequence[Record]) -> Readout | None:
        """Do what the records of one SND_UD say, in their order; a refusal is silent.

        A readout in return is what REQ_UD2 gets from now on, until SND_NKE or another.
        """
        ...

    def session_ended(self) -> None:
        """SND_NKE has come: a password that was sent no longer opens anything."""
        ...


class Counting(Enum):
    """How a slave minds the frame count bit; all but ``RIGHT`` are faults of virtual meters."""

    RIGHT = "right"
    STUCK = "a changed bit is not noticed: always the same telegram"
    IGNORED = "an unchanged bit is not noticed: always the next telegram"


@dataclass(frozen=True, slots=True)
class Refusal:
    """In place of a readout: the next REQ_UD2 gets this application error."""

    code: int

    def telegram(self, number: int, access: int) -> ApplicationError:
        return ApplicationError(self.code)


class Slave:
    """One slave. ``access`` is the access number last sent, ``rate`` the bit rate that it listens at.

    ``counting``, ``counts_access`` and ``selectable`` are for virtual meters that misbehave.
    """

    def __init__(self, application: Application, access: int = 0, rate: int = DEFAULT_RATE) -> None:
        self.application = application
        self.access = access
        self.rate = rate
        self.counting = Counting.RIGHT
        self.counts_access = True
        self.selectable = True
        self.selected = False
        self._readout: Readout | None = None
        self._special = False
        self._number = 0
        self._more = False
        self._request_bit: bool | None = None
        self._executed: Long | None = None
        self._old_rate = rate
        self._watch: int | None = None

    @property
    def number(self) -> int:
        """The telegram sent last in the present readout; 0 before the first."""
        return self._number

    @property
    def special(self) -> bool:
        """Whether a readout asked for by SND_UD is under way."""
        return self._special

    def handle(self, frame: Short | Long, now: int) -> Ack | Long | None:
        """The answer to a frame heard at ``now``; ``None`` if there is none, or it is not for this meter.

        The answer goes out at the rate of before; the rate that holds afterwards is :attr:`rate`.
        """
        self.advance(now)
        self._watch = None  # any good frame shows that the rate is right
        row = frames.service(frame.control)
        handler = _HANDLERS.get((row, type(frame)))
        if handler is None or not self._is_meant(frame):
            return None
        answer = handler(self, frame, now)
        return None if frame.address == BROADCAST else answer

    def next_event(self) -> int | None:
        """When :meth:`advance` has something to do."""
        return self._watch

    def advance(self, now: int) -> None:
        """Return to the old rate if nothing was understood at the new one."""
        if self._watch is not None and now >= self._watch:
            self.rate, self._watch = self._old_rate, None

    def _is_meant(self, frame: Short | Long) -> bool:
        if frame.address == SELECTED:
            return self.selected or _is_selection(frame)
        return frame.address in (self.application.address, EVERY_ANSWERS, BROADCAST)

    def _restart(self, readout: Readout | None, special: bool = False) -> None:
        """From now on REQ_UD2 gets this readout from its beginning."""
        self._readout, self._special = readout, special
        self._number, self._request_bit = 0, None

    def forget(self) -> None:
        """Forget frame count, readout, selection and session: SND_NKE, or the supply has failed."""
        self._restart(None)
        self._executed = None
        self.selected = False
        self.application.session_ended()

    def _initialise(self, frame: Short | Long, now: int) -> Ack:
        self.forget()
        return Ack()

    def _alarm(self, frame: Short | Long, now: int) -> Ack:
        return Ack()

    def _next(self, frame: Short | Long, now: int) -> Long | None:
        """REQ_UD2: the present or the next telegram (rules 2 and 5 of 1.3)."""
        if frame.address == BROADCAST:
            return None
        bit = bool(frame.control & FCB) if frame.control & FCV else None
        if self._number and self._moves(bit):
            if isinstance(self._readout, Refusal):
                self._restart(None)
            else:
                self._number = self._number + 1 if self._more else 1
        if bit is not None:
            self._request_bit = bit
        self._number = self._number or 1
        if self._readout is None:
            self._readout = self.application.readout()
        self.access = (self.access + self.counts_access) & 0xFF
        answer = self._readout.telegram(self._number, self.access)
        self._more = isinstance(answer, Telegram) and answer.more_follow
        return rsp_ud(self.application.address, *encode_answer(answer))

    def _moves(self, bit: bool | None) -> bool:
        if self.counting is not Counting.RIGHT:
            return self.counting is Counting.IGNORED
        return bit is not None and self._request_bit is not None and bit is not self._request_bit

    def _data(self, frame: Short | Long, now: int) -> Ack | None:
        """SND_UD: what the CI field says; a repetition is acknowledged and not done twice (rule 3 of 1.3)."""
        if not isinstance(frame, Long):
            return None
        if _is_selection(frame):
            return self._select(frame)
        if frame.control & FCV and frame == self._executed:
            return Ack()
        self._executed = frame
        if frame.ci in (ci_fields.DATA_SEND, ci_fields.DATA_SEND_MSB):
            self._execute(frame)
        elif frame.ci in ci_fields.BAUD_RATES:
            self._old_rate, self.rate = self.rate, ci_fields.BAUD_RATES[frame.ci]
            self._watch = now + RATE_WATCH if self.rate != self._old_rate else None
        elif frame.ci == ci_fields.APPLICATION_RESET:
            self._restart(None)
        elif frame.ci != ci_fields.SYNCHRONISE:
            self._restart(Refusal(ApplicationErrorCode.UNIMPLEMENTED_CI))
        return Ack()

    def _execute(self, frame: Long) -> None:
        maker = maker_of(self.application.identity.manufacturer)
        try:
            records = decode_records(frame.data, maker, msb=frame.ci == ci_fields.DATA_SEND_MSB).records
        except RecordError as error:
            self._restart(Refusal(error.code))
            return
        readout = self.application.execute(records)
        if readout is not None:
            self._restart(readout, special=True)
        elif isinstance(self._readout, Refusal):
            self._restart(None)

    def _select(self, frame: Long) -> Ack | None:
        try:
            selection = Selection.decode(frame.data, msb=frame.ci == ci_fields.SELECT_MSB)
        except FrameError:
            self.selected = False
            return None
        meant = selection.matches(self.application.identity, self.application.fabrication)
        self.selected = meant and self.selectable
        return Ack() if self.selected else None


def _is_selection(frame: Short | Long) -> bool:
    return (
        isinstance(frame, Long) and frame.address == SELECTED and frame.ci in (ci_fields.SELECT, ci_fields.SELECT_MSB)
    )


#: What is done with a service in a short or a long frame; any other pair is ignored.
_HANDLERS: dict[tuple[Service | None, type], Callable[[Slave, Short | Long, int], Ack | Long | None]] = {
    (frames.SND_NKE, Short): Slave._initialise,
    (frames.REQ_UD1, Short): Slave._alarm,
    (frames.REQ_UD2, Short): Slave._next,
    (frames.SND_UD, Long): Slave._data,
}
