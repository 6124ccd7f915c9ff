"""The registers of one virtual BSM as one run of bytes, and where everything lies in it.

Reading is a slice. What changes often is packed at places computed once, from the same rows that the driver decodes
with (``points.MAP``).
"""

from __future__ import annotations

import struct
from functools import cache

from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.points import (
    AC_METER_BLOCK,
    BASE,
    COMMON_BLOCK,
    FIRMWARE_HASH_BLOCK,
    MAP,
    OCMF_BLOCKS,
    REGISTERS,
    SERIAL_INTERFACE_BLOCK,
    SIGNING_METER_BLOCK,
    SNAPSHOT,
    SNAPSHOT_BLOCKS,
)
from wattproof.meters.bsm.profiles import MANUFACTURER, TYPE, Profile
from wattproof.wire.modbus.bindings import ABSENT, Block
from wattproof.wire.modbus.types import Text

#: Registers of model 64901 with its header, in bytes; of the OCMF text area alone.
AREA = SNAPSHOT.registers * 2
TEXT = 992
BLOB = 96
METADATA = ("Meta1", "Meta2", "Meta3")

_WORD = struct.Struct(">H")
_LONG = struct.Struct(">I")
_TWO_LONGS = struct.Struct(">II")
_THREE = struct.Struct(">3h")
_FOUR = struct.Struct(">4h")
#: PDCnt, RCnt, OS, Epoch, TZO, EpochSetCnt, EpochSetOS, DI, DO, DIChg (OS, Epoch, TZO), DOChg (OS, Epoch, TZO).
_STATE = struct.Struct(">IIIIhIIHHIIhIIh")


def place(block: Block, name: str) -> int:
    """Where a point begins in the image, bytes."""
    return (block.address_of(name) - BASE) * 2


def extent(block: Block, name: str) -> slice:
    """The bytes of a point in the image."""
    start = place(block, name)
    return slice(start, start + block.point(name).registers * 2)


def inside(name: str) -> slice:
    """The bytes of a point of model 64901 inside a snapshot area."""
    point = next(point for point in SNAPSHOT.points if point.name == name)
    return slice(point.offset * 2, (point.offset + point.registers) * 2)


SNAPSHOT_AT = {kind: (block.address - BASE) * 2 for kind, block in SNAPSHOT_BLOCKS.items()}
STATUS_AT = {kind: place(block, "St") for kind, block in SNAPSHOT_BLOCKS.items()}
OCMF_STATUS_AT = {kind: place(block, "St") for kind, block in OCMF_BLOCKS.items()}
TEXT_AT = {kind: place(block, "O") for kind, block in OCMF_BLOCKS.items()}
IN_AREA = {point.name: inside(point.name) for point in SNAPSHOT.points}

_TOTAL_AT = place(AC_METER_BLOCK, "TotWhImp")
_EVT_AT = place(AC_METER_BLOCK, "Evt")
_RCR_AT = place(SIGNING_METER_BLOCK, "RCR")
_STATE_AT = place(SIGNING_METER_BLOCK, "PDCnt")
_OS_AT = place(SIGNING_METER_BLOCK, "OS")
#: Four totals with their phases, then three phases alone, of model 203.
_SUMS = tuple(place(AC_METER_BLOCK, name) for name in ("A", "W", "VA", "VAR"))
_TRIPLES = tuple(place(AC_METER_BLOCK, name) for name in ("PhVphA", "PFphA"))
_HZ_AT = place(AC_METER_BLOCK, "Hz")
_META = slice(extent(SIGNING_METER_BLOCK, "Meta1").start, extent(SIGNING_METER_BLOCK, "Meta3").stop)
#: Where the two glitching counters lie, 0-based addresses (fault counter-glitch).
GLITCHING = (AC_METER_BLOCK.address_of("TotWhImp"), SIGNING_METER_BLOCK.address_of("RCR"))
#: What a snapshot takes over from the signing meter as it stands there.
COPIED = tuple(
    (IN_AREA[name], extent(SIGNING_METER_BLOCK, name))
    for name in ("MA1", "OS", "Epoch", "TZO", "EpochSetCnt", "EpochSetOS", "DI", "DO")
)


@cache
def template(profile: Profile) -> bytes:
    """The image of a meter with this firmware that has just powered up for the first time, without identity."""
    data = bytearray(REGISTERS * 2)
    for block in MAP.blocks:
        for bound in block:
            if bound.point.constant is not ABSENT:
                data[extent(block, bound.point.name)] = bound.point.type.encode(bound.point.constant)
    texts = {"Mn": MANUFACTURER, "Md": TYPE, "Vr": profile.measuring}
    for name, text in texts.items():
        data[extent(COMMON_BLOCK, name)] = COMMON_BLOCK.point(name).type.encode(text)
    data[extent(SIGNING_METER_BLOCK, "VrM")] = SIGNING_METER_BLOCK.point("VrM").type.encode(profile.measuring)
    data[extent(FIRMWARE_HASH_BLOCK, "B")] = profile.firmware_hash.ljust(32, b"\0")
    _WORD.pack_into(data, place(SIGNING_METER_BLOCK, "RCR_SF"), profile.scale)
    _WORD.pack_into(data, place(AC_METER_BLOCK, "TotWh_SF"), profile.scale)
    for kind in SnapshotType:
        data[SNAPSHOT_AT[kind] : SNAPSHOT_AT[kind] + AREA] = blank(kind, profile)
        _WORD.pack_into(data, OCMF_STATUS_AT[kind], SnapshotStatus.INVALID)
    return bytes(data)


@cache
def blank(kind: SnapshotType, profile: Profile) -> bytes:
    """A snapshot area after power-up (BD-23)."""
    area = bytearray(AREA)
    fields = {
        "ID": 64901,
        "L": 252,
        "Typ": kind,
        "St": SnapshotStatus.INVALID,
        "Wh_SF": profile.scale,
        "W_SF": 1,
        "Epoch": 0xFFFFFFFF,
        "TZO": 0x8000,
        "NSig": 48,
    }
    for name, value in fields.items():
        where = IN_AREA[name]
        area[where] = value.to_bytes(where.stop - where.start, "big")
    return bytes(area)


def clamp(value: int) -> int:
    """A number as int16 holds it; the pattern of "unavailable" is never a value."""
    return max(-0x7FFF, min(value, 0x7FFF))


class Registers:
    """The image of one meter. ``data`` may be sliced by whoever answers reads; all changes go through methods."""

    __slots__ = ("data",)

    def __init__(self, profile: Profile) -> None:
        self.data = bytearray(template(profile))

    def text(self, block: Block, name: str) -> bytes:
        """The bytes of a text without its NUL fill."""
        return bytes(self.data[extent(block, name)]).rstrip(b"\0")

    def set_text(self, block: Block, name: str, text: str | bytes) -> None:
        kind = block.point(name).type
        assert isinstance(kind, Text)  # noqa: S101 - for the type checker; rows are fixed
        self.data[extent(block, name)] = kind.encode(text)

    def set_blob(self, block: Block, name: str, content: bytes) -> None:
        """A blob area, NUL filled, and the point that holds its used bytes."""
        where = extent(block, name)
        self.data[where] = content.ljust(where.stop - where.start, b"\0")
        length = block.point(name).length
        if length is not None:
            _WORD.pack_into(self.data, place(block, length), len(content))

    def set_address(self, unit: int, baudrate: int) -> None:
        _WORD.pack_into(self.data, place(COMMON_BLOCK, "DA"), unit)
        _LONG.pack_into(self.data, place(SERIAL_INTERFACE_BLOCK, "Rte"), baudrate)

    def set_electric(self, sums: tuple[tuple[int, ...], ...], triples: tuple[tuple[int, ...], ...], hertz: int) -> None:
        """A, W, VA, VAR (total and phases), voltages and power factors (phases) and frequency, raw."""
        for at, four in zip(_SUMS, sums, strict=True):
            _FOUR.pack_into(self.data, at, *map(clamp, four))
        for at, three in zip(_TRIPLES, triples, strict=True):
            _THREE.pack_into(self.data, at, *map(clamp, three))
        struct.pack_into(">h", self.data, _HZ_AT, clamp(hertz))

    def set_total(self, raw: int) -> None:
        _LONG.pack_into(self.data, _TOTAL_AT, raw)

    def set_rcr(self, raw: int) -> None:
        _LONG.pack_into(self.data, _RCR_AT, raw)

    def set_events(self, events: int) -> None:
        _LONG.pack_into(self.data, _EVT_AT, events)

    def set_seconds(self, os: int, epoch: int) -> None:
        _TWO_LONGS.pack_into(self.data, _OS_AT, os & 0xFFFFFFFF, epoch)

    def set_state(self, *values: int) -> None:
        """PDCnt, RCnt, OS, Epoch, TZO, EpochSetCnt, EpochSetOS, DI, DO and both triples of change stamps."""
        _STATE.pack_into(self.data, _STATE_AT, *values)

    @property
    def metadata(self) -> bytes:
        """Meta1 to Meta3 as stored, one after the other."""
        return bytes(self.data[_META])

    def clear_metadata(self) -> None:
        self.data[_META] = bytes(_META.stop - _META.start)

    # snapshots

    def area(self, kind: SnapshotType) -> bytes:
        """The 254 registers of a snapshot instance."""
        return bytes(self.data[SNAPSHOT_AT[kind] : SNAPSHOT_AT[kind] + AREA])

    def ocmf(self, kind: SnapshotType) -> bytes:
        """The OCMF text of an instance, without NUL fill."""
        return bytes(self.data[TEXT_AT[kind] : TEXT_AT[kind] + TEXT]).rstrip(b"\0")

    def status(self, kind: SnapshotType) -> SnapshotStatus:
        return SnapshotStatus(self.data[STATUS_AT[kind] + 1])

    def set_status(self, kind: SnapshotType, snapshot: SnapshotStatus, ocmf: SnapshotStatus) -> None:
        _WORD.pack_into(self.data, STATUS_AT[kind], snapshot)
        _WORD.pack_into(self.data, OCMF_STATUS_AT[kind], ocmf)

    def refuse(self, kind: SnapshotType, status: SnapshotStatus) -> None:
        """Running or failed: no signature, no text, the same status in both instances."""
        signature = IN_AREA["Sig"]
        start = SNAPSHOT_AT[kind]
        self.data[start + signature.start - 2 : start + signature.stop] = bytes(2 + BLOB)
        self.data[TEXT_AT[kind] : TEXT_AT[kind] + TEXT] = bytes(TEXT)
        self.set_status(kind, status, status)

    def store(self, kind: SnapshotType, area: bytes, text: bytes) -> None:
        """A finished snapshot and its OCMF text; an empty text could not be rendered."""
        self.data[SNAPSHOT_AT[kind] : SNAPSHOT_AT[kind] + AREA] = area
        self.data[TEXT_AT[kind] : TEXT_AT[kind] + TEXT] = text.ljust(TEXT, b"\0")
        ocmf = SnapshotStatus.VALID if text else SnapshotStatus.FAILED_GENERAL
        self.set_status(kind, SnapshotStatus.VALID, ocmf)

    def forget(self, profile: Profile) -> None:
        """Power-up: no snapshots, no metadata."""
        self.clear_metadata()
        for kind in SnapshotType:
            self.data[SNAPSHOT_AT[kind] : SNAPSHOT_AT[kind] + AREA] = blank(kind, profile)
            self.data[TEXT_AT[kind] : TEXT_AT[kind] + TEXT] = bytes(TEXT)
            _WORD.pack_into(self.data, OCMF_STATUS_AT[kind], SnapshotStatus.INVALID)
