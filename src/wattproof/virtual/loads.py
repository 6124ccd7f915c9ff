"""What hangs behind a virtual meter: nothing, a constant load, a charging car, or a recorded curve.

A load is piecewise constant. It is asked for its present segment, for the instant or the delivered energy at which
the next segment begins, and it is told how much energy it has taken.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from wattproof.errors import InvalidValue, StorageError
from wattproof.virtual.base import NEVER, SECOND
from wattproof.virtual.physics import UNITY, WATT_HOUR, Phase, Segment, nearest, phase, three

#: Nominal supply: 3 x 230.0 V, 50.0 Hz.
VOLTS = 230_000
HERTZ = 50_000
#: The largest current that a register of the meter can show.
MOST_AMPERES = Decimal("327.67")
#: The largest power of a directly connected meter of 3 x 60 A.
MOST_WATTS = 41_400


def supply(current: int = 0, *, phases: str = "123") -> Segment:
    """Nominal supply with ``current`` (uA) at power factor 1 on the named phases."""
    a, b, c = (
        phase(VOLTS, current, UNITY) if number in phases and current else Phase(VOLTS, 0, 0, 0) for number in "123"
    )
    return three(a, b, c, HERTZ)


NO_LOAD = supply()


class Load(ABC):
    """Something that draws current. Instances are shared between meters and never change."""

    __slots__ = ("text",)
    text: str

    @abstractmethod
    def segment(self, elapsed: int, delivered: int) -> Segment:
        """The segment ``elapsed`` ns after the load was set, with ``delivered`` energy units taken."""

    def next_time(self, elapsed: int) -> int:
        """Elapsed ns at which the next segment begins, ``NEVER`` without one."""
        return NEVER

    def next_energy(self, delivered: int) -> int:
        """Delivered energy units at which the next segment begins, ``NEVER`` without one."""
        return NEVER


class Constant(Load):
    """The same for ever; ``constant:W`` and ``none``."""

    __slots__ = ("_segment",)

    def __init__(self, text: str, segment: Segment) -> None:
        self.text = text
        self._segment = segment

    def segment(self, elapsed: int, delivered: int) -> Segment:
        return self._segment


def constant(text: str, microwatts: int) -> Constant:
    """``microwatts`` in total, three phases alike at 230 V, power factor 1; the phases sum up exactly."""
    sign = -1 if microwatts < 0 else 1
    share, rest = divmod(abs(microwatts), 3)
    a, b, c = (
        Phase(VOLTS, nearest((share + (number < rest)) * 1000, VOLTS), sign * (share + (number < rest)), UNITY)
        for number in range(3)
    )
    return Constant(text, three(a, b, c, HERTZ) if microwatts else NO_LOAD)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a charging curve: until ``until`` Wh are delivered, ``amperes`` on each of ``phases``."""

    until: int
    amperes: int
    phases: str


#: Charging curves by delivered energy (bsm.md 27.3). After the last stage the car is full.
CURVES: Mapping[str, tuple[Stage, ...]] = {
    "car": (Stage(18_000, 16, "123"), Stage(19_500, 10, "123"), Stage(20_000, 6, "123")),
    "car1": (Stage(9_500, 16, "3"), Stage(10_000, 6, "3")),
}


class Curve(Load):
    """A car that takes less as it fills."""

    __slots__ = ("_limits", "_segments")

    def __init__(self, text: str, stages: tuple[Stage, ...]) -> None:
        self.text = text
        self._limits = [stage.until * WATT_HOUR for stage in stages]
        self._segments = [supply(stage.amperes * 1_000_000, phases=stage.phases) for stage in stages] + [NO_LOAD]

    def segment(self, elapsed: int, delivered: int) -> Segment:
        return self._segments[bisect_right(self._limits, delivered)]

    def next_energy(self, delivered: int) -> int:
        index = bisect_right(self._limits, delivered)
        return self._limits[index] if index < len(self._limits) else NEVER


class Recorded(Load):
    """Rows of a file, each holding until the next, the last for ever."""

    __slots__ = ("_segments", "_starts")

    def __init__(self, text: str, starts: list[int], segments: list[Segment]) -> None:
        self.text = text
        self._starts = starts
        self._segments = segments

    def segment(self, elapsed: int, delivered: int) -> Segment:
        return self._segments[max(bisect_right(self._starts, elapsed) - 1, 0)]

    def next_time(self, elapsed: int) -> int:
        index = bisect_right(self._starts, elapsed)
        return self._starts[index] if index < len(self._starts) else NEVER


#: Limits of the columns of a load file and what one unit of them is inside.
_COLUMNS: Mapping[str, tuple[Decimal | int, Decimal | int, int]] = {
    "w": (-MOST_WATTS, MOST_WATTS, 1_000_000),
    **{f"u{number}": (0, 1000, 1000) for number in (1, 2, 3)},
    **{f"i{number}": (-MOST_AMPERES, MOST_AMPERES, 1_000_000) for number in (1, 2, 3)},
    **{f"pf{number}": (-1, 1, UNITY) for number in (1, 2, 3)},
    "hz": (0, 1000, 1000),
}


def _number(text: str, what: str, low: Decimal | int, high: Decimal | int) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise InvalidValue(f"{what}: {text!r} is not a number: write {low} to {high}") from None
    if not value.is_finite() or not low <= value <= high:
        raise InvalidValue(f"{what}: {text} is out of range: write {low} to {high}")
    return value


def _row(text: str, row: Mapping[str, int]) -> Segment:
    hertz = row.get("hz", HERTZ)
    if "w" in row:
        segment = constant(text, row["w"]).segment(0, 0)
        return segment._replace(frequency=hertz)
    a, b, c = (
        phase(row.get(f"u{number}", VOLTS), row.get(f"i{number}", 0), row.get(f"pf{number}", UNITY))
        for number in (1, 2, 3)
    )
    return three(a, b, c, hertz)


def recorded(text: str, content: str) -> Recorded:
    """A load from the content of a file: header line, column ``t`` in meter seconds, ``w`` or ``u1`` ... ``hz``.

    Raises ``InvalidValue`` naming the line and the column.
    """
    lines = csv.reader(io.StringIO(content))
    header = [name.strip().lower() for name in next(lines, [])]
    unknown = [name for name in header if name != "t" and name not in _COLUMNS]
    if "t" not in header or unknown or len(set(header)) != len(header) or len(header) < 2:
        raise InvalidValue(
            f"load {text}: the first line must name the columns t and w, or t and any of u1..u3, i1..i3, pf1..pf3, hz"
            f" once; it has {', '.join(header) or 'nothing'}"
        )
    if "w" in header and len(set(header) - {"t", "w", "hz"}):
        raise InvalidValue(f"load {text}: column w is the total power and cannot stand beside columns of phases")
    starts: list[int] = []
    segments: list[Segment] = []
    for line in lines:
        where = f"load {text}, line {lines.line_num}"
        if not "".join(line).strip():
            continue
        if len(line) != len(header):
            raise InvalidValue(f"{where}: {len(line)} columns, the first line has {len(header)}")
        row: dict[str, int] = {}
        for name, cell in zip(header, line, strict=True):
            low, high, unit = (0, 10**10, SECOND) if name == "t" else _COLUMNS[name]
            if cell.strip():
                row[name] = int((_number(cell, f"{where}, column {name}", low, high) * unit).to_integral_value())
        start = row.pop("t", None)
        if start is None or (starts and start <= starts[-1]) or (not starts and start != 0):
            raise InvalidValue(f"{where}: column t must begin with 0 and ascend")
        starts.append(start)
        segments.append(_row(text, row))
    if not starts:
        raise InvalidValue(f"load {text}: no rows after the first line")
    return Recorded(text, starts, segments)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue(f"load csv:{path}: the file is not UTF-8 text") from None
    except FileNotFoundError:
        raise InvalidValue(f"load csv:{path}: no such file") from None
    except OSError as error:
        raise StorageError(f"load csv:{path}: cannot be read: {error.strerror}") from error


NOTHING = Constant("none", NO_LOAD)
_BY_NAME: Mapping[str, Load] = {name: Curve(f"curve:{name}", stages) for name, stages in CURVES.items()}


def parse_load(text: str, read_text: Callable[[str], str] | None = None) -> Load:
    """The load that ``--load`` names: ``none``, ``constant:W``, ``curve[:NAME]``, ``csv:FILE`` (bsm.md 27.3).

    Raises ``InvalidValue`` for everything else, ``StorageError`` if the file cannot be read.
    """
    form, _, rest = text.partition(":")
    if text == "none":
        return NOTHING
    if form == "constant" and rest:
        watts = _number(rest, f"load {text}", -MOST_WATTS, MOST_WATTS)
        return constant(text, int((watts * 1_000_000).to_integral_value()))
    if form == "curve" and (rest or "car") in _BY_NAME and text != "curve:":
        return _BY_NAME[rest or "car"]
    if form == "csv" and rest:
        return recorded(text, (read_text or _read)(rest))
    raise InvalidValue(f"no load {text!r}: write none, constant:W, curve:{', curve:'.join(_BY_NAME)} or csv:FILE")
