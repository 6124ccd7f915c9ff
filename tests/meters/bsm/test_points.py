"""The rows of the BSM against the tables of the manual and against registers of real meters."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.meters.bsm.enums import (
    EVENT_BITS,
    NO_ERROR,
    SnapshotStatus,
    SnapshotType,
    decode_error,
    snapshot_type,
)
from wattproof.meters.bsm.points import BASE, MAP, MODELS, OCMF_BLOCKS, REGISTERS, SNAPSHOT_BLOCKS
from wattproof.model.values import Quality
from wattproof.wire.modbus.bindings import ABSENT, BoundPoint, decode_reading
from wattproof.wire.modbus.image import RegisterImage

NOW = datetime(2022, 7, 8, 8, 0, tzinfo=UTC)

# Section 4: 1-based start, ID, length, name, aliases.
INSTANCES = [
    (40003, 1, 66, "common", "cb"),
    (40071, 10, 4, "serial_interface_header", "sih"),
    (40077, 17, 12, "serial_interface", "si"),
    (40091, 203, 105, "ac_meter", "tpm"),
    (40198, 64900, 300, "bs_meter", "bsm sm"),
    (40500, 64902, 20, "cm_firmware_hash", "cfwh"),
    (40522, 64901, 252, "signed_current_snapshot", "scs"),
    (40776, 64901, 252, "signed_turn_on_snapshot", "stons"),
    (41030, 64901, 252, "signed_turn_off_snapshot", "stoffs"),
    (41284, 64901, 252, "signed_start_snapshot", "sss"),
    (41538, 64901, 252, "signed_end_snapshot", "ses"),
    (41792, 64903, 498, "ocmf_signed_current_snapshot", "oscs"),
    (42292, 64903, 498, "ocmf_signed_turn_on_snapshot", "ostons"),
    (42792, 64903, 498, "ocmf_signed_turn_off_snapshot", "ostoffs"),
    (43292, 64903, 498, "ocmf_signed_start_snapshot", "osss"),
    (43792, 64903, 498, "ocmf_signed_end_snapshot", "oses"),
    (44292, 65535, 0, "end", ""),
]

# Section 5: 1-based address, registers, type, access, scale, unit, OBIS code of points, as the manual lists them.
POINTS = """
common.Mn 40005 16 string r
common.Md 40021 16 string r
common.Opt 40037 8 string r
common.Vr 40045 8 string r - - 1-0:0.2.0
common.SN 40053 16 string r - - 1-0:C.1.0
common.DA 40069 1 uint16 rw - - 1-0:0.0.1
common.Pad 40070 1 pad r
serial_interface_header.St 40073 1 enum16 r
serial_interface_header.Ctl 40074 1 uint16 r
serial_interface_header.Typ 40075 1 enum16 r
serial_interface_header.Pad 40076 1 pad r
serial_interface.Nam 40079 4 string r
serial_interface.Rte 40083 2 uint32 rw - bit/s
serial_interface.Bits 40085 1 uint16 r
serial_interface.Pty 40086 1 enum16 r
serial_interface.Dup 40087 1 enum16 r
serial_interface.Flw 40088 1 enum16 r
serial_interface.Typ 40089 1 enum16 r
serial_interface.Pcol 40090 1 enum16 r
ac_meter.A 40093 1 int16 r A_SF A 1-0:25.7.0
ac_meter.AphA 40094 1 int16 r A_SF A 1-0:31.7.0
ac_meter.AphC 40096 1 int16 r A_SF A 1-0:71.7.0
ac_meter.A_SF 40097 1 sunssf r
ac_meter.PhV 40098 1 int16 r V_SF V
ac_meter.PhVphA 40099 1 int16 r V_SF V 1-0:32.7.0
ac_meter.PhVphC 40101 1 int16 r V_SF V 1-0:72.7.0
ac_meter.PPV 40102 1 int16 r V_SF V
ac_meter.PhVphCA 40105 1 int16 r V_SF V
ac_meter.V_SF 40106 1 sunssf r
ac_meter.Hz 40107 1 int16 r Hz_SF Hz 1-0:14.7.0
ac_meter.Hz_SF 40108 1 sunssf r
ac_meter.W 40109 1 int16 r W_SF W 1-0:1.7.0*255
ac_meter.WphC 40112 1 int16 r W_SF W 1-0:61.7.0
ac_meter.W_SF 40113 1 sunssf r
ac_meter.VA 40114 1 int16 r VA_SF VA
ac_meter.VA_SF 40118 1 sunssf r
ac_meter.VAR 40119 1 int16 r VAR_SF var
ac_meter.VAR_SF 40123 1 sunssf r
ac_meter.PF 40124 1 int16 r PF_SF %
ac_meter.PFphA 40125 1 int16 r PF_SF % 1-0:33.7.0
ac_meter.PFphC 40127 1 int16 r PF_SF % 1-0:73.7.0
ac_meter.PF_SF 40128 1 sunssf r
ac_meter.TotWhExp 40129 2 acc32 r TotWh_SF Wh
ac_meter.TotWhExpPhC 40135 2 acc32 r TotWh_SF Wh
ac_meter.TotWhImp 40137 2 acc32 r TotWh_SF Wh 1-0:1.8.0*255
ac_meter.TotWhImpPhA 40139 2 acc32 r TotWh_SF Wh
ac_meter.TotWhImpPhC 40143 2 acc32 r TotWh_SF Wh
ac_meter.TotWh_SF 40145 1 sunssf r
ac_meter.TotVAhExp 40146 2 acc32 r TotVAh_SF VAh
ac_meter.TotVAhImpPhC 40160 2 acc32 r TotVAh_SF VAh
ac_meter.TotVAh_SF 40162 1 sunssf r
ac_meter.TotVArhImpQ1 40163 2 acc32 r TotVArh_SF varh
ac_meter.TotVArhExpQ4PhC 40193 2 acc32 r TotVArh_SF varh
ac_meter.TotVArh_SF 40195 1 sunssf r
ac_meter.Evt 40196 2 bitfield32 r
bs_meter.ErrM 40200 4 string r - - 1-0:F.F.0
bs_meter.SNM 40204 8 string r - - 1-0:C.1.0
bs_meter.SNC 40212 8 string r
bs_meter.VrM 40220 8 string r - - 1-0:0.2.0
bs_meter.VrC 40228 8 string r
bs_meter.MA1 40236 8 string r - - 1-0:0.0.0*255
bs_meter.MA2 40244 8 string r - - 1-0:0.0.1
bs_meter.RCR 40252 2 acc32 r RCR_SF Wh 1-0:1.8.0*198
bs_meter.RCR_SF 40254 1 sunssf r
bs_meter.PDCnt 40255 2 uint32 r - - 1-0:C.7.0
bs_meter.RCnt 40257 2 uint32 r
bs_meter.OS 40259 2 uint32 r - s
bs_meter.Epoch 40261 2 uint32 rw - s
bs_meter.TZO 40263 1 int16 rw - min
bs_meter.EpochSetCnt 40264 2 uint32 r
bs_meter.EpochSetOS 40266 2 uint32 r - s
bs_meter.DI 40268 1 uint16 r
bs_meter.DO 40269 1 uint16 rw
bs_meter.DIChgOS 40270 2 uint32 r - s
bs_meter.DIChgEpoch 40272 2 uint32 r - s
bs_meter.DIChgTZO 40274 1 int16 r - min
bs_meter.DOChgOS 40275 2 uint32 r - s
bs_meter.DOChgEpoch 40277 2 uint32 r - s
bs_meter.DOChgTZO 40279 1 int16 r - min
bs_meter.Meta1 40280 70 string rw
bs_meter.Meta2 40350 50 string rw
bs_meter.Meta3 40400 50 string rw
bs_meter.NPK 40450 1 uint16 r
bs_meter.BPK 40451 1 uint16 r
bs_meter.PK 40452 48 blob r
cm_firmware_hash.Typ 40502 1 enum16 r
cm_firmware_hash.NB 40503 1 uint16 r
cm_firmware_hash.BB 40504 1 uint16 r
cm_firmware_hash.Pad 40505 1 pad r
cm_firmware_hash.B 40506 16 blob r
signed_current_snapshot.St 40525 1 enum16 rw
signed_current_snapshot.W 40531 1 int16 r W_SF W 1-0:1.7.0*255
signed_current_snapshot.MA1 40533 8 string r - - 1-0:0.0.0*255
signed_current_snapshot.OS 40543 2 uint32 r - s
signed_current_snapshot.TZO 40547 1 int16 r - min
signed_current_snapshot.EpochSetCnt 40548 2 uint32 r
signed_current_snapshot.DI 40552 1 uint16 r
signed_current_snapshot.DO 40553 1 uint16 r
signed_current_snapshot.Meta2 40624 50 string r
signed_current_snapshot.Meta3 40674 50 string r
signed_turn_on_snapshot.RCR 40780 2 acc32 r Wh_SF Wh 1-0:1.8.0*198
signed_turn_off_snapshot.TotWhImp 41036 2 acc32 r Wh_SF Wh 1-0:1.8.0*255
signed_start_snapshot.Epoch 41307 2 uint32 r - s
signed_end_snapshot.Sig 41744 48 blob r
ocmf_signed_current_snapshot.O 41796 496 string r
ocmf_signed_turn_on_snapshot.O 42296 496 string r
ocmf_signed_turn_off_snapshot.O 42796 496 string r
ocmf_signed_start_snapshot.O 43296 496 string r
ocmf_signed_end_snapshot.St 43795 1 enum16 r
ocmf_signed_end_snapshot.O 43796 496 string r
"""

# Section 5.7: 1-based addresses of the most used points: current, turn-on, turn-off, start, end.
SNAPSHOT_ADDRESSES = {
    "Typ": (40524, 40778, 41032, 41286, 41540),
    "St": (40525, 40779, 41033, 41287, 41541),
    "RCR": (40526, 40780, 41034, 41288, 41542),
    "TotWhImp": (40528, 40782, 41036, 41290, 41544),
    "Wh_SF": (40530, 40784, 41038, 41292, 41546),
    "RCnt": (40541, 40795, 41049, 41303, 41557),
    "Epoch": (40545, 40799, 41053, 41307, 41561),
    "Meta1": (40554, 40808, 41062, 41316, 41570),
    "Evt": (40724, 40978, 41232, 41486, 41740),
    "NSig": (40726, 40980, 41234, 41488, 41742),
    "BSig": (40727, 40981, 41235, 41489, 41743),
    "Sig": (40728, 40982, 41236, 41490, 41744),
}


def bound(path: str) -> BoundPoint:
    (found,) = MAP.find(path)
    return found


def constants(*paths: str) -> list[object]:
    return [bound(path).point.constant for path in paths]


@pytest.mark.proves("B-019", "B-020", "B-022", "B-023", "B-024")
def test_the_map_is_the_marker_and_17_instances() -> None:
    marker, *blocks = MAP.blocks
    assert (marker.address, marker.registers) == (40000, 2)
    assert marker.points[0].type.encode("SunS") == bytes.fromhex("53756e53")
    assert marker.points[0].constant == "SunS"
    assert [(block.address + 1, block.id, block.registers - 2, block.name) for block in blocks] == [
        (address, number, length, name) for address, number, length, name, _ in INSTANCES
    ]
    for block in blocks:
        identity, length = (point.type.encode(point.constant) for point in block.points[:2])  # type: ignore[arg-type]
        assert struct.unpack(">HH", identity + length) == (block.id, block.registers - 2)


@pytest.mark.proves("B-020", "B-021")
def test_instances_follow_each_other_without_gaps() -> None:
    address = BASE
    for block in MAP.blocks:
        assert block.address == address
        address += block.registers
        if block.id is not None:
            offset = 0
            for point in block.points:
                assert point.offset == offset, f"{block.name}.{point.name}"
                offset += point.registers
            assert offset == block.registers
    assert address == BASE + REGISTERS == 44293


@pytest.mark.parametrize(("name", "aliases"), [(row[3], row[4]) for row in INSTANCES])
def test_aliases_name_the_same_instance(name: str, aliases: str) -> None:
    for alias in aliases.split():
        assert MAP.block(alias) is MAP.block(name)
        assert MAP.block(alias.upper()) is MAP.block(name)


@pytest.mark.parametrize("row", [line.split() for line in POINTS.split("\n") if line])
def test_a_row_lies_where_the_manual_says(row: list[str]) -> None:
    path, address, registers, kind, access, scale, unit, obis = (*row, *["-"] * (8 - len(row)))
    found = bound(path)
    assert found.path == path
    assert (found.address + 1, found.registers) == (int(address), int(registers))
    assert found.point.type.name == kind
    assert found.point.access.value == access
    assert found.point.scale == (None if scale == "-" else scale)
    assert found.point.quantity.unit.symbol == ("" if unit == "-" else unit)
    assert found.point.quantity.obis == (None if obis == "-" else obis)


@pytest.mark.parametrize("name", SNAPSHOT_ADDRESSES)
def test_snapshot_points_lie_at_their_addresses(name: str) -> None:
    found = tuple(SNAPSHOT_BLOCKS[kind].address_of(name) + 1 for kind in SnapshotType)
    assert found == SNAPSHOT_ADDRESSES[name]


@pytest.mark.proves("B-026", "B-027", "B-028")
def test_fixed_registers_have_their_values() -> None:
    assert constants("common.Pad", "sih.Pad", "cfwh.Pad") == [None, None, None]
    assert bound("common.Pad").point.type.encode(None) == bytes.fromhex("8000")
    assert constants("sih.St", "sih.Ctl", "sih.Typ") == [1, None, 2]
    assert bound("sih.Ctl").point.type.encode(None) == bytes.fromhex("ffff")
    assert constants("si.Bits", "si.Pty", "si.Dup", "si.Flw", "si.Typ", "si.Pcol") == [8, 2, 1, 0, 2, 1]


@pytest.mark.proves("B-030", "B-031", "B-032", "B-033")
def test_what_the_ac_meter_does_not_measure_is_reserved() -> None:
    scales = ("A_SF", "V_SF", "Hz_SF", "W_SF", "VA_SF", "VAR_SF", "PF_SF")
    assert constants(*(f"tpm.{name}" for name in scales)) == [-2, -1, -1, 1, 1, 1, -1]
    assert constants("tpm.TotVAh_SF", "tpm.TotVArh_SF") == [None, None]
    unavailable = ("PhV", "PPV", "PhVphAB", "PhVphBC", "PhVphCA", "PF")
    assert constants(*(f"tpm.{name}" for name in unavailable)) == [None] * 6
    zero = [point for point in MAP.block("tpm").points if point.constant == 0]
    assert sum(point.registers for point in zero) == 8 + 6 + 16 + 32
    assert {point.type.name for point in zero} == {"acc32"}
    assert all(point.type.encode(0) == bytes(4) for point in zero)
    assert bound("tpm.TotWhImp").point.constant is ABSENT


def test_only_the_listed_points_can_be_written() -> None:
    writable = {f"{block.name}.{point.name}" for block in MAP.blocks for point in block.points if point.writable}
    assert writable == {
        "common.DA",
        "serial_interface.Rte",
        "bs_meter.Epoch",
        "bs_meter.TZO",
        "bs_meter.DO",
        "bs_meter.Meta1",
        "bs_meter.Meta2",
        "bs_meter.Meta3",
        *(f"{block.name}.St" for block in SNAPSHOT_BLOCKS.values()),
    }


def test_writable_points_know_their_values() -> None:
    assert [value for value in (0, 1, 247, 248) if bound("common.DA").point.permits(value)] == [1, 247]
    rates = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
    assert all(bound("si.Rte").point.permits(rate) for rate in rates)
    assert not bound("si.Rte").point.permits(12345)
    assert [value for value in range(6) if bound("scs.St").point.permits(value)] == [2]
    assert not bound("bs_meter.TZO").point.permits(-0x8000)
    assert bound("bs_meter.Epoch").point.permits(0xFFFFFFFE)
    assert not bound("bs_meter.Epoch").point.permits(0xFFFFFFFF)


def test_types_of_the_instances_are_their_order() -> None:
    for blocks in (SNAPSHOT_BLOCKS, OCMF_BLOCKS):
        assert [blocks[kind].point("Typ").constant for kind in SnapshotType] == [0, 1, 2, 3, 4]


@pytest.mark.proves("B-035")
def test_the_captured_ac_meter_frame_decodes_and_encodes_to_the_same_bytes(vectors: Path) -> None:
    capture = json.loads((vectors / "bsm" / "ac_meter_frame.json").read_text())
    payload = bytes.fromhex(capture["response_hex"])[3:-2]
    block = MAP.block("ac_meter")
    image = RegisterImage(block.address + 2, payload)
    readings = {point.name: decode_reading(BoundPoint(block, point), image, NOW) for point in block.points[2:]}
    assert len(readings) == len(capture["decoded"]) == 72
    for name, expected in capture["decoded"].items():
        point = block.point(name)
        data = image.read(block.address + point.offset, point.registers)
        assert data.hex() == expected["raw_hex"]
        assert point.type.encode(point.type.decode(data)) == data
        if "unit" in expected and expected["value"] is not None:
            assert readings[name].value == Decimal(str(expected["value"])), name
            assert readings[name].quality is Quality.GOOD
        if point.constant is not ABSENT and not name.endswith("_SF"):
            assert point.type.encode(point.constant) == data, name
    billed = {name: readings[name].value for name in ("PhVphA", "AphA", "W", "PFphA", "Hz", "TotWhImp")}
    expected = {"PhVphA": "228.7", "AphA": "0.19", "W": "30", "PFphA": "77.5", "Hz": "50.0", "TotWhImp": "2410"}
    assert billed == {name: Decimal(value) for name, value in expected.items()}


@pytest.mark.proves("B-034")
def test_a_phase_without_voltage_reads_zero(vectors: Path) -> None:
    capture = json.loads((vectors / "bsm" / "ac_meter_frame.json").read_text())
    image = RegisterImage(40092, bytes.fromhex(capture["response_hex"])[3:-2])
    for name in ("PhVphB", "PhVphC", "AphB", "WphC", "PFphB"):
        reading = decode_reading(bound(f"tpm.{name}"), image, NOW)
        assert (reading.value, reading.quality, reading.raw) == (0, Quality.GOOD, 0)


def _image_2022(vectors: Path) -> RegisterImage:
    dump = json.loads((vectors / "bsm" / "register_image_2022.json").read_text())["registers"]
    image = RegisterImage()
    for address, value in dump.items():
        image.write(int(address), value.to_bytes(2, "big"))
    return image


@pytest.mark.proves("B-025", "B-036", "B-037", "B-038", "B-039")
def test_the_register_dump_of_a_real_meter_decodes(vectors: Path) -> None:
    image = _image_2022(vectors)

    def value(path: str) -> object:
        return decode_reading(bound(path), image, NOW).value

    assert value("common.Mn") == "BAUER Electronic"
    assert value("common.Md") == "BSM-WS36A-H01-1311-0000"
    assert value("common.Vr") == value("bs_meter.VrM") == "1.9:32CA:AFF4"
    assert value("common.SN") == value("bs_meter.SNM") == "21070006"
    assert value("bs_meter.MA1") == "001BZR1521070006"
    assert value("bs_meter.MA1") == "00" + "1BZR1521070006"
    assert value("bs_meter.SNC") == "000b57000060caa1"
    assert image.read(bound("bs_meter.SNC").address, 8)[-1] != 0
    for path in ("common.Mn", "common.Md", "common.Vr", "common.SN"):
        found = bound(path)
        data = image.read(found.address, found.registers)
        assert data == data.rstrip(b"\0").ljust(2 * found.registers, b"\0")
    assert (value("bs_meter.NPK"), value("bs_meter.BPK")) == (48, 91)
    key = (vectors / "bsm" / "public_key.der").read_bytes()
    assert value("bs_meter.PK") == key
    assert image.read(bound("bs_meter.PK").address, 48) == key + bytes(5)


def test_the_register_dump_encodes_to_the_same_bytes(vectors: Path) -> None:
    image = _image_2022(vectors)
    seen = 0
    for block in MAP.blocks:
        for point in block.points:
            address = block.address + point.offset
            if image.covers(address, point.registers):
                data = image.read(address, point.registers)
                assert point.type.encode(point.type.decode(data)) == data, f"{block.name}.{point.name}"
                seen += point.registers
    assert seen == len(image)


@pytest.mark.parametrize("index", range(3))
def test_real_snapshots_decode_and_encode_to_the_same_bytes(vectors: Path, index: int) -> None:
    captured = json.loads((vectors / "bsm" / "snapshots_2022.json").read_text())["snapshots"][index]
    data = bytes.fromhex(captured["registers_hex"])
    (block,) = [block for block in MAP.blocks if block.address == captured["model_start_protocol_address"]]
    encoded = b""
    for point in block.points:
        raw = point.type.decode(data[2 * point.offset : 2 * (point.offset + point.registers)])
        encoded += point.type.encode(raw)
        expected = captured["fields"].get(point.name)
        if point.name in captured["fields"] and isinstance(expected, int):
            assert raw == expected, point.name
        if point.name in captured["fields"] and isinstance(expected, str) and point.type.name == "string":
            assert (raw or "") == expected, point.name
    assert encoded == data
    ocmf = captured["ocmf"]
    assert ocmf["model_start_protocol_address"] == OCMF_BLOCKS[SnapshotType(captured["fields"]["Typ"])].address


@pytest.mark.proves("B-040")
def test_the_firmware_hash_model_is_fixed() -> None:
    assert constants("cfwh.Typ", "cfwh.NB", "cfwh.BB") == [0, 16, 32]
    digest = bytes(range(32))
    image = RegisterImage(40499, bytes.fromhex("fd7600140000001000208000") + digest)
    assert decode_reading(bound("cfwh.B"), image, NOW).value == digest


@pytest.mark.proves("B-041", "B-045", "B-164")
def test_energies_scale_alike_in_old_and_new_firmware() -> None:
    def energy(raw: int, scale: int) -> object:
        image = RegisterImage(40525, struct.pack(">IIh", raw, raw, scale))
        readings = [decode_reading(bound(f"scs.{name}"), image, NOW) for name in ("RCR", "TotWhImp")]
        assert readings[0].value == readings[1].value
        assert {reading.quality for reading in readings} == {Quality.GOOD}
        return readings[0].value

    assert energy(0x00BC614E, 0) == 12_345_678
    assert energy(9984, 1) == energy(99840, 0) == Decimal(99840)
    assert energy(0, 0) == energy(0, 1) == 0


@pytest.mark.proves("B-042")
def test_a_blob_fills_registers_from_the_high_byte() -> None:
    blob = bound("bs_meter.PK").point.type
    assert blob.encode(bytes.fromhex("123456"))[:6] == bytes.fromhex("123456000000")
    image = RegisterImage(40450, b"\0\3" + bytes.fromhex("12345600").ljust(96, b"\0"))
    assert decode_reading(bound("bs_meter.PK"), image, NOW).value == bytes.fromhex("123456")


@pytest.mark.proves("B-043", "B-044")
def test_unavailable_is_no_number() -> None:
    patterns = {"tpm.W": "8000", "bs_meter.RCnt": "ffffffff", "scs.Typ": "ffff", "bs_meter.DI": "ffff"}
    for path, pattern in patterns.items():
        found = bound(path)
        image = RegisterImage(found.address, bytes.fromhex(pattern))
        reading = decode_reading(found, image, NOW)
        assert (reading.value, reading.quality) == (None, Quality.MISSING), path
    image = RegisterImage(bound("tpm.W").address, bytes.fromhex("0003"))
    image.write(bound("tpm.W_SF").address, bytes.fromhex("8000"))
    reading = decode_reading(bound("tpm.W"), image, NOW)
    assert (reading.value, reading.quality, reading.raw) == (None, Quality.MISSING, 3)


@pytest.mark.proves("B-067")
def test_the_example_time_of_the_manual() -> None:
    image = RegisterImage(40260, bytes.fromhex("5dd28221003c"))
    epoch, offset = (decode_reading(bound(f"bs_meter.{name}"), image, NOW).value for name in ("Epoch", "TZO"))
    assert (epoch, offset) == (1574076961, 60)
    assert isinstance(epoch, Decimal)
    assert isinstance(offset, Decimal)
    local = datetime.fromtimestamp(int(epoch) + 60 * int(offset), UTC)
    assert local.strftime("%Y-%m-%d %H:%M:%S") == "2019-11-18 12:36:01"


@pytest.mark.proves("B-153")
def test_error_digits_count_from_the_right() -> None:
    assert decode_error(NO_ERROR) == []
    assert decode_error("00000010") == ["service mode"]
    assert decode_error("00100000") == ["hardware error"]
    assert decode_error("1000000F") == [
        "re-initialised, default parameters loaded",
        "clock with default date and time after re-initialisation",
    ]
    assert decode_error("00003200") == ["EEPROM error", "RAM checksum error and stack overflow"]
    assert decode_error("00000007") == ["calibration: unknown value 7"]


def test_event_bits_have_their_names() -> None:
    assert [EVENT_BITS[bit] for bit in (2, 7, 8, 15, 16, 17, 18, 19, 20, 30)] == [
        "Power_Failure",
        "Missing_Sensor",
        "Reserved1",
        "Reserved8",
        "Meter_Fatal_Error",
        "CM_Init_Failed",
        "CM_Firmware_Hash_Mismatch",
        "CM_Development_Mode",
        "OEM05",
        "OEM15",
    ]
    assert sorted(EVENT_BITS) == list(range(2, 31))


def test_snapshot_types_by_every_name() -> None:
    for names, kind in (
        (("current", "scs", "oscs", "signed_current_snapshot", "current_snapshot"), SnapshotType.CURRENT),
        (("turn-on", "STONS", "turn_on", "ocmf_signed_turn_on_snapshot"), SnapshotType.TURN_ON),
        (("turn-off", "stoffs"), SnapshotType.TURN_OFF),
        (("start", "sss"), SnapshotType.START),
        (("end", "ses", "oses"), SnapshotType.END),
    ):
        assert {snapshot_type(name) for name in names} == {kind}
    assert [kind.transaction for kind in SnapshotType] == ["C", "B", "E", "B", "E"]
    assert [status.value for status in SnapshotStatus] == list(range(6))


def test_every_point_tells_where_it_comes_from() -> None:
    assert all(model.source for model in MODELS)


@settings(max_examples=60)
@given(st.data())
def test_every_point_encodes_what_it_decodes(data: st.DataObject) -> None:
    block = data.draw(st.sampled_from(MAP.blocks))
    point = data.draw(st.sampled_from(block.points))
    registers = data.draw(st.binary(min_size=2 * point.registers, max_size=2 * point.registers))
    try:
        raw = point.type.decode(registers)
        encoded = point.type.encode(raw)
    except ValueError:
        return
    assert point.type.decode(encoded) == raw
