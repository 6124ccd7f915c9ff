"""The line that a proxy shares, which may be absent for a while."""

from __future__ import annotations

from wattproof.drivers.bus import OnceLink
from wattproof.errors import Unreachable
from wattproof.model.clock import Clock

#: Seconds between two attempts to reach a line that is not there.
AGAIN = 1.0


class SharedLine:
    """A link that, when it could not be opened, says so for a second before it is tried again.

    A host that does not answer costs seconds until it counts as unreachable; nobody should wait for that once for each
    request in the queue.
    """

    def __init__(self, link: OnceLink) -> None:
        self._link = link
        self._absent: Unreachable | None = None
        self._again = 0

    @property
    def clock(self) -> Clock:
        """The clock of the link."""
        return self._link.clock

    @property
    def absent(self) -> str | None:
        """Why the line could not be opened when that was last tried, ``None`` if it is there."""
        return None if self._absent is None else str(self._absent)

    async def exchange(
        self, unit: int, pdu: bytes, *, timeout: float | None = None, retries: int | None = None
    ) -> bytes:
        """See `wattproof.drivers.modbus.ModbusLink.exchange`."""
        if self._absent is not None and self.clock.now() < self._again:
            raise Unreachable(str(self._absent))
        try:
            answer = await self._link.exchange(unit, pdu, timeout=timeout, retries=retries)
        except Unreachable as error:
            self._absent = error
            self._again = self.clock.now() + round(AGAIN * 1e9)
            raise
        except BaseException:
            self._absent = None
            raise
        self._absent = None
        return answer

    async def close(self) -> None:
        """End the link."""
        await self._link.close()
