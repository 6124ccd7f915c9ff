"""`wattproof scan`: who is on a bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.meter import positive
from wattproof.errors import InvalidValue, LinkError, UsageError

if TYPE_CHECKING:
    from wattproof.drivers.scan import Failure, Found, Probe
    from wattproof.io.url import MeterURL


def command(
    *bus_urls: Annotated[str, Parameter(allow_leading_hyphen=False)],
    units: str = "1-247",
    baudrates: str = "",
    timeout: float = 0.3,
    json: bool = False,
) -> int:
    """Find the meters on a bus, or at a web address.

    Every unit is asked; what answers is recognised by the known meter families. Several buses are searched at once. A
    bus that cannot be searched is named on stderr; exit code 4 if that is true of all. A web address is asked once,
    and once a channel if that is a display.

    Examples:

        wattproof scan tcp://192.168.1.20:502
        wattproof scan 'tcp://192.168.1.20:502?unit=42'
        wattproof scan 'rtu:///dev/ttyUSB0?parity=E' --baudrates 9600,19200,115200
        wattproof scan tcp://192.168.1.20:502 --units 1-10,42 --json
        wattproof scan http://192.168.1.1 tcp://192.168.1.20:502

    Parameters
    ----------
    bus_urls
        Lines to search.
    units
        Unit identifiers to ask, such as 1-10,42; on a bus whose address has ?unit= that one alone.
    baudrates
        Bit rates to try one after another on serial devices.
    timeout
        Seconds given to each unit.
    json
        Print JSON.
    """
    if not bus_urls:
        raise UsageError("no bus: give its address, such as tcp://192.168.1.20:502 or rtu:///dev/ttyUSB0?parity=E")
    positive(timeout, "--timeout", "seconds")
    failures: list[Failure] = []
    asked = numbers(units, "--units", 0, 255)
    found = asyncio.run(_scan(bus_urls, asked, _rates(baudrates), timeout, json, failures.append))
    for failure in failures:
        output.warn(f"not searched: {failure.url}: {failure.error}")
    meters = merged(found)
    if json:
        output.print_json(
            {
                "meters": [{**found_dict(item), "units": units_of} for item, units_of in meters],
                "failures": [{"url": str(failure.url), "error": str(failure.error)} for failure in failures],
            }
        )
    elif meters:
        rows = [
            (
                str(item.url),
                units_text(units_of),
                item.family or "unknown",
                item.info.serial if item.info else "",
                " ".join((item.info.manufacturer, item.info.type)) if item.info else item.answer,
            )
            for item, units_of in meters
        ]
        output.show(output.table(("Address", "Unit", "Model", "Serial number", "What it is"), rows, right="Unit"))
    else:
        output.say("nothing answered")
    return 0


async def _scan(
    urls: Sequence[str],
    units: list[int],
    rates: list[int],
    timeout: float,
    quiet: bool,
    failed: Callable[[Failure], None],
) -> list[Found]:
    from rich.progress import Progress

    from wattproof.drivers import scan
    from wattproof.io.url import parse_url
    from wattproof.io.web import SCHEMES

    places = [parse_url(url) for url in urls]
    lines = [place for place in places if place.scheme not in SCHEMES]
    sites = [place for place in places if place.scheme in SCHEMES]
    at_sites = await _search_sites(sites, failed, alone=not lines)
    if not lines:
        return at_sites
    with Progress(console=output.errors(), transient=True, disable=quiet or not output.errors().is_terminal) as bar:
        task = bar.add_task("searching", total=None)

        def step(progress: scan.Progress) -> None:
            words = f"{progress.url.place} unit {progress.unit}, {progress.found} found"
            bar.update(task, completed=progress.done, total=progress.total, description=words)

        found = scan.scan(lines, probes(), units=units, baudrates=rates, timeout=timeout, progress=step, failed=failed)
        return [*at_sites, *[item async for item in found]]


async def _search_sites(sites: Sequence[MeterURL], failed: Callable[[Failure], None], *, alone: bool) -> list[Found]:
    """The meters at web addresses. Raises the first failure if there is nothing else, and all of them fail."""
    from wattproof.drivers.scan import Failure
    from wattproof.meters.connecting import at_site

    results = await asyncio.gather(*(at_site(site) for site in sites), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, LinkError) or (alone and len(errors) == len(sites)):
            raise error
    for site, result in zip(sites, results, strict=True):
        if isinstance(result, LinkError):
            failed(Failure(site, result))
    return [item for result in results if not isinstance(result, BaseException) for item in result]


def probes() -> list[Probe]:
    """The probes of all families, the special ones first."""
    from wattproof.drivers.scan import Probe
    from wattproof.meters import registry

    return [Probe(row.name, row.load("probe")) for row in registry.probing()]


def merged(found: Sequence[Found]) -> list[tuple[Found, list[int]]]:
    """Each meter once, with all units at which it answers: on Modbus TCP some answer at every one.

    Two units of one line are one meter if they show the same public key.
    """
    meters: dict[object, tuple[Found, list[int]]] = {}
    for item in found:
        key = item.info.public_key if item.info else None
        same: object = (item.url.place, key) if key is not None and item.unit is not None else id(item)
        kept = meters.setdefault(same, (item, []))
        if item.unit is not None:
            kept[1].append(item.unit)
    return list(meters.values())


def units_text(units: Sequence[int]) -> str:
    """Units as a list of ranges: ``1-247``, ``5, 7-9``; nothing where there are none."""
    ranges: list[list[int]] = []
    for unit in sorted(units):
        if ranges and unit == ranges[-1][1] + 1:
            ranges[-1][1] = unit
        else:
            ranges.append([unit, unit])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def found_dict(item: Found) -> dict[str, Any]:
    """One found unit for JSON."""
    info = item.info
    return {
        "url": str(item.url),
        "unit": item.unit,
        "model": item.family,
        "variant": info.variant if info else None,
        "serial": info.serial if info else None,
        "manufacturer": info.manufacturer if info else None,
        "type": info.type if info else None,
        "firmware": info.firmware if info else None,
        "answer": item.answer,
    }


def numbers(text: str, option: str, low: int, high: int) -> list[int]:
    """Numbers of a list such as ``1-10,42``, each once. Raises :class:`~wattproof.errors.InvalidValue`."""
    result: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise InvalidValue(f"{option} {text}: write numbers and ranges, such as {low}-{high} or 1,5,42")
        begin, end = int(first), int(last or first)
        if not low <= begin <= end <= high:
            raise InvalidValue(f"{option} {text}: {part.strip()} is not between {low} and {high}, ascending")
        result.update(dict.fromkeys(range(begin, end + 1)))
    return list(result)


def _rates(text: str) -> list[int]:
    return numbers(text, "--baudrates", 50, 4_000_000) if text else []
