"""Modbus as the BSM speaks it: functions, limits, refusals (bsm.md section 2)."""

from __future__ import annotations

from wattproof.conformance.bsm.subject import FIRST, LAST, Bsm, expect
from wattproof.conformance.engine import Evidence, Failed, Need, Skipped, Statement
from wattproof.errors import ModbusRefused, ResponseTimeout
from wattproof.meters.bsm.enums import DEFAULT_UNIT, UNITS
from wattproof.wire.modbus.exceptions import SILENT_UNIT, ExceptionCode
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

FUNCTION, ADDRESS, VALUE = (
    ExceptionCode.ILLEGAL_FUNCTION,
    ExceptionCode.ILLEGAL_DATA_ADDRESS,
    ExceptionCode.ILLEGAL_DATA_VALUE,
)
_READING = {1: "0100000001", 2: "0200000001", 4: "049c400001", 43: "2b0e0100"}
_WRITING = {5: "059c400000", 6: "069c405375", 23: "179c4000019c400001025375"}
DA, RTE, TYPE = 40068, 40082, 40020


async def _free_unit(meter: Bsm) -> int:
    """An address at which nobody answers; ``Failed`` if this meter answers to a second one."""
    own = await meter.octets("common.SN")
    for step in range(1, 4):
        unit = (meter.unit - 1 + step) % len(UNITS) + 1
        try:
            answer = await meter.ask(read_request(3, meter.bound("common.SN").address, 16), unit=unit)
        except (ResponseTimeout, ModbusRefused):
            return unit
        expect(answer[2:] != own, f"it answers as unit {unit} too")
    raise Skipped("the next three addresses belong to other meters")


async def foreign_unit(meter: Bsm) -> str | None:
    unit = await _free_unit(meter)
    remark = "" if meter.unit == DEFAULT_UNIT else f"unit was set to {meter.unit}"
    try:
        await meter.ask(read_request(3, FIRST, 2), unit=unit)
    except ModbusRefused as refused:
        expect(refused.code in SILENT_UNIT, f"unit {unit} answers exception 0x{refused.code:02x}")
        return f"exception 0x{refused.code:02x} (Modbus TCP, BD-14)"
    except ResponseTimeout:
        return remark or None
    raise Failed(f"unit {unit} answers")


async def any_length(meter: Bsm) -> None:
    whole = await meter.read(FIRST, 125)
    for start, count in ((0, 1), (1, 2), (0, 124), (30, 95), (124, 1)):
        constant = 2 * min(count, 92 - start)  # behind 40091 the values move
        part = (await meter.ask(read_request(3, FIRST + start, count)))[2:]
        same = part[: max(0, constant)] == whole[2 * start : 2 * start + max(0, constant)]
        expect(len(part) == 2 * count and same, f"read of {count} from {FIRST + start} differs from a longer read")
    for start in (LAST - 124, 41000, 43333):
        expect(len(await meter.read(start, 125)) == 250, f"125 registers from {start} are not all there")


async def middle_of_points(meter: Bsm) -> None:
    whole = await meter.octets("common.Md")
    for offset in (1, 7, 15):
        single = await meter.read(TYPE - 0 + offset, 1)
        expect(single == whole[2 * offset : 2 * offset + 2], f"register {TYPE + offset} alone differs from Md")
    across = await meter.read(40068, 12)
    expect(across[4:8] == bytes.fromhex("000a0004"), "a read across two models misses the header of model 10")
    expect(across[16:20] == bytes.fromhex("0011000c"), "a read across three models misses the header of model 17")


async def functions(meter: Bsm) -> str:
    tried = _READING | (_WRITING if meter.writes else {})
    for code, pdu in tried.items():
        await meter.refuses(bytes.fromhex(pdu), FUNCTION, f"function {code}", strict=True)
    return f"tried {', '.join(map(str, sorted(tried)))}" + ("" if meter.writes else "; 5, 6, 23 with --allow-writes")


async def read_counts(meter: Bsm) -> str | None:
    remarks = [
        await meter.refuses(b"\x03\x9c\x40" + count.to_bytes(2, "big"), VALUE, f"read of {count} registers")
        for count in (0, 126)
    ]
    return next(filter(None, remarks), None)


async def outside_the_map(meter: Bsm) -> str | None:
    remarks = [
        await meter.refuses(read_request(3, address, count), ADDRESS, f"read of {count} from {address}")
        for address, count in ((FIRST - 1, 1), (FIRST - 1, 2), (LAST + 1, 1), (LAST, 2))
    ]
    return next(filter(None, remarks), None)


async def long_writes(meter: Bsm) -> None:
    start = meter.bound("bs_meter.Meta1").address
    for count, address in ((50, start + 70), (120, start), (123, start - 3)):
        data = bytes(range(1, 241))[-2 * count :].rjust(2 * count, b"\0")
        await meter.write(address, data)
        kept = data if address >= start else data[6:]
        found = await meter.read(max(address, start), len(kept) // 2)
        expect(found == kept, f"{count} registers written from {address} do not read back")


async def byte_count(meter: Bsm) -> str | None:
    before = await meter.octets("bs_meter.Meta3")
    address = meter.bound("bs_meter.Meta3").address.to_bytes(2, "big")
    remarks = [
        await meter.refuses(
            b"\x10" + address + b"\0\x32" + bytes([octets]) + b"\x5a" * octets, VALUE, f"50 registers in {octets} bytes"
        )
        for octets in (98, 102)
    ]
    expect(await meter.octets("bs_meter.Meta3") == before, "a write with a wrong byte count had an effect")
    return next(filter(None, remarks), None)


async def half_epoch(meter: Bsm) -> str | None:
    before, address = await meter.octets("bs_meter.Epoch"), meter.bound("bs_meter.Epoch").address
    half = bytes([before[0] ^ 0x01, before[1]])
    try:
        return await meter.refuses(write_multiple_request(address, half), ADDRESS, "write of half an Epoch")
    finally:
        after = await meter.octets("bs_meter.Epoch")
        expect(after[0] == before[0], f"half a write changed Epoch from {before.hex()} to {after.hex()}")


async def short_metadata(meter: Bsm) -> str | None:
    before, address = await meter.octets("bs_meter.Meta1"), meter.bound("bs_meter.Meta1").address
    remark = await meter.refuses(write_multiple_request(address, b"\x41" * 138), ADDRESS, "69 registers of Meta1")
    expect(await meter.octets("bs_meter.Meta1") == before, "a partial write changed Meta1")
    return remark


async def one_bad_value(meter: Bsm) -> str | None:
    before = await meter.raws("bs_meter.Epoch", "bs_meter.TZO", "bs_meter.EpochSetCnt")
    data = (1_000_000_000).to_bytes(4, "big") + b"\x80\x00"
    remark = await meter.refuses(
        write_multiple_request(meter.bound("bs_meter.Epoch").address, data), VALUE, "TZO 0x8000 behind a good Epoch"
    )
    after = await meter.raws("bs_meter.Epoch", "bs_meter.TZO", "bs_meter.EpochSetCnt")
    expect(after["bs_meter.EpochSetCnt"] == before["bs_meter.EpochSetCnt"], "the refused write counted as a setting")
    expect(after["bs_meter.TZO"] == before["bs_meter.TZO"], "the refused write changed TZO")
    changed = isinstance(after["bs_meter.Epoch"], int) and abs(after["bs_meter.Epoch"] - 1_000_000_000) < 1_000_000
    expect(not changed, "the refused write set Epoch")
    return remark


async def read_only(meter: Bsm) -> None:
    before = await meter.octets("common.Mn")
    await meter.write(meter.bound("common.Mn").address, bytes(32))
    expect(await meter.octets("common.Mn") == before, "a write changed the read-only Mn")


async def partly_read_only(meter: Bsm) -> None:
    before = await meter.octets("common.Md")
    await meter.write(meter.bound("common.Md").address + 3, b"\x20" * 6)
    expect(await meter.octets("common.Md") == before, "a partial write changed the read-only Md")


async def echo(meter: Bsm) -> None:
    request = write_multiple_request(meter.bound("common.Opt").address, bytes(4))
    answer = await meter.ask(request)
    expect(answer == request[:5], f"the answer {answer.hex()} does not repeat address and count")


async def new_address(meter: Bsm) -> str:
    """One request over DA and Rte moves the meter to another address and back (B-017, B-046)."""
    old, new, rate = meter.unit, await _free_unit(meter), await meter.octets("serial_interface.Rte")
    await meter.write(DA, new.to_bytes(2, "big") + bytes(26) + rate)
    meter.unit = new
    try:
        answered = await meter.octets("common.DA")
        silent = await _silent(meter, old)
    finally:
        await _back(meter, old, rate)
    expect(answered == new.to_bytes(2, "big"), f"DA reads {answered.hex()} after {new} was written")
    expect(silent, f"it still answers as unit {old} after DA was set to {new}")
    expect(await meter.octets("serial_interface.Rte") == rate, "Rte changed")
    return f"unit {new} and back"


async def _silent(meter: Bsm, unit: int) -> bool:
    try:
        await meter.ask(read_request(3, DA, 1), unit=unit)
    except (ResponseTimeout, ModbusRefused):
        return True
    return False


async def _back(meter: Bsm, unit: int, rate: bytes) -> None:
    """Give the old address back, wherever the meter listens now."""
    try:
        await meter.write(DA, unit.to_bytes(2, "big") + bytes(26) + rate)
    except (ResponseTimeout, ModbusRefused):
        meter.unit = unit
        await meter.write(DA, unit.to_bytes(2, "big") + bytes(26) + rate)
    meter.unit = unit


async def bad_addresses(meter: Bsm) -> str | None:
    before = await meter.octets("common.DA")
    remarks = [
        await meter.refuses(write_multiple_request(DA, address.to_bytes(2, "big")), VALUE, f"DA {address}")
        for address in (0, 248)
    ]
    expect(await meter.octets("common.DA") == before, "a refused address was stored")
    return next(filter(None, remarks), None)


async def bad_rate(meter: Bsm) -> str | None:
    before = await meter.octets("serial_interface.Rte")
    remark = await meter.refuses(write_multiple_request(RTE, (12345).to_bytes(4, "big")), VALUE, "Rte 12345")
    expect(await meter.octets("serial_interface.Rte") == before, "a refused bit rate was stored")
    await meter.write(RTE, before)
    return remark


ROWS: tuple[Statement[Bsm], ...] = (
    Statement("B-001", "A foreign unit gets no answer", Evidence.INFERRED, Need.READ, foreign_unit, "BD-14"),
    Statement("B-005", "1 to 125 registers are read from anywhere in the map", Evidence.TOOL, Need.READ, any_length),
    Statement("B-006", "Reads begin inside points and cross models", Evidence.TOOL, Need.READ, middle_of_points),
    Statement("B-007", "Function 16 writes up to 123 registers", Evidence.TOOL, Need.WRITE, long_writes),
    Statement("B-008", "Other functions give exception 0x01", Evidence.TOOL, Need.READ, functions),
    Statement(
        "B-009", "Reads of 0 or 126 registers are refused (0x03)", Evidence.INFERRED, Need.READ, read_counts, "BD-12"
    ),
    Statement(
        "B-010", "Reads outside the map are refused (0x02)", Evidence.INFERRED, Need.READ, outside_the_map, "BD-12"
    ),
    Statement(
        "B-011", "A wrong byte count is refused without effect", Evidence.INFERRED, Need.WRITE, byte_count, "BD-12"
    ),
    Statement("B-012", "Half an Epoch is refused without effect", Evidence.TOOL, Need.WRITE, half_epoch, "BD-12"),
    Statement(
        "B-013", "69 registers of Meta1 are refused without effect", Evidence.TOOL, Need.WRITE, short_metadata, "BD-12"
    ),
    Statement("B-014", "One bad value refuses the whole write", Evidence.INFERRED, Need.WRITE, one_bad_value, "BD-12"),
    Statement(
        "B-015", "Writes to read-only registers are acknowledged and ignored", Evidence.TOOL, Need.WRITE, read_only
    ),
    Statement("B-016", "Read-only points may be covered in part", Evidence.TOOL, Need.WRITE, partly_read_only),
    Statement("B-017", "One request of 16 registers sets DA and Rte", Evidence.CAPTURE, Need.WRITE, new_address),
    Statement("B-018", "The answer to a write repeats address and count", Evidence.CAPTURE, Need.WRITE, echo),
    Statement("B-046", "A new address holds from the next request on", Evidence.TOOL, Need.WRITE, new_address),
    Statement("B-047", "DA 0 and 248 are refused", Evidence.MANUAL, Need.WRITE, bad_addresses, "BD-12"),
    Statement(
        "B-049", "Rte 12345 is refused, the present rate accepted", Evidence.TOOL, Need.WRITE, bad_rate, "BD-11, BD-12"
    ),
)
