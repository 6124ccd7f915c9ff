"""Examine signed meter values: recognise, decode, verify, form sessions, judge, report.

::

    report = examine(Path("session.xml"), public_key="3059...")
    report.summary["green"]; report.as_dict()

    for part in examine_stream(Path("fleet.jsonl"), public_key="3059..."):  # of any length, in constant memory
        part.records, part.sessions, part.loose

:func:`examine` never raises on bad content; :func:`verify` raises unless everything legally relevant holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from wattproof.errors import InvalidValue, VerificationError
from wattproof.signed import keys, recognise
from wattproof.signed.colours import SessionVerdict
from wattproof.signed.curves import PublicKey
from wattproof.signed.encoding import Refused, decode
from wattproof.signed.examination import DATA, Examination, parts_of_path
from wattproof.signed.options import Data, KeyLike, octets, trusted
from wattproof.signed.parameters import CURVES
from wattproof.signed.records import KeySource, Record, Severity, Signature, Verdict
from wattproof.signed.report import Report
from wattproof.signed.sessions import Session
from wattproof.signed.sources.source import Progress, from_bytes, from_file
from wattproof.signed.texts import HEADLINES, REASONS, TEST_KEY, VERDICTS


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
        return parts_of_path(examination, Path(data), source or os.fspath(data), progress)
    if isinstance(data, (bytes, bytearray, memoryview)):
        return examination.parts(from_bytes(bytes(data)), source or DATA)
    return examination.parts(from_file(data, progress), source or DATA)


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
        examination.add(octets(data), source or DATA)
    return examination.report()


def _add_path(examination: Examination, path: Path, source: str) -> None:
    for part in parts_of_path(examination, path, source):
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
    text = trusted(public_key)
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
