"""A proxy brought to life in an event loop: line, listeners and control interface, opened and closed in their order."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wattproof.bridge.access import Access
from wattproof.bridge.control import ProxyControl
from wattproof.bridge.faults import put_faults, read_faults
from wattproof.bridge.line import Reopening
from wattproof.bridge.listening import open_listener
from wattproof.bridge.proxy import Proxy, Rates
from wattproof.bridge.report import statistics
from wattproof.drivers.bus import Bus
from wattproof.drivers.modbus import ModbusClient, Opener, prepare, timing_of
from wattproof.errors import InvalidURL, Unreachable
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL, parse_url
from wattproof.model.clock import Clock
from wattproof.virtual.exchange import Ring
from wattproof.virtual.line import LineFaults
from wattproof.virtual.timers import LoopTimers

if TYPE_CHECKING:
    from wattproof.virtual.sockets import Listener

#: Records that the journal holds.
JOURNAL = 4096


@dataclass(frozen=True, slots=True)
class Plan:
    """What to bring to life: the options of ``wattproof proxy``.

    :param listen: addresses for masters. ``to``: the address of the line.
    :param faults: ``NAME[=VALUE]``; ``seed`` fixes what the percent faults hit.
    :param control: ``http://`` address of the control interface; without ``token`` one is drawn.
    :param trace: file for every byte on the line; ``-`` for standard error.
    :param keep_trying: begin even while the line cannot be reached.
    """

    listen: Sequence[str]
    to: str
    access: Access = field(default_factory=Access)
    rates: Rates = field(default_factory=Rates)
    faults: Sequence[str] = ()
    seed: int | None = None
    control: str | None = None
    token: str | None = None
    trace: str | None = None
    keep_trying: bool = False


class Service:
    """A running proxy. Make one with ``await Service.start(plan)``; end it with ``close``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.to = _bus_url(plan.to)
        self._addresses = [_listen_url(text) for text in plan.listen]
        self.control: ProxyControl | None = None
        self._listeners: list[Listener] = []
        self.line: Reopening
        faults = read_faults(plan.faults)
        self._trace = None if plan.trace is None else Trace(plan.trace)
        # A master repeats by itself what it misses; repeating here as well would only multiply its patience.
        retries = self.to.whole("retries", 0)
        timing = replace(timing_of(self.to), retries=0)  # the bus repeats, not the link
        self._client: ModbusClient = prepare(self.to, timing=timing, trace=self._trace, around=self._reopening)
        seed = secrets.randbits(32) if plan.seed is None else plan.seed
        self.proxy = Proxy(
            bus=Bus(
                self._client,
                name=self.to.place,
                retries=retries,
                depth=self.to.whole("pipeline", 1) if self.to.framing == "tcp" else 1,
            ),
            timers=LoopTimers(asyncio.get_running_loop()),
            faults=LineFaults(random.Random(seed)),
            access=plan.access,
            rates=plan.rates,
            to_line=self.to.framing != "tcp",
            ring=Ring(JOURNAL),
        )
        put_faults(self.proxy.faults, faults)

    def _reopening(self, opener: Opener, clock: Clock) -> Reopening:
        self.line = Reopening(opener, clock)
        return self.line

    @classmethod
    async def start(cls, plan: Plan) -> Service:
        """Everything of a plan, or nothing; masters are served when this returns.

        :raises UsageError: what the plan asks for is not possible; the message says what is.
        :raises PortInUse: an address is taken.
        :raises Unreachable: the line cannot be opened, unless the plan keeps trying.
        :raises StorageError: the trace cannot be written.
        """
        service = cls(plan)
        try:
            await service._open()
        except BaseException:
            await service.close()
            raise
        return service

    async def _open(self) -> None:
        try:
            await self._client.open()
        except Unreachable:
            if not self.plan.keep_trying:
                raise
        for address in self._addresses:
            self._listeners.append(await open_listener(address, self.proxy))
        if self.plan.control is not None:
            self.control = ProxyControl(self.proxy, self.state, self.plan.token)
            await self.control.listen(parse_url(self.plan.control))

    @property
    def listen(self) -> list[str]:
        """Where masters come in."""
        return [str(listener.url) for listener in self._listeners]

    def state(self) -> dict[str, object]:
        """The object of the control interface: where, how, what has been counted."""
        return {"listen": self.listen, "to": str(self.to), "absent": self.line.absent, **statistics(self.proxy)}

    async def close(self) -> None:
        """Hear no more masters and end the line."""
        if self.control is not None:
            await self.control.close()
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        await self.proxy.bus.close()
        if self._trace is not None:
            self._trace.close()


def _bus_url(text: str) -> MeterURL:
    url = parse_url(text)
    if url.model is not None or url.unit is not None:
        raise InvalidURL(f"{text!r}: a proxy leads to a whole line, not to one meter: write {url.line}")
    return url


def _listen_url(text: str) -> MeterURL:
    url = parse_url(text)
    if url.model is not None or url.unit is not None:
        raise InvalidURL(f"{text!r}: a listener has no model and no unit: write {url.line}")
    return url
