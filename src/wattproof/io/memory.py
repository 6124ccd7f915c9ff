"""Two links joined in memory: what one end sends the other receives, on any clock, without an event loop if need be.

Tests join a driver to a virtual meter with it. An end may be read by a task (``receive``), or it may answer at once:
set ``answer`` to a function from bytes to bytes and whatever arrives is answered in the moment it is sent, which is
all that a blocking driver needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wattproof.io.link import ended
from wattproof.model.clock import Clock


class MemoryLink:
    """One end of a pair; see `memory_pair`."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.heard = 0
        self.answer: Callable[[bytes], bytes] | None = None
        self.peer: MemoryLink = self
        self._data = bytearray()
        self._over = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def closed(self) -> bool:
        return self._over

    async def send(self, data: bytes) -> None:
        self.put(data)

    def put(self, data: bytes) -> None:
        """The same without ``await``, for peers that are no coroutines. Raises ``Disconnected``."""
        if self._over:
            raise ended(self.name)
        self.peer._arrive(data)

    def _arrive(self, data: bytes) -> None:
        self.heard = self.clock.now()
        if self.answer is None:
            self._data += data
            self.wake()
        elif reply := self.answer(data):
            self.put(reply)

    async def receive(self, timeout: float) -> bytes:
        if not self._data and not self._over:
            await self._wait(timeout)
        if self._data:
            return self.discard()
        if self._over:
            raise ended(self.name)
        return b""

    async def _wait(self, timeout: float) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            await self.clock.sleep(timeout)
            return
        self._waiter = loop.create_future()
        limit = loop.create_task(self._limit(timeout))
        try:
            await self._waiter
        finally:
            self._waiter = None
            limit.cancel()

    async def _limit(self, timeout: float) -> None:
        await self.clock.sleep(timeout)
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def rest(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    def discard(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data

    async def close(self) -> None:
        self.cut()

    def abort(self) -> None:
        self.cut()

    def cut(self) -> None:
        """End the connection for both sides, as a pulled plug does; what has arrived can still be received."""
        for end in (self, self.peer):
            end._over = True
            end.wake()


def memory_pair(clock: Clock, name: str = "memory") -> tuple[MemoryLink, MemoryLink]:
    """Two joined ends on one clock."""
    near, far = MemoryLink(name, clock), MemoryLink(f"{name} (far end)", clock)
    near.peer, far.peer = far, near
    return near, far
