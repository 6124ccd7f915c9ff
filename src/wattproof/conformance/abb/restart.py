"""What a power failure counts, and what it keeps (abb-meters.md 3, 3.7).

Nobody can cut the supply over the bus, so these run only where the subject is given a way to do it.
"""

from __future__ import annotations

from decimal import Decimal

from wattproof.conformance.abb.common import INFERRED, expect, row
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.abb.values import read
from wattproof.conformance.engine import Need, NotApplicable
from wattproof.meters.abb.quantities import ROWS as QUANTITIES

FAILS, OUTAGE = 152, 151
#: Registers that never fall, and settings that stay.
REGISTERS = (1, 2, 21, 22, 9, 10, 11, 12, 171)
SETTINGS = (83, 84, 141, 142, 143, 144)


async def counted(meter: Abb) -> str:
    """The counter of power failures grows by one, the outage time by some seconds."""
    side = meter.sides[0]
    before = await read(side, (FAILS, OUTAGE))
    if not {FAILS, OUTAGE} <= before.keys():
        raise NotApplicable("the meter counts no power failures")
    await meter.finish()
    await meter.cut()
    after = await read(side, (FAILS, OUTAGE))
    grown = {id: after.get(id, Decimal(0)) - before[id] for id in before}
    expect(grown[FAILS] == 1, f"a power failure counts as {grown[FAILS]}")
    expect(grown[OUTAGE] >= 1, f"the outage time grows by {grown[OUTAGE]} s")
    return f"{grown[OUTAGE]} s"


async def survives(meter: Abb) -> None:
    """Registers and settings are kept, on every bus."""
    before = [await read(side, (*REGISTERS, *SETTINGS)) for side in meter.sides]
    await meter.finish()
    await meter.cut()
    for side, was in zip(meter.sides, before, strict=True):
        now = await read(side, was)
        for id, value in was.items():
            what = f"{QUANTITIES[id].name} over {side.name}"
            kept = now.get(id, Decimal(-1))
            expect(kept >= value if id in REGISTERS else kept == value, f"{what} was {value} and is {kept}")


ROWS = (
    row("A-162", "A power failure is counted, with its time", INFERRED, Need.RESTART, counted),
    row("A-176", "A power failure leaves registers and settings as they were", INFERRED, Need.RESTART, survives),
)
