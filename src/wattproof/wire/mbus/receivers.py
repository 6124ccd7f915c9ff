"""Bytes from the line to frames, one receiver a role, and the echo of optical heads. All of bounded size.

A frame ends after the number of bytes that it states. Silence ends a frame too (EN 13757-2: no gap above 33 bit times
inside a frame); who owns the clock says so by ``gap()``. The receivers work without these hints, only later: damaged
bytes are got rid of by sliding, since any later byte may begin a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wattproof.wire.mbus.frames import (
    FRAME_LIMIT,
    LONG,
    PRM,
    SHORT,
    SINGLE,
    Ack,
    Frame,
    Long,
    Short,
    frame_at,
    frame_end,
)


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that form no frame, and why. Nothing of them may be used as a value."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class Expect(Enum):
    """What a master awaits."""

    NOTHING = "nothing"
    ACK = "E5"
    RESPONSE = "a response"
    EITHER = "E5 or a response"


def _next_start(buffer: bytearray, at: int) -> int:
    """The first place from ``at`` where a short or long frame may begin; the length of the buffer if there is none."""
    starts = [found for found in (buffer.find(SHORT, at), buffer.find(LONG, at)) if found >= 0]
    return min(starts, default=len(buffer))


class SlaveReceiver:
    """What comes over the line, as a meter hears it: short and long frames of everybody, and what was damaged.

    Bytes between frames are skipped, the single character of other meters among them. A meter stays silent after
    ``Damaged``; it is told so that it can be counted.
    """

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Short | Long | Damaged]:
        """Frames that are complete after these bytes, and damaged beginnings, in their order."""
        events: list[Short | Long | Damaged] = []
        for at in range(0, len(data), FRAME_LIMIT):
            self._buffer += data[at : at + FRAME_LIMIT]
            self._collect(events)
        return events

    @property
    def unfinished(self) -> bool:
        """Whether the beginning of a frame is waiting for its end."""
        return bool(self._buffer)

    def gap(self) -> list[Short | Long | Damaged]:
        """The line was silent for longer than a frame may pause: what is unfinished has no end.

        Frames that came whole behind a false beginning are given now.
        """
        events: list[Short | Long | Damaged] = []
        if self._buffer:
            events.append(Damaged(f"the frame is cut: {len(self._buffer)} bytes have come, its end has not"))
        while self._buffer:
            del self._buffer[:1]
            self._collect(events)
        return events

    def _collect(self, events: list[Short | Long | Damaged]) -> None:
        buffer = self._buffer
        at = _next_start(buffer, 0)
        while at < len(buffer):
            end = frame_end(buffer, at)
            if end == 0:
                break
            if isinstance(end, str):
                events.append(Damaged(end))
                at = _next_start(buffer, at + 1)
            else:
                events.append(frame_at(buffer, at, end))
                at = _next_start(buffer, end)
        del buffer[:at]


class MasterReceiver:
    """The answer to the one request under way: nothing, one frame, or damaged bytes.

    Where ``E5`` is awaited it must be the only byte: two meters that answer together rarely give a clean one. In front
    of a long frame other bytes are skipped. Bytes behind an answer mean that two meters answered.
    """

    __slots__ = ("_at", "_behind", "_buffer", "_expect", "_found", "_reason")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.expecting(Expect.NOTHING)

    def expecting(self, expect: Expect) -> None:
        """A request goes out now; what came before belongs to nothing any more."""
        self._expect = expect
        self._buffer.clear()
        self._at = 0  # in front of it no frame begins
        self._found: Frame | None = None
        self._behind = self._reason = ""

    def receive(self, data: bytes) -> Frame | Damaged | None:
        """The answer as soon as it is complete, ``Damaged`` if more came behind it, ``None`` while it may still come.

        That bytes are no answer is only told by :meth:`gap`: what looks damaged may be noise in front of the answer.
        """
        for at in range(0, len(data), FRAME_LIMIT):
            self._take(data[at : at + FRAME_LIMIT])
        return Damaged(self._behind) if self._behind else self._found

    def gap(self) -> Frame | Damaged | None:
        """The line is silent, or the time is up: the verdict over all that came; ``None`` if nothing did."""
        while self._found is None and self._at < len(self._buffer):
            self._reason = self._reason or "its end has not come"
            self._at += 1
            self._slide()
        if self._found is not None:
            return self.receive(b"")
        if not self._buffer:
            return None
        shown = f"{len(self._buffer)} bytes that form no frame, beginning {self._buffer[:8].hex(' ')}"
        return Damaged(f"{shown}: {self._reason}" if self._reason else shown)

    def missing(self) -> int:
        """Bytes that a begun answer still needs, as far as its length is known."""
        have = len(self._buffer) - self._at
        if self._found is not None or not have:
            return 0
        if self._buffer[self._at] == SHORT or have < 2:
            return max(0, 5 - have)
        return max(0, self._buffer[self._at + 1] + 6 - have)

    def _take(self, data: bytes) -> None:
        if self._found is not None:
            self._behind = f"bytes behind {self._found}: several meters answered"
            return
        self._buffer += data
        if self._at == 0:
            self._skip_requests()
            if self._buffer[:1] == bytes((SINGLE,)) and self._expect in (Expect.ACK, Expect.EITHER):
                self._answered(Ack(), 1)
                return
        self._slide()
        over = min(self._at, len(self._buffer) - FRAME_LIMIT)
        if over > 0:
            del self._buffer[:over]
            self._at -= over

    def _skip_requests(self) -> None:
        """Drop whole frames of a master at the front: an echo that nobody took out."""
        buffer = self._buffer
        while buffer and buffer[0] in (SHORT, LONG):
            end = frame_end(buffer, 0)
            if not isinstance(end, int) or end == 0 or not frame_at(buffer, 0, end).control & PRM:
                return
            del buffer[:end]

    def _slide(self) -> None:
        """Find a frame behind bytes that are none; remember what was wrong with the first that looked like one."""
        buffer, at = self._buffer, self._at
        while (at := _next_start(buffer, at)) < len(buffer):
            end = frame_end(buffer, at)
            if end == 0:
                break
            if isinstance(end, int):
                self._answered(frame_at(buffer, at, end), end)
                break
            self._reason = self._reason or end
            at += 1
        self._at = at

    def _answered(self, frame: Frame, end: int) -> None:
        self._found = frame
        if end < len(self._buffer):
            self._behind = f"bytes behind {frame}: several meters answered"


class Echo:
    """Takes out what an optical head gives back of the frame that was just sent (abb-meters.md 1.1).

    ``expected``: whether the head echoes; ``None`` finds out: no answer begins with
    the byte with which its request begins.
    """

    __slots__ = ("_awaited", "_matched", "expected")

    def __init__(self, expected: bool | None = None) -> None:
        self.expected = expected
        self._awaited = b""
        self._matched = 0

    def sent(self, octets: bytes) -> None:
        """These bytes went out; their echo is awaited."""
        self._awaited = b"" if self.expected is False else octets
        self._matched = 0

    def receive(self, data: bytes) -> bytes | Damaged:
        """``data`` without the echo; ``Damaged`` if the echo differs from what was sent: somebody else was sending."""
        want = self._awaited[self._matched :]
        if not want or not data:
            return data
        same = min(len(want), len(data))
        if data[:same] == want[:same]:
            self._matched += same
            return data[same:]
        if self._matched == 0 and data[0] != want[0] and self.expected is None:
            self._awaited = b""  # this head does not echo: the first byte is already of the answer
            return data
        at = next(index for index in range(same) if data[index] != want[index])
        position = self._matched + at
        self._awaited = b""
        return Damaged(
            f"collision: byte {position} of the echo is {data[at]:02X} where {want[at]:02X} was sent; "
            "another master or a meter was sending at the same time"
        )
