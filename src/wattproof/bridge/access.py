"""What a proxy lets pass: which units, which functions, and how many requests a second."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.drivers.answers import is_repeatable
from wattproof.wire.modbus.exceptions import ExceptionCode
from wattproof.wire.modbus.framing.messages import BROADCAST

#: Function 43 reads with this type alone (Modbus Application Protocol 1.1b3, 6.21); 13 is CANopen, which may write.
_ENCAPSULATED, _READ_IDENTIFICATION = 43, 14


def only_reads(pdu: bytes) -> bool:
    """Whether a request changes nothing for sure. Of a function that the standard does not define nobody knows."""
    return is_repeatable(pdu) and (pdu[0] != _ENCAPSULATED or pdu[1:2] == bytes((_READ_IDENTIFICATION,)))


@dataclass(frozen=True, slots=True)
class Access:
    """``units`` that may be asked (``None``: all), and of those the ones that may be read only (``None``: all)."""

    units: frozenset[int] | None = None
    read_only: frozenset[int] | None = frozenset()

    def allows(self, unit: int) -> bool:
        """Whether a unit may be asked at all."""
        return self.units is None or unit in self.units

    def refusal(self, unit: int, pdu: bytes, *, broadcast: bool = False) -> ExceptionCode | None:
        """The exception for a request that may not pass. A ``broadcast`` reaches every unit, so all must be writable
        and allowed."""
        if broadcast and unit == BROADCAST:
            free = self.units is None and self.read_only == frozenset()
            return None if free else ExceptionCode.ILLEGAL_FUNCTION
        if self.units is not None and unit not in self.units:
            return ExceptionCode.GATEWAY_PATH_UNAVAILABLE
        if (self.read_only is None or unit in self.read_only) and not only_reads(pdu):
            return ExceptionCode.ILLEGAL_FUNCTION
        return None


class Bucket:
    """A token bucket: ``rate`` requests a second on average, and a second's worth of them (at least one) at once.

    It counts in nanoseconds of a clock that never goes back, without rounding: equal times give equal answers.
    """

    __slots__ = ("_cost", "_free", "_room")

    def __init__(self, rate: float) -> None:
        self._cost = round(1e9 / rate)
        self._room = max(self._cost, 10**9) - self._cost
        #: When the bucket will be full again.
        self._free = 0

    def take(self, now: int) -> bool:
        """Whether one more request may pass now."""
        free = max(self._free, now)
        if free - now > self._room:
            return False
        self._free = free + self._cost
        return True
