"""Closed value tables of the DMED4: statuses, error bits, board flags, commands, display pages.

Source: communication manual, charge cycle and `v1/system_status`; specification of the DMED4, sections 4.6 to 4.9, 7.8,
7.13 and 8.2.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum


class MeasurementStatus(IntEnum):
    """Register 4200h (4.6)."""

    NOT_INITIALIZED = 0
    IDLE = 1
    ACTIVE = 2
    ACTIVE_AFTER_POWER_FAILURE = 3

    @property
    def charging(self) -> bool:
        """Whether a cycle is open; clock and settings are locked then (6.6, DEC-32)."""
        return self >= MeasurementStatus.ACTIVE


class Signature(IntFlag):
    """Register 4201h, digital signature status (4.7)."""

    NOT_INITIALIZED = 1 << 0
    JSON_OK = 1 << 1
    IN_PROGRESS = 1 << 2
    OK = 1 << 3
    FAILED = 1 << 4
    SYNCHRONIZED = 1 << 5
    ROLL_OVER = 1 << 6
    ERROR = 1 << 15


SIGNATURE_NAMES = {
    0: "SIGN NOT INITIALIZED",
    1: "CORRECT JSON RECEIVED",
    2: "SIGNATURE IN PROGRESS",
    3: "SIGNATURE OK",
    4: "SIGNATURE ERROR",
    5: "TIMESTAMP SYNCHRONIZED",
    6: "METER ROLL OVER",
    15: "ERROR",
}
STATUS_NAMES = {status.value: status.name.replace("_", " ") for status in MeasurementStatus}

#: Registers 4000h and 4002h, error dwords, by bit (4.8, 4.9).
ERROR_1_NAMES = {
    0: "ERROR_JSON_SYNTAX",
    1: "ERROR_JSON_NOT_FULL_PACKET",
    2: "ERROR_JSON_SEQUENCE",
    3: "ERROR_JSON_VALUE",
    9: "ERROR_ELLIPTIC_CURVE_INIT",
    10: "ERROR_PUBKEY_INIT",
    11: "ERROR_PRIVKEY_INIT",
    12: "ERROR_GENERATION_KEY_PAIR",
    13: "ERROR_ECDSA_SIGN_STRUCT_INIT",
    14: "ERROR_SHA_FAILED",
    15: "ERROR_ECDSA_SIGN",
    16: "ERROR_ECDSA_VERIFY_SIGN",
}
ERROR_2_NAMES = {0: "ERROR_EEPROM_READ", 1: "ERROR_DMED_COMM", 2: "ERROR_DMED_FRAME"}
JSON_SYNTAX, JSON_NOT_FULL_PACKET, JSON_SEQUENCE, JSON_VALUE = (1 << bit for bit in range(4))
JSON_ERRORS = 0xF
#: Errors that the next valid input message clears (8.5).
JSON_INPUT_ERRORS = JSON_SYNTAX | JSON_NOT_FULL_PACKET | JSON_VALUE
INIT_ERRORS = 0xF << 9
SIGN_ERRORS = 0xF << 13
ECDSA_SIGN = 1 << 15
DMED_COMM = 1 << 1


class Command(StrEnum):
    """Letters of register 4280h and of the REST key ``command`` (8.2); case matters."""

    BEGIN = "B"
    INTERMEDIATE = "C"
    END = "E"
    RECOVER = "r"
    RESET = "X"

    @property
    def word(self) -> str:
        """What it is called in the names of states (15.1)."""
        return self.name.lower()

    @property
    def transaction(self) -> str:
        """TX of the reading that it takes (9.2)."""
        return "E" if self is Command.RECOVER else self.value


COMMAND_LETTERS = frozenset(command.value for command in Command)


class Operative(StrEnum):
    """``operative_status`` of ``v1/system_status`` (7.8)."""

    READY = "Ready"
    CHARGING = "Charging"
    OPERATING = "Operating"


#: Flags of the boards in the order of their bits (7.8); names of the JSON listing (DEC-39).
BOARD_1_FLAGS = ("hw_test_ongoing", "flash_err", "mac_err", "flash_init_err", "udp_client_err", "meas_not_comm_err")
BOARD_2_FLAGS = (
    "fram_init_err",
    "flash_init_err",
    "adconv_init_err",
    "display_init_err",
    "temp_i1_init_err",
    "temp_i2_init_err",
    "signature_err",
    "timer_irq_err",
    "fw_crc_err",
    "k_crc_err",
    "init_uncorrect_err",
    "temp_i1_err",
    "temp_i2_err",
    "adconv_err",
    "flash_err",
    "wiring_err",
    "osc_err",
    "fatal_err",
)
FATAL_ERRORS = tuple(f"e_{number}" for number in range(1, 13))
#: Other spellings of the manual's tables (DEC-39).
FLAG_ALIASES = {
    "flash_pattern_error": "flash_err",
    "meas_not_comm_error": "meas_not_comm_err",
    "init_uncorrect_flag": "init_uncorrect_err",
}
FATAL_MEANINGS = {
    "e_1": "flash memory compromised",
    "e_2": "calibration constant compromised",
    "e_3": "wiring error found after commissioning",
    "e_4": "FRAM compromised",
    "e_5": "FRAM compromised at the energy data",
    "e_6": "unmanaged operative status",
    "e_7": "oscillator error",
    "e_8": "internal RAM failure",
    "e_9": "application compromised",
    "e_10": "communication board does not communicate",
    "e_11": "event log full while in commissioning",
    "e_12": "unreliable measurements",
}

#: Pages of the display: register 4F11h and ``set_page`` (7.13, DEC-26).
PAGES = {
    1: "total imported energy",
    2: "last charge cycle energy",
    3: "voltage",
    4: "current",
    5: "power",
    6: "date",
    7: "time",
    8: "I1 temperature",
    9: "I2 temperature",
    10: "total hour counter",
    11: "working hour counter",
    12: "total exported energy",
    13: "last discharge cycle energy",
}
OFF_ON = {0: "OFF", 1: "ON"}
SIGNATURE_FORMATS = {0: "HEX", 1: "BASE64"}
#: UTC + DST offset in minutes that is accepted (7.2, DEC-21).
OFFSETS = range(-900, 901, 15)
#: Event codes of our own virtual meter; the maker's are not published (10.5, DEC-65).
EVENTS = {
    1: "start",
    2: "time set",
    3: "time offset set",
    4: "parameters saved",
    5: "res_cable changed",
    6: "commissioned (Operating)",
    7: "login",
    8: "login lockout",
    9: "error set",
    10: "error reset by X",
    11: "cycle interrupted by power failure",
    12: "roll-over",
    13: "fatal error",
}
