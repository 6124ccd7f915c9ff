"""A run over inputs: recognise, decode, verify, form sessions, judge, report.

:mod:`wattproof.signed.calls` has what most callers want; an :class:`Examination` is for several inputs in one report,
and for input that is judged part by part.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from wattproof.errors import StorageError, UnknownName
from wattproof.signed import companions, recognise, verification
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.options import KeyLike, loaded, moment, thousand, trusted
from wattproof.signed.profiles import PROFILES
from wattproof.signed.records import Finding, Record, Severity, Verdict
from wattproof.signed.report import Report
from wattproof.signed.rules import judge
from wattproof.signed.rules.findings import Thresholds
from wattproof.signed.sessions import form
from wattproof.signed.sources.source import Place, Progress, Source, from_bytes, from_file
from wattproof.signed.sources.unwrap import groups
from wattproof.signed.texts import TEST_KEY
from wattproof.signed.units import Unit

if TYPE_CHECKING:
    from wattproof.signed.formats.chargepoint_files import Beside
    from wattproof.signed.register import KeyRegister
    from wattproof.signed.sources.rows import Row

#: Source name of data that came from no file.
DATA = "data"

#: Test keys that a run remembers, so that they mark other records, too.
_MOST_TEST_KEYS = 100_000
#: By whether test keys are allowed.
_TEST_KEY = {
    True: Finding("F-TEST-KEY", Severity.INFO, TEST_KEY.en),
    False: Finding("F-TEST-KEY", Severity.WARNING, TEST_KEY.en),
}


class Examination:
    """One run over several inputs: add them, then take the report.

    ``public_key``: the key you trust, in any form of text or DER (hexadecimal, Base64, Base32, PEM), or a file.
    ``allow_test_keys``: published test keys count like others. ``profile``: the incumbent whose prediction counts.
    ``now``: the moment that "in the future" is measured from (Unix seconds or a datetime with zone).
    ``register`` (or its file): keys that you trust for certain meters, asked where ``public_key`` is not given.
    ``energy_limit`` in kWh and ``power_limit`` in kW: beyond them a session is remarkable. ``experimental`` reads
    formats of which no genuine record was ever verified (GDF).
    """

    def __init__(
        self,
        public_key: KeyLike | None = None,
        *,
        allow_test_keys: bool = False,
        profile: str | None = None,
        now: float | datetime.datetime | None = None,
        energy_limit: Decimal | int = 500,
        power_limit: Decimal | int = 1000,
        register: KeyRegister | str | os.PathLike[str] | None = None,
        limits: Limits = DEFAULT,
        experimental: bool = False,
    ) -> None:
        if profile is not None and profile not in PROFILES:
            raise UnknownName(f"no profile {profile!r}: take one of {', '.join(PROFILES)}")
        self._trusted = trusted(public_key)
        self._register = loaded(register)
        self._limits = limits
        self._experimental = experimental
        self._thresholds = Thresholds(moment(now), thousand(energy_limit), thousand(power_limit))
        self._report = Report(allow_test_keys=allow_test_keys, profile=profile, trusted=self._trusted)
        self._test_keys: dict[bytes, None] = {}
        self._last = ("", -1)  # source and index of the last record

    def add(self, data: bytes, source: str = DATA, beside: Beside | None = None) -> None:
        """Examine a file's content or a record, and keep what is found for :meth:`report`.

        ``beside`` is what other files say about it.
        """
        if data[:5] == b"OCMF|":  # by far the most
            units = recognise.read(data, self._place(source).carrier(), self._limits)
            self.keep(self._part([self._verified(unit) for unit in units]))
        else:
            self.add_source(from_bytes(data), source, beside)

    def add_source(self, data: Source, source: str = DATA, beside: Beside | None = None) -> None:
        """The same for a source that is read piece by piece. Raises ``StorageError`` if reading fails."""
        for part in self.parts(data, source, beside):
            self.keep(part)

    def parts(
        self,
        data: Source,
        source: str = DATA,
        beside: Beside | None = None,
        seen: Callable[[str, str, Row], object] | None = None,
    ) -> Iterator[Report]:
        """A report of its own for every document, and for every group of rows, of a source of any length.

        ``seen`` is told every row of a transaction: its source, its container, and the row. Nothing is kept of
        the parts here but the published test keys that were met: they mark the records that follow.
        Raises ``StorageError`` if reading fails half-way.
        """
        with closing(data):
            yield from self.judged(groups(data, replace(self._place(source, beside), seen=seen)))

    def judged(self, found: Iterator[list[Unit]]) -> Iterator[Report]:
        """The same for units that were read elsewhere, those of a document or a group of rows at a time."""
        self._last = ("", -1)
        for batch in _batches(found):
            if self._register is None:
                verification.ahead(chain.from_iterable(batch), self._trusted)
            for records in [[self._verified(unit) for unit in units] for units in batch]:
                yield self._part(records)

    def _place(self, source: str, beside: Beside | None = None) -> Place:
        return Place(source, source, limits=self._limits, beside=beside, experimental=self._experimental)

    def _part(self, records: list[Record]) -> Report:
        """What is found in records that belong to one document, or to one group of rows."""
        source, index = self._last
        for record in records:
            index = index + 1 if record.source == source else 0
            source, record.index = record.source, index
            if verification.is_test_key(record) and record.signature.public_key:
                self.meet(record.signature.public_key)
        self._last = (source, index)
        sessions, loose = form(records)
        for session in sessions:
            judge(session, self._thresholds)
        whole = self._report
        part = Report(
            records,
            sessions,
            loose,
            allow_test_keys=whole.allow_test_keys,
            profile=whole.profile,
            trusted=self._trusted,
        )
        self.settle(part)
        return part

    @property
    def test_keys(self) -> list[bytes]:
        """The published test keys that were met in this run, as SubjectPublicKeyInfo."""
        return list(self._test_keys)

    def meet(self, key: bytes) -> None:
        """This is a published test key: it marks the records that follow."""
        if key not in self._test_keys:
            if len(self._test_keys) >= _MOST_TEST_KEYS:
                del self._test_keys[next(iter(self._test_keys))]
            self._test_keys[key] = None

    def keep(self, part: Report) -> None:
        """Keep a part for :meth:`report`."""
        report = self._report
        report.records += part.records
        report.sessions += part.sessions
        report.loose += part.loose

    def add_file(self, path: os.PathLike[str], source: str | None = None) -> None:
        """Examine one file, with those beside it that belong to the same record. Raises ``StorageError``."""
        for part in parts_of_path(self, Path(path), source or os.fspath(path)):
            self.keep(part)

    def unreadable(self, source: str, reason: str) -> None:
        """Count an input that could not be opened or read."""
        self._report.unreadable.append((source, reason))

    def report(self) -> Report:
        """The report of everything added so far; marks every record whose key is a published test key."""
        self.settle(self._report)
        return self._report

    def is_test_key(self, key: bytes | None) -> bool:
        """Whether a published test key with this SubjectPublicKeyInfo was met in this run."""
        return key in self._test_keys

    @property
    def allow_test_keys(self) -> bool:
        """Whether published test keys count like others."""
        return self._report.allow_test_keys

    def mark(self, entry: dict[str, Any]) -> None:
        """The same for a record of ``as_dict()``, whose key became known as a test key after it was written."""
        finding = _TEST_KEY[self.allow_test_keys]
        stated = {"code": finding.code, "severity": finding.severity.value, "where": "", "message": finding.message}
        entry["findings"].append(stated)
        if entry["overall"] == "green" and not self.allow_test_keys:
            entry["overall"] = "yellow"

    def settle(self, report: Report) -> None:
        """Mark the records of a part whose key is a published test key that was met in this run, also after it."""
        if self._test_keys:
            finding = _TEST_KEY[bool(report.allow_test_keys)]
            for record in report.records:
                signature = record.signature
                if signature.public_key in self._test_keys and not signature.test_key:
                    signature.test_key = True
                    record.findings.append(finding)

    def _verified(self, unit: Unit) -> Record:
        try:
            if self._register is None:
                record = verification.verify(unit, self._trusted)
            else:
                record = self._registered(unit, self._register)
            record.signature.value = unit.signature
            if unit.doubt is not None and record.signature.verdict is not Verdict.VALID:
                unit.doubt(record)
            return record
        except Exception as error:  # a crash on any input is a defect, but ends neither the run nor the file
            return recognise.failed(unit.record, error)

    def _registered(self, unit: Unit, register: KeyRegister) -> Record:
        """The same with a key register: the user's own key decides, else one that is trusted for this signer."""
        from wattproof.signed import registered

        trusted = self._trusted or registered.trusted_key(register, unit)
        record = verification.verify(unit, trusted)
        record.findings += registered.findings(register, record)
        return record


#: Groups that are read, and bytes of them, before their signatures are checked: one kind of work at a time keeps what
#: it needs in the cache of the processor.
_BATCH, _BATCH_SIZE = 128, 256 * 1024


def _batches(found: Iterator[list[Unit]]) -> Iterator[list[list[Unit]]]:
    """Groups in batches; what was read before reading failed comes first."""
    batch: list[list[Unit]] = []
    size = 0
    try:
        for units in found:
            batch.append(units)
            for unit in units:
                size += len(unit.record.text)
            if len(batch) >= _BATCH or size >= _BATCH_SIZE:
                yield batch
                batch, size = [], 0
    except StorageError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def parts_of_path(
    examination: Examination, path: Path, source: str, progress: Progress | None = None
) -> Iterator[Report]:
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise StorageError(f"cannot read {path}: {reason or error}") from error
    with file:
        yield from examination.parts(from_file(file, progress), source, companions.of(path))


__all__ = ["Examination", "Progress", "Report"]
