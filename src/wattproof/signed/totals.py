"""Counts over a stream of reports: the summary and the exit status of section 0.6 in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from wattproof.signed import colours
from wattproof.signed.colours import Colour
from wattproof.signed.records import Record
from wattproof.signed.report import Report
from wattproof.signed.sessions import Session

_NONE_KEPT = 4096  # different sets of keys that are told apart


@dataclass(slots=True)
class Totals:
    """What a run has found so far. ``records`` counts all of them, in sessions and outside.

    Only trusted keys make green, and they are few: their sessions are counted by key, so that they can still turn
    yellow when such a key is recognised as a published test key later in the run.
    """

    sessions: int = 0
    loose_records: int = 0
    records: int = 0
    unreadable: int = 0
    _colours: Counter[Colour] = field(default_factory=Counter)
    _green: Counter[frozenset[bytes | None]] = field(default_factory=Counter)
    _predicted: set[str] = field(default_factory=set)

    def add(self, report: Report) -> None:
        """Count one report of the stream."""
        self.records += len(report.records)
        self.sessions += len(report.sessions)
        self.loose_records += len(report.loose)
        for session in report.sessions:
            self._count(report, session, report.session_colour(session), session.records)
        for record in report.loose:
            self._count(report, record, report.record_colour(record), [record])

    def merge(self, other: Totals) -> None:
        """Count what another part of the run has found."""
        self.records += other.records
        self.sessions += other.sessions
        self.loose_records += other.loose_records
        self._colours += other._colours
        for keys, count in other._green.items():
            self._keep(keys, count)
        self._predicted |= other._predicted

    def _keep(self, keys: frozenset[bytes | None], count: int) -> None:
        if keys in self._green or len(self._green) < _NONE_KEPT:
            self._green[keys] += count

    def _count(self, report: Report, unit: Session | Record, colour: Colour, records: list[Record]) -> None:
        self._colours[colour] += 1
        if colour is Colour.GREEN:
            self._keep(frozenset(record.signature.public_key for record in records), 1)
        if report.profile is not None:
            self._predicted.add(report.predictions(unit)[report.profile].verdict)

    def settle(self, is_test_key: Callable[[bytes | None], bool]) -> None:
        """At the end of a run without ``allow_test_keys``: what was signed with a published test key is no green."""
        for keys in [keys for keys in self._green if any(map(is_test_key, keys))]:
            count = self._green.pop(keys)
            self._colours[Colour.GREEN] -= count
            self._colours[Colour.YELLOW] += count

    @property
    def summary(self) -> dict[str, int]:
        """The object ``summary`` of the report."""
        counts = {"sessions": self.sessions, "loose_records": self.loose_records}
        counts |= {colour.value: self._colours[colour] for colour in Colour}
        return {**counts, "unreadable": self.unreadable}

    def exit_status(self, *, strict: bool = False) -> int:
        """Exit status of the command line."""
        present = [colour for colour in Colour if self._colours[colour]]
        return colours.exit_status(
            present, unreadable=bool(self.unreadable), strict=strict, predictions=sorted(self._predicted)
        )
