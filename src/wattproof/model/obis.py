"""OBIS codes: what a register means, in six value groups ``A-B:C.D.E*F`` (IEC 62056-6-1).

Groups A, B, E and F may be left out in the short notation of IEC 62056-21 (``1.8.0``, ``F.F``). The letters C, F, L
and P stand for the group values 96 to 99.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wattproof.errors import InvalidValue

#: IEC 62056-6-1: group values that data-readout protocols write as letters.
LETTERS = {"C": 96, "F": 97, "L": 98, "P": 99}

_GROUP = r"(?:\d{1,3}|[CFLP])"
_WRITTEN = re.compile(
    rf"(?:(?P<a>\d{{1,3}})-(?P<b>\d{{1,3}}):)?(?P<c>{_GROUP})\.(?P<d>{_GROUP})(?:\.(?P<e>{_GROUP}))?(?:[*&](?P<f>\d{{1,3}}))?",
    re.ASCII,
)
_LOGICAL_NAME = re.compile(r"\d{1,3}(?:\.\d{1,3}){5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Obis:
    """One code. A group is a number 0..255, a letter of :data:`LETTERS` (C, D, E only), or ``None`` where absent.

    ``str()`` gives the written form back, letters included. Two spellings of one code differ as objects;
    compare :meth:`numeric` forms to compare meanings.
    """

    a: int | None
    b: int | None
    c: int | str
    d: int | str
    e: int | str | None = None
    f: int | None = None

    def __post_init__(self) -> None:
        for name in "abcdef":
            value = getattr(self, name)
            if isinstance(value, int) and not 0 <= value <= 255:
                raise InvalidValue(f"OBIS group {name.upper()} is {value}, allowed are 0 to 255")
            if isinstance(value, str) and (value not in LETTERS or name not in "cde"):
                raise InvalidValue(f"OBIS group {name.upper()} is {value!r}, allowed are 0 to 255 and C, F, L, P")
        if (self.a is None) != (self.b is None):
            raise InvalidValue("OBIS groups A and B are either both given or both left out")

    @classmethod
    def parse(cls, text: str) -> Obis:
        """``1-0:1.8.0*198``, ``1-0:1.8.0``, ``1.8.0``, ``F.F`` or a logical name ``1.0.1.8.0.255``.

        Raises ``InvalidValue``.
        """
        if _LOGICAL_NAME.fullmatch(text):
            return cls(*(int(part) for part in text.split(".")))
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise InvalidValue(f"{text!r} is not an OBIS code; write it like 1-0:1.8.0*255")
        a, b, f = (int(match[name]) if match[name] else None for name in "abf")
        c, d = _group(match["c"]), _group(match["d"])
        return cls(a, b, c, d, _group(match["e"]) if match["e"] else None, f)

    @classmethod
    def from_bytes(cls, name: bytes) -> Obis:
        """The code of a six-byte logical name. Raises ``InvalidValue``."""
        if len(name) != 6:
            raise InvalidValue(f"a logical name has 6 bytes, not {len(name)}")
        return cls(*name)

    def to_bytes(self) -> bytes:
        """The logical name: six bytes, absent groups as 1-0, E 0, F 255 (electricity, current value)."""
        full = self.numeric()
        groups = (full.a, full.b, full.c, full.d, full.e, full.f)
        absent = (1, 0, 0, 0, 0, 255)
        return bytes(default if group is None else int(group) for group, default in zip(groups, absent, strict=True))

    def numeric(self) -> Obis:
        """The same code with its letters as numbers."""
        c, d = (LETTERS.get(str(group), group) for group in (self.c, self.d))
        e = None if self.e is None else LETTERS.get(str(self.e), self.e)
        return Obis(self.a, self.b, c, d, e, self.f)

    def __str__(self) -> str:
        text = "" if self.a is None else f"{self.a}-{self.b}:"
        text += f"{self.c}.{self.d}"
        if self.e is not None:
            text += f".{self.e}"
        return text if self.f is None else f"{text}*{self.f}"


def _group(text: str) -> int | str:
    return text if text in LETTERS else int(text)
