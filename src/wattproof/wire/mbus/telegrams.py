"""What stands behind the CI field of an answer: headers, records, errors, alarms (EN 13757-3, clauses 5 to 10).

=========  ==============================  ==========================
CI         content                         class
=========  ==============================  ==========================
72, 76     12 byte header, records         :class:`Telegram`
7A         4 byte header, records          :class:`Telegram`
78         records                         :class:`Telegram`
73, 77     fixed data structure            :class:`FixedData`
70         application error               :class:`ApplicationError`
71         alarm status                    :class:`AlarmStatus`
=========  ==============================  ==========================

76 and 77 are 72 and 73 with the most significant byte first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from wattproof.errors import FrameError, ProtocolError
from wattproof.wire.mbus import abb, ci_fields
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.application_errors import text_of
from wattproof.wire.mbus.dib import MANUFACTURER_DATA, MORE_FOLLOWS
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.frames import Long
from wattproof.wire.mbus.headers import Key
from wattproof.wire.mbus.records import Record, RecordList, decode_records
from wattproof.wire.mbus.vib import STANDARD, Maker

#: Makers whose codes are known, by manufacturer code without its top bit.
MAKERS: dict[int, Maker] = {abb.CODE: abb.MAKER}


def maker_of(manufacturer: int) -> Maker:
    """The tables of a manufacturer; those of the standard alone if there are none of its own."""
    return MAKERS.get(manufacturer & 0x7FFF, STANDARD)


@dataclass(frozen=True, slots=True)
class Identification:
    """The 12 byte header: who sends, how many telegrams it has sent (modulo 256), how it is; signature 0 is none."""

    address: SecondaryAddress
    access: int = 0
    status: int = 0
    signature: int = 0

    @classmethod
    def decode(cls, data: bytes, msb: bool = False) -> Identification:
        """Raises ``FrameError`` for another length than 12 bytes."""
        if len(data) != 12:
            raise FrameError(f"the header of a telegram has 12 bytes, not {len(data)}")
        order = data[:9:-1] if not msb else data[10:]
        return cls(SecondaryAddress.decode(data[:8], msb), data[8], data[9], int.from_bytes(order, "big"))

    def encode(self, msb: bool = False) -> bytes:
        signature = self.signature.to_bytes(2, "big" if msb else "little")
        return self.address.encode(msb) + bytes((self.access & 0xFF, self.status)) + signature


@dataclass(frozen=True, slots=True)
class ShortHeader:
    """The 4 byte header of CI 7A, whose sender stands in a layer below: access number, status, configuration."""

    access: int
    status: int
    configuration: int

    @classmethod
    def decode(cls, data: bytes, msb: bool = False) -> ShortHeader:
        """Raises ``FrameError`` for another length than 4 bytes. The order of bytes is always the same."""
        if len(data) != 4:
            raise FrameError(f"the short header of a telegram has 4 bytes, not {len(data)}")
        return cls(data[0], data[1], int.from_bytes(data[2:], "little"))

    def encode(self, msb: bool = False) -> bytes:
        return bytes((self.access, self.status)) + self.configuration.to_bytes(2, "little")


_APPLICATION = ("", "application busy", "application error", "reserved application state")
_BITS = {2: "low power", 3: "permanent error", 4: "temporary error"}


def status_texts(status: int) -> list[str]:
    """What a status byte says (abb-meters.md 1.8); bits 5 to 7 are the maker's and are told as such."""
    words = [_APPLICATION[status & 3], *(text for bit, text in _BITS.items() if status >> bit & 1)]
    if status >> 5:
        words.append(f"manufacturer status {status >> 5}")
    return [word for word in words if word]


_HEADERS: dict[int, type[Identification] | type[ShortHeader] | None] = {
    ci_fields.VARIABLE: Identification,
    ci_fields.VARIABLE_MSB: Identification,
    ci_fields.SHORT_HEADER: ShortHeader,
    ci_fields.NO_HEADER: None,
}
_SIZES = {ci_fields.VARIABLE: 12, ci_fields.VARIABLE_MSB: 12, ci_fields.SHORT_HEADER: 4, ci_fields.NO_HEADER: 0}


@dataclass(frozen=True, slots=True)
class Telegram:
    """Variable data: a header as far as the CI field has one, records, and what stands behind them."""

    ci: int
    header: Identification | ShortHeader | None
    body: RecordList

    @classmethod
    def build(cls, header: Identification, records: Iterable[Record], more_follow: bool = False) -> Telegram:
        """A telegram of a wired meter that ends with ``0F``, or with ``1F`` if more follow."""
        mark = bytes((MORE_FOLLOWS if more_follow else MANUFACTURER_DATA,))
        return cls(ci_fields.VARIABLE, header, RecordList(tuple(records), mark))

    @classmethod
    def decode(cls, ci: int, data: bytes, maker: Maker | None = None) -> Telegram:
        """The telegram behind this CI field. ``maker``: its tables; ``None`` chooses by the header's manufacturer.

        Raises:
            FrameError: the header is cut.
            RecordError: a record cannot be read.
        """
        size, msb, kind = _SIZES[ci], ci == ci_fields.VARIABLE_MSB, _HEADERS[ci]
        header = kind.decode(data[:size], msb) if kind is not None else None
        if maker is None:
            maker = maker_of(header.address.manufacturer) if isinstance(header, Identification) else STANDARD
        return cls(ci, header, decode_records(data[size:], maker, msb))

    def encode(self) -> bytes:
        """The bytes behind the CI field."""
        msb = self.ci == ci_fields.VARIABLE_MSB
        return (self.header.encode(msb) if self.header is not None else b"") + self.body.encode(msb)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records in their order."""
        return self.body.records

    @property
    def more_follow(self) -> bool:
        """Whether the meter has further telegrams."""
        return self.body.more_follow

    def find(self, key: Key) -> Record | None:
        """The first record with this key."""
        return next((record for record in self.records if record.header.key == key), None)

    def with_access(self, access: int) -> Telegram:
        """The same telegram with another access number."""
        return replace(self, header=replace(self.header, access=access & 0xFF)) if self.header else self

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


@dataclass(frozen=True, slots=True)
class ApplicationError:
    """The meter refuses or cannot answer. ``code`` is ``None`` where it gives none."""

    code: int | None

    @property
    def text(self) -> str:
        """The meaning of the code."""
        return text_of(self.code)

    def encode(self) -> bytes:
        return b"" if self.code is None else bytes((self.code,))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """Eight alarm bits of the maker."""

    flags: int

    def encode(self) -> bytes:
        return bytes((self.flags,))


Answer = Telegram | FixedData | ApplicationError | AlarmStatus


def decode_answer(frame: Long, maker: Maker | None = None) -> Answer:
    """What a meter says in a RSP_UD frame. ``maker``: as for :meth:`Telegram.decode`.

    Raises:
        FrameError: a header is cut or has another length.
        RecordError: a record cannot be read.
        ProtocolError: the CI field is none of an answer.
    """
    ci, data = frame.ci, frame.data
    if ci in _SIZES:
        return Telegram.decode(ci, data, maker)
    if ci in (ci_fields.FIXED, ci_fields.FIXED_MSB):
        return FixedData.decode(data, ci == ci_fields.FIXED_MSB)
    if ci == ci_fields.APPLICATION_ERROR:
        return ApplicationError(data[0] if data else None)
    if ci == ci_fields.ALARM_STATUS:
        if len(data) != 1:
            raise FrameError(f"an alarm status has 1 byte, not {len(data)}")
        return AlarmStatus(data[0])
    raise ProtocolError(f"CI {ci:02X} from {frame.address} is no answer of a meter")


def encode_answer(answer: Answer) -> tuple[int, bytes]:
    """CI field and the bytes behind it."""
    if isinstance(answer, Telegram):
        return answer.ci, answer.encode()
    if isinstance(answer, FixedData):
        return (ci_fields.FIXED_MSB if answer.msb else ci_fields.FIXED), answer.encode()
    return (
        ci_fields.APPLICATION_ERROR if isinstance(answer, ApplicationError) else ci_fields.ALARM_STATUS
    ), answer.encode()
