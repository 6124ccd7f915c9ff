"""Records as they are to be sent: one declaration finds a record and makes it (abb-meters.md 1.12, 1.14, 1.15)."""

from __future__ import annotations

from dataclasses import dataclass, field

from wattproof.errors import InvalidValue
from wattproof.model.values import Scaled
from wattproof.wire.mbus import values
from wattproof.wire.mbus.dib import Dib
from wattproof.wire.mbus.headers import Header, Key, learn
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.values import Content
from wattproof.wire.mbus.vib import STANDARD, Maker, block_end, with_status


@dataclass(frozen=True, slots=True)
class Declaration:
    """A record as it is to be sent: form, number, and VIF with VIFE without status. One for both directions:
    :attr:`key` finds it among the records that a meter sent, :meth:`record` makes one.

    >>> from wattproof.wire.mbus.abb import MAKER
    >>> from wattproof.wire.mbus.dib import DataField
    >>> energy = Declaration(Dib(DataField.BCD12, tariff=1), b"\\x04", MAKER)
    >>> energy.record(Scaled(3913, 1), status=0).raw.hex(" ")
    '8e 10 84 00 13 39 00 00 00 00'
    """

    dib: Dib
    chain: bytes
    maker: Maker = field(default=STANDARD, repr=False)

    @classmethod
    def parse(cls, dib: str, vib: str, maker: Maker = STANDARD) -> Declaration:
        """From hexadecimal digits as tables print them: ``8E 80 40``, ``84 FF 81``; the last bit need not be cleared.

        Raises ``InvalidValue`` for bytes that are no such blocks.
        """
        first, second = bytes.fromhex(dib), bytes.fromhex(vib)
        if not first or not second:
            raise InvalidValue(f"{dib!r} and {vib!r} are no DIF and VIF")
        block, end = Dib.decode(first[:-1] + bytes((first[-1] & 0x7F,)))
        chain = second[:-1] + bytes((second[-1] & 0x7F,))
        if end != len(first) or block_end(chain, 0, 0) != len(chain):
            raise InvalidValue(f"{dib!r} and {vib!r} are no DIF with DIFE and VIF with VIFE")
        return cls(block, chain, maker)

    @property
    def key(self) -> Key:
        """By which such a record is found."""
        return Key(self.dib.storage, self.dib.tariff, self.dib.subunit, self.dib.function, self.chain)

    def header(self, code: int | None = None) -> Header:
        """The header with this record status or action, with as few DIFE as possible."""
        vib = with_status(self.chain, code)
        encoded = self.dib.encode() + vib
        found: Header | None = self.maker.headers.get(encoded)
        return found or learn(encoded, 0, self.maker)

    def record(self, value: Content | Scaled = None, status: int | None = None) -> Record:
        """A record with this value: a number as sent (before scale), or a ``Scaled`` in the unit of the record.

        Without value the data are zero, as ABB sends them with status 15.

        Raises:
            InvalidValue: the value does not fit, or has more digits than the record.
        """
        header = self.header(status)
        if isinstance(value, Scaled):
            if header.type is values.REAL:
                value = float(Scaled(value.mantissa, value.exponent - header.exponent).decimal)
            else:
                value = value.at(header.exponent).mantissa
        if value is None and header.size:
            return Record(header, bytes(max(header.size, 1)))
        return Record(header, header.type.encode(value))
