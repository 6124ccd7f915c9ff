"""A connection that takes its turns: much data is taken piece by piece, so that one client never holds up the others.

An event loop hands over up to 256 KiB at once, and finding frames in rubbish costs microseconds a byte. So a piece of
``PIECE`` bytes is taken in each turn of the loop, and nothing more is read meanwhile. A client that does not read its
answers is asked for nothing either.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import cast

#: Bytes that one connection or line takes in a turn of the event loop.
PIECE = 2048


class Reading(asyncio.Protocol):
    """The receiving half of a connection; ``take`` gets its bytes in order."""

    __slots__ = ("_later", "_turn", "_unread", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        #: What has been received and not yet been taken.
        self._later = b""
        self._turn: asyncio.Handle | None = None
        #: Whether the client leaves answers unread.
        self._unread = False

    @abstractmethod
    def take(self, data: bytes) -> None:
        """At most ``PIECE`` bytes."""

    def data_received(self, data: bytes) -> None:
        if len(data) <= PIECE and not self._later:
            self.take(data)
        else:
            self.take_in_turns(data)

    def take_in_turns(self, data: bytes) -> None:
        """Take the first piece now and the rest in later turns."""
        self._later += data
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
        if self._turn is None:
            self._next()

    def _next(self) -> None:
        self._turn = None
        if self._resting():
            return
        if self._later:
            piece, self._later = self._later[:PIECE], self._later[PIECE:]
            self.take(piece)
        if self._later:
            self._turn = asyncio.get_running_loop().call_soon(self._next)
        elif self.transport is not None and not self._resting():
            self.transport.resume_reading()

    def _resting(self) -> bool:
        """Whether nothing is taken now: the client does not read, or there is none any more."""
        return self._unread or self.transport is None or self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._later = b""

    def pause_writing(self) -> None:
        self._unread = True
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._unread = False
        if self._turn is None:
            self._next()
