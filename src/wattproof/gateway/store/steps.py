"""The steps of a transaction, which either engine carries out.

A step asks for rows, runs statements, or fills one of the two large tables. Statements mark their parameters with
``?``.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple


class Ask(NamedTuple):
    """Rows are wanted."""

    sql: str
    parameters: tuple[Any, ...] = ()


class Run(NamedTuple):
    """The same statement once for each of the parameters."""

    sql: str
    parameters: Sequence[tuple[Any, ...]]


class Fill(NamedTuple):
    """Put rows into a large table; those whose key is there already are ignored. ``columns``: which of its columns the
    rows have, the others are empty. ``time``: the place of the time, by which the partitions go. ``cells``: row after
    row in one list."""

    table: str
    columns: tuple[str, ...]
    time: int
    cells: list[Any]


class Lock(NamedTuple):
    """Numbers are given out next: until the end of the transaction no other writer may do so."""


Step = Ask | Run | Fill | Lock
#: What the engine sends back: the rows of an :class:`Ask`, nothing for the others.
Steps = Generator[Step, Any, None]
