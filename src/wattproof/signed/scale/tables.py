"""Results as tables: one row a record, one row a session, in Parquet.

The columns are those of ``verify --json`` under the same names. A session names its records by their sources. The
columns ``part`` and ``group`` say what was judged together. The rows of one transaction in such a group are kept as
they were read, so that they can be joined with others from elsewhere: one a record, in ``row``, with the transaction
that the row itself states, whatever the record in it says, in ``row_transaction``. Of a row that is too long for that
only its ``row_size`` is kept.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet

from wattproof.signed.records import Finding, KeySource, Record, Severity
from wattproof.signed.report import Report
from wattproof.signed.scale import layout
from wattproof.signed.scale.places import Folder
from wattproof.signed.sources.rows import Row
from wattproof.signed.units import KeyText, Unit

_FINDING = [("code", pyarrow.string()), ("severity", pyarrow.string()), ("message", pyarrow.string())]
_PROFILE = pyarrow.struct(
    [("name", pyarrow.string()), ("verdict", pyarrow.string()), ("reasons", pyarrow.list_(pyarrow.string()))]
)
RECORDS = pyarrow.schema(
    [
        ("source", pyarrow.string()),
        ("index", pyarrow.int32()),
        ("format", pyarrow.string()),
        ("container", pyarrow.string()),
        ("meter", pyarrow.string()),
        ("gateway", pyarrow.string()),
        ("page", pyarrow.string()),
        ("transaction", pyarrow.string()),
        ("session", pyarrow.string()),
        ("signature", pyarrow.string()),
        ("overall", pyarrow.string()),
        ("reason", pyarrow.string()),
        ("hints", pyarrow.list_(pyarrow.string())),
        ("algorithm", pyarrow.string()),
        ("public_key", pyarrow.string()),
        ("key_source", pyarrow.string()),
        ("findings", pyarrow.list_(pyarrow.struct([*_FINDING, ("where", pyarrow.string())]))),
        ("profiles", pyarrow.list_(_PROFILE)),
        ("part", pyarrow.string()),
        ("group", pyarrow.int64()),
        ("row_transaction", pyarrow.binary()),
        ("row_size", pyarrow.int64()),
        ("row", pyarrow.binary()),
    ]
)
SESSIONS = pyarrow.schema(
    [
        ("id", pyarrow.string()),
        ("meter", pyarrow.string()),
        ("transaction", pyarrow.string()),
        ("records", pyarrow.list_(pyarrow.string())),
        ("verdict", pyarrow.string()),
        ("overall", pyarrow.string()),
        ("begin", pyarrow.string()),
        ("end", pyarrow.string()),
        ("energy_kwh", pyarrow.string()),
        ("findings", pyarrow.list_(pyarrow.struct(_FINDING))),
        ("profiles", pyarrow.list_(_PROFILE)),
        ("part", pyarrow.string()),
        ("group", pyarrow.int64()),
    ]
)
#: Rows, and bytes of kept rows among them, that are in memory before they are written.
_FLUSH, _FLUSH_SIZE = 2048, 8 * 1024 * 1024
KEPT = 64 * 1024  # bytes of a row that is kept
_MOST_KEYS = 10_000  # keys of a part that are remembered, to find those that it should have known as test keys


class Kept:
    """The rows of transactions, as they are read, by the group of units that they become."""

    def __init__(self) -> None:
        self._now: list[tuple[str, str, Row]] = []
        self._groups: deque[list[tuple[str, str, Row]]] = deque()

    def seen(self, source: str, container: str, row: Row) -> None:
        """A row: its source, its container, and what it says."""
        self._now.append((source, container, row))

    def watched(self, found: Iterator[list[Unit]]) -> Iterator[list[Unit]]:
        """The same groups of units; they and their rows come in the same order."""
        for units in found:
            rows, self._now = self._now, []
            first = units[0].record.source if units else ""
            if rows and not first.startswith(rows[0][0]):  # that of a file which is damaged there
                rows = []
            self._groups.append(rows)
            yield units

    def take(self) -> list[tuple[str, str, Row]]:
        """The rows of the next group, none if it was no transaction."""
        return self._groups.popleft()


class Tables:
    """Writes the reports of one part, one a group."""

    def __init__(self, folder: Folder, part: str, stem: str, kept: Kept) -> None:
        self._part = part
        self._kept = kept
        self._group = 0
        self._keys: set[str] | None = set()
        self.counts: Counter[str] = Counter()
        self._records = Table(folder, layout.table(stem, "records"), RECORDS)
        self._sessions = Table(folder, layout.table(stem, "sessions"), SESSIONS)
        self._stack = ExitStack()

    def __enter__(self) -> Tables:
        with ExitStack() as stack:
            stack.enter_context(self._records)
            stack.enter_context(self._sessions)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(self, report: Report) -> None:
        """Write the records and sessions of one group."""
        self._group += 1
        sessions = {id(record): session.id for session in report.sessions for record in session.records}
        entries = zip(report.records, report.record_entries(), strict=True)
        rows = self._rows(len(report.records))
        for (record, entry), row in zip(entries, rows, strict=True):
            self._records.add([self._record(record, entry, sessions.get(id(record)), row)])
        found = []
        for session, entry in zip(report.sessions, report.session_entries(), strict=True):
            records = session.records
            found.append(
                {
                    **entry,
                    "records": [record.source for record in records],
                    "meter": next((record.meter_serial for record in records if record.meter_serial), None),
                    "transaction": records[0].transaction,
                    "energy_kwh": entry["energy"]["value"] if entry["energy"] else None,
                    "profiles": _profiles(entry),
                    "part": self._part,
                    "group": self._group,
                }
            )
        self._sessions.add(found)
        count(self.counts, (entry["overall"] for entry in found), report, len(report.records))

    def late(self, test_keys: list[str]) -> list[str]:
        """Of these test keys, those with which something was signed before they were recognised."""
        return test_keys if self._keys is None else [key for key in test_keys if key in self._keys]

    def _rows(self, records: int) -> list[tuple[bytes, bytes] | None]:
        """A row of this group for every record, with its transaction; there are not more rows than records."""
        rows = self._kept.take()
        if len(rows) > records:
            rows = []
        found = [(_bytes(row.transaction) or b"", packed(source, container, row)) for source, container, row in rows]
        return [*found, *[None] * (records - len(found))]

    def _record(
        self, record: Record, entry: dict[str, Any], session: str | None, row: tuple[bytes, bytes] | None
    ) -> dict[str, Any]:
        if self._keys is not None and entry["public_key"] is not None and not record.signature.test_key:
            self._keys.add(entry["public_key"])
            if len(self._keys) > _MOST_KEYS:
                self._keys = None
        return {
            **entry,
            "meter": record.meter_serial,
            "gateway": record.gateway_serial,
            "page": record.page_text,
            "transaction": record.transaction,
            "session": session,
            "profiles": _profiles(entry),
            "part": self._part,
            "group": self._group,
            "row_transaction": row[0] if row is not None else None,
            "row_size": len(row[1]) if row is not None else None,
            "row": row[1] if row is not None and len(row[1]) <= KEPT else None,
        }


def count(counts: Counter[str], colours: Iterable[str], report: Report, records: int) -> None:
    """Add the sessions with these colours, and the loose records of a report, to the counts of a summary."""
    for colour in colours:
        counts["sessions"] += 1
        counts[colour] += 1
    for record in report.loose:
        counts["loose_records"] += 1
        counts[report.record_colour(record).value] += 1
    counts["records"] += records


def _profiles(entry: dict[str, Any]) -> list[dict[str, Any]] | None:
    found = entry.get("profiles")
    return [{"name": name, **prediction} for name, prediction in found.items()] if found else None


class Table:
    """A Parquet file that is written row by row and has its name when it is complete."""

    def __init__(self, folder: Folder, name: str, schema: Any) -> None:
        self._folder = folder
        self._name = name
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._size = 0
        self._writer: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> Table:
        with ExitStack() as stack:
            sink = stack.enter_context(self._folder.new(self._name))
            writer = pyarrow.parquet.ParquetWriter(sink, self._schema, compression="zstd")
            self._writer = stack.enter_context(writer)
            self._stack = stack.pop_all()
        return self

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Write rows. Members that are no columns are left out."""
        for row in rows:
            self._rows.append(row)
            self._size += len(row.get("row") or b"")
            if len(self._rows) >= _FLUSH or self._size >= _FLUSH_SIZE:
                self._flush()

    def _flush(self) -> None:
        if self._rows:
            rows, self._rows, self._size = self._rows, [], 0
            columns = [[writable(row.get(field.name)) for row in rows] for field in self._schema]
            arrays = [pyarrow.array(c, field.type) for c, field in zip(columns, self._schema, strict=True)]
            self._writer.write_table(pyarrow.table(arrays, schema=self._schema))

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                self._flush()
        except BaseException:
            self._stack.__exit__(*sys.exc_info())  # so that the file does not get its name
            raise
        self._stack.__exit__(*error)


def writable(value: Any) -> Any:
    """The same without lone surrogates, which no UTF-8 text holds."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [writable(item) for item in value]
    return {key: writable(item) for key, item in value.items()} if isinstance(value, dict) else value


# -- rows as they were read -----------------------------------------------------------------------------------------


class _Packed(msgspec.Struct, array_like=True):
    source: bytes
    container: str
    content: bytes | None
    keys: list[tuple[bool, bytes]]  # whether it is text
    transaction: bytes | None
    context: bytes | None
    encoding: bytes | None
    findings: list[tuple[str, str, str, str]]
    ambiguous: list[str]
    code: str
    message: str
    text: str


def packed(source: str, container: str, row: Row) -> bytes:
    """A row, with its source and container, as bytes."""
    findings = [(each.code, each.severity.value, each.message, each.where) for each in row.findings]
    texts = [key.text for key in row.keys]
    keys = [(False, text) if isinstance(text, bytes) else (True, text.encode("utf-8", "replace")) for text in texts]
    found = _Packed(
        source.encode("utf-8", "surrogatepass"),
        container,
        row.content,
        keys,
        _bytes(row.transaction),
        _bytes(row.context),
        _bytes(row.encoding),
        findings,
        [writable(each) for each in row.ambiguous],
        row.code,
        writable(row.message),
        writable(row.text),
    )
    return msgspec.msgpack.encode(found)


def unpacked(data: bytes) -> tuple[str, str, Row]:
    """The opposite of :func:`packed`. Raises ``msgspec.MsgspecError`` for damaged data."""
    found = _decoded(data)
    findings = tuple(Finding(code, Severity(grave), message, where) for code, grave, message, where in found.findings)
    transaction, context, encoding = (
        None if text is None else text.decode("utf-8", "surrogatepass")
        for text in (found.transaction, found.context, found.encoding)
    )
    texts = (data.decode("utf-8") if is_text else data for is_text, data in found.keys)
    keys = tuple(KeyText(text, KeySource.CONTAINER) for text in texts)
    row = Row(
        found.content,
        keys,
        transaction,
        context,
        encoding,
        findings,
        tuple(found.ambiguous),
        found.code,
        found.message,
        found.text,
    )
    return found.source.decode("utf-8", "surrogatepass"), found.container, row


_decoded: Callable[[bytes], _Packed] = msgspec.msgpack.Decoder(_Packed).decode


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogatepass")
