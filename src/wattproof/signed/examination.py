"""Examine signed meter values: recognise, decode, verify, form sessions, judge, report.

::

    report = examine(Path("session.xml"), public_key="3059...")
    report.summary["green"]; report.as_dict()

    for part in examine_stream(Path("fleet.jsonl"), public_key="3059..."):  # of any length, in constant memory
        part.records, part.sessions, part.loose

:func:`examine` never raises on bad content; :func:`verify` raises unless everything legally relevant holds.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeAlias

from msgspec.structs import replace

from wattproof.errors import InvalidValue, StorageError, UnknownName, VerificationError
from wattproof.signed import companions, keys, recognise, verification
from wattproof.signed.colours import SessionVerdict
from wattproof.signed.curves import PublicKey
from wattproof.signed.encoding import Refused, decode
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.parameters import CURVES
from wattproof.signed.profiles import PROFILES
from wattproof.signed.records import Finding, KeySource, Record, Severity, Signature, Verdict
from wattproof.signed.report import Report
from wattproof.signed.rules import judge
from wattproof.signed.rules.findings import Thresholds
from wattproof.signed.sessions import Session, form
from wattproof.signed.sources.source import Place, Progress, Source, from_bytes, from_file
from wattproof.signed.sources.unwrap import groups
from wattproof.signed.texts import HEADLINES, REASONS, TEST_KEY, VERDICTS
from wattproof.signed.units import KeyText, Unit

if TYPE_CHECKING:
    from wattproof.signed.formats.chargepoint_files import Beside
    from wattproof.signed.register import KeyRegister
    from wattproof.signed.sources.rows import Row

Data: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str]"
KeyLike: TypeAlias = "bytes | str | os.PathLike[str]"

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
        self._trusted = _trusted(public_key)
        self._register = _loaded(register)
        self._limits = limits
        self._experimental = experimental
        self._thresholds = Thresholds(_moment(now), _thousand(energy_limit), _thousand(power_limit))
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
        for part in _parts_of_path(self, Path(path), source or os.fspath(path)):
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


@lru_cache(maxsize=16)
def _thousand(value: Decimal | int) -> Decimal:
    """Kilowatts as watts. Raises ``InvalidValue`` for what is no number that can be compared."""
    limit = Decimal(value)
    if limit.is_nan():
        raise InvalidValue("a limit of energy or power is a number")
    return limit * 1000


def _moment(now: float | datetime.datetime | None) -> float:
    """Unix seconds. Raises ``InvalidValue`` for a time without zone: that of this machine never counts."""
    if now is None:
        return time.time()
    if not isinstance(now, datetime.datetime):
        return now
    if now.tzinfo is None:
        raise InvalidValue("now is a time with its zone, such as datetime.now(UTC)")
    return now.timestamp()


def _loaded(register: KeyRegister | str | os.PathLike[str] | None) -> KeyRegister | None:
    """The register, read if it is a file. An empty one knows nothing and costs nothing."""
    if isinstance(register, (str, os.PathLike)):
        from wattproof.signed.register import KeyRegister

        register = KeyRegister.load(Path(register))
    return register or None


def _trusted(key: KeyLike | None) -> KeyText | None:
    if key is None:
        return None
    if isinstance(key, os.PathLike):
        return _key_text(_read(key))
    return _key_text(key if isinstance(key, str) else _octets(key))


def _octets(data: bytes | bytearray | memoryview) -> bytes:
    """Bytes of bytes; a number, of which Python would make as many zeros, is refused. Raises ``TypeError``."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"bytes, text or a path, not {type(data).__name__}")


@lru_cache(maxsize=1024)
def _key_text(key: bytes | str) -> KeyText:
    if isinstance(key, bytes):
        text = key.removeprefix(b"\xef\xbb\xbf")
        if text.isascii():  # the text of a file; DER and points hold higher bytes
            key = text.decode("ascii").strip()
    return keys.key_text(key, KeySource.TRUSTED)


def _read(path: os.PathLike[str]) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise StorageError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error


def read_file(path: os.PathLike[str] | BinaryIO, limits: Limits = DEFAULT) -> bytes:
    """A file's content, but no more than shows that it is larger than a document may be. Raises ``OSError``."""
    if isinstance(path, os.PathLike):
        with Path(path).open("rb") as file:
            return file.read(limits.document + 1)
    return path.read(limits.document + 1)


def examine_stream(
    data: Data | BinaryIO,
    public_key: KeyLike | None = None,
    *,
    source: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Iterator[Report]:
    """Examine a stream, an archive or a document of any length in constant memory: one report after the other.

    Each covers one document, or the rows of one transaction: ``records``, ``sessions``, ``loose``, and all that a
    report offers; sessions never span two of them. ``data`` may also be an open binary file or pipe; ``progress``
    tells how many bytes of it were read. A published test key marks its records from where it is recognised. Raises
    ``StorageError`` if the file cannot be read, and what :func:`examine` raises for wrong options.
    """
    examination = Examination(public_key, **options)
    if isinstance(data, (str, os.PathLike)):
        return _parts_of_path(examination, Path(data), source or os.fspath(data), progress)
    if isinstance(data, (bytes, bytearray, memoryview)):
        return examination.parts(from_bytes(bytes(data)), source or DATA)
    return examination.parts(from_file(data, progress), source or DATA)


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


def _parts_of_path(
    examination: Examination, path: Path, source: str, progress: Progress | None = None
) -> Iterator[Report]:
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise StorageError(f"cannot read {path}: {reason or error}") from error
    with file:
        yield from examination.parts(from_file(file, progress), source, companions.of(path))


def examine(data: Data, public_key: KeyLike | None = None, *, source: str | None = None, **options: Any) -> Report:
    """Examine a file or a record. Never raises on bad content: what cannot be read is a finding of the report.

    ``data``: the bytes or text of a file or record, or a path. A ``str`` is taken as the record itself; only if it
    is none and names a file, that file is read - pass ``bytes`` if a stranger chose the text. ``options`` are those
    of :class:`Examination`. Raises ``StorageError`` if a named file cannot be read and ``UnknownName`` or
    ``TypeError`` for a wrong option.
    """
    examination = Examination(public_key, **options)
    if isinstance(data, str):
        content = data.encode("utf-8", "surrogatepass")
        if not recognise.is_recognised(content) and _names_file(data):
            _add_path(examination, Path(data), source or data)
        else:
            examination.add(content, source or DATA)
    elif isinstance(data, os.PathLike):
        _add_path(examination, Path(data), source or os.fspath(data))
    else:
        examination.add(_octets(data), source or DATA)
    return examination.report()


def _add_path(examination: Examination, path: Path, source: str) -> None:
    for part in _parts_of_path(examination, path, source):
        examination.keep(part)


def _names_file(text: str) -> bool:
    try:
        return len(text) < 4096 and "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):
        return False


def verify(
    data: Data,
    public_key: KeyLike | None = None,
    *,
    allow_unknown_keys: bool = False,
    allow_test_keys: bool = False,
    allow_warnings: bool = False,
    **options: Any,
) -> Report:
    """Examine one document and raise ``VerificationError`` unless everything legally relevant holds.

    That is: there is a session; every session is complete and free of errors and warnings; every record is in a
    session and was signed with the key that you trust (``public_key``), which is no published test key. In short:
    everything is green. ``allow_unknown_keys`` accepts a key that stood beside or inside the record,
    ``allow_test_keys`` a published test key, ``allow_warnings`` sessions with warnings. The error carries the report.
    """
    report = examine(data, public_key, allow_test_keys=allow_test_keys, **options)
    if not report.sessions and not report.loose:
        _refuse(report, "there is no record in it")
    for record in report.loose:
        _refuse(report, f"record {record.index} belongs to no session: {_why(record)}")
    for session in report.sessions:
        for record in session.records:
            signature = record.signature
            if signature.verdict is not Verdict.VALID:
                _refuse(report, f"record {record.index}: {_why(record)}")
            if signature.test_key and not allow_test_keys:
                _refuse(report, f"record {record.index}: {TEST_KEY.en} Allow it with allow_test_keys")
            known = signature.key_source is KeySource.TRUSTED or allow_unknown_keys
            if not known:
                _refuse(report, f"record {record.index}: its key is not one you trust; give the meter's public_key")
        accepted = {SessionVerdict.OK, SessionVerdict.WARN} if allow_warnings else {SessionVerdict.OK}
        if session.verdict not in accepted:
            _refuse(report, f"session {session.id}: {_because(session)}")
    return report


def _why(record: Record) -> str:
    reason = record.signature.reason or ""
    text = REASONS[reason].en if reason in REASONS else next((f.message for f in record.findings), "")
    return f"{HEADLINES[record.signature.verdict.value].en} ({reason}): {text}"


def _because(session: Session) -> str:
    heavy = [finding for finding in session.findings if finding.severity is not Severity.INFO]
    return "; ".join(f"{f.code}: {f.message}" for f in heavy) or VERDICTS[session.verdict.value].en


def _refuse(report: Report, why: str) -> NoReturn:
    source = report.records[0].source if report.records else DATA
    raise VerificationError(f"{source}: {why}", report)


def verify_digest(digest: bytes, signature: bytes, public_key: KeyLike) -> Signature:
    """The verdict on a bare digest (SHA-256, SHA-384 or SHA-512) and an ECDSA signature (DER, or r and s).

    A key without curve of its own (a bare point) is taken to lie on the curve whose size it has, secp256r1 first.
    Raises ``InvalidValue`` for a digest of another length.
    """
    if len(digest) not in (32, 48, 64):
        raise InvalidValue(f"a digest has 32, 48 or 64 bytes (SHA-256, -384, -512), this one has {len(digest)}")
    text = _trusted(public_key)
    assert text is not None  # noqa: S101 - public_key is not None
    decoded = keys.resolve(text)
    for curve in (CURVES["secp256r1"], *CURVES.values()):
        if decoded.key is None:
            decoded = keys.resolve(text, curve)
    key = decoded.key
    if key is None:
        return Signature(Verdict.KEY_ERROR, decoded.reason)
    if not isinstance(key, PublicKey):
        return Signature(Verdict.UNSUPPORTED, "V-ALG", public_key=key.spki)
    name = f"ECDSA-{key.curve.name}-SHA{len(digest) * 8}"
    found = Signature(Verdict.VALID, None, [], name, key.spki, KeySource.TRUSTED)
    try:
        parts = decode(key.curve, signature)
    except Refused as refused:
        found.verdict, found.reason = Verdict.INVALID, refused.reason
        return found
    if not key.verify(digest, parts.r, parts.s, parts.der):
        found.verdict, found.reason = Verdict.INVALID, "V-MISMATCH"
    return found


__all__ = ["Examination", "Progress", "Report", "examine", "examine_stream", "verify", "verify_digest"]
