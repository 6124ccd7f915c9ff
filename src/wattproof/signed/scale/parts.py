"""Parts of a folder of results: what was found in one piece of a file, under a name made from its content.

A part is never changed. Its address covers the bytes that were judged, the keys and options, this version, and what it
can read: if there is a part under it, the same would be found again, and nothing is judged. Its marker is written last
and says what its tables are: two processes that judge the same content at once each write tables of their own.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from wattproof.errors import UsageError
from wattproof.signed import companions
from wattproof.signed.examination import Examination
from wattproof.signed.formats import GROUP
from wattproof.signed.formats.chargepoint_files import NOTHING, Beside
from wattproof.signed.register import KeyRegister
from wattproof.signed.report import Report
from wattproof.signed.scale import layout
from wattproof.signed.scale.judging import why
from wattproof.signed.scale.places import Folder, is_address, open_file
from wattproof.signed.scale.tables import Kept, Tables
from wattproof.signed.sources import pieces
from wattproof.signed.sources.pieces import Piece
from wattproof.signed.sources.source import Place, Unreadable, from_file
from wattproof.signed.sources.unwrap import groups
from wattproof.signed.units import Unit
from wattproof.version import __version__

#: Changes when parts of earlier versions must not be taken.
_FORMAT = 2
#: What reading some documents needs, and may be installed later.
_OPTIONAL = ("pypdf", "zxingcpp", "PIL")
#: The finding of a time in the future, and seconds by which a clock may have been set back between two runs.
_PASSING, _SET_BACK = "S-TIME-IMPLAUSIBLE", 3600
#: Bytes of a piece: some ten thousand records, seconds of work.
SIZE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of a part. ``name``: the file that its sources name; ``piece``: what it stands for in this run.

    ``test_keys`` were recognised in it as published test keys, ``late`` of them after they had signed something.
    ``broke``: the file is damaged there and the rest of it is not read. ``unreadable`` says why there is no part.
    """

    address: str
    piece: Piece
    name: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    test_keys: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    broke: bool = False
    fresh: bool = True
    unreadable: str | None = None

    def table(self, name: str) -> str:
        """The name of a table of this part, in which its file has the name :attr:`name`."""
        return layout.table(self.stem, name)

    @property
    def stem(self) -> str:
        """What the names of its tables begin with."""
        return f"{self.address}-{hashlib.sha256(os.fsencode(self.name)).hexdigest()[:8]}"


def digest(options: dict[str, Any]) -> str:
    """What of the options of an :class:`.Examination` decides what is found."""
    known = {name: _said(value) for name, value in sorted(options.items()) if name != "now"}
    extras = [name for name in _OPTIONAL if find_spec(name) is not None]
    others = sorted(f"{point.name}={point.value}" for point in entry_points(group=GROUP))
    return hashlib.sha256(json.dumps([_FORMAT, __version__, known, extras, others]).encode()).hexdigest()


def _said(value: object) -> object:
    if isinstance(value, KeyRegister):
        return value.dump().hex()
    return value if value is None or isinstance(value, (str, bool)) else repr(value)


def plan(name: str, size: int = SIZE) -> list[Piece]:
    """The pieces of a file, of ``size`` bytes; one that fails when it is read, if it cannot be opened."""
    try:
        with open_file(name) as file:
            return list(pieces.cut(name, file, size))
    except (OSError, ValueError, UsageError):
        return [Piece(name)]


@dataclass(frozen=True, slots=True)
class Check:
    """Judges a piece into a part of a folder, unless it is there."""

    folder: Folder
    options: dict[str, Any]
    settings: str

    def __call__(self, piece: Piece) -> Part:
        """The part. Raises ``StorageError`` if there is no room in the folder."""
        try:
            with open_file(piece.name) as file:
                before = _state(file)
                beside = NOTHING if is_address(piece.name) else companions.of(Path(piece.name))
                found = self._address(piece, file, beside)
                known = load(self.folder, found, piece, self.options)
                return known if known is not None else self._judge(piece, found, file, beside, before)
        except (OSError, ValueError, UsageError, Unreadable) as error:
            return Part("", piece, unreadable=why(error))

    def _address(self, piece: Piece, file: BinaryIO, beside: Beside) -> str:
        said = [self.settings, piece.kind, piece.before, _endings(piece.name)]
        if beside is not NOTHING:
            said += [repr(beside.keys), repr(beside.detached)]
        return address(said, pieces.content(piece, file))

    def _judge(self, piece: Piece, address: str, file: BinaryIO, beside: Beside, before: object) -> Part:
        kept = Kept()
        broken: list[bool] = []
        if piece.kind == "WHOLE":
            found = groups(from_file(file), Place(piece.name, piece.name, beside=beside, seen=kept.seen))
        else:
            found = pieces.units(piece, file, lambda: broken.append(True), seen=kept.seen)

        def again() -> None:
            if _state(file) != before and self._address(piece, file, beside) != address:
                raise Unreadable("it was changed while it was read")

        return store(self.folder, Part(address, piece, piece.name), self.options, found, kept, broken, again)


def _endings(name: str) -> str:
    """What of a file's name has a say in what it is: its ending, without those of packing also the one before."""
    inner, packed = name, ""
    while inner.lower().endswith(".gz"):
        inner, packed = inner[:-3], inner[-3:] + packed
    return Path(inner).suffix + packed


def _state(file: BinaryIO) -> object:
    """Changes when a file on this machine does; one in object storage is never changed, but replaced."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return found.st_size, found.st_mtime_ns


def address(said: Iterable[object], content: Iterable[bytes]) -> str:
    """The name that everything has that is made from this."""
    hashed = hashlib.sha256(json.dumps(list(said)).encode())
    for data in content:
        hashed.update(data)
    return hashed.hexdigest()


def store(
    folder: Folder,
    part: Part,
    options: dict[str, Any],
    found: Iterator[list[Unit]],
    kept: Kept,
    broken: list[bool],
    again: Callable[[], object],
) -> Part:
    """Judge units, write the tables of a part, and then its marker, unless ``again`` raises an error."""
    examination = Examination(**options)
    now, passing = _moment(options), False
    with Tables(folder, part.address, part.stem, kept) as tables:
        for report in examination.judged(kept.watched(found)):
            passing = passing or _passes(report, now)
            tables.add(report)
    again()
    test_keys = [key.hex() for key in examination.test_keys]
    late = tables.late(test_keys)
    part = replace(part, counts=dict(tables.counts), test_keys=test_keys, late=late, broke=bool(broken))
    marker = {
        "name": part.name,
        "counts": part.counts,
        "test_keys": part.test_keys,
        "late": part.late,
        "broke": part.broke,
        "now": now,
        "passing": passing,
        "tables": {name: folder.digest(part.table(name)) for name in layout.TABLES},
    }
    folder.write(layout.marker(part.address), json.dumps({**marker, "check": _check(marker)}).encode())
    return part


def load(folder: Folder, address: str, piece: Piece, options: dict[str, Any]) -> Part | None:
    """A part that is in the folder, ``None`` if it is not, if it is damaged, or if time has changed what is true."""
    data = folder.read(layout.marker(address))
    if data is None:
        return None
    try:
        found = json.loads(data)
        if found.pop("check") != _check(found):
            return None
        counts = {str(key): int(value) for key, value in found["counts"].items()}
        keys, late = ([str(key) for key in found[name]] for name in ("test_keys", "late"))
        part = Part(address, piece, str(found["name"]), counts, keys, late, bool(found["broke"]), fresh=False)
        then, tables, now = float(found["now"]), dict(found["tables"]), _moment(options)
        if now < then - _SET_BACK or (found["passing"] and now > then):
            return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = all(folder.digest(part.table(name)) == tables.get(name) for name in layout.TABLES)
    return part if whole else None


def _check(marker: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(marker, sort_keys=True).encode()).hexdigest()


def _moment(options: dict[str, Any]) -> float:
    """The moment from which "in the future" is measured, in Unix seconds."""
    now = options.get("now")
    return time.time() if now is None else now.timestamp() if isinstance(now, datetime.datetime) else float(now)


def _passes(report: Report, now: float) -> bool:
    """Whether something is wrong only because its time is still to come."""
    return any(
        reading.time is not None and reading.time.seconds > now
        for session in report.sessions
        if any(finding.code == _PASSING for finding in session.findings)
        for reading in session.readings
    )
