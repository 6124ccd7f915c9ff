"""Do the records come from one meter, one user, one key, in an unbroken row? Specification, 3.2, "Pagination and
origin"."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from wattproof.signed.records import Record, Severity
from wattproof.signed.rules.findings import Say, Thresholds
from wattproof.signed.sessions import Session

_BSM_GATEWAY, _BSM_MODEL = "BAUER Electronic BSM-WS36A", "BSM-WS36A"
#: Formats that sign the 320-byte block of section 2.3.
EDL = frozenset({"EDL_40_P", "EDL_40_SIG", "EDL_40_MENNEKES", "EMH"})
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
            say("S-PAGE-GAP", detail, None if after.record.format == "OCMF" else Severity.WARNING)


def signed_by_bsm(record: Record) -> bool:
    """The signer counts its current snapshots and other reads in the same row."""
    return (
        record.format == "BSM"
        or (record.gateway_model or "").startswith(_BSM_GATEWAY)
        or (record.meter_model or "").startswith(_BSM_MODEL)
    )


def _identification(record: Record) -> str | None:
    """Hexadecimal card numbers are compared without case; an empty one contradicts nothing."""
    text = record.identification
    if not text:
        return None
    if record.format in EDL:
        return _unmarked(_contract_id(record))
    return text.lower() if _HEX.issuperset(text) else text


def _contract_id(record: Record) -> str:
    """The signed bytes of a contract id in hexadecimal; those of EMH are a text, whose digits have no case (2.11)."""
    text = record.identification or ""
    if record.format != "EMH":
        return text
    return (text.lower() if _HEX.issuperset(text) else text).encode("utf-8", "surrogatepass").hex().upper()


def _unmarked(contract: str) -> str:
    """A contract id of the EDL family, in hexadecimal, without the begin or end marker of newer meters (2.3)."""
    return contract[2:] if contract[:2] in ("01", "02") else contract


def contract(session: Session, say: Say, _: Thresholds) -> None:
    """Contract ids of the EDL family: markers in front of them, and when the user was identified.

    Meters that mark begin and end identify the user twice, so their times differ.
    """
    stated: dict[str, dict[object, None]] = {}
    for entry in session.entries:
        stated.setdefault(_contract_id(entry.record), {})[entry.record.extra.get("contract_time")] = None
    if len(stated) > 1 and len({_unmarked(text) for text in stated if text}) == 1 and "" not in stated:
        say("S-IDENT-MARKER", " / ".join(text[:40] for text in stated))
    for times in stated.values():
        if len(times) > 1:
            say("S-IDENT-TIME", " / ".join(map(str, times)))


#: What must be equal in all records of a session; ``None`` from a row means "not stated", which is no contradiction.
_EQUAL: tuple[tuple[str, Callable[[Record], object]], ...] = (
    ("S-METER-MISMATCH", lambda record: record.meter_serial or ""),
    ("S-GATEWAY-MISMATCH", lambda record: record.gateway_serial or ""),
    ("S-SESSION-MISMATCH", lambda record: record.session),
    ("S-EVSE-MISMATCH", lambda record: record.evse or None),
    ("S-IDENT-MISMATCH", _identification),
    ("S-KEY-MISMATCH", lambda record: record.signature.public_key),
    ("S-FIRMWARE-CHANGED", lambda record: tuple(text or "" for text in record.firmware)),
    ("S-TARIFF-CHANGED", lambda record: record.tariff or ""),
)


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
