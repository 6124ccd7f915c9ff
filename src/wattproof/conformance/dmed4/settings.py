"""What can be written over Modbus, what is refused, and that a refusal changes nothing (sections 3, 4.4, 4.10)."""

from __future__ import annotations

import struct

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, Why, expect, first, refused, row
from wattproof.conformance.dmed4.modbus import MENU, Registers
from wattproof.conformance.dmed4.subject import FIELDS, Dmed
from wattproof.conformance.engine import Failed, Need, NotApplicable, Skipped
from wattproof.errors import ModbusRefused
from wattproof.meters.dmed4.enums import Command, Signature
from wattproof.meters.dmed4.resources import SYSTEM_STATUS
from wattproof.wire.modbus.pdu import read_request, write_multiple_request, write_single_request

#: A moment to set the clock to, and how many seconds it may be off when it is read back.
MOMENT, SLACK = 1_695_970_042, 60
#: Offsets in minutes, good and bad.
GOOD_OFFSETS, BAD_OFFSETS = (-900, 900, 15, -60), (7, 915, -915, 20)
#: Longest sync timeout in minutes whose end a check waits for.
TIMEOUT = 1


async def echo(meter: Dmed) -> None:
    registers = meter.modbus
    request = write_single_request(6, (await registers.bound("menu")).address, 2)
    answer = await registers.ask(request)
    expect(answer == request, f"{request.hex()} is answered by {answer.hex()}")
    expect(await registers.number("menu") == 2, "the value written with function 6 does not read back")


async def several(meter: Dmed) -> None:
    registers = meter.modbus
    address = (await registers.bound("menu")).address
    answer = await registers.ask(write_multiple_request(address, b"\0\2\0\0\0\1"))
    expect(answer[:5] == struct.pack(">BHH", 16, address, 3), f"the answer {answer.hex()} names another address, count")
    found = await registers.numbers(*MENU)
    expect(list(found.values()) == [2, 0, 1], f"2, 0, 1 were written, {list(found.values())} read")


async def without_byte_count(meter: Dmed) -> str | None:
    registers = meter.modbus
    await registers.put("menu", 1)
    address = (await registers.bound("menu")).address
    try:
        await registers.ask(struct.pack(">BHHH", 16, address, 1, 4))
    except ModbusRefused as error:
        expect(await registers.number("menu") == 1, "a refused write had an effect")
        return f"refused with exception 0x{error.code:02x} (DEC-08)"
    expect(await registers.number("menu") == 4, "a write without byte count is acknowledged and has no effect")
    return None


async def wrong_byte_count(meter: Dmed) -> str | None:
    registers = meter.modbus
    await registers.put("menu", 1)
    address = (await registers.bound("menu")).address
    remarks = [
        await refused(
            registers.ask(struct.pack(">BHHB", 16, address, 1, count) + b"\0\5\0\5"[:count]),
            Why.VALUE,
            f"one register in {count} bytes",
        )
        for count in (1, 3, 4)
    ]
    expect(await registers.number("menu") == 1, "a write with a wrong byte count had an effect")
    return first(*remarks)


async def too_long(meter: Dmed) -> str | None:
    registers = meter.modbus
    address = (await registers.bound("input_json")).address
    before = await registers.read(address, 1)
    request = struct.pack(">BHHB", 16, address, 121, 242) + b"\x5a" * 242
    remark = await refused(registers.ask(request), Why.VALUE, "a write of 121 registers")
    expect(await registers.read(address, 1) == before, "a write of 121 registers had an effect")
    return remark


async def read_only(meter: Dmed) -> str | None:
    registers = meter.modbus
    remarks = []
    for name in ("voltage", "signature_format", "public_key", "fw_checksum"):
        before = None if name == "voltage" else await registers.octets(name)
        remarks.append(await refused(registers.put(name, 1), Why.STATE, f"a write to {name}"))
        expect(before is None or await registers.octets(name) == before, f"a refused write changed {name}")
    return first(*remarks)


async def printed_frame(meter: Dmed) -> str | None:
    registers = meter.modbus
    before = (await registers.block("measure"))["energy_import_total"]
    remark = await refused(registers.ask("0600010004"), Why.STATE, "the printed write of 4 to register 0002h")
    after = (await registers.block("measure"))["energy_import_total"]
    expect(before <= after < before + 10**6, f"the total went from {before} to {after} Wh")
    return remark


async def write_only(meter: Dmed) -> str | None:
    registers = meter.modbus
    return first(
        *[
            await refused(
                registers.ask(read_request(4, (await registers.bound(name)).address, 1)),
                Why.STATE,
                f"a read of {name}",
                strict=True,
            )
            for name in ("save", "display_on_off", "display_page")
        ]
    )


async def out_of_range(meter: Dmed) -> str | None:
    registers = meter.modbus
    before = await registers.numbers(*MENU)
    remarks = [await refused(registers.put(name, 100), Why.VALUE, f"{name} 100") for name in MENU]
    expect(await registers.numbers(*MENU) == before, "a refused value was stored")
    return first(*remarks)


async def all_or_nothing(meter: Dmed) -> str | None:
    registers = meter.modbus
    await registers.put("menu", 1)
    before = await registers.numbers(*MENU)
    remark = await refused(registers.put_many("menu", b"\0\2\0\3\0\x64"), Why.VALUE, "2, 3 and 100 into the menu")
    expect(await registers.numbers(*MENU) == before, "a write with one value out of range had an effect")
    return remark


# Clock ---------------------------------------------------------------------------------------------------------------


async def _reads_back(registers: Registers, moment: int) -> None:
    found = await registers.number("datetime")
    expect(moment <= found <= moment + SLACK, f"{moment} was written, the clock reads {found}")


async def clock(meter: Dmed) -> None:
    registers = meter.modbus
    try:
        await registers.put_many("datetime", MOMENT.to_bytes(4, "big"))
        await _reads_back(registers, MOMENT)
    finally:
        await _right_time(meter)
    states = await registers.states()
    expect(states.has(Signature.SYNCHRONIZED), f"bit 5 is not set after the time was written: {states.words}")


async def clock_in_halves(meter: Dmed) -> str | None:
    registers = meter.modbus
    try:
        await registers.put("datetime", MOMENT >> 16)
        before = await registers.number("datetime")
        await registers.put("datetime", MOMENT & 0xFFFF, at=1)
        await _reads_back(registers, MOMENT)
    except ModbusRefused as error:
        return f"refused with exception 0x{error.code:02x} (DEC-25)"
    finally:
        await _right_time(meter)
    expect(abs(before - MOMENT) > SLACK, "the first half alone set the clock")
    return None


async def _right_time(meter: Dmed) -> None:
    await meter.modbus.set({"datetime": meter.clock.time() // 10**9})


async def offsets(meter: Dmed) -> str | None:
    registers = meter.modbus
    before = await registers.number("datetime_offset")
    try:
        for value in GOOD_OFFSETS:
            await registers.put("datetime_offset", value)
            found = await registers.number("datetime_offset")
            expect(found == value, f"offset {value} was written, {found} read")
        remarks = [
            await refused(registers.put("datetime_offset", value), Why.VALUE, f"{value}") for value in BAD_OFFSETS
        ]
        expect(await registers.number("datetime_offset") == GOOD_OFFSETS[-1], "a refused offset was stored")
    finally:
        await registers.put("datetime_offset", before)
    return first(*remarks)


async def negative_offset(meter: Dmed) -> None:
    registers = meter.modbus
    bound, before = await registers.bound("datetime_offset"), await registers.number("datetime_offset")
    try:
        await registers.put("datetime_offset", -60)
        found = await registers.read(bound.address, 1)
    finally:
        await registers.put("datetime_offset", before)
    expect(found == b"\xff\xc4", f"-60 minutes read {found.hex()}")


async def timeout(meter: Dmed) -> None:
    minutes = await meter.modbus.number("sync_timeout")
    if not 0 < minutes <= TIMEOUT:
        raise Skipped(f"the timeout is {minutes} minutes: too long to wait for")
    await _right_time(meter)
    expect((await meter.modbus.states()).has(Signature.SYNCHRONIZED), "bit 5 is not set after the time was written")
    await meter.clock.sleep(60.0 * minutes + 1)
    expect(not (await meter.modbus.states()).has(Signature.SYNCHRONIZED), "bit 5 is still set behind the timeout")


# Input message, command, display -------------------------------------------------------------------------------------


async def message_blocks(meter: Dmed) -> None:
    registers = meter.modbus
    data = bytes(33 + index % 90 for index in range(480))
    await registers.put_many("input_json", data[:240])
    await registers.put_many("input_json", data[240:], at=120)
    found = (await registers.octets("input_json"))[:480]
    expect(found == data, "480 bytes written to 4A00h in two blocks do not read back")


async def long_message(meter: Dmed) -> None:
    registers = meter.modbus
    text = (FIELDS[:-1] + ',"U":"').encode()
    text += b"x" * (298 - len(text)) + b'"}'
    meter.left.message = True
    await meter.untroubled()
    await registers.put_many("input_json", text[:240])
    await registers.put_many("input_json", text[240:], at=120)
    await registers.put("input_length", 300)
    states = await registers.states()
    expect(states.has(Signature.JSON_OK), f"300 bytes of input, 120 and 30 words, are not accepted: {states.words}")
    await registers.drop_message()


async def message_length(meter: Dmed) -> str | None:
    registers = meter.modbus
    before = await registers.number("input_length")
    remark = await refused(registers.put("input_length", 1025), Why.VALUE, "an input of 1025 bytes")
    expect(await registers.number("input_length") == before, "a refused length was stored")
    return remark


async def last_command(meter: Dmed) -> None:
    registers = meter.modbus
    await registers.put("command", ord(Command.RESET) << 8)
    found = await registers.number("command")
    expect(found == 0x5800, f"0x5800 was written, the command register reads 0x{found:04x}")


async def command_forms(meter: Dmed) -> str | None:
    """X, the command without effect, in both bytes."""
    registers = meter.modbus
    taken = []
    for word in (0x5800, 0x0058):
        try:
            await registers.put("command", word)
            taken.append(word)
        except ModbusRefused as error:
            expect(error.code == Why.VALUE.value, f"0x{word:04x}: exception 0x{error.code:02x} instead of 0x03")
    if not taken:
        raise Failed("neither 0x5800 nor 0x0058 is a command")
    return None if len(taken) == 2 else f"only 0x{taken[0]:04x} (DEC-27)"


async def double_letter(meter: Dmed) -> str | None:
    return first(
        *[await refused(meter.modbus.put("command", word), Why.VALUE, f"0x{word:04x}") for word in (0x4242, 0x5858)]
    )


async def display(meter: Dmed) -> str | None:
    registers = meter.modbus
    for name, good, bad in (("display_on_off", (0, 1), (2, 255)), ("display_page", range(13, 0, -1), (0, 14))):
        for value in good:
            await registers.put(name, value)
        remarks = [await refused(registers.put(name, value), Why.VALUE, f"{name} {value}") for value in bad]
    return first(*remarks)


async def clock_while_operating(meter: Dmed) -> None:
    if (await meter.modbus.states()).active or not meter.has_rest:
        raise Skipped("needs REST, which says whether the meter is Operating: --also dmed4+http://HOST")
    if str(await meter.rest.value(SYSTEM_STATUS, "operative_status")) != "Operating":
        raise NotApplicable("the meter is not commissioned")
    await _right_time(meter)


ROWS = (
    row("D-045", "Function 6 is answered by its echo", MANUAL, Need.WRITE, echo),
    row("D-046", "Function 16 is answered by address and count", MANUAL, Need.WRITE, several, "DEC-08"),
    row("D-047", "Function 16 may come without byte count", MANUAL, Need.WRITE, without_byte_count, "DEC-08"),
    row("D-048", "A wrong byte count gives 0x03", INFERRED, Need.WRITE, wrong_byte_count, "DEC-10"),
    row("D-049", "Writing 121 registers gives 0x03", INFERRED, Need.WRITE, too_long, "DEC-10"),
    row("D-058", "A write to a read-only register gives 0x04", INFERRED, Need.WRITE, read_only, "DEC-10"),
    row("D-059", "A read of a write-only register gives 0x04", INFERRED, Need.READ, write_only),
    row("D-060", "A value outside limits gives 0x03", MANUAL, Need.WRITE, out_of_range, "DEC-10"),
    row("D-064", "The printed write to 0002h is refused", INFERRED, Need.WRITE, printed_frame, "DEC-10"),
    row("D-108", "A write is taken whole or not at all", INFERRED, Need.WRITE, all_or_nothing, "DEC-10"),
    row("D-094", "4080h sets and reads the clock", MANUAL, Need.WRITE, clock),
    row("D-095", "4080h, then 4081h set the clock at the second", INFERRED, Need.WRITE, clock_in_halves, "DEC-25"),
    row("D-099", "4284h takes -900 to 900 in steps of 15", INFERRED, Need.WRITE, offsets, "DEC-10"),
    row("D-100", "4284h holds -60 as FFC4h", INFERRED, Need.WRITE, negative_offset),
    row("D-140", "The clock can be set while Operating", MANUAL, Need.WRITE, clock_while_operating),
    row("D-223", "Bit 5 clears when the timeout has elapsed", INFERRED, Need.WRITE, timeout),
    row("D-101", "4A00h is written in blocks of at most 120 words", INFERRED, Need.WRITE, message_blocks),
    row("D-238", "300 bytes of input go in as 120 and 30 words", INFERRED, Need.WRITE, long_message),
    row("D-110", "4281h above 1024 gives 0x03", INFERRED, Need.WRITE, message_length, "DEC-10"),
    row("D-109", "4280h reads the last accepted word", INFERRED, Need.WRITE, last_command),
    row("D-202", "A command stands in the high or the low byte", INFERRED, Need.WRITE, command_forms, "DEC-27"),
    row("D-203", "Command word 4242h gives 0x03", INFERRED, Need.WRITE, double_letter, "DEC-10"),
    row("D-104", "4F10h takes 0 and 1, 4F11h takes 1 to 13", MANUAL, Need.WRITE, display, "DEC-10"),
)
