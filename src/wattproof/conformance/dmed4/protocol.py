"""Modbus as the DMED4 speaks it: functions, lengths, nodes (specification, sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, Why, expect, first, refused, row
from wattproof.conformance.dmed4.modbus import REPORT_ID, Registers
from wattproof.conformance.dmed4.registers import MOST_AMPERES, MOST_VOLTS, WRAP
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.errors import LinkError, ModbusRefused, ResponseTimeout
from wattproof.meters.dmed4.models import by_code
from wattproof.wire.modbus.messages import ServerIdRequest
from wattproof.wire.modbus.pdu import read_request, write_multiple_request, write_single_request

#: Blocks whose registers stay as they are from one request to the next, mostly.
STILL = ("hours", "events_log", "ocmf_log", "errors", "control", "output")
#: Functions the meter does not have: without effect on any device, and those that would write.
_READING = {1: "0100010001", 2: "0200010001", 43: "2b0e0100"}
_WRITING = {5: "0500010000", 15: "0f000100010100", 22: "1600010000ffff", 23: "170001000100010001020000"}
_ONE_READ = 4
#: Unix times that a clock may show: 2015 to 2060.
SENSIBLE = range(1_420_000_000, 2_840_000_000)


async def both_functions(meter: Dmed) -> None:
    registers = meter.modbus
    for name in STILL:
        (first_point, *_) = await registers.driver.find([name])
        block = first_point.block
        for _ in range(3):
            found = [await registers.read(block.address, block.registers, function=function) for function in (4, 3, 4)]
            if found[0] == found[2]:
                break
        expect(found[1] == found[0], f"functions 3 and 4 differ in the block {name}")


async def most_registers(meter: Dmed) -> None:
    address = (await meter.modbus.bound("output_json")).address
    found = await meter.modbus.ask(read_request(_ONE_READ, address, 120))
    expect(len(found) == 242, f"120 registers are answered by {len(found) - 2} bytes")


async def too_many(meter: Dmed) -> str | None:
    address = (await meter.modbus.bound("output_json")).address.to_bytes(2, "big")
    return first(
        *[
            await refused(
                meter.modbus.ask(bytes([function]) + address + b"\0\x79"), Why.VALUE, "a read of 121", strict=True
            )
            for function in (3, 4)
        ]
    )


async def none_at_all(meter: Dmed) -> str | None:
    return await refused(meter.modbus.ask("0400010000"), Why.VALUE, "a read of 0 registers", strict=True)


async def exception_form(meter: Dmed) -> None:
    """The link takes nothing for an exception but the function with its top bit and one byte."""
    await refused(meter.modbus.ask("0400010000"), Why.VALUE, "a read of 0 registers")


async def functions(meter: Dmed) -> str:
    tried = _READING | (_WRITING if meter.writes else {})
    for code, pdu in tried.items():
        await refused(meter.modbus.ask(pdu), Why.FUNCTION, f"function {code}")
    return f"tried {', '.join(map(str, sorted(tried)))}" + ("" if meter.writes else "; more with --allow-writes")


async def _unassigned(meter: Dmed, places: Sequence[tuple[int, int]]) -> str | None:
    """Refused, or zeros (DEC-17); places are register numbers of the manual, and counts."""
    remark = None
    for register, count in places:
        try:
            answer = await meter.modbus.ask(read_request(_ONE_READ, register - 1, count))
        except ModbusRefused as error:
            expect(error.code == Why.ADDRESS.value, f"register {register:04X}h: exception 0x{error.code:02x}, not 0x02")
            continue
        expect(
            count > 1 or not any(answer[2:]), f"register {register:04X}h, which is not assigned, reads {answer[2:]!r}"
        )
        remark = "zeros instead of 0x02 (DEC-17)"
    return remark


async def unassigned(meter: Dmed) -> str | None:
    return await _unassigned(meter, [(register, 1) for register in (0x0001, 0x0022, 0x01FF, 0x020B, 0x0222, 0x5003)])


async def gaps(meter: Dmed) -> str | None:
    return await _unassigned(meter, [(0x0001, 2), (0x0020, 4), (0x020A, 4)])


async def inside_values(meter: Dmed) -> None:
    registers = meter.modbus
    for name in ("fw_checksum", "public_key"):
        bound, whole = await registers.bound(name), await registers.octets(name)
        for offset in (1, bound.registers - 1):
            part = await registers.read(bound.address + offset, 1)
            expect(part == whole[2 * offset : 2 * offset + 2], f"register {offset + 1} of {name} alone reads otherwise")


async def high_byte_first(meter: Dmed) -> None:
    for name in ("measurement_status", "signature_format"):
        found = await meter.modbus.number(name)
        expect(found <= 3, f"{name} reads 0x{found:04x}: low byte first?")


async def high_word_first(meter: Dmed) -> None:
    found = await meter.modbus.block("measure")
    limits = {"energy_import_total": WRAP, "voltage": MOST_VOLTS, "current": MOST_AMPERES}
    for name, limit in limits.items():
        expect(found[name] < limit, f"{name} reads {found[name]:#x}: low word first?")
    clock = await meter.modbus.number("datetime")
    expect(clock in SENSIBLE, f"datetime reads {clock:#x}: low word first?")


async def located(meter: Dmed) -> str | None:
    registers = meter.modbus
    expect(await registers.number("measurement_status") <= 3, "no measurement status at register 4200h")
    await registers.block("measure")
    if not registers.shifted:
        return None
    with suppress(ModbusRefused):
        found = await registers.read(0x4200 - 1, 1)
        expect(not any(found), f"register 4200h reads {found.hex()}, no measurement status, and the next one seems one")
    return "4000h to 4BFFh lie at their numbers, not one below (DEC-16)"


# Function 17 ---------------------------------------------------------------------------------------------------------


async def identity_length(meter: Dmed) -> str | None:
    answer = await meter.modbus.ask(ServerIdRequest().encode())
    count = answer[1] if len(answer) > 1 else 0
    expect(count == len(answer) - 2 and count >= 6, f"function 17 is answered by {answer.hex()}")
    return None if count == 8 else f"{count} bytes (DEC-09)"


async def identity_constants(meter: Dmed) -> str | None:
    found = await meter.modbus.identity()
    expect(found[4:5] == b"\x02", f"byte 5 of the identity is {found[4:5].hex()}")
    expect(not any(found[6:8]), f"bytes 7 and 8 of the identity are {found[6:8].hex()}")
    return None


async def identity_model(meter: Dmed) -> str:
    found = await meter.modbus.identity()
    expect(bool(by_code(found[0])), f"model code 0x{found[0]:02X} is not assigned")
    return f"firmware {found[1]}, hardware {found[2]}, parameters {found[3]}, Ethernet {found[5]}"


# Nodes ---------------------------------------------------------------------------------------------------------------


def _other(registers: Registers) -> int:
    """A node that is not the meter's own."""
    return registers.unit % 247 + 1


async def _answers(registers: Registers, node: int) -> bool:
    """Whether a node shows this meter's key."""
    address = (await registers.bound("public_key")).address
    found = await registers.ask(read_request(_ONE_READ, address, 32), unit=node)
    return found[2:] == await registers.octets("public_key")


async def node_zero(meter: Dmed) -> None:
    registers = meter.modbus
    if not registers.network:
        raise NotApplicable("on a line node 0 is a broadcast")
    expect(await _answers(registers, 0), "node 0 shows the registers of another meter")


async def any_node(meter: Dmed) -> str | None:
    registers = meter.modbus
    if not registers.network:
        raise NotApplicable("on a line nodes have their meaning")
    expect(await _answers(registers, 255), "node 255 shows the registers of another meter")
    other = _other(registers)
    try:
        expect(await _answers(registers, other), f"node {other} shows the registers of another meter")
    except ResponseTimeout:  # or a gateway's word for it (DEC-66); node 255 is its own
        raise NotApplicable(f"it is a gateway: node {other} is for its line") from None
    return None


async def foreign_node(meter: Dmed) -> str:
    registers = meter.modbus
    if registers.network:
        raise NotApplicable("over TCP the node is only informative")
    own = await registers.octets("public_key")
    for step in range(1, 4):
        node = (registers.unit - 1 + step) % 247 + 1
        try:
            found = await registers.ask(ServerIdRequest().encode(), unit=node)
            if found[:1] == bytes([REPORT_ID]) and await _answers(registers, node):
                raise Failed(f"it answers as node {node} too")
        except (ResponseTimeout, ModbusRefused):
            return f"node {node} keeps silent"
    return f"the next three nodes belong to other meters, whose keys differ from {own[:4].hex()}..."


async def _broadcast(registers: Registers, pdu: bytes) -> None:
    if registers.network:
        raise NotApplicable("over TCP node 0 is answered")
    try:
        answer = await registers.ask(pdu, unit=0, timeout=0.5)
    except LinkError:
        return
    expect(not answer, f"a broadcast is answered by {answer.hex()}")


async def broadcast_taken(meter: Dmed) -> None:
    registers = meter.modbus
    address = (await registers.bound("menu")).address
    for value in (3, 2):
        await _broadcast(registers, write_single_request(6, address, value))
        found = await registers.number("menu")
        expect(found == value, f"menu reads {found} after a broadcast of {value}")


async def broadcast_ignored(meter: Dmed) -> None:
    registers = meter.modbus
    address = (await registers.bound("menu")).address
    if not registers.network:
        await registers.put("menu", 2)
    await _broadcast(registers, write_multiple_request(address, b"\0\3"))
    found = await registers.number("menu")
    expect(found == 2, f"a broadcast of function 16 was executed: menu reads {found}")
    await _broadcast(registers, read_request(_ONE_READ, address, 1))


async def broadcast_refusal(meter: Dmed) -> None:
    registers = meter.modbus
    await _broadcast(registers, write_single_request(6, (await registers.bound("menu")).address, 100))


async def ascii_broadcast(meter: Dmed) -> None:
    if meter.modbus.framing != "ascii":
        raise NotApplicable(f"the link is {meter.modbus.framing}")
    await broadcast_taken(meter)
    await broadcast_ignored(meter)


ROWS = (
    row("D-014", "Words are sent high byte first", MANUAL, Need.READ, high_byte_first),
    row("D-015", "Multi-word values are sent high word first", MANUAL, Need.READ, high_word_first),
    row("D-041", "Functions 3 and 4 return equal data", INFERRED, Need.READ, both_functions),
    row("D-042", "Reading 120 registers works", MANUAL, Need.READ, most_registers),
    row("D-043", "Reading 121 registers gives exception 0x03", INFERRED, Need.READ, too_many),
    row("D-044", "Reading 0 registers gives exception 0x03", INFERRED, Need.READ, none_at_all),
    row("D-051", "Function 17 counts 8 bytes", MANUAL, Need.READ, identity_length, "DEC-09"),
    row("D-052", "Function 17: byte 5 is 2, bytes 7 and 8 are 0", MANUAL, Need.READ, identity_constants),
    row("D-053", "Function 17 names model and revisions", MANUAL, Need.READ, identity_model),
    row("D-055", "An exception is the function, top bit set, and one byte", MANUAL, Need.READ, exception_form),
    row("D-056", "Unknown functions give exception 0x01", MANUAL, Need.READ, functions),
    row("D-057", "Unassigned registers give exception 0x02", INFERRED, Need.READ, unassigned, "DEC-17"),
    row("D-071", "Every register lies at its number minus one", MANUAL, Need.READ, located, "DEC-16"),
    row("D-073", "A read may begin inside a value", INFERRED, Need.READ, inside_values),
    row("D-075", "A range with an unassigned register gives 0x02", INFERRED, Need.READ, gaps, "DEC-17"),
    row("D-038", "Over TCP node 0 is answered", MANUAL, Need.READ, node_zero),
    row("D-039", "Over TCP any node is answered", MANUAL, Need.READ, any_node),
    row("D-018", "On a line another node gets no answer", MANUAL, Need.READ, foreign_node),
    row("D-035", "Node 0 on a line: function 6 is executed, unanswered", MANUAL, Need.WRITE, broadcast_taken),
    row("D-036", "Node 0 on a line: nothing else is executed", MANUAL, Need.WRITE, broadcast_ignored),
    row("D-037", "ASCII treats node 0 as RTU does", INFERRED, Need.WRITE, ascii_broadcast),
    row("D-063", "A broadcast gets no exception", INFERRED, Need.WRITE, broadcast_refusal),
)
