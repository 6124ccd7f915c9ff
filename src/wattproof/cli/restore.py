"""`wattproof restore`: a backup back into a gateway's store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattproof.cli import output
from wattproof.cli.gateway import settings_of
from wattproof.cli.simulate import run_loop
from wattproof.cli.storing import progress
from wattproof.errors import UsageError

if TYPE_CHECKING:
    from wattproof.gateway.config import Config


def command(
    file: Path,
    *,
    data: Path | None = None,
    config: Path | None = None,
    replace: bool = False,
    check: bool = False,
    json: bool = False,
) -> int:
    """Put a backup into the store of a gateway that is not running.

    Nothing changes before the whole file has been read and found whole. What was in the store is kept under another
    name: SQLite's file beside the new one, PostgreSQL's tables in another schema.

    Examples:

        wattproof restore monday.zip --check
        wattproof restore monday.zip --data /var/lib/wattproof --replace
        wattproof restore monday.zip --config gateway-on-postgresql.toml

    Parameters
    ----------
    file
        The backup.
    data
        The gateway's data directory (default: ~/.local/share/wattproof).
    config
        The gateway's configuration file (default: gateway.toml in the data directory, if it is there).
    replace
        Put it in the place of a store that has content.
    check
        Read the file and compare its sums, and change nothing.
    json
        Print a summary as JSON.
    """
    from wattproof.gateway.store import archive

    if check:
        return _say(file, archive.check(file), None, json)
    return run_loop(_restore(settings_of(config, data), file, replace, json))


async def _restore(settings: Config, file: Path, replace: bool, json: bool) -> int:
    from wattproof.gateway.store import archive, chain
    from wattproof.gateway.store.backup import restore
    from wattproof.gateway.store.opening import open_store, open_target
    from wattproof.io.clock import SystemClock
    from wattproof.io.journal import DirectoryInUse, DirectoryLock

    options: dict[str, Any] = {"password_file": settings.store_password_file}
    where = (settings.store_url, settings.data)
    with archive.reading(file) as found:
        try:
            lock = DirectoryLock(settings.data)
        except DirectoryInUse as error:
            raise UsageError(str(error)) from error
        with lock:
            target = await open_target(*where, found.manifest.schema, SystemClock(), replace=replace, **options)
            try:
                with progress(json) as advance:
                    made = await restore(found, target, progress=advance)
            finally:
                await target.close()
            store = await open_store(*where, **options)
            try:
                entries, _ = await chain.check(store.audit())
            finally:
                await store.close()
    return _say(file, made, entries, json)


def _say(file: Path, made: Any, entries: int | None, json: bool) -> int:
    rows = sum(table.rows for table in made.tables.values())
    created = datetime.fromtimestamp(made.created / 1000, UTC).isoformat(timespec="milliseconds")
    if json:
        summary = {
            "backup": str(file),
            "created": created,
            "release": made.release,
            "schema": made.schema,
            "rows": rows,
        }
        output.print_json({**summary, "restored": entries is not None, "audit_entries": entries})
        return 0
    done = "is whole" if entries is None else f"restored; the audit log of {entries} entries holds"
    output.say(f"{file} of {created}, {rows} rows: {done}")
    return 0
