"""The header of a record: DIF, DIFE, VIF, VIFE, and what they say about its data (EN 13757-3, clause 6).

Meters send the same headers again and again, so what one means is worked out once and remembered by its bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from wattproof.model.units import NONE, Unit
from wattproof.wire.mbus import values
from wattproof.wire.mbus.dib import GLOBAL_READOUT, DataField, Dib, Function
from wattproof.wire.mbus.values import DataType
from wattproof.wire.mbus.vib import STANDARD, Maker, block_end, interpret
from wattproof.wire.mbus.vif import Kind
from wattproof.wire.mbus.vife import Qualifier

#: Headers remembered for each maker; a bus has a few hundred, rubbish has no end.
HEADER_LIMIT = 4096

#: DIF, DIFE, VIF, VIFE in one go: extension bits say where each part ends. A plain text VIF is no match, see learn.
HEADER_PATTERN = re.compile(rb"[\x80-\xff]{0,10}[\x00-\x7f][\x80-\xff]{0,10}[\x00-\x7f]", re.DOTALL).match

#: How the data are read, by kind and data field; where a kind has no row of its own, as a number.
_NUMBERS: dict[DataField, DataType] = {
    DataField.NONE: values.NOTHING,
    DataField.SELECTION: values.NOTHING,
    DataField.SPECIAL: values.NOTHING,
    DataField.REAL32: values.REAL,
    DataField.VARIABLE: values.VARIABLE,
    **{code: values.BCD[code.size] for code in DataField if code.decimal},
}
_INTEGERS = (DataField.INT8, DataField.INT16, DataField.INT24, DataField.INT32, DataField.INT48, DataField.INT64)
_TYPES: dict[tuple[Kind, DataField], DataType] = {
    **{(kind, code): kept for kind in Kind for code, kept in _NUMBERS.items()},
    **{(kind, code): values.SIGNED[code.size] for kind in Kind for code in _INTEGERS},
    **{(Kind.UNSIGNED, code): values.UNSIGNED[code.size] for code in _INTEGERS},
    **{(Kind.BYTES, code): values.RAW[code.size] for code in DataField if code.size > 0},
    (Kind.DATE, DataField.INT16): values.DATE_G,
    (Kind.DATE, DataField.INT32): values.DATE_TIME_F,
    (Kind.MOMENT, DataField.INT16): values.DATE_G,
    (Kind.MOMENT, DataField.INT24): values.TIME_J,
    (Kind.MOMENT, DataField.INT32): values.DATE_TIME_F,
    (Kind.MOMENT, DataField.INT48): values.DATE_TIME_I,
    (Kind.MOMENT, DataField.BCD12): values.BCD_DATE_TIME,
    (Kind.DURATION, DataField.BCD12): values.BCD_DURATION,
}


class Key(NamedTuple):
    """By which a record is found: its number, and VIF and VIFE without the record status."""

    storage: int
    tariff: int
    subunit: int
    function: Function
    chain: bytes


@dataclass(slots=True, eq=False)
class Header:
    """What a record's value is; shared by all records that have it, and not to be changed.

    ``encoded`` are its ``length`` bytes as they were sent, or as they are to be sent; ``size`` are those of the data,
    -1 for LVAR. ``exponent``: the number sent times 10 ** ``exponent`` is in ``unit``. ``known`` is false where some
    code has no row in the tables; it is then among the ``qualifiers``. ``code`` is the last VIFE below 20: the record
    status of a meter, the action of a master, ``None`` if none was sent.
    """

    encoded: bytes
    length: int
    dib: Dib
    key: Key
    quantity: str
    unit: Unit
    exponent: int
    type: DataType
    size: int
    phase: str | None = None
    qualifiers: tuple[Qualifier, ...] = ()
    code: int | None = None
    known: bool = True
    #: The header that came behind this one last time.
    following: Header | None = field(default=None, repr=False)

    @classmethod
    def of(cls, encoded: bytes, dib: Dib, vib: bytes, maker: Maker = STANDARD) -> Header:
        """The header with this data information block and these VIF and VIFE bytes."""
        meaning = interpret(vib, dib.subunit, maker)
        kind = _TYPES[meaning.kind, dib.field]
        key = Key(dib.storage, dib.tariff, dib.subunit, dib.function, meaning.chain)
        qualifiers = tuple(meaning.qualifiers)
        return cls(
            *(encoded, len(encoded), dib, key, meaning.quantity, meaning.unit, meaning.exponent, kind, dib.field.size),
            *(meaning.phase, qualifiers, meaning.status, meaning.known),
        )


EVERYTHING = Header(
    bytes((GLOBAL_READOUT,)),
    1,
    *(Dib(DataField.SPECIAL), Key(0, 0, 0, Function.INSTANTANEOUS, b""), "everything", NONE, 0),
    *(values.NOTHING, 0),
)


def learn(data: bytes, at: int, maker: Maker) -> Header:
    """The header that begins ``at``, from now on remembered. Raises ``RecordError``."""
    headers = maker.headers
    dib, middle = Dib.decode(data, at)
    end = block_end(data, middle, at)
    encoded = data[at:end]
    header = Header.of(encoded, dib, data[middle:end], maker)
    if len(headers) >= HEADER_LIMIT:
        headers.clear()
    match = HEADER_PATTERN(encoded)
    if match and match.end() == len(encoded):
        headers[encoded] = header
    return header
