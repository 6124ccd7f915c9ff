"""Is there one begin and one end, each in its place? Verifier specification, 3.2, "Completeness"."""

from __future__ import annotations

from wattproof.signed.obis_classes import EXPORT
from wattproof.signed.records import Moment, Severity
from wattproof.signed.registers import Register, is_event
from wattproof.signed.rules.findings import Say, Thresholds
from wattproof.signed.sessions import BEGIN_LABEL, END_LABEL, Session

#: Formats whose own elements are named begin and end: a label around both of them says nothing (2.6).
_SAYS_ITSELF = frozenset({"EDL_40_MENNEKES"})


def bounds(session: Session, say: Say, _: Thresholds) -> None:
    """Begin and end of every energy register."""
    registers = session.registers
    if not registers:
        if any(not is_event(reading) for reading in session.readings):
            say("S-NO-ENERGY", ", ".join(text for text in session.informative if text))
        else:
            say("S-BEGIN-MISSING")
            say("S-END-MISSING")
        return
    for register in registers.values():
        if len(register.readings) == 2 and register.begins == [0] and register.ends == [1]:
            continue
        _bounds_of(register, say)
    if session.billing is None:
        begins = any(register.begins for register in registers.values())
        if begins and any(register.ends for register in registers.values()):
            say("S-OBIS-MISMATCH", ", ".join(str(register.readings[0].register) for register in registers.values()))
    if all(kind.direction == EXPORT for kind in registers):
        say("S-EXPORT-ONLY")


def _bounds_of(register: Register, say: Say) -> None:
    name = str(register.readings[0].register)
    begins, ends = register.begins, register.ends
    if not begins:
        say("S-BEGIN-MISSING", name)
    elif len(begins) > 1:
        say("S-BEGIN-MULTIPLE", name)
    if not ends:
        say("S-END-MISSING", name)
    elif len(ends) > 1:
        say("S-END-MULTIPLE", name)
    if begins and begins[0] > 0:
        say("S-BEGIN-NOT-FIRST", name)
    if ends and ends[-1] < len(register.readings) - 1:
        say("S-END-NOT-LAST", name)


def snapshot_order(session: Session, say: Say, _: Thresholds) -> None:
    """The first BSM snapshot begins, the last ends (2.10); what lies between is checked register by register."""
    if not session.counted[0].begins:
        say("S-BEGIN-MISSING", "first snapshot")
    if not session.counted[-1].ends:
        say("S-END-MISSING", "last snapshot")


def charging_state(session: Session, say: Say, _: Thresholds) -> None:
    """What a PCDF line says about itself: billable, and ended (2.8)."""
    for entry in session.counted:
        billable, state = entry.record.extra.get("BV"), entry.record.extra.get("SP")
        if billable != "1":
            say("S-BILLING-INVALID", f"BV {billable}"[:40])
        if state not in ("0", "1"):
            say("S-END-MISSING", f"SP {state}"[:40], Severity.ERROR)


def labels(session: Session, say: Say, _: Thresholds) -> None:
    """Labels of the container count only where two or more records have to be told apart."""
    counted = session.counted
    if len(counted) == 1:
        alone = not any(entry.redundant for entry in session.entries)
        if alone and counted[0].complete and counted[0].record.context in (BEGIN_LABEL, END_LABEL):
            say("S-CONTEXT-IGNORED", str(counted[0].record.context))
        return
    for entry in counted:
        label = entry.record.context
        if entry.record.format in _SAYS_ITSELF:
            continue
        if (label == BEGIN_LABEL and entry.ends) or (label == END_LABEL and entry.begins):
            say("S-CONTEXT", label)


def repetitions(session: Session, say: Say, _: Thresholds) -> None:
    """Records that state what another one states already."""
    for entry in session.entries:
        if entry.duplicate:
            say("S-DUPLICATE", entry.record.page_text or "")
        elif entry.shared:
            say("S-DUPLICATE", f"{entry.record.page_text or ''} in another charging session".lstrip())
        elif entry.redundant:
            say("S-BEGIN-REDUNDANT", entry.record.page_text or "")
        if entry.repeated:
            say("S-REPEATED", entry.record.page_text or "")


def reasons(session: Session, say: Say, _: Thresholds) -> None:
    """What the readings say about why they were taken."""
    for reading in session.readings:
        moment = reading.moment
        if moment is Moment.BEGIN:
            continue
        if moment is Moment.END:
            if reading.code in ("A", "P"):
                say("S-END-ABNORMAL", f"TX {reading.code}")
        elif moment is Moment.EXCEPTION:
            severity = Severity.WARNING if reading.error_flags == "t" else Severity.ERROR
            say("S-EXCEPTION", reading.time_text or "", severity)
        elif moment is Moment.TARIFF:
            say("S-TARIFF-SWITCH", reading.time_text or "")


def fiscal(session: Session, say: Say, _: Thresholds) -> None:
    """A record of the fiscal counter."""
    if session.fiscal:
        say("S-FISCAL", session.counted[0].record.page_text or "")
