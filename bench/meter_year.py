"""A year of a virtual meter: CPU seconds of its body, without a bus.

The default A44 records eight channels of load profile every quarter of an hour, four counters and four averages. Once
its source is the curve ``day``, taken in one step; once 525,600 segments of a minute, each with voltages, currents and
angles of its own. Energies are checked against what the segments add up to.
"""

from __future__ import annotations

import random
import time
from functools import cache

from bench.measure import Target, interleaved, report
from wattproof.metering.clock import Clock
from wattproof.metering.dates import seconds_of
from wattproof.meters.abb.variants import variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.electrics import Wiring, measure_anew
from wattproof.meters.abb.virtual.sources import Load, Segment, Terminals, parse_load
from wattproof.virtual.curves import Recorded
from wattproof.virtual.faults import Faults, Table

SECOND = 10**9
MINUTES = 365 * 24 * 60
QUANTITIES = (1, 2, 21, 22, 69, 70, 82, 33)
#: kWh of a year of ``day``, in units of the register.
DAYS = 578_160


@cache
def minutes() -> tuple[Load[Segment], int]:
    """A load of a segment a minute, and the active import that it gives, in units of the register."""
    draw = random.Random(1)
    segments: list[Segment] = []
    energy = 0
    for _ in range(MINUTES):
        u1, u2, u3 = (draw.randrange(220_000, 240_000) for _ in range(3))
        i1, i2, i3 = (draw.randrange(16_000_000) for _ in range(3))
        p1, p2, p3 = (draw.randrange(-30_000, 30_000) for _ in range(3))
        segments.append(Terminals((u1, u2, u3), (i1, i2, i3), (p1, p2, p3)))
        energy += measure_anew(segments[-1], Wiring()).powers[0] * 60_000
    return Recorded("minutes", [60 * SECOND * number for number in range(MINUTES)], segments), energy // 36 // 10**9


def year(load: Load[Segment], expected: int) -> float:
    """CPU seconds of one year in one step."""
    clock = Clock()
    clock.set_local(0, seconds_of(2023, 1, 1))
    faults = Faults(Table("fault", ()), lambda event, details: None)
    body = Body(variant(), "00000001", load, clock, faults)
    for number, quantity in enumerate(QUANTITIES, 1):
        body.set_channel(number, quantity, 900, 5000)
    begin = time.process_time()
    body.advance(MINUTES * 60 * SECOND)
    seconds = time.process_time() - begin
    rows = sum(len(channel) for channel in body.recorder.channels if channel is not None)
    if (body.value(1), rows) != (expected, 40_000):
        raise SystemExit(f"{load.text}: {body.value(1)} units of import, {rows} rows; expected {expected}, 40000")
    return seconds


def main() -> bool:
    figures = interleaved(
        "meter_year",
        "s CPU",
        {
            "curve:day in one step": lambda: year(parse_load("curve:day"), DAYS),
            "a segment a minute": lambda: year(*minutes()),
        },
    )
    targets = [
        Target("CPU seconds of a year of one-minute segments", figures["a segment a minute"].median, 30),
        Target("CPU seconds of a year of curve:day", figures["curve:day in one step"].median, 5),
    ]
    return report("A year of a virtual A44", figures, targets)
