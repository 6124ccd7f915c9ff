"""Scaler and unit of registers (IEC 62056-62, scaler_unit; abb-meters.md 2.6): the value is raw x 10^scaler.

>>> from wattproof.model.units import VOLT
>>> scaler_unit(-1, VOLT).encode().hex()
'02020fff1623'
>>> scaler, unit = read_scaler_unit(scaler_unit(-1, VOLT))
>>> str(scaled(2306, scaler)), unit.symbol
('230.6', 'V')
"""

from __future__ import annotations

from wattproof.errors import FrameError, InvalidValue, UnknownName
from wattproof.model.units import OTHER, Unit, by_dlms
from wattproof.model.values import Scaled
from wattproof.wire.cosem.data import Data, enum, integer, structure
from wattproof.wire.cosem.shapes import fields, number


def scaler_unit(scaler: int, unit: Unit) -> Data:
    """Attribute 3 of a register."""
    return structure(integer(scaler), enum(unit.dlms))


def read_scaler_unit(data: Data) -> tuple[int, Unit]:
    """Scaler and unit of attribute 3. Raises ``FrameError`` where it is another structure."""
    scaler, unit = fields(data, 2)
    return number(scaler), unit_of(number(unit))


def unit_of(code: int) -> Unit:
    """The unit of a code of the enumeration; one without symbol, but with its code, where it has no name here."""
    try:
        return by_dlms(code)
    except UnknownName:
        return Unit("" if code == OTHER else f"DLMS unit {code}", "", code)


def scaled(raw: int, scaler: int) -> Scaled:
    """The number that a register means. Raises ``FrameError`` for a scaler that no register has."""
    try:
        return Scaled(raw, scaler)
    except InvalidValue as error:
        raise FrameError(str(error)) from None
