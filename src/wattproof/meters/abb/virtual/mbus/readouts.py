"""Readouts: lists of telegrams, each made when it is asked for (abb-meters.md 1.13), and what spoils them (3.13).

``Listed`` reads values anew whenever a telegram is sent; ``Streamed`` walks through what the meter had stored when it
was asked, page by page.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import Row
from wattproof.meters.abb.virtual.mbus.fields import GOOD, Field, Form, made, moment, plain, stored
from wattproof.meters.abb.virtual.mbus.identity import ELECTRICITY, identification, secondary_address, status_byte
from wattproof.meters.abb.virtual.mbus.standard import layout, previous_order
from wattproof.wire.mbus.dib import DataField, Dib
from wattproof.wire.mbus.fixed import UNITLESS, FixedData
from wattproof.wire.mbus.frames import DATA_LIMIT
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.telegrams import Answer, ApplicationError, Telegram

if TYPE_CHECKING:
    from wattproof.metering.previous_values import Row as PreviousRow
    from wattproof.meters.abb.virtual.meter import AbbMeter

Page = Sequence[Record]
#: Bytes that the records of one telegram may have: all but header and end marker.
ROOM = DATA_LIMIT - 12 - 1
#: Unit code of 10 Wh in a fixed structure (EN 1434-3), and what eight digits hold.
TEN_WATT_HOURS, EIGHT_DIGITS = 0x03, 10**8


class Readout(ABC):
    """What REQ_UD2 gets, telegram by telegram; the faults of M-Bus act here."""

    def __init__(self, meter: AbbMeter) -> None:
        self.meter = meter

    def telegram(self, number: int, access: int) -> Answer:
        """Telegram ``number``, counted from 1, as it is now."""
        meter = self.meter
        meter.entered(f"telegram:{number}")
        faults = meter.faults
        if faults.hit("application-error"):
            return ApplicationError(cast(int, faults.get("application-error")))
        if faults.hit("raw-type"):
            return _fixed(meter, access)
        page, more = self.page(number)
        if not more and faults.hit("endless"):
            more = True
        return Telegram.build(identification(meter, access), page, more)

    @abstractmethod
    def page(self, number: int) -> tuple[Page, bool]:
        """The records of a telegram, and whether another follows. Behind the last one they begin again."""


class Listed(Readout):
    """Telegrams of present values."""

    def __init__(self, meter: AbbMeter, telegrams: Sequence[Sequence[Field]]) -> None:
        super().__init__(meter)
        self.telegrams = telegrams

    def page(self, number: int) -> tuple[Page, bool]:
        pages = self.pages()
        index = (number - 1) % len(pages)
        return pages[index](), index + 1 < len(pages)

    def pages(self) -> Sequence[Callable[[], Page]]:
        """What makes each telegram."""
        return [partial(self.show, fields) for fields in self.telegrams]

    def show(self, fields: Sequence[Field]) -> Page:
        """The records of some fields as they are now."""
        return [field.record(self.meter) for field in fields]


class Standard(Listed):
    """The standard readout: the layout of the variant, then the newest previous values if there are any."""

    def __init__(self, meter: AbbMeter) -> None:
        super().__init__(meter, layout(meter.variant))

    def pages(self) -> Sequence[Callable[[], Page]]:
        pages = super().pages()
        recorder = self.meter.body.recorder
        if not recorder.previous.table:
            return pages
        row, columns = recorder.previous.table[-1], recorder.previous.columns
        packed = list(pack(previous_groups(row, columns, 1, self.meter.record_status)))
        return [*pages, *(partial(_same, page) for page in packed)]


class Streamed(Readout):
    """Telegrams of stored rows: ``make`` walks through them from the beginning."""

    def __init__(self, meter: AbbMeter, make: Callable[[], Iterator[Page]]) -> None:
        super().__init__(meter)
        self._make = make
        self._pages: Iterator[Page] = iter(())
        self._number = 0
        self._present: Page = ()
        self._next: Page | None = None

    def page(self, number: int) -> tuple[Page, bool]:
        if number != self._number:
            if number != self._number + 1 or self._next is None:
                self._pages = self._make()
                self._next = next(self._pages, ())
            self._present, self._next = self._next, next(self._pages, None)
            self._number = number
        return self._present, self._next is not None


def _same(page: Page) -> Page:
    return page


def pack(groups: Iterable[Sequence[Record]], head: Page = ()) -> Iterator[Page]:
    """Records in telegrams as full as they become; a group stays together, ``head`` begins each telegram."""
    page, size = list(head), _size(head)
    used = False
    for group in groups:
        wanted = _size(group)
        if used and size + wanted > ROOM:
            yield page
            page, size = list(head), _size(head)
        page += group
        size, used = size + wanted, True
    yield page


def _size(records: Iterable[Record]) -> int:
    return sum(record.header.length + len(record.data) for record in records)


_TIME_STAMP = Dib(DataField.BCD12)
#: Time stamp of stored values: ``ED EB``.
STAMP = made(_TIME_STAMP, bytes.fromhex("ED6B"))


def previous_groups(row: PreviousRow, columns: Sequence[int], number: int, mode: int) -> Iterator[Sequence[Record]]:
    """One row of the previous values, the ``number``-th newest: its time stamp, then each column."""
    values = dict(zip(columns, row.values, strict=True))
    yield [stored(STAMP, number).show((moment(row.stamp), GOOD), mode)]
    for id in previous_order(columns):
        yield [stored(form_of(id), number).show(plain(values[id]), mode)]


def form_of(id: int) -> Form:
    """How a stored value of a quantity is sent, with storage number 0."""
    row = ROWS[id]
    return _form(row)


def _form(row: Row) -> Form:
    dib, _ = Dib.decode(bytes((*row.dib[:-1], row.dib[-1] & 0x7F)))
    return made(dib, bytes((*row.vib[:-1], row.vib[-1] & 0x7F)))


def _fixed(meter: AbbMeter, access: int) -> FixedData:
    """The first two energies in a fixed structure; a meter that has but one sends 0 beside it."""
    values = [value for id in (1, 2) if id in meter.body.ids and isinstance(value := meter.body.value(id), int)]
    counters = (*(value % EIGHT_DIGITS for value in values), 0, 0)[:2]
    units = (*(TEN_WATT_HOURS for _ in values), UNITLESS, UNITLESS)[:2]
    number = secondary_address(meter.serial).number
    return FixedData.build(
        number, access, status_byte(meter.body), ELECTRICITY, (units[0], units[1]), (counters[0], counters[1])
    )
