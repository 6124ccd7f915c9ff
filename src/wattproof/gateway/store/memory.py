"""What the writer remembers between transactions: numbers of meters, their layouts, how often series were cleared, and
by how much civil times of rows are ahead of UTC.

What it does not know it asks for many meters at a time, so that a start with a hundred thousand of them takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.gateway.store.steps import Ask, Lock, Run, Step, Steps

#: How many things one statement asks for: few sizes, so that few statements are prepared.
SIZES = (1, 20, 400)
Row = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Place:
    """Where readings of a group of a meter (its number) go: which layout of how many values the newest has, its time,
    and those of this transaction."""

    meter: int
    group: int
    layout: int
    width: int
    time: int
    cells: list[Any] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Device:
    """A meter: its number, its groups as far as they are known, how often its series (kind, channel) were cleared, and
    its rows of this transaction."""

    number: int
    eras: dict[tuple[int, int], int]
    places: dict[int, Place] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def era(self, kind: int, channel: int) -> int:
        """How often a series was cleared, by itself and with all others of its kind."""
        if not self.eras:
            return 0
        return self.eras.get((kind, channel), 0) + self.eras.get((kind, EVERY_CHANNEL), 0)


#: The channel of a clearing of all channels of a kind.
EVERY_CHANNEL = -1


@dataclass
class Memory:
    """It is forgotten when a transaction fails or somebody else has written.

    ``integers``: how the engine takes a list of integers. ``flag``: how it takes true and false.
    """

    integers: Callable[[tuple[int | None, ...]], Any]
    flag: Callable[[bool], Any]
    devices: dict[str, Device] = field(default_factory=dict)
    layouts: dict[int, int] = field(default_factory=dict)
    skew: tuple[int, int] | None = None

    def forget(self) -> None:
        """Ask everything again."""
        self.devices.clear()
        self.layouts.clear()
        self.skew = None


def device(serial: str, memory: Memory) -> Generator[Step, Any, Device]:
    """One meter, with a new number if it has none."""
    if serial not in memory.devices:
        yield from find_devices((serial,), memory)
    return memory.devices[serial]


def find_devices(serials: Collection[str], memory: Memory) -> Steps:
    """Make these meters known; the ones that have no number get one."""
    missing = [serial for serial in dict.fromkeys(serials) if serial not in memory.devices]
    numbers: dict[str, int] = {}
    yield from _find_numbers(missing, numbers)
    strangers = [serial for serial in missing if serial not in numbers]
    if strangers:
        yield Lock()
        yield from _find_numbers(strangers, numbers)  # another writer may have been faster
        found = yield Ask('SELECT coalesce(max("number"), 0) + 1 FROM devices')
        new = [serial for serial in strangers if serial not in numbers]
        numbers.update(zip(new, range(int(found[0][0]), int(found[0][0]) + len(new)), strict=True))
        yield Run(
            'INSERT INTO devices ("number", "serial") VALUES (?, ?)', [(numbers[serial], serial) for serial in new]
        )
    known = {numbers[serial]: Device(numbers[serial], {}) for serial in missing}
    for part in _parts(list(known)):
        sql = f'SELECT "meter", "kind", "channel", count(*) FROM clearings WHERE "meter" IN ({_marks(part)})'
        found = yield Ask(f'{sql} GROUP BY "meter", "kind", "channel"', tuple(part))
        for number, kind, channel, count in found:
            known[number].eras[kind, channel] = count
    memory.devices.update((serial, known[numbers[serial]]) for serial in missing)


def _find_numbers(serials: Sequence[str], numbers: dict[str, int]) -> Steps:
    for part in _parts(serials):
        found = yield Ask(f'SELECT "serial", "number" FROM devices WHERE "serial" IN ({_marks(part)})', tuple(part))
        numbers.update((serial, number) for serial, number in found)


def find_places(devices: Collection[Device], group: int, memory: Memory) -> Steps:
    """Make known which layout the newest reading of a group of these meters has."""
    missing = {device.number: device for device in devices if group not in device.places}
    for part in _parts(list(missing)):
        found = yield Ask(_NEWEST.format(marks=_marks(part)), (group, group, *part))
        for number, layout, time in found:
            width = (yield from width_of(layout, memory)) if layout else 0
            missing[number].places[group] = Place(number, group, layout or 0, width, time or 0)


_NEWEST = (
    'SELECT d."number", (SELECT r."layout" FROM readings r WHERE r."meter" = d."number" AND r."grp" = ?'
    ' ORDER BY r."time" DESC LIMIT 1), (SELECT max(r."time") FROM readings r WHERE r."meter" = d."number"'
    ' AND r."grp" = ?) FROM devices d WHERE d."number" IN ({marks})'
)


def width_of(layout: int, memory: Memory) -> Generator[Step, Any, int]:
    """How many quantities a layout has. Raises ``InvalidValue``: there is none."""
    width = memory.layouts.get(layout)
    if width is None:
        found = yield Ask('SELECT "quantities" FROM layouts WHERE "id" = ?', (layout,))
        if not found:
            raise InvalidValue(f"readings have layout {layout}, which does not exist: ask the store for one first")
        width = memory.layouts[layout] = found[0][0].count(",") + 1
    return width


def _parts(keys: Sequence[Any]) -> Iterator[list[Any]]:
    """In parts of one of the sizes, the last one filled up with repetitions."""
    for begin in range(0, len(keys), SIZES[-1]):
        part = list(keys[begin : begin + SIZES[-1]])
        size = next(size for size in SIZES if size >= len(part))
        yield part + part[-1:] * (size - len(part))


def _marks(part: Sequence[Any]) -> str:
    return ", ".join("?" * len(part))
