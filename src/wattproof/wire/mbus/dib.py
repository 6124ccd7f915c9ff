"""Data information block: DIF and DIFE, that is form and number of a value (EN 13757-3, 6.3; abb-meters.md 1.9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from wattproof.errors import InvalidValue
from wattproof.wire.mbus.application_errors import ApplicationErrorCode, RecordError

#: DIF bytes without a VIF: manufacturer data to the end; the same and more telegrams follow; filler; everything.
MANUFACTURER_DATA, MORE_FOLLOWS, FILLER, GLOBAL_READOUT = 0x0F, 0x1F, 0x2F, 0x7F
#: Most DIFE and most VIFE of one record.
EXTENSION_LIMIT = 10
EXTENSION = 0x80


class Function(IntEnum):
    """What kind of value a record holds."""

    INSTANTANEOUS = 0
    MAXIMUM = 1
    MINIMUM = 2
    ERROR = 3  # the value during an error state


class DataField(IntEnum):
    """Low four bits of the DIF: coding and size of the data."""

    NONE = 0
    INT8 = 1
    INT16 = 2
    INT24 = 3
    INT32 = 4
    REAL32 = 5
    INT48 = 6
    INT64 = 7
    SELECTION = 8
    BCD2 = 9
    BCD4 = 10
    BCD6 = 11
    BCD8 = 12
    VARIABLE = 13
    BCD12 = 14
    SPECIAL = 15

    @property
    def size(self) -> int:
        """Bytes of data; -1 where the first data byte tells."""
        return _SIZES[self]

    @property
    def decimal(self) -> bool:
        """Whether the data are binary coded decimal."""
        return self in _DECIMAL


_SIZES = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, -1, 6, 0)
_DECIMAL = frozenset({DataField.BCD2, DataField.BCD4, DataField.BCD6, DataField.BCD8, DataField.BCD12})
_FUNCTIONS, _FIELDS = tuple(Function), tuple(DataField)


@dataclass(frozen=True, slots=True)
class Dib:
    """Form and number of a value: coding, function, storage number, tariff, subunit (the "unit" of a device)."""

    field: DataField
    function: Function = Function.INSTANTANEOUS
    storage: int = 0
    tariff: int = 0
    subunit: int = 0

    @classmethod
    def decode(cls, data: bytes, at: int = 0) -> tuple[Dib, int]:
        """The block that begins ``at``, and where it ends. Superfluous DIFE are taken.

        Raises:
            RecordError: the block has more than ten DIFE, or no end.
        """
        try:
            dif = byte = data[at]
            storage, tariff, subunit = dif >> 6 & 1, 0, 0
            end = at + 1
            while byte & EXTENSION:
                index = end - at - 1
                if index == EXTENSION_LIMIT:
                    raise RecordError(ApplicationErrorCode.TOO_MANY_DIFE, at, "more than 10 DIFE")
                byte = data[end]
                storage |= (byte & 0x0F) << 1 + 4 * index
                tariff |= (byte >> 4 & 3) << 2 * index
                subunit |= (byte >> 6 & 1) << index
                end += 1
        except IndexError:
            raise RecordError(ApplicationErrorCode.PREMATURE_END, at, "its DIF and DIFE have no end") from None
        return cls(_FIELDS[dif & 0x0F], _FUNCTIONS[dif >> 4 & 3], storage, tariff, subunit), end

    def encode(self) -> bytes:
        """DIF and as few DIFE as possible. Raises ``InvalidValue`` for numbers beyond ten DIFE."""
        if min(self.storage, self.tariff, self.subunit) < 0:
            raise InvalidValue("storage number, tariff and subunit are not negative")
        blocks = [self.field | self.function << 4 | (self.storage & 1) << 6]
        storage, tariff, subunit = self.storage >> 1, self.tariff, self.subunit
        while storage or tariff or subunit:
            blocks[-1] |= EXTENSION
            blocks.append(storage & 0x0F | (tariff & 3) << 4 | (subunit & 1) << 6)
            storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
        if len(blocks) > EXTENSION_LIMIT + 1:
            raise InvalidValue(
                f"storage number {self.storage}, tariff {self.tariff}, subunit {self.subunit} need more than 10 DIFE"
            )
        return bytes(blocks)
