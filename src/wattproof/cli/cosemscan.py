"""The HDLC lines of `wattproof scan`: address after address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wattproof.cli import output
from wattproof.errors import LinkError

if TYPE_CHECKING:
    from wattproof.drivers.cosem.scan import Progress
    from wattproof.drivers.scan import Failure, Found
    from wattproof.io.url import MeterURL

#: What the wrapper's ports speak; each is one meter.
COSEM = frozenset({"hdlc", "dlms", "dlms+udp"})


async def search_cosem(
    lines: Sequence[MeterURL],
    *,
    addresses: Sequence[int] | None,
    rates: Sequence[int],
    timeout: float | None,
    quiet: bool,
    failed: Callable[[Failure], None],
    alone: bool,
) -> list[Found]:
    """The meters on HDLC lines, several lines at once; ``rates`` are tried one after another on devices.

    Raises the first failure if there is nothing else to search, and all of the lines fail.
    """
    from rich.progress import Progress as Bar

    from wattproof.drivers.cosem import scan
    from wattproof.drivers.scan import Failure
    from wattproof.meters import registry

    for line in lines:
        scan.check_scheme(line)

    def recognise(logical_device: str) -> str:
        return registry.on_cosem(logical_device).name

    with Bar(console=output.errors(), transient=True, disable=quiet or not output.errors().is_terminal) as bar:

        async def one(line: MeterURL) -> list[Found]:
            task = bar.add_task(line.place, total=None)

            def step(progress: Progress) -> None:
                words = f"{progress.url.place} address {progress.address}, {progress.found} found"
                bar.update(task, completed=progress.done, total=progress.total, description=words)

            asked = scan.ADDRESSES if addresses is None else addresses
            settings = [line.with_options(baudrate=rate) for rate in rates if line.is_device] or [line]
            return [
                item
                for setting in settings
                async for item in scan.scan_line(
                    setting, addresses=asked, timeout=timeout, progress=step, recognise=recognise
                )
            ]

        results = await asyncio.gather(*(one(line) for line in lines), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, LinkError) or (alone and len(errors) == len(lines)):
            raise error
    for line, result in zip(lines, results, strict=True):
        if isinstance(result, LinkError):
            failed(Failure(line, result))
    return [item for result in results if not isinstance(result, BaseException) for item in result]
