"""Sessions whose records lie in different files: found by their transaction, and judged again as one.

Rows of one transaction that do not follow each other belong together if they name a meter in common, or if none of
them is a session by itself. DuckDB finds the transactions: it sorts and groups more than fits into memory.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow
from pyarrow import dataset

from wattproof.errors import StorageError, UsageError
from wattproof.signed.entries import enter
from wattproof.signed.limits import DEFAULT
from wattproof.signed.scale.parts import Part, address, load, store
from wattproof.signed.scale.places import Folder
from wattproof.signed.scale.tables import KEPT, RECORDS, Kept, packed, unpacked
from wattproof.signed.sources import rows
from wattproof.signed.sources.pieces import Piece
from wattproof.signed.sources.source import Place
from wattproof.signed.sources.unwrap import one_row
from wattproof.signed.units import KeyText, Unit

#: Rows of transactions that are judged as one task, bytes of them, and rows that are taken at once.
_BATCH, _BATCH_SIZE, _FETCH = 5000, 4 * 1024 * 1024, 32
_MEMORY = "256MB"

#: Ordinal of a part in a run, and number of a group in it.
GroupId = tuple[int, int]


@dataclass(slots=True)
class Transaction:
    """The rows of one transaction, by group, as they were kept."""

    id: bytes
    groups: dict[GroupId, list[bytes]] = field(default_factory=dict)


@dataclass(slots=True)
class Split:
    """Transactions whose rows are in several groups; ``left`` counts those with too many or too long rows."""

    transactions: Iterator[Transaction]
    left: int


def split(folder: Folder, parts: Sequence[Part]) -> Split:
    """The transactions that have rows in more than one group of these parts, each with all its rows."""
    try:
        import duckdb
    except ImportError as error:
        raise UsageError("--results needs the extra: pip install 'wattproof[analytics]'") from error
    names = {part.address: part for part in parts}  # of several with the same content one
    if not names:
        return Split(iter(()), 0)
    files, _ = folder.files()
    paths = [folder.full(part.table("records")) for part in names.values()]
    records = dataset.dataset(paths, schema=RECORDS, format="parquet", filesystem=files)
    runs = pyarrow.table({"part": [p.address for p in parts], "ordinal": range(len(parts))})
    renamed = [(names[part.address].name, part.piece.name) for part in parts]
    database = duckdb.connect(config={"memory_limit": _MEMORY, "threads": 2, "temp_directory": tempfile.gettempdir()})
    database.register("runs", runs)
    try:
        database.register("records", _scanner(records, ["part", "group", "row_transaction", "row_size"]))
        database.execute(
            """create temp table found as
            select row_transaction, count(*) <= $most and sum(row_size) <= $size and max(row_size) <= $row as few
            from records join runs using (part) where row_transaction is not null
            group by row_transaction having count(distinct (ordinal, "group")) > 1""",
            {"most": DEFAULT.units, "size": DEFAULT.document, "row": KEPT},
        ).fetchall()
        ((left,),) = database.execute("select count(*) from found where not few").fetchall()
        database.register("records", _scanner(records, ["part", "group", "row_transaction", "row"]))
        rows = database.execute(
            """select row_transaction, ordinal, "group", row from records join runs using (part)
            where row_transaction in (select row_transaction from found where few)
            order by row_transaction, ordinal, "group" """
        )
    except duckdb.Error as error:
        raise _failed(folder, error) from error
    return Split(_transactions(rows, database, folder, renamed), left)


def _scanner(records: Any, columns: list[str]) -> Any:
    """These columns, read not far ahead of what is wanted."""
    return records.scanner(columns=columns, batch_size=4096, batch_readahead=2, fragment_readahead=1, use_threads=False)


def _failed(folder: Folder, error: Exception) -> StorageError:
    return StorageError(f"{folder.name}: the sessions in several places cannot be found: {error}")


def _transactions(
    rows: Any, database: Any, folder: Folder, renamed: Sequence[tuple[str, str]]
) -> Iterator[Transaction]:
    """The transactions of rows in their order; ``renamed``: the name of each file when it was judged, and now."""
    current: Transaction | None = None
    for id, ordinal, group, data in _fetched(rows, folder):
        if current is None or id != current.id:
            if current is not None:
                yield current
            current = Transaction(id)
        current.groups.setdefault((ordinal, group), []).append(_named(data, *renamed[ordinal]))
    if current is not None:
        yield current
    database.close()


def _fetched(rows: Any, folder: Folder) -> Iterator[tuple[bytes, int, int, bytes]]:
    import duckdb

    try:
        while batch := rows.fetchmany(_FETCH):
            yield from batch
    except duckdb.Error as error:  # no room to sort them
        raise _failed(folder, error) from error


def _named(data: bytes, old: str, new: str) -> bytes:
    if old == new:
        return data
    source, container, row = unpacked(data)
    return packed(new + source.removeprefix(old), container, row)


def batches(transactions: Iterator[Transaction]) -> Iterator[list[Transaction]]:
    """Transactions in batches of some thousand rows, or some megabytes."""
    batch: list[Transaction] = []
    count = size = 0
    for each in transactions:
        batch.append(each)
        count += sum(map(len, each.groups.values()))
        size += sum(len(data) for rows in each.groups.values() for data in rows)
        if count >= _BATCH or size >= _BATCH_SIZE:
            yield batch
            batch, count, size = [], 0, 0
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Joined:
    """A part made of the rows of some transactions, and the groups that it takes the place of."""

    part: Part
    replaced: list[GroupId]


@dataclass(frozen=True, slots=True)
class Join:
    """Judges transactions with rows in several groups into a part of a folder, unless it is there."""

    folder: Folder
    options: dict[str, Any]
    settings: str

    def __call__(self, batch: list[Transaction]) -> Joined:
        """The part. Raises ``StorageError`` if there is no room in the folder."""
        kept = Kept()
        found: list[list[_Group]] = []
        for transaction in batch:
            found += [groups for groups in _clusters(transaction) if len(groups) > 1]  # others were judged already
        content = (
            hashlib.sha256(data).digest() for groups in found for data in (*(d for g in groups for d in g.stated), b"")
        )
        found_address = address([self.settings, "joined"], content)
        piece = Piece("joined")
        known = load(self.folder, found_address, piece, self.options)
        if known is None:
            part = Part(found_address, piece, piece.name)
            units = _joined(found, kept)
            known = store(self.folder, part, self.options, units, kept, [], lambda: None)
        return Joined(replace(known, piece=piece), [group.id for groups in found for group in groups])


def _joined(found: list[list[_Group]], kept: Kept) -> Iterator[list[Unit]]:
    for groups in found:
        yield rows.joined([row for group in groups for row in group.rows])


@dataclass(slots=True)
class _Group:
    id: GroupId
    stated: list[bytes]
    rows: list[tuple[tuple[KeyText, ...], list[Unit]]]
    meters: set[str]
    complete: bool


def _clusters(transaction: Transaction) -> list[list[_Group]]:
    """The groups of a transaction that belong together, in their order."""
    found: list[list[_Group]] = []
    for id, stated in transaction.groups.items():
        group = _read(id, stated)
        together = [other for other in found if any(group.meters & each.meters for each in other)]
        found = [other for other in found if other not in together]
        found.append([*(each for other in together for each in other), group])
    single = [cluster for cluster in found if not _is_session(cluster)]
    if len(single) > 1:
        found = [cluster for cluster in found if _is_session(cluster)]
        found.append([group for cluster in single for group in cluster])
    return [sorted(cluster, key=lambda group: group.id) for cluster in found]


def _is_session(cluster: list[_Group]) -> bool:
    return any(group.complete for group in cluster) or len(cluster) > 1


def _read(id: GroupId, stated: list[bytes]) -> _Group:
    """The rows of a group in their order."""
    group = _Group(id, [], [], set(), False)
    begins = ends = False
    for data in sorted(stated, key=_number):
        source, container, row = unpacked(data)
        place, _, number = source.rpartition("#")
        units = one_row(row, Place(place, place), container, int(number))
        group.stated.append(data)
        group.rows.append((row.keys, units))
        for unit in units:
            record = unit.record
            if record.meter_serial:
                group.meters.add(record.meter_serial)
            entry = enter(record)
            begins, ends = begins or entry.begins, ends or entry.ends
    group.complete = begins and ends
    return group


def _number(data: bytes) -> int:
    """The number of a row in its file."""
    return int(unpacked(data)[0].rpartition("#")[2])
