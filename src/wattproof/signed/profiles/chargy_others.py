"""Predicts Chargy core 0.12 for ALFEN, PCDF and the EDL family: table "other formats" of section 3.6."""

from __future__ import annotations

from collections.abc import Sequence

from wattproof.signed.profiles.prediction import INVALID, REFUSED, UNKNOWN, VALID, Prediction, Row, first
from wattproof.signed.profiles.safe_others import (
    FORMATS,
    MENNEKES,
    Records,
    has,
    in_order,
    not_watt_hours,
    stated_value,
    told,
    unread,
)
from wattproof.signed.records import Record, Verdict

__all__ = ["FORMATS", "MENNEKES", "judge"]

_EDL = frozenset({"EDL_40_P", "EDL_40_SIG", "ISA_EDL_40_P"})


def _alfen_differs(r: Records) -> bool:
    return len(r.records) < 2 or any(
        map(
            r.differ,
            (
                lambda record: record.extra.get("embedded_key"),
                lambda record: record.gateway_serial,
                lambda record: record.firmware,
                lambda record: record.meter_serial,
                lambda record: record.extra.get("unchanged"),
                lambda record: record.identification,
                lambda record: record.session,
            ),
        )
    )


def _pcdf_refused(record: Record) -> bool:
    begin, end = record.readings[0].time, record.readings[-1].time
    return (
        has(record, "F-PCDF", "F-PCDF-FIELDS")
        or (begin is not None and end is not None and end.seconds < begin.seconds)
        or record.extra.get("BV") != "1"
        or record.extra.get("SP") != "1"
    )


_ROWS: tuple[Row, ...] = (
    Row(
        "P-C-EDLSIG",
        REFUSED,
        "it reads these records below the root signedMeterValues only",
        lambda r: r.any(
            lambda record: (
                record.format == "EDL_40_SIG"
                and not (record.container == "EDL-XML" and record.extra.get("root") == "signedMeterValues")
            )
        ),
    ),
    Row(
        "P-C-HASH",
        INVALID,
        "a signature does not verify",
        lambda r: r.any(lambda record: record.signature.verdict is not Verdict.VALID),
    ),
    Row(
        "P-C-ALFEN",
        INVALID,
        "fewer than two lines, or they differ in what must be equal",
        lambda r: r.format == "ALFEN" and _alfen_differs(r),
    ),
    Row("P-C-EDL", INVALID, "the unit is not Wh", lambda r: r.format in _EDL and r.any(not_watt_hours)),
    Row(
        "P-C-MEN",
        INVALID,
        "event counter, pages or values of start and end do not fit",
        lambda r: (
            r.format == MENNEKES
            and (
                r.differ(lambda record: record.readings[0].event_counter)
                or r.pages_stand_still
                or r.decreases(stated_value)
            )
        ),
    ),
    Row(
        "P-C-PCDF",
        REFUSED,
        "a field, the order of times, or the state is not as it must be",
        lambda r: r.format == "PCDF" and r.any(_pcdf_refused),
    ),
)


def judge(records: Sequence[Record]) -> Prediction:
    """The verdict for the records of a file, or of one charging process."""
    found = list(records)
    if len({record.format for record in found}) > 1 or any(told(record) for record in found):
        return Prediction(UNKNOWN)
    if len({record.transaction for record in found}) > 1:
        return Prediction(REFUSED, (("P-C-GROUP", "the file holds several transactions"),))
    return unread(found) or first(_ROWS, in_order(found)) or Prediction(VALID)
