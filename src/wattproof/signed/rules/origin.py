"""Do the records come from one meter, one user, one key, in an unbroken row? Specification, 3.2, "Pagination and
origin"."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from wattproof.signed.records import Record
from wattproof.signed.rules.findings import Say, Thresholds
from wattproof.signed.sessions import Session

_BSM_GATEWAY, _BSM_MODEL = "BAUER Electronic BSM-WS36A", "BSM-WS36A"
_HEX = frozenset("0123456789abcdefABCDEF")


def pages(session: Session, say: Say, _: Thresholds) -> None:
    """One counter, growing by one a record; a BSM's and that of redundant records may leave numbers out."""
    entries = [entry for entry in session.entries if not entry.duplicate]
    for entry in entries:
        if entry.record.page is None:
            say("S-PAGE-FORMAT", entry.record.page_text or "")
    if len(entries) == 1:
        return
    if len({entry.record.page_letter for entry in entries if entry.record.page is not None}) > 1:
        say("S-PAGE-CONTEXT", ", ".join(entry.record.page_text or "?" for entry in entries))
        return
    numbered = [entry for entry in entries if entry.record.page is not None]
    for before, after in pairwise(numbered):
        step = (after.record.page or 0) - (before.record.page or 0)
        if step == 1:
            continue
        detail = f"{before.record.page_text or before.record.page} -> {after.record.page_text or after.record.page}"
        if step < 1:
            say("S-PAGE-ORDER", detail)
        elif before.redundant or signed_by_bsm(after.record):
            say("S-PAGE-SKIPPED", detail)
        else:
            say("S-PAGE-GAP", detail)


def signed_by_bsm(record: Record) -> bool:
    """The signer counts its current snapshots and other reads in the same row."""
    return (
        record.format == "BSM"
        or (record.gateway_model or "").startswith(_BSM_GATEWAY)
        or (record.meter_model or "").startswith(_BSM_MODEL)
    )


#: What must be equal in all records of a session; ``None`` from a row means "not stated", which is no contradiction.
_EQUAL: tuple[tuple[str, Callable[[Record], object]], ...] = (
    ("S-METER-MISMATCH", lambda record: record.meter_serial or ""),
    ("S-GATEWAY-MISMATCH", lambda record: record.gateway_serial or ""),
    ("S-SESSION-MISMATCH", lambda record: record.session),
    ("S-EVSE-MISMATCH", lambda record: record.evse or None),
    ("S-IDENT-MISMATCH", lambda record: _identification(record.identification)),
    ("S-KEY-MISMATCH", lambda record: record.signature.public_key),
    ("S-FIRMWARE-CHANGED", lambda record: tuple(text or "" for text in record.firmware)),
    ("S-TARIFF-CHANGED", lambda record: record.tariff or ""),
)


def _identification(text: str | None) -> str | None:
    """Hexadecimal card numbers are compared without case; an empty one contradicts nothing."""
    if not text:
        return None
    return text.lower() if _HEX.issuperset(text) else text


def identity(session: Session, say: Say, _: Thresholds) -> None:
    """Everything that names where the records come from and whom they concern."""
    records = [entry.record for entry in session.entries]
    if len(records) == 1:
        return
    for code, stated in _EQUAL:
        values = list(dict.fromkeys(value for value in map(stated, records) if value is not None))
        if len(values) > 1:
            say(code, " / ".join(_shown(value) for value in values))


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"...{value[-4:].hex()}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def container(session: Session, say: Say, _: Thresholds) -> None:
    """Unsigned copies beside the signed values, and fields that can be read in two ways."""
    for entry in session.entries:
        record = entry.record
        if record.evse_mismatch:
            say("S-EVSE-MISMATCH", record.evse or "")
        if record.unsigned_mismatches:
            for path in record.unsigned_mismatches:
                say("S-UNSIGNED-MISMATCH", path)
        if record.ambiguous:
            for path in record.ambiguous:
                say("S-AMBIGUOUS", path)
