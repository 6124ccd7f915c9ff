"""A disk in memory that loses, tears and refuses writes at every possible point."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path


class PowerCut(Exception):
    """The machine died in the middle of a disk operation."""


class FragileDisk:
    """A file system in memory that forgets on a power cut what was not synced.

    Every operation is a list of steps. ``cut_after`` lets that many steps happen, then the power is gone. What is
    durable afterwards is decided by ``survivor``: of un-synced bytes any prefix, with any of them turned to rubbish;
    a rename before the directory's sync either happened or not.
    """

    def __init__(self, files: dict[Path, bytes] | None = None) -> None:
        self.durable: dict[Path, bytes] = dict(files or {})
        self.cached = dict(self.durable)
        self.unsynced_renames: list[tuple[Path, Path]] = []
        self.steps = 0
        self.cut_after: int | None = None
        self.failures: dict[str, OSError] = {}
        self.room: int | None = None

    def step(self, name: str) -> None:
        if self.cut_after is not None and self.steps >= self.cut_after:
            raise PowerCut(name)
        self.steps += 1
        if name in self.failures:
            raise self.failures.pop(name)

    def read(self, path: Path) -> bytes | None:
        if "read" in self.failures:
            raise self.failures.pop("read")
        return self.cached.get(path)

    def append(self, path: Path, data: bytes) -> None:
        if path not in self.cached:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._write(path, self.cached[path], data)

    def create(self, path: Path, data: bytes) -> None:
        self.step("open")
        self.cached[path] = b""
        self._write(path, b"", data)

    def _write(self, path: Path, before: bytes, data: bytes) -> None:
        for end in (len(data) // 3, len(data) - 1, len(data)):
            self.step("write")
            others = sum(len(content) for name, content in self.cached.items() if name != path)
            if self.room is not None and others + len(before) + end > self.room:
                self.cached[path] = before + data[: max(0, self.room - others - len(before))]
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.cached[path] = before + data[:end]
        self.step("sync")
        self.durable[path] = self.cached[path]

    def rename(self, source: Path, target: Path) -> None:
        self.step("rename")
        self.cached[target] = self.cached.pop(source)
        self.unsynced_renames.append((source, target))
        self.step("sync-directory")
        self.durable[target] = self.durable.pop(source)
        self.unsynced_renames.clear()

    def survivor(self, rng: random.Random) -> FragileDisk:
        """What is found at the next power-up."""
        files = dict(self.durable)
        for path, cached in self.cached.items():
            known = files.get(path, b"")
            if not self.unsynced_renames and cached.startswith(known) and len(cached) > len(known):
                tail = bytearray(cached[len(known) :])
                del tail[rng.randint(0, len(tail)) :]
                for position in range(len(tail)):
                    if rng.random() < rng.choice((0.0, 0.0, 0.3)):
                        tail[position] = rng.randrange(256)
                files[path] = known + bytes(tail)
        for source, target in self.unsynced_renames:
            if rng.random() < 0.5:
                files[target] = files.pop(source)
        return FragileDisk(files)
