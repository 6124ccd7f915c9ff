"""Bytes from the line to frames, for both roles (abb-meters.md 2.1).

Damaged frames are dropped without a word. The search goes on one byte behind the flag at which a damaged one began, so
the next good frame is found even where the damaged one claimed to reach into it.
"""

from __future__ import annotations

from wattproof.errors import FrameError
from wattproof.wire.hdlc.frames import FLAG, LONGEST, Frame, Partial, parse

_FLAG = bytes((FLAG,))
#: A whole frame and its two flags: never more is kept.
ROOM = LONGEST + 2


class Receiver:
    """Finds frames between noise, shared and repeated flags. Holds one unfinished frame at most.

    Args:
        gap: the inter-octet time-out in nanoseconds; ``None``: pauses mean nothing.
    """

    __slots__ = ("_heard", "_kept", "damage", "dropped", "gap")

    def __init__(self, gap: int | None = None) -> None:
        self.gap = gap
        #: Bytes that belonged to no good frame, and what was wrong with the last of them: for error messages.
        self.dropped = 0
        self.damage: FrameError | None = None
        self._kept = b""
        self._heard = 0

    @property
    def unfinished(self) -> bool:
        """Whether more than a flag is waiting for the rest of a frame."""
        return len(self._kept) > 1

    def receive(self, data: bytes, now: int | None = None) -> list[Frame]:
        """All frames that are complete after ``data``, which arrived at ``now`` (monotonic nanoseconds).

        With a ``now``, what is unfinished is dropped first if the pause before ``data`` was longer than the gap.
        """
        if now is not None:
            if self.gap is not None and self._kept and now - self._heard > self.gap:
                self.silence()
            self._heard = now
        data = self._kept + data if self._kept else data
        frames: list[Frame] = []
        at, done, size = data.find(_FLAG), 0, len(data)
        while at >= 0:
            while at + 1 < size and data[at + 1] == FLAG:
                at += 1
            if at + 1 == size:
                break
            try:
                frame, end = parse(data, at + 1)
            except Partial:
                break
            except FrameError as error:
                self.damage = error
                at = data.find(_FLAG, at + 1)
            else:
                frames.append(frame)
                if at > done:
                    self._drop(data[done:at])
                at = done = end
        kept = size if at < 0 else at
        if kept > done:
            self._drop(data[done:kept])
        self._kept = data[kept:]
        return frames

    def silence(self) -> None:
        """The line was silent for longer than the inter-octet time-out: what is unfinished is dropped."""
        self._drop(self._kept)
        self._kept = b""

    def _drop(self, data: bytes) -> None:
        self.dropped += len(data) - data.count(_FLAG)
