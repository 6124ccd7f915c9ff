"""`wattproof backup`: everything that a gateway has stored, as one file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.gateway import settings_of
from wattproof.cli.simulate import run_loop
from wattproof.cli.storing import progress

if TYPE_CHECKING:
    from wattproof.gateway.config import Config


def command(
    *,
    data: Path | None = None,
    config: Path | None = None,
    output_file: Annotated[Path | None, Parameter(name="--output")] = None,
    json: bool = False,
) -> int:
    """Back up everything that a gateway has stored, while it runs or not.

    The file holds the store as it was at one moment, and can be restored into SQLite and PostgreSQL alike. It contains
    password hashes and signed records: only its owner may read it. Certificate and key of the web server lie beside the
    store and are not in it.

    Examples:

        wattproof backup --data /var/lib/wattproof --output monday.zip
        wattproof backup --config gateway.toml --json

    Parameters
    ----------
    data
        The gateway's data directory (default: ~/.local/share/wattproof).
    config
        The gateway's configuration file (default: gateway.toml in the data directory, if it is there).
    output_file
        The file to write (default: wattproof-TIME.zip in the present folder).
    json
        Print a summary as JSON.
    """
    return run_loop(_backup(settings_of(config, data), output_file, json))


async def _backup(settings: Config, path: Path | None, json: bool) -> int:
    from wattproof.gateway.store.backup import backup
    from wattproof.gateway.store.opening import open_source
    from wattproof.io.clock import SystemClock
    from wattproof.version import __version__

    now = SystemClock().time() // 10**6
    if path is None:
        path = Path(datetime.fromtimestamp(now // 1000, UTC).strftime("wattproof-%Y%m%dT%H%M%SZ.zip"))
    source = await open_source(settings.store_url, settings.data, password_file=settings.store_password_file)
    try:
        with progress(json) as advance:
            made = await backup(source, path, created=now, release=__version__, progress=advance)
    finally:
        await source.close()
    rows = sum(table.rows for table in made.tables.values())
    if json:
        tables = {name: table.rows for name, table in made.tables.items()}
        output.print_json({"output": str(path), "schema": made.schema, "rows": rows, "tables": tables})
    else:
        output.say(f"{path}: {rows} rows of {len(made.tables)} tables")
    return 0
