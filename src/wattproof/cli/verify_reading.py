"""The files of `wattproof verify`: read here as long as they are few records, and by an engine when they are many."""

from __future__ import annotations

import errno
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from wattproof.cli.output import escape
from wattproof.cli.verify_stream import Bar, Enough
from wattproof.errors import StorageError
from wattproof.signed import companions
from wattproof.signed.report import Report
from wattproof.signed.scale.engines import engine, processors, require
from wattproof.signed.sources.pieces import Piece, cut
from wattproof.signed.sources.source import Progress, from_file

if TYPE_CHECKING:
    from wattproof.signed.examination import Examination
    from wattproof.signed.scale.engines import Engine
    from wattproof.signed.scale.judging import Judge, Outcome

#: Bytes of a file that cannot be cut, up to which it is judged elsewhere: what is found in it comes back at once.
_SMALL = 1024 * 1024


class Engines:
    """Makes the engine that the command line asks for, when it is needed, and ends it."""

    def __init__(self, name: str, jobs: int | None) -> None:
        self._name = name
        self._jobs = jobs
        self._engine: Engine | None = None
        require(name, jobs)

    @property
    def alone(self) -> bool:
        """Nothing is to be judged elsewhere."""
        return self._name == "local" and (self._jobs or processors()) == 1

    def __call__(self) -> Engine:
        if self._engine is None:
            self._engine = engine(self._name, self._jobs)
        return self._engine

    def __enter__(self) -> Engines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close()


class Reading:
    """What the named files hold, in their order; one that cannot be read is said at once and counted, others go on.

    ``engine`` and ``judge`` are asked for when more than a report's worth of records was read; without them
    everything is judged here.
    """

    def __init__(
        self,
        examination: Examination,
        names: Sequence[str],
        bar: Bar,
        engine: Callable[[], Engine] | None,
        judge: Callable[[], Judge],
    ) -> None:
        self._examination = examination
        self._names = companions.leading(names)
        self._bar = bar
        self._engine = engine
        self._judge = judge
        self._enough = Enough()
        self._broken: set[int] = set()  # numbers of files of which nothing more is read
        self._next: Piece | None = None
        bar.total = _size(self._names)

    def parts(self) -> Iterator[Report | Outcome]:
        """Reports, and when there were enough of them, what an engine found."""
        pieces = self._pieces()
        for piece in pieces:
            yield from self._here(piece)
            if self._engine is not None and self._enough:
                yield from self._elsewhere(pieces, self._engine(), self._judge())

    def _pieces(self) -> Iterator[Piece]:
        for number, name in enumerate(self._names):
            for piece in self._cut(name) if name != "-" and self._engine is not None else [Piece(name)]:
                if number in self._broken:
                    break
                yield replace(piece, file=number)

    def _cut(self, name: str) -> Iterator[Piece]:
        if not _is_regular(name):  # whoever reads it says why; and a pipe can be opened only once
            yield Piece(name)
            return
        try:
            with Path(name).open("rb") as file:
                yield from cut(name, file)
        except OSError:  # that of opening
            yield Piece(name)

    def _here(self, piece: Piece) -> Iterator[Report]:
        bar = self._bar
        bar.name, bar.progress = piece.name, Progress()
        try:
            with _opened(piece.name) as file:
                for part in self._of(piece, file, bar.progress):
                    self._enough.add(part)
                    bar.tell(len(part.records))
                    yield part
        except (OSError, ValueError, StorageError) as error:
            from wattproof.signed.scale.judging import why

            self._broken.add(piece.file)
            self._unreadable(piece.name, why(error))
        bar.progress, bar.done = None, bar.done + piece.size

    def _of(self, piece: Piece, file: BinaryIO, progress: Progress) -> Iterator[Report]:
        if piece.kind == "WHOLE":
            beside = None if piece.name == "-" else companions.of(Path(piece.name))
            return self._examination.parts(from_file(file, progress), piece.name, beside)
        from wattproof.signed.sources import pieces

        return self._examination.judged(pieces.units(piece, file, lambda: self._broken.add(piece.file)))

    def _elsewhere(self, pieces: Iterator[Piece], engine: Engine, judge: Judge) -> Iterator[Report | Outcome]:
        """Judge what is left with an engine, except what must be read here: pipes, and what may be large inside."""
        for piece in pieces:
            if _stays(piece):
                yield from self._here(piece)
                continue
            for outcome in engine.map(judge, chain([piece], self._going(pieces))):
                if outcome.piece.file not in self._broken:
                    yield self._told(outcome)
            if self._next is not None:
                staying, self._next = self._next, None
                yield from self._here(staying)

    def _going(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if _stays(piece):
                self._next = piece
                return
            yield piece

    def _told(self, outcome: Outcome) -> Outcome:
        bar, piece = self._bar, outcome.piece
        bar.name, bar.done = piece.name, bar.done + piece.size
        if outcome.broke or outcome.unreadable is not None:
            self._broken.add(piece.file)
        if outcome.unreadable is not None:
            self._unreadable(piece.name, outcome.unreadable)
        bar.tell(outcome.totals.records)
        return outcome

    def _unreadable(self, name: str, reason: str) -> None:
        self._examination.unreadable(name, reason)
        with suppress(OSError):  # nobody hears it, but the exit code says it too
            sys.stderr.write(f"error: cannot read {escape(name)}: {reason}\n")


def _stays(piece: Piece) -> bool:
    return piece.kind == "WHOLE" and (piece.size > _SMALL or not _is_regular(piece.name))


def _is_regular(name: str) -> bool:
    """Whether this names a file that can be opened again and elsewhere, and no pipe."""
    try:
        return name != "-" and Path(name).is_file()
    except (OSError, ValueError):
        return False


def _size(names: Sequence[str]) -> int | None:
    """Bytes of all files; ``None`` where one has no size."""
    total = 0
    for name in names:
        try:
            status = None if name == "-" else Path(name).stat()
        except (OSError, ValueError):
            continue
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        yield sys.stdin.buffer
    else:
        with Path(name).open("rb") as file:
            yield file
