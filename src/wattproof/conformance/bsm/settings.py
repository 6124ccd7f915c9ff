"""What can be written: time, metadata, the output, statuses (bsm.md sections 7 and 8)."""

from __future__ import annotations

from wattproof.conformance.bsm.subject import Bsm, expect, value
from wattproof.conformance.engine import Evidence, Need, NotApplicable, Skipped, Statement
from wattproof.errors import ModbusRefused
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.points import OCMF_BLOCKS, SNAPSHOT_BLOCKS
from wattproof.wire.modbus.exceptions import ExceptionCode
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.pdu import write_multiple_request

HOUR = 3600
TIME = ("bs_meter.OS", "bs_meter.Epoch", "bs_meter.TZO", "bs_meter.EpochSetCnt", "bs_meter.EpochSetOS")
#: Seconds from a write until EpochSetOS is taken (capture 2022: 1 to 4).
STAMP = 10


class Time:
    """The time registers of one moment."""

    def __init__(self, raws: dict[str, object]) -> None:
        self.seconds, self.epoch, self.offset, self.count, self.stamp = (
            found if isinstance(found, int) else None for found in (raws[path] for path in TIME)
        )

    @classmethod
    async def of(cls, meter: Bsm) -> Time:
        return cls(dict(await meter.raws(*TIME)))

    @property
    def valid(self) -> bool:
        return self.epoch is not None and self.offset is not None

    def counted(self, before: Time) -> int:
        """Settings since ``before``."""
        return (self.count or 0) - (before.count or 0)


def _epoch(seconds: int) -> bytes:
    return seconds.to_bytes(4, "big")


def _offset(minutes: int) -> bytes:
    return minutes.to_bytes(2, "big", signed=True)


async def _set(meter: Bsm, epoch: int | None = None, offset: int | None = None) -> None:
    data = (b"" if epoch is None else _epoch(epoch)) + (b"" if offset is None else _offset(offset))
    path = "bs_meter.TZO" if epoch is None else "bs_meter.Epoch"
    await meter.write(meter.bound(path).address, data)


async def _valid_time(meter: Bsm) -> Time:
    """The time, set to the present in UTC+1 if it was invalid."""
    found = await Time.of(meter)
    if not found.valid:
        await _set(meter, meter.clock.time() // 10**9, 60)
        found = await Time.of(meter)
    expect(found.valid, "Epoch and TZO stay unavailable after both were written in one request")
    return found


async def _stamped(meter: Bsm, before: Time, what: str) -> None:
    """Check that one setting was counted and stamped with OS."""
    after = await Time.of(meter)
    expect(after.counted(before) == 1, f"{what}: EpochSetCnt went from {before.count} to {after.count}")
    speed = await meter.speed()
    early, late = before.seconds or 0, (after.seconds or 0) + STAMP
    stamp = after.stamp
    if stamp is not None and stamp < early and speed <= 1.5:  # the device may take its stamp some seconds later
        await meter.clock.sleep(STAMP)
        stamp = (await Time.of(meter)).stamp
    expect(stamp is not None and early <= stamp <= late, f"{what}: EpochSetOS {stamp}, OS {after.seconds}")


async def half_first_setting(meter: Bsm) -> str | None:
    before = await Time.of(meter)
    if before.valid:
        raise Skipped("the time is valid already; it is invalid only after a power failure")
    remark = None
    for data, path in ((_epoch(1_700_000_000), "bs_meter.Epoch"), (_offset(60), "bs_meter.TZO")):
        try:
            await meter.write(meter.bound(path).address, data)
            remark = "acknowledged and ignored (BD-09)"
        except ModbusRefused:
            pass
        after = await Time.of(meter)
        expect(not after.valid, f"{path} alone made the time valid")
        expect(after.counted(before) == 0, f"{path} alone was counted as a setting")
    return remark


async def full_setting(meter: Bsm) -> None:
    before = await Time.of(meter)
    now = meter.clock.time() // 10**9
    offset = 60 if before.offset != 60 else 120
    await _set(meter, now, offset)
    await _stamped(meter, before, "Epoch and TZO written")
    after = await Time.of(meter)
    speed = await meter.speed()
    expect(after.offset == offset, f"TZO reads {after.offset} after {offset} was written")
    expect(abs((after.epoch or 0) - now) <= STAMP + 15 * speed, f"Epoch reads {after.epoch} after {now} was written")
    if before.valid:
        await _set(meter, meter.clock.time() // 10**9, before.offset)


async def update(meter: Bsm) -> None:
    before = await _valid_time(meter)
    await _set(meter, before.epoch)
    after = await Time.of(meter)
    expect((after.count, after.stamp) == (before.count, before.stamp), "an update within 1 s counts as a setting")


async def jump(meter: Bsm) -> None:
    if await meter.speed() > 1.5:
        raise NotApplicable("the meter runs faster than real time, where no jump counts (BD-53)")
    before = await _valid_time(meter)
    await _set(meter, (before.epoch or 0) + 5 * HOUR)
    try:
        await _stamped(meter, before, "Epoch set 5 h ahead")
    finally:
        await _set(meter, meter.clock.time() // 10**9)


async def new_offset(meter: Bsm) -> None:
    before = await _valid_time(meter)
    old = before.offset or 0
    await _set(meter, offset=old + 60 if old < 600 else old - 60)
    try:
        await _stamped(meter, before, "TZO changed")
    finally:
        await _set(meter, offset=old)


async def same_offset(meter: Bsm) -> None:
    before = await _valid_time(meter)
    await _set(meter, offset=before.offset)
    after = await Time.of(meter)
    expect(after.counted(before) == 0, "the unchanged TZO counts as a setting")


async def running(meter: Bsm) -> str:
    before = await Time.of(meter)
    await meter.clock.sleep(4.0)
    after = await Time.of(meter)
    seconds = (after.seconds or 0) - (before.seconds or 0)
    expect(seconds >= 3, f"OS went on by {seconds} in 4 s")
    if not before.valid:
        return "OS runs; the time is not set"
    epoch = (after.epoch or 0) - (before.epoch or 0)
    expect(abs(epoch - seconds) <= max(1, seconds // 50), f"Epoch went on by {epoch}, OS by {seconds}")
    return f"{seconds} s in 4 s"


async def long_metadata(meter: Bsm) -> None:
    first, second = bytes(range(1, 141)), bytes(range(100, 200))
    await meter.write(meter.bound("bs_meter.Meta1").address, first + second)
    found = await meter.octets("bs_meter.Meta1"), await meter.octets("bs_meter.Meta2")
    expect(found == (first, second), "Meta1 and Meta2 do not read back as they were written in one request")


async def text_status(meter: Bsm) -> None:
    address = OCMF_BLOCKS[SnapshotType.CURRENT].address_of("St")
    snapshot = SNAPSHOT_BLOCKS[SnapshotType.CURRENT].address_of("St")
    before = await meter.read(address, 1), await meter.read(snapshot, 1), await meter.octets("bs_meter.RCnt")
    await meter.write(address, b"\0\2")
    after = await meter.read(address, 1), await meter.read(snapshot, 1), await meter.octets("bs_meter.RCnt")
    expect(before == after, "2 written to St of an OCMF instance changed St or RCnt")


async def other_statuses(meter: Bsm) -> str | None:
    address = SNAPSHOT_BLOCKS[SnapshotType.CURRENT].address_of("St")
    before, remarks = await meter.read(address, 1), []
    for status in (0, 1, 3):
        request = write_multiple_request(address, status.to_bytes(2, "big"))
        remarks.append(await meter.refuses(request, ExceptionCode.ILLEGAL_DATA_VALUE, f"St := {status}"))
        expect(await meter.read(address, 1) == before, f"St := {status} had an effect")
    return next(filter(None, remarks), None)


_STAMPS = ("bs_meter.DOChgOS", "bs_meter.DOChgEpoch", "bs_meter.DOChgTZO")


async def _demand(meter: Bsm, written: int) -> tuple[int, bytes]:
    """Write register DO; the register and its stamps afterwards."""
    meter.switched = True
    await meter.put("bs_meter.DO", written.to_bytes(2, "big"))
    image = RegisterImage(meter.bound("bs_meter.DO").address, await meter.read(meter.bound("bs_meter.DO").address, 11))
    first = meter.bound(_STAMPS[0]).address
    return value(image, "bs_meter.DO"), image.read(first, 5)


async def output(meter: Bsm) -> None:
    await _valid_time(meter)
    _, begin = await _demand(meter, 0)
    level, stamps = await _demand(meter, 2)
    expect((level, stamps) == (0, begin), f"bit 1 of DO counts: register {level}")
    moment = await Time.of(meter)
    level, stamps = await _demand(meter, 3)
    try:
        expect(level == 1, f"register DO is {level} after 3 was written")
        changed, epoch = int.from_bytes(stamps[:4], "big"), int.from_bytes(stamps[4:8], "big")
        end = await Time.of(meter)
        expect((moment.seconds or 0) <= changed <= (end.seconds or 0), f"DOChgOS {changed}, OS {moment.seconds}")
        expect((moment.epoch or 0) - 1 <= epoch <= (end.epoch or 0) + 1, f"DOChgEpoch {epoch}, Epoch {moment.epoch}")
        expect(stamps[8:] == _offset(moment.offset or 0), f"DOChgTZO is {stamps[8:].hex()}")
    finally:
        await _demand(meter, 0)


async def same_output(meter: Bsm) -> None:
    await _demand(meter, 0)
    _, first = await _demand(meter, 1)
    try:
        await meter.clock.sleep(2.0)
        _, second = await _demand(meter, 1)
        expect(first == second, "the same value written to DO changed the stamps")
    finally:
        await _demand(meter, 0)


ROWS: tuple[Statement[Bsm], ...] = (
    Statement(
        "B-059",
        "Epoch or TZO alone makes no invalid time valid",
        Evidence.MANUAL,
        Need.WRITE,
        half_first_setting,
        "BD-09",
    ),
    Statement("B-060", "Epoch with a new TZO counts as one setting", Evidence.CAPTURE, Need.WRITE, full_setting),
    Statement("B-061", "An update within 1 s is no setting", Evidence.MANUAL, Need.WRITE, update, "BD-10"),
    Statement("B-062", "A jump of hours is a setting", Evidence.MANUAL, Need.WRITE, jump, "BD-10"),
    Statement("B-063", "A changed TZO alone is a setting", Evidence.MANUAL, Need.WRITE, new_offset),
    Statement("B-064", "The same TZO again is none", Evidence.MANUAL, Need.WRITE, same_offset),
    Statement("B-065", "Epoch runs with OS", Evidence.MANUAL, Need.READ, running),
    Statement("B-053", "Meta1 and Meta2 go into one request", Evidence.TOOL, Need.WRITE, long_metadata),
    Statement("B-056", "2 in St of an OCMF instance has no effect", Evidence.TOOL, Need.WRITE, text_status),
    Statement(
        "B-057",
        "0, 1 or 3 in St of a snapshot is refused without effect",
        Evidence.INFERRED,
        Need.WRITE,
        other_statuses,
        "BD-12",
    ),
    Statement("B-051", "Bit 0 of DO switches, and the change is stamped", Evidence.TOOL, Need.SWITCHING, output),
    Statement("B-052", "The same DO again leaves the stamps", Evidence.INFERRED, Need.SWITCHING, same_output),
)
