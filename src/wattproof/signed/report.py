"""The report of one run: records, sessions, colours, and the object that ``verify --json`` prints.

Field order and meaning: verifier specification, section 0.6. A report states facts in English; the German sentences
are in :mod:`wattproof.signed.texts`. Predictions of other programs are made when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from wattproof.signed import colours
from wattproof.signed.colours import Colour, SessionVerdict, record_colour, session_colour
from wattproof.signed.profiles import PROFILES, Prediction, Surroundings, predict_records
from wattproof.signed.records import Finding, KeySource, Reading, Record, Severity, Time, Verdict
from wattproof.signed.sessions import Session
from wattproof.signed.stamps import time_text
from wattproof.signed.texts import NOTICE
from wattproof.signed.units import KeyText

__all__ = ["VERSION", "Report", "energy", "time_text"]

VERSION = 1
_DAY = 86400  # seconds
_CLOCK = len("1970-01-01T")
_NO_COLOURS = dict.fromkeys((colour.value for colour in Colour), 0)


@dataclass(slots=True, eq=False)
class Report:
    """What was found in all inputs of one run, with the key that the user ``trusted`` as it was given.

    ``unreadable`` names inputs that could not be opened, with the reason. Iterating gives the sessions.
    """

    records: list[Record] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    loose: list[Record] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    allow_test_keys: bool = False
    profile: str | None = None
    trusted: KeyText | None = None
    _predictions: dict[int, Mapping[str, Prediction]] = field(default_factory=dict)
    _surroundings: Surroundings | None = None

    def record_colour(self, record: Record) -> Colour:
        """Colour of one record: its own signature and key."""
        return record_colour(record, allow_test_keys=self.allow_test_keys)

    def session_colour(self, session: Session) -> Colour:
        """Colour of one session: its verdict and its records."""
        return session_colour(session.verdict, map(self.record_colour, session.records))

    @property
    def colours(self) -> list[Colour]:
        """One colour for each session and each loose record."""
        return [*map(self.session_colour, self.sessions), *map(self.record_colour, self.loose)]

    @property
    def summary(self) -> dict[str, int]:
        """Counts: every session with its colour, every loose record with its own."""
        counts = {"sessions": len(self.sessions), "loose_records": len(self.loose), **_NO_COLOURS}
        for colour in self.colours:
            counts[colour] += 1
        counts["unreadable"] = len(self.unreadable)
        return counts

    def exit_status(self, *, strict: bool = False) -> int:
        """Exit status of the command line for this report."""
        predicted: list[str] = []
        if self.profile is not None:
            units: list[Session | Record] = [*self.sessions, *self.loose]
            predicted = [self.predictions(unit)[self.profile].verdict for unit in units]
        return colours.exit_status(self.colours, unreadable=bool(self.unreadable), strict=strict, predictions=predicted)

    def predictions(self, unit: Session | Record) -> Mapping[str, Prediction]:
        """What the incumbent programs would say to a session or a loose record, by profile name."""
        known = self._predictions.get(id(unit))
        if known is None:
            if self._surroundings is None:
                self._surroundings = Surroundings(self.records, self.trusted)
            records = unit.records if isinstance(unit, Session) else [unit]
            session = unit if isinstance(unit, Session) else None
            known = self._predictions[id(unit)] = predict_records(records, session, self._surroundings)
        return known

    def findings(self, session: Session) -> list[Finding]:
        """The findings of a session; a green one that an incumbent would not accept gets ``F-PROFILE``."""
        if self.profile is not None or not self._green_but_for_keys(session):
            return session.findings
        added = [
            Finding("F-PROFILE", Severity.INFO, f"{PROFILES[name].program} would not accept this: {prediction}")
            for name, prediction in self.predictions(session).items()
            if prediction.verdict in ("invalid", "refused")
        ]
        return [*session.findings, *added] if added else session.findings

    def _green_but_for_keys(self, session: Session) -> bool:
        """Green, or yellow only because a key is not trusted or is a test key."""
        return session.verdict is SessionVerdict.OK and all(
            entry.record.signature.verdict is Verdict.VALID for entry in session.entries
        )

    def as_dict(self) -> dict[str, Any]:
        """The object of ``verify --json``: plain texts, numbers, lists and mappings."""
        return {
            "version": VERSION,
            "notice": NOTICE.en,
            "summary": self.summary,
            "records": list(self.record_entries()),
            "sessions": list(self.session_entries()),
        }

    def record_entries(self) -> Iterator[dict[str, Any]]:
        """The objects of ``records``, made one after the other."""
        loose = {id(record) for record in self.loose}
        for record in self.records:
            yield self._record(record, id(record) in loose)

    def session_entries(self, first: int = 0) -> Iterator[dict[str, Any]]:
        """The objects of ``sessions``; ``first`` is the position of this report's first record among all of a run."""
        positions = {id(record): first + position for position, record in enumerate(self.records)}
        for session in self.sessions:
            yield self._session(session, positions)

    def _record(self, record: Record, loose: bool) -> dict[str, Any]:
        signature = record.signature
        source: KeySource | None = signature.key_source if signature.public_key else None
        found: dict[str, Any] = {
            "source": record.source,
            "index": record.index,
            "format": record.format,
            "container": record.container,
            "signature": signature.verdict.value,
            "overall": self.record_colour(record).value,
            "reason": signature.reason,
            "hints": list(signature.hints),
            "algorithm": signature.algorithm,
            "public_key": signature.public_key.hex() if signature.public_key else None,
            "key_source": source.value if source else None,
            "findings": [
                {"code": f.code, "severity": f.severity.value, "where": f.where, "message": f.message}
                for f in record.findings
            ],
        }
        if loose and self.profile is not None:
            found["profiles"] = _profiles(self.predictions(record))
        return found

    def _session(self, session: Session, positions: Mapping[int, int]) -> dict[str, Any]:
        return {
            "id": session.id,
            "records": [positions[id(record)] for record in session.records],
            "verdict": session.verdict.value,
            "overall": self.session_colour(session).value,
            "begin": _reading_time(session.begin),
            "end": _reading_time(session.end),
            "energy": energy(session),
            "profiles": _profiles(self.predictions(session)),
            "findings": _findings(self.findings(session)),
        }


def energy(session: Session) -> dict[str, str] | None:
    """Energy of the billing register in kWh, ``None`` without both values."""
    text = session.billing.energy_text() if session.billing is not None else None
    return {"value": text, "unit": "kWh"} if text is not None else None


def _reading_time(reading: Reading | None) -> str | None:
    """``time_text`` of a reading, put together from the date and the zone that a fleet repeats."""
    time = reading.time if reading is not None else None
    if time is None:
        return None
    days, seconds = divmod(time.seconds + 60 * (time.offset or 0), _DAY)
    date, zone = _date(days), _zone(time.offset, time.utc)
    if date is None or zone is None:
        return time_text(time)
    fraction = f".{time.milliseconds:03d}" if time.milliseconds else ""
    return f"{date}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}{zone}"


@lru_cache(maxsize=1024)
def _date(days: int) -> str | None:
    text = time_text(Time(days * _DAY, None))
    return text[:_CLOCK] if text is not None else None


@lru_cache(maxsize=256)
def _zone(offset: int | None, utc: bool) -> str | None:
    text = time_text(Time(0, offset, utc=utc))
    return text[_CLOCK + len("00:00:00") :] if text is not None else None


def _findings(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"code": f.code, "severity": f.severity.value, "message": f.message} for f in findings]


def _profiles(predictions: Mapping[str, Prediction]) -> dict[str, dict[str, Any]]:
    return {name: {"verdict": p.verdict, "reasons": p.codes} for name, p in predictions.items()}
