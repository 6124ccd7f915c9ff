"""From the records of one document to charging sessions: who belongs together, in which order, what counts once.

Source: verifier specification, section 3.1; the numbers of the rules are named where they apply.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from wattproof.signed.colours import SessionVerdict
from wattproof.signed.entries import (
    Containers,
    Entry,
    enter,
    mark_repeated,
    mark_shared,
    mark_superseded,
    without_duplicates,
)
from wattproof.signed.obis_classes import RegisterClass
from wattproof.signed.records import Finding, Moment, Reading, Record, Verdict
from wattproof.signed.registers import Register, billing_register, instant, sort_registers

BEGIN_LABEL, END_LABEL = "Transaction.Begin", "Transaction.End"
_LABEL_ORDER = {BEGIN_LABEL: 0, END_LABEL: 2}

#: Containers whose records are one session, whatever they hold (rule 3).
ONE_SESSION_CONTAINERS = frozenset({"chargeIT-JSON", "PTB"})
#: Containers that say which of their records are one charging session; it is formed like a transaction (rule 2).
ONE_PART_CONTAINERS = frozenset({"OCPI", "Chargy-CTR"})
#: Formats whose records may be a charging session without a single reading: then the session is incomplete.
_MAY_BE_EMPTY = frozenset({"OCMF", "ChargePoint"})
#: Formats whose pages have no letter and still say the order (rule 4).
_BY_PAGE = frozenset({"EDL_40_P", "ISA_EDL_40_P"})
_NEVER = -(1 << 80)
_LOOSE_VERDICTS = frozenset({Verdict.FORMAT_ERROR, Verdict.UNSUPPORTED})


class Session(Struct, eq=False):
    """One charging session: entries in session order, its registers, and what the rules found."""

    entries: list[Entry]
    counted: list[Entry]  # neither duplicate nor redundant
    readings: list[Reading]
    registers: dict[RegisterClass, Register]
    informative: dict[str | None, Register]
    billing: Register | None
    fiscal: bool
    findings: list[Finding] = []
    verdict: SessionVerdict = SessionVerdict.OK

    @property
    def records(self) -> list[Record]:
        """All records, redundant and repeated ones included, in session order."""
        return [entry.record for entry in self.entries]

    @property
    def stated(self) -> list[Reading]:
        """All readings, with the begins that count for nothing beside their equals (rule 7).

        They are equal in register, value and time; what they say of the state of the meter is said once more.
        """
        left_out = [
            reading
            for entry in self.entries
            if not entry.duplicate and (entry.redundant or entry.readings is not entry.record.readings)
            for reading in entry.record.readings
            if reading.moment is Moment.BEGIN and reading.value is not None
        ]
        if not left_out:
            return self.readings
        known = set(map(id, self.readings))
        return [*self.readings, *(reading for reading in left_out if id(reading) not in known)]

    @property
    def begin(self) -> Reading | None:
        """The begin reading of the billing register, else the first there is."""
        return self._bound(Moment.BEGIN)

    @property
    def end(self) -> Reading | None:
        """The end reading of the billing register, else the first there is."""
        return self._bound(Moment.END)

    def _bound(self, moment: Moment) -> Reading | None:
        if self.billing is not None:
            return self.billing.begin if moment is Moment.BEGIN else self.billing.end
        return next((reading for reading in self.readings if reading.moment is moment), None)

    @property
    def id(self) -> str:
        """Transaction id of the container, else the id inside the record, else a hash of the first signed bytes."""
        first = self.entries[0].record
        if first.transaction:
            return first.transaction
        return first.session or f"sha256:{hashlib.sha256(first.signed).hexdigest()[:16]}"


def form(records: Sequence[Record]) -> tuple[list[Session], list[Record]]:
    """The sessions of one document, in the order of their first records, and the loose records."""
    if len(records) == 1 and records[0].readings and records[0].signature.verdict not in _LOOSE_VERDICTS:
        return [_session([enter(records[0])])], []
    if len(records) == 1 and records[0].signature.verdict in _LOOSE_VERDICTS:
        return [], [records[0]]
    loose: list[Record] = []
    groups: dict[tuple[str, object], list[Entry]] = {}
    positions: dict[int, int] = {}
    for position, record in enumerate(records):
        if record.signature.verdict in _LOOSE_VERDICTS or not (record.readings or record.format in _MAY_BE_EMPTY):
            loose.append(record)
            continue
        positions[id(record)] = position
        groups.setdefault(_group(record), []).append(enter(record))
    collections: list[list[Entry]] = []
    for (kind, _), entries in groups.items():
        if len(entries) == 1:
            collections.append(entries)
        elif kind == "container":
            unique, repetitions = without_duplicates(entries)
            collections.append(unique + repetitions)
        else:
            collections.extend(_together(entries, collected=kind == "loose"))
    mark_repeated(entry for entries in groups.values() for entry in entries)
    if len(collections) > 1:
        mark_shared(collections)
        collections.sort(key=lambda entries: min(positions[id(entry.record)] for entry in entries))
    return [_session(entries) for entries in collections], loose


def _group(record: Record) -> tuple[str, object]:
    if record.container in ONE_SESSION_CONTAINERS:
        return "container", ""
    if record.transaction is not None:
        return "transaction", record.transaction
    if record.group is None:
        return "loose", ""
    return "group" if record.container in ONE_PART_CONTAINERS else "container", record.group


def _together(entries: Sequence[Entry], *, collected: bool) -> list[list[Entry]]:
    """Sessions of one transaction (rule 2), or of records without transaction when ``collected`` (rule 3)."""
    unique, repetitions = without_duplicates(entries)
    complete = [entry for entry in unique if entry.complete]
    rest = [entry for entry in unique if not entry.complete]
    sessions = {id(entry): [entry] for entry in complete}
    left: list[Entry] = []
    containers = Containers(complete)
    for entry in rest:
        entry.contained = containers.of(entry)
        if entry.contained is None:
            left.append(entry)
        else:
            sessions[id(entry.contained)].insert(-1, entry)
    if collected:
        result = [*sessions.values(), *_by_meter(left)]
    elif not complete:
        result = [left]
    elif any(entry.partial for entry in left):
        result = [[entry for session in sessions.values() for entry in session] + left]
    elif len(complete) == 1:
        result = [[*left, *sessions[id(complete[0])]]]
    else:
        result = [*sessions.values(), *([left] if left else [])]
    homes: dict[int, list[Entry]] = {}
    for session in result:
        mark_superseded(session)
        homes.update((id(entry), session) for entry in session)
    for entry in repetitions:
        homes[id(entry.original)].append(entry)
    return result


def _by_meter(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Rule 3: what is left is collected by gateway and meter in file order; an end closes a session."""
    open_sessions: dict[tuple[str, str, bool], list[Entry]] = {}
    finished: list[list[Entry]] = []
    for entry in entries:
        key = (*entry.owner[:2], entry.record.page_letter == "F")
        session = open_sessions.get(key)
        if session is None:
            session = open_sessions[key] = []
            finished.append(session)
        session.append(entry)
        if entry.ends:
            del open_sessions[key]
    yield from finished


def _session(entries: list[Entry]) -> Session:
    if len(entries) == 1:
        (entry,) = counted = entries
        readings, fiscal = entry.readings, entry.record.page_letter == "F"
    else:
        entries = _ordered(entries)
        counted = [entry for entry in entries if not (entry.duplicate or entry.redundant)]
        readings = [reading for entry in counted for reading in entry.readings]
        extra = [r for e in entries if e.redundant and not e.duplicate for r in e.readings]
        _sort_in(readings, [reading for reading in extra if reading.moment is not Moment.BEGIN])
        fiscal = all(entry.record.page_letter == "F" for entry in counted)
    registers, informative = sort_registers(readings)
    return Session(entries, counted, readings, registers, informative, billing_register(registers), fiscal)


def _ordered(entries: list[Entry]) -> list[Entry]:
    """Rule 4, with redundant records before what they are contained in and repetitions after their original."""
    counted = [entry for entry in entries if not (entry.duplicate or entry.redundant)]
    redundant = [entry for entry in entries if entry.redundant and not entry.duplicate]
    if len(counted) > 1:
        if any(entry.record.context in _LABEL_ORDER for entry in counted):
            counted.sort(key=lambda entry: _LABEL_ORDER.get(entry.record.context or "", 1))
        else:
            _sort_by_page(counted)
    _sort_by_page(redundant)
    before: dict[int, list[Entry]] = {}
    for entry in redundant:
        before.setdefault(id(entry.outermost()), []).append(entry)
    after: dict[int, list[Entry]] = {}
    for entry in entries:
        if entry.original is not None:
            after.setdefault(id(entry.original), []).append(entry)
    ordered: list[Entry] = []
    for whole in counted:
        for entry in (*before.get(id(whole), ()), whole):
            ordered += [entry, *after.get(id(entry), ())]
    return ordered


def _sort_by_page(entries: list[Entry]) -> None:
    """By page where all have one of the same counter; other counters without letter than SML's stay in file order."""
    counters = {(entry.record.page_letter, entry.record.format) for entry in entries}
    letters = {letter or (format in _BY_PAGE) for letter, format in counters}
    if len(letters) == 1 and False not in letters:
        pages = [entry.record.page for entry in entries]
        if None not in pages:
            entries.sort(key=lambda entry: entry.record.page or 0)


def _sort_in(readings: list[Reading], extra: list[Reading]) -> None:
    """Insert the intermediate readings of redundant records by time, after the begins and before the end."""
    if not extra:
        return
    latest: list[int] = []  # the latest instant up to each reading; begins count for nothing
    for reading in readings:
        if reading.moment is Moment.END:
            break
        counts = reading.time is not None and reading.moment is not Moment.BEGIN
        moment = instant(reading.time) if counts and reading.time is not None else _NEVER
        latest.append(max(moment, latest[-1]) if latest else moment)
    buckets: dict[int, list[Reading]] = {}
    for reading in extra:
        at = bisect_right(latest, instant(reading.time)) if reading.time is not None else len(latest)
        buckets.setdefault(at, []).append(reading)
    merged: list[Reading] = []
    for position, reading in enumerate(readings):
        merged += [*buckets.pop(position, ()), reading]
    readings[:] = merged + buckets.pop(len(readings), [])
