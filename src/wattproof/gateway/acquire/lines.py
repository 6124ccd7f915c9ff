"""What the runner of a bus speaks through: the line of each protocol, on the drivers that exist.

A source is given the ``link`` of its meter. The drivers below let one transaction out at a time, repeat what was not
answered, and let a dead meter rest, as long as the runner does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from wattproof.drivers.bus import Bus
from wattproof.drivers.cosem import bus as cosem
from wattproof.drivers.cosem.line import line_of as cosem_line_of
from wattproof.drivers.mbus import bus as mbus
from wattproof.drivers.mbus.line import line_of as mbus_line_of
from wattproof.drivers.modbus import Timing, prepare, timing_of
from wattproof.drivers.schedule import BackOff, UnitState
from wattproof.errors import InvalidURL
from wattproof.g13.client import LIMITS
from wattproof.gateway.acquire.places import MIRRORED
from wattproof.gateway.acquire.presence import PROBES
from wattproof.gateway.config import BusConfig
from wattproof.io.url import MODBUS, MeterURL, parse_url
from wattproof.io.web import WebLink, web_link
from wattproof.model.clock import Clock

#: Seconds for an answer, and of silence after it, where the configuration says nothing (10.4).
TIMEOUT, NETWORK_TIMEOUT, PAUSE = 0.3, 1.0, 0.02


class Line(ABC):
    """One line or socket. ``kind``: how its polls are timed (`polling.PERIODS`)."""

    def __init__(self, name: str, url: MeterURL, clock: Clock, kind: str) -> None:
        self.name = name
        self.url = url
        self.clock = clock
        self.kind = kind

    @property
    @abstractmethod
    def statistics(self) -> Mapping[Any, UnitState]:
        """What the drivers have counted, by :meth:`key`."""

    @abstractmethod
    def key(self, place: Mapping[str, Any]) -> Any:
        """What the drivers call the meter at a place."""

    def forgive(self, place: Mapping[str, Any]) -> None:
        """Let a meter that rests be asked at once: the runner has decided that it is time for a probe."""
        state = self.statistics.get(self.key(place))
        if state is not None and state.resting_until is not None:
            state.resting_until = self.clock.now()

    @abstractmethod
    def link(self, place: Mapping[str, Any]) -> Any:
        """What a source asks the meter at a place through."""

    async def open(self) -> None:  # noqa: B027 - most lines connect with their first request
        """Connect now, where a line can. Raises ``Unreachable``, ``InvalidURL``."""

    @abstractmethod
    async def close(self) -> None:
        """End the connection; harmless when it has ended."""


class ModbusLine(Line):
    """Modbus in any framing."""

    def __init__(self, name: str, url: MeterURL, bus: Bus) -> None:
        super().__init__(name, url, bus.clock, "network" if url.framing == "tcp" else "line")
        self.bus = bus

    @property
    def statistics(self) -> Mapping[Any, UnitState]:
        return self.bus.statistics

    def key(self, place: Mapping[str, Any]) -> int:
        return int(place["unit"])

    def link(self, place: Mapping[str, Any]) -> Any:
        return self.bus

    async def close(self) -> None:
        await self.bus.close()


class MbusLine(Line):
    """M-Bus, wired or with an optical head."""

    def __init__(self, name: str, url: MeterURL, bus: mbus.Bus) -> None:
        super().__init__(name, url, bus.clock, "mbus")
        self.bus = bus

    @property
    def statistics(self) -> Mapping[Any, UnitState]:
        return self.bus.statistics

    def key(self, place: Mapping[str, Any]) -> str:
        return str(place["address"])

    def link(self, place: Mapping[str, Any]) -> Any:
        return self.bus

    async def open(self) -> None:
        await self.bus.line.open()

    async def close(self) -> None:
        await self.bus.close()


class CosemLine(Line):
    """COSEM: the EQ bus, or one meter behind the wrapper."""

    def __init__(self, name: str, url: MeterURL, bus: cosem.Bus) -> None:
        super().__init__(name, url, bus.clock, "line" if url.framing == "hdlc" else "network")
        self.bus = bus

    @property
    def statistics(self) -> Mapping[Any, UnitState]:
        return self.bus.statistics

    def key(self, place: Mapping[str, Any]) -> str:
        return str(place.get("address", 1))

    def link(self, place: Mapping[str, Any]) -> Any:
        return self.bus

    async def open(self) -> None:
        await self.bus.line.open()

    async def close(self) -> None:
        await self.bus.close()


class WebLine(Line):
    """One host that answers over HTTP. A meter may bring the digest of the host's certificate (``tls_pin``)."""

    def __init__(
        self, name: str, url: MeterURL, clock: Clock, opener: Callable[[MeterURL], WebLink] | None = None
    ) -> None:
        # Another gateway asks its meters on lines of its own, and answers with whole load profiles.
        mirrored = url.family == MIRRORED
        super().__init__(name, url, clock, "line" if mirrored else "network")
        limits = LIMITS if mirrored else None
        self._opener = opener or (lambda place: web_link(place, clock=clock, limits=limits))
        self._links: dict[str, WebLink] = {}

    @property
    def statistics(self) -> Mapping[Any, UnitState]:
        return {}

    def key(self, place: Mapping[str, Any]) -> int:
        return int(place.get("channel", 0))

    def link(self, place: Mapping[str, Any]) -> WebLink:
        pin = place.get("tls_pin")
        url = self.url if pin is None else self.url.with_options(pin=pin)
        found = self._links.get(str(url))
        if found is None:
            found = self._links[str(url)] = self._opener(url)
        return found

    async def close(self) -> None:
        for link in self._links.values():
            await link.close()
        self._links.clear()


def open_line(config: BusConfig, clock: Clock) -> Line:
    """The line of a configured bus; it connects when the first request is sent.

    Raises ``InvalidURL``: the scheme carries no meter.
    """
    url = with_times(parse_url(config.url), config)
    if url.framing in MODBUS:
        timing = timing_of(url)
        # The bus repeats, not the link: other meters take their turn in between.
        client = prepare(url, timing=Timing(timing.timeout, 0, timing.pause), clock=clock)
        return ModbusLine(config.name, url, Bus(client, name=config.name, **_patience(config)))
    if url.framing == "mbus":
        return MbusLine(config.name, url, mbus.Bus(mbus_line_of(url, clock=clock), back_off=_resting(1)))
    if url.framing in ("hdlc", "dlms", "dlms+udp"):
        return CosemLine(config.name, url, cosem.Bus(cosem_line_of(url, clock=clock), back_off=_resting(1)))
    if url.scheme in ("http", "https"):
        return WebLine(config.name, url, clock)
    raise InvalidURL(f"{config.url}: no meter is polled over {url.scheme}")


def with_times(url: MeterURL, config: BusConfig) -> MeterURL:
    """The address with the times of the configuration; what the address itself says counts."""
    times: dict[str, object] = {"retries": config.retries}
    modbus = url.framing in MODBUS
    if config.timeout_ms is not None:
        times["timeout"] = config.timeout_ms / 1000
    elif modbus or url.scheme in ("http", "https"):
        times["timeout"] = TIMEOUT if url.is_device else NETWORK_TIMEOUT
    if config.pause_ms is not None:
        times["pause"] = config.pause_ms / 1000
    elif modbus and url.framing != "tcp":
        times["pause"] = PAUSE
    return url.with_options(**{name: value for name, value in times.items() if name not in url.options})


def _patience(config: BusConfig) -> dict[str, Any]:
    return {"back_off": _resting(1 + config.retries), "retries": config.retries}


def _resting(limit: int) -> BackOff:
    """How long the drivers let a meter rest; the runner forgives it when a probe is due."""
    return BackOff(limit=limit, first=PROBES[0], factor=2.0, most=PROBES[-1])
