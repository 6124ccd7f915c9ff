"""The line behind a meter that is a gateway: requests go out one after the other, in the order in which they came.

A gateway such as the DMED4 in role Gateway (dmed4.md 11.1) keeps no pace of its own: whoever asked first is served
first, whichever connection it asked on, and a unit that does not answer costs the others its time-out once, because
nothing is repeated. While one request is on the line eight more may wait; what comes on top is told at once that the
gateway is busy.

Which requests come here at all (own unit, unit 0, units beyond 247) the meter decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from wattproof.drivers.modbus import prepare
from wattproof.errors import ModbusRefused, Unreachable, WattproofError
from wattproof.io.clock import SystemClock
from wattproof.io.url import MeterURL, parse_url
from wattproof.wire.modbus.exceptions import ExceptionCode, exception
from wattproof.wire.modbus.framing.messages import BROADCAST, Request

if TYPE_CHECKING:
    from wattproof.drivers.bus import OnceLink
    from wattproof.io.trace import Trace
    from wattproof.model.clock import Clock
    from wattproof.virtual.base import Onward

Reply = Callable[[bytes | None], None]

#: Requests that wait while one is on the line (dmed4.md 11.1).
QUEUE = 8


class _Waiting(NamedTuple):
    request: Request
    onward: Onward
    reply: Reply


class Gateway:
    """The way to one line; a `wattproof.virtual.job.Forwarder`.

    ``link`` leads to the line; ``None``: there is none, and every unit is silent. `Gateway.to` makes one from an
    address. An answer is handed back in a later turn of ``loop`` than the one in which it came.
    """

    def __init__(self, link: OnceLink | None, loop: asyncio.AbstractEventLoop, *, clock: Clock | None = None) -> None:
        self._link = link
        self._loop = loop
        self._clock: Clock = clock or (SystemClock() if link is None else link.clock)
        self._queue: deque[_Waiting] = deque()
        self._present: _Waiting | None = None
        self._worker: asyncio.Task[None] | None = None
        self._ended = False

    @classmethod
    def to(cls, url: MeterURL | str | None, loop: asyncio.AbstractEventLoop, *, trace: Trace | None = None) -> Gateway:
        """A gateway to the line at a bus address (as for ``wattproof scan``), ``None`` for no line.

        The line is opened when the first request goes out, and again whenever it was lost.

        Raises:
            InvalidURL: no address, or one that does not carry Modbus.
        """
        if url is None:
            return cls(None, loop)
        return cls(prepare(parse_url(url) if isinstance(url, str) else url, trace=trace), loop)

    def forward(self, request: Request, onward: Onward, reply: Reply, /) -> None:
        """See `wattproof.virtual.job.Forwarder`. The answer of a unit, also an exception, is handed on as it is.

        Silence and damage are exception 0x0B where ``onward.speaks``, else ``None``; so is a line that cannot be
        opened, which to those who ask is a line of silent units. A broadcast is never answered.
        """
        item = _Waiting(request, onward, reply)
        if self._ended:
            reply(None)
        elif self._worker is None:
            self._worker = self._loop.create_task(self._work(item))
        elif len(self._queue) < QUEUE:
            self._queue.append(item)
        else:
            reply(exception(request.pdu[0], ExceptionCode.SERVER_DEVICE_BUSY))

    async def close(self) -> None:
        """End the line; what waits or is under way is answered with silence."""
        self._ended = True
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        waiting = [*([] if self._present is None else [self._present]), *self._queue]
        self._present = None
        self._queue.clear()
        for item in waiting:
            item.reply(None)
        if self._link is not None:
            await self._link.close()

    async def _work(self, first: _Waiting) -> None:
        self._present = first
        while (item := self._present) is not None:
            answer = await self._ask(item)
            # Not called from here: what goes wrong where the answer is taken must not stop the line.
            self._loop.call_soon(item.reply, answer)
            self._present = self._queue.popleft() if self._queue else None
        self._worker = None

    async def _ask(self, item: _Waiting) -> bytes | None:
        request, onward = item.request, item.onward
        begin = self._clock.now()
        if self._link is None or request.unit in onward.lost:
            await self._let_pass(begin, onward)
            return self._silence(item)
        try:
            answer = await self._link.exchange(request.unit, request.pdu, timeout=onward.timeout / 1e9, retries=0)
        except ModbusRefused as refusal:
            return exception(request.pdu[0], refusal.code)
        except Unreachable:
            await self._let_pass(begin, onward)
            return self._silence(item)
        except WattproofError:
            return self._silence(item)
        return answer or None

    async def _let_pass(self, begin: int, onward: Onward) -> None:
        """Nobody answers: the line is waited for as long as for any silent unit."""
        await self._clock.sleep(max(0, begin + onward.timeout - self._clock.now()) / 1e9)

    @staticmethod
    def _silence(item: _Waiting) -> bytes | None:
        if not item.onward.speaks or item.request.unit == BROADCAST:
            return None
        return exception(item.request.pdu[0], ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)
