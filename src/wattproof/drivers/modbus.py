"""Asking over Modbus: the one seam of all Modbus drivers, and the ways to get one.

A driver awaits nothing but ``link.exchange(...)`` and ``link.clock.sleep(...)``. On asyncio it runs on a link from
`connect`; without an event loop the same driver is stepped by `run_blocking` over a link from `connect_blocking`,
whose methods never suspend.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from wattproof.model.clock import Clock

T = TypeVar("T")


class ModbusLink(Protocol):
    """A way to one or more Modbus units."""

    @property
    def clock(self) -> Clock:
        """The clock that times the link; drivers sleep on it."""
        ...

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        """Send the request ``pdu`` to ``unit`` and return the answer PDU of the same function.

        ``timeout`` in seconds replaces the link's own for this request.

        Raises:
            ModbusRefused: the unit answered with an exception.
            ResponseTimeout: no answer came, repetitions included.
            Unreachable: there is no connection.
            Disconnected: the connection ended and could not be taken up again, or the request was a write whose
                fate is unknown.
            FrameError: what came was damaged or does not answer this request.
        """
        ...

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        ...


@runtime_checkable
class BatchLink(Protocol):
    """A link that takes several requests at once and keeps as many under way as the other side bears."""

    async def exchange_all(self, unit: int, pdus: Sequence[bytes], *, timeout: float | None = None) -> list[bytes]:
        """The answers to ``pdus`` in their order; raises what `ModbusLink.exchange` raises for the first that fails."""
        ...


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a driver coroutine to its end over a blocking link, without an event loop.

    Raises:
        RuntimeError: the coroutine waits for something that only an event loop could bring.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise RuntimeError("the coroutine suspended: run_blocking needs a link from connect_blocking")
