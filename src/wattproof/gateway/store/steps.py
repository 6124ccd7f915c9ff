"""The steps of a transaction, which either engine carries out, and what the writer remembers between two of them.

A step asks for rows, runs statements, or fills one of the two large tables. Statements mark their parameters with
``?``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
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
    rows have, the others are empty. ``time``: the place of the time, by which the partitions go."""

    table: str
    columns: tuple[str, ...]
    time: int
    rows: list[tuple[Any, ...]]


class Lock(NamedTuple):
    """Numbers are given out next: until the end of the transaction no other writer may do so."""


Step = Ask | Run | Fill | Lock
#: What the engine sends back: the rows of an :class:`Ask`, nothing for the others.
Steps = Generator[Step, Any, None]


@dataclass(slots=True, eq=False)
class Place:
    """Where readings of a group of a meter go: its number, which layout of how many values its newest has, and those
    of this transaction."""

    meter: int
    group: int
    layout: int
    width: int
    time: int
    rows: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Channel:
    """Where rows of a series go: what it is by numbers, how often it was cleared, and those of this transaction."""

    meter: int
    kind: int
    channel: int
    era: int
    rows: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass
class Memory:
    """What the writer need not ask again. It is forgotten when a transaction fails or somebody else has written.

    ``integers``: how the engine takes a list of integers. ``flag``: how it takes true and false.
    """

    integers: Callable[[tuple[int | None, ...]], Any]
    flag: Callable[[bool], Any]
    devices: dict[str, int] = field(default_factory=dict)
    places: dict[tuple[str, int], Place] = field(default_factory=dict)
    channels: dict[tuple[str, str, int], Channel] = field(default_factory=dict)
    layouts: dict[int, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Ask everything again."""
        for known in (self.devices, self.places, self.channels, self.layouts):
            known.clear()
