"""What a power failure keeps and what it takes (bsm.md section 18).

Nobody can cut the supply over the bus, so these run only where the subject is given a way to do it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wattproof.conformance.bsm.subject import Bsm, expect, value
from wattproof.conformance.engine import Evidence, Need, NotApplicable, Statement
from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.points import MAP, OCMF_BLOCKS, SNAPSHOT_BLOCKS


def kept(*paths: str) -> Callable[[Bsm], Awaitable[None]]:
    """A check that these points are the same before and after."""

    async def check(meter: Bsm) -> None:
        before, after = await meter.restarted()
        for path in paths:
            (bound,) = MAP.find(path)
            old, new = (image.read(bound.address, bound.registers).hex() for image in (before, after))
            expect(old == new, f"{path} went from {old} to {new}")

    return check


def becomes(pattern: int, *paths: str) -> Callable[[Bsm], Awaitable[None]]:
    """A check that every register of these points holds a pattern afterwards."""

    async def check(meter: Bsm) -> None:
        _, after = await meter.restarted()
        for path in paths:
            (bound,) = MAP.find(path)
            found = after.read(bound.address, bound.registers)
            expect(found == pattern.to_bytes(2, "big") * bound.registers, f"{path} is {found[:16].hex()}")

    return check


async def time_invalid(meter: Bsm) -> None:
    await becomes(0xFFFF, "bs_meter.Epoch")(meter)
    await becomes(0x8000, "bs_meter.TZO")(meter)


async def statuses(meter: Bsm) -> None:
    _, after = await meter.restarted()
    for blocks in (SNAPSHOT_BLOCKS, OCMF_BLOCKS):
        for kind in SnapshotType:
            found = int.from_bytes(after.read(blocks[kind].address_of("St"), 1), "big")
            expect(found == SnapshotStatus.INVALID, f"St of {blocks[kind].label} is {found}")


async def seconds(meter: Bsm) -> None:
    before, after = await meter.restarted()
    old, new = value(before, "bs_meter.OS"), value(after, "bs_meter.OS")
    expect(new >= old, f"OS went back from {old} to {new}")


async def power_downs(meter: Bsm) -> None:
    before, after = await meter.restarted()
    old, new = value(before, "bs_meter.PDCnt"), value(after, "bs_meter.PDCnt")
    expect(new == old + 1, f"PDCnt went from {old} to {new}")


async def response_counter(meter: Bsm) -> str:
    firmware = await meter.firmware()
    if firmware.profile is None:
        raise NotApplicable(f"firmware {firmware.text} is not in the table")
    before, after = await meter.restarted()
    old, new = value(before, "bs_meter.RCnt"), value(after, "bs_meter.RCnt")
    expect(new - old == int(firmware.profile.counts_starts), f"RCnt went from {old} to {new}")
    return f"from {old} to {new}"


async def session_energy(meter: Bsm) -> str:
    before, after = await meter.restarted()
    grown = {
        name: value(after, path) - value(before, path)
        for name, path in {"RCR": "bs_meter.RCR", "TotWhImp": "ac_meter.TotWhImp"}.items()
    }
    digit = 10 if value(after, "bs_meter.RCR_SF") == 0 else 1
    expect(grown["RCR"] >= 0, f"RCR fell by {-grown['RCR']}")
    expect(
        abs(grown["RCR"] - grown["TotWhImp"]) <= digit, f"RCR grew by {grown['RCR']}, the total by {grown['TotWhImp']}"
    )
    return f"RCR {value(after, 'bs_meter.RCR')}"


def _row(number: str, text: str, evidence: Evidence, check: Callable[[Bsm], Awaitable[str | None]]) -> Statement[Bsm]:
    return Statement(number, text, evidence, Need.RESTART, check)


ROWS: tuple[Statement[Bsm], ...] = (
    _row("B-050", "DA and Rte survive", Evidence.TOOL, kept("common.DA", "serial_interface.Rte")),
    _row(
        "B-055",
        "Metadata are gone",
        Evidence.CAPTURE,
        becomes(0, "bs_meter.Meta1", "bs_meter.Meta2", "bs_meter.Meta3"),
    ),
    _row("B-058", "The time is invalid", Evidence.CAPTURE, time_invalid),
    _row(
        "B-066", "The count of settings survives", Evidence.CAPTURE, kept("bs_meter.EpochSetCnt", "bs_meter.EpochSetOS")
    ),
    _row("B-069", "OS never goes back", Evidence.MANUAL, seconds),
    _row("B-070", "PDCnt grows by one", Evidence.MANUAL, power_downs),
    _row("B-073", "RCnt stays, or grows by one up to CM 1.2", Evidence.TOOL, response_counter),
    _row("B-081", "RCR survives", Evidence.CAPTURE, session_energy),
    _row("B-083", "All snapshots are invalid", Evidence.CAPTURE, statuses),
)
