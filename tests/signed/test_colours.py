"""Colours and exit status: the tables of the specification, row by row."""

from __future__ import annotations

from itertools import product

import pytest

from wattproof.signed.colours import Colour, SessionVerdict, exit_status, record_colour, session_colour, session_verdict
from wattproof.signed.records import Finding, KeySource, Record, Severity, Signature, Verdict

G, Y, R, X = Colour.GREEN, Colour.YELLOW, Colour.RED, Colour.GREY


def _record(verdict: Verdict, source: KeySource | None = None, test_key: bool = False) -> Record:
    return Record("OCMF", signature=Signature(verdict, key_source=source, test_key=test_key))


@pytest.mark.proves("T-091")
@pytest.mark.parametrize(
    ("record", "allowed", "colour"),
    [
        (_record(Verdict.VALID, KeySource.TRUSTED), False, G),
        (_record(Verdict.VALID, KeySource.CONTAINER), False, Y),
        (_record(Verdict.VALID, KeySource.EMBEDDED), False, Y),
        (_record(Verdict.VALID, KeySource.TRUSTED, True), False, Y),
        (_record(Verdict.VALID, KeySource.TRUSTED, True), True, G),
        (_record(Verdict.VALID, KeySource.CONTAINER, True), True, Y),
        *((_record(verdict, KeySource.TRUSTED), False, R) for verdict in (Verdict.INVALID, Verdict.KEY_ERROR)),
        (_record(Verdict.FORMAT_ERROR), False, R),
        *((_record(verdict), False, X) for verdict in (Verdict.NO_KEY, Verdict.UNSUPPORTED)),
    ],
)
def test_record_colours(record: Record, allowed: bool, colour: Colour) -> None:
    assert record_colour(record, allow_test_keys=allowed) is colour
    record.findings.append(Finding("F-JSON-DUPKEY:PG", Severity.ERROR, "no finding changes a colour"))
    assert record_colour(record, allow_test_keys=allowed) is colour


@pytest.mark.proves("T-091")
@pytest.mark.parametrize("verdict", list(SessionVerdict))
def test_session_colours(verdict: SessionVerdict) -> None:
    for first, second in product(Colour, repeat=2):
        present = {first, second}
        if verdict is SessionVerdict.FAIL or R in present:
            expected = R
        elif verdict in (SessionVerdict.INCOMPLETE, SessionVerdict.NOT_APPLICABLE) or X in present:
            expected = X
        elif verdict is SessionVerdict.WARN or Y in present:
            expected = Y
        else:
            expected = G
        assert session_colour(verdict, [first, second]) is expected


def test_session_verdicts() -> None:
    error, incomplete, warning, info = Severity.ERROR, Severity.INCOMPLETE, Severity.WARNING, Severity.INFO
    assert session_verdict([info, warning, incomplete, error]) is SessionVerdict.FAIL
    assert session_verdict([info, warning, incomplete]) is SessionVerdict.INCOMPLETE
    assert session_verdict([info, warning]) is SessionVerdict.WARN
    assert session_verdict([info]) is session_verdict([]) is SessionVerdict.OK
    assert session_verdict([info], fiscal=True) is SessionVerdict.NOT_APPLICABLE
    assert session_verdict([error], fiscal=True) is SessionVerdict.FAIL


@pytest.mark.proves("T-093", "T-094")
@pytest.mark.parametrize(
    ("colours", "options", "status"),
    [
        ([G], {}, 0),
        ([], {}, 0),
        ([G, Y], {}, 0),
        ([G, Y], {"strict": True}, 1),
        ([G, R, X], {}, 1),
        ([G, X], {}, 3),
        ([Y, X], {"strict": True}, 1),
        ([R, X], {"unreadable": True}, 2),
        ([G], {"predictions": ["valid", "invalid"]}, 1),
        ([G], {"predictions": ["refused", "unknown"]}, 1),
        ([G], {"predictions": ["unknown"]}, 3),
        ([G], {"predictions": ["valid"]}, 0),
    ],
)
def test_exit_status(colours: list[Colour], options: dict[str, object], status: int) -> None:
    assert exit_status(colours, **options) == status  # type: ignore[arg-type]
