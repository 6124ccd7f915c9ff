"""`wattproof export`: readings, load profiles and signed records of a gateway as CSV or Parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.gateway import settings_of
from wattproof.cli.simulate import run_loop
from wattproof.cli.storing import When, progress
from wattproof.errors import UsageError

if TYPE_CHECKING:
    from wattproof.gateway.config import Config
    from wattproof.gateway.store.export import Wanted

#: Steps of the progress bar.
_STEPS = 1000


def command(
    what: Literal["readings", "profiles", "records"],
    *,
    data: Path | None = None,
    config: Path | None = None,
    from_: Annotated[When, Parameter(name="--from")] = None,
    to: When = None,
    meter: Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=False)] = (),
    format: Literal["csv", "parquet"] | None = None,
    output_file: Annotated[Path | None, Parameter(name="--output")] = None,
    json: bool = False,
) -> int:
    """Export what a gateway has stored, while it runs or not.

    `readings` are values as they were polled, a line each; `profiles` the closed intervals of the load profiles that
    the gateway itself keeps (what a meter records, such as an ABB meter, is read from it over the interface);
    `records` the signed records of charging sessions. Values are exact decimal numbers in the unit beside them; times
    are UTC. Without --output, CSV goes to standard output.

    Examples:

        wattproof export readings --from 2026-11-01 --to 2026-12-01 --output november.parquet
        wattproof export profiles --meter 00123456 --output profile.csv
        wattproof export records > records.csv

    Parameters
    ----------
    what
        readings, profiles or records.
    data
        The gateway's data directory (default: ~/.local/share/wattproof).
    config
        The gateway's configuration file (default: gateway.toml in the data directory, if it is there).
    from_
        From this time on, such as 2026-11-30 or 2026-11-30T12:00:00+01:00; UTC unless it says otherwise.
    to
        Before this time.
    meter
        Only the meter with this serial number; may be given several times.
    format
        csv or parquet (default: by the name of the file, else csv).
    output_file
        The file to write. Needed for Parquet and with --json.
    json
        Print a summary as JSON.
    """
    if from_ is not None and to is not None and from_ >= to:
        raise UsageError("--from must be before --to")
    kind = format or ("parquet" if output_file is not None and output_file.suffix == ".parquet" else "csv")
    if output_file is None and (json or kind != "csv"):
        raise UsageError("this needs a file: give one with --output")
    settings = settings_of(config, data)
    return run_loop(_export(settings, what, meter, (from_, to), kind, output_file, json))


async def _export(
    settings: Config,
    what: str,
    meters: tuple[str, ...],
    times: tuple[int | None, int | None],
    kind: str,
    path: Path | None,
    json: bool,
) -> int:
    from wattproof.gateway.store.export import EXPORTS, Wanted
    from wattproof.gateway.store.export_files import FORMATS, CSVFile
    from wattproof.gateway.store.opening import open_reader
    from wattproof.io.clock import SystemClock

    first, before = times
    now = SystemClock().time() // 10**6
    wanted = Wanted(now, meters, first, None if before is None else before - 1)
    reader = await open_reader(settings.store_url, settings.data, password_file=settings.store_password_file)
    try:
        for serial in meters:
            if await reader.meter(serial) is None:
                raise UsageError(f"the gateway has no meter {serial!r}")
        columns = EXPORTS[what].columns
        if path is None:
            await _write(reader, what, wanted, CSVFile(sys.stdout, columns), quiet=True)
            return 0
        with FORMATS[kind](path, columns) as file:
            rows = await _write(reader, what, wanted, file, quiet=json)
    finally:
        await reader.close()
    if json:
        output.print_json({"what": what, "output": str(path), "format": kind, "rows": rows})
    else:
        output.say(f"{path}: {rows} rows")
    return 0


async def _write(reader: Any, what: str, wanted: Wanted, file: Any, *, quiet: bool) -> int:
    from wattproof.gateway.store.export import EXPORTS

    rows = 0
    with progress(quiet) as advance:
        async for part, share in EXPORTS[what].parts(reader, wanted):
            file.add(part)
            rows += len(part)
            advance(what, round(share * _STEPS), _STEPS)
    return rows
