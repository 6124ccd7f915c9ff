"""What hangs behind a virtual AC meter: nothing, a constant load, a charging car, or a recorded curve (bsm.md 27.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from wattproof.virtual import curves
from wattproof.virtual.curves import Column, Constant, Curve, Loads, Recorded
from wattproof.virtual.physics import UNITY, WATT_HOUR, Phase, Segment, nearest, phase, three

#: A load of three phases.
Load = curves.Load[Segment]

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


def constant(text: str, microwatts: int) -> Constant[Segment]:
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


def curve(name: str) -> Curve[Segment]:
    """The charging curve of that name."""
    stages = CURVES[name]
    segments = [supply(stage.amperes * 1_000_000, phases=stage.phases) for stage in stages]
    return Curve(f"curve:{name}", [stage.until * WATT_HOUR for stage in stages], [*segments, NO_LOAD])


_COLUMNS: Mapping[str, Column] = {
    "w": (-MOST_WATTS, MOST_WATTS, 1_000_000),
    **{f"u{number}": (0, 1000, 1000) for number in (1, 2, 3)},
    **{f"i{number}": (-MOST_AMPERES, MOST_AMPERES, 1_000_000) for number in (1, 2, 3)},
    **{f"pf{number}": (-1, 1, UNITY) for number in (1, 2, 3)},
    "hz": (0, 1000, 1000),
}


def _check(header: set[str]) -> str | None:
    mixed = "w" in header and len(header - {"t", "w", "hz"})
    return "column w is the total power and cannot stand beside columns of phases" if mixed else None


def recorded(text: str, content: str) -> Recorded[Segment]:
    """A load from the content of a file: column ``t`` in meter seconds, ``w`` or ``u1`` ... ``hz``."""

    def row(cells: Mapping[str, int]) -> Segment:
        hertz = cells.get("hz", HERTZ)
        if "w" in cells:
            return constant(text, cells["w"]).segment(0, 0)._replace(frequency=hertz)
        a, b, c = (
            phase(cells.get(f"u{number}", VOLTS), cells.get(f"i{number}", 0), cells.get(f"pf{number}", UNITY))
            for number in (1, 2, 3)
        )
        return three(a, b, c, hertz)

    return curves.recorded(
        text, content, _COLUMNS, row, _check, "t and w, or t and any of u1..u3, i1..i3, pf1..pf3, hz"
    )


LOADS: Loads[Segment] = Loads(
    nothing=Constant("none", NO_LOAD),
    constant=constant,
    most=MOST_WATTS,
    curves={name: curve(name) for name in CURVES},
    recorded=recorded,
)


def parse_load(text: str, read_text: Callable[[str], str] | None = None) -> Load:
    """The load that ``--load`` names; see :meth:`wattproof.virtual.curves.Loads.parse`."""
    return LOADS.parse(text, read_text)
