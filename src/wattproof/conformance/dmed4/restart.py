"""What a power failure in the middle of a cycle keeps and what it takes (sections 8.3 and 8.6).

Nobody can cut the supply over the bus, so these run only where the subject is given a way to do it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, States, expect, row
from wattproof.conformance.dmed4.subject import ID, Dmed, Step
from wattproof.conformance.engine import Failed, Need, Skipped
from wattproof.meters.dmed4.enums import Command, MeasurementStatus, Signature
from wattproof.meters.dmed4.text import Record

INTERRUPTED = MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE


@dataclass(frozen=True, slots=True)
class Failure:
    """One power failure in a cycle: the begin, the statuses behind it, what was out then, and what C and E gave."""

    begin: Record
    states: States
    record: bytes
    logged_in: bool | None
    intermediate: Step
    end: Step


async def failure(meter: Dmed) -> Failure:
    """Made once in a run."""
    if meter.failure is None:
        if meter.power_cycle is None:
            raise Skipped("needs a power failure, which cannot be made over the bus")
        await meter.idle()
        meter.steps.pop(Command.BEGIN, None)
        begin = await meter.record(Command.BEGIN)
        if meter.has_rest:
            with suppress(Skipped):
                await meter.rest.login()
        await meter.cut()
        await meter.ready()
        states, record = await meter.side.states(), await meter.side.record()
        logged_in = await meter.rest.is_logged_in() if meter.has_rest else None
        if not states.active:
            raise Failed(f"after a power failure in a cycle: {states.words}")
        intermediate = await meter.take(Command.INTERMEDIATE)
        meter.failure = Failure(begin, states, record, logged_in, intermediate, await meter.take(Command.END))
        await meter.idle()
    return meter.failure


async def still_open(meter: Dmed) -> None:
    found = await failure(meter)
    expect(found.states.measurement == INTERRUPTED, f"after a power failure in a cycle: {found.states.words}")


async def ends(meter: Dmed) -> None:
    found = (await failure(meter)).end
    expect(found.after.measurement == MeasurementStatus.IDLE, f"E in status 3 leads to {found.after.words}")
    expect(found.after.has(Signature.OK) and found.record is not None, f"E in status 3: {found.after.words}")


async def stays_open(meter: Dmed) -> None:
    found = (await failure(meter)).intermediate
    expect(found.after.measurement == INTERRUPTED, f"C in status 3 leads to {found.after.words}")


async def keeps(meter: Dmed) -> None:
    found = await failure(meter)
    record = found.end.record
    if record is None:
        raise Failed("no record after E")
    expect(record.begin_energy == found.begin.begin_energy, "the begin reading is another one after the failure")
    expect(record.begin_time == found.begin.begin_time, "the time of the begin is another one after the failure")
    expect(record.field("ID") == ID, f"the field ID is {record.field('ID')!r} after the failure")


async def loses(meter: Dmed) -> None:
    found = await failure(meter)
    expect(not found.states.has(Signature.SYNCHRONIZED), f"the time counts as set: {found.states.words}")
    expect(not found.logged_in, "somebody is still logged in")


async def flagged(meter: Dmed) -> str:
    record = (await failure(meter)).end.record
    flags = "" if record is None else record.error_flags
    expect("t" in flags, f"EF of the fourth reading is {flags!r}")
    return flags


ROWS = (
    row("D-215", "A power failure in a cycle leads to status 3", MANUAL, Need.RESTART, still_open),
    row("D-216", "E in status 3 ends the cycle", INFERRED, Need.RESTART, ends),
    row("D-217", "C in status 3 leaves it open", INFERRED, Need.RESTART, stays_open),
    row("D-231", "Begin readings and fixed fields are kept", INFERRED, Need.RESTART, keeps),
    row("D-232", "Time flag and login are lost", INFERRED, Need.RESTART, loses),
    row("D-256", "EF has t after a power failure in the cycle", INFERRED, Need.RESTART, flagged),
)
