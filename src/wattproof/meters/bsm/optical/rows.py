"""The data lines of the optical interface: code, right to write, and the digits of the value (bsm.md 21, 21.2).

One row is read by the readout, by R1, by W1 (for the right) and by the D0 packets. The table of the manual gives
codes and rights; digits and order are a choice of the specification (BD-37).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from wattproof.meters.bsm.enums import BAUD_RATES
from wattproof.meters.bsm.optical.source import Number, OpticalValues
from wattproof.wire.iec62056 import DataSet


class Right(StrEnum):
    """Who may write a code."""

    NOBODY = "-"
    OPERATOR = "O"
    MANUFACTURER = "M"


def fixed(value: Number, before: int, after: int, shift: int = 0) -> str:
    """A value divided by 10^shift with this many digits, zero filled, rounded half away from zero.

    >>> fixed(-11040.5, 3, 3, shift=3)
    '-011.041'
    """
    scaled = abs(Fraction(value)) / 10**shift * 10**after
    digits = int(scaled + Fraction(1, 2))
    return ("-" if value < 0 and digits else "") + _pointed(digits, before, after)


def energy(value: Number, service_mode: bool) -> str:
    """Wh as kWh, rounded down: 6+2 digits, in service mode the lower 4+4 of the register.

    >>> energy(100158, False), energy(100158, True)
    ('000100.15', '0100.1580')
    """
    before, after = (4, 4) if service_mode else (6, 2)
    digits = int(Fraction(value) * 10**after / 1000)
    return _pointed(digits % 10 ** (before + after), before, after)


def _pointed(digits: int, before: int, after: int) -> str:
    text = f"{digits:0{before + after}d}"
    return f"{text[:-after]}.{text[-after:]}"


def address_text(address: int, baudrate: int) -> str:
    """BB0AAA: index of the bit rate and Modbus address, first round of the address page (20.3)."""
    return f"{BAUD_RATES.index(baudrate):02d}{address:04d}"


def parse_address(text: str) -> tuple[int, int] | None:
    """Address and bit rate out of BB0AAA, ``None`` unless both are allowed (section 7)."""
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        return None
    index, address = int(text[:2]), int(text[2:])
    return (address, BAUD_RATES[index]) if index < len(BAUD_RATES) and 1 <= address <= 247 else None


def local_time(epoch: int | None, tzo: int | None) -> datetime | None:
    """Local time of the meter as a naive date in its own zone; ``None`` while the time is invalid."""
    if epoch is None or tzo is None:
        return None
    return datetime.fromtimestamp(0, UTC).replace(tzinfo=None) + timedelta(seconds=epoch, minutes=tzo)


def time_text(epoch: int | None, tzo: int | None) -> str:
    """Local YYMMDDhhmmss, twelve zeros while the time is invalid."""
    local = local_time(epoch, tzo)
    return local.strftime("%y%m%d%H%M%S") if local else "0" * 12


def parse_time(text: str, tzo: int) -> int | None:
    """Epoch of a local YYMMDDhhmmss; ``None`` if it is no time of the years 2000 to 2099."""
    if len(text) != 12 or not (text.isascii() and text.isdigit()):
        return None
    year, month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(0, 12, 2))
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(local.timestamp()) - 60 * tzo


@dataclass(frozen=True, slots=True)
class Row:
    """One code: how its value is written, who may write it, whether D0 may carry it (column U)."""

    code: str
    text: Callable[[OpticalValues], str]
    unit: str | None = None
    write: Right = Right.NOBODY
    packet: bool = True

    def data_set(self, values: OpticalValues) -> DataSet:
        """The data line of this moment, with its full code."""
        return DataSet(f"1-0:{self.code}", self.text(values), self.unit)


def _phases(first: str, field: str, form: tuple[int, int, int], unit: str | None) -> tuple[Row, ...]:
    """Three rows L1, L2, L3; the value group of the code rises by 20 a phase."""

    def row(phase: int) -> Row:
        code = f"{int(first) + 20 * phase}.7.0"
        return Row(code, lambda values: fixed(getattr(values, field)[phase], *form), unit)

    return row(0), row(1), row(2)


#: The 26 lines of a readout, in their order (21.2).
READOUT: tuple[Row, ...] = (
    Row("F.F.0", lambda v: v.error),
    Row("C.1.1", lambda v: v.customer, write=Right.MANUFACTURER),
    Row("C.1.0", lambda v: v.serial, write=Right.MANUFACTURER),
    Row("0.0.1", lambda v: address_text(v.address, v.baudrate), write=Right.OPERATOR),
    Row("0.2.0", lambda v: v.version),
    Row("15.7.0", lambda v: fixed(v.power, 3, 3, 3), "kW"),
    *_phases("21", "phase_power", (3, 3, 3), "kW"),
    Row("1.8.1", lambda v: energy(v.total_wh, v.service_mode), "kWh"),
    *_phases("32", "voltage", (3, 1, 0), "V"),
    Row("25.7.0", lambda v: fixed(v.current, 3, 2), "A"),
    *_phases("31", "phase_current", (3, 2, 0), "A"),
    *_phases("33", "power_factor", (1, 3, 0), None),
    Row("14.7.0", lambda v: fixed(v.frequency, 2, 1), "Hz"),
    Row("C.7.0", lambda v: f"{v.power_downs % 10**8:08d}"),
    Row("0.3.2", lambda v: str(v.pulses_per_kwh), "imp/kWh", Right.MANUFACTURER, packet=False),
    Row("0.3.3", lambda v: str(v.pulse_ms), "ms", Right.MANUFACTURER, packet=False),
    Row("1.0.0", lambda v: time_text(v.epoch, v.tzo), write=Right.OPERATOR),
    Row("1.8.0*198", lambda v: energy(v.rcr_wh, v.service_mode), "kWh", Right.OPERATOR),
)
BY_CODE = {row.code: row for row in READOUT}

#: Code by which the operator enters and leaves service mode; the code is a choice of the specification (21.3).
SERVICE_MODE = "96.5.1"

#: Lines of the D0 packet by ``d0-list`` (21.4).
PACKETS = {
    "short": tuple(BY_CODE[code] for code in ("F.F.0", "C.1.0", "1.8.0*198", "1.8.1", "15.7.0", "1.0.0")),
    "full": tuple(row for row in READOUT if row.packet),
}
