"""From the records of one document to charging sessions: who belongs together, in which order, what counts once.

Source: verifier specification, section 3.1; the numbers of the rules are named where they apply.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from wattproof.signed import jsonscan
from wattproof.signed.colours import SessionVerdict
from wattproof.signed.obis_classes import RegisterClass, tokens
from wattproof.signed.records import Finding, Moment, Reading, Record, Verdict
from wattproof.signed.registers import Register, billing_register, instant, sort_registers, watt_hours

BEGIN_LABEL, END_LABEL = "Transaction.Begin", "Transaction.End"
_LABEL_ORDER = {BEGIN_LABEL: 0, END_LABEL: 2}

#: Containers whose records are one session, whatever they hold (rule 3).
ONE_SESSION_CONTAINERS = frozenset({"chargeIT-JSON"})
#: Formats whose records may be a charging session without a single reading: then the session is incomplete.
_MAY_BE_EMPTY = frozenset({"OCMF"})
_LOOSE_VERDICTS = frozenset({Verdict.FORMAT_ERROR, Verdict.UNSUPPORTED})


@dataclass(slots=True, eq=False)
class Entry:
    """One record of a session. ``readings`` are those that count: repeated begins stand there once (rule 7)."""

    record: Record
    readings: list[Reading]
    begins: bool
    ends: bool
    redundant: bool = False
    duplicate: bool = False
    repeated: bool = False

    @property
    def complete(self) -> bool:
        """Holds both a begin and an end reading."""
        return self.begins and self.ends

    @property
    def partial(self) -> bool:
        """Holds a begin or an end, but not both."""
        return self.begins is not self.ends

    @property
    def owner(self) -> tuple[str, str, str]:
        """Gateway, meter and identification; what is missing equals what is empty."""
        record = self.record
        return record.gateway_serial or "", record.meter_serial or "", record.identification or ""


@dataclass(slots=True, eq=False)
class Session:
    """One charging session: entries in session order, its registers, and what the rules found."""

    entries: list[Entry]
    counted: list[Entry]  # neither duplicate nor redundant
    readings: list[Reading]
    registers: dict[RegisterClass, Register]
    informative: dict[str | None, Register]
    billing: Register | None
    fiscal: bool
    findings: list[Finding] = field(default_factory=list)
    verdict: SessionVerdict = SessionVerdict.OK

    @property
    def records(self) -> list[Record]:
        """All records, redundant and repeated ones included, in session order."""
        return [entry.record for entry in self.entries]

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
        return [_session([_entry(records[0])])], []
    loose: list[Record] = []
    groups: dict[tuple[str, str], list[Entry]] = {}
    positions: dict[int, int] = {}
    for position, record in enumerate(records):
        if record.signature.verdict in _LOOSE_VERDICTS or not (record.readings or record.format in _MAY_BE_EMPTY):
            loose.append(record)
            continue
        positions[id(record)] = position
        groups.setdefault(_group(record), []).append(_entry(record))
    collections: list[list[Entry]] = []
    for (kind, _), entries in groups.items():
        if len(entries) == 1:
            collections.append(entries)
        elif kind == "container":
            unique, repetitions = _duplicates(entries)
            collections.append(unique + repetitions)
        else:
            collections.extend(_together(entries, collected=kind == "loose"))
    _mark_repeated(entry for entries in groups.values() for entry in entries)
    if len(collections) > 1:
        collections.sort(key=lambda entries: min(positions[id(entry.record)] for entry in entries))
    return [_session(entries) for entries in collections], loose


def _group(record: Record) -> tuple[str, str]:
    if record.container in ONE_SESSION_CONTAINERS:
        return "container", ""
    return ("transaction", record.transaction) if record.transaction is not None else ("loose", "")


def _entry(record: Record) -> Entry:
    begins = ends = unstated = 0
    for reading in record.readings:
        moment = reading.moment
        if moment is Moment.BEGIN:
            begins += 1
        elif moment is Moment.END:
            ends += 1
        if reading.value is None:
            unstated += 1
    readings = record.readings if not unstated else _without_events(record)
    return Entry(record, readings if begins < 2 or ends else _without_repeats(readings), begins > 0, ends > 0)


def _without_events(record: Record) -> list[Reading]:
    """The readings; one that states neither value nor register nor unit itself is an event and has no register."""
    entries = _stated(record.text) if record.format == "OCMF" else []
    readings: list[Reading] = []
    for reading in record.readings:
        position = reading.where.rpartition("/")[2]
        entry = entries[int(position)] if position.isdecimal() and int(position) < len(entries) else None
        event = isinstance(entry, dict) and not entry.keys() & {"RV", "RI", "RU"}
        readings.append(replace(reading, register=None, unit=None) if event else reading)
    return readings


def _stated(text: str) -> list[object]:
    """RD of an OCMF text as it stands, before anything is inherited."""
    payload = jsonscan.scan(text, text.index("{")).value
    entries = payload.get("RD") if isinstance(payload, dict) else None
    return entries if isinstance(entries, list) else []


def _reading_key(reading: Reading) -> tuple[object, ...]:
    """Equal for readings of the same register, value and instant (rule 7)."""
    energy = watt_hours(reading)
    value: object = energy if energy is not None else (reading.value, reading.unit)
    when: object = instant(reading.time) if reading.time is not None else reading.time_text
    return _register_key(reading), value, when


def _register_key(reading: Reading) -> object:
    return (tokens(reading.register) or reading.register) if reading.register else None


def _without_repeats(readings: list[Reading]) -> list[Reading]:
    """Rule 7: later begins that each equal an earlier one count as if they stood there once."""
    seen: set[object] = set()
    registers: set[object] = set()
    kept: list[Reading] = []
    for reading in readings:
        if reading.moment is Moment.BEGIN:
            key = _reading_key(reading)
            if key in seen:
                continue
            if (register := _register_key(reading)) in registers:
                return readings  # another value or time for the same register: a second begin
            seen.add(key)
            registers.add(register)
        kept.append(reading)
    return kept


def _duplicates(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Rule 5: the entries without exact repetitions, and the repetitions, marked."""
    seen: set[bytes] = set()
    unique: list[Entry] = []
    repeated: list[Entry] = []
    for entry in entries:
        if entry.record.signed in seen:
            entry.duplicate = True
            repeated.append(entry)
        else:
            seen.add(entry.record.signed)
            unique.append(entry)
    return unique, repeated


def _together(entries: Sequence[Entry], *, collected: bool) -> list[list[Entry]]:
    """Sessions of one transaction (rule 2), or of records without transaction when ``collected`` (rule 3)."""
    unique, repetitions = _duplicates(entries)
    complete = [entry for entry in unique if entry.complete]
    rest = [entry for entry in unique if not entry.complete]
    sessions = {id(entry): [entry] for entry in complete}
    left: list[Entry] = []
    for entry in rest:
        target = next((whole for whole in complete if _is_redundant(entry, whole)), None)
        if target is None:
            left.append(entry)
        else:
            entry.redundant = True
            sessions[id(target)].insert(-1, entry)
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
    for session in result:
        _mark_superseded(session)
    for entry in repetitions:
        home = next(s for s in result if any(e.record.signed == entry.record.signed for e in s))
        home.append(entry)
    return result


def _is_redundant(entry: Entry, whole: Entry) -> bool:
    """Rule 7: begin-only, or begin and intermediate, with the owner and the begins of ``whole``."""
    if not entry.begins or entry.ends or entry.owner != whole.owner:
        return False
    return _begin_keys(entry) <= _begin_keys(whole)


def _begin_keys(entry: Entry) -> set[tuple[object, ...]]:
    return {_reading_key(reading) for reading in entry.readings if reading.moment is Moment.BEGIN}


def _mark_superseded(session: list[Entry]) -> None:
    """Rule 7 while the complete record is missing: begin-only towards begin and intermediate, that towards a later."""
    if len(session) < 2 or any(entry.complete for entry in session):
        return
    going_on = [entry for entry in session if entry.begins and not entry.ends and not _begin_only(entry)]
    if not going_on:
        return
    for entry in session:
        if not entry.begins or entry.ends:
            continue
        later = going_on if _begin_only(entry) else [other for other in going_on if _is_later(other, entry)]
        entry.redundant = any(_is_redundant(entry, other) for other in later)


def _begin_only(entry: Entry) -> bool:
    return all(reading.moment is Moment.BEGIN for reading in entry.readings)


def _is_later(other: Entry, entry: Entry) -> bool:
    ours, theirs = entry.record.page, other.record.page
    return ours is not None and theirs is not None and theirs > ours


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


def _mark_repeated(entries: Iterable[Entry]) -> None:
    """Rule 5: complete records of one meter with equal begin and end, but other bytes."""
    whole = [entry for entry in entries if entry.complete and not entry.duplicate]
    if len(whole) < 2:
        return
    stated: dict[object, list[Entry]] = {}
    for entry in whole:
        bounds = frozenset(
            (reading.moment, *_reading_key(reading))
            for reading in entry.readings
            if reading.moment in (Moment.BEGIN, Moment.END)
        )
        stated.setdefault((entry.owner[:2], bounds), []).append(entry)
    for same in stated.values():
        if len({entry.record.signed for entry in same}) > 1:
            for entry in same:
                entry.repeated = True


def _session(entries: list[Entry]) -> Session:
    if len(entries) == 1:
        counted, readings = entries, entries[0].readings
    else:
        entries = _ordered(entries)
        counted = [entry for entry in entries if not (entry.duplicate or entry.redundant)]
        readings = [reading for entry in counted for reading in entry.readings]
        extra = [r for e in entries if e.redundant and not e.duplicate for r in e.readings]
        _sort_in(readings, [reading for reading in extra if reading.moment is not Moment.BEGIN])
    registers, informative = sort_registers(readings)
    fiscal = all(entry.record.page_letter == "F" for entry in counted)
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
    ordered: list[Entry] = []
    for entry in counted:
        contained = [other for other in redundant if _is_redundant(other, entry)]
        redundant = [other for other in redundant if other not in contained]
        ordered += [*contained, entry]
    for repetition in (entry for entry in entries if entry.duplicate):
        at = next(i for i, entry in enumerate(ordered) if entry.record.signed == repetition.record.signed)
        ordered.insert(at + 1, repetition)
    return ordered + redundant


def _sort_by_page(entries: list[Entry]) -> None:
    """By page where all have one of the same counter; counters without letter (BSM) stay in file order."""
    if len({entry.record.page_letter for entry in entries}) == 1 and entries[0].record.page_letter is not None:
        pages = [entry.record.page for entry in entries]
        if None not in pages:
            entries.sort(key=lambda entry: entry.record.page or 0)


def _sort_in(readings: list[Reading], extra: list[Reading]) -> None:
    """Insert the intermediate readings of redundant records by time, after the begins and before the end."""
    for reading in extra:
        moment = instant(reading.time) if reading.time is not None else None
        at = len(readings)
        for position, other in enumerate(readings):
            later = moment is not None and other.time is not None and instant(other.time) > moment
            if other.moment is not Moment.BEGIN and (later or other.moment is Moment.END):
                at = position
                break
        readings.insert(at, reading)
