"""How `wattproof verify` shows a report to people: a block for each session and loose record, totals, the notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from wattproof.cli import output
from wattproof.signed.texts import HEADLINES, NOT_BACKED, NOTICE, REASONS, TEST_KEY, VERDICTS, Text
from wattproof.signed.wording import (
    COLOUR_NAMES,
    PREDICTIONS,
    SEVERITIES,
    UNREADABLE,
    Language,
    hint,
    key_origin,
    message,
    say,
)

if TYPE_CHECKING:
    from rich import text as rich_text

    from wattproof.signed.records import Finding, Record
    from wattproof.signed.report import Report
    from wattproof.signed.sessions import Session

_SHOWN = 400  # characters of one text of a record

_MARKS = {"green": "✔", "yellow": "!", "red": "✘", "grey": "?"}
_STYLES = {"green": "bold green", "yellow": "bold yellow", "red": "bold red", "grey": "bold bright_black"}
_SEVERITY_STYLES = {"error": "red", "incomplete": "bright_black", "warning": "yellow", "info": "dim"}

_WORDS = {
    "begin": Text("begin", "Beginn"),
    "end": Text("end", "Ende"),
    "energy": Text("energy", "Energie"),
    "user": Text("user", "Nutzer"),
    "point": Text("point", "Punkt"),
    "tariff": Text("tariff", "Tarif"),
    "key": Text("key", "Schl."),
    "session": Text("session", "Ladevorgang"),
    "no session": Text("no session", "kein Ladevorgang"),
    "record": Text("record", "Datensatz"),
    "meter": Text("meter", "Zähler"),
    "unknown": Text("unknown", "unbekannt"),
    "page": Text("page", "Seite"),
    "in": Text("in", "in"),
    "at": Text("at", "bei"),
    "hint": Text("hint", "Hinweis"),
    "would say": Text("would say", "würde sagen"),
    "nothing": Text("nothing to judge", "nichts zu beurteilen"),
    "long": Text(
        "a long input: from here on only what is red or grey is shown",
        "eine lange Eingabe: von hier an wird nur gezeigt, was rot oder grau ist",
    ),
}


def escape(text: str) -> str:
    """Text of a record, made harmless for a terminal: control characters are shown, not obeyed."""
    shown = output.harmless(text[:_SHOWN]).replace("\n", "\\u000a")
    return shown + ("..." if len(text) > _SHOWN else "")


def reason(code: str | None, language: Language = "en") -> str:
    """The sentence of a reason code."""
    return say(REASONS.get(code or "", UNREADABLE), language)


def headline(verdict: str, language: Language = "en") -> str:
    """The words of a signature verdict."""
    return say(HEADLINES[verdict], language)


def show(report: Report, language: Language = "en") -> None:
    """Print a report for people."""
    console = output.console()
    for line in lines(report, language):
        console.print(line, soft_wrap=True)
    show_total(report.summary, language)


def lines(report: Report, language: Language = "en") -> Iterator[rich_text.Text]:
    """A block for each session and loose record."""
    return _Writer(report, language).lines()


def show_total(counts: Mapping[str, int], language: Language = "en") -> None:
    """Print the counts of a summary, and the notice."""
    parts = [f"{counts[colour.value]} {say(name, language)}" for colour, name in COLOUR_NAMES.items()]
    shown = ", ".join(part for part in parts if not part.startswith("0 ")) or say(_WORDS["nothing"], language)
    output.say(f"{_counted(counts, language)}: {shown}")
    output.say(say(NOTICE, language))


def long_input(language: Language = "en") -> str:
    """What is said between the beginning of a long input and the rest of it."""
    return say(_WORDS["long"], language)


def _line(text: str, style: str = "") -> rich_text.Text:
    from rich.text import Text

    return Text(escape(text), style=style)


class _Writer:
    """The lines of one report in one language."""

    def __init__(self, report: Report, language: Language) -> None:
        self.report = report
        self.language: Language = language

    def word(self, name: str) -> str:
        return say(_WORDS[name], self.language)

    def lines(self) -> Iterator[rich_text.Text]:
        for session in self.report.sessions:
            yield from self.session(session)
            yield _line("")
        for record in self.report.loose:
            colour = self.report.record_colour(record)
            yield self.title(colour.value, f"{record.source}  {self.word('no session')}")
            yield from self.record(record)
            yield from self.keys([record])
            yield from self.prediction(record)
            yield _line("")

    def title(self, colour: str, text: str) -> rich_text.Text:
        from wattproof.signed.colours import Colour

        name = say(COLOUR_NAMES[Colour(colour)], self.language).upper()
        return _line(f"{_MARKS[colour]} {name}  {text}", _STYLES[colour])

    def session(self, session: Session) -> Iterator[rich_text.Text]:
        from wattproof.signed.report import energy, time_text

        colour = self.report.session_colour(session).value
        records = session.records
        yield self.title(colour, f"{records[0].source}  {self.word('session')} {session.id}")
        backed = all(record.signature.verdict == "valid" for record in records)
        words = say(VERDICTS[session.verdict.value], self.language)
        yield _line(f"  {words}" + ("" if backed else f" ({say(NOT_BACKED, self.language)})"))
        for name, reading in (("begin", session.begin), ("end", session.end)):
            if reading is not None:
                value = f"{reading.literal or '-'} {reading.unit or ''}".strip()
                when = time_text(reading.time) or reading.time_text or "-"
                yield _line(f"  {self.word(name):<7} {when}  {value}  {reading.register or ''}".rstrip())
        used = energy(session)
        if used is not None:
            yield _line(f"  {self.word('energy'):<7} {used['value']} {used['unit']}", "bold")
        for name, texts in (
            ("user", [record.identification for record in records]),
            ("point", [record.evse for record in records]),
            ("tariff", [record.tariff for record in records]),
        ):
            if stated := " / ".join(dict.fromkeys(text for text in texts if text)):
                yield _line(f"  {self.word(name):<7} {stated}")
        for record in records:
            yield from self.record(record)
        yield from self.keys(records)
        for finding in self.report.findings(session):
            yield self.finding("  ", finding, 10)
        yield from self.prediction(session)

    def record(self, record: Record) -> Iterator[rich_text.Text]:
        signature = record.signature
        colour = self.report.record_colour(record).value
        meter = record.meter_serial or record.gateway_serial or self.word("unknown")
        number = record.page_text or record.page
        page = f" {self.word('page')} {number}" if number is not None and number != "" else ""
        kind = record.format
        if record.container != "none":
            kind += f" {self.word('in')} {record.container}"
        yield _line(
            f"  {_MARKS[colour]} {self.word('record')} {record.index}: {kind}, {self.word('meter')} {meter}{page}: "
            + headline(signature.verdict.value, self.language)
            + (f" ({signature.algorithm})" if signature.algorithm else ""),
            _STYLES[colour].removeprefix("bold "),
        )
        if signature.reason:
            yield _line(f"      {signature.reason}: {reason(signature.reason, self.language)}")
        for name in signature.hints:
            yield _line(f"      {self.word('hint')}: {hint(name, self.language)}")
        for finding in record.findings:
            yield self.finding("      ", finding, 8)

    def finding(self, indent: str, finding: Finding, width: int) -> rich_text.Text:
        severity = say(SEVERITIES[finding.severity.value], self.language)
        where = f" {self.word('at')} {finding.where}" if finding.where else ""
        return _line(
            f"{indent}{severity:<{width}} {finding.code}: {message(finding, self.language)}{where}",
            _SEVERITY_STYLES[finding.severity.value],
        )

    def keys(self, records: list[Record]) -> Iterator[rich_text.Text]:
        """Where the keys came from and what that proves, each said once."""
        with_key = [record for record in records if record.signature.public_key is not None]
        said = {key_origin(record, self.language): record.signature.key_source == "trusted" for record in with_key}
        for text, known in said.items():
            yield _line(f"  {self.word('key'):<7} {text}", "" if known else "yellow")
        if any(record.signature.test_key for record in with_key):
            yield _line(f"  {self.word('key'):<7} {say(TEST_KEY, self.language)}", "yellow")

    def prediction(self, unit: Session | Record) -> Iterator[rich_text.Text]:
        from wattproof.signed.profiles import PROFILES

        if self.report.profile is not None:
            found = self.report.predictions(unit)[self.report.profile]
            name = say(PREDICTIONS[found.verdict], self.language)
            because = "".join(f", {code}: {text}" for code, text in found.reasons)
            yield _line(f"  {PROFILES[self.report.profile].program} {self.word('would say')}: {name}{because}")


def _counted(counts: Mapping[str, int], language: Language) -> str:
    sessions, loose, unreadable = counts["sessions"], counts["loose_records"], counts["unreadable"]
    if language == "de":
        parts = [f"{sessions} {'Ladevorgang' if sessions == 1 else 'Ladevorgänge'}"]
        if loose:
            parts.append(f"{loose} {'Datensatz' if loose == 1 else 'Datensätze'} ohne Ladevorgang")
        if unreadable:
            parts.append(f"{unreadable} nicht lesbar")
        return ", ".join(parts)
    parts = [f"{sessions} session{'s' * (sessions != 1)}"]
    if loose:
        parts.append(f"{loose} record{'s' * (loose != 1)} outside a session")
    if unreadable:
        parts.append(f"{unreadable} unreadable")
    return ", ".join(parts)
