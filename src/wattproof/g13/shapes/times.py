"""Shapes of moments and times of day (g13-api.md 1.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wattproof.g13.shapes.shape import How, Shape, Unfit, wrong

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
#: Days of any year; of leap years there is one more. For the document alone.
_DAYS = (
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])"
)
_LEAP = "0[48]|[2468][048]|[13579][26]"
_ALWAYS = (
    "[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000",
    f"[0-9]{{2}}(?:{_LEAP})|(?:{_LEAP})00",
)
_CENTURY = ("20[0-9]{2}", f"20(?:00|{_LEAP})")


@dataclass(frozen=True)
class Moment(Shape):
    """A date-time ``YYYY-MM-DDTHH:MM:SS`` in local time, without zone. ``clock``: of a clock, which is set to no other
    years than 2000 to 2099 (8.2)."""

    clock: bool = False

    def take(self, value: Any, how: How) -> str:
        if not isinstance(value, str):
            raise Unfit
        if how.request:
            if not _MOMENT.fullmatch(value) or (self.clock and not value.startswith("20")):
                raise Unfit
            try:
                datetime.fromisoformat(value)
            except ValueError:
                raise Unfit from None
        return value

    def give(self, value: Any, compat: bool) -> str:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise wrong(value, "a local date-time")
        return value

    def schema(self, *, request: bool) -> dict[str, Any]:
        found = {"type": "string", "description": "date-time YYYY-MM-DDTHH:MM:SS"}
        if not request:
            return {**found, "pattern": f"^{_MOMENT.pattern}$"}
        years, leap = _CENTURY if self.clock else _ALWAYS
        return {**found, "pattern": f"^(?:(?:{years})-(?:{_DAYS})|(?:{leap})-02-29)T{_TIME.pattern}:[0-5][0-9]$"}


@dataclass(frozen=True)
class TimeOfDay(Shape):
    """Hours and minutes, ``HH:MM``."""

    def take(self, value: Any, how: How) -> str:
        if not isinstance(value, str) or (how.request and not _TIME.fullmatch(value)):
            raise Unfit
        return value

    def give(self, value: Any, compat: bool) -> str:
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise wrong(value, "a time of day")
        return value

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_TIME.pattern}$", "description": "time of day HH:MM"}
