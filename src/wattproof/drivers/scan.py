"""Who is on a bus? Every address is asked; what answers is recognised by the probes of the meter families.

A unit is there if anything comes back from it, be it an exception, except a gateway's word that nobody answered. Then
the probes are tried in their order; the first that recognises the unit names it, otherwise it is found as unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from wattproof.drivers.job import Timing
from wattproof.drivers.modbus import ModbusClient, ModbusLink, connect
from wattproof.errors import FrameError, LinkError, ModbusRefused, ResponseTimeout, Unreachable, WattproofError
from wattproof.io.url import MeterURL
from wattproof.model.devices import DeviceInfo
from wattproof.wire.modbus.pdu import read_request

#: Unit addresses of a serial line (Modbus over Serial Line 1.02, 2.2).
UNITS = range(1, 248)
#: A register that is asked for to hear whether anybody is there: the first of a SunSpec map, else any.
KNOCK = read_request(3, 40000, 2)

#: Towards a unit that is known to be there; knocking is less patient.
PATIENCE = Timing()

Recognise = Callable[[ModbusLink, int], Awaitable[DeviceInfo | None]]
Connect = Callable[[MeterURL, Timing], Awaitable[ModbusClient]]


@dataclass(frozen=True, slots=True)
class Probe:
    """One row: ``recognise(link, unit)`` says who a unit is, ``None`` if it is of another family."""

    family: str
    recognise: Recognise


@dataclass(frozen=True, slots=True)
class Found:
    """A unit that answers. ``url`` leads to it; ``family`` and ``info`` are ``None`` if no probe knows it.

    ``unit`` is ``None`` where there are none, as at a web address.
    """

    url: MeterURL
    unit: int | None
    family: str | None
    info: DeviceInfo | None
    #: What it answered to the first question, for people: "registers", "exception 2", "damaged bytes".
    answer: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is: ``done`` of ``total`` addresses, the last one ``unit`` on ``url``."""

    url: MeterURL
    unit: int
    done: int
    total: int
    found: int


@dataclass(frozen=True, slots=True)
class LineProgress:
    """The same for a line that is searched otherwise: ``where`` it is, an address or the part of a number, ``done`` of
    ``total`` addresses or parts of all numbers."""

    url: MeterURL
    where: str
    done: int
    total: int
    found: int


#: Is told how far a search of a line is.
Told = Callable[[LineProgress], None]


def untold(progress: LineProgress) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A line that could not be searched, or not to its end, and why."""

    url: MeterURL
    error: LinkError


async def scan(
    urls: Sequence[MeterURL],
    probes: Sequence[Probe],
    *,
    units: Iterable[int] = UNITS,
    baudrates: Sequence[int] = (),
    timeout: float = 0.3,
    progress: Callable[[Progress], None] | None = None,
    failed: Callable[[Failure], None] | None = None,
    connector: Connect | None = None,
) -> AsyncIterator[Found]:
    """Find the units on ``urls``, each found one as soon as it is known; different lines at the same time.

    Of an address with ``?unit=`` only this unit is asked, of the others all ``units``. ``failed`` is told of each line
    that cannot be searched.

    ``baudrates`` are tried one after another on serial devices. ``timeout`` seconds are given to each address, so a
    line takes at most about ``len(units) * timeout`` plus what its units need; a slow line adds its characters.

    Raises:
        Unreachable: none of the lines could be searched. If only some fail, the others are searched all the same.
    """
    addresses = list(units)
    lines = [
        _Line(line, addresses if url.unit is None else [url.unit])
        for url in urls
        for line in _settings(url.line, baudrates)
    ]
    total = sum(len(line.units) for line in lines)
    queue: asyncio.Queue[Found | None] = asyncio.Queue()
    state = _State(total, progress)
    open_line = connector or _connect
    groups: dict[str, list[_Line]] = {}
    for line in lines:
        groups.setdefault(line.url.place, []).append(line)

    async def visit(group: list[_Line]) -> None:
        for line in group:
            try:
                await _scan_line(line, probes, Timing(timeout, 0), open_line, state, queue)
            except LinkError as error:
                state.failures.append(error)
                if failed is not None:
                    failed(Failure(line.url, error))

    tasks = [asyncio.create_task(visit(group)) for group in groups.values()]
    everything = asyncio.gather(*tasks)
    everything.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (found := await queue.get()) is not None:
            yield found
        await everything
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, everything, return_exceptions=True)
    if state.failures and len(state.failures) == len(lines):
        raise state.failures[0] if len(lines) == 1 else Unreachable("; ".join(str(error) for error in state.failures))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with its settings, and the units to ask on it."""

    url: MeterURL
    units: Sequence[int]


class _State:
    """What all lines of one scan count together."""

    def __init__(self, total: int, progress: Callable[[Progress], None] | None) -> None:
        self.total = total
        self.progress = progress
        self.done = 0
        self.found = 0
        self.failures: list[LinkError] = []

    def step(self, url: MeterURL, unit: int) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(Progress(url, unit, self.done, self.total, self.found))


async def _scan_line(
    line: _Line,
    probes: Sequence[Probe],
    timing: Timing,
    open_line: Connect,
    state: _State,
    queue: asyncio.Queue[Found | None],
) -> None:
    link = await open_line(line.url, timing)
    try:
        for unit in line.units:
            answer = await knock(link, unit)
            if answer is not None:
                link.timings[unit] = PATIENCE
                family, info = await recognise(link, unit, probes)
                state.found += 1
                url = line.url.with_model(family).with_options(unit=unit)
                await queue.put(Found(url, unit, family, info, answer))
            state.step(line.url, unit)
    finally:
        await link.close()


async def knock(link: ModbusLink, unit: int) -> str | None:
    """What a unit answers when asked for any register, ``None`` if nobody is there.

    Raises ``Unreachable`` and ``Disconnected``.
    """
    try:
        await link.exchange(unit, KNOCK)
    except ResponseTimeout:
        return None
    except ModbusRefused as error:
        return f"exception {error.code}"
    except FrameError:
        # Bytes came, so somebody is there: a wrong bit rate or parity, or two units with one address.
        return "damaged bytes"
    return "registers"


async def recognise(link: ModbusLink, unit: int, probes: Iterable[Probe]) -> tuple[str | None, DeviceInfo | None]:
    """Family and identity of a unit by the first probe that knows it; a probe that fails does not know it.

    Raises ``Unreachable`` and ``Disconnected``.
    """
    for probe in probes:
        try:
            info = await probe.recognise(link, unit)
        except ResponseTimeout:
            continue
        except LinkError:
            raise
        except WattproofError:
            continue
        if info is not None:
            return probe.family, info
    return None, None


def _settings(line: MeterURL, baudrates: Sequence[int]) -> list[MeterURL]:
    if not baudrates or not line.is_device:
        return [line]
    return [line.with_options(baudrate=rate) for rate in baudrates]


async def _connect(url: MeterURL, timing: Timing) -> ModbusClient:
    return await connect(url, timing=timing)
