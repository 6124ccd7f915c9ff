"""The parameter menu, the parameters in it, and saving them (sections 5, 7.11, 7.12)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, Why, expect, first, refused, row
from wattproof.conformance.dmed4.modbus import MENU, Registers
from wattproof.conformance.dmed4.rest import granted
from wattproof.conformance.dmed4.subject import SECOND, Dmed
from wattproof.conformance.engine import Need, NotApplicable, Skipped
from wattproof.errors import HttpRefused, LinkError, ModbusRefused
from wattproof.meters.dmed4 import restparameters
from wattproof.meters.dmed4.enums import Signature
from wattproof.meters.dmed4.parameters import BY_ID, IP_ADDRESS
from wattproof.meters.dmed4.points import VALUE_WORDS
from wattproof.meters.dmed4.resources import SYSTEM_PARAMETERS
from wattproof.wire.modbus.pdu import read_request

#: A place of the menu that no parameter has; a parameter without effect on anything but the display.
NOWHERE, HARMLESS = (77, 0, 77), BY_ID["P02_01"]
#: Parameters that are OFF or ON by the manual.
SWITCHES = tuple(BY_ID[name] for name in ("P02_01", "P02_02", "P02_03", "P02_04", "P03_01", "P04_06", "P05_11"))


async def menu_resets(meter: Dmed) -> None:
    registers = meter.modbus
    await registers.choose(BY_ID["P04_02"])
    await registers.put("submenu", 1)
    await registers.put("menu", 2)
    found = await registers.numbers(*MENU)
    expect(list(found.values()) == [2, 0, 0], f"after menu 2 was written the registers read {list(found.values())}")


async def no_parameter(meter: Dmed) -> str | None:
    registers = meter.modbus
    for name, number in zip(MENU, NOWHERE, strict=True):
        await registers.put(name, number)
    address = (await registers.bound("parameter_value")).address
    return first(
        await refused(registers.read(address, 1), Why.STATE, "a read of no parameter", strict=True),
        await refused(registers.put("parameter_value", 0), Why.STATE, "a write to no parameter"),
    )


async def zeros_behind(meter: Dmed) -> None:
    registers = meter.modbus
    await registers.choose(HARMLESS)
    data = await registers.octets("parameter_value")
    expect(len(data) == 2 * VALUE_WORDS and not any(data[2:]), f"behind the value of {HARMLESS.id}: {data.hex()}")


def choices(name: str) -> Callable[[Dmed], Awaitable[str]]:
    """A check that a parameter has one of its values, and takes none beyond them."""
    parameter = BY_ID[name]

    async def check(meter: Dmed) -> str:
        registers = meter.modbus
        found = await registers.parameter(parameter)
        expect(found in parameter.allowed, f"{name} is {found}, which is none of {parameter.limits}")
        remark = await _refuses_beyond(registers, parameter.id)
        return first(remark) or f"{name} = {(parameter.symbols or {}).get(found, found)}"

    return check


async def _refuses_beyond(registers: Registers, name: str) -> str | None:
    parameter = BY_ID[name]
    before = await registers.parameter(parameter)
    bad = parameter.allowed.stop
    remark = await refused(registers.stage(parameter, bad), Why.VALUE, f"{name} = {bad}")
    after = await registers.parameter(parameter)
    expect(after == before, f"a refused value was stored: {name} went from {before} to {after}")
    return remark


async def switches(meter: Dmed) -> str | None:
    found = {parameter.id: await meter.modbus.parameter(parameter) for parameter in SWITCHES}
    expect(set(found.values()) <= {0, 1}, f"OFF/ON parameters read {found}")
    return await _refuses_beyond(meter.modbus, HARMLESS.id)


async def signature_format(meter: Dmed) -> str:
    said = await choices("P06_01")(meter)
    found = await meter.modbus.parameter(BY_ID["P06_01"]), await meter.modbus.number("signature_format")
    expect(found[0] == found[1], f"P06_01 is {found[0]}, register 4282h {found[1]}")
    return said


async def framing(meter: Dmed) -> str:
    registers = meter.modbus
    said = await choices("P05_10")(meter)
    if registers.network and registers.framing in ("tcp", "rtu"):
        found = await registers.parameter(BY_ID["P05_10"])
        expect(found == int(registers.framing == "tcp"), f"P05_10 is {found}, and the socket takes {registers.framing}")
    return said


async def serial_protocol(meter: Dmed) -> str:
    registers = meter.modbus
    said = await choices("P04_05")(meter)
    if not registers.network:
        found = await registers.parameter(BY_ID["P04_05"])
        expect(
            found == int(registers.framing == "ascii"), f"P04_05 is {found}, and the line speaks {registers.framing}"
        )
    return said


# Saving --------------------------------------------------------------------------------------------------------------


async def _ready(meter: Dmed) -> None:
    """Parameters can be changed now. ``NotApplicable`` where they are locked for good."""
    await meter.idle()
    try:
        await meter.modbus.stage(HARMLESS, await meter.modbus.parameter(HARMLESS))
    except ModbusRefused as error:
        raise NotApplicable(f"parameters are locked: exception 0x{error.code:02x}") from None


async def wrong_save(meter: Dmed) -> str | None:
    return first(
        *[await refused(meter.modbus.put("save", value), Why.VALUE, f"{value} to 2F03h") for value in (0, 4, 0x0500)]
    )


async def saved(meter: Dmed) -> str:
    """The printed sequence, twice, so that the value is what it was (D-112, D-113)."""
    registers = meter.modbus
    await _ready(meter)
    before = await registers.parameter(HARMLESS)
    took = 0.0
    for value in (1 - before, before):
        await registers.stage(HARMLESS, value)
        expect(await registers.save(), "the save frame is answered")
        took = await meter.ready()
        found = await registers.parameter(HARMLESS)
        expect(found == value, f"{HARMLESS.id} was saved as {value} and is {found}")
    return f"back after {took:.1f} s"


async def save_unanswered(meter: Dmed) -> None:
    await _ready(meter)
    silent = await meter.modbus.save()
    await meter.ready()
    expect(silent, "the save frame is answered")


async def silent_reboot(meter: Dmed) -> str:
    """Bit 5, which a restart clears, tells an answer before the reboot from one behind it."""
    registers = meter.modbus
    await _ready(meter)
    await registers.set({"datetime": meter.clock.time() // SECOND})
    await registers.save()
    begun, found = meter.clock.now(), None
    with suppress(LinkError, ModbusRefused):
        found = (await registers.ask(read_request(4, (await registers.bound("signature_status")).address, 1)))[3]
    await meter.ready()
    passed = (meter.clock.now() - begun) / SECOND
    expect(found is None or not found & Signature.SYNCHRONIZED, "a request is answered behind the save")
    if found is not None:
        raise NotApplicable("back too soon for its silence to be seen")
    return f"back after {passed:.1f} s"


async def unsaved(meter: Dmed) -> None:
    registers = meter.modbus
    if meter.power_cycle is None:
        raise Skipped("needs a power failure, which cannot be made over the bus")
    await _ready(meter)
    before = await registers.parameter(HARMLESS)
    await registers.stage(HARMLESS, 1 - before)
    await meter.cut()
    await meter.ready()
    found = await registers.parameter(HARMLESS)
    expect(found == before, f"{HARMLESS.id} was staged as {1 - before}, not saved, and is {found} after a restart")


# Over REST -----------------------------------------------------------------------------------------------------------


async def _values(meter: Dmed) -> dict[str, int]:
    """All parameters over REST, behind a login."""
    rest = meter.rest
    await rest.login()
    return await rest.numbers(SYSTEM_PARAMETERS)


async def refused_without_login(meter: Dmed) -> str | None:
    rest = meter.rest
    if await rest.is_logged_in():
        raise Skipped("somebody is logged in")
    answer = await rest.ask("GET", SYSTEM_PARAMETERS.path)
    expect(not answer.ok, "parameters are shown without a login")
    return None if answer.status == 403 else f"{answer.status} instead of 403 (DEC-31)"


async def all_parameters(meter: Dmed) -> None:
    rest = meter.rest
    await rest.login()
    document = await rest.get(SYSTEM_PARAMETERS)
    expect(document.keys() == BY_ID.keys(), f"other keys than the 27: {sorted(document.keys() ^ BY_ID.keys())}")
    for name, value in (await rest.numbers(SYSTEM_PARAMETERS)).items():
        expect(value in BY_ID[name].allowed, f"{name} is {value}, which is none of {BY_ID[name].limits}")


async def address_number(meter: Dmed) -> str:
    found = (await _values(meter))[IP_ADDRESS]
    expect(0 < found < 1 << 32, f"{IP_ADDRESS} is {found}")
    return ".".join(map(str, found.to_bytes(4, "big")))


async def incomplete(meter: Dmed) -> str | None:
    return await _refused_block(meter, {HARMLESS.id: None})


async def three_bytes(meter: Dmed) -> str | None:
    return await _refused_block(meter, {f"{IP_ADDRESS}_04": None})


async def _refused_block(meter: Dmed, without: dict[str, None]) -> str | None:
    before = await _values(meter)
    body = {key: value for key, value in restparameters.block(before).items() if key not in without}
    remark = await refused(
        meter.rest.post(SYSTEM_PARAMETERS, body), Why.VALUE, f"a block without {next(iter(without))}"
    )
    expect(await _values(meter) == before, "a refused block changed parameters")
    return remark


async def complete(meter: Dmed) -> str:
    """The whole block as it is, and that nobody is logged in after the reboot (D-183, D-179)."""
    rest = meter.rest
    before = await _values(meter)
    if await rest.locked():
        raise NotApplicable("parameters are locked")
    body = json.dumps(restparameters.block(before), separators=(",", ":")).encode()
    remark = ""
    try:
        granted(await rest.ask("POST", SYSTEM_PARAMETERS.path, body=body))
    except HttpRefused:
        raise
    except LinkError:
        remark = "the connection ended without an answer (DEC-45); "
    await meter.clock.sleep(1.0)
    took = await meter.ready()
    expect(not await rest.is_logged_in(), "somebody is still logged in: no reboot")
    return f"{remark}back after {took:.1f} s"


async def refused_while_operating(meter: Dmed) -> str | None:
    if not await meter.rest.locked():
        raise NotApplicable("the meter is neither Operating nor charging")
    before = await _values(meter)
    return await refused(
        meter.rest.post(SYSTEM_PARAMETERS, restparameters.block(before)), Why.STATE, "parameters while they are locked"
    )


ROWS = (
    row("D-115", "Writing 5000h resets 5001h and 5002h", INFERRED, Need.WRITE, menu_resets),
    row("D-116", "No parameter: its value gives 0x04", INFERRED, Need.WRITE, no_parameter, "DEC-10"),
    row("D-117", "Behind the words of a parameter stand zeros", INFERRED, Need.WRITE, zeros_behind),
    row("D-188", "P04_02 is 0 to 7: 1200 to 115200 bit/s", MANUAL, Need.WRITE, choices("P04_02"), "DEC-10"),
    row("D-189", "P04_03 is 0 to 4: 8N, 8O, 8E, 7O, 7E", MANUAL, Need.WRITE, choices("P04_03"), "DEC-10"),
    row("D-190", "P04_05 is 0 RTU or 1 ASCII", MANUAL, Need.WRITE, serial_protocol, "DEC-10"),
    row("D-191", "P05_05 is 0 Slave or 1 Gateway", MANUAL, Need.WRITE, choices("P05_05"), "DEC-10"),
    row("D-192", "P05_10 is 0 RTU or 1 TCP, as the socket speaks", MANUAL, Need.WRITE, framing, "DEC-10"),
    row("D-193", "P06_01 is 0 HEX or 1 BASE64, as 4282h", MANUAL, Need.WRITE, signature_format, "DEC-10"),
    row("D-194", "P02_05 is 0 °C or 1 °F", MANUAL, Need.WRITE, choices("P02_05"), "DEC-10"),
    row("D-195", "ON/OFF parameters take 0 and 1 only", MANUAL, Need.WRITE, switches, "DEC-10"),
    row("D-180", "Parameters are not shown without a login", MANUAL, Need.READ, refused_without_login, "DEC-31"),
    row("D-181", "Behind a login 27 numbers are shown", MANUAL, Need.WRITE, all_parameters),
    row("D-182", "P05_03 is one number", MANUAL, Need.WRITE, address_number, "DEC-46"),
    row("D-186", "Parameters are refused while Operating (REST)", MANUAL, Need.REBOOT, refused_while_operating),
    row("D-184", "A block that misses a parameter is refused", MANUAL, Need.REBOOT, incomplete, "DEC-31"),
    row("D-185", "Three of four address bytes are refused", INFERRED, Need.REBOOT, three_bytes, "DEC-31"),
    row("D-183", "The whole block is accepted, and reboots", MANUAL, Need.REBOOT, complete, "DEC-45"),
    row("D-179", "Nobody is logged in after a reboot", INFERRED, Need.REBOOT, complete, "DEC-44"),
    row("D-111", "2F03h takes no other value than 5", INFERRED, Need.REBOOT, wrong_save, "DEC-10"),
    row("D-112", "The printed sequence sets P02_01 and reboots", MANUAL, Need.REBOOT, saved),
    row("D-113", "The save frame gets no answer", MANUAL, Need.REBOOT, save_unanswered),
    row("D-119", "During the reboot nothing is answered", INFERRED, Need.REBOOT, silent_reboot),
    row("D-114", "A value that is not saved is lost at a restart", INFERRED, Need.RESTART, unsaved),
)
