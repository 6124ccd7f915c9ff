"""A durable log: entries that only ever come behind, on a disk that may lose, tear or refuse any write.

The file is a sequence of the checksummed records of ``io.journal``, one an entry, numbered without gaps. An entry
counts as written when ``append`` returns. What an interrupted append leaves at the end is passed over when reading, and
cut off by beginning a new file, for nothing is known about it. A gap in the numbers is damage that came later: what is
left still counts, and the loss is logged. Entries that no longer count are dropped when the file
has grown to several times what still does: then it is written anew and takes the old one's place by an atomic rename.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from wattproof.errors import StorageError
from wattproof.io.journal import SYSTEM_DISK, Disk, encode_record, read_records

#: A file is written anew above this size and this multiple of what it was after the last time.
_SLACK, _GROWTH = 256 * 1024, 3


class LogFile:
    """One log. ``recover`` first, then ``append``.

    :param path: the file; its directory must exist.
    """

    __slots__ = ("_base", "_disk", "_intact", "_sequence", "_size", "path")

    def __init__(self, path: Path, *, disk: Disk = SYSTEM_DISK) -> None:
        self.path = path
        self._disk = disk
        self._sequence = 0
        self._size = self._base = 0
        self._intact = False

    def recover(self) -> list[bytes]:
        """All entries that are there, oldest first; none if there never was a log.

        :raises StorageError: the file cannot be read.
        """
        try:
            data = self._disk.read(self.path)
        except OSError as error:
            raise StorageError(f"cannot read the log {self.path}: {error.strerror or error}") from error
        if data is None:
            return []
        records, self._intact = read_records(data)
        if data and not records:
            raise StorageError(
                f"the log {self.path} is damaged: none of its {len(data)} bytes is a readable entry. "
                "Restore it from a copy, or move it away to begin with an empty log"
            )
        lost = sum(after - before - 1 for (before, _), (after, _) in pairwise(records) if after > before)
        if lost:
            logging.getLogger(__name__).warning(
                "the log %s was damaged: %d entries between those that are left are gone; restore it from a copy if "
                "there is one",
                self.path,
                lost,
            )
        self._size = self._base = len(data)
        self._sequence = records[-1][0] if records else 0
        return [payload for _, payload in records]

    def append(self, entries: Sequence[bytes], everything: Callable[[], Sequence[bytes]]) -> None:
        """Add entries; they are on disk when this returns. ``everything``: all that still count, these included.

        :raises StorageError: they may or may not be on disk; every earlier entry still is. Call again to retry.
        """
        data = b"".join(self._records(entries))
        # An empty file is never added to: torn, its first entry would look like damage to what was there before.
        anew = not self._intact or not self._size or self._size + len(data) > max(_SLACK, _GROWTH * self._base)
        self._intact = False
        try:
            if anew:
                data = b"".join(self._records(everything()))
                beside = self.path.with_name(self.path.name + ".new")
                self._disk.create(beside, data)
                self._disk.rename(beside, self.path)
                self._size = self._base = len(data)
            else:
                self._disk.append(self.path, data)
                self._size += len(data)
        except OSError as error:
            raise StorageError(
                f"cannot write the log {self.path}: {error.strerror or error}. The entries before are kept; make room "
                "or repair the disk, then start again"
            ) from error
        self._intact = True

    def _records(self, entries: Sequence[bytes]) -> list[bytes]:
        first = self._sequence + 1
        self._sequence += len(entries)
        return [encode_record(number, entry) for number, entry in enumerate(entries, first)]
