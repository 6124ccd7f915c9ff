"""Type labels of ABB meters, ``XYZ ABC-DEF``: what they say about a meter (abb-meters.md 3.1).

X is the family, Z the wiring, A the functionality; B to F only appear in the type designation. A real meter is judged
by what it sends, never by its label: the label decides what a virtual meter has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wattproof.errors import UnknownName
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import LEVELS, POLYPHASE, Row

#: Short names (3.1). The first is the default.
SHORT = {
    "A44": "A44-552-100",
    "A41": "A41-513-100",
    "A42": "A42-552-100",
    "A43": "A43-512-100",
    "B21": "B21-312-100",
    "B23": "B23-312-100",
    "B24": "B24-352-100",
}
DEFAULT = SHORT["A44"]
_LABEL = re.compile(r"(?:(?P<a>A4[1-4])-[0-5]|(?P<b>B2[134])-[0-3])[125][1-4]-[0-3][0-2]0")
#: Rows of transformer ratios.
RATIOS = frozenset({141, 142, 143, 144})
#: Rows of voltage transformers.
VOLTAGE_RATIOS = frozenset({143, 144})


@dataclass(frozen=True, slots=True)
class Variant:
    """One label. ``series`` A or B, ``wiring`` 1 to 4, ``level`` Iron (0) to Platinum (5)."""

    label: str
    series: str
    wiring: int
    level: int

    @property
    def designation(self) -> str:
        """The type designation that the meter sends: ``A44 552-100``."""
        return self.label.replace("-", " ", 1)

    @property
    def phases(self) -> int:
        """Elements: 1 or 3."""
        return 1 if self.wiring <= 2 else 3

    @property
    def has_ct(self) -> bool:
        """Whether it is connected through current transformers."""
        return self.wiring in (2, 4)

    @property
    def has_vt(self) -> bool:
        """Whether it may be connected through voltage transformers: A44 alone (3.1)."""
        return self.label.startswith("A44")

    @property
    def level_name(self) -> str:
        return LEVELS[self.level]

    @property
    def fine_currents(self) -> bool:
        """Whether M-Bus sends currents in mA (AD-06)."""
        return self.label.startswith(("A41", "A42"))

    def has(self, row: Row) -> bool:
        """Whether a meter of this label measures or holds the quantity."""
        if row.level > self.level or (self.phases == 1 and row.phase in POLYPHASE):
            return False
        if row.id in RATIOS:
            return self.has_vt if row.id in VOLTAGE_RATIOS else self.has_ct
        return True

    def rows(self) -> tuple[Row, ...]:
        """The quantities that it has, by id."""
        return tuple(row for row in ROWS.values() if self.has(row))


def variant(label: str | None = None) -> Variant:
    """The variant of a label, a short name or ``None`` for the default; upper or lower case.

    Raises:
        UnknownName: no label of 3.1.

    >>> variant("a41").designation
    'A41 513-100'
    >>> variant("B23-212-100").level_name
    'Bronze'
    """
    text = DEFAULT if label is None else label.upper()
    text = SHORT.get(text, text)
    found = _LABEL.fullmatch(text)
    if found is None:
        raise UnknownName(
            f"abb has no variant {label!r}; write {', '.join(SHORT)} or a label such as A44-552-100: "
            "A41..A44 or B21, B23, B24; functionality 0..5 (B: 0..3), 1 2 or 5, 1..4; 0..3, 0..2, 0"
        )
    return Variant(text, text[0], int(text[2]), int(text[4]))
