"""Attributes and methods bound to the body: its values as data, data as its commands, refusals as results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from wattproof.errors import CosemRefused
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.refusals import Missing, Refusal, out_of_range
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.data import Data, Tag, array, long_unsigned, unsigned
from wattproof.wire.cosem.objects import Bound, BoundMethod, CosemObject, Set
from wattproof.wire.cosem.shapes import items, number

T = TypeVar("T")
Object: TypeAlias = CosemObject[Body]
#: Attributes or methods of an object by name.
Members: TypeAlias = dict[str | int, Any]

#: How the types of the table of quantities are written.
TYPES: Mapping[str, tuple[Tag, Callable[[Any], Data]]] = {
    "u8": (Tag.UNSIGNED, axdr.unsigned),
    "u16": (Tag.LONG_UNSIGNED, axdr.long_unsigned),
    "u32": (Tag.DOUBLE_LONG_UNSIGNED, axdr.double_long_unsigned),
    "u64": (Tag.LONG64_UNSIGNED, axdr.long64_unsigned),
    "i16": (Tag.LONG, axdr.long),
    "i32": (Tag.DOUBLE_LONG, axdr.double_long),
    "i64": (Tag.LONG64, axdr.long64),
    "bool": (Tag.BOOLEAN, axdr.boolean),
    "enum": (Tag.ENUM, axdr.enum),
    "text": (Tag.VISIBLE_STRING, axdr.visible_string),
    "u16[16]": (Tag.ARRAY, lambda values: array(map(long_unsigned, values))),
    "u8[4]": (Tag.ARRAY, lambda values: array(map(unsigned, values))),
}


def shown(id: int) -> Callable[[Body], Data]:
    """GET of a quantity: the body's value in the type of its row, or the access result of why there is none."""
    _, write = TYPES[ROWS[id].type]

    def get(body: Body) -> Data:
        value = body.value(id)
        if isinstance(value, Missing):
            raise CosemRefused(value.access_result, f"{ROWS[id].name}: {value.name.lower()}")
        return write(value)

    return get


def told(act: Callable[..., object], *arguments: Any) -> None:
    """Give the body a command; its refusal is an access result."""
    try:
        act(*arguments)
    except Refusal as refusal:
        raise CosemRefused(refusal.access_result, str(refusal)) from None


def commands(command: Callable[[Body, T], object], read: Callable[[Data], T]) -> Set[Body]:
    """SET: what ``read`` makes of the data is a command to the body."""
    return lambda body, value: told(command, body, read(value))


def setting(
    get: Callable[[Body], Data],
    command: Callable[[Body, T], object],
    read: Callable[[Data], T],
    *tags: Tag,
    access: str = "r/rw",
) -> Bound[Body]:
    """An attribute that client 1 may set; ``tags`` are the types that it takes."""
    return Bound(get, commands(command, read), access, tags)


def numbers(data: Data) -> tuple[int, ...]:
    """The integers of an array."""
    return tuple(map(number, items(data)))


def resets(command: Callable[[Body], object]) -> BoundMethod[Body]:
    """Method 1 of registers and profiles, with the parameter integer 0."""

    def call(body: Body, parameter: Data | None) -> None:
        zero(parameter)
        told(command, body)

    return BoundMethod(call)


def executes(command: Callable[[Body, T], object], read: Callable[[Data], T]) -> BoundMethod[Body]:
    """A method whose parameter is a command to the body."""

    def call(body: Body, parameter: Data | None) -> None:
        if parameter is not None:  # its type was looked at before
            told(command, body, read(parameter))

    return BoundMethod(call)


#: A method of the class that no client may execute.
CLOSED: BoundMethod[Body] = BoundMethod(lambda body, parameter: None, execute="-/-")


def zero(parameter: Data | None) -> None:
    """Methods without a parameter are given integer 0. Raises ``CosemRefused``: scope of access violated."""
    if parameter is None or number(parameter) != 0:
        raise CosemRefused(out_of_range("").access_result, "the parameter of this method is integer 0")


def only_zero(command: Callable[[Body], object]) -> Callable[[Body, int], None]:
    """A counter that SET may only clear."""

    def clear(body: Body, value: int) -> None:
        if value != 0:
            raise out_of_range(f"{value} is not possible: write 0")
        command(body)

    return clear


def only_false(command: Callable[[Body], object]) -> Callable[[Body, bool], None]:
    """A stored state that SET may only clear."""

    def clear(body: Body, value: bool) -> None:
        if value:
            raise out_of_range("true is not possible: write false")
        command(body)

    return clear
