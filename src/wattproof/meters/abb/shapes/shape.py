"""A setting and its COSEM data, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem.data import Data, array
from wattproof.wire.cosem.shapes import items, octets

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)  # no slots: Python 3.11 cannot make a Name[Type](...) of a frozen class with slots
class Shape(Generic[T]):
    """``writer`` makes data of a setting, ``reader`` the setting of such data."""

    writer: Callable[[T], Data]
    reader: Callable[[Data], T]

    def write(self, value: T) -> Data:
        """The data of a setting. Raises ``InvalidValue`` where the value does not fit."""
        return _checked(self.writer, value)

    def read(self, data: Data) -> T:
        """The setting.

        Raises:
            FrameError: the data have another type or structure.
            InvalidValue: a value is out of range.
        """
        return _checked(self.reader, data)

    @property
    def table(self) -> Shape[tuple[T, ...]]:
        """An array of such settings. Reading raises ``FrameError``, ``InvalidValue``."""

        def write(values: Iterable[T]) -> Data:
            return array([self.write(value) for value in values])

        def read(data: Data) -> tuple[T, ...]:
            return tuple(self.read(item) for item in items(data))

        return Shape(write, read)


def moment(decode: Callable[[bytes], T], data: Data, size: int) -> T:
    """A date or time in an octet-string of ``size`` bytes.

    Raises ``FrameError`` for another type or size, ``InvalidValue`` where a field has a value that there is not.
    """
    found = octets(data, size)
    try:
        return decode(found)
    except FrameError as error:
        raise InvalidValue(str(error)) from None


def nothing_after(what: str, *parts: int | None) -> None:
    """Smaller parts of a time than are kept: 0 or open. Raises ``InvalidValue``, as nothing may get lost silently."""
    if any(parts):
        raise InvalidValue(f"{what}: what is smaller has to be 0")


def _checked(make: Callable[[A], B], value: A) -> B:
    """``make(value)``, with the ``ValueError`` of an engine as the error of this project."""
    try:
        return make(value)
    except InvalidValue:
        raise
    except ValueError as error:
        raise InvalidValue(str(error)) from None
