"""Shapes that bodies of several resources share."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wattproof.g13.rights import LEVELS
from wattproof.g13.shapes.compound import Array, Member, Named, Object, either, needs, optional, record, same
from wattproof.g13.shapes.scalars import PLAIN, Choice, Exact, Flag, Text, Value, Whole
from wattproof.g13.shapes.shape import How, Shape, Unfit
from wattproof.g13.shapes.times import Moment

#: Texts of section 3: String(21) and the like are sizes of buffers, one more than the characters that fit.
ALIAS, LOCATION = Text(21), Text(51)
#: A serial number that may join (8.6), and one that is looked up: any text is a meter that there is or is not.
SERIAL, METER = Text(17, pattern="[A-Za-z0-9_.-]{1,16}"), Text(256)
ANY_TEXT, ANY_NUMBER, ANY_FLAG, ANY_MOMENT = Text(), Whole(), Flag(), Moment()
ACCESS = Choice(LEVELS)
PERIODS = Choice(("daily", "weekly", "monthly"))
WEEKDAY = Whole(1, 7)
#: What a write answers that has nothing else to say.
SUCCESS = record(Member("status", Choice(("success",))))
#: A harmonic, or a sum of them, in percent (GD-52).
PERCENT = Exact(shown=1)


def texts(*names: str, **more: Any) -> tuple[Member, ...]:
    """Members that are texts without limits."""
    return tuple(Member(name, ANY_TEXT, **more) for name in names)


def numbers(*names: str, **more: Any) -> tuple[Member, ...]:
    """Members that are whole numbers without limits."""
    return tuple(Member(name, ANY_NUMBER, **more) for name in names)


def values(names: Sequence[str], *units: str | None, compat: str | None = None) -> Object:
    """An object of values, each of which the meter may lack."""
    return record(*(optional(name, Value(units, compat)) for name in names))


def listed(name: str, *members: Member) -> Object:
    """An object with one member, an array of objects."""
    return record(Member(name, Array(record(*members))))


def serials(excess: str = "", *, most: int | None = None, least: int = 0, twice: str = "") -> Array:
    """Serial numbers of meters."""
    unique = same if twice else None
    return Array(Named("serial", METER), least=least, most=most, excess=excess, unique=unique, twice=twice)


def check_weekday(body: dict[str, Any], period: str) -> None:
    """Weekly periods name the weekday on which they end, others do not (71, 79). Raises :class:`Unfit`."""
    if body[period] != "weekly":
        body.pop("weekday", None)
    elif "weekday" not in body:
        raise Unfit("missing weekday in JSON")


def weekday_rule(period: str) -> dict[str, Any]:
    """What :func:`check_weekday` asks for."""
    return either(needs("weekday"), *(needs(**{period: other}) for other in PERIODS.values if other != "weekly"))


@dataclass(frozen=True)
class UserName(Text):
    """The name of a user; compat mode folds upper case (GD-24)."""

    pattern: str = "[a-z0-9]{1,20}"

    def take(self, value: Any, how: How) -> str:
        return super().take(value.lower() if how.compat and isinstance(value, str) and value.isascii() else value, how)


@dataclass(frozen=True)
class Key(Shape):
    """A new password: characters are counted after normal form C, none of them a control (9.1)."""

    lengths: range = range(8, 65)
    compat_lengths: range = range(1, 17)

    def take(self, value: Any, how: How) -> str:
        if not isinstance(value, str) or any(unicodedata.category(letter) == "Cc" for letter in value):
            raise Unfit
        if len(unicodedata.normalize("NFC", value)) not in (self.compat_lengths if how.compat else self.lengths):
            raise Unfit("invalid key length")
        return value

    def give(self, value: Any, compat: bool) -> str:
        raise Unfit("passwords are never shown")

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": self.lengths[0],
            "maxLength": self.lengths[-1],
            "pattern": f"^(?:{PLAIN})$",
        }
