"""The line that a proxy shares, which may be absent for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wattproof.errors import Unreachable
from wattproof.io.link import ByteLink
from wattproof.model.clock import Clock

#: Seconds between two attempts to reach a line that is not there.
AGAIN = 1.0


class Reopening:
    """Opens a line; when that failed, it says so for a second before it is tried again.

    A host that does not answer costs seconds until it counts as unreachable; nobody should wait for that once for each
    request in the queue.
    """

    def __init__(self, opener: Callable[[], Awaitable[ByteLink]], clock: Clock) -> None:
        self.opener = opener
        self._clock = clock
        self._again = 0
        #: Why the line could not be opened when that was last tried, ``None`` if it could.
        self.absent: str | None = None

    async def __call__(self) -> ByteLink:
        """The open line. Raises ``Unreachable``."""
        if self.absent is not None and self._clock.now() < self._again:
            raise Unreachable(self.absent)
        try:
            link = await self.opener()
        except Unreachable as error:
            self.absent = str(error)
            self._again = self._clock.now() + round(AGAIN * 1e9)
            raise
        self.absent = None
        return link
