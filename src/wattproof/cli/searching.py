"""What `wattproof scan` searches beside Modbus: web addresses, lines of M-Bus and of COSEM, several at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from wattproof.cli import output
from wattproof.errors import LinkError

if TYPE_CHECKING:
    from wattproof.drivers.scan import Failure, Found, LineProgress, Told
    from wattproof.io.url import MeterURL

MBUS = "mbus"
#: On the wrapper's ports there is nothing to search: each is one meter.
COSEM = frozenset({"hdlc", "dlms", "dlms+udp"})

#: Searches one line, and tells how far it is.
SearchLine = Callable[["MeterURL", "Told"], AsyncIterator["Found"]]


async def search_places(
    places: Sequence[MeterURL],
    search: Callable[[MeterURL], Awaitable[list[Found]]],
    failed: Callable[[Failure], None],
    *,
    alone: bool,
) -> list[Found]:
    """What ``search`` finds at each place, all of them searched at once; ``failed`` is told of those that cannot be.

    Raises the first failure if all of the places fail and there is nothing else to search (``alone``).
    """
    from wattproof.drivers.scan import Failure

    results = await asyncio.gather(*(search(place) for place in places), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, LinkError) or (alone and len(errors) == len(places)):
            raise error
    for place, result in zip(places, results, strict=True):
        if isinstance(result, LinkError):
            failed(Failure(place, result))
    return [item for result in results if not isinstance(result, BaseException) for item in result]


async def search_lines(
    lines: Sequence[MeterURL],
    search: SearchLine,
    failed: Callable[[Failure], None],
    *,
    rates: Sequence[int],
    quiet: bool,
    alone: bool,
) -> list[Found]:
    """The meters on lines, with a progress bar for each; ``rates`` are tried one after another on devices."""
    from rich.progress import Progress

    with Progress(console=output.errors(), transient=True, disable=quiet or not output.errors().is_terminal) as bar:

        async def one(line: MeterURL) -> list[Found]:
            task = bar.add_task(line.place, total=None)

            def step(progress: LineProgress) -> None:
                words = f"{progress.url.place} address {progress.where}, {progress.found} found"
                bar.update(task, completed=progress.done, total=progress.total, description=words)

            settings = [line.with_options(baudrate=rate) for rate in rates if line.is_device] or [line]
            return [item for setting in settings async for item in search(setting, step)]

        return await search_places(lines, one, failed, alone=alone)


def on_mbus(addresses: Sequence[int] | None, *, secondary: bool, timeout: float | None) -> SearchLine:
    """How a line of M-Bus is searched: primary ``addresses``, or by wild cards."""
    from wattproof.drivers.mbus import scan
    from wattproof.meters import registry

    asked = scan.ADDRESSES if addresses is None else addresses

    def recognise(manufacturer: str, medium: int) -> str:
        return registry.on_mbus(manufacturer, medium).name

    return lambda line, step: scan.scan_line(
        line, secondary=secondary, addresses=asked, timeout=timeout, progress=step, recognise=recognise
    )


def on_cosem(addresses: Sequence[int] | None, *, timeout: float | None) -> SearchLine:
    """How a line of HDLC is searched: address after address."""
    from wattproof.drivers.cosem import scan
    from wattproof.meters import registry

    asked = scan.ADDRESSES if addresses is None else addresses

    def recognise(logical_device: str) -> str:
        return registry.on_cosem(logical_device).name

    return lambda line, step: scan.scan_line(line, addresses=asked, timeout=timeout, progress=step, recognise=recognise)
