"""What stands in the registers: types, limits, relations among them, and the same over REST (sections 4.3, 4.4, 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, expect, row
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.engine import Failed, Need, Skipped
from wattproof.meters.dmed4.enums import OFFSETS, MeasurementStatus, Signature
from wattproof.meters.dmed4.resources import CHARGE_SETTINGS, LOG_INFO, MEASURE, SYSTEM_STATUS, Resource, Shape, tenth
from wattproof.meters.dmed4.restpoints import spelt
from wattproof.meters.dmed4.text import public_key as spki_of

#: Where counters wrap, in Wh (8.7); what a DC meter for chargers can show at most, in V/100, A/10000, W, and 0.1 °C.
WRAP = 10**11
MOST_VOLTS, MOST_AMPERES, MOST_WATTS = 200_000, 50_000_000, 5_000_000
WARM, NO_SENSOR = range(-600, 2001), -32768
#: Hour counters: 50 years, in seconds, for they may be that (DEC-19).
LONGEST = 50 * 8766 * 3600
#: Bits that the tables call reserved (4.7 to 4.9).
RESERVED, RESERVED_1, RESERVED_2 = 0x7F80, 0xFFFE01F0, 0xFFFFFFF8
#: How often values are compared that may change between two requests.
ATTEMPTS = 5

Same = Callable[[Dmed], Awaitable[str | None]]


def below(name: str, limit: int) -> Same:
    """A check that a register stays below a limit."""

    async def check(meter: Dmed) -> str:
        found = (await meter.modbus.block("measure"))[name]
        expect(0 <= found < limit, f"{name} reads {found}, which cannot be")
        return f"{found}"

    return check


async def settled(check: Callable[[], Awaitable[None]], meter: Dmed) -> None:
    """A check of values that belong to different moments, repeated until it holds; its failure if it never does."""
    for _ in range(ATTEMPTS - 1):
        with suppress(Failed):
            await check()
            return
        await meter.clock.sleep(0.3)
    await check()


def _matches(power: int, voltage: int, current: int) -> bool:
    """Whether a power (W) is that of voltage (V/100) and current (A/10000), within one percent and 20 W."""
    product = voltage * current // 10**6
    return abs(abs(power) - product) <= product // 100 + 20


async def power(meter: Dmed) -> str:
    async def once() -> None:
        found = await meter.modbus.block("measure")
        expect(abs(found["power"]) <= MOST_WATTS, f"power reads {found['power']} W")
        holds = _matches(found["power"], found["voltage"], found["current"])
        expect(holds, f"power {found['power']} W is not {found['voltage']} V/100 times {found['current']} A/10000")

    await settled(once, meter)
    return f"{await meter.modbus.number('power')} W"


async def temperatures(meter: Dmed) -> str:
    found = await meter.modbus.block("measure")
    for name in ("temp_i1_c", "temp_i2_c"):
        expect(found[name] in WARM or found[name] == NO_SENSOR, f"{name} reads {found[name]} tenths of a degree")
    return f"{found['temp_i1_c']}, {found['temp_i2_c']} tenths"


async def fahrenheit(meter: Dmed) -> None:
    found = await meter.modbus.block("measure")
    for number in (1, 2):
        celsius, other = found[f"temp_i{number}_c"], found[f"temp_i{number}_f"]
        right = other == NO_SENSOR if celsius == NO_SENSOR else abs(5 * other - 9 * celsius - 1600) <= 5
        expect(right, f"I{number}: {celsius} tenths of °C are not {other} tenths of °F")


async def exchanged(meter: Dmed) -> str | None:
    found = await meter.modbus.block("measure")
    total, back = found["energy_import_total"], found["energy_export_total"]
    if found["energy_exchanged_total"] == (total + back) % WRAP:
        return None
    expect(found["energy_exchanged_total"] == abs(total - back), "the exchanged energy is neither sum nor difference")
    return "imported minus exported (DEC-18)"


async def snapshot(meter: Dmed) -> None:
    """Sum and parts come from one moment in every answer."""
    for _ in range(ATTEMPTS):
        await exchanged(meter)
        await fahrenheit(meter)


async def hours(meter: Dmed) -> str:
    found = await meter.modbus.block("hours")
    expect(found["hours_work"] <= found["hours_total"], f"working {found['hours_work']}, total {found['hours_total']}")
    expect(found["hours_total"] < LONGEST, f"the total hour counter reads {found['hours_total']}")
    return f"total {found['hours_total']}, working {found['hours_work']}"


async def fast(meter: Dmed) -> None:
    async def once() -> None:
        quick, slow = await meter.modbus.block("fast"), await meter.modbus.block("measure")
        holds = _matches(quick["power_fast"], quick["voltage_fast"], quick["current_fast"])
        expect(holds, "power_fast is not voltage_fast times current_fast")
        for name in ("voltage", "current", "power"):
            near = abs(quick[f"{name}_fast"] - slow[name]) <= abs(slow[name]) // 20 + 20
            expect(near, f"{name}_fast is {quick[f'{name}_fast']}, {name} is {slow[name]}")

    await settled(once, meter)


async def sample_time(meter: Dmed) -> None:
    before = await meter.modbus.number("datetime")
    found = await meter.modbus.number("sample_time")
    after = await meter.modbus.number("datetime")
    expect(before - 2 <= found <= after, f"sample_time {found} while the clock went from {before} to {after}")


async def sample_offset(meter: Dmed) -> None:
    found = [await meter.modbus.number(name) for name in ("sample_offset", "datetime_offset")]
    expect(found[0] == found[1] and found[1] in OFFSETS, f"sample_offset and datetime_offset are {found}")


def counts(most: str, number: str) -> Same:
    """A check that a log holds no more than it can."""

    async def check(meter: Dmed) -> str:
        found = await meter.modbus.numbers(most, number)
        expect(0 <= found[number] <= found[most] > 0, f"{found[number]} of {found[most]}")
        return f"{found[number]} of {found[most]}"

    return check


# Charge cycle block --------------------------------------------------------------------------------------------------


async def dwords(meter: Dmed) -> str:
    states = await meter.side.states()
    expect(states.error_1 < 1 << 32 and states.error_2 < 1 << 32, states.words)
    return states.words


async def error_bits(meter: Dmed) -> None:
    states = await meter.side.states()
    expect(not states.error_1 & RESERVED_1, f"reserved bits of error dword 1 are set: {states.error_1:08x}")
    expect(not states.error_2 & RESERVED_2, f"reserved bits of error dword 2 are set: {states.error_2:08x}")


async def reserved_bits(meter: Dmed) -> None:
    states = await meter.side.states()
    expect(not states.signature & RESERVED, f"reserved bits are set: 0x{states.signature:04x}")


async def statuses(meter: Dmed) -> str:
    found = (await meter.side.states()).measurement
    expect(found in set(MeasurementStatus), f"measurement status {found}")
    return MeasurementStatus(found).name.replace("_", " ")


async def exclusive(meter: Dmed) -> None:
    """Bits 2, 3 and 4, now and in everything that cycles of this run have shown."""
    one_of = Signature.IN_PROGRESS | Signature.OK | Signature.FAILED
    shown = [await meter.side.states(), *(state for step in meter.pages for state in (step.accepted, *step.seen))]
    for state in shown:
        expect((state.signature & one_of).bit_count() <= 1, f"bits 2, 3, 4 of 0x{state.signature:04x}")


async def error_bit(meter: Dmed) -> None:
    shown = [await meter.side.states(), *(state for step in meter.pages for state in (step.before, step.after))]
    for state in shown:
        expect(state.has(Signature.ERROR) == state.errors, f"bit 15 and the dwords disagree: {state.words}")


async def lengths(meter: Dmed) -> str:
    found = await meter.modbus.numbers("output_length", "binary_length", "signature_length")
    for name, area in (("output_length", "output_json"), ("signature_length", "signature_der")):
        data = await meter.modbus.octets(area)
        expect(found[name] <= len(data), f"{name} is {found[name]}, the area has {len(data)} bytes")
        expect(not any(data[found[name] :]), f"{area} goes on behind the {found[name]} bytes of {name}")
        expect(not found[name] or any(data), f"{name} is {found[name]}, and {area} is empty")
    return f"{found['output_length']} and {found['signature_length']} bytes"


async def text_order(meter: Dmed) -> None:
    length = await meter.modbus.number("output_length")
    if not length:
        raise Skipped("the meter shows no record now")
    data = await meter.modbus.octets("output_json")
    expect(data[:1] in (b"{", b"O"), f"the text at 4400h begins with {data[:2]!r}")
    expect(b"\0" not in data[:length] and not any(data[length:]), "the text at 4400h is not NUL padded")


async def formats(meter: Dmed) -> str:
    found = await meter.modbus.numbers("signature_format", "sync_timeout")
    expect(found["signature_format"] in (0, 1), f"signature_format is {found['signature_format']}")
    if meter.has_rest:
        other = await meter.rest.numbers(CHARGE_SETTINGS)
        same = {key: other[key] for key in found}
        expect(same == found, f"registers say {found}, REST says {same}")
    return f"format {found['signature_format']}, timeout {found['sync_timeout']} min"


async def key(meter: Dmed) -> str | None:
    data = await meter.modbus.octets("public_key")
    as_text = all(octet in b"0123456789abcdefABCDEF" for octet in data)
    expect(not as_text, "the public key at 4600h is text: half of it fits (DEC-24)")
    spki_of(data)
    if meter.has_rest:
        other = await meter.rest.public_key()
        expect(other == data, f"4600h begins with {data[:8].hex()}, public_key with {other[:8].hex()}")
        return "equals public_key"
    return None


# The same over REST --------------------------------------------------------------------------------------------------


def same(resource: Resource, *, slack: int = 0) -> Same:
    """A check that the keys of a resource equal the registers they come from (DEC-36)."""

    async def check(meter: Dmed) -> str:
        fields = [field for field in resource.of("GET") if field.point and field.shape is Shape.NUMBER]
        wanted = [field for field in fields if (field.step > 1) == bool(slack)]

        async def once() -> None:
            registers = {field.key: tenth(await meter.modbus.number(field.point), field.step) for field in wanted}
            shown = await meter.rest.numbers(resource)
            for key, value in registers.items():
                expect(abs(shown[key] - value) <= slack, f"{key} is {shown[key]}, the register says {value}")

        await meter.modbus.block("measure")
        meter.rest  # noqa: B018 - skipped without it
        await settled(once, meter)
        return ", ".join(field.key for field in wanted)

    return check


async def same_statuses(meter: Dmed) -> None:
    registers, rest = meter.modbus, meter.rest

    async def once() -> None:
        one, other = await registers.states(), await rest.states()
        expect(one == other, f"registers: {one.words}; REST: {other.words}")

    await settled(once, meter)


async def checksum(meter: Dmed) -> str | None:
    register = f"{await meter.modbus.number('fw_checksum'):08X}"
    status = await meter.rest.get(SYSTEM_STATUS)
    found = {key: str(spelt(status, key)).upper() for key in ("meas_fw_cks", "pow_fw_cks")}
    if found["meas_fw_cks"] == register:
        return None
    expect(found["pow_fw_cks"] == register, f"4004h says {register}, REST {found}")
    return "that of the communication board (DEC-22)"


ROWS = (
    row("D-074", "The registers of one answer are of one moment", INFERRED, Need.READ, snapshot),
    row("D-076", "0002h: total imported energy", MANUAL, Need.READ, below("energy_import_total", WRAP)),
    row("D-077", "0006h: last charge cycle energy", MANUAL, Need.READ, below("energy_cycle", WRAP)),
    row("D-078", "000Ah: voltage, 0.01 V", MANUAL, Need.READ, below("voltage", MOST_VOLTS)),
    row("D-079", "000Ch: current, 0.0001 A", MANUAL, Need.READ, below("current", MOST_AMPERES)),
    row("D-080", "000Eh: power, signed, W", MANUAL, Need.READ, power),
    row("D-081", "0012h, 0014h: temperatures, 0.1 °C", MANUAL, Need.READ, temperatures),
    row("D-082", "0013h, 0015h: °F is °C times 9/5 plus 32", MANUAL, Need.READ, fahrenheit),
    row("D-083", "0016h: total exported energy", MANUAL, Need.READ, below("energy_export_total", WRAP)),
    row("D-084", "001Ah: last cycle exported energy", MANUAL, Need.READ, below("energy_cycle_export", WRAP)),
    row("D-085", "001Eh: exchanged is imported plus exported", INFERRED, Need.READ, exchanged, "DEC-18"),
    row("D-086", "0030h, 0034h: hour counters", MANUAL, Need.READ, hours, "DEC-19"),
    row("D-087", "0200h to 0207h: the fast measurements", MANUAL, Need.READ, fast),
    row("D-088", "0208h: time of the last sample", MANUAL, Need.READ, sample_time),
    row("D-089", "020Ah: time offset in minutes, signed", INFERRED, Need.READ, sample_offset),
    row("D-090", "020Dh, 020Eh: event log", MANUAL, Need.READ, counts("events_max", "events_count")),
    row("D-091", "0220h, 0221h: OCMF log", MANUAL, Need.READ, counts("ocmf_max", "ocmf_count")),
    row("D-092", "Error dwords have 32 bits", MANUAL, Need.READ, dwords),
    row("D-093", "4004h equals meas_fw_cks", INFERRED, Need.READ, checksum, "DEC-22"),
    row("D-096", "4200h, 4201h equal the statuses of REST", MANUAL, Need.READ, same_statuses),
    row("D-097", "4202h, 4204h: lengths of message and signature", MANUAL, Need.READ, lengths),
    row("D-098", "4282h and 4283h: signature format, timeout", MANUAL, Need.READ, formats),
    row("D-102", "4600h: the key, 64 bytes, a point of P-256", INFERRED, Need.READ, key, "DEC-24"),
    row("D-103", "4400h: first character in the high byte, NUL padded", MANUAL, Need.READ, text_order),
    row("D-105", "Measurement status is 0 to 3", MANUAL, Need.READ, statuses),
    row("D-106", "Reserved bits of the signature status are 0", MANUAL, Need.READ, reserved_bits),
    row("D-107", "Only bits of the tables are set in error dwords", MANUAL, Need.READ, error_bits),
    row("D-222", "Bits 2, 3, 4 are never set together", INFERRED, Need.READ, exclusive),
    row("D-224", "Bit 15 is set exactly when a dword is not 0", INFERRED, Need.READ, error_bit),
    row("D-145", "REST shows tenths of the registers' values", MANUAL, Need.READ, same(MEASURE, slack=1), "DEC-36"),
    row("D-147", "Energies in Wh equal the registers", MANUAL, Need.READ, same(MEASURE)),
    row("D-162", "Counts of the logs equal the registers", MANUAL, Need.READ, same(LOG_INFO)),
)
