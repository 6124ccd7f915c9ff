"""Every data point of the BSM: 17 model instances behind the marker, as rows.

Standard models (1, 10, 17, 203) are layered over the rows of :mod:`wattproof.meters.sunspec`; the maker's own models
(64900 to 64903) stand here in full. Offsets count registers from the first header register of the model, as in the
manual's tables.

Source: product manual 1.01, Appendix A; specification of the BSM, sections 4 to 7; decisions BD-01 to BD-06, BD-39 and
BD-40 for what the manual prints differently.
"""

from __future__ import annotations

from typing import Any

from wattproof.meters.bsm.enums import (
    BAUD_RATES,
    EVENT_BITS,
    OCMF_ALIASES,
    SNAPSHOT_ALIASES,
    UNITS,
    SnapshotStatus,
    SnapshotType,
)
from wattproof.meters.sunspec.ac_meter import WYE
from wattproof.meters.sunspec.common import COMMON, INTERFACE_HEADER, SERIAL_INTERFACE
from wattproof.meters.sunspec.model import END, MARKER, Model, header
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import MINUTE, NONE, SECOND, WATT, WATT_HOUR, Unit
from wattproof.wire.modbus.bindings import Access, Block, Point, RegisterMap
from wattproof.wire.modbus.types import (
    ACC32,
    BITFIELD32,
    ENUM16,
    INT16,
    PAD,
    SUNSSF,
    UINT16,
    UINT32,
    WireType,
    blob,
    string,
)

#: 0-based address of the marker, and registers from there to the end of the map (section 2.3).
BASE = 40000
REGISTERS = 4293

STATUSES = {status.value: status.name.lower() for status in SnapshotStatus}
TYPES = {kind.value: kind.word for kind in SnapshotType}
RW = Access.READ_WRITE
#: ``constant`` of a point that this device does not provide.
UNAVAILABLE = None


def _p(
    offset: int,
    name: str,
    type: WireType,
    kind: Kind,
    description: str,
    quantity: str = "",
    unit: Unit = NONE,
    obis: str | None = None,
    **fields: Any,
) -> Point:
    """One row. ``quantity`` is left out where the description says it in as many words."""
    noun = quantity or description.replace(" ", "_").replace("-", "_").lower()
    return Point(name, offset, type, Quantity(noun, kind, unit, obis, description=description), **fields)


def _reserved(points: str, constant: int | None) -> dict[str, dict[str, Any]]:
    """Rows that answer with a constant, because this device does not measure them."""
    return {name: {"constant": constant, "source": "manual A, reserved"} for name in points.split()}


# 5.1 Model 1, Common. Vr and SN repeat VrM and SNM of the signing meter.
BSM_COMMON = COMMON.with_rows(
    {
        "Vr": {"obis": "1-0:0.2.0"},
        "SN": {"obis": "1-0:C.1.0"},
        "DA": {"obis": "1-0:0.0.1", "allowed": UNITS},
        "Pad": {"constant": UNAVAILABLE},
    },
    "BSM manual A, model 1; BD-06",
)

# 5.2 Model 10, Serial Interface Header: all fixed.
BSM_INTERFACE_HEADER = INTERFACE_HEADER.with_rows(
    {
        "St": {"constant": 1},
        "Ctl": {"constant": UNAVAILABLE, "access": Access.READ},
        "Typ": {"constant": 2},
        "Pad": {"constant": UNAVAILABLE},
    },
    "BSM manual A, model 10",
)

# 5.3 Model 17, Serial Interface: the standard lets all be written, this device only the baud rate.
BSM_SERIAL_INTERFACE = SERIAL_INTERFACE.with_rows(
    {
        "Nam": {"access": Access.READ},
        "Rte": {"allowed": BAUD_RATES},
        "Bits": {"access": Access.READ, "constant": 8},
        "Pty": {"access": Access.READ, "constant": 2},
        "Dup": {"access": Access.READ, "constant": 1},
        "Flw": {"access": Access.READ, "constant": 0},
        "Typ": {"constant": 2},
        "Pcol": {"constant": 1},
    },
    "BSM manual A, model 17; BD-07, BD-11",
)

# 5.4 Model 203, AC Meter: imported energy only, no sums of voltages or power factors.
AC_METER = WYE.with_rows(
    {
        "A": {"obis": "1-0:25.7.0"},
        "AphA": {"obis": "1-0:31.7.0"},
        "AphB": {"obis": "1-0:51.7.0"},
        "AphC": {"obis": "1-0:71.7.0"},
        "A_SF": {"constant": -2},
        "PhVphA": {"obis": "1-0:32.7.0"},
        "PhVphB": {"obis": "1-0:52.7.0"},
        "PhVphC": {"obis": "1-0:72.7.0"},
        "V_SF": {"constant": -1},
        "Hz": {"obis": "1-0:14.7.0"},
        "Hz_SF": {"constant": -1},
        "W": {"obis": "1-0:1.7.0*255"},
        "WphA": {"obis": "1-0:21.7.0"},
        "WphB": {"obis": "1-0:41.7.0"},
        "WphC": {"obis": "1-0:61.7.0"},
        "W_SF": {"constant": 1},
        "VA_SF": {"constant": 1},
        "VAR_SF": {"constant": 1},
        "PFphA": {"obis": "1-0:33.7.0"},
        "PFphB": {"obis": "1-0:53.7.0"},
        "PFphC": {"obis": "1-0:73.7.0"},
        "PF_SF": {"constant": -1},
        "TotWhImp": {"obis": "1-0:1.8.0*255"},
        "Evt": {"symbols": EVENT_BITS},
        **_reserved("PhV PPV PhVphAB PhVphBC PhVphCA PF TotVAh_SF TotVArh_SF", UNAVAILABLE),
        **_reserved("TotWhExp TotWhExpPhA TotWhExpPhB TotWhExpPhC TotWhImpPhA TotWhImpPhB TotWhImpPhC", 0),
        **_reserved(" ".join(point.name for point in WYE.points if point.scale in ("TotVAh_SF", "TotVArh_SF")), 0),
    },
    "BSM manual A, model 203",
)

# 5.5 Model 64900, Signing Meter. Length 300: BD-01.
SIGNING_METER = Model(
    64900,
    "bs_meter",
    "Signing Meter",
    (
        *header(64900, 300),
        _p(2, "ErrM", string(4), Kind.TEXT, "error code of the measuring module", obis="1-0:F.F.0"),
        _p(6, "SNM", string(8), Kind.TEXT, "serial number of the measuring module", obis="1-0:C.1.0"),
        _p(14, "SNC", string(8), Kind.TEXT, "serial number of the communication module"),
        _p(22, "VrM", string(8), Kind.TEXT, "version of the measuring module", obis="1-0:0.2.0"),
        _p(30, "VrC", string(8), Kind.TEXT, "version of the communication module"),
        _p(38, "MA1", string(8), Kind.TEXT, "meter id", obis="1-0:0.0.0*255"),
        _p(46, "MA2", string(8), Kind.TEXT, "text of the address page", obis="1-0:0.0.1"),
        _p(
            54,
            "RCR",
            ACC32,
            Kind.COUNTER,
            "energy since the last turn-on or start",
            "active_energy_session",
            WATT_HOUR,
            "1-0:1.8.0*198",
            scale="RCR_SF",
        ),
        _p(56, "RCR_SF", SUNSSF, Kind.SETTING, "scale of RCR", "scale"),
        _p(57, "PDCnt", UINT32, Kind.COUNTER, "power-down counter", obis="1-0:C.7.0"),
        _p(59, "RCnt", UINT32, Kind.COUNTER, "response counter"),
        _p(61, "OS", UINT32, Kind.TIME, "operating seconds", unit=SECOND),
        _p(63, "Epoch", UINT32, Kind.TIME, "Unix time", unit=SECOND, access=RW, allowed=range(0xFFFFFFFF)),
        _p(
            65,
            "TZO",
            INT16,
            Kind.TIME,
            "offset of local time to UTC",
            "time_zone_offset",
            MINUTE,
            access=RW,
            allowed=range(-32767, 32768),
        ),
        _p(66, "EpochSetCnt", UINT32, Kind.COUNTER, "number of time settings"),
        _p(68, "EpochSetOS", UINT32, Kind.TIME, "operating seconds at the last time setting", unit=SECOND),
        _p(70, "DI", UINT16, Kind.STATE, "digital input"),
        _p(71, "DO", UINT16, Kind.STATE, "switching demand of the digital output", "digital_output", access=RW),
        _p(72, "DIChgOS", UINT32, Kind.TIME, "operating seconds at the last change of DI", unit=SECOND),
        _p(74, "DIChgEpoch", UINT32, Kind.TIME, "Unix time at the last change of DI", unit=SECOND),
        _p(76, "DIChgTZO", INT16, Kind.TIME, "time zone offset at the last change of DI", unit=MINUTE),
        _p(77, "DOChgOS", UINT32, Kind.TIME, "operating seconds at the last change of DO", unit=SECOND),
        _p(79, "DOChgEpoch", UINT32, Kind.TIME, "Unix time at the last change of DO", unit=SECOND),
        _p(81, "DOChgTZO", INT16, Kind.TIME, "time zone offset at the last change of DO", unit=MINUTE),
        _p(82, "Meta1", string(70), Kind.TEXT, "metadata 1", access=RW),
        _p(152, "Meta2", string(50), Kind.TEXT, "metadata 2", access=RW),
        _p(202, "Meta3", string(50), Kind.TEXT, "metadata 3", access=RW),
        _p(252, "NPK", UINT16, Kind.SETTING, "registers of the public key area", constant=48),
        _p(253, "BPK", UINT16, Kind.SETTING, "used bytes of the public key area"),
        _p(254, "PK", blob(48), Kind.BLOB, "public key", length="BPK"),
    ),
    "BSM manual A, model 64900; BD-01, BD-39, BD-40",
)

# 5.6 Model 64902, Communication Module Firmware Hash.
FIRMWARE_HASH = Model(
    64902,
    "cm_firmware_hash",
    "Communication Module Firmware Hash",
    (
        *header(64902, 20),
        _p(2, "Typ", ENUM16, Kind.SETTING, "kind of the BLOB", symbols={0: "firmware hash"}, constant=0),
        _p(3, "NB", UINT16, Kind.SETTING, "registers of the BLOB area", constant=16),
        _p(4, "BB", UINT16, Kind.SETTING, "used bytes of the BLOB area", constant=32),
        _p(5, "Pad", PAD, Kind.SETTING, "alignment", constant=UNAVAILABLE),
        _p(6, "B", blob(16), Kind.BLOB, "SHA-256 of the communication module firmware", "firmware_hash", length="BB"),
    ),
    "BSM manual A, model 64902",
)

# 5.7 Model 64901, snapshot. Length 252: BD-02. Imported energy: BD-03.
SNAPSHOT = Model(
    64901,
    "signed_snapshot",
    "Signed Snapshot",
    (
        *header(64901, 252),
        _p(2, "Typ", ENUM16, Kind.SETTING, "snapshot type", symbols=TYPES),
        _p(
            3,
            "St",
            ENUM16,
            Kind.STATE,
            "snapshot status",
            symbols=STATUSES,
            access=RW,
            allowed=(SnapshotStatus.UPDATING.value,),
        ),
        _p(
            4,
            "RCR",
            ACC32,
            Kind.COUNTER,
            "energy since the last turn-on or start",
            "active_energy_session",
            WATT_HOUR,
            "1-0:1.8.0*198",
            scale="Wh_SF",
        ),
        _p(
            6,
            "TotWhImp",
            ACC32,
            Kind.COUNTER,
            "active energy imported",
            unit=WATT_HOUR,
            obis="1-0:1.8.0*255",
            scale="Wh_SF",
        ),
        _p(8, "Wh_SF", SUNSSF, Kind.SETTING, "scale of energies", "scale"),
        _p(9, "W", INT16, Kind.GAUGE, "active power", unit=WATT, obis="1-0:1.7.0*255", scale="W_SF"),
        _p(10, "W_SF", SUNSSF, Kind.SETTING, "scale of active power", "scale"),
        _p(11, "MA1", string(8), Kind.TEXT, "meter id", obis="1-0:0.0.0*255"),
        _p(19, "RCnt", UINT32, Kind.COUNTER, "response counter"),
        _p(21, "OS", UINT32, Kind.TIME, "operating seconds", unit=SECOND),
        _p(23, "Epoch", UINT32, Kind.TIME, "Unix time", unit=SECOND),
        _p(25, "TZO", INT16, Kind.TIME, "offset of local time to UTC", "time_zone_offset", MINUTE),
        _p(26, "EpochSetCnt", UINT32, Kind.COUNTER, "number of time settings"),
        _p(28, "EpochSetOS", UINT32, Kind.TIME, "operating seconds at the last time setting", unit=SECOND),
        _p(30, "DI", UINT16, Kind.STATE, "digital input"),
        _p(31, "DO", UINT16, Kind.STATE, "switching demand of the digital output", "digital_output"),
        _p(32, "Meta1", string(70), Kind.TEXT, "metadata 1"),
        _p(102, "Meta2", string(50), Kind.TEXT, "metadata 2"),
        _p(152, "Meta3", string(50), Kind.TEXT, "metadata 3"),
        _p(202, "Evt", BITFIELD32, Kind.STATE, "events", symbols=EVENT_BITS),
        _p(204, "NSig", UINT16, Kind.SETTING, "registers of the signature area", constant=48),
        _p(205, "BSig", UINT16, Kind.SETTING, "used bytes of the signature area"),
        _p(206, "Sig", blob(48), Kind.BLOB, "signature", length="BSig"),
    ),
    "BSM manual A, model 64901; BD-02, BD-03",
)

# 5.8 Model 64903, OCMF text. Length 498: BD-04.
OCMF = Model(
    64903,
    "ocmf_signed_snapshot",
    "OCMF Signed Snapshot",
    (
        *header(64903, 498),
        _p(2, "Typ", ENUM16, Kind.SETTING, "snapshot type", symbols=TYPES),
        _p(3, "St", ENUM16, Kind.STATE, "snapshot status", symbols=STATUSES),
        _p(4, "O", string(496), Kind.TEXT, "OCMF text"),
    ),
    "BSM manual A, model 64903; BD-04",
)

#: One instance each of the standard models and of the maker's, in the order of the map.
MODELS = (
    BSM_COMMON,
    BSM_INTERFACE_HEADER,
    BSM_SERIAL_INTERFACE,
    AC_METER,
    SIGNING_METER,
    FIRMWARE_HASH,
    SNAPSHOT,
    OCMF,
)


def _typed(model: Model, kind: SnapshotType) -> Model:
    return model.with_rows({"Typ": {"constant": kind.value}})


def _snapshots() -> dict[SnapshotType, Block]:
    return {
        kind: _typed(SNAPSHOT, kind).at(
            40521 + 254 * kind,
            f"signed_{kind.name.lower()}_snapshot",
            f"Signed {kind.word.title()} Snapshot",
            (SNAPSHOT_ALIASES[kind], f"{kind.name.lower()}_snapshot"),
        )
        for kind in SnapshotType
    }


def _ocmf() -> dict[SnapshotType, Block]:
    return {
        kind: _typed(OCMF, kind).at(
            41791 + 500 * kind,
            f"ocmf_signed_{kind.name.lower()}_snapshot",
            f"OCMF Signed {kind.word.title()} Snapshot",
            (OCMF_ALIASES[kind], f"ocmf_{kind.name.lower()}_snapshot"),
        )
        for kind in SnapshotType
    }


# 4. The map.
SUNSPEC = Block(
    "sunspec",
    BASE,
    2,
    (_p(0, "marker", string(2), Kind.TEXT, "SunSpec marker", constant=MARKER.decode("ascii")),),
    label="SunSpec marker",
)
COMMON_BLOCK = BSM_COMMON.at(40002, aliases=("cb",))
INTERFACE_HEADER_BLOCK = BSM_INTERFACE_HEADER.at(40070, aliases=("sih",))
SERIAL_INTERFACE_BLOCK = BSM_SERIAL_INTERFACE.at(40076, aliases=("si",))
AC_METER_BLOCK = AC_METER.at(40090, aliases=("tpm",))
SIGNING_METER_BLOCK = SIGNING_METER.at(40197, aliases=("bsm", "sm"))
FIRMWARE_HASH_BLOCK = FIRMWARE_HASH.at(40499, aliases=("cfwh",))
SNAPSHOT_BLOCKS = _snapshots()
OCMF_BLOCKS = _ocmf()
END_BLOCK = Block("end", 44291, 2, header(END, 0), id=END, label="End marker")

MAP = RegisterMap(
    (
        SUNSPEC,
        COMMON_BLOCK,
        INTERFACE_HEADER_BLOCK,
        SERIAL_INTERFACE_BLOCK,
        AC_METER_BLOCK,
        SIGNING_METER_BLOCK,
        FIRMWARE_HASH_BLOCK,
        *SNAPSHOT_BLOCKS.values(),
        *OCMF_BLOCKS.values(),
        END_BLOCK,
    )
)
