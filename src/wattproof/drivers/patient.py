"""A link to a device that is often busy: asked again where it says so, and where it has no connection to spare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from wattproof.drivers.answers import is_repeatable
from wattproof.drivers.modbus import BatchLink, ModbusLink
from wattproof.errors import Disconnected, ModbusRefused
from wattproof.model.clock import Clock
from wattproof.wire.modbus.exceptions import ExceptionCode

T = TypeVar("T")


class PatientLink:
    """``link``, asked again up to ``times`` times.

    After exception 6 (busy) nothing was done, so any request is repeated after ``pause`` seconds. A device that serves
    few connections closes further ones at once; there reads are repeated after pauses that double from ``pause`` on.
    """

    def __init__(self, link: ModbusLink, *, times: int = 5, pause: float = 0.2) -> None:
        self._link = link
        self._times = times
        self._pause = pause

    @property
    def clock(self) -> Clock:
        return self._link.clock

    @property
    def once(self) -> ModbusLink:
        """The link underneath, which tells of every refusal."""
        return self._link

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        """See :meth:`~wattproof.drivers.modbus.ModbusLink.exchange`."""
        return await self._again(lambda: self._link.exchange(unit, pdu, timeout=timeout), is_repeatable(pdu))

    async def exchange_all(self, unit: int, pdus: Sequence[bytes], *, timeout: float | None = None) -> list[bytes]:
        """See :meth:`~wattproof.drivers.modbus.BatchLink.exchange_all`."""
        link = self._link
        if isinstance(link, BatchLink) and all(map(is_repeatable, pdus)):
            return await self._again(lambda: link.exchange_all(unit, pdus, timeout=timeout), True)
        return [await self.exchange(unit, pdu, timeout=timeout) for pdu in pdus]

    async def close(self) -> None:
        await self._link.close()

    async def _again(self, ask: Callable[[], Awaitable[T]], repeatable: bool) -> T:
        pause = self._pause
        for _ in range(self._times):
            try:
                return await ask()
            except ModbusRefused as error:
                if error.code != ExceptionCode.SERVER_DEVICE_BUSY:
                    raise
                await self.clock.sleep(self._pause)
            except Disconnected:
                if not repeatable:
                    raise
                await self.clock.sleep(pause)
                pause *= 2
        return await ask()
