"""Taking data apart: the value of the type that should stand here, or ``FrameError``."""

from __future__ import annotations

from wattproof.errors import FrameError
from wattproof.wire.cosem.data import Data, Tag, name

#: Every type whose value is an integer.
INTEGERS = frozenset(
    {
        Tag.BCD,
        Tag.DOUBLE_LONG,
        Tag.DOUBLE_LONG_UNSIGNED,
        Tag.ENUM,
        Tag.INTEGER,
        Tag.LONG,
        Tag.LONG64,
        Tag.LONG64_UNSIGNED,
        Tag.LONG_UNSIGNED,
        Tag.UNSIGNED,
    }
)
NUMBERS = INTEGERS | {Tag.FLOAT32, Tag.FLOAT64}


def number(data: Data) -> int:
    """The value of any integer type."""
    if data.tag in INTEGERS and isinstance(data.value, int):
        return data.value
    raise _wrong(data, "an integer")


def flag(data: Data) -> bool:
    """The value of a boolean."""
    if isinstance(data.value, bool):
        return data.value
    raise _wrong(data, "a boolean")


def octets(data: Data, size: int | None = None) -> bytes:
    """The bytes of an octet-string, date-time, date or time, of exactly ``size`` if that is given."""
    if not isinstance(data.value, bytes):
        raise _wrong(data, "an octet-string")
    if size is not None and len(data.value) != size:
        raise FrameError(f"octet-string of {len(data.value)} bytes where {size} should stand")
    return data.value


def text(data: Data) -> str:
    """The text of a visible-string, utf8-string, or of an octet-string that holds ASCII."""
    if isinstance(data.value, str) and data.tag is not Tag.BIT_STRING:
        return data.value
    if data.tag is Tag.OCTET_STRING and isinstance(data.value, bytes):
        return data.value.decode("ascii", "backslashreplace")
    raise _wrong(data, "a text")


def items(data: Data, tag: Tag = Tag.ARRAY, count: int | None = None) -> tuple[Data, ...]:
    """The elements of an array, or of what ``tag`` says; exactly ``count`` if that is given."""
    if data.tag is not tag or not isinstance(data.value, tuple):
        raise _wrong(data, name(tag))
    if count is not None and len(data.value) != count:
        raise FrameError(f"{name(tag)} of {len(data.value)} elements where {count} should stand")
    return data.value


def fields(data: Data, count: int) -> tuple[Data, ...]:
    """The elements of a structure of ``count``."""
    return items(data, Tag.STRUCTURE, count)


def _wrong(data: Data, wanted: str) -> FrameError:
    return FrameError(f"{name(data.tag)} where {wanted} should stand")
