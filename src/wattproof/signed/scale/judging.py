"""Judges pieces of files, wherever an engine runs it, and gives back only what was wanted of them.

Records and sessions are objects with much inside, and sending them between processes would take as long as judging
them: a *collector* makes in the worker what its counterpart here wants to have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from wattproof.errors import StorageError
from wattproof.signed import companions
from wattproof.signed.examination import Examination
from wattproof.signed.report import Report
from wattproof.signed.sources import pieces
from wattproof.signed.sources.pieces import Piece
from wattproof.signed.sources.source import from_file
from wattproof.signed.totals import Totals


class Collector(Protocol):
    """Takes every report of a piece, in their order, and gives what is sent back: anything that can be pickled."""

    def add(self, report: Report, /) -> None: ...

    def result(self) -> Any: ...


@dataclass(slots=True)
class Outcome:
    """What was found in a piece: counts, published test keys, and what the collectors made.

    ``broke``: the file is damaged there, the rest of it is not read. ``unreadable`` says why the file could not be
    read any further.
    """

    piece: Piece
    totals: Totals = field(default_factory=Totals)
    test_keys: list[bytes] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    broke: bool = False
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges a piece with the ``options`` of an :class:`.Examination`; ``collectors`` makes those for one piece."""

    options: dict[str, Any]
    collectors: Callable[[], Sequence[Collector]]

    def __call__(self, piece: Piece) -> Outcome:
        """Never raises on bad content; of a file that cannot be read it says so."""
        outcome = Outcome(piece)
        wanted = self.collectors()
        examination = Examination(**self.options)
        try:
            with open_piece(piece) as file:
                for part in parts(examination, piece, file, outcome):
                    outcome.totals.add(part)
                    for each in wanted:
                        each.add(part)
        except (OSError, ValueError, StorageError) as error:
            outcome.unreadable = why(error)
        outcome.test_keys = examination.test_keys
        outcome.results = [each.result() for each in wanted]
        return outcome


def parts(examination: Examination, piece: Piece, file: BinaryIO, outcome: Outcome) -> Iterator[Report]:
    """The reports of one piece of an open file."""

    def broke() -> None:
        outcome.broke = True

    if piece.kind == "WHOLE":
        yield from examination.parts(from_file(file), piece.name, companions.of(Path(piece.name)))
    else:
        yield from examination.judged(pieces.units(piece, file, broke))


def open_piece(piece: Piece) -> BinaryIO:
    """The file of a piece. Raises ``OSError`` or ``ValueError``."""
    return Path(piece.name).open("rb")


def why(error: Exception) -> str:
    """The reason why a file could not be read."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
