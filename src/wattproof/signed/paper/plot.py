"""The readings of a session as points of a square of size one, for whoever draws them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import pairwise

from wattproof.signed.records import Reading
from wattproof.signed.registers import EXACT, Register, instant
from wattproof.signed.report import time_text
from wattproof.signed.sessions import Session

#: Points that are drawn; of more only every so many.
MOST_POINTS = 400
#: Characters of a value at an axis: 40 digits with sign, point and exponent fit.
_LONGEST = 48


@dataclass(frozen=True, slots=True)
class Plot:
    """Points from left to right (time) and bottom to top (energy), each 0..1, with the texts at the ends of the axes.

    ``by_time`` is false where the times say nothing, so that the readings stand side by side.
    """

    points: list[tuple[float, float]]
    lowest: str
    highest: str
    first: str
    last: str
    by_time: bool


def plot(session: Session) -> Plot | None:
    """The curve of the billing register, else of the first that has two readings; ``None`` if there is none."""
    choices = [*([session.billing] if session.billing is not None else []), *session.registers.values()]
    for register in choices:
        found = _points(register)
        if len(found) > 1:
            return _scaled(found)
    return None


def _points(register: Register) -> list[tuple[int, Reading, Decimal]]:
    """Instant and watt hours of every usable reading, in session order."""
    return [
        (instant(reading.time), reading, energy)
        for reading, energy in zip(register.readings, register.energies, strict=True)
        if reading.time is not None and energy is not None
    ]


def _scaled(found: list[tuple[int, Reading, Decimal]]) -> Plot:
    times = [moment for moment, _, _ in found]
    energies = [energy for _, _, energy in found]
    low, high = min(energies), max(energies)
    by_time = all(one <= two for one, two in pairwise(times)) and times[0] < times[-1]
    with localcontext(EXACT):
        height = high - low
        points = [
            (
                (moment - times[0]) / (times[-1] - times[0]) if by_time else position / (len(found) - 1),
                float((energy - low) / height) if height else 0.5,
            )
            for position, (moment, _, energy) in enumerate(found)
        ]
    step = -(-len(points) // MOST_POINTS)
    shown = points[::step] if step > 1 else points
    if shown[-1] != points[-1]:
        shown.append(points[-1])
    lowest, highest = (found[energies.index(energy)][1] for energy in (low, high))
    return Plot(shown, _value(lowest), _value(highest), _moment(found[0][1]), _moment(found[-1][1]), by_time)


def _value(reading: Reading) -> str:
    """The value as it was signed; what is too long for an axis is seen to be cut."""
    literal = (reading.literal or "").strip()
    return f"{literal if len(literal) <= _LONGEST else literal[: _LONGEST - 3] + '...'} {reading.unit}"


def _moment(reading: Reading) -> str:
    return (time_text(reading.time) or "")[:19].replace("T", " ")
