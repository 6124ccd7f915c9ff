"""What meter and user identification say about themselves. Specification, 3.2, "Meter and user status"."""

from __future__ import annotations

from wattproof.signed.obis_classes import classify
from wattproof.signed.records import Reading, Severity
from wattproof.signed.rules.findings import Say, Thresholds
from wattproof.signed.sessions import Session

#: Assignment levels that say: this user was not, or is no longer, assigned (OCMF table of IL).
FAILED_LEVELS = frozenset({"MISMATCH", "INVALID", "OUTDATED", "UNKNOWN"})
#: Formats whose readings have no status at all, or none whose bits are documented.
WITHOUT_STATUS = frozenset({"ChargePoint", "GDF", "ISA_EDL_40_P", "PCDF"})


def meter(session: Session, say: Say, _: Thresholds) -> None:
    """Status and error flags of every reading; those of registers that are not billed only warn."""
    stateless = session.entries[0].record.format in WITHOUT_STATUS
    for reading in session.stated:
        status, flags = reading.status, reading.error_flags
        if status == "G" and not flags:
            continue
        if not status and stateless:
            continue
        kind = reading.counts or classify(reading.register)
        severity = Severity.ERROR if kind.energy else Severity.WARNING
        if not status:
            say("S-STATUS-MISSING", _at(reading), severity)
        elif status != "G":
            say("S-STATUS", f"{status} {_at(reading)}".rstrip(), severity)
        if flags and "E" in flags and severity is Severity.ERROR:
            say("S-ERRORFLAG", _at(reading))
        if flags and "t" in flags:
            say("S-ERRORFLAG-TIME", _at(reading))


def _at(reading: Reading) -> str:
    return f"{reading.register or ''} {reading.time_text or ''}".strip()


def event_counter(session: Session, say: Say, _: Thresholds) -> None:
    """The meter's log book got no entry during the session."""
    counters = {reading.event_counter for reading in session.stated if reading.event_counter is not None}
    if len(counters) > 1:
        say("S-EVENT-COUNTER", " / ".join(str(counter) for counter in sorted(counters)))


def assignment(session: Session, say: Say, _: Thresholds) -> None:
    """Whether a user was assigned, and how well."""
    for entry in session.entries:
        record = entry.record
        if record.assignment_level in FAILED_LEVELS:
            say("S-IDENT-LEVEL", record.assignment_level or "")
        if record.assigned is False:
            say("S-IDENT-NONE")
