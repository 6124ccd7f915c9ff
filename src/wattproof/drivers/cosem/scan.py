"""Who is on an HDLC line? Address after address is asked; who answers says its name (abb-meters.md 2.14).

What is found comes as soon as it is known, as `wattproof.drivers.scan.Found`: who it is, or in ``answer`` what is
wrong.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace

from wattproof.drivers.cosem.bus import Bus
from wattproof.drivers.cosem.line import line_of
from wattproof.drivers.cosem.meter import CosemMeter
from wattproof.drivers.cosem.place import HDLC, Place
from wattproof.drivers.cosem.timing import NETWORK_OCTET, OCTET, Timing
from wattproof.drivers.scan import Found, LineProgress, Told, untold
from wattproof.drivers.schedule import Priority
from wattproof.errors import Disconnected, InvalidURL, LinkError, ProtocolError, Refused, ResponseTimeout
from wattproof.io.clock import SystemClock
from wattproof.io.url import MeterURL
from wattproof.wire.hdlc.addresses import FIRST, LAST, PUBLIC
from wattproof.wire.hdlc.client import ClientLink

#: Physical addresses that meters have.
ADDRESSES = range(FIRST, LAST + 1)
#: Most meters that a scan finds.
MOST = 32
#: Seconds that a meter has to answer SNRM, beside four inter-octet time-outs; a network takes its own on top.
ANSWER = 0.150
ATTEMPTS = 2
COLLISION = "damaged bytes: two meters with this address?"
REFUSES = "refuses the connection (DM)"
#: Names the family of a meter by its logical device name.
Recognise = Callable[[str], str]
_log = logging.getLogger(__name__)


def _any_meter(logical_device: str) -> str:
    return CosemMeter.family


def knock_time(timing: Timing) -> float:
    """Seconds given to an address."""
    return ANSWER + 4 * min(timing.octet, OCTET) + NETWORK_OCTET if timing.network else ANSWER + 4 * timing.octet


async def search(
    bus: Bus,
    url: MeterURL,
    addresses: Iterable[int] = ADDRESSES,
    progress: Told = untold,
    *,
    timeout: float | None = None,
    recognise: Recognise = _any_meter,
) -> AsyncGenerator[Found, None]:
    """The meters at these addresses, in their order; at most `MOST`. Two at one address are told as a collision.

    Services of the bus go on between two addresses. ``timeout``: seconds given to each address. Behind the wrapper of
    TCP or UDP there is one meter, which is asked whatever the addresses are.

    Raises ``Unreachable``, ``Disconnected``.
    """
    if url.framing != HDLC:
        yield await _identify(bus, url.line, None, Place(url.framing, client=PUBLIC), recognise)
        progress(LineProgress(url, "", 1, 1, 1))
        return
    asked = list(addresses)
    wait = knock_time(bus.line.timing) if timeout is None else timeout
    found = 0
    for done, address in enumerate(asked, 1):
        answer = await _knock(bus, address, wait)
        if answer is not None:
            there = url.line.with_options(address=address)
            item = Found(there, address, None, None, answer)
            if not answer:
                item = await _identify(bus, there, address, Place(address=address, client=PUBLIC), recognise)
            found += 1
            if item.answer == COLLISION:
                _log.warning("%s: damaged frames from HDLC address %d: two meters have it?", url.place, address)
            yield item
        progress(LineProgress(url, str(address), done, len(asked), found))
        if found >= MOST:
            return


async def scan_line(
    url: MeterURL,
    *,
    addresses: Iterable[int] = ADDRESSES,
    timeout: float | None = None,
    progress: Told = untold,
    recognise: Recognise = _any_meter,
) -> AsyncIterator[Found]:
    """The same on a line that is opened for it. Of a URL with ``?address=`` only this one is asked.

    Raises:
        Unreachable: no connection, or no such device.
    """
    asked = [Place.of(url).address] if "address" in url.options else list(addresses)
    bus = Bus(line_of(url.line, clock=SystemClock()))
    try:
        await bus.line.open()
        found = search(bus, url, asked, progress, timeout=timeout, recognise=recognise)
        async with aclosing(found):
            async for item in found:
                yield item
    finally:
        await bus.close()


async def _knock(bus: Bus, address: int, wait: float) -> str | None:
    """What comes back from an address: nothing (``None``), a connection (``""``), or what is wrong. A connection that
    was opened is closed again."""
    timing = replace(bus.line.timing, answer=wait, repetitions=0)
    problem: str | None = None
    for _ in range(ATTEMPTS):
        link = ClientLink(address, PUBLIC, timing=timing.link)
        entry = await bus.turns.take("scan", Priority.BACKGROUND)
        try:
            await bus.line.run(link.connect())
            await bus.line.run(link.disconnect())
            return ""
        except ResponseTimeout:
            if not link.receiver.dropped:
                return problem
            problem = COLLISION
        except Disconnected:
            if not bus.line.connection:
                raise
            problem = REFUSES
        except ProtocolError:
            problem = COLLISION
        finally:
            bus.turns.dropped(entry)
    return problem


async def _identify(bus: Bus, url: MeterURL, unit: int | None, place: Place, recognise: Recognise) -> Found:
    """Who answers at a place, asked as the public client. Two meters may open the link and the association with the
    same bytes, so that their collision only shows here."""
    station = bus.station(place)
    meter = CosemMeter(station, priority=Priority.BACKGROUND)
    try:
        who = await meter.identity()
    except (LinkError, ProtocolError, Refused) as error:
        damaged = isinstance(station.link, ClientLink) and station.link.receiver.damage is not None
        return Found(url, unit, None, None, COLLISION if damaged else f"connects, but does not say who it is: {error}")
    finally:
        await meter.close()
    family = recognise(who.logical_device)
    return Found(url.with_model(family), unit, family, who.info(family), "COSEM")


def check_scheme(url: MeterURL) -> None:
    """Raises ``InvalidURL`` for a place that has no line: one port of the wrapper is one meter."""
    if url.framing != "hdlc":
        raise InvalidURL(f"{url}: one port is one meter here, so there is nothing to scan; read it instead")
