"""What the optical head needs from the meter behind it: all values of one moment, and a few setters (bsm.md 21)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

#: A physical value in its base unit: W, V, A, Hz, Wh. Exact types stay exact; a float is taken at its exact value.
Number = Fraction | int | float


@dataclass(frozen=True, slots=True)
class OpticalValues:
    """Everything the optical head can send, of one moment. Tuples are L1, L2, L3."""

    error: str  # ErrM, eight hexadecimal digits
    serial: str  # SNM
    version: str  # VrM, "release:checksum:checksum"
    address: int  # DA, 1..247
    baudrate: int  # Rte, bit/s
    power: Number  # total active power, W, signed
    phase_power: tuple[Number, Number, Number]  # W, signed
    voltage: tuple[Number, Number, Number]  # V
    current: Number  # sum of the phases, A
    phase_current: tuple[Number, Number, Number]  # A
    power_factor: tuple[Number, Number, Number]  # ratio -1..1, not percent
    frequency: Number  # Hz
    total_wh: Number  # TotWhImp with its hidden digits, Wh
    rcr_wh: Number  # RCR with its hidden digits, Wh
    power_downs: int  # PDCnt
    epoch: int | None  # UTC seconds, None while the time is invalid
    tzo: int | None  # minutes east, None while the time is invalid
    service_mode: bool = False
    customer: str = ""  # C.1.1, empty from the factory
    pulses_per_kwh: int = 100  # S0
    pulse_ms: int = 30  # S0 (own choice)


class OpticalSource(Protocol):
    """The meter as the optical head sees it. The head calls it only after the meter was advanced to the moment."""

    @property
    def optical_values(self) -> OpticalValues:
        """All values of the present moment."""

    @property
    def speed(self) -> Fraction:
        """Meter seconds per real second."""

    @property
    def silent(self) -> bool:
        """No supply, or not started yet: the head neither hears nor sends."""

    def set_address(self, address: int, baudrate: int) -> None:
        """DA and Rte as by section 7, effective on Modbus at once. Both are already checked against the tables."""

    def set_epoch(self, epoch: int) -> None:
        """As one write of Epoch alone: a setting or an updating by section 8. Only called while TZO is available."""

    def reset_rcr(self) -> None:
        """RCR and its hidden digits become 0."""

    def set_service_mode(self, on: bool) -> None:
        """On: service mode for 60 meter seconds from now, ErrM ``00000010`` (21.3, BD-33); off: back to normal."""
