"""Colours of records and sessions, and the exit status they lead to. Source: verifier specification, section 0.6."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from wattproof.signed.records import KeySource, Record, Severity, Verdict


class Colour(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    GREY = "grey"


class SessionVerdict(StrEnum):
    """Does the content describe one complete, error-free, billable session?"""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    INCOMPLETE = "incomplete"
    NOT_APPLICABLE = "not-applicable"


_VALID, _TRUSTED, _GREEN = Verdict.VALID, KeySource.TRUSTED, Colour.GREEN  # asked for with every record

#: Colour of a record by its signature verdict; a valid one still depends on its key.
_BY_VERDICT = {
    Verdict.INVALID: Colour.RED,
    Verdict.KEY_ERROR: Colour.RED,
    Verdict.FORMAT_ERROR: Colour.RED,
    Verdict.NO_KEY: Colour.GREY,
    Verdict.UNSUPPORTED: Colour.GREY,
}

_BY_SESSION = {
    SessionVerdict.OK: Colour.GREEN,
    SessionVerdict.WARN: Colour.YELLOW,
    SessionVerdict.FAIL: Colour.RED,
    SessionVerdict.INCOMPLETE: Colour.GREY,
    SessionVerdict.NOT_APPLICABLE: Colour.GREY,
}

#: The order in which the rows of the session table apply.
_PRECEDENCE = (Colour.RED, Colour.GREY, Colour.YELLOW)

#: Exit statuses of the command line.
DONE, BAD, UNREADABLE, UNDECIDED = 0, 1, 2, 3


def record_colour(record: Record, *, allow_test_keys: bool = False) -> Colour:
    """Colour of one record: its own signature and key only."""
    signature = record.signature
    if signature.verdict is not _VALID:
        return _BY_VERDICT[signature.verdict]
    if signature.key_source is not _TRUSTED or (signature.test_key and not allow_test_keys):
        return Colour.YELLOW
    return _GREEN


def session_colour(verdict: SessionVerdict, records: Iterable[Colour]) -> Colour:
    """Colour of a session from its verdict and the colours of its records: the first row that applies."""
    present = {_BY_SESSION[verdict], *records}
    if len(present) == 1:
        return present.pop()
    return next(colour for colour in _PRECEDENCE if colour in present)


def session_verdict(severities: Iterable[Severity], *, fiscal: bool = False) -> SessionVerdict:
    """Any error fails; else a missing begin or end is incomplete; else a warning warns.

    ``fiscal``: a record of the fiscal counter is no charging session; what still runs on it can only fail it.
    """
    present = set(severities)
    if Severity.ERROR in present:
        return SessionVerdict.FAIL
    if fiscal:
        return SessionVerdict.NOT_APPLICABLE
    if Severity.INCOMPLETE in present:
        return SessionVerdict.INCOMPLETE
    return SessionVerdict.WARN if Severity.WARNING in present else SessionVerdict.OK


def exit_status(
    colours: Iterable[Colour], *, unreadable: bool = False, strict: bool = False, predictions: Iterable[str] = ()
) -> int:
    """Exit status after everything readable was reported.

    ``predictions`` are those of the profile that was asked for: ``invalid`` and ``refused`` count as red, ``unknown``
    as grey.
    """
    if unreadable:
        return UNREADABLE
    present, predicted = set(colours), set(predictions)
    if Colour.RED in present or predicted & {"invalid", "refused"} or (strict and Colour.YELLOW in present):
        return BAD
    if Colour.GREY in present or "unknown" in predicted:
        return UNDECIDED
    return DONE
