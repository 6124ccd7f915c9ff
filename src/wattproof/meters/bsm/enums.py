"""The closed lists of the BSM: snapshot kinds and statuses, event bits, baud rates, digits of the error code.

Source: product manual 1.01, chapters 10 to 12, Appendices A and B; specification of the BSM, sections 2.2, 6, 19, 23.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum

from wattproof.errors import UnknownName


class SnapshotType(IntEnum):
    """Typ of models 64901 and 64903: which of the five snapshots an instance holds (section 6.5)."""

    CURRENT = 0
    TURN_ON = 1
    TURN_OFF = 2
    START = 3
    END = 4

    @property
    def word(self) -> str:
        """The name on the command line and in the control interface: ``turn-on``."""
        return self.name.lower().replace("_", "-")

    @property
    def switches(self) -> bool:
        """Whether creating it opens or closes the contactor."""
        return self in (SnapshotType.TURN_ON, SnapshotType.TURN_OFF)

    @property
    def resets(self) -> bool:
        """Whether creating it sets RCR to zero (BD-18 for the start snapshot)."""
        return self in (SnapshotType.TURN_ON, SnapshotType.START)

    @property
    def transaction(self) -> str:
        """TX of the OCMF text: ``B`` begin, ``C`` current, ``E`` end."""
        return "CBEBE"[self]


#: Aliases of the instances (section 4) in the order of the types.
SNAPSHOT_ALIASES = ("scs", "stons", "stoffs", "sss", "ses")
OCMF_ALIASES = ("oscs", "ostons", "ostoffs", "osss", "oses")


def snapshot_type(name: SnapshotType | str) -> SnapshotType:
    """The kind of this name: ``turn-on``, ``turn_on``, or an alias of its instance (``stons``, ``ostons``).

    Raises :class:`~wattproof.errors.UnknownName`.
    """
    if isinstance(name, SnapshotType):
        return name
    text = name.strip().lower().replace("_", "-").removeprefix("ocmf-").removeprefix("signed-")
    text = text.removesuffix("-snapshot")
    for kind in SnapshotType:
        if text in (kind.word, SNAPSHOT_ALIASES[kind], OCMF_ALIASES[kind]):
            return kind
    raise UnknownName(f"no snapshot is called {name!r}: take one of {', '.join(kind.word for kind in SnapshotType)}")


class SnapshotStatus(IntEnum):
    """St of models 64901 and 64903 (section 6.6). Writing UPDATING starts the creation."""

    VALID = 0
    INVALID = 1
    UPDATING = 2
    FAILED_GENERAL = 3
    FAILED_NOT_ENABLED = 4
    FAILED_FEEDBACK = 5


#: What a status means to the person at the charging station (manual 10.1.1, section 6.6).
STATUS_MEANINGS = {
    SnapshotStatus.VALID: "data signed and readable",
    SnapshotStatus.INVALID: "no snapshot since power-up",
    SnapshotStatus.UPDATING: "creation running",
    SnapshotStatus.FAILED_GENERAL: "collecting, signing or rendering failed",
    SnapshotStatus.FAILED_NOT_ENABLED: "no enable signal at DOE",
    SnapshotStatus.FAILED_FEEDBACK: "contactor feedback at DI missing or wrong",
}


class Event(IntFlag):
    """Evt of model 203 and of the snapshots, bit n = 1 << n (section 6.3, BD-48). Any set bit: not ready for use."""

    POWER_FAILURE = 1 << 2
    UNDER_VOLTAGE = 1 << 3
    LOW_PF = 1 << 4
    OVER_CURRENT = 1 << 5
    OVER_VOLTAGE = 1 << 6
    MISSING_SENSOR = 1 << 7
    METER_FATAL_ERROR = 1 << 16
    CM_INIT_FAILED = 1 << 17
    CM_FIRMWARE_HASH_MISMATCH = 1 << 18
    CM_DEVELOPMENT_MODE = 1 << 19


#: Names of the bits 2 to 30 of Evt as the model definition spells them, key = bit number.
EVENT_BITS: dict[int, str] = {
    2: "Power_Failure",
    3: "Under_Voltage",
    4: "Low_PF",
    5: "Over_Current",
    6: "Over_Voltage",
    7: "Missing_Sensor",
    **{7 + number: f"Reserved{number}" for number in range(1, 9)},
    16: "Meter_Fatal_Error",
    17: "CM_Init_Failed",
    18: "CM_Firmware_Hash_Mismatch",
    19: "CM_Development_Mode",
    **{15 + number: f"OEM{number:02d}" for number in range(5, 16)},
}

#: Rte by the index that the display shows (section 2.2, BD-11).
BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
DEFAULT_BAUD_RATE = 19200
DEFAULT_UNIT = 42
#: Modbus unit identifiers that DA accepts.
UNITS = range(1, 248)


@dataclass(frozen=True, slots=True)
class ErrorDigit:
    """One digit of ErrM. ``position`` counts from the right, beginning with 1; other values are not documented."""

    position: int
    subject: str
    meanings: dict[str, str]


#: ErrM and F.F: eight hexadecimal digits (section 19).
ERROR_DIGITS = (
    ErrorDigit(
        1,
        "calibration",
        {
            "0": "calibrated",
            "1": "not calibrated",
            "8": "calibration released, calibrated, may be recalibrated",
            "9": "calibration released, not yet calibrated",
            "F": "re-initialised, default parameters loaded",
        },
    ),
    ErrorDigit(2, "mode", {"0": "normal mode", "1": "service mode"}),
    ErrorDigit(
        3,
        "checksums",
        {"0": "checksums ok", "1": "flash error", "2": "EEPROM error", "3": "flash and EEPROM error"},
    ),
    ErrorDigit(
        4,
        "memory",
        {
            "0": "RAM and stack ok",
            "1": "RAM checksum error",
            "2": "stack overflow",
            "3": "RAM checksum error and stack overflow",
        },
    ),
    ErrorDigit(5, "controller", {"0": "controller ok", "1": "controller error"}),
    ErrorDigit(6, "hardware", {"0": "hardware ok", "1": "hardware error"}),
    ErrorDigit(7, "time base", {"0": "time base of the clock ok", "1": "time base of the clock failed"}),
    ErrorDigit(8, "clock", {"0": "clock set", "1": "clock with default date and time after re-initialisation"}),
)
NO_ERROR = "00000000"


def decode_error(code: str) -> list[str]:
    """What an error code says, rightmost digit first; empty for ``00000000``.

    >>> decode_error("00100000")
    ['hardware error']
    >>> decode_error("00000010")
    ['service mode']
    """
    found = []
    for digit in ERROR_DIGITS:
        value = code[-digit.position].upper() if digit.position <= len(code) else "0"
        if value != "0":
            found.append(digit.meanings.get(value, f"{digit.subject}: unknown value {value}"))
    return found


class KeyFormat(StrEnum):
    """The forms in which the public key can be shown (section 29, as the maker's tool names them)."""

    DER = "der"
    RAW = "raw"
    SEC1_COMPRESSED = "sec1-compressed"
    SEC1_UNCOMPRESSED = "sec1-uncompressed"
