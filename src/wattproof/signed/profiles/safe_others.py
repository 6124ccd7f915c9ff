"""Predicts S.A.F.E. transparenzsoftware 1.4.1 for ALFEN, PCDF and the EDL family: table "other formats" of 3.6."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from wattproof.signed.keys import ENCODINGS
from wattproof.signed.profiles.prediction import INVALID, REFUSED, UNKNOWN, VALID, Prediction, Row, first, own_key
from wattproof.signed.records import KeySource, Reading, Record, Verdict
from wattproof.signed.sessions import BEGIN_LABEL, END_LABEL

MENNEKES = "EDL_40_MENNEKES"
FORMATS = frozenset({"ALFEN", "PCDF", "EDL_40_P", "EDL_40_SIG", MENNEKES, "ISA_EDL_40_P"})

_EMBEDDING = frozenset({"ALFEN", "PCDF", "EDL_40_SIG", MENNEKES})
_PCDF_FINDINGS = frozenset({"F-PCDF", "F-PCDF-FIELDS"})
_METER_BITS, _ADAPTER_BITS = 1 << 1 | 1 << 2, 1 << 0 | 1 << 14 | 1 << 15


@dataclass(frozen=True, slots=True)
class Records:
    """The records that are judged together, begin first."""

    records: list[Record]

    @property
    def format(self) -> str:
        return self.records[0].format

    def any(self, test: Callable[[Record], bool]) -> bool:
        """Whether one record meets the test."""
        return any(map(test, self.records))

    def differ(self, stated: Callable[[Record], object]) -> bool:
        """Whether the records do not all state the same."""
        return len({repr(stated(record)) for record in self.records}) > 1

    @property
    def pages_stand_still(self) -> bool:
        """A page is not greater than the one before."""
        return any((after.page or 0) <= (before.page or 0) for before, after in pairwise(self.records))

    def decreases(self, value: Callable[[Reading], Decimal | None]) -> bool:
        """A value is lower than the one before."""
        values = [value(record.readings[0]) for record in self.records if record.readings]
        return any(a is not None and b is not None and b < a for a, b in pairwise(values))


def in_order(records: list[Record]) -> Records:
    """The records of a pair by their labels, others as they stand."""
    rank = {BEGIN_LABEL: 0, END_LABEL: 2}
    return Records(sorted(records, key=lambda record: rank.get(record.context or "", 1)))


def has(record: Record, *codes: str) -> bool:
    """Whether the record has one of these findings."""
    return any(finding.code in codes for finding in record.findings)


def unread(records: list[Record]) -> Prediction | None:
    """What is not readable here, or not verified, in the same way for both programs."""
    for record in records:
        verdict = record.signature.verdict
        if verdict in (Verdict.FORMAT_ERROR, Verdict.UNSUPPORTED) and not told(record):
            return Prediction(UNKNOWN)
    return None


def told(record: Record) -> bool:
    """An unreadable telegram that a row speaks of: a wrong checksum, a missing field."""
    return has(record, "F-SML-CRC") or (record.format == "EDL_40_P" and bool(record.extra.get("incomplete")))


def stated_value(reading: Reading) -> Decimal | None:
    """The value in the unit of the record."""
    return reading.value


def _counter(reading: Reading) -> Decimal | None:
    """The counter without its scaler."""
    if reading.value is None:
        return None
    sign, digits, _ = reading.value.as_tuple()
    return Decimal((sign, digits, 0))


def _embedded_differs(record: Record) -> bool:
    """The key beside a record, as decoded text, is not the one inside."""
    inside = record.extra.get("embedded_key")
    if record.format not in _EMBEDDING or not isinstance(inside, str):
        return False
    beside = own_key(record)
    if beside is None:
        return record.signature.key_source is KeySource.TRUSTED and has(record, "F-KEY-DIFFERS")
    return not _decodings(beside) & _decodings(inside)


def _decodings(text: str) -> set[bytes]:
    packed = re.sub(r"\s+", "", text)
    found = set()
    for name in ("hex", "base64", "base32"):
        try:
            found.add(ENCODINGS[name](packed))
        except ValueError:
            continue
    return found


def _bits(record: Record) -> bool:
    meter, adapter = record.extra.get("meter_status"), record.extra.get("adapter_status")
    return (isinstance(meter, int) and bool(meter & _METER_BITS)) or (
        isinstance(adapter, int) and bool(adapter & _ADAPTER_BITS)
    )


def not_watt_hours(record: Record) -> bool:
    """A unit other than 30."""
    return any(reading.unit != "Wh" for reading in record.readings)


def _edl_pair(r: Records) -> bool:
    return (
        r.differ(lambda record: record.readings[0].event_counter)
        or r.differ(lambda record: record.identification)
        or r.pages_stand_still
        or r.decreases(stated_value)
    )


def _on_256(record: Record) -> bool:
    return "secp256r1" in (record.signature.algorithm or "") or bool(record.extra.get("after_172"))


_ROWS: tuple[Row, ...] = (
    Row(
        "P-S-ISA",
        INVALID,
        "the checksum of the telegram is wrong",
        lambda r: r.format == "ISA_EDL_40_P" and r.any(lambda record: has(record, "F-SML-CRC")),
    ),
    Row(
        "P-S-EDL",
        INVALID,
        "the checksum of the telegram is wrong",
        lambda r: r.any(lambda record: has(record, "F-SML-CRC")),
    ),
    Row(
        "P-S-EDL",
        INVALID,
        "a field of the telegram is missing",
        lambda r: r.format == "EDL_40_P" and r.any(lambda record: bool(record.extra.get("incomplete"))),
    ),
    Row(
        "P-S-HASH",
        INVALID,
        "a signature does not verify",
        lambda r: r.any(lambda record: record.signature.verdict is not Verdict.VALID),
    ),
    Row(
        "P-S-EMBED",
        INVALID,
        "the key beside the record is not the one inside it",
        lambda r: r.any(_embedded_differs),
    ),
    Row(
        "P-S-ALFEN",
        INVALID,
        "a status bit of meter or adapter is set",
        lambda r: r.format == "ALFEN" and r.any(_bits),
    ),
    Row(
        "P-S-ALFEN",
        INVALID,
        "session, pages or values of the pair do not fit",
        lambda r: (
            r.format == "ALFEN"
            and (r.differ(lambda record: record.session) or r.pages_stand_still or r.decreases(stated_value))
        ),
    ),
    Row(
        "P-S-EDL",
        INVALID,
        "the unit is not Wh",
        lambda r: r.format == "EDL_40_P" and r.any(not_watt_hours),
    ),
    Row(
        "P-S-EDL",
        INVALID,
        "log book, contract id, pages or values of the pair do not fit",
        lambda r: r.format == "EDL_40_P" and _edl_pair(r),
    ),
    Row(
        "P-S-SIG256",
        INVALID,
        "it rebuilds the block and knows secp192r1 only",
        lambda r: r.format == "EDL_40_SIG" and r.any(_on_256),
    ),
    Row(
        "P-S-SIG256",
        INVALID,
        "log book, contract id, pages or values of the pair do not fit",
        lambda r: r.format == "EDL_40_SIG" and _edl_pair(r),
    ),
    Row(
        "P-S-MEN",
        INVALID,
        "pages or values of start and end do not fit",
        lambda r: r.format == MENNEKES and (r.pages_stand_still or r.decreases(_counter)),
    ),
    Row(
        "P-S-PCDF",
        REFUSED,
        "not billable, not ended, or a field of another width",
        lambda r: (
            r.format == "PCDF"
            and r.any(
                lambda record: (
                    record.extra.get("BV") != "1"
                    or record.extra.get("SP") != "1"
                    or bool({finding.code for finding in record.findings} & _PCDF_FINDINGS)
                )
            )
        ),
    ),
)


def judge(records: list[Record]) -> Prediction:
    """The verdict for records of one of these formats: a pair, a charging process, or one alone."""
    if len({record.format for record in records}) > 1:
        return Prediction(UNKNOWN)
    return unread(records) or first(_ROWS, in_order(records)) or Prediction(VALID)
