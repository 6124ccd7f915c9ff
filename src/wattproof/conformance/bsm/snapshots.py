"""The life of a snapshot and the switching that goes with it (bsm.md sections 9 to 12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from wattproof.conformance.bsm.subject import METADATA, Bsm, Taken, expect, value
from wattproof.conformance.engine import Evidence, Failed, Need, NotApplicable, Skipped, Statement
from wattproof.errors import ModbusRefused, SnapshotFailed
from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.points import OCMF_BLOCKS, SNAPSHOT_BLOCKS
from wattproof.meters.bsm.taken import Snapshot
from wattproof.wire.modbus.image import RegisterImage

CURRENT, TURN_ON, TURN_OFF, START, END = SnapshotType
#: Seconds beyond the manual's limits for the polling of a status.
POLLING = 0.5
#: Seconds that a load is awaited to move the energy register.
LOAD_PATIENCE = 60.0


def _number(snapshot: Snapshot, name: str) -> int:
    found = snapshot.number(name)
    if found is None:
        raise Failed(f"{name} of the {snapshot.kind.word} snapshot is unavailable")
    return found


def _names(snapshot: Snapshot) -> str:
    return f"the {snapshot.kind.word} snapshot"


def within(kind: SnapshotType, limit: float) -> Callable[[Bsm], Awaitable[str]]:
    """A check that a snapshot is valid within so many seconds after its trigger."""

    async def check(meter: Bsm) -> str:
        taken, _ = await meter.valid(kind)
        expect(taken.finished <= limit + POLLING, f"{kind.word} took {taken.finished:.1f} s, allowed are {limit:g}")
        return f"{kind.word} {taken.finished:.1f} s"

    return check


async def switching_times(meter: Bsm) -> str:
    return f"{await within(TURN_ON, 10)(meter)}, {await within(TURN_OFF, 8)(meter)}"


async def trigger_answered(meter: Bsm) -> str:
    taken = await meter.taken(CURRENT)
    expect(taken.acknowledged <= 1.0, f"the trigger was answered after {taken.acknowledged:.1f} s")
    return f"{taken.acknowledged:.2f} s"


async def shown_or_silent(meter: Bsm) -> str:
    taken, _ = await meter.valid(CURRENT)
    return "silent until it was finished" if taken.silent else "St 2 was shown"


async def one_at_a_time(meter: Bsm) -> None:
    taken, _ = await meter.valid(CURRENT)
    if taken.silent:
        raise NotApplicable("this meter answers no request while it creates a snapshot")
    before = await meter.number("bs_meter.RCnt")
    address = SNAPSHOT_BLOCKS[CURRENT].address_of("St")
    await meter.write(address, b"\0\2")
    with suppress(ModbusRefused):
        await meter.write(address, b"\0\2")
    await meter.clock.sleep(min(meter.limit, 12.0))
    after = await meter.number("bs_meter.RCnt")
    expect(after == (before or 0) + 1, f"two triggers took RCnt from {before} to {after}")


async def others_untouched(meter: Bsm) -> None:
    for kind in (CURRENT, TURN_ON):
        taken = await meter.taken(kind)
        expect(taken.others, f"the {kind.word} snapshot changed another instance")


async def live_values(meter: Bsm) -> None:
    """Every field of a current snapshot lies between the live values before and after it."""
    taken, snapshot = await meter.valid(CURRENT)
    for name in ("Epoch", "OS", "RCR"):
        low, high = (_or_none(image, f"bs_meter.{name}") for image in (taken.before, taken.after))
        found = snapshot.number(name)
        between = low is None or high is None or (found is not None and low <= found <= high)
        expect(between, f"{name} of the snapshot is {found}, live {low} before and {high} after")
    low, high = (value(image, "ac_meter.TotWhImp") for image in (taken.before, taken.after))
    total = _number(snapshot, "TotWhImp")
    expect(low <= total <= high, f"TotWhImp of the snapshot is {total}, live {low} before and {high} after")
    for name in ("TZO", "EpochSetCnt", "EpochSetOS", "DO"):
        live = _or_none(taken.before, f"bs_meter.{name}")
        expect(snapshot.number(name) == live, f"{name} of the snapshot is {snapshot.number(name)}, live {live}")
    expect(snapshot.number("Wh_SF") == _or_none(taken.before, "bs_meter.RCR_SF"), "Wh_SF differs from the live RCR_SF")


def _or_none(image: RegisterImage, path: str) -> int | None:
    try:
        return value(image, path)
    except Failed:
        return None


async def metadata(meter: Bsm) -> None:
    _, snapshot = await meter.valid(CURRENT)
    for number, text in enumerate(METADATA, 1):
        bound = SNAPSHOT_BLOCKS[CURRENT].bind(f"Meta{number}")
        start = 2 * bound.point.offset
        found = snapshot.registers[start : start + 2 * bound.registers].rstrip(b"\0")
        expect(found == text, f"Meta{number} of the snapshot is {found!r}, written was {text!r}")


async def counting(meter: Bsm) -> str:
    seen = []
    for kind in SnapshotType:
        try:
            taken, snapshot = await meter.valid(kind)
        except (Skipped, NotApplicable):
            continue
        before, number = value(taken.before, "bs_meter.RCnt"), _number(snapshot, "RCnt")
        expect(number == before + 1, f"{_names(snapshot)} has RCnt {number}, before the trigger {before} was used")
        seen.append(kind.word)
    return ", ".join(seen)


async def newest_counter(meter: Bsm) -> str:
    newest = max(_number(snapshot, "RCnt") for snapshot in await meter.records())
    live = await meter.number("bs_meter.RCnt")
    failed = [await meter.read(block.address_of("St"), 1) for block in SNAPSHOT_BLOCKS.values()]
    if any(status in (b"\0\3", b"\0\4", b"\0\5") for status in failed):  # the newest may be lost to a failed creation
        expect((live or 0) >= newest, f"live RCnt is {live}, a snapshot has {newest}")
        return f"RCnt {live}"
    expect(live == newest, f"live RCnt is {live}, the newest snapshot has {newest}")
    return f"RCnt {live}"


async def session_energy(meter: Bsm) -> str:
    """Difference of the totals of a session against its RCR."""
    _, begin = await meter.valid(TURN_ON)
    await _energy(meter)
    _, end = await meter.valid(TURN_OFF)
    difference = _number(end, "TotWhImp") - _number(begin, "TotWhImp")
    counted, digit = _number(end, "RCR"), 10 if end.number("Wh_SF") == 0 else 1
    expect(difference in (counted, counted + digit), f"TotWhImp grew by {difference}, RCR shows {counted}")
    return f"TotWhImp grew by {difference}, RCR shows {counted}"


async def _energy(meter: Bsm) -> int:
    """RCR once the load has moved it; 0 if none flows."""
    started = meter.clock.now()
    while not (found := await meter.number("bs_meter.RCR") or 0):
        power = await meter.number("ac_meter.W")
        if not power or meter.clock.now() - started > LOAD_PATIENCE * 1e9:
            return 0
        await meter.clock.sleep(1.0)
    return found


async def turn_on_resets(meter: Bsm) -> None:
    taken, snapshot = await meter.valid(TURN_ON)
    expect(_number(snapshot, "RCR") == 0, f"RCR of the turn-on snapshot is {snapshot.number('RCR')}")
    before, total = value(taken.before, "ac_meter.TotWhImp"), _number(snapshot, "TotWhImp")
    expect(before <= total <= before + 100, f"TotWhImp went from {before} to {total} in the turn-on")


async def start_resets(meter: Bsm) -> str:
    taken, snapshot = await meter.valid(START)
    before, found = value(taken.before, "bs_meter.RCR"), _number(snapshot, "RCR")
    if found == 0:
        return "RCR 0 in the start snapshot"
    expect(found >= before > 0, f"RCR went from {before} to {found} in the start snapshot")
    return f"RCR is kept, {found} (BD-18 accepts both)"


async def others_keep_energy(meter: Bsm) -> str:
    await meter.valid(TURN_ON)
    if not await _energy(meter):
        raise Skipped("no energy flows, RCR is 0: nothing that could be reset")
    kept = []
    for kind in (CURRENT, END):
        try:
            taken = await meter.take(kind)
        except NotApplicable:
            continue
        expect(taken.snapshot is not None, f"the {kind.word} snapshot ended with St {taken.status.value}")
        _kept(taken)
        kept.append(kind.word)
    taken = await meter.taken(TURN_OFF)
    if taken.snapshot is not None:
        _kept(taken)
        kept.append(TURN_OFF.word)
    return ", ".join(kept)


def _kept(taken: Taken) -> None:
    before = value(taken.before, "bs_meter.RCR")
    found = _number(taken.snapshot, "RCR") if taken.snapshot else 0
    expect(found >= before, f"RCR fell from {before} to {found} in the {taken.kind.word} snapshot")


async def failed_instances(meter: Bsm) -> str:
    failed = []
    for kind in SnapshotType:
        block = SNAPSHOT_BLOCKS[kind]
        status = int.from_bytes(await meter.read(block.address_of("St"), 1), "big")
        if status in (3, 4, 5):
            used, area = await meter.octets(f"{block.name}.BSig"), await meter.octets(f"{block.name}.Sig")
            expect(not any(used + area), f"the {kind.word} snapshot has St {status} and a signature")
            failed.append(kind.word)
    if not failed:
        raise Skipped("no creation has failed on this meter")
    return ", ".join(failed)


async def still_readable(meter: Bsm) -> None:
    _, first = await meter.valid(CURRENT)
    newest = await meter.take(CURRENT)
    expect(newest.snapshot is not None, f"a second current snapshot ended with St {newest.status.value}")
    try:
        again = await meter.driver.existing(CURRENT)
    except SnapshotFailed as error:
        raise Failed(f"a valid snapshot could be read once only: {error}") from None
    expect(newest.snapshot is not None and again.registers == newest.snapshot.registers, "it changed without trigger")
    expect(again.registers != first.registers, "a new trigger left the old snapshot")


async def turn_on_data(meter: Bsm) -> None:
    taken, snapshot = await meter.valid(TURN_ON)
    found = [_number(snapshot, name) for name in ("DI", "DO", "RCR")]
    expect(found == [1, 0, 0], f"DI, DO, RCR of the turn-on snapshot are {found}")
    expect(value(taken.after, "bs_meter.DO") == 1, "register DO is not 1 after the turn-on")


async def turn_on_failed(meter: Bsm) -> None:
    taken = await meter.taken(TURN_ON)
    if taken.status is not SnapshotStatus.FAILED_FEEDBACK:
        raise Skipped("the contactor opened and was reported open")
    expect(value(taken.after, "bs_meter.DO") == 0, "register DO is 1 after a turn-on without feedback")
    for name in ("RCR", "RCnt"):
        before, after = (value(image, f"bs_meter.{name}") for image in (taken.before, taken.after))
        expect(after >= before if name == "RCR" else after == before, f"{name} went from {before} to {after}")


async def turn_on_again(meter: Bsm) -> None:
    await meter.valid(TURN_ON)
    taken = await meter.take(TURN_ON)
    expect(taken.snapshot is not None, f"a turn-on during a turn-on ended with St {taken.status.value}")
    if taken.snapshot is not None:
        found = [_number(taken.snapshot, name) for name in ("DI", "DO")]
        expect(found == [1, 0], f"DI, DO of a turn-on under demand are {found}: the contactor was not opened")


async def feedback(meter: Bsm) -> None:
    taken, _ = await meter.valid(TURN_ON)
    if value(taken.after, "bs_meter.DI") == 1:
        raise Skipped("the contactor is not reported closed after the turn-on; is DOE high?")
    changed, begin = value(taken.after, "bs_meter.DIChgOS"), value(taken.before, "bs_meter.OS")
    end = value(taken.after, "bs_meter.OS")
    expect(begin <= changed <= end, f"DIChgOS is {changed}, OS was {begin} before and {end} after the turn-on")


async def under_load(meter: Bsm) -> None:
    await meter.valid(TURN_ON)
    if await meter.number("bs_meter.DO") != 1 or await meter.number("bs_meter.DI") != 0:
        raise Skipped("the contactor is not reported closed; is DOE high?")
    taken = await meter.take(CURRENT)
    expect(taken.snapshot is not None, f"the current snapshot ended with St {taken.status.value}")
    if taken.snapshot is not None:
        found = [_number(taken.snapshot, name) for name in ("DI", "DO")]
        expect(found == [0, 1], f"DI, DO of a current snapshot under load are {found}")
    expect(value(taken.after, "bs_meter.DO") == 1, "a current snapshot switched the output off")


async def turn_off_data(meter: Bsm) -> None:
    taken, snapshot = await meter.valid(TURN_OFF)
    found = [_number(snapshot, name) for name in ("DI", "DO")]
    expect(found == [1, 0], f"DI, DO of the turn-off snapshot are {found}")
    expect(value(taken.after, "bs_meter.DO") == 0, "register DO is not 0 after the turn-off")


async def turn_off_failed(meter: Bsm) -> None:
    taken = await meter.taken(TURN_OFF)
    if taken.status is not SnapshotStatus.FAILED_FEEDBACK:
        raise Skipped("the contactor opened and was reported open")
    expect(value(taken.after, "bs_meter.DO") == 0, "register DO is 1 after a turn-off without feedback")


async def turn_off_again(meter: Bsm) -> None:
    await meter.valid(TURN_OFF)
    taken = await meter.take(TURN_OFF)
    expect(taken.snapshot is not None, f"a turn-off without turn-on ended with St {taken.status.value}")


async def start_and_end(meter: Bsm) -> None:
    for kind in (START, END):
        taken, _ = await meter.valid(kind)
        before, after = (value(image, "bs_meter.DO") for image in (taken.before, taken.after))
        expect(before == after, f"the {kind.word} snapshot took DO from {before} to {after}")


async def text_statuses(meter: Bsm) -> str:
    pairs = []
    for kind in SnapshotType:
        one = int.from_bytes(await meter.read(SNAPSHOT_BLOCKS[kind].address_of("St"), 1), "big")
        other = int.from_bytes(await meter.read(OCMF_BLOCKS[kind].address_of("St"), 1), "big")
        expect(one == other or (one, other) == (0, 3), f"{kind.word}: St {one}, its OCMF text {other}")
        pairs.append(f"{kind.word} {one}")
    return ", ".join(pairs)


#: In the order of one charging session, so that every kind is created once.
ROWS: tuple[Statement[Bsm], ...] = (
    Statement("B-084", "A trigger is answered at once", Evidence.CAPTURE, Need.WRITE, trigger_answered),
    Statement("B-085", "Meanwhile it shows St 2 or keeps silent", Evidence.TOOL, Need.WRITE, shown_or_silent, "BD-15"),
    Statement("B-088", "A current snapshot is valid within 6 s", Evidence.MANUAL, Need.WRITE, within(CURRENT, 6)),
    Statement("B-054", "Metadata appear in the next snapshot", Evidence.CAPTURE, Need.WRITE, metadata),
    Statement("B-092", "Its fields are the live values of the moment", Evidence.TOOL, Need.WRITE, live_values),
    Statement(
        "B-093", "A second trigger starts no second snapshot", Evidence.INFERRED, Need.WRITE, one_at_a_time, "BD-15"
    ),
    Statement("B-095", "It stays readable until the next trigger", Evidence.TOOL, Need.WRITE, still_readable),
    Statement("B-079", "A start snapshot resets RCR", Evidence.CAPTURE, Need.WRITE, start_resets, "BD-18"),
    Statement("B-109", "Start and end leave DO alone", Evidence.MANUAL, Need.WRITE, start_and_end),
    Statement("B-097", "Turn-on holds DI 1, DO 0, RCR 0, then demands", Evidence.CAPTURE, Need.SWITCHING, turn_on_data),
    Statement("B-078", "Turn-on resets RCR and keeps TotWhImp", Evidence.MANUAL, Need.SWITCHING, turn_on_resets),
    Statement(
        "B-098", "Turn-on without feedback: demand 0, nothing reset", Evidence.MANUAL, Need.SWITCHING, turn_on_failed
    ),
    Statement(
        "B-107", "DI falls and is stamped when the contactor closes", Evidence.MANUAL, Need.SWITCHING, feedback, "BD-17"
    ),
    Statement("B-090", "The other instances stay as they are", Evidence.CAPTURE, Need.SWITCHING, others_untouched),
    Statement(
        "B-102", "Turn-on under demand opens the contactor first", Evidence.MANUAL, Need.SWITCHING, turn_on_again
    ),
    Statement("B-108", "A current snapshot under load switches nothing", Evidence.INFERRED, Need.SWITCHING, under_load),
    Statement("B-080", "Current, end and turn-off keep RCR", Evidence.CAPTURE, Need.SWITCHING, others_keep_energy),
    Statement(
        "B-103", "Turn-off holds DI 1, DO 0 and ends the demand", Evidence.CAPTURE, Need.SWITCHING, turn_off_data
    ),
    Statement("B-104", "Turn-off without feedback ends the demand", Evidence.MANUAL, Need.SWITCHING, turn_off_failed),
    Statement("B-077", "TotWhImp and RCR of a session agree", Evidence.CAPTURE, Need.SWITCHING, session_energy),
    Statement("B-105", "A turn-off without turn-on is valid", Evidence.INFERRED, Need.SWITCHING, turn_off_again),
    Statement("B-089", "Turn-on within 10 s, turn-off within 8 s", Evidence.MANUAL, Need.SWITCHING, switching_times),
    Statement("B-071", "Each valid snapshot takes the next RCnt", Evidence.CAPTURE, Need.SWITCHING, counting),
    Statement("B-072", "Live RCnt is that of the newest snapshot", Evidence.CAPTURE, Need.READ, newest_counter),
    Statement("B-094", "A failed snapshot has no signature", Evidence.INFERRED, Need.READ, failed_instances, "BD-23"),
    Statement("B-142", "St of the OCMF text follows the snapshot", Evidence.TOOL, Need.READ, text_statuses),
)
