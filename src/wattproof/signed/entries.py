"""A record's part in a session: which of its readings count, and which other record contains it.

Source: verifier specification, section 3.1, rules 5 and 7. A document may hold 100,000 records that a stranger wrote,
so nothing here compares each with each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from wattproof.signed import jsonscan
from wattproof.signed.obis_classes import tokens
from wattproof.signed.records import Moment, Reading, Record
from wattproof.signed.registers import instant, watt_hours

_BEGIN, _END = Moment.BEGIN, Moment.END  # asked for with every reading

#: Labels of the container, and what they say about records of formats that do not say it themselves (2.4, 2.5).
LABELS = {"Transaction.Begin": Moment.BEGIN, "Transaction.End": Moment.END}
BY_LABEL = frozenset({"EDL_40_P", "EDL_40_SIG"})

#: So many records of one owner with a begin in common are looked at; the others cannot matter to a real session.
_CANDIDATES = 64


class Entry(Struct, eq=False):
    """One record of a session. ``readings`` are those that count: repeated begins stand there once (rule 7).

    ``original`` is the entry that this one repeats byte for byte, ``contained`` the one that makes it redundant.
    ``shared`` says that another session, which is not the same, holds the same signed bytes.
    """

    record: Record
    readings: list[Reading]
    begins: bool
    ends: bool
    original: Entry | None = None
    contained: Entry | None = None
    repeated: bool = False
    shared: bool = False
    _begin_keys: frozenset[Hashable] | None = None

    @property
    def duplicate(self) -> bool:
        """An exact repetition of another record."""
        return self.original is not None

    @property
    def redundant(self) -> bool:
        """Everything that counts stands in another record too."""
        return self.contained is not None

    @property
    def complete(self) -> bool:
        """Holds both a begin and an end reading."""
        return self.begins and self.ends

    @property
    def partial(self) -> bool:
        """Holds a begin or an end, but not both."""
        return self.begins is not self.ends

    @property
    def begin_only(self) -> bool:
        """Holds nothing but begin readings."""
        return all(reading.moment is Moment.BEGIN for reading in self.readings)

    @property
    def owner(self) -> tuple[str, str, str]:
        """Gateway, meter and identification; what is missing equals what is empty."""
        record = self.record
        return record.gateway_serial or "", record.meter_serial or "", record.identification or ""

    @property
    def begin_keys(self) -> frozenset[Hashable]:
        """What the begin readings state: register, value, instant."""
        if self._begin_keys is None:
            begins = (reading for reading in self.readings if reading.moment is Moment.BEGIN)
            self._begin_keys = frozenset(reading_key(reading) for reading in begins)
        return self._begin_keys

    def outermost(self) -> Entry:
        """The entry that contains this one and is contained in no other."""
        entry = self
        while entry.contained is not None:
            entry = entry.contained
        if entry is not self:
            self.contained = entry
        return entry


def enter(record: Record) -> Entry:
    """The part of a record, before it is compared with others."""
    if record.format in BY_LABEL:
        labelled = LABELS.get(record.context or "", Moment.INTERMEDIATE)
        for reading in record.readings:
            reading.moment = labelled
    begins = ends = unstated = 0
    for reading in record.readings:
        moment = reading.moment
        if moment is _BEGIN:
            begins += 1
        elif moment is _END:
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


def reading_key(reading: Reading) -> tuple[Hashable, ...]:
    """Equal for readings of the same register, value and instant (rule 7)."""
    energy = watt_hours(reading)
    value: Hashable = energy if energy is not None else (reading.value, reading.unit)
    when: Hashable = instant(reading.time) if reading.time is not None else reading.time_text
    return _register_key(reading), value, when


def _register_key(reading: Reading) -> Hashable:
    return (tokens(reading.register) or reading.register) if reading.register else None


def _without_repeats(readings: list[Reading]) -> list[Reading]:
    """Rule 7: later begins that each equal an earlier one count as if they stood there once."""
    seen: set[Hashable] = set()
    registers: set[Hashable] = set()
    kept: list[Reading] = []
    for reading in readings:
        if reading.moment is Moment.BEGIN:
            key = reading_key(reading)
            if key in seen:
                continue
            if (register := _register_key(reading)) in registers:
                return readings  # another value or time for the same register: a second begin
            seen.add(key)
            registers.add(register)
        kept.append(reading)
    return kept


def without_duplicates(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Rule 5: the entries without exact repetitions, and the repetitions, marked."""
    seen: dict[bytes, Entry] = {}
    unique: list[Entry] = []
    repetitions: list[Entry] = []
    for entry in entries:
        entry.original = seen.get(entry.record.signed)
        if entry.original is None:
            seen[entry.record.signed] = entry
            unique.append(entry)
        else:
            repetitions.append(entry)
    return unique, repetitions


class Containers:
    """Finds, among ``entries``, one that contains another: same owner, every begin reading of it (rule 7)."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_begin: dict[Hashable, list[Entry]] = {}
        for entry in entries:
            owner = entry.owner
            for key in entry.begin_keys:
                self._by_begin.setdefault((owner, key), []).append(entry)

    def of(self, entry: Entry, accept: Callable[[Entry], bool] | None = None) -> Entry | None:
        """The first entry that contains this one, which begins and does not end; ``accept`` may ask for more."""
        if not entry.begins or entry.ends:
            return None
        owner = entry.owner
        lists = [self._by_begin.get((owner, key), []) for key in entry.begin_keys]
        for candidate in min(lists, key=len)[:_CANDIDATES]:
            if candidate is entry or (accept is not None and not accept(candidate)):
                continue
            if entry.begin_keys <= candidate.begin_keys:
                return candidate
        return None


def mark_superseded(session: Sequence[Entry]) -> None:
    """Rule 7 while the complete record is missing: begin-only towards begin and intermediate, that towards a later."""
    if len(session) < 2 or any(entry.complete for entry in session):
        return
    going_on = [entry for entry in session if entry.begins and not entry.ends and not entry.begin_only]
    if not going_on:
        return
    latest_first = sorted(going_on, key=lambda entry: -1 if entry.record.page is None else entry.record.page)[::-1]
    containers = Containers(latest_first)
    for entry in session:
        page = entry.record.page
        if entry.begin_only:
            entry.contained = containers.of(entry)
        elif page is not None:
            entry.contained = containers.of(entry, lambda other, page=page: (other.record.page or 0) > page)  # type: ignore[misc]


def mark_repeated(entries: Iterable[Entry]) -> None:
    """Rule 5: complete records of one meter with equal begin and end, but other bytes."""
    whole = [entry for entry in entries if entry.complete and not entry.duplicate]
    if len(whole) < 2:
        return
    stated: dict[Hashable, list[Entry]] = {}
    for entry in whole:
        bounds = frozenset(
            (reading.moment, *reading_key(reading))
            for reading in entry.readings
            if reading.moment in (Moment.BEGIN, Moment.END)
        )
        stated.setdefault((entry.owner[:2], bounds), []).append(entry)
    for same in stated.values():
        if len({entry.record.signed for entry in same}) > 1:
            for entry in same:
                entry.repeated = True


def mark_shared(sessions: Sequence[Sequence[Entry]]) -> None:
    """Rule 5 across sessions: the same signed bytes under two transactions.

    A whole session that is there twice is told as one made again is; a part of one in another session as a repetition.
    """
    homes: dict[bytes, dict[int, Entry]] = {}
    for number, session in enumerate(sessions):
        for entry in session:
            homes.setdefault(entry.record.signed, {}).setdefault(number, entry)
    known: dict[frozenset[bytes], int] = {}  # each content once, so that sessions are compared by a number
    contents: dict[int, int] = {}
    for same in homes.values():
        if len(same) < 2:
            continue
        for number in same:
            if number not in contents:
                content = frozenset(entry.record.signed for entry in sessions[number])
                contents[number] = known.setdefault(content, len(known))
        whole = all(entry.complete for entry in same.values()) or len({contents[number] for number in same}) == 1
        for entry in same.values():
            entry.repeated, entry.shared = entry.repeated or whole, not whole
