"""Error dwords, board flags and fatal errors: what sets them and what follows (sections 8.5, 15.2, 15.3).

A bit of the error dwords stays until X. Flags are looked up: they last as long as their cause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wattproof.meters.dmed4.enums import (
    BOARD_1_FLAGS,
    BOARD_2_FLAGS,
    DMED_COMM,
    ECDSA_SIGN,
    ERROR_1_NAMES,
    ERROR_2_NAMES,
    FATAL_ERRORS,
    INIT_ERRORS,
    JSON_ERRORS,
    JSON_INPUT_ERRORS,
    SIGN_ERRORS,
)
from wattproof.virtual.faults import Faults


def fault_name(name: str) -> str:
    """What an error bit or flag is called among the faults: lower case, hyphens."""
    return name.lower().replace("_", "-")


#: Fault, dword (0 or 1) and bit.
ERROR_FAULTS: Mapping[str, tuple[int, int]] = {
    fault_name(name): (dword, 1 << bit)
    for dword, names in enumerate((ERROR_1_NAMES, ERROR_2_NAMES))
    for bit, name in names.items()
}
SILENT = "meas-board-silent"
#: Fatal errors that come with a board flag (15.3).
_FATAL_BY_FLAG = {"e_2": "k_crc_err", "e_6": "fatal_err", "e_7": "osc_err", "e_9": "fw_crc_err"}
#: Flags of the measurement board that make its values doubtful: EF ``E``.
_DOUBTFUL = ("adconv_init_err", "adconv_err", "k_crc_err", "wiring_err", "osc_err", "fatal_err")


class Health:
    """The errors of one meter.

    :param changed: told both dwords whenever one of them gains a bit.
    """

    __slots__ = ("_changed", "_faults", "blocking", "first", "log_full", "operating", "second", "sign_failed", "wiring")

    def __init__(self, faults: Faults, changed: Callable[[int, int], None]) -> None:
        self._faults = faults
        self._changed = changed
        self.first = 0
        self.second = 0
        #: Crypto bits that a lasting cause has set: no signature until X (8.5).
        self.blocking = 0
        #: The last signing failed (board 2, ``signature_err``).
        self.sign_failed = False
        #: Negative power in a model that does not export.
        self.wiring = False
        self.log_full = False
        self.operating = False

    # the dwords

    def set(self, first: int = 0, second: int = 0) -> None:
        """Set bits of the dwords."""
        gained = (first & ~self.first) | (second & ~self.second)
        self.first |= first
        self.second |= second
        if gained:
            self._changed(self.first, self.second)

    def impose(self) -> None:
        """Set the bits of all faults in force."""
        first = second = 0
        for name in self._faults.active:
            dword, bit = ERROR_FAULTS.get(name, (0, 0))
            first |= 0 if dword else bit
            second |= bit if dword else 0
        self.blocking |= first & (INIT_ERRORS | SIGN_ERRORS)
        if self.silent:
            second |= DMED_COMM
        self.set(first, second)

    def reset(self) -> None:
        """X: everything goes but what a lasting cause sets again."""
        self.first = self.second = self.blocking = 0
        self.sign_failed = False
        self.impose()

    def input_accepted(self) -> None:
        """A valid input message clears the errors of earlier ones."""
        self.first &= ~JSON_INPUT_ERRORS

    @property
    def json_refused(self) -> bool:
        """Whether a fault refuses every input message."""
        return any(name in self._faults for name, (dword, bit) in ERROR_FAULTS.items() if not dword and bit & 0b1011)

    @property
    def sequence_refused(self) -> bool:
        """Whether a fault refuses every command that makes a record."""
        return "error-json-sequence" in self._faults

    @property
    def not_initialised(self) -> bool:
        """Whether keys or signature engine cannot be used."""
        return bool(self.blocking & INIT_ERRORS)

    @property
    def no_key(self) -> bool:
        """Whether the public key cannot be shown."""
        return "error-pubkey-init" in self._faults or "error-generation-key-pair" in self._faults

    @property
    def cannot_sign(self) -> bool:
        """Whether every signing fails now."""
        return bool(self.blocking or self.second) or "board2-signature-err" in self._faults or self.silent

    @property
    def silent(self) -> bool:
        """Whether the measurement board does not communicate."""
        return SILENT in self._faults or "board1-meas-not-comm-err" in self._faults

    @property
    def blind(self) -> bool:
        """Whether nothing is measured: the A/D converter is broken."""
        return "board2-adconv-init-err" in self._faults or "board2-adconv-err" in self._faults

    def blind_sensor(self, number: int) -> bool:
        """Whether temperature sensor 1 or 2 is broken."""
        return any(f"board2-temp-i{number}{kind}-err" in self._faults for kind in ("", "-init"))

    @property
    def dark(self) -> bool:
        """Whether the display shows nothing."""
        return "board2-display-init-err" in self._faults

    @property
    def stopped(self) -> bool:
        """Whether the system has stopped: no command is taken."""
        return "board2-fw-crc-err" in self._faults

    # flags

    def board_1(self) -> dict[str, int]:
        """Flags of the communication board."""
        flags = {name: int(f"board1-{fault_name(name)}" in self._faults) for name in BOARD_1_FLAGS}
        flags["meas_not_comm_err"] |= int(self.silent)
        return flags

    def board_2(self) -> dict[str, int]:
        """Flags of the measurement board."""
        flags = {name: int(f"board2-{fault_name(name)}" in self._faults) for name in BOARD_2_FLAGS}
        flags["signature_err"] |= int(self.sign_failed)
        flags["wiring_err"] |= int(self.wiring)
        flags["fatal_err"] |= int(any(self.fatal().values()))
        return flags

    def fatal(self) -> dict[str, int]:
        """Fatal errors."""
        found = {name: int(fault_name(name) in self._faults) for name in FATAL_ERRORS}
        for name, flag in _FATAL_BY_FLAG.items():
            found[name] |= int(f"board2-{fault_name(flag)}" in self._faults)
        found["e_3"] |= int(self.operating and self.wiring)
        found["e_11"] |= int(self.log_full and not self.operating)
        return found

    def system_status(self) -> int:
        """0, 1, 10, 11 or 22 (7.8)."""
        first = self.board_1()
        if first["hw_test_ongoing"]:
            return 22
        return int(any(self.board_2().values())) + 10 * int(any(first.values()))

    @property
    def reading_errors(self) -> str:
        """EF of a reading: ``E`` when a measurement fault flag is set (9.4)."""
        flags = self.board_2()
        return "E" if any(flags[name] for name in _DOUBTFUL) else ""

    @property
    def reading_state(self) -> str:
        """ST of a reading: ``E`` when board 2 reports an error, else ``G``."""
        return "E" if any(self.board_2().values()) else "G"

    def failed_signing(self) -> None:
        """A signing failed (8.3)."""
        self.sign_failed = True
        self.set(ECDSA_SIGN)

    def refuse_sequence(self, bit: int) -> None:
        """A command or message that is not allowed now, or not acceptable."""
        self.set(bit & JSON_ERRORS)


def mask(flags: Mapping[str, int]) -> int:
    """Flags as a number, the first one in the lowest bit (DEC-40)."""
    return sum(value << bit for bit, value in enumerate(flags.values()))
