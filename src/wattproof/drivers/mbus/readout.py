"""One readout: telegram after telegram until the meter says that it was the last (abb-meters.md 1.3, 1.13, 1.14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wattproof.drivers.mbus.bus import Session
from wattproof.errors import FrameError, ProtocolError, Refused
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.ci_fields import DATA_SEND
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.telegrams import AlarmStatus, ApplicationError, Identification, Telegram, decode_answer

#: Telegrams of a standard readout, and of one that lists what was recorded (a year of quarter hours has 2920).
LIMIT, RECORDED_LIMIT = 32, 8192

#: Told of each telegram; says whether it is enough.
Enough = Callable[[Telegram], bool]


@dataclass(frozen=True, slots=True)
class Readout:
    """What a meter has sent. ``warnings``: what was odd about it. ``complete``: nothing was left out at the end."""

    telegrams: tuple[Telegram | FixedData, ...]
    warnings: tuple[str, ...] = ()
    complete: bool = True

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of all telegrams in their order."""
        return tuple(self)

    def __iter__(self) -> Iterator[Record]:
        for telegram in self.telegrams:
            if isinstance(telegram, Telegram):
                yield from telegram.records

    @property
    def header(self) -> Identification | None:
        """The header of the last telegram, ``None`` if it has not that of a wired meter."""
        last = self.telegrams[-1]
        header = last.header if isinstance(last, Telegram) else None
        return header if isinstance(header, Identification) else None

    @property
    def fixed(self) -> FixedData | None:
        """Two counters, if the meter sends the fixed data structure."""
        last = self.telegrams[-1]
        return last if isinstance(last, FixedData) else None


async def read_out(session: Session, *, enough: Enough | None = None) -> Readout:
    """The standard readout. ``enough`` may end it early.

    Raises:
        ResponseTimeout, FrameError: no good answer, repetitions included; several meters answer.
        Refused: the meter sends an application error.
        ProtocolError: records cannot be read, or the readout does not end.
    """
    await session.initialise(always=False)
    return await _telegrams(session, LIMIT, enough)


async def ask_for(session: Session, data: bytes, *, enough: Enough | None = None) -> Readout:
    """A special readout: what the meter sends after it was told ``data`` (CI 51). Raises what `read_out` raises."""
    await session.initialise()
    await session.send(DATA_SEND, data)
    readout = await _telegrams(session, RECORDED_LIMIT, enough)
    session.ready = False  # the list that it stands in is not the standard one
    return readout


async def _telegrams(session: Session, limit: int, enough: Enough | None) -> Readout:
    telegrams: list[Telegram | FixedData] = []
    warnings: list[str] = []
    who = f"the meter at address {session.address}"
    while True:
        answer = decode_answer(await session.request())
        if isinstance(answer, ApplicationError):
            raise Refused(f"{who} reports: {answer.text}")
        if isinstance(answer, AlarmStatus):
            raise ProtocolError(f"{who} sends its alarm status where a telegram was asked for")
        _check(telegrams, answer, who, session.address.secondary)
        if telegrams:
            warnings += _access(telegrams[-1], answer, len(telegrams))
        telegrams.append(answer)
        if not isinstance(answer, Telegram) or not answer.more_follow:
            session.ready = True
            return Readout(tuple(telegrams), tuple(warnings))
        if enough is not None and enough(answer):
            return Readout(tuple(telegrams), tuple(warnings), complete=False)
        if len(telegrams) == limit:
            raise ProtocolError(f"{who} does not come to an end: after {limit} telegrams it says that more follow")


def _check(
    before: list[Telegram | FixedData], answer: Telegram | FixedData, who: str, mask: SecondaryAddress | None
) -> None:
    """Raises ``FrameError`` if another meter answers, ``ProtocolError`` if the meter repeats itself for ever."""
    sender = _sender(answer)
    if sender is not None and mask is not None and not mask.matches(sender):
        raise FrameError(f"{who} was selected, and {sender} answers: two meters are selected, or an answer came late")
    if not before or not isinstance(answer, Telegram):
        return
    first = _sender(before[0])
    if first is not None and sender is not None and sender != first:
        raise FrameError(f"{first} and {sender} both answer as {who}: two meters have one address (a collision)")
    last = before[-1]
    if len(before) >= LIMIT and isinstance(last, Telegram) and last.body == answer.body:
        raise ProtocolError(f"{who} sends the same telegram again and again: it does not notice the frame count bit")


def _sender(answer: Telegram | FixedData) -> SecondaryAddress | None:
    header = answer.header if isinstance(answer, Telegram) else None
    return header.address if isinstance(header, Identification) else None


def _access(last: Telegram | FixedData, answer: Telegram | FixedData, number: int) -> list[str]:
    """A warning if the access number has not grown by one."""
    old, new = (one.header if isinstance(one, Telegram) else None for one in (last, answer))
    if old is None or new is None or (new.access - old.access) % 256 == 1:
        return []
    return [
        f"the access number went from {old.access} to {new.access} between telegrams {number} and {number + 1}: "
        f"a telegram may be missing"
    ]
