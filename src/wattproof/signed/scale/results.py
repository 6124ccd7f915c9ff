"""A run over many files whose results are Parquet files in a folder: `wattproof verify --results`.

::

    FOLDER/records/part-00000-....parquet   one row a record    } what the files of the last run hold
    FOLDER/sessions/part-00000-....parquet  one row a session   }
    FOLDER/summary.json                     counts, written last
    FOLDER/parts/                           what was judged, by content: the next run takes it from here

A run that was ended goes on where it stopped, and a file that did not change is not judged again, whatever its name.
Other files in the folder are left alone, and where they would be in the way, nothing is begun.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from wattproof.errors import StorageError, UsageError
from wattproof.signed import colours
from wattproof.signed.colours import Colour
from wattproof.signed.examination import Examination
from wattproof.signed.report import VERSION
from wattproof.signed.scale import layout
from wattproof.signed.scale.engines import Engine
from wattproof.signed.scale.joining import Join, batches, split
from wattproof.signed.scale.parts import SIZE, Check, Part, digest, plan
from wattproof.signed.scale.places import Folder, local
from wattproof.signed.scale.tables import RECORDS, SESSIONS, Table, writable
from wattproof.signed.sources.pieces import Piece
from wattproof.signed.texts import NOTICE

_SCHEMAS = {"records": RECORDS, "sessions": SESSIONS}


@dataclass(slots=True)
class Results:
    """What a run has found: counts of the summary, and where its parts come from.

    ``judged`` and ``known`` count parts; ``joined`` sessions from several files, ``left`` transactions with too many
    rows for one. ``unreadable`` names files with the reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    known: int = 0
    joined: int = 0
    left: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)  # numbers of files of which nothing more counts
    predicted: set[str] = field(default_factory=set)

    @property
    def summary(self) -> dict[str, int]:
        """The object ``summary`` of the report."""
        counts = {name: self.counts[name] for name in ("sessions", "loose_records", *(c.value for c in Colour))}
        return {**counts, "unreadable": len(self.unreadable)}

    def as_dict(self) -> dict[str, Any]:
        """The object of ``summary.json``."""
        parts = {"judged": self.judged, "known": self.known}
        found = {"version": VERSION, "notice": NOTICE.en, "summary": self.summary, "records": self.counts["records"]}
        return {**found, "parts": parts, "joined_sessions": self.joined, "left_transactions": self.left}

    def exit_status(self, *, strict: bool = False) -> int:
        """Exit status of the command line."""
        present = [colour for colour in Colour if self.counts[colour.value]]
        return colours.exit_status(
            present, unreadable=bool(self.unreadable), strict=strict, predictions=sorted(self.predicted)
        )


def run(
    names: Sequence[str],
    folder: Folder,
    options: dict[str, Any],
    engine: Engine,
    progress: Callable[[Part], object],
    size: int = SIZE,
) -> Results:
    """Judge files into a folder. ``progress`` is told every part, of ``size`` bytes of a file, in their order.

    Raises ``StorageError`` if the folder cannot be written or another run works on it, and ``UsageError`` if files that
    no run wrote would become part of the results.
    """
    _require_own(folder)
    with _alone(folder):
        folder.remove(layout.SUMMARY)
        _tidy(folder)
        found = Results()
        settings = digest(options)
        parts: list[Part] = []
        for part in engine.map(Check(folder, options, settings), _pieces(engine, names, size)):
            if _goes_on(part, found):
                parts.append(part)
            progress(part)
        allowed = bool(options.get("allow_test_keys"))
        _finish(folder, engine, settings, options, parts, found, allowed)
        folder.write(layout.SUMMARY, json.dumps(found.as_dict(), indent=1).encode() + b"\n")
    return found


def _require_own(folder: Folder) -> None:
    """Raises ``UsageError`` if the folder holds tables or a summary that are not from here."""
    data = folder.read(layout.SUMMARY) if layout.SUMMARY in folder.names("") else None
    if data is not None and not _is_summary(data):
        raise UsageError(f"{folder.name}/{layout.SUMMARY} is not from here: name another folder for the results")
    for below in layout.TABLES:
        for name in folder.names(below):
            if name.lower().endswith(".parquet") and not layout.is_own(below, name) and not name.startswith("."):
                raise UsageError(f"{folder.name}/{below}/{name} is not from here: name another folder for the results")


def _is_summary(data: bytes) -> bool:
    try:
        found = json.loads(data)
    except ValueError:
        return False
    return isinstance(found, dict) and found.keys() >= {"version", "notice", "summary", "parts"}


def _tidy(folder: Folder) -> None:
    """Remove what a run that was killed had not finished writing."""
    for below in ("", "parts", *layout.TABLES):
        for name in folder.names(below):
            if layout.is_draft(below, name):
                folder.remove(f"{below}/{name}" if below else name)


def _pieces(engine: Engine, names: Sequence[str], size: int) -> Iterator[Piece]:
    for number, pieces in enumerate(engine.map(partial(plan, size=size), names)):
        yield from (replace(piece, file=number) for piece in pieces)


def _goes_on(part: Part, found: Results) -> bool:
    """Whether a part counts: not if the file was damaged, or could not be read, before it."""
    if part.piece.file in found.ended:
        return False
    if part.broke or part.unreadable is not None:
        found.ended.add(part.piece.file)
    if part.unreadable is not None:
        found.unreadable.append((part.piece.name, part.unreadable))
        return False
    found.judged += part.fresh
    found.known += not part.fresh
    return True


def _finish(
    folder: Folder,
    engine: Engine,
    settings: str,
    options: dict[str, Any],
    parts: list[Part],
    found: Results,
    allowed: bool,
) -> None:
    """Put the parts of this run, and the sessions joined from them, into the place where they are read."""
    transactions = split(folder, parts)
    found.left = transactions.left
    replaced: defaultdict[int, set[int]] = defaultdict(set)
    joined: list[Part] = []
    for each in engine.map(Join(folder, options, settings), batches(transactions.transactions)):
        if each.replaced:
            joined.append(each.part)
            found.joined += each.part.counts.get("sessions", 0)
        for ordinal, group in each.replaced:
            replaced[ordinal].add(group)
    test_keys = {key for part in chain(parts, joined) for key in part.test_keys}
    tasks = [
        _Task(number, part, frozenset(replaced.get(number, ())), frozenset(_unmarked(part, test_keys)))
        for number, part in enumerate([*parts, *joined])
    ]
    written: set[str] = set()
    for names, counts, predicted in engine.map(_Publish(folder, allowed, options.get("profile")), tasks):
        written.update(names)
        found.counts.update(counts)
        found.predicted.update(predicted)
    for table in layout.TABLES:
        for old in folder.names(table):
            if layout.is_own(table, old) and f"{table}/{old}" not in written:
                folder.remove(f"{table}/{old}")
        folder.sync(table)


def _unmarked(part: Part, test_keys: set[str]) -> set[str]:
    """The test keys of a run whose records in a part may not be marked."""
    return test_keys.difference(part.test_keys).union(part.late)


@dataclass(frozen=True, slots=True)
class _Task:
    """A part to be published: without the groups that were joined with others, and with these keys as test keys."""

    number: int
    part: Part
    replaced: frozenset[int]
    test_keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Publish:
    """Gives the tables of a part the names under which they are read: the same files, where nothing must change."""

    folder: Folder
    allowed: bool
    profile: str | None

    def __call__(self, task: _Task) -> tuple[list[str], dict[str, int], list[str]]:
        part = task.part
        moved = part.piece.name != part.name
        marked = bool(task.test_keys) and self._uses(part, task.test_keys)
        same = not task.replaced and not moved and not marked
        mark = "" if same else f"-{_mark(task, moved, marked)}"
        names = {table: layout.published(table, task.number, part.address, mark) for table in layout.TABLES}
        if same:
            for table, target in names.items():
                self.folder.copy(part.table(table), target)
            counts = dict(part.counts)
        else:
            counts = _Rewriting(self.folder, task, self.allowed).write(names)
        return list(names.values()), counts, self._predicted(names) if self.profile is not None else []

    def _uses(self, part: Part, keys: frozenset[str]) -> bool:
        wanted = pyarrow.array(sorted(keys))
        found = _read(self.folder, part.table("records"), ["public_key"])
        return any(pyarrow.compute.any(pyarrow.compute.is_in(rows.column(0), wanted)).as_py() for rows in found)

    def _predicted(self, names: dict[str, str]) -> list[str]:
        found: set[str] = set()
        for target in names.values():
            for rows in _read(self.folder, target, ["profiles"]):
                for profiles in rows.column(0).to_pylist():
                    found.update(each["verdict"] for each in profiles or () if each["name"] == self.profile)
        return sorted(found)


def _mark(task: _Task, moved: bool, marked: bool) -> str:
    """Tells files that were made from one part in different ways apart."""
    said = [sorted(task.replaced), task.part.piece.name if moved else "", sorted(task.test_keys) if marked else []]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]


def _read(folder: Folder, table: str, columns: list[str] | None = None) -> Iterator[Any]:
    """A table, some thousand rows or some megabytes at a time."""
    files, base = folder.files()
    try:
        with files.open_input_file(f"{base}/{table}") as file:
            parquet = pyarrow.parquet.ParquetFile(file)
            for number in range(parquet.num_row_groups):
                yield parquet.read_row_group(number, columns=columns)
    except (OSError, pyarrow.ArrowException) as error:
        raise StorageError(f"{folder.name}/{table} is damaged ({error}): run it again") from error


class _Rewriting:
    """The tables of a part with other rows: fewer, of a file with another name, or with a test key marked."""

    def __init__(self, folder: Folder, task: _Task, allowed: bool) -> None:
        self._folder = folder
        self._task = task
        self._examination = Examination(allow_test_keys=allowed)
        self._old, self._new = writable(task.part.name), writable(task.part.piece.name)
        self._counts: Counter[str] = Counter()
        self._changed: set[tuple[int, str | None, str]] = set()

    def write(self, names: dict[str, str]) -> dict[str, int]:
        """Writes both tables, and counts what is in them."""
        for table, changed in (("records", self._record), ("sessions", self._session)):
            self._write(table, names[table], changed)
        return dict(self._counts)

    def _write(self, table: str, target: str, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        with Table(self._folder, target, _SCHEMAS[table]) as sink:
            for rows in _read(self._folder, self._task.part.table(table)):
                for row in rows.to_pylist():
                    if row["group"] not in self._task.replaced:
                        sink.add([changed(row)])

    def _named(self, source: str) -> str:
        return f"{self._new}{source[len(self._old) :]}" if source.startswith(self._old) else source

    def _record(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["public_key"] in self._task.test_keys and not any(f["code"] == "F-TEST-KEY" for f in row["findings"]):
            before = row["overall"]
            self._examination.mark(row)
            if before != row["overall"]:
                self._changed.add((row["group"], row["session"], row["source"]))
        row["source"] = self._named(row["source"])
        self._counts["records"] += 1
        if row["session"] is None:
            self._counts["loose_records"] += 1
            self._counts[row["overall"]] += 1
        return row

    def _session(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["overall"] == "green" and any(
            (row["group"], row["id"], source) in self._changed for source in row["records"]
        ):
            row["overall"] = "yellow"
        row["records"] = [self._named(source) for source in row["records"]]
        self._counts["sessions"] += 1
        self._counts[row["overall"]] += 1
        return row


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """No other run works on the folder meanwhile (object storage has no locks: there nobody watches)."""
    path = local(folder.name)
    if path is None:
        yield
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StorageError(f"{folder.name}: {error.strerror or error}") from error
    try:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows
            pass
        except OSError as error:
            raise StorageError(f"{folder.name}: another run works on these results") from error
        yield
    finally:
        os.close(lock)
