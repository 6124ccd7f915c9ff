"""Predicts Chargy core 0.12 for EMH, GDF and ChargePoint: table "other formats" of section 3.6."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wattproof.signed.profiles.prediction import INVALID, UNKNOWN, VALID, Prediction, Row, first, own_key
from wattproof.signed.records import Record, Verdict

FORMATS = frozenset({"EMH", "GDF", "ChargePoint"})
_BLOCKS = frozenset({"EMH", "GDF"})
#: X and Y side by side, with or without the 04 of an uncompressed point, on curves of 192 and 256 bits.
_POINT = re.compile(r"(?:04)?(?:[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})", re.ASCII)


def _unreadable_key(record: Record) -> bool:
    key = own_key(record)
    return key is not None and not _POINT.fullmatch("".join(key.split()))


_ROWS: tuple[Row, ...] = (
    Row(
        "P-C-HASH",
        INVALID,
        "a signature does not verify",
        lambda records: any(record.signature.verdict is not Verdict.VALID for record in records),
    ),
    Row(
        "P-C-EMH",
        INVALID,
        "fewer than two values, or a key that is not X and Y",
        lambda records: (
            records[0].format in _BLOCKS and (len(records) < 2 or any(_unreadable_key(record) for record in records))
        ),
    ),
)


def judge(records: Sequence[Record]) -> Prediction:
    """The verdict for the records of one session; what this program does not read, it does not foresee."""
    if any(record.signature.verdict in (Verdict.UNSUPPORTED, Verdict.FORMAT_ERROR) for record in records):
        return Prediction(UNKNOWN)
    return first(_ROWS, records) or Prediction(VALID)
