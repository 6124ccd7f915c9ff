"""Long inputs of `wattproof verify`: what is found is shown or written as it comes, in constant memory.

The object of ``--json`` states its summary first, so records and sessions wait in temporary files until it is known.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import msgspec

from wattproof.cli import output
from wattproof.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.text import Text

    from wattproof.signed.examination import Examination
    from wattproof.signed.report import Report
    from wattproof.signed.scale.judging import Collector, Outcome
    from wattproof.signed.sources.source import Progress
    from wattproof.signed.totals import Totals
    from wattproof.signed.wording import Language

#: Records, and bytes of them, that are kept to be shown as one report; more is a long input.
RECORDS, SIZE = 1000, 8 * 1024 * 1024
#: Bytes of a file from which on a bar is shown, and seconds between two looks at it.
_LONG, _EVERY = 4 * 1024 * 1024, 0.2


class Enough:
    """Counts parts, and says when they are too many to be shown as one report."""

    def __init__(self) -> None:
        self._records = self._size = 0

    def add(self, part: Report) -> None:
        """Count a part."""
        self._records += len(part.records)
        self._size += sum(len(record.text) for record in part.records)

    def __bool__(self) -> bool:
        return self._records > RECORDS or self._size > SIZE


def take(parts: Iterator[Report | Outcome], whole: Callable[[Report], object]) -> bool:
    """Hands the first parts to ``whole``; says whether there may be more, because these are enough for one report."""
    from wattproof.signed.report import Report

    enough = Enough()
    for part in parts:
        if not isinstance(part, Report):
            raise TypeError("only what comes after enough reports is judged elsewhere")
        whole(part)
        enough.add(part)
        if enough:
            return True
    return False


class Listener(Protocol):
    """What wants to know every part of a run."""

    def add(self, report: Report, /) -> None: ...


class Gathering(Listener, Protocol):
    """A listener to parts that are judged elsewhere: a collector makes there what ``merge`` takes here."""

    def collector(self) -> Callable[[], Collector]: ...

    def merge(self, result: Any, /) -> None: ...


def totals(
    examination: Examination,
    parts: Iterator[Report | Outcome],
    gatherings: Sequence[Gathering],
    listeners: Sequence[Listener] = (),
) -> Totals:
    """Tell what was kept so far, and then every other part, to the listeners; the counts of all of them.

    ``gatherings`` are those whose collectors, in this order, are in the outcomes.
    """
    from wattproof.signed.report import Report
    from wattproof.signed.totals import Totals

    found = Totals()
    beginning = examination.report()
    for part in chain([beginning], parts):
        if isinstance(part, Report):
            found.add(part)
            for listener in (*listeners, *gatherings):
                listener.add(part)
        else:
            found.merge(part.totals)
            for gathering, result in zip(gatherings, part.results, strict=True):
                gathering.merge(result)
            for key in part.test_keys:  # they mark what follows
                examination.meet(key)
    found.unreadable = len(beginning.unreadable)
    if not examination.allow_test_keys:
        found.settle(examination.is_test_key)
    return found


class Bar:
    """A progress bar on stderr, where somebody watches a long run: share, rate and estimate.

    ``total`` bytes of all files are to be read, ``None`` if nobody knows; ``done`` those of files that are finished.
    """

    def __init__(self) -> None:
        self.name = ""
        self.total: int | None = None
        self.done = 0
        self.progress: Progress | None = None
        self._advance: Callable[[str, int, int], None] | None = None
        self._stack = ExitStack()
        self._looked = self._begun = time.monotonic()
        self._count = 0

    def tell(self, records: int) -> None:
        """So many records more are judged."""
        self._count += records
        now = time.monotonic()
        if now - self._looked < _EVERY or self.total is None or self.total < _LONG:
            return
        self._looked = now
        if self._advance is None:
            from wattproof.cli.storing import progress as bar

            self._advance = self._stack.enter_context(bar(False))
        rate = self._count / (now - self._begun)
        done = self.done + (self.progress.done if self.progress is not None else 0)
        self._advance(f"{output.harmless(self.name)}: {self._count:,} records, {rate:,.0f}/s", done, self.total)

    def close(self) -> None:
        """Takes the bar away."""
        self._stack.close()


@contextmanager
def watching() -> Iterator[Bar]:
    """A bar that is shown when reading takes long."""
    bar = Bar()
    try:
        yield bar
    finally:
        bar.close()


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Lines of a part that say something else if one of these keys is known, from elsewhere, as a test key."""

    lines: Sequence[Text | str]
    keys: frozenset[bytes]
    part: Report


class Notable:
    """The lines of what is red or grey in the parts of a long input."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._lines: list[Text | str | Doubtful] = []

    def add(self, report: Report) -> None:
        """Keep the lines of a part."""
        from wattproof.cli.verdicts import lines

        part = replace(
            report,
            sessions=[each for each in report.sessions if report.session_colour(each) in ("red", "grey")],
            loose=[each for each in report.loose if report.record_colour(each) in ("red", "grey")],
        )
        if not part.sessions and not part.loose:
            return
        shown = [*chain.from_iterable(session.records for session in part.sessions), *part.loose]
        signatures = [record.signature for record in shown]
        keys = frozenset(each.public_key for each in signatures if each.public_key is not None and not each.test_key)
        said = list(lines(part, self._language))
        if keys:
            self._lines.append(Doubtful(said, keys, replace(part, _predictions={}, _surroundings=None)))
        else:
            self._lines += said

    def result(self) -> list[Text | str | Doubtful]:
        """What was kept."""
        found, self._lines = self._lines, []
        return found


class Lines:
    """Text for people: of a long input only what is red or grey is shown."""

    def __init__(self, examination: Examination, language: Language, stream: TextIO) -> None:
        self._examination = examination
        self._language = language
        self._console = output.console()
        self._stream = stream
        self._notable: Notable | None = None

    def add(self, report: Report) -> None:
        """Show a part."""
        if self._notable is not None:
            self._notable.add(report)
            self.merge(self._notable.result())
            return
        from wattproof.cli.verdicts import lines, long_input

        self._notable = Notable(self._language)  # the beginning is shown as a whole
        self.merge(lines(report, self._language))
        self.merge([f"... {long_input(self._language)}\n"])

    def collector(self) -> Callable[[], Collector]:
        """Makes the same lines elsewhere."""
        return partial(Notable, self._language)

    def merge(self, found: Iterable[Text | str | Doubtful]) -> None:
        """Show lines."""
        lines = chain.from_iterable(self._settled(each) if isinstance(each, Doubtful) else [each] for each in found)
        if self._console.is_terminal:
            for line in lines:
                self._console.print(line, soft_wrap=True)
        else:  # to a file or pipe without the detours of a terminal
            self._stream.write("".join(f"{line if isinstance(line, str) else line.plain}\n" for line in lines))

    def _settled(self, found: Doubtful) -> Iterable[Text | str]:
        """The lines of a part, with what is known of test keys now."""
        if not any(map(self._examination.is_test_key, found.keys)):
            return found.lines
        from wattproof.cli.verdicts import lines

        self._examination.settle(found.part)
        return lines(found.part, self._language)

    def finish(self, summary: dict[str, int]) -> None:
        """Show the counts."""
        from wattproof.cli.verdicts import show_total

        show_total(summary, self._language)

    def close(self) -> None:
        """Nothing is kept."""


class Entries:
    """Records and sessions as lines of JSON; sessions name their records by the position among those before them."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self.sessions: list[str] = []
        self.count = 0

    def add(self, report: Report) -> None:
        """Keep those of a part."""
        self.records += [f"{_dump(entry)}\n" for entry in report.record_entries()]
        self.sessions += [f"{_dump(entry)}\n" for entry in report.session_entries(self.count)]
        self.count += len(report.records)

    def result(self) -> Entries:
        """What was kept."""
        return self


class Json:
    """The object of ``--json``, one record and one session a line."""

    def __init__(self, examination: Examination, stream: TextIO) -> None:
        self._examination = examination
        self._stream = stream
        self._records, self._sessions = _temporary(), _temporary()
        self._count = 0

    def add(self, report: Report) -> None:
        """Write a part to the temporary files. Raises ``StorageError`` if there is no room."""
        entries = Entries()
        entries.add(report)
        self.merge(entries)

    def collector(self) -> Callable[[], Collector]:
        """Makes the same lines elsewhere."""
        return Entries

    def merge(self, entries: Entries) -> None:
        """Write lines to the temporary files. Raises ``StorageError`` if there is no room."""
        try:
            self._records.writelines(entries.records)
            self._sessions.writelines(_moved(line, self._count) for line in entries.sessions)
        except OSError as error:
            raise StorageError(f"no room for the report: {error.strerror or error}") from error
        self._count += entries.count

    def finish(self, summary: dict[str, int]) -> None:
        """Write the object."""
        from wattproof.signed.report import VERSION
        from wattproof.signed.texts import NOTICE

        head = {"version": VERSION, "notice": NOTICE.en, "summary": summary}
        write = self._stream.write
        write(_dump(head)[:-1])
        changed = bytearray(self._count // 8 + 1)
        for name, entries in (("records", self._late(changed)), ("sessions", self._late_sessions(changed))):
            write(f',\n"{name}": [')
            for number, entry in enumerate(entries):
                write((",\n" if number else "\n") + entry)
            write("\n]")
        write("}\n")
        self._stream.flush()

    def close(self) -> None:
        """Removes the temporary files."""
        self._records.close()
        self._sessions.close()

    def _late(self, changed: bytearray) -> Iterator[str]:
        """The records; one that was signed with a test key, which only became known later, is marked now (0.8)."""
        for number, line in enumerate(_stored(self._records)):
            if '"F-TEST-KEY"' not in line:
                key = line.partition('"public_key": "')[2].partition('"')[0]
                if key and self._is_test_key(key):
                    entry = json.loads(line)
                    self._examination.mark(entry)
                    changed[number // 8] |= 1 << number % 8
                    yield _dump(entry)
                    continue
            yield line

    def _is_test_key(self, key: str) -> bool:
        try:
            return self._examination.is_test_key(bytes.fromhex(key))
        except ValueError:
            return False

    def _late_sessions(self, changed: bytearray) -> Iterator[str]:
        any_changed = any(changed)
        for line in _stored(self._sessions):
            if any_changed and '"overall": "green"' in line and not self._examination.allow_test_keys:
                entry = json.loads(line)
                if any(changed[position // 8] >> position % 8 & 1 for position in entry["records"]):
                    entry["overall"] = "yellow"
                    yield _dump(entry)
                    continue
            yield line


def _moved(line: str, first: int) -> str:
    """A session whose records are counted from ``first`` on. (Quotes in its id are escaped, so that this is found.)"""
    before, name, rest = line.partition('"records": [')
    positions, end, rest = rest.partition("]")
    moved = ", ".join(str(first + int(position)) for position in positions.split(", ") if position)
    return f"{before}{name}{moved}{end}{rest}"


def _temporary() -> TextIO:
    """A file that is gone when it is closed."""
    return tempfile.TemporaryFile("w+", encoding="ascii")


def _stored(file: TextIO) -> Iterator[str]:
    file.seek(0)
    for line in file:
        yield line[:-1]


def printable(value: object) -> object:
    """The same object with lone surrogates (of file names) replaced, so that it can be written as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8") if not value.isascii() else value
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, list) else value


def _dump(value: Any) -> str:
    """One line of ASCII, as ``json.dumps`` writes it; msgspec writes what needs no escape, which is nearly all."""
    try:
        quick = msgspec.json.format(msgspec.json.encode(value), indent=0).decode("ascii")
        if "\\" not in quick and "\x7f" not in quick:
            return quick
    except (ValueError, TypeError):  # other characters, or a kind of text or number that msgspec does not write
        pass
    line = json.dumps(value)
    return json.dumps(printable(value)) if "\\ud" in line else line
