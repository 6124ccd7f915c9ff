"""The control field: which kind of frame, with which numbers (IEC 62056-46, 6.4.3; abb-meters.md 2.1).

All 256 values are worked out once; those that mean nothing here are of kind ``UNKNOWN``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Frames by name."""

    I = "I"  # noqa: E741
    RR = "RR"
    RNR = "RNR"
    SNRM = "SNRM"
    DISC = "DISC"
    UA = "UA"
    DM = "DM"
    FRMR = "FRMR"
    UI = "UI"
    UNKNOWN = "unknown"


#: Poll and final are one bit: the sender gives the turn away.
POLL = 0x10
_NUMBERED = {Kind.RR: 0x01, Kind.RNR: 0x05}
_UNNUMBERED = {Kind.SNRM: 0x83, Kind.DISC: 0x43, Kind.UA: 0x63, Kind.DM: 0x0F, Kind.FRMR: 0x87, Kind.UI: 0x03}


@dataclass(frozen=True, slots=True)
class Control:
    """One control field. ``ns`` counts I frames, ``nr`` is the number expected next; 0 where a kind has none."""

    kind: Kind
    octet: int
    ns: int = 0
    nr: int = 0

    @property
    def final(self) -> bool:
        """The poll bit of a command, the final bit of an answer."""
        return bool(self.octet & POLL)


def _table() -> tuple[Control, ...]:
    rows = [Control(Kind.UNKNOWN, octet) for octet in range(256)]
    for poll in (0, POLL):
        for nr in range(8):
            for ns in range(8):
                rows[nr << 5 | poll | ns << 1] = Control(Kind.I, nr << 5 | poll | ns << 1, ns, nr)
            for kind, code in _NUMBERED.items():
                rows[nr << 5 | poll | code] = Control(kind, nr << 5 | poll | code, 0, nr)
        for kind, code in _UNNUMBERED.items():
            rows[poll | code] = Control(kind, poll | code)
    return tuple(rows)


CONTROLS = _table()
_BY_NAME: dict[tuple[Kind, int, int, bool], Control] = {
    (row.kind, row.ns, row.nr, row.final): row for row in CONTROLS if row.kind is not Kind.UNKNOWN
}


def control(kind: Kind, ns: int = 0, nr: int = 0, final: bool = True) -> Control:
    """The control field of a kind of frame and its numbers, which count modulo 8."""
    return _BY_NAME[kind, ns & 7, nr & 7, final]
