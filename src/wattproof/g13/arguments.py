"""Arguments of paths: what they may be, and what is said of one that is not (g13-api.md 3, 13.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wattproof.g13.resources import Resource
from wattproof.g13.shapes.scalars import Choice, Text, Whole
from wattproof.g13.shapes.shape import How, Shape, Unfit
from wattproof.g13.shapes.times import Moment

_DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its shape, and the text that refuses it."""

    shape: Shape
    invalid: str = ""
    folded: bool = False

    def take(self, text: str, compat: bool) -> Any:
        """The value of a segment. Raises :class:`Unfit`."""
        if isinstance(self.shape, Whole) and not _DIGITS.fullmatch(text):
            raise Unfit(self.invalid)
        try:
            return self.shape.take(text.lower() if self.folded and compat else text, How(compat=compat))
        except Unfit:
            raise Unfit(self.invalid) from None


_MOMENT = Argument(Moment(), "invalid datetime")
#: Arguments by name. Serial numbers and users are looked up, so any text without control
#: characters is one.
ARGUMENTS: Mapping[str, Argument] = MappingProxyType(
    {
        "serial": Argument(Text(least=1), "invalid serial"),
        "user": Argument(Text(least=1), "invalid user name", folded=True),
        "token": Argument(Whole(0, 0xFFFFFFFF), "invalid token"),
        "id": Argument(Whole(0), "invalid id"),
        "type": Argument(Choice(("active", "reactive", "apparent")), "invalid energy type"),
        "mode": Argument(Choice(("co2", "currency")), "invalid mode"),
        "datetime": _MOMENT,
        "from": _MOMENT,
        "to": _MOMENT,
        "channel": Argument(Whole(1, 8), "invalid channel"),
        "count": Argument(Whole(1, 0x7FFFFFFF), "invalid count"),
    }
)
#: Where a resource allows less: 51 shows at most 100 events, 77 at most 500 rows, 55 active energy alone.
NARROWER: Mapping[tuple[int, str], Argument] = MappingProxyType(
    {
        (51, "count"): Argument(Whole(1, 100), "invalid count"),
        (77, "count"): Argument(Whole(1, 500), "invalid count"),
        (55, "type"): Argument(Choice(("active",)), "invalid energy type"),
    }
)


def argument(resource: Resource, name: str) -> Argument:
    """What an argument of a resource may be."""
    return NARROWER.get((resource.number, name), ARGUMENTS[name])
