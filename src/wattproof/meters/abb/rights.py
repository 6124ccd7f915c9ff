"""What may be written or executed at an ABB meter: rows of its rights list beyond quantities (abb-meters.md 2.13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattproof.meters.abb.quantities import ROWS


@dataclass(frozen=True, slots=True)
class Writing:
    """A row of the rights list beyond the readable quantities (2.13): what may be written or executed there.

    ``attribute`` 0: ``method`` 1 of the object. ``record``: the M-Bus command, ``""`` if there is none.
    """

    id: int
    name: str
    class_id: int
    logical_name: str
    attribute: int
    method: int
    record: str = ""


def _executed(id: int, row: int, record: str) -> Writing:
    return Writing(id, ROWS[row].name, ROWS[row].class_id, ROWS[row].logical_name, 0, 1, record)


def _written(id: int, row: int, record: str = "", attribute: int | None = None) -> Writing:
    found = ROWS[row]
    return Writing(id, found.name, found.class_id, found.logical_name, attribute or found.attribute, 0, record)


#: Ids 201 to 220 and 230 to 241 (2.13, 1.15, end of 1.12); 221 to 229 have no row there. One of several ports or
#: channels stands for all.
WRITINGS: Mapping[int, Writing] = MappingProxyType(
    {
        row.id: row
        for row in (
            _executed(201, 171, "00 / 84 FF F2 07"),
            _executed(202, 172, "80 40 / 84 FF F2 07"),
            _executed(203, 173, "80 80 40 / 84 FF F2 07"),
            _executed(204, 174, "80 C0 40 / 84 FF F2 07"),
            _executed(205, 51, "80 40 / FD E1 07"),
            _executed(206, 52, "80 80 40 / FD E1 07"),
            _executed(207, 53, "80 C0 40 / FD E1 07"),
            _executed(208, 54, "80 80 80 40 / FD E1 07"),
            _written(209, 55, "C0 40 / FD 9B 07"),
            _written(210, 56, "C0 80 40 / FD 9B 07"),
            _written(211, 57, "C0 C0 40 / FD 9B 07"),
            _written(212, 58, "C0 80 80 40 / FD 9B 07"),
            _written(213, 152, "00 / FF 98 07"),
            _written(214, 151, "00 / FF EC 07"),
            _executed(215, 109, "00 / FF F9 83 07"),
            _executed(216, 110, "00 / FF F9 82 07"),
            _executed(217, 111, "00 / FF F9 84 07"),
            Writing(218, "SYSTEM_LOG", 7, "0-0:99.98.0", 0, 1, "00 / FF F9 AE 07"),
            Writing(219, "EVENT_LOG", 7, "0-0:99.98.1", 0, 1, "00 / FF F9 B2 07"),
            Writing(220, "NET_QUALITY_LOG", 7, "0-0:99.98.2", 0, 1, "00 / FF F9 B0 07"),
            _written(230, 83, "04 / FF 25"),
            _written(231, 84, "04 / FF 24"),
            _written(232, 114, attribute=7),
            _written(233, 147, attribute=8),
            _written(234, 148, attribute=9),
            _written(235, 115),
            _written(236, 189, "01 / FF 13"),
            _written(237, 190, "01 / FF F9 06"),
            _written(238, 140),
            _written(239, 154, "81 40 / FD 1A"),
            Writing(240, "IO_SETTING", 1, "0-1:96.3.130", 2, 0),
            _written(241, 155),
        )
    }
)
