"""The rules of a charging session: one row a code, with its severity, the formats it concerns and its check.

Several rows may share one check; it runs once a session. Source: verifier specification, section 3.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from wattproof.signed.colours import session_verdict
from wattproof.signed.records import Finding, Severity
from wattproof.signed.rules import bits, completeness, origin, status, times, values
from wattproof.signed.rules.findings import Check, Thresholds
from wattproof.signed.rules.flawless import is_flawless
from wattproof.signed.sessions import Session
from wattproof.signed.texts import TEXTS

ERROR, WARNING, INFO, INCOMPLETE = Severity.ERROR, Severity.WARNING, Severity.INFO, Severity.INCOMPLETE
ALL = frozenset[str]()  # every format
OCMF, BSM, ALFEN, PCDF, ISA, CHARGEPOINT = (
    frozenset({name}) for name in ("OCMF", "BSM", "ALFEN", "PCDF", "ISA_EDL_40_P", "ChargePoint")
)
EDL = origin.EDL
PAGED = OCMF | BSM | ALFEN | ISA | EDL


class Rule(NamedTuple):
    """``severity`` is that of the code unless the check says otherwise; empty ``formats`` means all of them."""

    code: str
    severity: Severity
    check: Check
    formats: frozenset[str] = ALL
    fiscal: bool = False  # runs on fiscal records too


RULES = (
    Rule("S-BEGIN-MISSING", INCOMPLETE, completeness.bounds),
    Rule("S-BEGIN-MISSING", INCOMPLETE, completeness.snapshot_order, BSM),
    Rule("S-END-MISSING", INCOMPLETE, completeness.bounds),
    Rule("S-END-MISSING", INCOMPLETE, completeness.snapshot_order, BSM),
    Rule("S-END-MISSING", INCOMPLETE, completeness.charging_state, PCDF),
    Rule("S-BEGIN-MULTIPLE", ERROR, completeness.bounds),
    Rule("S-BEGIN-REDUNDANT", INFO, completeness.repetitions),
    Rule("S-END-MULTIPLE", ERROR, completeness.bounds),
    Rule("S-BEGIN-NOT-FIRST", ERROR, completeness.bounds),
    Rule("S-END-NOT-LAST", ERROR, completeness.bounds),
    Rule("S-CONTEXT", ERROR, completeness.labels),
    Rule("S-CONTEXT-IGNORED", INFO, completeness.labels),
    Rule("S-NO-ENERGY", ERROR, completeness.bounds),
    Rule("S-EXCEPTION", ERROR, completeness.reasons, OCMF),
    Rule("S-DUPLICATE", WARNING, completeness.repetitions),
    Rule("S-REPEATED", INFO, completeness.repetitions),
    Rule("S-FISCAL", INFO, completeness.fiscal, OCMF, fiscal=True),
    Rule("S-PAGE-FORMAT", WARNING, origin.pages, PAGED),
    Rule("S-PAGE-CONTEXT", ERROR, origin.pages, PAGED),
    Rule("S-PAGE-ORDER", ERROR, origin.pages, PAGED),
    Rule("S-PAGE-GAP", ERROR, origin.pages, PAGED),
    Rule("S-PAGE-SKIPPED", INFO, origin.pages, PAGED),
    Rule("S-METER-MISMATCH", ERROR, origin.identity),
    Rule("S-GATEWAY-MISMATCH", ERROR, origin.identity),
    Rule("S-SESSION-MISMATCH", ERROR, origin.identity),
    Rule("S-EVSE-MISMATCH", ERROR, origin.identity),
    Rule("S-EVSE-MISMATCH", ERROR, origin.container),
    Rule("S-IDENT-MISMATCH", ERROR, origin.identity),
    Rule("S-IDENT-TIME", WARNING, origin.contract, EDL),
    Rule("S-IDENT-MARKER", INFO, origin.contract, EDL),
    Rule("S-KEY-MISMATCH", ERROR, origin.identity),
    Rule("S-FIRMWARE-CHANGED", WARNING, origin.identity),
    Rule("S-TARIFF-CHANGED", WARNING, origin.identity),
    Rule("S-UNSIGNED-MISMATCH", ERROR, origin.container),
    Rule("S-AMBIGUOUS", ERROR, origin.container),
    Rule("S-VALUE-MISSING", ERROR, values.readings),
    Rule("S-VALUE-NEGATIVE", ERROR, values.readings),
    Rule("S-VALUE-DECREASE", ERROR, values.growth, fiscal=True),
    Rule("S-UNIT", ERROR, values.readings),
    Rule("S-UNIT-CHANGED", WARNING, values.readings),
    Rule("S-UNIT-CHANGED", WARNING, values.scalers, EDL | ALFEN | ISA),
    Rule("S-OBIS-CHANGED", WARNING, values.readings),
    Rule("S-OBIS-MISMATCH", ERROR, completeness.bounds),
    Rule("S-EXPORT-ONLY", INFO, completeness.bounds),
    Rule("S-EXPORT-ONLY", INFO, bits.edl, EDL),
    Rule("S-REGISTER-NOT-RESET", INFO, values.amount),
    Rule("S-REGISTER-DISAGREE", WARNING, values.amount),
    Rule("S-REGISTER-DISAGREE", WARNING, values.stated_total, CHARGEPOINT),
    Rule("S-LOSS", WARNING, values.loss, OCMF),
    Rule("S-ZERO-ENERGY", INFO, values.amount),
    Rule("S-ZERO-ENERGY", INFO, values.data_set, ISA),
    Rule("S-ENERGY-HIGH", WARNING, values.amount),
    Rule("S-POWER-HIGH", WARNING, values.amount),
    Rule("S-TIME-FORMAT", ERROR, times.plausible),
    Rule("S-TIME-ORDER", ERROR, times.order, fiscal=True),
    Rule("S-TIME-ORDER", ERROR, times.snapshot_clock, BSM),
    Rule("S-TIME-ORDER", ERROR, times.second_index, EDL | ALFEN),
    Rule("S-TIME-UNSYNC", WARNING, times.clock_status),
    Rule("S-TIME-UNSYNC", WARNING, times.clock_bits, EDL | ALFEN),
    Rule("S-TIME-INFORMATIVE", INFO, times.clock_status),
    Rule("S-TIME-RELATIVE", INFO, times.clock_status),
    Rule("S-TIME-RELATIVE-LOST", ERROR, times.clock_status),
    Rule("S-TIME-SET", WARNING, times.snapshot_clock, BSM),
    Rule("S-TIME-IMPLAUSIBLE", WARNING, times.plausible),
    Rule("S-DURATION", WARNING, times.duration, PCDF),
    Rule("S-STATUS", ERROR, status.meter),
    Rule("S-STATUS-MISSING", ERROR, status.meter),
    Rule("S-STATUS-MISMATCH", ERROR, bits.alfen, ALFEN),
    Rule("S-STATUS-MAGNET", WARNING, bits.edl, EDL),
    Rule("S-STATUS-INFO", INFO, bits.alfen, ALFEN),
    Rule("S-ERRORFLAG", ERROR, status.meter),
    Rule("S-ERRORFLAG-TIME", WARNING, status.meter),
    Rule("S-EVENT-COUNTER", ERROR, status.event_counter),
    Rule("S-BILLING-INVALID", ERROR, completeness.charging_state, PCDF),
    Rule("S-IDENT-LEVEL", ERROR, status.assignment),
    Rule("S-IDENT-NONE", INFO, status.assignment),
    Rule("S-END-ABNORMAL", INFO, completeness.reasons),
    Rule("S-TARIFF-SWITCH", INFO, completeness.reasons),
)

SEVERITIES = {rule.code: rule.severity for rule in RULES}
_POSITIONS = {code: position for position, code in enumerate(SEVERITIES)}
_WEIGHTS = {INFO: 0, WARNING: 1, INCOMPLETE: 2, ERROR: 3}
_SHOWN_DETAILS = 3


class _Raised:
    """Collects what the checks say: one finding a code, the heaviest severity, the first details."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[str, tuple[Severity, dict[str, None]]] = {}

    def __call__(self, code: str, detail: str = "", severity: Severity | None = None) -> None:
        severity = severity or SEVERITIES[code]
        known = self.found.get(code)
        if known is None:
            self.found[code] = (severity, {detail: None} if detail else {})
            return
        details = known[1]
        if detail:
            details[detail] = None
        if _WEIGHTS[severity] > _WEIGHTS[known[0]]:
            self.found[code] = (severity, details)

    def findings(self) -> list[Finding]:
        return [
            Finding(code, self.found[code][0], _sentence(code, list(self.found[code][1])))
            for code in sorted(self.found, key=_POSITIONS.__getitem__)
        ]


def _sentence(code: str, details: list[str]) -> str:
    sentence = TEXTS[code].en
    if not details:
        return sentence
    more = f"; and {len(details) - _SHOWN_DETAILS} more" if len(details) > _SHOWN_DETAILS else ""
    return f"{sentence} ({'; '.join(details[:_SHOWN_DETAILS])}{more})"


@lru_cache(maxsize=64)
def checks(formats: frozenset[str], *, fiscal: bool) -> tuple[Check, ...]:
    """The checks that concern records of these formats, each once, in the order of the table."""
    rows = (rule for rule in RULES if not rule.formats or rule.formats & formats)
    return tuple(dict.fromkeys(rule.check for rule in rows if rule.fiscal or not fiscal))


def judge(session: Session, thresholds: Thresholds) -> None:
    """Judge a session by every rule; sets its findings and verdict."""
    if not is_flawless(session, thresholds):
        apply(session, thresholds)


def apply(session: Session, thresholds: Thresholds) -> None:
    """Run every check that concerns the session."""
    raised = _Raised()
    formats = frozenset([entry.record.format for entry in session.entries])
    for check in checks(formats, fiscal=session.fiscal):
        check(session, raised, thresholds)
    session.findings = raised.findings()
    session.verdict = session_verdict((severity for severity, _ in raised.found.values()), fiscal=session.fiscal)
