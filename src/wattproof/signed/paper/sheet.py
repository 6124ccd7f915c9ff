"""What stands on one page of a report, before anybody decides what it looks like.

Every text that came from a record goes through :func:`visible` here, once; how it is escaped is the writer's business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wattproof.signed.colours import Colour
from wattproof.signed.paper.plot import Plot, plot
from wattproof.signed.records import Finding, Reading, Record, Verdict
from wattproof.signed.report import Report, energy, time_text
from wattproof.signed.sessions import Session
from wattproof.signed.texts import HEADLINES, NOT_BACKED, REASONS, TEST_KEY, VERDICTS, Text
from wattproof.signed.wording import COLOURS, SOURCES, UNREADABLE, hint, key_origin, message

#: Pages of one report, and readings and findings of one page; what is left out is counted.
MOST_SHEETS, MOST_READINGS, MOST_FINDINGS = 1000, 12, 30
#: Bytes of records that are kept for their pages while a long input is read.
MOST_SIZE = 16 << 20
#: Characters of one text of a record, and bytes of one record that are printed.
MOST_TEXT, MOST_BYTES = 300, 1 << 16

_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

BEGIN, END = Text("Start of charging", "Beginn des Ladens"), Text("End of charging", "Ende des Ladens")
ENERGY = Text("Energy", "Energie")
LABELS = {
    "meter": Text("Meter", "Zähler"),
    "user": Text("User", "Nutzer"),
    "point": Text("Charge point", "Ladepunkt"),
    "tariff": Text("Tariff", "Tarif"),
    "duration": Text("Duration", "Dauer"),
}


def visible(text: str, most: int = MOST_TEXT) -> str:
    """A stranger's text on one line: control characters and those that turn the writing direction are shown as codes.

    >>> visible("500\\x1b[31m")
    '500\\\\u001b[31m'
    """
    shown = _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text[:most])
    shown = shown.encode("utf-8", "replace").decode("utf-8")
    return shown + ("..." if len(text) > most else "")


@dataclass(frozen=True, slots=True)
class Note:
    """A finding: its severity, code and sentence."""

    severity: str
    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a court needs of one record: which bytes, their hash, the signature, the key and where it came from."""

    title: Text
    colour: Colour
    verdict: Text
    reason: Text | None
    algorithm: str
    hash_name: str
    hash: str
    signature: str
    key: str
    fingerprint: str
    origin: Text
    signed: str
    left_out: int  # bytes of ``signed`` that are not printed
    notes: list[Note]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page: a session or a loose record."""

    colour: Colour
    source: str
    name: str
    headline: Text
    statements: list[Text]
    facts: list[tuple[Text, str]]
    readings: list[tuple[str, ...]]
    plot: Plot | None
    notes: list[Note]
    evidence: list[Evidence]
    begin: str = ""
    end: str = ""
    used: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. ``left_out`` counts sessions and records beyond the pages there are."""

    sheets: list[Sheet]
    counts: dict[str, int]
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0


class Pages:
    """The pages of a run that is told part by part: those of what came first, the rest is counted.

    They are drawn at the end, when it is known which keys were published test keys.
    """

    def __init__(self) -> None:
        self.parts: list[Report] = []
        self._units: list[tuple[Report, Session | Record]] = []
        self._size = 0
        self._left_out = 0

    def add(self, report: Report) -> None:
        """One report of the run, sessions first."""
        units: list[Session | Record] = [*report.sessions, *report.loose]
        taken = units[: MOST_SHEETS - len(self._units)] if self._size < MOST_SIZE else []
        self._left_out += len(units) - len(taken)
        if taken:
            self.parts.append(report)
            self._units += [(report, unit) for unit in taken]
            self._size += sum(len(record.text) + len(record.signed) for record in report.records)

    def document(self, counts: Mapping[str, int], unreadable: Sequence[tuple[str, str]] = ()) -> Document:
        """All pages; ``counts`` is the summary of the whole run."""
        sheets = [
            _session(report, unit) if isinstance(unit, Session) else _loose(report, unit)
            for report, unit in self._units
        ]
        failed = [(visible(name), visible(reason)) for name, reason in unreadable[:MOST_SHEETS]]
        return Document(sheets, dict(counts), failed, self._left_out)


def document(report: Report) -> Document:
    """The pages of a report."""
    pages = Pages()
    pages.add(report)
    return pages.document(report.summary, report.unreadable)


def _session(report: Report, session: Session) -> Sheet:
    records = session.records
    colour = report.session_colour(session)
    verdict = VERDICTS[session.verdict.value]
    if not all(record.signature.verdict is Verdict.VALID for record in records):
        verdict = Text(f"{verdict.en} ({NOT_BACKED.en})", f"{verdict.de} ({NOT_BACKED.de})")
    used = energy(session)
    begin, end = _when(session.begin), _when(session.end)
    facts: list[tuple[Text, str]] = []
    if used is not None:
        facts.append((ENERGY, f"{used['value']} {used['unit']}"))
    facts += [(label, text) for label, text in ((BEGIN, begin), (END, end)) if text]
    facts += [(LABELS[name], text) for name, text in _identity(session) if text]
    return Sheet(
        colour,
        visible(records[0].source),
        visible(session.id),
        COLOURS[colour],
        [verdict, *_about_keys(records)],
        facts,
        [_row(reading) for reading in session.readings[:MOST_READINGS]],
        plot(session),
        _notes(report.findings(session)),
        [_evidence(report, record) for record in records],
        begin,
        end,
        f"{used['value']} {used['unit']}" if used is not None else "",
    )


def _loose(report: Report, record: Record) -> Sheet:
    colour = report.record_colour(record)
    return Sheet(
        colour,
        visible(record.source),
        f"{record.format} {record.index}",
        COLOURS[colour],
        [HEADLINES[record.signature.verdict.value], *_about_keys([record])],
        [],
        [_row(reading) for reading in record.readings[:MOST_READINGS]],
        None,
        [],
        [_evidence(report, record)],
    )


def _identity(session: Session) -> Iterator[tuple[str, str]]:
    records = session.records
    yield "duration", _duration(session)
    for name, texts in (
        ("meter", [record.meter_serial or record.gateway_serial for record in records]),
        ("point", [record.evse for record in records]),
        ("user", [record.identification for record in records]),
        ("tariff", [record.tariff for record in records]),
    ):
        yield name, visible(" / ".join(dict.fromkeys(text for text in texts if text)))


def _duration(session: Session) -> str:
    begin, end = session.begin, session.end
    if begin is None or end is None or begin.time is None or end.time is None:
        return ""
    seconds = end.time.seconds - begin.time.seconds
    if seconds < 0 or (begin.time.offset is None) is not (end.time.offset is None):
        return ""
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _when(reading: Reading | None) -> str:
    if reading is None:
        return ""
    return visible((time_text(reading.time) or reading.time_text or "").replace("T", " "))


def _row(reading: Reading) -> tuple[str, ...]:
    return (
        reading.moment.value if reading.moment is not None else "-",
        _when(reading) or "-",
        visible(f"{reading.literal or '-'} {reading.unit or ''}".strip()),
        visible(reading.register or "-"),
        visible(reading.status or "-"),
    )


def _both(finding: Finding) -> Text:
    where = f" @ {finding.where}" if finding.where else ""
    return Text(visible(message(finding, "en") + where), visible(message(finding, "de", beside=True) + where))


def _notes(findings: list[Finding]) -> list[Note]:
    notes = [Note(finding.severity.value, visible(finding.code), _both(finding)) for finding in findings]
    more = len(notes) - MOST_FINDINGS
    if more > 0:
        text = Text(f"{more} more findings are not printed.", f"{more} weitere Befunde sind nicht abgedruckt.")
        notes[MOST_FINDINGS:] = [Note("info", "F-MORE", text)]
    return notes


def _about_keys(records: list[Record]) -> list[Text]:
    """Where the keys came from and what that proves, each said once."""
    with_key = [record for record in records if record.signature.public_key is not None]
    said = [Text(key_origin(record, "en"), key_origin(record, "de")) for record in with_key]
    if any(record.signature.test_key for record in with_key):
        said.append(TEST_KEY)
    return list(dict.fromkeys(said))


_HASHES = {"SHA256": ("SHA-256", "sha256"), "SHA384": ("SHA-384", "sha384"), "SHA512": ("SHA-512", "sha512")}


def _evidence(report: Report, record: Record) -> Evidence:
    signature = record.signature
    shown, name = _HASHES.get((signature.algorithm or "").rpartition("-")[2], _HASHES["SHA256"])
    key = signature.public_key or b""
    kind = record.format + (f" / {record.container}" if record.container != "none" else "")
    page = record.page_text or ("" if record.page is None else str(record.page))
    en, de = f"Record {record.index}: {kind}", f"Datensatz {record.index}: {kind}"
    if page:
        en, de = f"{en}, page {page}", f"{de}, Seite {page}"
    verdict = HEADLINES[signature.verdict.value]
    hints = [Text(hint(item, "en"), hint(item, "de")) for item in signature.hints]
    if hints:
        verdict = Text(
            f"{verdict.en} ({'; '.join(item.en for item in hints)})",
            f"{verdict.de} ({'; '.join(item.de for item in hints)})",
        )
    return Evidence(
        Text(visible(en), visible(de)),
        report.record_colour(record),
        verdict,
        REASONS.get(signature.reason, UNREADABLE) if signature.reason else None,
        visible(signature.algorithm or "-"),
        shown,
        hashlib.new(name, record.signed).hexdigest() if record.signed else "",
        signature.value.hex(),
        key.hex(),
        hashlib.sha256(key).hexdigest()[:16] if key else "",
        SOURCES[signature.key_source if key else None],
        record.signed[:MOST_BYTES].hex(),
        max(0, len(record.signed) - MOST_BYTES),
        _notes(record.findings),
    )
