"""Shapes of single values: texts, numbers, flags, choices."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import IPv4Network
from typing import Any

from wattproof.g13.jsontext import DIGITS
from wattproof.g13.shapes.shape import ABSENT, How, Shape, Unfit, tuple_schema, wrong

_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
#: No control characters.
PLAIN = r"[^\x00-\x1f\x7f-\x9f]*"
_HARDWARE = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", re.ASCII)


def number(value: Any) -> Decimal:
    """A number as bodies write it: integer, decimal, or decimal text (GD-49). Raises :class:`Unfit`.

    >>> number("007.50")
    Decimal('7.50')
    """
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise Unfit
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -DIGITS or value.adjusted() > DIGITS:
        raise Unfit  # an exponent such as 1E+999999 would fill the memory with noughts
    return value


def whole(value: Any) -> int:
    """A whole number in any of the forms of :func:`number`. Raises :class:`Unfit`."""
    found = number(value)
    if found != found.to_integral_value():
        raise Unfit
    return int(found)


@dataclass(frozen=True)
class Text(Shape):
    """A text. ``buffer``: size of the original's buffer, one more than the characters that fit (1.2); ``octets``: they
    are counted in UTF-8. ``pattern``: what it has to match as a whole."""

    buffer: int | None = None
    octets: bool = False
    pattern: str = ""
    least: int = 0

    def take(self, value: Any, how: How) -> str:
        if not how.request and isinstance(value, int | Decimal) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise Unfit
        if how.request and not self._fits(value):
            raise Unfit
        return value

    def _fits(self, value: str) -> bool:
        size = len(value.encode()) if self.octets else len(value)
        controls = any(unicodedata.category(letter) == "Cc" for letter in value)
        return (
            size >= self.least
            and (self.buffer is None or size < self.buffer)
            and not controls
            and (not self.pattern or re.fullmatch(self.pattern, value, re.ASCII) is not None)
        )

    def give(self, value: Any, compat: bool) -> str:
        if not isinstance(value, str):
            raise wrong(value, "a text")
        return str(value)

    def schema(self, *, request: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "string"}
        if request and self.buffer is not None:
            found["maxLength"] = self.buffer - 1
        if request and self.least:
            found["minLength"] = self.least
        if request:
            found["pattern"] = f"^(?:{self.pattern or PLAIN})$"
        return found


@dataclass(frozen=True)
class Flag(Shape):
    """True or false. In answers of other gateways a number stands for it as well (GD-12)."""

    def take(self, value: Any, how: How) -> bool:
        if isinstance(value, bool):
            return value
        if how.request:
            raise Unfit
        return number(value) != 0

    def give(self, value: Any, compat: bool) -> bool:
        if not isinstance(value, bool):
            raise wrong(value, "true or false")
        return value

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Whole(Shape):
    """A whole number from ``low`` to ``high``, or one of ``also``; with ``only`` one of these. ``text``: answers write
    it as text (GD-02). ``compat_low``: the lower end in compat mode."""

    low: int | None = None
    high: int | None = None
    also: tuple[int, ...] = ()
    only: tuple[int, ...] = ()
    text: bool = False
    compat_low: int | None = None

    def take(self, value: Any, how: How) -> Any:
        if not how.request and self.text:
            return str(value) if isinstance(value, str | int) else str(whole(value))
        found = whole(value)
        if how.request and not self._allowed(found, how.compat):
            raise Unfit
        return found

    def _allowed(self, found: int, compat: bool) -> bool:
        if self.only:
            return found in self.only
        low = self.compat_low if compat and self.compat_low is not None else self.low
        return found in self.also or ((low is None or found >= low) and (self.high is None or found <= self.high))

    def give(self, value: Any, compat: bool) -> int | str:
        if self.text and isinstance(value, str | int):
            return str(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(value, "a whole number")
        return int(value)

    def schema(self, *, request: bool) -> dict[str, Any]:
        if self.text and not request:
            return {"type": "string"}
        if not request:
            return {"type": "integer"}
        if self.only:
            return {"type": "integer", "enum": list(self.only)}
        limits = {"minimum": self.low, "maximum": self.high}
        found = {"type": "integer", **{name: limit for name, limit in limits.items() if limit is not None}}
        return {"anyOf": [found, {"type": "integer", "enum": list(self.also)}]} if self.also else found


@dataclass(frozen=True)
class Exact(Shape):
    """A decimal number, kept as text with its digits: from ``low``, below ``below``, at most ``places`` decimals.
    In answers it is a JSON number with at least ``shown`` decimals."""

    low: Decimal | None = None
    below: Decimal | None = None
    places: int | None = None
    shown: int = 0

    def take(self, value: Any, how: How) -> str:
        found = number(value)
        if how.request:
            if self.places is not None and found != round(found, self.places):
                raise Unfit
            if (self.low is not None and found < self.low) or (self.below is not None and found >= self.below):
                raise Unfit
        return format(found if found else abs(found), "f")

    def give(self, value: Any, compat: bool) -> Decimal:
        """Documents of drivers have binary numbers too; they were made of few digits, which are shown again."""
        try:
            found = number(repr(value) if isinstance(value, float) else value)
        except Unfit:
            raise wrong(value, "a number") from None
        exponent = found.as_tuple().exponent
        decimals = -exponent if isinstance(exponent, int) else 0
        return found if decimals >= self.shown else Decimal(f"{found:.{self.shown}f}")

    def schema(self, *, request: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "number"}
        if request and self.low is not None:
            found["minimum"] = float(self.low)
        if request and self.below is not None:
            found["exclusiveMaximum"] = float(self.below)
        if request and self.places is not None:
            found["multipleOf"] = float(Decimal(1).scaleb(-self.places))
        return found


@dataclass(frozen=True)
class Choice(Shape):
    """One of few texts, spelt exactly."""

    values: tuple[str, ...]

    def take(self, value: Any, how: How) -> str:
        if not isinstance(value, str) or (how.request and value not in self.values):
            raise Unfit
        return value

    def give(self, value: Any, compat: bool) -> str:
        if value not in self.values:
            raise wrong(value, f"one of {', '.join(self.values)}")
        return str(value)

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True)
class Coded(Shape):
    """One of few things that have a number and a name: requests take both and become the number, answers show the
    name (GD-26). ``spellings``: further names."""

    names: Mapping[int, str]
    spellings: Mapping[str, int] = field(default_factory=dict)

    def _code(self, value: Any) -> int | None:
        if isinstance(value, str):
            named = {name: code for code, name in self.names.items()} | dict(self.spellings)
            if value in named:
                return named[value]
        try:
            found = whole(value)
        except Unfit:
            return None
        return found if found in self.names else None

    def take(self, value: Any, how: How) -> int | str:
        code = self._code(value)
        if code is None and how.request:
            raise Unfit
        if code is None:
            return str(value)
        return code if how.request else self.names[code]

    def give(self, value: Any, compat: bool) -> str:
        code = self._code(value)
        if code is None:
            raise wrong(value, f"one of {', '.join(self.names.values())}")
        return self.names[code]

    def schema(self, *, request: bool) -> dict[str, Any]:
        names = {"type": "string", "enum": list(self.names.values())}
        return {"anyOf": [{"type": "integer", "enum": list(self.names)}, names]} if request else names


@dataclass(frozen=True)
class Quad(Shape):
    """Four decimal octets, ``192.168.1.12``: each 0..255 without leading nought (8.1)."""

    def take(self, value: Any, how: How) -> str:
        octet = r"(0|[1-9][0-9]{0,2})"
        if not isinstance(value, str):
            raise Unfit
        if how.request and not (
            re.fullmatch(rf"{octet}(\.{octet}){{3}}", value, re.ASCII)
            and all(int(part) <= 255 for part in value.split("."))
        ):
            raise Unfit
        return value

    def give(self, value: Any, compat: bool) -> str:
        return Text().give(value, compat)

    def schema(self, *, request: bool) -> dict[str, Any]:
        if not request:
            return {"type": "string"}
        octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
        return {"type": "string", "pattern": rf"^{octet}(\.{octet}){{3}}$", "description": "four octets 192.168.1.12"}


@dataclass(frozen=True)
class Mask(Quad):
    """A mask of a network: so many ones, then noughts."""

    def schema(self, *, request: bool) -> dict[str, Any]:
        masks = [str(IPv4Network((0, length)).netmask) for length in range(33)]
        return {"type": "string", "enum": masks} if request else super().schema(request=request)


@dataclass(frozen=True)
class Hardware(Shape):
    """The address of a network interface as six decimal octets; others write it hexadecimal (GD-28)."""

    def take(self, value: Any, how: How) -> str:
        if not isinstance(value, str):
            raise Unfit
        if _HARDWARE.fullmatch(value):
            return ".".join(str(int(part, 16)) for part in re.split("[:-]", value))
        return value

    def give(self, value: Any, compat: bool) -> str:
        return Text().give(value, compat)

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class Value(Shape):
    """A value and its unit, ``["230.1","V"]``; the unit may be ``null`` (1.2). A value that the meter has, but reports
    as bad, is ``null``; in compat mode it is absent (GD-53). ``compat``: unit shown in compat mode (GD-18)."""

    units: tuple[str | None, ...]
    compat: str | None = None

    def take(self, value: Any, how: How) -> list[str | None]:
        if not isinstance(value, list) or len(value) != 2:
            raise Unfit
        shown, unit = value
        if unit is not None and not isinstance(unit, str):
            raise Unfit
        return [None if shown is None else format(number(shown), "f"), unit]

    def give(self, value: Any, compat: bool) -> Any:
        if not isinstance(value, list | tuple) or len(value) != 2 or value[1] not in self.units:
            units = " or ".join(str(unit) for unit in self.units)
            raise wrong(value, f"a value with the unit {units}")
        shown, unit = value
        if shown is None:
            return ABSENT if compat else [None, unit]
        if not isinstance(shown, str) or not _DECIMAL.fullmatch(shown) or shown.startswith("+"):
            raise wrong(value, "a value as decimal text")
        return [shown, self.compat if compat and self.compat is not None else unit]

    def schema(self, *, request: bool) -> dict[str, Any]:
        units = {*self.units, *((self.compat,) if self.compat else ())}
        value = {"type": ["string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
        unit = {"enum": sorted(units, key=str)}
        return {**tuple_schema([value, unit], request=request), "contains": unit}
