"""What a power cut leaves of the files of a folder, from the record that ``disk.c`` wrote."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_HEAD = struct.Struct("<cBqI")
#: A disk writes so many bytes whole or not at all.
SECTOR = 512


class Entry(NamedTuple):
    """One thing that was done to a file; see ``disk.c``."""

    kind: str
    name: str
    offset: int
    data: bytes


def entries(record: Path) -> Iterator[Entry]:
    """The entries of a record."""
    data, position = record.read_bytes(), 0
    while position < len(data):
        kind, width, offset, length = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        name = data[position : position + width].decode()
        position += width
        content = data[position : position + length] if kind == b"W" else b""
        position += len(content)
        yield Entry(kind.decode(), name, offset, content)


@dataclass
class File:
    """What of a file is on the disk for certain, and what was asked for since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Entry] = field(default_factory=list)
    #: Whether its name is on the disk for certain.
    named: bool = False


class Disk:
    """The files of a folder as a record makes them."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.gone: dict[str, File] = {}
        self.marks: list[int] = []

    def do(self, entry: Entry) -> None:
        """One entry more."""
        match entry.kind:
            case "C":
                self.files[entry.name] = File()
            case "W" | "T":
                self.files.setdefault(entry.name, File(named=True)).pending.append(entry)
            case "S":
                file = self.files.get(entry.name)
                if file is not None:
                    for one in file.pending:
                        _apply(file.durable, one)
                    file.pending.clear()
            case "D":
                self.gone.clear()
                for file in self.files.values():
                    file.named = True
            case "U":
                if (file := self.files.pop(entry.name, None)) is not None and file.named:
                    self.gone[entry.name] = file
            case "M":
                self.marks.append(entry.offset)

    def cut(self, draw: random.Random, folder: Path) -> None:
        """Write what is left after a power cut now: of what was not synced, any part, down to sectors."""
        for name, file in [*self.files.items(), *self.gone.items()]:
            certain = file.named and name not in self.gone
            if not certain and draw.random() < 0.5:
                continue
            content = bytearray(file.durable)
            share = draw.choice((0.0, 0.5, 0.9, 1.0))
            for entry in file.pending:
                if draw.random() < share:
                    _apply(content, entry, None if draw.random() < 0.7 else draw)
            (folder / name).write_bytes(content)


def _apply(content: bytearray, entry: Entry, torn: random.Random | None = None) -> None:
    if entry.kind == "T":
        if len(content) > entry.offset:
            del content[entry.offset :]
        else:
            content.extend(bytes(entry.offset - len(content)))
        return
    end = entry.offset + len(entry.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if torn is None:
        content[entry.offset : end] = entry.data
        return
    for begin in range(0, len(entry.data), SECTOR):
        if torn.random() < 0.5:
            part = entry.data[begin : begin + SECTOR]
            content[entry.offset + begin : entry.offset + begin + len(part)] = part
