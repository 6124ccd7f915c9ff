"""`wattproof scan`: who is on a bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.meter import positive
from wattproof.errors import InvalidValue, UsageError

if TYPE_CHECKING:
    from wattproof.drivers.scan import Failure, Found, Probe
    from wattproof.io.url import MeterURL


#: Seconds given to a unit of Modbus.
TIMEOUT = 0.3
PRIMARY_LIMIT = 250


def command(
    *bus_urls: Annotated[str, Parameter(allow_leading_hyphen=False)],
    units: str = "",
    secondary: bool = False,
    baudrates: str = "",
    timeout: float | None = None,
    json: bool = False,
) -> int:
    """Find the meters on a bus, or at a web address.

    Every unit is asked; what answers is recognised by the known meter families. Several buses are searched at once. A
    bus that cannot be searched is named on stderr; exit code 4 if that is true of all. A web address is asked once,
    and once a channel if that is a display. On M-Bus primary addresses are asked, or all numbers by wild cards, on HDLC
    physical addresses.

    Examples:

        wattproof scan tcp://192.168.1.20:502
        wattproof scan 'tcp://192.168.1.20:502?unit=42'
        wattproof scan 'rtu:///dev/ttyUSB0?parity=E' --baudrates 9600,19200,115200
        wattproof scan tcp://192.168.1.20:502 --units 1-10,42 --json
        wattproof scan http://192.168.1.1 tcp://192.168.1.20:502
        wattproof scan 'mbus:///dev/ttyUSB1?baudrate=2400' --units 1-16
        wattproof scan mbus://192.168.1.30:10001 --secondary
        wattproof scan 'hdlc:///dev/ttyUSB1?baudrate=115200' --units 17-49

    Parameters
    ----------
    bus_urls
        Lines to search.
    units
        Unit identifiers to ask, such as 1-10,42; on a bus whose address has ?unit= that one alone. By default 1-247,
        on M-Bus the primary addresses 0-250, on HDLC 16-125; there ?address= names a single one.
    secondary
        On M-Bus search by identification numbers instead, which finds meters whatever their primary address.
    baudrates
        Bit rates to try one after another on serial devices.
    timeout
        Seconds given to each unit: 0.3, on M-Bus and HDLC as long as the line asks for.
    json
        Print JSON.
    """
    if not bus_urls:
        raise UsageError("no bus: give its address, such as tcp://192.168.1.20:502 or rtu:///dev/ttyUSB0?parity=E")
    positive(timeout, "--timeout", "seconds")
    failures: list[Failure] = []
    asked = numbers(units, "--units", 0, 255) if units else None
    plan = Plan(asked, secondary, _rates(baudrates), timeout, json)
    found = asyncio.run(_scan(bus_urls, plan, failures.append))
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked on each bus. ``units``: ``None`` for all of them; ``quiet``: no progress bar."""

    units: Sequence[int] | None
    secondary: bool
    rates: Sequence[int]
    timeout: float | None
    quiet: bool


async def _scan(urls: Sequence[str], plan: Plan, failed: Callable[[Failure], None]) -> list[Found]:
    from wattproof.cli.searching import COSEM, MBUS, on_cosem, on_mbus, search_lines, search_places
    from wattproof.io.url import parse_url
    from wattproof.io.web import SCHEMES

    places = [parse_url(url) for url in urls]
    if plan.secondary and not any(place.framing == MBUS for place in places):
        raise UsageError("--secondary searches by identification numbers of M-Bus: give a bus such as mbus://HOST:PORT")
    sites = [place for place in places if place.scheme in SCHEMES]
    buses = [place for place in places if place.framing == MBUS]
    links = [place for place in places if place.framing in COSEM]
    lines = [place for place in places if place not in sites and place not in buses and place not in links]
    found: list[Found] = []
    if sites:
        from wattproof.meters.connecting import at_site

        found += await search_places(sites, at_site, failed, alone=len(sites) == len(places))
    if buses:
        ways = on_mbus(_primary(plan.units), secondary=plan.secondary, timeout=plan.timeout)
        alone = len(buses) == len(places)
        found += await search_lines(buses, ways, failed, rates=plan.rates, quiet=plan.quiet, alone=alone)
    if links:
        from wattproof.drivers.cosem.scan import check_scheme

        for link in links:
            check_scheme(link)
        ways, alone = on_cosem(plan.units, timeout=plan.timeout), len(links) == len(places)
        found += await search_lines(links, ways, failed, rates=plan.rates, quiet=plan.quiet, alone=alone)
    return [*found, *(await _search_modbus(lines, plan, failed) if lines else ())]


async def _search_modbus(lines: Sequence[MeterURL], plan: Plan, failed: Callable[[Failure], None]) -> list[Found]:
    """The meters on lines of Modbus."""
    from rich.progress import Progress

    from wattproof.drivers import scan

    hidden = plan.quiet or not output.errors().is_terminal
    with Progress(console=output.errors(), transient=True, disable=hidden) as bar:
        task = bar.add_task("searching", total=None)

        def step(progress: scan.Progress) -> None:
            words = f"{progress.url.place} unit {progress.unit}, {progress.found} found"
            bar.update(task, completed=progress.done, total=progress.total, description=words)

        units = scan.UNITS if plan.units is None else plan.units
        timeout = TIMEOUT if plan.timeout is None else plan.timeout
        found = scan.scan(
            lines, probes(), units=units, baudrates=plan.rates, timeout=timeout, progress=step, failed=failed
        )
        return [item async for item in found]


def _primary(units: Sequence[int] | None) -> Sequence[int] | None:
    """Raises :class:`~wattproof.errors.InvalidValue` for what is no primary address of M-Bus."""
    if units is not None and max(units) > PRIMARY_LIMIT:
        raise InvalidValue(f"--units {max(units)}: primary addresses on M-Bus are 0 to {PRIMARY_LIMIT}")
    return units


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
