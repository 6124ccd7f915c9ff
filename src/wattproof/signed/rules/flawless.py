"""The common case at a glance: one complete record of one register to which no rule objects.

Millions of records are like this. Every condition below is the absence of what some check looks for; whatever does
not meet all of them goes through the checks. A test holds this shortcut against them.
"""

from __future__ import annotations

from decimal import Decimal

from wattproof.signed.obis_classes import IMPORT, TOTAL
from wattproof.signed.records import Clock, Moment, Reading, Record
from wattproof.signed.registers import EXACT, Register, instant
from wattproof.signed.rules.findings import Thresholds
from wattproof.signed.rules.status import FAILED_LEVELS
from wattproof.signed.rules.times import DAY, EARLIEST
from wattproof.signed.sessions import Session

_HOUR = Decimal(3_600_000)  # milliseconds
_BEGIN, _END, _SYNCHRONISED = Moment.BEGIN, Moment.END, Clock.SYNCHRONISED
_EARLIEST = EARLIEST * 1000


def is_flawless(session: Session, thresholds: Thresholds) -> bool:
    """Whether no check could say anything about this session. ``False`` means: ask them."""
    register = session.billing
    if register is None or session.fiscal or len(session.entries) != 1 or len(session.readings) != 2:
        return False
    begin, end = session.readings
    entry = session.entries[0]
    return (
        not (entry.repeated or entry.shared)
        and _is_plain(entry.record)
        and begin.moment is _BEGIN
        and end.moment is _END
        and end.code not in ("A", "P")
        and begin.register == end.register
        and begin.unit == end.unit
        and begin.event_counter == end.event_counter
        and _is_good(begin)
        and _is_good(end)
        and _is_growing(register, begin, end, thresholds)
    )


def _is_plain(record: Record) -> bool:
    return (
        record.format == "OCMF"
        and record.page is not None
        and record.context is None
        and record.assigned is not False
        and record.assignment_level not in FAILED_LEVELS
        and not (record.ambiguous or record.unsigned_mismatches or record.evse_mismatch)
    )


def _is_good(reading: Reading) -> bool:
    return reading.status == "G" and not reading.error_flags and reading.clock is _SYNCHRONISED and reading.loss is None


def _is_growing(register: Register, begin: Reading, end: Reading, thresholds: Thresholds) -> bool:
    (first, last), began, ended = register.energies, begin.time, end.time
    if first is None or last is None or began is None or ended is None or began.offset is None or ended.offset is None:
        return False
    kind = register.kind
    if kind.direction != IMPORT or not 0 <= first < last or (first and kind.scope != TOTAL):
        return False
    start, stop = instant(began), instant(ended)
    if not _EARLIEST <= start <= stop <= (thresholds.now + DAY) * 1000:
        return False
    energy = EXACT.subtract(last, first)
    return energy <= thresholds.energy_wh and energy * _HOUR <= thresholds.power_w * (stop - start)
