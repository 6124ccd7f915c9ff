"""An M-Bus line in virtual time: bytes take their time, meters hear every frame, and speak at once as copper lets them.

The meters here are played from telegrams that real meters have sent. `BusLink` is a byte link, so any driver runs on
it, in an event loop or without one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from wattproof.drivers.mbus.bus import Bus
from wattproof.drivers.mbus.line import Line
from wattproof.drivers.mbus.timing import LineTiming
from wattproof.io.link import ByteLink, ended
from wattproof.model.clock import VirtualClock
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.ci_fields import DATA_SEND, SELECT
from wattproof.wire.mbus.frames import BROADCAST, EVERY_ANSWERS, FCB, SELECTED, Long, Short, decode, service
from wattproof.wire.mbus.receivers import Damaged, SlaveReceiver
from wattproof.wire.mbus.telegrams import Telegram, decode_answer

T = TypeVar("T")
ACK = b"\xe5"


def abb_frames(vectors: Path) -> dict[str, bytes]:
    """Frames of ABB meters by their ids."""
    rows = json.loads((vectors / "mbus" / "abb" / "abb-frames.json").read_text(encoding="utf-8"))
    return {row["id"]: bytes.fromhex(row["hex"]) for row in rows}


def good_frame(vectors: Path, name: str) -> bytes:
    """A frame of another maker."""
    return bytes.fromhex((vectors / "mbus" / "good" / f"{name}.hex").read_text(encoding="ascii").strip())


class Slave(Protocol):
    """A meter on the line: takes a frame, whomever it is for, and answers it or not."""

    #: Seconds between a request and its answer.
    delay: float

    def answer(self, frame: Short | Long) -> bytes | None: ...


class PlayedMeter:
    """A meter that sends telegrams of a real one, under its own address; ``lists`` are special readouts by request.

    ``heard`` are the frames for it. ``spoil`` may change an answer, ``None`` takes it away.
    """

    def __init__(
        self,
        telegrams: Sequence[bytes],
        primary: int = 1,
        number: str | None = None,
        lists: dict[bytes, Sequence[bytes]] | None = None,
        delay: float = 0.035,
    ) -> None:
        self.delay = delay
        self.primary = primary
        self.heard: list[Short | Long] = []
        self.data: list[bytes] = []
        self.spoil: Callable[[Short | Long, bytes], bytes | None] = lambda request, answer: answer
        self.access = 0
        self.ignores_fcb = False
        self._standard = [_frame(data) for data in telegrams]
        self._lists = {key: [_frame(data) for data in frames] for key, frames in (lists or {}).items()}
        self._number = number
        self._selected = False
        self._fcb: int | None = None
        self._now, self._at = self._standard, 0

    @property
    def secondary(self) -> SecondaryAddress:
        """Who the meter is."""
        header = _telegram(self._standard[0], self._number, 0, 0)[1]
        assert isinstance(header, SecondaryAddress)
        return header

    def answer(self, frame: Short | Long) -> bytes | None:
        if isinstance(frame, Long) and frame.address == SELECTED and frame.ci == SELECT:
            self.heard.append(frame)
            self._selected = Selection.decode(frame.data).matches(self.secondary)
            return self._send(frame, ACK) if self._selected else None
        if frame.address not in (self.primary, EVERY_ANSWERS, BROADCAST, *([SELECTED] if self._selected else [])):
            return None
        self.heard.append(frame)
        answer = self._serve(frame, str(service(frame.control)))
        return None if frame.address == BROADCAST else self._send(frame, answer)

    def _send(self, frame: Short | Long, answer: bytes | None) -> bytes | None:
        return None if answer is None else self.spoil(frame, answer)

    def _serve(self, frame: Short | Long, name: str) -> bytes | None:
        if name == "SND_NKE":
            self._selected, self._fcb, self._now, self._at = False, None, self._standard, 0
            return ACK
        if name == "SND_UD":
            assert isinstance(frame, Long)
            self.data.append(frame.data)
            if frame.ci == DATA_SEND and frame.data in self._lists:
                self._now, self._at, self._fcb = self._lists[frame.data], 0, None
            return ACK
        if name != "REQ_UD2":
            return ACK
        bit = frame.control & FCB
        if self._fcb is not None and (bit != self._fcb or self.ignores_fcb):
            self._at = (self._at + 1) % len(self._now)
        self._fcb = bit
        self.access += 1
        return _telegram(self._now[self._at], self._number, self.primary, self.access)[0]


def _frame(data: bytes) -> Long:
    frame = decode(data)
    assert isinstance(frame, Long)
    return frame


def _telegram(frame: Long, number: str | None, primary: int, access: int) -> tuple[bytes, object]:
    """A telegram under another identification number, with another access number; and who sends it."""
    telegram = decode_answer(frame)
    data, who = frame.data, None
    if isinstance(telegram, Telegram) and telegram.header is not None:
        body = telegram.with_access(access)
        data = body.encode()
        if number is not None:
            data = bytes.fromhex(number)[::-1] + data[4:]
        who = SecondaryAddress.decode(data[:8])
    return Long(frame.control, primary, frame.ci, data).encode(), who


class BusLink:
    """The master's end of a line with ``meters``.

    ``sent``: (second, frame) as the master sent them. ``echo``: what is sent comes back, as from an optical head.
    """

    name = "mbus://test"

    def __init__(self, meters: Iterable[Slave], *, baudrate: int = 2400) -> None:
        self.clock = VirtualClock()
        self.meters = list(meters)
        self.sent: list[tuple[float, Short | Long]] = []
        self.raw: list[bytes] = []
        self.ended: list[float] = []
        self.echo: Callable[[bytes], bytes] | None = None
        #: Seconds of pause between the characters of an answer.
        self.between = 0.0
        self.closed = False
        self.character = 11 / baudrate
        self._receiver = SlaveReceiver()
        self._arriving: list[tuple[int, int]] = []
        self._heard = 0

    def bus(self, timing: LineTiming | None = None, echo: bool | None = None) -> Bus:
        """A bus on this link."""

        async def opener() -> ByteLink:
            self.closed = False
            return self

        return Bus(Line(opener, name=self.name, clock=self.clock, timing=timing, echo=echo))

    async def send(self, data: bytes) -> None:
        if self.closed:
            raise ended(self.name)
        begin = self.clock.now()
        end = begin + self._ns(len(data) * self.character)
        self.raw.append(data)
        if self.echo is not None:
            self._put(self.echo(data), begin)
        for frame in self._receiver.receive(data):
            assert not isinstance(frame, Damaged), frame
            self.sent.append((begin / 1e9, frame))
            answers = [(meter.delay, answer) for meter in self.meters if (answer := meter.answer(frame)) is not None]
            for at, octet in together(answers, self.character + self.between).items():
                self._put(bytes((octet,)), end + self._ns(at))

    def _put(self, data: bytes, begin: int) -> None:
        for index, octet in enumerate(data, 1):
            self._arriving.append((begin + self._ns(index * self.character), octet))
        self._arriving.sort(key=lambda item: item[0])

    @property
    def heard(self) -> int:
        """When the last byte came, taken or not."""
        return max((moment for moment, _ in self._arriving if moment <= self.clock.now()), default=self._heard)

    async def receive(self, timeout: float) -> bytes:
        until = self.clock.now() + self._ns(timeout)
        moment = self._arriving[0][0] if self._arriving else until + 1
        await self.clock.sleep((min(moment, until) - self.clock.now()) / 1e9)
        if self.closed:
            raise ended(self.name)
        return self.discard()

    async def rest(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    def discard(self) -> bytes:
        now = self.clock.now()
        came = [item for item in self._arriving if item[0] <= now]
        del self._arriving[: len(came)]
        if came:
            self._heard = came[-1][0]
            self.ended.append(self._heard / 1e9)
        return bytes(octet for _, octet in came)

    def wake(self) -> None: ...

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self.closed = True
        self._arriving.clear()

    @staticmethod
    def _ns(seconds: float) -> int:
        return round(seconds * 1e9)


def together(answers: Sequence[tuple[float, bytes]], character: float) -> dict[float, int]:
    """Several meters at once, each after its own delay: bytes by the second at which they begin. A 0 of any wins."""
    first = min((delay for delay, _ in answers), default=0.0)
    mixed: dict[int, int] = {}
    for delay, answer in answers:
        for place, octet in enumerate(answer, round((delay - first) / character)):
            mixed[place] = mixed.get(place, 0xFF) & octet
    return {first + place * character: mixed[place] for place in sorted(mixed)}


async def elapse(clock: VirtualClock, coroutine: Coroutine[Any, Any, T], limit: float = 3600.0) -> T:
    """Run ``coroutine`` in the event loop to its end while virtual time passes."""
    task = asyncio.ensure_future(coroutine)
    await clock.run(0)
    while not task.done():
        moment = clock.next_wake()
        assert moment is not None, "nobody sleeps and the task does not end"
        assert clock.now() < limit * 1e9, f"not over after {limit} s"
        await clock.run(max(0.0, (moment - clock.now()) / 1e9))
    return await task
