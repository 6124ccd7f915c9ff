"""Who is on an M-Bus line? Primary addresses one after the other, or secondary addresses by wild cards.

What is found comes as soon as it is known, as `wattproof.drivers.scan.Found`: who it is by its telegram, or in
``answer`` what is wrong (abb-meters.md 1.5, 1.6).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace

from wattproof.drivers.mbus.address import Address, address_of
from wattproof.drivers.mbus.bus import Bus
from wattproof.drivers.mbus.line import Line, line_of
from wattproof.drivers.mbus.meter import MbusMeter, describe
from wattproof.drivers.mbus.readout import Readout
from wattproof.drivers.scan import Found, LineProgress, Told, untold
from wattproof.errors import LinkError, ProtocolError, ResponseTimeout
from wattproof.io.clock import SystemClock
from wattproof.io.url import MeterURL
from wattproof.model.devices import DeviceInfo
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.ci_fields import SELECT
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.frames import SELECTED, Long, req_ud2, snd_nke
from wattproof.wire.mbus.master import Exchange, selection
from wattproof.wire.mbus.media import medium_name
from wattproof.wire.mbus.receivers import Expect
from wattproof.wire.mbus.search import Finding, Search, scan
from wattproof.wire.mbus.telegrams import Telegram
from wattproof.wire.mbus.timing import Wait

#: Primary addresses that meters have; 0 is one that nobody has set.
ADDRESSES = range(251)
#: Names the family of a meter by its manufacturer's letters and its medium.
Recognise = Callable[[str, int], str]
DUPLICATE = "duplicate identification number"
#: A search tells how far it is in thousandths: by the first digits of the number under way.
PARTS_DIGITS, PARTS = 3, 1000


def _any_meter(manufacturer: str, medium: int) -> str:
    return MbusMeter.family


async def scan_primary(
    bus: Bus,
    url: MeterURL,
    addresses: Iterable[int] = ADDRESSES,
    progress: Told = untold,
    *,
    recognise: Recognise = _any_meter,
) -> AsyncGenerator[Found, None]:
    """The meters at primary addresses; two at one address are told as a collision, never as a meter.

    Polls of the bus go on between two addresses.

    Raises ``Unreachable``, ``Disconnected``.
    """
    asked = list(addresses)
    found = 0
    for done, address in enumerate(asked, 1):
        async with bus.whole_line() as line:
            findings = await line.run(scan((address,)))
        for finding in findings:
            found += 1
            yield _primary(finding, url, recognise)
        progress(LineProgress(url, str(address), done, len(asked), found))


def _primary(finding: Finding, url: MeterURL, recognise: Recognise) -> Found:
    answer = finding.answer
    place = url.line.with_options(address=finding.address)
    if not isinstance(answer, Telegram | FixedData):
        return Found(place, finding.address, None, None, finding.problem or f"{answer} instead of a telegram")
    who = finding.identification
    family = MbusMeter.family if who is None else recognise(who.letters, who.medium)
    return Found(place.with_model(family), finding.address, family, describe(Readout((answer,)), family), "telegram")


async def scan_secondary(
    bus: Bus,
    url: MeterURL,
    progress: Told = untold,
    *,
    prefix: str = "",
    versions: bool = False,
    recognise: Recognise = _any_meter,
) -> AsyncGenerator[Found, None]:
    """The meters by their identification numbers, those that begin with ``prefix``, in the order of their numbers.

    Several meters with one number are told as duplicates; ``versions``: try to tell them apart by their versions, which
    takes 255 selections. Telegrams of several meters that come in the very same moment may look like one of a meter
    that does not exist, so each is selected once more by all that it says. Who breaks off leaves nobody selected.

    Raises ``Unreachable``, ``Disconnected``.
    """
    hunt = _Hunt(url, recognise, versions)
    async with bus.whole_line() as line:
        try:
            async with aclosing(hunt.below(line, prefix, progress)) as found:
                async for item in found:
                    yield item
        finally:
            if not hunt.over:
                await _deselect(line)


class _Hunt:
    """One search on one line: what it has told, and whether it came to its end."""

    def __init__(self, url: MeterURL, recognise: Recognise, versions: bool) -> None:
        self.over = False
        self._url = url
        self._recognise = recognise
        self._versions = versions
        self._found: set[SecondaryAddress] = set()
        self._told: set[tuple[str, str]] = set()

    async def below(self, line: Line, prefix: str, progress: Told) -> AsyncGenerator[Found, None]:
        """The meters whose numbers begin with these digits."""
        pending = [prefix]
        while pending:
            search = Search(versions=self._versions)
            steps, mask, told = search.steps(pending.pop()), "", 0
            step: Exchange | None = next(steps)
            while step is not None:
                mask = _mask(step) or mask
                outcome = await line.exchange(step)
                try:
                    step = steps.send(outcome)
                except StopIteration:
                    step = None
                for who in search.found[told:]:
                    told += 1
                    if await _is_there(line, who):
                        self._found.add(who)
                        yield self._meter(who)
                    elif "F" in mask:
                        pending.append(mask.rstrip("F"))
                    else:
                        search.duplicates.append(mask)
                for item in self._problems(search):
                    yield item
                if step is not None and (number := _mask(step)):
                    progress(self._progress(number))
        self.over = True
        progress(LineProgress(self._url, "", PARTS, PARTS, len(self._found)))

    def _meter(self, who: SecondaryAddress) -> Found:
        family = self._recognise(who.letters, who.medium)
        info = DeviceInfo(family, None, who.letters, medium_name(who.medium), who.number, f"{who.version:02X}", None)
        place = self._url.line.with_model(family).with_options(address=Address.of(who))
        return Found(place, None, family, info, "telegram")

    def _problems(self, search: Search) -> Iterator[Found]:
        """Numbers that are no single meter's, each once."""
        for numbers, what in ((search.duplicates, DUPLICATE), (search.unknown, "a telegram without identification")):
            for number in numbers:
                if (number, what) not in self._told:
                    self._told.add((number, what))
                    yield Found(self._url.line.with_options(address=number), None, None, None, what)

    def _progress(self, number: str) -> LineProgress:
        """How far it is: where the mask under way begins among all numbers."""
        done = int(number[:PARTS_DIGITS].replace("F", "0"))
        return LineProgress(self._url, number, done, PARTS, len(self._found))


def _mask(step: Exchange) -> str:
    """The number that a step selects, "" if it selects none."""
    request = step.request
    if not isinstance(request, Long) or request.ci != SELECT:
        return ""
    return Selection.decode(request.data).mask.number


async def _is_there(line: Line, who: SecondaryAddress) -> bool:
    """Whether anybody lets itself be selected by this very address, acknowledged or not."""
    await line.exchange(Exchange(snd_nke(SELECTED), Expect.ACK, Wait.ACK))
    if await line.exchange(Exchange(selection(who), Expect.ACK, Wait.ACK)) is not None:
        return True
    answer = await line.exchange(Exchange(req_ud2(SELECTED, fcb=True), Expect.RESPONSE, Wait.RESPONSE))
    return answer is not None


async def _deselect(line: Line) -> None:
    """Leave nobody selected. Whoever broke off has an error of his own."""
    with suppress(LinkError):
        await line.exchange(Exchange(snd_nke(SELECTED), Expect.ACK, Wait.ACK))


async def scan_one(
    bus: Bus, url: MeterURL, address: Address, *, recognise: Recognise = _any_meter
) -> AsyncGenerator[Found, None]:
    """The meter with this secondary address, if it is there.

    Raises ``Unreachable``, ``Disconnected``.
    """
    meter = MbusMeter(bus, address)
    try:
        info = await meter.info()
    except ResponseTimeout:
        return
    except ProtocolError as error:
        yield Found(url, None, None, None, str(error))
        return
    family = recognise(*meter.maker_and_medium)
    yield Found(url.with_model(family), None, family, replace(info, model=family), "telegram")


async def scan_line(
    url: MeterURL,
    *,
    secondary: bool = False,
    addresses: Iterable[int] = ADDRESSES,
    timeout: float | None = None,
    progress: Told = untold,
    recognise: Recognise = _any_meter,
) -> AsyncIterator[Found]:
    """Open the line of an address, and search it; of one with ``?address=`` this address alone.

    ``timeout`` seconds are given to each address that does not answer.

    Raises ``Unreachable``, ``Disconnected``.
    """
    place = url if timeout is None or "timeout" in url.options else url.with_options(timeout=timeout)
    bus = Bus(line_of(place, clock=SystemClock()))
    named = address_of(url) if "address" in url.options else None
    try:
        if named is not None and named.secondary is not None and "F" not in named.secondary.number:
            found = scan_one(bus, url, named, recognise=recognise)
        elif named is not None and named.secondary is not None:
            found = scan_secondary(bus, url, progress, prefix=named.secondary.number.rstrip("F"), recognise=recognise)
        elif secondary:
            found = scan_secondary(bus, url, progress, recognise=recognise)
        else:
            asked = addresses if named is None else (named.primary,)
            found = scan_primary(bus, url, asked, progress, recognise=recognise)
        async with aclosing(found):
            async for item in found:
                yield item
    finally:
        await bus.close()


def scanned(found: Found) -> dict[str, str]:
    """A found meter as the gateway's JSON interface lists it: serial number, protocol, address (g13-api.md 35)."""
    protocol = 2 if found.url.switch("ir") else 1
    serial = found.info.serial if found.info is not None else ""
    return {"serial": serial, "protocol": str(protocol), "address": found.url.options["address"]}
