"""Backup and restore: a consistent picture of a whole store in one archive, while it is read and written, and back into
either engine."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from wattproof.errors import StorageError
from wattproof.gateway.store import archive
from wattproof.gateway.store.archive import Manifest
from wattproof.gateway.store.tables import to_json

#: Told the table, how many rows are done, and how many there are about.
Progress = Callable[[str, int, int], None]
#: Rows that are moved at a time.
PART = 5000


class Source(Protocol):
    """A picture of a store at one moment."""

    schema: int

    async def tables(self) -> Mapping[str, Sequence[str]]:
        """Tables and their columns."""
        ...

    async def size(self) -> int:
        """How many rows there are in all, about."""
        ...

    def rows(self, table: str, columns: Sequence[str]) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """All rows of a table, some thousands at a time."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class Target(Protocol):
    """An empty store of a certain schema that is being filled; it is not seen by anybody before :meth:`finish`."""

    async def tables(self) -> Mapping[str, Mapping[str, str]]:
        """Tables, their columns and the types of these."""
        ...

    async def load(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        """Put rows into a table."""
        ...

    async def finish(self) -> None:
        """Bring it up to the present schema and put it in the place of what was there."""
        ...

    async def close(self) -> None:
        """Let go of it; without :meth:`finish` nothing has happened."""
        ...


def _silent(table: str, done: int, total: int) -> None:
    pass


async def backup(source: Source, path: Path, *, created: int, release: str, progress: Progress = _silent) -> Manifest:
    """Write everything into an archive. ``created``: UTC ms. ``release``: version of the package.

    Raises:
        StorageError: store or archive fail; a file that was at ``path`` is still there.
    """
    total, done = await source.size(), 0
    with archive.writing(path, schema=source.schema, created=created, release=release) as made:
        for name, columns in sorted((await source.tables()).items()):
            with made.table(name, columns) as table:
                async for rows in source.rows(name, columns):
                    table.add(rows)
                    done += len(rows)
                    progress(name, done, max(total, done))
        return made.manifest


async def restore(found: archive.Archive, target: Target, *, progress: Progress = _silent) -> Manifest:
    """Fill an empty store with what an archive holds.

    Raises:
        StorageError: the archive is damaged or does not fit, or the store fails. The store is as it was.
    """
    manifest = found.manifest
    there = await target.tables()
    total, done = sum(content.rows for content in manifest.tables.values()), 0
    for name, content in manifest.tables.items():
        if set(there.get(name, ())) != set(content.columns):
            raise StorageError(f"the backup {found.path} does not fit schema {manifest.schema}: table {name}")
        changes = _changes([there[name][column] for column in content.columns])
        for rows in found.rows(name):
            try:
                changed = [_changed(row, changes) for row in rows]
            except (ValueError, TypeError, IndexError) as error:
                raise StorageError(f"the backup {found.path} is damaged in table {name}: {error}") from error
            await target.load(name, content.columns, changed)
            done += len(rows)
            progress(name, done, total)
    await target.finish()
    return manifest


def _changes(types: Sequence[str]) -> list[tuple[int, Callable[[Any], Any]]]:
    """Columns whose values are something else in an archive, or in the other engine, than where they go."""
    known: dict[str, Callable[[Any], Any]] = {
        "blob": b64decode,
        "bytea": b64decode,
        "text": _text,
        "boolean": bool,
        "array": _list,
        "integer": _whole,
    }
    return [(place, known[kind.lower()]) for place, kind in enumerate(types) if kind.lower() in known]


def _changed(row: list[Any], changes: list[tuple[int, Callable[[Any], Any]]]) -> tuple[Any, ...]:
    for place, change in changes:
        if row[place] is not None:
            row[place] = change(row[place])
    return tuple(row)


def _text(value: Any) -> Any:
    return value if type(value) is str else to_json(value)


def _list(value: Any) -> Any:
    return msgspec.json.decode(value) if type(value) is str else value


def _whole(value: Any) -> Any:
    return int(value) if type(value) is bool else value
