"""Parts of a folder of results: what was found in one piece of a file, under a name made from its content.

A part is never changed. Its address covers the bytes that were judged, the keys and options, and this version: if there
is a part under it, the same would be found again, and nothing is judged. Its marker is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from wattproof.errors import UsageError
from wattproof.signed import companions
from wattproof.signed.examination import Examination
from wattproof.signed.formats.chargepoint_files import NOTHING, Beside
from wattproof.signed.register import KeyRegister
from wattproof.signed.report import Report
from wattproof.signed.scale.judging import why
from wattproof.signed.scale.places import Folder, is_address, open_file
from wattproof.signed.scale.tables import Tables
from wattproof.signed.sources import pieces
from wattproof.signed.sources.pieces import Piece
from wattproof.signed.sources.rows import Row
from wattproof.signed.sources.source import Unreadable, from_file
from wattproof.version import __version__

#: Changes when parts of earlier versions must not be taken.
_FORMAT = 1
#: Bytes of a piece: some ten thousand records, seconds of work.
SIZE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of a part. ``name``: the file that its sources name; ``piece``: what it stands for in this run.

    ``broke``: the file is damaged there and the rest of it is not read. ``unreadable`` says why there is no part.
    """

    address: str
    piece: Piece
    name: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    test_keys: list[str] = field(default_factory=list)
    broke: bool = False
    fresh: bool = True
    unreadable: str | None = None


def digest(options: dict[str, Any]) -> str:
    """What of the options of an :class:`.Examination` decides what is found."""
    register, key = options.get("register"), options.get("public_key")
    if isinstance(key, bytes):
        key = key.hex()
    known = register.dump().hex() if isinstance(register, KeyRegister) else None
    said = [_FORMAT, __version__, key, options.get("allow_test_keys"), options.get("profile"), known]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


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
                beside = NOTHING if is_address(piece.name) else companions.of(Path(piece.name))
                found = self._address(piece, file, beside)
                known = load(self.folder, found, piece)
                return known if known is not None else self._judge(piece, found, file, beside)
        except (OSError, ValueError, UsageError, Unreadable) as error:
            return Part("", piece, unreadable=why(error))

    def _address(self, piece: Piece, file: BinaryIO, beside: Beside) -> str:
        said = [self.settings, piece.kind, piece.before, Path(piece.name).suffix.lower()]
        if beside is not NOTHING:
            said += [repr(beside.keys), repr(beside.detached)]
        return address(said, pieces.content(piece, file))

    def _judge(self, piece: Piece, address: str, file: BinaryIO, beside: Beside) -> Part:
        examination = Examination(**self.options)
        rows: dict[str, tuple[str, Row]] = {}
        broken: list[bool] = []

        def seen(source: str, container: str, row: Row) -> None:
            rows[source] = (container, row)

        if piece.kind == "WHOLE":
            found = examination.parts(from_file(file), piece.name, beside, seen)
        else:
            units = pieces.units(piece, file, lambda: broken.append(True), seen=seen)
            found = examination.judged(units)
        part = Part(address, piece, piece.name, broke=bool(broken))
        return store(self.folder, part, examination, found, rows, broken)


def address(said: Iterable[object], content: Iterable[bytes]) -> str:
    """The name that everything has that is made from this."""
    hashed = hashlib.sha256(json.dumps(list(said)).encode())
    for data in content:
        hashed.update(data)
    return hashed.hexdigest()


def store(
    folder: Folder,
    part: Part,
    examination: Examination,
    found: Iterator[Report],
    rows: dict[str, tuple[str, Row]],
    broken: list[bool],
) -> Part:
    """Write the tables of a part, and then its marker."""
    with Tables(folder, part.address, rows) as tables:
        for report in found:
            tables.add(report)
    test_keys = [key.hex() for key in examination.test_keys]
    part = replace(part, counts=dict(tables.counts), test_keys=test_keys, broke=bool(broken))
    marker = {"name": part.name, "counts": part.counts, "test_keys": part.test_keys, "broke": part.broke}
    folder.write(_marker(part.address), json.dumps(marker).encode())
    return part


def load(folder: Folder, address: str, piece: Piece) -> Part | None:
    """A part that is in the folder, ``None`` if it is not, or its marker is damaged."""
    data = folder.read(_marker(address))
    if data is None:
        return None
    try:
        found = json.loads(data)
        counts = {str(key): int(value) for key, value in found["counts"].items()}
        test_keys = [str(key) for key in found["test_keys"]]
        return Part(address, piece, str(found["name"]), counts, test_keys, bool(found["broke"]), fresh=False)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _marker(address: str) -> str:
    return f"parts/{address}.json"
