"""Faults and controls of virtual ABB meters: the closed tables of abb-meters.md 3.13.

Link and protocols stand here; the rows of the meter itself come from ``faults``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wattproof.meters.abb.virtual.faults import METER_CONTROLS, METER_FAULTS, SOURCE, VALUE_FAULTS
from wattproof.virtual.faults import Choice, Count, Flag, Row, Table, Text, Whole, join
from wattproof.virtual.framefaults import link_rows


def _flag(name: str, effect: str) -> Row:
    return Row(name, Flag(), True, effect, SOURCE)


def _count(name: str, default: object, effect: str) -> Row:
    return Row(name, Count(), default, effect, SOURCE)


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An application error code; a number, but not one of hits."""

    limits: str = "0..9 code"

    def read(self, value: object) -> object:
        return Whole(0, 9).read(value)


_LOGICAL_NAME = re.compile(r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?/(\d{1,3})")


def _access_result(text: str) -> object:
    """``LN/CODE`` as it was written, all parts within a byte."""
    found = _LOGICAL_NAME.fullmatch(text)
    if found is None or any(int(part) > 255 for part in found.groups() if part is not None):
        raise ValueError
    return text


def _exception(text: str) -> object:
    """``STATE/SERVICE`` as it was written, two bytes."""
    if any(int(part) > 255 for part in text.split("/")):
        raise ValueError
    return text


MBUS = (
    _flag("fcb-stuck", "A toggled FCB is not noticed: every REQ_UD2 gets the same telegram, with values read anew."),
    _flag("fcb-ignored", "Every REQ_UD2 gets the next telegram, repeated ones too."),
    _flag("access-stuck", "The access number does not grow."),
    _flag("endless", "The last telegram ends with 1F and the readout starts again."),
    Row("application-error", ErrorCode(), 8, "Every REQ_UD2 is answered with CI 70 and this code.", SOURCE),
    *VALUE_FAULTS,
    _flag("raw-type", "CI 73 (fixed structure) instead of 72, from the first two energies."),
    _flag("unselectable", "A selection is never acknowledged."),
)
COSEM = (
    _count("dm", "all", "SNRM is answered DM."),
    _count("frmr", 1, "The next N I frames are answered FRMR."),
    _count("rnr", 1, "The next N I frames are answered RNR."),
    _count("wrong-ns", 1, "The next N I frames are answered with N(S) + 1."),
    _count("lost-segment", 1, "The second segment of the next N segmented answers is left out."),
    Row(
        "aare-reject",
        Choice(("1", "2", "11", "13", "14")),
        "13",
        "Every AARQ is rejected with this diagnostic.",
        SOURCE,
    ),
    Row(
        "access-result",
        Text("LN/CODE", _LOGICAL_NAME.pattern, _access_result),
        "1-0:1.8.0/2",
        "GET, SET and ACTION of the object give this result.",
        SOURCE,
    ),
    Row(
        "exception",
        Text("STATE/SERVICE", "[0-9]{1,3}/[0-9]{1,3}", _exception),
        "1/1",
        "Every confirmed request is answered D8.",
        SOURCE,
    ),
    _count("bad-block", 1, "The next N data blocks carry block number + 1."),
    _flag("wrong-invoke", "The invoke id of answers is changed."),
    _flag("wrong-length", "Wrapper: the length field is one too high."),
)
FAULTS: Table = join("fault", link_rows(SOURCE), MBUS, COSEM, METER_FAULTS)
CONTROLS: Table = Table("control", METER_CONTROLS)
