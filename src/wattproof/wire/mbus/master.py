"""Asking meters: what a master sends, what it awaits, and what it makes of the answer (abb-meters.md 1.3 to 1.5, 1.13).

Nothing here waits or opens anything. A procedure is a generator of :class:`Exchange`: whoever runs it sends the
request, listens with a :class:`~wattproof.wire.mbus.receivers.MasterReceiver`, and sends back the frame, the damage,
or ``None`` for silence. :func:`run` does so over any function that exchanges. What a procedure returns is its result;
it raises when a meter cannot be understood after the repetitions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from wattproof.errors import FrameError, ProtocolError, Refused, ResponseTimeout
from wattproof.wire.mbus import ci_fields, frames
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.frames import BROADCAST, EVERY_ANSWERS, RSP_UD, SELECTED, Ack, Frame, Long, Short, service
from wattproof.wire.mbus.headers import Key
from wattproof.wire.mbus.receivers import Damaged, Expect
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.telegrams import Answer, ApplicationError, Identification, Telegram, decode_answer
from wattproof.wire.mbus.timing import Pause, Wait

#: Most telegrams of one readout, and repetitions after the first attempt.
TELEGRAM_LIMIT, REPETITIONS = 32, 2

Outcome = Frame | Damaged | None
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what may come back.

    ``pause`` before it, ``wait`` for the first byte. ``settle``: listen on after the answer until the line is silent,
    because more bytes would mean more meters.
    """

    request: Short | Long
    expect: Expect
    wait: Wait
    pause: Pause = Pause.NONE
    settle: bool = False


Steps = Generator[Exchange, Outcome, T]


def run(steps: Steps[T], exchange: Callable[[Exchange], Outcome]) -> T:
    """Run a procedure over a function that does one exchange."""
    try:
        step = next(steps)
        while True:
            step = steps.send(exchange(step))
    except StopIteration as stop:
        result: T = stop.value
        return result


@dataclass(slots=True)
class ReadoutResult:
    """What a meter has sent: its telegrams in order, and what was odd about them."""

    telegrams: list[Answer] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        """The records of all telegrams in one list."""
        return [record for answer in self.telegrams if isinstance(answer, Telegram) for record in answer.records]

    @property
    def identification(self) -> Identification | None:
        """The header of the first telegram that has one."""
        headers = (answer.header for answer in self.telegrams if isinstance(answer, Telegram))
        return next((header for header in headers if isinstance(header, Identification)), None)

    def find(self, key: Key) -> Record | None:
        """The first record with this key."""
        return next((record for record in self.records if record.header.key == key), None)


class Master:
    """The master of one bus: one frame count bit for every primary address and one for 253."""

    def __init__(self, repetitions: int = REPETITIONS) -> None:
        self.repetitions = repetitions
        self._bits: dict[int, bool] = {}

    def bit(self, address: int) -> bool:
        """The frame count bit of the next request to this address."""
        return self._bits.get(address, True)

    def initialise(self, address: int) -> Steps[None]:
        """SND_NKE: the meter forgets readout and frame count.

        Raises:
            ResponseTimeout: no ``E5`` came, however often it was asked for.
            FrameError: something else came.
        """
        request = frames.snd_nke(address)
        if address == BROADCAST:
            self._bits.clear()
            yield Exchange(request, Expect.NOTHING, Wait.NONE)
            return
        yield from self._asked(request, Expect.ACK, Pause.NONE)
        self._bits[address] = True

    def send(self, address: int, data: bytes = b"", ci: int = ci_fields.DATA_SEND) -> Steps[None]:
        """SND_UD: data to the meter. ``E5`` says that it came, not that it was done. Raises as :meth:`initialise`."""
        request = frames.snd_ud(address, ci, data, self.bit(address))
        if address == BROADCAST:
            yield Exchange(request, Expect.NOTHING, Wait.NONE)
            return
        yield from self._asked(request, Expect.ACK, Pause.NONE)
        self._toggle(address)

    def next_telegram(self, address: int, pause: Pause = Pause.BEFORE_REQ_UD2) -> Steps[Long]:
        """REQ_UD2: the next telegram of the meter, as a frame. Raises as :meth:`initialise`."""
        request = frames.req_ud2(address, self.bit(address))
        answer = yield from self._asked(request, Expect.RESPONSE, pause)
        self._toggle(address)
        if not isinstance(answer, Long):
            raise FrameError(f"{answer} instead of a response of meter {address}")
        return answer

    def alarms(self, address: int) -> Steps[Answer | None]:
        """REQ_UD1: the alarm data of the meter; ``None`` if it has none. Raises as :meth:`read`."""
        request = frames.req_ud1(address, self.bit(address))
        answer = yield from self._asked(request, Expect.EITHER, Pause.NONE)
        self._toggle(address)
        return decode_answer(answer) if isinstance(answer, Long) else None

    def read(self, address: int, initialise: bool = True, limit: int = TELEGRAM_LIMIT) -> Steps[ReadoutResult]:
        """All telegrams of a readout: the standard one, or the one that a SND_UD before has asked for.

        Raises:
            ResponseTimeout, FrameError: as :meth:`initialise`.
            ProtocolError: a telegram cannot be read, or after ``limit`` telegrams still more follow.
            Refused: the meter answers with an application error.
        """
        if initialise:
            yield from self.initialise(address)
        result = ReadoutResult()
        pause = Pause.BEFORE_REQ_UD2
        for _ in range(limit):
            frame = yield from self.next_telegram(address, pause)
            answer = decode_answer(frame)
            if isinstance(answer, ApplicationError):
                raise Refused(f"meter {address} answers with an application error: {answer}")
            _check_access(result, answer)
            result.telegrams.append(answer)
            if not isinstance(answer, Telegram) or not answer.more_follow:
                return result
            pause = Pause.AFTER_TELEGRAM
        raise ProtocolError(f"meter {address} has sent {limit} telegrams and more follow: {_why_endless(result)}")

    def select(self, mask: SecondaryAddress) -> Steps[None]:
        """Select a meter by its secondary address and start afresh with it, so that 253 reads its first telegram.

        Selected first, so that SND_NKE reaches it and clears its frame count; that deselects it, so selected again.
        Raises as :meth:`initialise`.
        """
        yield Exchange(frames.snd_nke(SELECTED), Expect.ACK, Wait.ACK)
        yield from self._asked(selection(mask), Expect.ACK, Pause.NONE)
        yield Exchange(frames.snd_nke(SELECTED), Expect.ACK, Wait.ACK)
        yield from self._asked(selection(mask), Expect.ACK, Pause.NONE)
        self._bits[SELECTED] = True

    def _toggle(self, address: int) -> None:
        self._bits[address] = not self.bit(address)

    def _asked(self, request: Short | Long, expect: Expect, pause: Pause) -> Steps[Frame]:
        """Ask, and repeat unchanged after silence or damage."""
        damage, wait = "", Wait.ACK if expect is Expect.ACK else Wait.RESPONSE
        for _ in range(1 + self.repetitions):
            outcome = yield Exchange(request, expect, wait, pause)
            problem = unfit(outcome, request.address, expect)
            if outcome is not None and not isinstance(outcome, Damaged) and not problem:
                return outcome
            damage = problem or damage
            pause = Pause.REPETITION
        asked = f"asked {1 + self.repetitions} times with {service(request.control)}"
        if damage:
            raise FrameError(f"meter {request.address} cannot be understood, {asked}: {damage}")
        raise ResponseTimeout(f"meter {request.address} does not answer, {asked}; is it on this bus, at this rate?")


def selection(mask: SecondaryAddress) -> Long:
    """The frame that selects; it is not counted."""
    return frames.snd_ud(SELECTED, ci_fields.SELECT, Selection(mask).encode())


def unfit(outcome: Outcome, address: int, expect: Expect) -> str:
    """Why an outcome is not what was awaited; "" if it is, or if nothing came."""
    if outcome is None:
        return ""
    if isinstance(outcome, Damaged):
        return outcome.reason
    if isinstance(outcome, Ack):
        return "" if expect is not Expect.RESPONSE else "E5 instead of a response"
    if expect is Expect.ACK or service(outcome.control) is not RSP_UD or not isinstance(outcome, Long):
        return f"{outcome} instead of {expect.value}"
    if address not in (outcome.address, SELECTED, EVERY_ANSWERS):
        return f"the answer comes from address {outcome.address}"
    return ""


def _check_access(result: ReadoutResult, answer: Answer) -> None:
    """Warn where the access number has not grown by one: a telegram was lost, or sent twice."""
    if not isinstance(answer, Telegram) or answer.header is None or not result.telegrams:
        return
    before = result.telegrams[-1]
    if isinstance(before, Telegram) and before.header is not None:
        last, now = before.header.access, answer.header.access
        if now != (last + 1) & 0xFF:
            number = len(result.telegrams) + 1
            result.warnings.append(f"the access number went from {last} to {now} at telegram {number}")


def _why_endless(result: ReadoutResult) -> str:
    keys = [[record.key for record in answer.records] for answer in result.telegrams if isinstance(answer, Telegram)]
    if all(one == keys[0] for one in keys):
        return "always the same one, so it does not notice the frame count bit"
    if keys[0] in keys[1:]:
        return f"the first one came again as telegram {keys.index(keys[0], 1) + 1}, so the readout has no end"
    return "a readout that long is taken for a fault"
