"""What is known of a device's registers: a sparse map of contiguous spans."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from wattproof.errors import InvalidValue, UsageError

#: Registers have addresses 0..65535.
ADDRESSES = 0x10000


class MissingRegisters(UsageError, LookupError):
    """Registers were asked for that were never read."""

    modbus_exception = 0x02


class RegisterImage:
    """Registers by 0-based protocol address, two bytes each, high byte first.

    Spans that touch grow together, so that a read succeeds exactly if every register of it was written before.
    """

    __slots__ = ("_data", "_starts")

    def __init__(self, address: int | None = None, data: bytes = b"") -> None:
        self._starts: list[int] = []
        self._data: list[bytearray] = []
        if address is not None:
            self.write(address, data)

    def write(self, address: int, data: bytes) -> None:
        """Put ``data`` (an even number of bytes) at ``address``. Raises ``InvalidValue`` if it does not fit."""
        count, odd = divmod(len(data), 2)
        if odd or not 0 <= address <= ADDRESSES - count:
            raise InvalidValue(f"{len(data)} bytes do not fill whole registers from address {address} up to 65535")
        if not count:
            return
        first = self._touching(address)
        last = first
        while last < len(self._starts) and self._starts[last] <= address + count:
            last += 1
        if first == last:
            self._starts.insert(first, address)
            self._data.insert(first, bytearray(data))
            return
        if last == first + 1 and self._starts[first] * 2 + len(self._data[first]) == address * 2:
            self._data[first] += data  # the usual case: what follows the registers read before
            return
        self._merge(first, last, address, data)

    def _touching(self, address: int) -> int:
        """Index of the first span that ends at or after ``address``."""
        index = bisect_right(self._starts, address)
        if index and self._starts[index - 1] + len(self._data[index - 1]) // 2 >= address:
            return index - 1
        return index

    def _merge(self, first: int, last: int, address: int, data: bytes) -> None:
        """Lay ``data`` over the spans ``first``..``last`` - 1, which all touch it, and make them one."""
        start = min(self._starts[first], address)
        merged = bytearray()
        for index in range(first, last):
            at = (self._starts[index] - start) * 2
            merged.extend(bytes(at - len(merged)))
            merged += self._data[index]
        at = (address - start) * 2
        merged.extend(bytes(max(0, at + len(data) - len(merged))))
        merged[at : at + len(data)] = data
        self._starts[first:last] = [start]
        self._data[first:last] = [merged]

    def read(self, address: int, count: int) -> bytes:
        """``count`` registers from ``address``. Raises :class:`MissingRegisters` unless all are known."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0:
            at = (address - self._starts[index]) * 2
            end = at + count * 2
            data = self._data[index]
            if end <= len(data):
                return bytes(data[at:end])
        raise MissingRegisters(f"registers {address} to {address + count - 1} (0-based) were not read")

    def around(self, address: int) -> tuple[int, bytes]:
        """First address and all bytes of the span that holds ``address``; no bytes if none does."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._starts[index] + len(self._data[index]) // 2:
            return self._starts[index], bytes(self._data[index])
        return address, b""

    def covers(self, address: int, count: int) -> bool:
        """Whether ``count`` registers from ``address`` are all known."""
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address + count <= self._starts[index] + len(self._data[index]) // 2

    def spans(self) -> Iterator[tuple[int, bytes]]:
        """First address and bytes of each contiguous span, ascending."""
        for start, data in zip(self._starts, self._data, strict=True):
            yield start, bytes(data)

    def update(self, other: RegisterImage) -> None:
        """Take over every register that ``other`` knows."""
        for address, data in other.spans():
            self.write(address, data)

    def __len__(self) -> int:
        """Number of known registers."""
        return sum(map(len, self._data)) // 2

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RegisterImage):
            return NotImplemented
        return self._starts == other._starts and self._data == other._data

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = ", ".join(f"{start}..{start + len(data) // 2 - 1}" for start, data in self.spans())
        return f"RegisterImage({parts})"
