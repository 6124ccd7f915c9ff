"""Data records: bytes to meaning and back (EN 13757-3, clause 6; abb-meters.md 1.9).

A record is its header (DIF, DIFE, VIF, VIFE), which says what the value is, and its data bytes. Meters send the same
headers again and again, so what a header means is worked out once and remembered; a record itself is only cut out, and
its value is computed when it is asked for. Header and data are kept as they came: ``raw`` gives back the same bytes,
superfluous DIFE included (decision AD-03).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wattproof.model.units import Unit
from wattproof.model.values import Quality, Scaled
from wattproof.wire.mbus import values
from wattproof.wire.mbus.application_errors import ApplicationErrorCode, RecordError
from wattproof.wire.mbus.dib import FILLER, GLOBAL_READOUT, MANUFACTURER_DATA, MORE_FOLLOWS, Function
from wattproof.wire.mbus.headers import EVERYTHING, HEADER_PATTERN, Header, Key, learn
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.values import Content, Invalid
from wattproof.wire.mbus.vib import STANDARD, Maker
from wattproof.wire.mbus.vife import ACTIONS, NO_DATA, STATUS, Qualifier


class Record:
    """One data record: a header, shared with all records that have the same, and the data bytes.

    ``filler``: how many bytes ``2F`` stood in front. Records are equal if their bytes are.
    """

    __slots__ = ("data", "filler", "header")

    def __init__(self, header: Header, data: bytes, filler: int = 0) -> None:
        self.header = header
        self.data = data
        self.filler = filler

    @property
    def raw(self) -> bytes:
        """Header and data as bytes, without filler."""
        return self.header.encoded + self.data

    @property
    def key(self) -> Key:
        """By which the record is found."""
        return self.header.key

    @property
    def function(self) -> Function:
        """Instantaneous, maximum, minimum, or during an error."""
        return self.header.dib.function

    @property
    def storage(self) -> int:
        """Storage number: 0 is the present, others are stored values."""
        return self.header.dib.storage

    @property
    def tariff(self) -> int:
        """Tariff number; 0 is the total."""
        return self.header.dib.tariff

    @property
    def subunit(self) -> int:
        """Subunit of the device."""
        return self.header.dib.subunit

    @property
    def quantity(self) -> str:
        """Name of what is measured; ``unknown`` where no table has the code."""
        return self.header.quantity

    @property
    def unit(self) -> Unit:
        """Unit of :attr:`value`."""
        return self.header.unit

    @property
    def exponent(self) -> int:
        """Power of ten of the number sent."""
        return self.header.exponent

    @property
    def phase(self) -> str | None:
        """``L1``, ``L1-L2``, ``N``; ``None`` for the whole."""
        return self.header.phase

    @property
    def qualifiers(self) -> tuple[Qualifier, ...]:
        """What else the VIFE say."""
        return self.header.qualifiers

    @property
    def status(self) -> int | None:
        """Record status of a meter; ``None`` if it sent none."""
        return self.header.code

    @property
    def status_text(self) -> str:
        """The status in words; "" if none was sent."""
        code = self.header.code
        return "" if code is None else STATUS.get(code, f"reserved status {code:02X}")

    @property
    def action(self) -> str | None:
        """The action of a master in words; ``None`` for a code that is none. Without a code it is "write"."""
        return ACTIONS.get(self.header.code or 0)

    @property
    def content(self) -> Content:
        """What the data bytes hold, before scale, whatever the status says; :class:`Invalid` if they are no value."""
        return self.header.type.decode(self.data)

    @property
    def quality(self) -> Quality:
        """Good; missing if the meter says that it has none; invalid for any other status or no value."""
        if self.header.code:
            return Quality.MISSING if self.header.code == NO_DATA else Quality.INVALID
        return Quality.INVALID if self._problem(self.content) else Quality.GOOD

    @property
    def problem(self) -> str:
        """Why there is no value; "" if there is one."""
        return self.status_text if self.header.code else self._problem(self.content)

    @property
    def value(self) -> Scaled | Moment | str | bytes | None:
        """The value in :attr:`unit`, exactly; ``None`` where there is none, or quality is not good."""
        header = self.header
        if header.code:
            return None
        content = header.type.decode(self.data)
        if isinstance(content, int):
            return Scaled(content, header.exponent)
        if isinstance(content, float):
            mantissa, exponent = values.shortest(content)
            return Scaled(mantissa, exponent + header.exponent)
        return None if isinstance(content, Invalid) or self._problem(content) else content

    @staticmethod
    def _problem(content: Content) -> str:
        if isinstance(content, Invalid):
            return content.reason
        return "" if not isinstance(content, Moment) or content.exact else f"{content} is no point of time"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.raw == other.raw and self.filler == other.filler

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Record({self.raw.hex(' ')}: {self})"

    def __str__(self) -> str:
        dib, value = self.header.dib, self.value
        numbers = ((dib.storage, "storage"), (dib.tariff, "tariff"), (dib.subunit, "subunit"))
        words = [
            dib.function.name.lower() if dib.function else "",
            *(self.quantity, self.phase or "", *map(str, self.qualifiers)),
            *(f"{name} {number}" for number, name in numbers if number),
        ]
        shown = value.hex(" ") if isinstance(value, bytes) else f"{value} {self.unit}".strip()
        return f"{' '.join(word for word in words if word)} = {self.problem if value is None else shown}"


class RecordList(NamedTuple):
    """Records, and what stands behind them: fillers, ``0F`` or ``1F`` with the maker's data."""

    records: tuple[Record, ...]
    tail: bytes = b""

    @property
    def more_follow(self) -> bool:
        """Whether the meter has further telegrams: the records end with ``1F``."""
        return self.tail.lstrip(bytes((FILLER,)))[:1] == bytes((MORE_FOLLOWS,))

    @property
    def manufacturer_data(self) -> bytes:
        """What follows ``0F`` or ``1F``, uninterpreted."""
        return self.tail.lstrip(bytes((FILLER,)))[1:]

    def encode(self, msb: bool = False) -> bytes:
        """The bytes of all records and what stands behind them; ``msb``: data most significant byte first."""
        parts: list[bytes] = []
        for record in self.records:
            data = _reversed(record) if msb else record.data
            parts += (bytes((FILLER,)) * record.filler, record.header.encoded, data)
        return b"".join(parts) + self.tail


def decode_records(data: bytes, maker: Maker = STANDARD, msb: bool = False) -> RecordList:
    """The records in ``data``, to the end or to ``0F`` or ``1F``. ``msb``: their data come most significant first.

    A header is first guessed to be the one that followed last time, since meters send the same again and again.

    Raises:
        RecordError: a record is cut, has too many extensions, or a reserved DIF or LVAR.
    """
    headers = maker.headers
    records: list[Record] = []
    at, end, filler = 0, len(data), 0
    last = expected = None
    while at < end:
        dif = data[at]
        if dif & 0x0F == 0x0F:
            if dif in (MANUFACTURER_DATA, MORE_FOLLOWS):
                break
            if dif == FILLER:
                filler += 1
            else:
                records.append(_everything(dif, at, filler))
                filler = 0
            at += 1
            continue
        if expected is not None and data.startswith(expected.encoded, at):
            header = expected
        else:
            match = HEADER_PATTERN(data, at)
            header = (headers.get(match[0]) if match else None) or learn(data, at, maker)
            if last is not None:
                last.following = header
        last, expected = header, header.following
        begin = at + header.length
        size = header.size
        stop = begin + (size if size >= 0 else _variable_size(data, begin, at))
        if stop > end:
            missing = stop - end
            raise RecordError(ApplicationErrorCode.PREMATURE_END, at, f"{missing} of its data bytes are missing")
        records.append(Record(header, data[begin:stop], filler))
        at, filler = stop, 0
    if msb:
        for record in records:
            record.data = _reversed(record)
    return RecordList(tuple(records), data[at - filler :])


def _everything(dif: int, at: int, filler: int) -> Record:
    """The request of all records; any other DIF without a VIF is reserved."""
    if dif != GLOBAL_READOUT:
        raise RecordError(ApplicationErrorCode.UNSPECIFIED, at, f"its DIF {dif:02X} is reserved")
    return Record(EVERYTHING, b"", filler)


def _variable_size(data: bytes, begin: int, record: int) -> int:
    """Bytes of an LVAR value, its first byte included."""
    if begin >= len(data):
        raise RecordError(ApplicationErrorCode.PREMATURE_END, record, "its LVAR byte is missing")
    size = values.variable_size(data[begin])
    if size is None:
        raise RecordError(ApplicationErrorCode.UNSPECIFIED, record, f"its LVAR {data[begin]:02X} is reserved")
    return size + 1


def _reversed(record: Record) -> bytes:
    if record.header.size < 0:
        return record.data[:1] + record.data[:0:-1]
    return record.data[::-1]


def encode_records(records: Iterable[Record], more_follow: bool | None = None) -> bytes:
    """Records one behind the other; ``more_follow`` appends ``1F`` or ``0F``, ``None`` nothing."""
    tail = b"" if more_follow is None else bytes((MORE_FOLLOWS if more_follow else MANUFACTURER_DATA,))
    return RecordList(tuple(records), tail).encode()
