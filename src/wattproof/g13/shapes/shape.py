"""The base of all shapes, and the exceptions by which they refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from wattproof.errors import InvalidValue


class Absence(Enum):
    """Not there at all, other than ``null``."""

    ABSENT = "absent"


ABSENT: Final = Absence.ABSENT


class Unfit(Exception):
    """Something does not have the shape. ``text`` is what the interface says, empty as long as nobody has named it;
    ``final``: no member around it says it in its own words."""

    def __init__(self, text: str = "", *, final: bool = False) -> None:
        super().__init__(text)
        self.text, self.final = text, final


def missing(member: str, text: str = "") -> Unfit:
    """A member that is not there (GD-22)."""
    return Unfit(text or f"missing {member} in JSON", final=True)


@dataclass(frozen=True, slots=True)
class How:
    """How a body is taken.

    ``request``: limits hold and nothing may be missing. Otherwise it is the answer of another gateway, which is taken
    as it comes (column "Accepted" of section 6). ``strict``: unknown members are refused (GD-50).
    """

    request: bool = True
    compat: bool = False
    strict: bool = False


class Shape:
    """What one value is in JSON, both ways."""

    def take(self, value: Any, how: How) -> Any:
        """The value in its normal form, as the gateway works with it. Raises :class:`Unfit`."""
        raise NotImplementedError

    def give(self, value: Any, compat: bool) -> Any:
        """The value as an answer shows it, or ``ABSENT``. Raises :class:`~wattproof.errors.InvalidValue`."""
        raise NotImplementedError

    def schema(self, *, request: bool) -> dict[str, Any]:
        """As JSON schema (2020-12); limits are stated of requests only, since an answer shows what is stored."""
        raise NotImplementedError


def tuple_schema(places: Sequence[dict[str, Any]], *, request: bool) -> dict[str, Any]:
    """An array of fixed places as JSON schema. Of an answer it says less than it could: what reads documents takes
    ``prefixItems`` of answers for a mistake (schemathesis 4.32)."""
    if request:
        return {"type": "array", "prefixItems": list(places), "items": False, "minItems": len(places)}
    kinds = [kind for number, kind in enumerate(places) if kind not in places[:number]]
    return {
        "type": "array",
        "items": kinds[0] if len(kinds) == 1 else {"anyOf": kinds},
        "minItems": len(places),
        "maxItems": len(places),
    }


def wrong(value: Any, wanted: str) -> InvalidValue:
    """An answer that does not have its shape: a mistake of the gateway."""
    return InvalidValue(f"{value!r:.200} is not {wanted}")


@dataclass(frozen=True)
class Body:
    """The body of a request.

    ``needed``: without it the body may be empty. ``check``: what no shape can say, raises :class:`Unfit`; it gets the
    normal form and how it was taken, and may complete it.
    """

    shape: Shape
    needed: bool = True
    check: Callable[[dict[str, Any], How], None] | None = None
