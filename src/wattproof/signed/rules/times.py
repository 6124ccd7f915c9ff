"""Do the times run forward, and may they be trusted? Specification, 3.2, "Time"."""

from __future__ import annotations

from itertools import pairwise

from wattproof.signed.records import Clock, Moment, Reading, Time
from wattproof.signed.registers import instant
from wattproof.signed.rules.findings import Say, Thresholds
from wattproof.signed.sessions import Session

EARLIEST = 1_420_070_400  # 2015-01-01T00:00:00Z
DAY, _ZONE_TOLERANCE = 86_400, 14 * 3600


def _comparable(first: Time, second: Time) -> bool:
    """A local time without zone says nothing about an instant."""
    return (first.offset is None) == (second.offset is None)


def order(session: Session, say: Say, _: Thresholds) -> None:
    """Instants never go backwards, register by register; events are held against the reading before them."""
    for registers in (session.registers, session.informative):
        for name, register in registers.items():
            if name is not None:
                _forward(register.readings, say)
    if None in session.informative:
        for before, after in pairwise(session.readings):
            if not (before.register and after.register):
                _forward([before, after], say)


def _forward(readings: list[Reading], say: Say) -> None:
    before: Time | None = None
    for reading in readings:
        time = reading.time
        if time is None:
            continue
        if before is not None and _comparable(before, time) and instant(time) < instant(before):
            say("S-TIME-ORDER", reading.time_text or "")
        before = time


def snapshot_clock(session: Session, say: Say, _: Thresholds) -> None:
    """A BSM's clock and operating seconds run strictly forward, and nobody sets the clock meanwhile (2.10)."""
    records = [entry.record for entry in session.entries if not entry.duplicate]
    for before, after in pairwise(records):
        for name in ("OS", "Epoch"):
            first, second = before.extra.get(name), after.extra.get(name)
            if isinstance(first, int) and isinstance(second, int) and second <= first:
                say("S-TIME-ORDER", f"{name} {first} -> {second}")
        for name in ("EpochSetCnt", "EpochSetOS"):
            if before.extra.get(name) != after.extra.get(name):
                say("S-TIME-SET", f"{name} {before.extra.get(name)} -> {after.extra.get(name)}")


def second_index(session: Session, say: Say, _: Thresholds) -> None:
    """The meter's own count of seconds never goes backwards (2.2, 2.3)."""
    records = [entry.record for entry in session.entries if not entry.duplicate]
    for before, after in pairwise(records):
        first, second = before.extra.get("second_index"), after.extra.get("second_index")
        if isinstance(first, int) and isinstance(second, int) and second < first:
            say("S-TIME-ORDER", f"second index {first} -> {second}")


def clock_bits(session: Session, say: Say, _: Thresholds) -> None:
    """Formats with a bit for the clock: every reading counts, also one that is neither begin nor end."""
    for reading in session.readings:
        if reading.clock is Clock.UNKNOWN:
            say("S-TIME-UNSYNC", reading.time_text or "")


def duration(session: Session, say: Say, _: Thresholds) -> None:
    """The stated duration is the difference of the times, to one second (2.8)."""
    for entry in session.counted:
        match entry.record.extra.get("seconds"):
            case (int(measured), int(stated)) if abs(measured - stated) > 1:
                say("S-DURATION", f"{stated} s stated, {measured} s between the times")


def plausible(session: Session, say: Say, thresholds: Thresholds) -> None:
    """Begin and end have a readable time; no time lies before such meters existed or in the future."""
    latest = thresholds.now + DAY
    for reading in session.readings:
        time = reading.time
        if time is None:
            if reading.moment is Moment.BEGIN or reading.moment is Moment.END:
                say("S-TIME-FORMAT", reading.time_text or "")
            continue
        slack = _ZONE_TOLERANCE if time.offset is None and not time.utc else 0
        if time.seconds < EARLIEST - slack or time.seconds > latest + slack:
            say("S-TIME-IMPLAUSIBLE", reading.time_text or "")


def clock_status(session: Session, say: Say, _: Thresholds) -> None:
    """The matrix of clock states at begin and end: the first row that applies."""
    first, last = session.begin, session.end
    begin = first.clock if first is not None else None
    end = last.clock if last is not None else None
    if begin is Clock.SYNCHRONISED and end is Clock.SYNCHRONISED:
        return
    states = {begin, end}
    if end is Clock.RELATIVE:
        say("S-TIME-RELATIVE", f"{begin or '-'} -> {end}")
    elif begin is Clock.RELATIVE and end is not None:
        say("S-TIME-RELATIVE-LOST", f"{begin} -> {end}")
    elif Clock.UNKNOWN in states:
        say("S-TIME-UNSYNC", f"{begin or '-'} -> {end or '-'}")
    elif Clock.INFORMATIVE in states:
        say("S-TIME-INFORMATIVE", f"{begin or '-'} -> {end or '-'}")
