"""What one record of a telegram shows of a meter: form, codes, and where the value comes from (abb-meters.md 1.12).

A value is the raw number of the quantity's row, which M-Bus sends as it is; currents of the A41 and A42 are sent in mA
(AD-06), times as ABB has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from wattproof.errors import InvalidValue
from wattproof.metering.clock import Stamp
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.virtual import watch
from wattproof.meters.abb.virtual.gauges import CURRENTS
from wattproof.meters.abb.virtual.ports import PORTS
from wattproof.meters.abb.virtual.refusals import Missing
from wattproof.wire.mbus.abb import MAKER
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.dib import Dib
from wattproof.wire.mbus.headers import Header
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.meter import AbbMeter

#: Record status 0 and those that stand in place of a value (1.10).
GOOD, OVERFLOW, ERROR = 0, Missing.OVERFLOW.record_status, Missing.ERROR.record_status
#: How record status is sent (1.11, code 15).
NEVER, NOT_OK, ALWAYS = range(3)

Number = int | str | Moment
#: A value with its record status; ``None``: zero is sent.
Shown = tuple[Number | None, int]


@dataclass(frozen=True)
class Form:
    """How a value is sent: form and codes of its record."""

    declaration: Declaration
    _headers: dict[int | None, Header] = field(default_factory=dict, repr=False, compare=False)

    def show(self, shown: Shown, mode: int) -> Record:
        """The record of a value; one that its data bytes cannot hold is sent as zero with status "overflow"."""
        value, status = shown
        header = self._header(status, mode)
        if value is None:
            return Record(header, bytes(max(header.size, 1)))
        try:
            return Record(header, header.type.encode(value))
        except InvalidValue:
            header = self._header(OVERFLOW, mode)
            return Record(header, bytes(max(header.size, 1)))

    def _header(self, status: int, mode: int) -> Header:
        sent = status if mode == ALWAYS or (mode == NOT_OK and status) else None
        header = self._headers.get(sent)
        if header is None:
            header = self._headers[sent] = self.declaration.header(sent)
        return header


@dataclass(frozen=True)
class Field:
    """One record of a telegram. ``read`` gives its value; ``id``: of the quantity, 0 for what has none."""

    form: Form
    read: Callable[[AbbMeter], Shown]
    id: int = 0

    def record(self, meter: AbbMeter) -> Record:
        """The record as it is now."""
        return self.form.show(self.read(meter), meter.record_status)


def declared(dib: str, vib: str) -> Form:
    """A form from hexadecimal digits."""
    return Form(Declaration.parse(dib, vib, MAKER))


@lru_cache(maxsize=4096)
def made(dib: Dib, chain: bytes) -> Form:
    """A form from its parts; ``chain``: VIF and VIFE without status."""
    return Form(Declaration(dib, chain, MAKER))


def stored(form: Form, number: int) -> Form:
    """The same with a storage number."""
    return made(replace(form.declaration.dib, storage=number), form.declaration.chain)


def plain(value: object) -> Shown:
    """A value of the body as a record shows it."""
    if isinstance(value, Missing):
        return None, value.record_status
    if isinstance(value, Stamp):
        return moment(value), GOOD
    if isinstance(value, bool):
        return int(value), GOOD
    return (value, GOOD) if isinstance(value, int | str) else (None, ERROR)


def moment(stamp: Stamp) -> Moment:
    """A local time of the meter."""
    year, month, day, _, hour, minute, second = stamp.fields
    return Moment(year, month, day, hour, minute, second)


# quantities


def _of_row(id: int) -> Callable[[AbbMeter], Shown]:
    return lambda meter: plain(meter.body.value(id))


def _clock(meter: AbbMeter) -> Shown:
    """What the clock shows, with status "error" if it is not set (captures of an A41)."""
    shown = plain(meter.body.value(146))
    return shown if meter.body.clock.valid else (shown[0], ERROR)


_READERS = {146: _clock}


def _quantity(id: int) -> Field:
    row = ROWS[id]
    dib, _, vib = row.record.partition("/")
    return Field(declared(dib, vib), _READERS.get(id) or _of_row(id), id)


#: By id: every quantity that a record of its own shows.
QUANTITIES = {id: _quantity(id) for id, row in ROWS.items() if row.record and row.type != "u16[16]" and id != 154}


def _milliamperes(id: int) -> Field:
    """A current in mA: its third code is D9 in place of DA."""
    coarse = QUANTITIES[id].form.declaration
    chain = bytes((coarse.chain[0], 0xD9, *coarse.chain[2:]))
    return Field(made(coarse.dib, chain), lambda meter: plain(meter.body.milliamperes(id)), id)


FINE = {id: _milliamperes(id) for id in CURRENTS}


# what has no id, or shares one


def _flags(code: int, mask: int, shift: int = 0) -> Field:
    return Field(
        declared("07", f"FF {code | 0x80:02X}"), lambda meter: ((meter.body.status_word & mask) >> shift, GOOD)
    )


_INFORMATION = watch.ALARM_BITS | watch.MERGED | watch.POWER_FAIL
#: Error, warning, information and alarm flags (3.9).
FLAGS = (
    _flags(0x26, watch.ERROR_BITS),
    _flags(0x27, watch.WARNING_BITS),
    _flags(0x28, _INFORMATION),
    _flags(0x29, watch.ALARM_BITS, watch.FIRST_ALARM),
)


def _port(dib: tuple[str, ...], vib: str, read: Callable[[AbbMeter, int], Shown], id: int = 0) -> tuple[Field, ...]:
    return tuple(
        Field(declared(block, vib), lambda meter, port=port: read(meter, port), id)  # type: ignore[misc]
        for port, block in zip(PORTS, dib, strict=True)
    )


_UNITS = ("81 40", "81 80 40", "81 C0 40", "81 80 80 40")


def _output(meter: AbbMeter, port: int) -> Shown:
    ports = meter.body.ports
    if ports.function(port) is None or ports.is_input(port):
        return None, Missing.ABSENT.record_status
    value = meter.body.value(154)
    return plain(value >> port - 1 & 1 if isinstance(value, int) else value)


def _input(meter: AbbMeter, port: int) -> Shown:
    ports = meter.body.ports
    return (int(ports.level(port)), GOOD) if ports.is_input(port) else (None, Missing.ABSENT.record_status)


#: States of the ports as outputs and as inputs; status 15 when the port is of the other kind.
OUTPUTS = _port(_UNITS, "FD 9A", _output, 154)
INPUTS = _port(_UNITS, "FD 9B", _input)

#: What an A41 sends beside its clock, always this and with the status of the clock; its meaning is not known (AD-30).
BESIDE_CLOCK = Field(declared("02", "FF F9 8A"), lambda meter: (0x50, GOOD if meter.body.clock.valid else ERROR))
#: Perhaps the number of elements: an A41 sends 1 (AD-30).
ELEMENTS = Field(declared("01", "FF AD"), lambda meter: (meter.body.variant.phases, GOOD))
