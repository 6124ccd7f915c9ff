"""Sessions whose records lie in different files: found by their transaction, and judged again as one.

Rows of one transaction that do not follow each other belong together if they name a meter in common, or if none of
them is a session by itself. DuckDB finds the transactions: it sorts and groups more than fits into memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow
from pyarrow import dataset

from wattproof.errors import StorageError, UsageError
from wattproof.signed.entries import enter
from wattproof.signed.examination import Examination
from wattproof.signed.limits import DEFAULT
from wattproof.signed.scale.parts import Part, address, load, store
from wattproof.signed.scale.places import Folder
from wattproof.signed.scale.tables import RECORDS, name, row_of, unpacked
from wattproof.signed.sources import rows
from wattproof.signed.sources.pieces import Piece
from wattproof.signed.sources.rows import Row
from wattproof.signed.sources.source import Place
from wattproof.signed.sources.unwrap import one_row
from wattproof.signed.units import KeyText, Unit

#: Rows of transactions that are judged as one task.
_BATCH = 5000
_MEMORY = "512MB"

#: Ordinal of a part in a run, and number of a group in it.
GroupId = tuple[int, int]


@dataclass(slots=True)
class Transaction:
    """The rows of one transaction, by group: source and row as it was kept."""

    id: str
    groups: dict[GroupId, list[tuple[str, bytes]]] = field(default_factory=dict)


@dataclass(slots=True)
class Split:
    """Transactions whose rows are in several groups; ``left`` counts those with too many rows to be one session."""

    transactions: Iterator[Transaction]
    left: int


def split(folder: Folder, parts: Sequence[Part]) -> Split:
    """The transactions that have rows in more than one group of these parts, each with all its rows."""
    try:
        import duckdb
    except ImportError as error:
        raise UsageError("--results needs the extra: pip install 'wattproof[analytics]'") from error
    there = sorted({part.address for part in parts})
    if not there:
        return Split(iter(()), 0)
    files, _ = folder.files()
    paths = [folder.full(name(part, "records")) for part in there]
    records = dataset.dataset(paths, schema=RECORDS, format="parquet", filesystem=files)
    runs = pyarrow.table({"part": [p.address for p in parts], "ordinal": range(len(parts))})
    database = duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": tempfile.gettempdir()})
    database.register("records", records)
    database.register("runs", runs)
    try:
        database.execute(
            """create temp table found as
            select transaction, count(*) <= $most as few from records join runs using (part) where row is not null
            group by transaction having count(distinct (ordinal, "group")) > 1""",
            {"most": DEFAULT.units},
        )
        left = database.execute("select count(*) from found where not few").fetchone()
        rows = database.execute(
            """select transaction, ordinal, "group", source, row from records join runs using (part)
            where row is not null and transaction in (select transaction from found where few)
            order by transaction, ordinal, "group" """
        )
    except duckdb.Error as error:
        raise StorageError(f"{folder.name}: the sessions in several files cannot be found: {error}") from error
    return Split(_transactions(rows, database), left[0] if left else 0)


def _transactions(rows: Any, database: Any) -> Iterator[Transaction]:
    current: Transaction | None = None
    while batch := rows.fetchmany(1024):
        for transaction, ordinal, group, source, row in batch:
            if current is None or transaction != current.id:
                if current is not None:
                    yield current
                current = Transaction(transaction)
            current.groups.setdefault((ordinal, group), []).append((source, row))
    if current is not None:
        yield current
    database.close()


def batches(transactions: Iterator[Transaction]) -> Iterator[list[Transaction]]:
    """Transactions in batches of some thousand rows."""
    batch: list[Transaction] = []
    size = 0
    for each in transactions:
        batch.append(each)
        size += sum(map(len, each.groups.values()))
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
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
        kept: dict[str, tuple[str, Row]] = {}
        found: list[list[Unit]] = []
        replaced: list[GroupId] = []
        for transaction in batch:
            for clustered in _clusters(transaction, kept):
                if len(clustered) > 1:  # a group that stays alone was judged already
                    found.append(rows.joined([row for group in clustered for row in group.rows]))
                    replaced += [group.id for group in clustered]
        wanted = set(replaced)
        content = (
            source.encode("utf-8", "surrogatepass") + b"\0" + data
            for transaction in batch
            for id, group in transaction.groups.items()
            if id in wanted
            for source, data in group
        )
        found_address = address([self.settings, "joined"], content)
        piece = Piece("joined")
        known = load(self.folder, found_address, piece)
        if known is None:
            examination = Examination(**self.options)
            part = Part(found_address, piece, piece.name)
            known = store(self.folder, part, examination, examination.judged(iter(found)), kept, [])
        return Joined(replace(known, piece=piece), replaced)


@dataclass(slots=True)
class _Group:
    id: GroupId
    rows: list[tuple[tuple[KeyText, ...], list[Unit]]]
    meters: set[str]
    complete: bool


def _clusters(transaction: Transaction, kept: dict[str, tuple[str, Row]]) -> list[list[_Group]]:
    """The groups of a transaction that belong together, in their order."""
    found: list[list[_Group]] = []
    for id, stated in transaction.groups.items():
        group = _read(id, stated, kept)
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


def _read(id: GroupId, stated: list[tuple[str, bytes]], kept: dict[str, tuple[str, Row]]) -> _Group:
    group = _Group(id, [], set(), False)
    begins = ends = False
    for source, data in sorted(stated, key=lambda each: int(row_of(each[0]).rpartition("#")[2])):
        container, row = unpacked(data)
        place, _, number = row_of(source).rpartition("#")
        units = one_row(row, Place(place, place), container, int(number))
        kept[row_of(source)] = (container, row)
        group.rows.append((row.keys, units))
        for unit in units:
            record = unit.record
            if record.meter_serial:
                group.meters.add(record.meter_serial)
            entry = enter(record)
            begins, ends = begins or entry.begins, ends or entry.ends
    group.complete = begins and ends
    return group
