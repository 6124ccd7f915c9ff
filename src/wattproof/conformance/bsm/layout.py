"""The register map and what stands in it (bsm.md sections 3 to 5, 14, 19, 23)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wattproof.conformance.bsm.subject import FIRST, LAST, Bsm, expect
from wattproof.conformance.engine import Evidence, Need, Skipped, Statement
from wattproof.meters.bsm.enums import BAUD_RATES, NO_ERROR, Event, SnapshotType
from wattproof.meters.bsm.points import END_BLOCK, MAP, OCMF_BLOCKS, SIGNING_METER_BLOCK, SNAPSHOT_BLOCKS
from wattproof.meters.bsm.publickey import key_of
from wattproof.meters.bsm.virtual.display import DisplayValues, address_rounds
from wattproof.meters.sunspec import chain
from wattproof.wire.modbus.bindings import Block, exponent_of

NUL = b"\0"
KEY_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


async def marker(meter: Bsm) -> None:
    found = await meter.read(FIRST, 2)
    expect(found == b"SunS", f"registers 40000 and 40001 hold {found.hex()}")


def _header(block: Block) -> bytes:
    length = 0 if block.id == 0xFFFF else block.registers - 2
    return (block.id or 0).to_bytes(2, "big") + length.to_bytes(2, "big")


async def headers(meter: Bsm) -> None:
    for block in MAP.blocks:
        if block.id is not None:
            found = await meter.read(block.address, 2)
            expect(found == _header(block), f"{block.label} at {block.address} begins with {found.hex()}")


async def walk(meter: Bsm) -> str:
    found = await chain.walk(meter.read, FIRST)
    last = found[-1]
    expect((last.address, last.id, len(found)) == (LAST - 1, 0xFFFF, 17), f"the chain ends at {last.address}")
    end = await meter.read(END_BLOCK.address, 2)
    expect(end == b"\xff\xff\0\0", f"the end marker is {end.hex()}")
    return "17 headers"


def lengths(blocks: tuple[Block, ...]) -> Callable[[Bsm], Awaitable[None]]:
    """A check that these instances state the length that the map has."""

    async def check(meter: Bsm) -> None:
        for block in blocks:
            found = int.from_bytes(await meter.read(block.address + 1, 1), "big")
            expect(found == block.registers - 2, f"{block.label} states length {found}")

    return check


async def filled_strings(meter: Bsm) -> None:
    for name in ("Mn", "Md", "Vr", "SN"):
        data = await meter.octets(f"common.{name}")
        text = data.rstrip(NUL)
        expect(bool(text) and NUL not in text, f"common.{name} is {data.hex()}: empty, or NUL inside")


def constants(*wanted: tuple[str, int]) -> Callable[[Bsm], Awaitable[None]]:
    """A check that these points hold these 16-bit patterns."""

    async def check(meter: Bsm) -> None:
        image = await meter.image()
        for path, pattern in wanted:
            bound = meter.bound(path)
            found = int.from_bytes(image.read(bound.address, 1), "big")
            expect(found == pattern, f"{path} is 0x{found:04x}, not 0x{pattern:04x}")

    return check


async def fixed_interface(meter: Bsm) -> None:
    before = await meter.read(40084, 4)
    await meter.write(40084, b"\0\7\0\1\0\0\0\1")
    after = await meter.read(40084, 4)
    expect(after == before, f"Bits, Pty, Dup, Flw became {after.hex()}")


async def unused_energies(meter: Bsm) -> None:
    image = await meter.image()
    block = MAP.block("ac_meter")
    for point in block.points:
        if point.constant == 0 and point.scale in ("TotWh_SF", "TotVAh_SF", "TotVArh_SF"):
            found = image.read(block.address + point.offset, point.registers)
            expect(not any(found), f"ac_meter.{point.name} is {found.hex()}")


async def phases(meter: Bsm) -> str:
    image = await meter.image()
    for name in ("AphA", "AphB", "AphC", "PhVphA", "PhVphB", "PhVphC", "WphA", "WphB", "WphC"):
        bound = meter.bound(f"ac_meter.{name}")
        expect(image.read(bound.address, 1) != b"\x80\0", f"ac_meter.{name} is unavailable instead of 0")
    dead = [name for name in "ABC" if not any(image.read(meter.bound(f"ac_meter.PhVph{name}").address, 1))]
    return f"phases without voltage: {len(dead)}"


async def twins(meter: Bsm) -> None:
    for first, second in (("bs_meter.VrM", "common.Vr"), ("bs_meter.SNM", "common.SN")):
        one, other = [(await meter.octets(path)).rstrip(NUL) for path in (first, second)]
        expect(one == other, f"{first} is {one!r}, {second} is {other!r}")


async def meter_id(meter: Bsm) -> None:
    text = await meter.octets("bs_meter.MA1")
    expect(text.startswith(b"00") and text.isalnum(), f"MA1 is {text!r}: not 00 and 14 characters")


async def full_serial(meter: Bsm) -> None:
    text = await meter.octets("bs_meter.SNC")
    expect(text.isalnum(), f"SNC is {text!r}: not 16 characters")


async def key_area(meter: Bsm) -> None:
    found = await meter.raws("bs_meter.NPK", "bs_meter.BPK")
    area = await meter.octets("bs_meter.PK")
    expect((found["bs_meter.NPK"], found["bs_meter.BPK"]) == (48, 91), f"NPK, BPK are {list(found.values())}")
    expect(area[91:] == bytes(5), f"the area behind the key holds {area[91:].hex()}")


async def key_form(meter: Bsm) -> None:
    key = (await meter.octets("bs_meter.PK"))[:91]
    expect(key.startswith(KEY_PREFIX), f"the public key begins with {key[:27].hex()}")
    key_of(key)


async def firmware_hash(meter: Bsm) -> None:
    found = await meter.raws("cm_firmware_hash.Typ", "cm_firmware_hash.NB", "cm_firmware_hash.BB")
    expect(list(found.values()) == [0, 16, 32], f"Typ, NB, BB are {list(found.values())}")
    expect(any(await meter.octets("cm_firmware_hash.B")), "the firmware hash is all 0")


async def known_firmware(meter: Bsm) -> str:
    firmware = await meter.firmware()
    if firmware.profile is None or firmware.hash_matches is None:
        raise Skipped(f"firmware {firmware.text} is not in the table, or its hash is not published")
    expect(firmware.hash_matches, f"firmware {firmware.text} shows the hash of another build")
    expect(
        firmware.measuring == firmware.profile.measuring,
        f"VrM {firmware.measuring} is not that of {firmware.profile.name}",
    )
    return firmware.profile.name


async def energy_digits(meter: Bsm) -> str:
    image, firmware = await meter.image(), await meter.firmware()
    found = {path: exponent_of(meter.bound(path), image) for path in ("ac_meter.TotWhImp", "bs_meter.RCR")}
    scales = set(found.values())
    wanted = {firmware.profile.scale} if firmware.profile else {0, 1}
    expect(len(scales) == 1 and scales <= wanted, f"scale factors of energy are {found}, firmware {firmware.text}")
    if scales == {0}:
        for path in found:
            raw = await meter.number(path)
            expect((raw or 0) % 10 == 0, f"{path} is {raw} Wh, no multiple of 10")
    return f"10 Wh with scale {scales.pop()}"


async def fatal_bit(meter: Bsm) -> str:
    error = (await meter.octets("bs_meter.ErrM")).decode("latin-1")
    events = await meter.number("ac_meter.Evt")
    expect(events is not None, "Evt is unavailable")
    expect(bool((events or 0) & Event.METER_FATAL_ERROR) == (error != NO_ERROR), f"ErrM {error}, Evt {events:#x}")
    return f"ErrM {error}"


async def address_text(meter: Bsm) -> str:
    text = (await meter.octets("bs_meter.MA2")).rstrip(NUL).decode("latin-1")
    address, rate = await meter.number("common.DA"), await meter.number("serial_interface.Rte")
    expect(rate in BAUD_RATES, f"Rte is {rate}")
    rounds = address_rounds(
        DisplayValues(
            rcr_wh=0,
            total_wh=0,
            power=0,
            epoch=None,
            tzo=None,
            address=address or 0,
            baudrate=rate or 0,
            version="",
            revision=(await meter.octets("bs_meter.VrC")).decode("latin-1"),
            firmware_hash=(await meter.octets("cm_firmware_hash.B")).hex(),
            loaded=False,
        )
    )
    expect(text in rounds, f"MA2 is {text!r}, none of {', '.join(rounds)}")
    return text


async def discovered(meter: Bsm) -> None:
    by_walking = await meter.driver.discover()
    places = [(block.id, block.address, block.registers) for block in by_walking.blocks if block.id is not None]
    fixed = [(block.id, block.address, block.registers) for block in MAP.blocks if block.id is not None]
    expect(places == fixed, "walking the chain finds other places than the table has")


async def types(meter: Bsm) -> None:
    for blocks in (SNAPSHOT_BLOCKS, OCMF_BLOCKS):
        for kind in SnapshotType:
            found = int.from_bytes(await meter.read(blocks[kind].address_of("Typ"), 1), "big")
            expect(found == kind, f"Typ of {blocks[kind].label} is {found}")


_RESERVED = tuple((f"ac_meter.{name}", 0x8000) for name in "PhV PPV PhVphAB PhVphBC PhVphCA PF".split())
_SCALES = tuple(
    (f"ac_meter.{name}_SF", scale & 0xFFFF)
    for name, scale in {"A": -2, "V": -1, "Hz": -1, "W": 1, "VA": 1, "VAR": 1, "PF": -1}.items()
)
_HEAD = tuple((f"serial_interface_header.{name}", value) for name, value in {"St": 1, "Ctl": 0xFFFF, "Typ": 2}.items())
_LINE = tuple(
    (f"serial_interface.{name}", value)
    for name, value in {"Bits": 8, "Pty": 2, "Dup": 1, "Flw": 0, "Typ": 2, "Pcol": 1}.items()
)
_PADS = (("common.Pad", 0x8000), ("serial_interface_header.Pad", 0x8000), ("cm_firmware_hash.Pad", 0x8000))
_SNAPSHOTS, _TEXTS = tuple(SNAPSHOT_BLOCKS.values()), tuple(OCMF_BLOCKS.values())

ROWS: tuple[Statement[Bsm], ...] = (
    Statement("B-019", "The map begins with SunS", Evidence.MANUAL, Need.READ, marker),
    Statement("B-020", "All 17 headers are where the table has them", Evidence.CAPTURE, Need.READ, headers),
    Statement("B-021", "Walking the models ends at 44291 with 65535 / 0", Evidence.MANUAL, Need.READ, walk),
    Statement(
        "B-022", "Model 64900 has length 300", Evidence.CAPTURE, Need.READ, lengths((SIGNING_METER_BLOCK,)), "BD-01"
    ),
    Statement(
        "B-023", "The five models 64901 have length 252", Evidence.CAPTURE, Need.READ, lengths(_SNAPSHOTS), "BD-02"
    ),
    Statement("B-024", "The five models 64903 have length 498", Evidence.CAPTURE, Need.READ, lengths(_TEXTS), "BD-04"),
    Statement("B-025", "Mn, Md, Vr and SN are NUL filled", Evidence.CAPTURE, Need.READ, filled_strings),
    Statement("B-026", "Pads read 0x8000", Evidence.CAPTURE, Need.READ, constants(*_PADS), "BD-06"),
    Statement("B-027", "Model 10 reads St 1, Ctl unavailable, Typ 2", Evidence.TOOL, Need.READ, constants(*_HEAD)),
    Statement(
        "B-028", "Model 17 reads 8E1, half duplex, RS-485, Modbus", Evidence.MANUAL, Need.READ, constants(*_LINE)
    ),
    Statement("B-029", "Writes to Bits, Pty, Dup, Flw are ignored", Evidence.TOOL, Need.WRITE, fixed_interface),
    Statement("B-030", "Scale factors of the AC meter", Evidence.CAPTURE, Need.READ, constants(*_SCALES)),
    Statement(
        "B-031",
        "Apparent and reactive energy have no scale",
        Evidence.CAPTURE,
        Need.READ,
        constants(("ac_meter.TotVAh_SF", 0x8000), ("ac_meter.TotVArh_SF", 0x8000)),
    ),
    Statement("B-032", "Values this device lacks read 0x8000", Evidence.CAPTURE, Need.READ, constants(*_RESERVED)),
    Statement("B-033", "Energies this device lacks read 0", Evidence.CAPTURE, Need.READ, unused_energies),
    Statement("B-034", "A phase without voltage reads 0", Evidence.CAPTURE, Need.READ, phases),
    Statement("B-036", "VrM equals Vr, SNM equals SN", Evidence.TOOL, Need.READ, twins),
    Statement("B-037", "MA1 is 00 and the printed serial number", Evidence.MANUAL, Need.READ, meter_id),
    Statement("B-038", "SNC uses all 16 bytes", Evidence.CAPTURE, Need.READ, full_serial),
    Statement("B-039", "The key area has 91 bytes and 5 NUL", Evidence.CAPTURE, Need.READ, key_area),
    Statement("B-040", "Model 64902 holds a hash of 32 bytes", Evidence.TOOL, Need.READ, firmware_hash),
    Statement("B-075", "Energy is shown in steps of 10 Wh", Evidence.CAPTURE, Need.READ, energy_digits),
    Statement("B-091", "Typ is 0 to 4 in the order of the instances", Evidence.MANUAL, Need.READ, types),
    Statement("B-123", "The public key is a P-256 key in DER", Evidence.MANUAL, Need.READ, key_form),
    Statement("B-152", "ErrM other than 0 sets event bit 16", Evidence.INFERRED, Need.READ, fatal_bit, "BD-33"),
    Statement("B-155", "MA2 is a text of the address page", Evidence.CAPTURE, Need.READ, address_text),
    Statement("B-159", "VrM, VrC and hash belong together", Evidence.MANUAL, Need.READ, known_firmware),
    Statement("B-161", "Walking finds the same places as the table", Evidence.TOOL, Need.READ, discovered),
)
