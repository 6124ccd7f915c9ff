"""The journal of a virtual meter: every request, answer and event, numbered, in a ring of bounded size.

Writing must cost next to nothing, for it stands in the path of every answer; so a record is a tuple of what was at
hand, and words are found only when somebody reads. Entries are numbered from 1 and never renumbered; a reader who
comes too late sees by the numbers what the ring has forgotten.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

#: Names the registers of a span: ``(address, count) -> "ac_meter.W"``, ``None`` if it has no name for them.
Describe = Callable[[int, int], str | None]

EXCEPTION_NAMES: Mapping[int, str] = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}

_READS: Mapping[int, str] = {1: "coils", 2: "discrete inputs", 3: "registers", 4: "input registers"}
_LISTED = 8


#: A request answered at once over Modbus TCP, entries ``number`` and ``number + 1``: number, time, unit, transaction,
#: request, answer. Bare, because a hot path makes one for every request.
Exchange = tuple[int, int, int, int, bytes, bytes]


class Entry(NamedTuple):
    """One entry. ``kind``: request, answer, lost, or the name of an event; ``data`` are the bytes on the wire."""

    number: int
    time: int
    kind: str
    unit: int | None
    pdu: bytes
    data: bytes
    details: Mapping[str, object]


class Ring:
    """The newest ``limit`` records. ``record`` and ``exchange`` are given real monotonic nanoseconds."""

    __slots__ = ("_records", "_watchers", "last")

    def __init__(self, limit: int = 4096) -> None:
        self._records: deque[Exchange | Entry] = deque(maxlen=limit)
        self._watchers: list[Callable[[], None]] = []
        #: Number of the newest entry, 0 before the first.
        self.last = 0

    def exchange(self, time: int, unit: int, transaction: int, request: bytes, answer: bytes) -> None:
        """A request that was answered at once."""
        self._records.append((self.last + 1, time, unit, transaction, request, answer))
        self.last += 2
        if self._watchers:
            self._notify()

    def record(
        self,
        time: int,
        kind: str,
        *,
        unit: int | None = None,
        pdu: bytes = b"",
        data: bytes = b"",
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Anything else."""
        self.last += 1
        self._records.append(Entry(self.last, time, kind, unit, pdu, data, details or {}))
        if self._watchers:
            self._notify()

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at the next entry, once. Returns what takes the callback away again."""
        self._watchers.append(callback)

        def forget() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return forget

    @property
    def watched(self) -> bool:
        """Whether somebody waits for an entry."""
        return bool(self._watchers)

    def _notify(self) -> None:
        watchers, self._watchers = self._watchers, []
        for callback in watchers:
            callback()

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Entries with a number above ``after`` that the ring still holds, oldest first."""
        for record in list(self._records):
            for entry in _entries(record):
                if entry.number > after:
                    yield entry

    @property
    def first(self) -> int:
        """Number of the oldest entry still held, 0 if there is none."""
        return self._records[0][0] if self._records else 0


def _entries(record: Exchange | Entry) -> tuple[Entry, ...]:
    if isinstance(record, Entry):
        return (record,)
    number, time, unit, transaction, request, answer = record
    return (
        Entry(number, time, "request", unit, request, _adu(transaction, unit, request), {}),
        Entry(number + 1, time, "answer", unit, answer, _adu(transaction, unit, answer), {"to": request}),
    )


def _adu(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class Times(NamedTuple):
    """How a ring's times are told: UTC of the monotonic zero point in nanoseconds, and meter time as a function."""

    utc: int
    meter: Callable[[int], int]


def as_dict(entry: Entry, times: Times, describe: Describe | None = None) -> dict[str, object]:
    """An entry as the control interface shows it.

    Keys: ``n``, ``time`` (UTC, ISO 8601, microseconds), ``meter_time`` (seconds), ``kind``; of requests and answers
    ``unit``, ``bytes`` (hex) and ``meaning``; of events their details.
    """
    moment = datetime.fromtimestamp((times.utc + entry.time) // 10**9, UTC)
    micros = (times.utc + entry.time) % 10**9 // 1000
    result: dict[str, object] = {
        "n": entry.number,
        "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{micros:06d}Z",
        "meter_time": times.meter(entry.time) / 10**9,
        "kind": entry.kind,
    }
    if entry.unit is not None:
        result["unit"] = entry.unit
    if entry.data:
        result["bytes"] = entry.data.hex()
    details = dict(entry.details)
    asked = details.pop("to", b"")
    if entry.kind in ("request", "lost", "foreign") and entry.pdu:
        result["meaning"] = request_meaning(entry.pdu, describe)
    elif entry.kind == "answer" and entry.pdu:
        result["meaning"] = answer_meaning(entry.pdu, asked if isinstance(asked, bytes) else b"", describe)
    result.update(details)
    if "meaning" in result:
        result["meaning"] = str(result["meaning"])
    return result


def request_meaning(pdu: bytes, describe: Describe | None = None) -> str:
    """A request PDU in words (Modbus Application Protocol 1.1b3, section 6)."""
    function = pdu[0]
    if function in _READS and len(pdu) == 5:
        address, count = struct.unpack_from(">HH", pdu, 1)
        return f"read {_span(address, count, _READS[function], describe)}"
    if function == 16 and len(pdu) > 6:
        address, count = struct.unpack_from(">HH", pdu, 1)
        return f"write {_span(address, count, 'registers', describe)}: {_words(pdu[6:])}"
    if function == 6 and len(pdu) == 5:
        address = struct.unpack_from(">H", pdu, 1)[0]
        return f"write {_span(address, 1, 'registers', describe)}: {_words(pdu[3:])}"
    return f"function {function}: {pdu[1:].hex()}" if len(pdu) > 1 else f"function {function}"


def answer_meaning(pdu: bytes, request: bytes = b"", describe: Describe | None = None) -> str:
    """An answer PDU in words; ``request`` names the registers that were asked for."""
    function = pdu[0]
    if function & 0x80:
        code = pdu[1] if len(pdu) > 1 else 0
        return f"exception 0x{code:02x} ({EXCEPTION_NAMES.get(code, 'not in the standard')})"
    if function in _READS and len(pdu) >= 2:
        where = ""
        if len(request) == 5:
            address, count = struct.unpack_from(">HH", request, 1)
            where = _span(address, count, _READS[function], describe) + ": "
        return where + _words(pdu[2:])
    if function in (5, 6, 15, 16) and len(pdu) == 5:
        address, value = struct.unpack_from(">HH", pdu, 1)
        count = value if function in (15, 16) else 1
        return f"written {_span(address, count, 'registers' if function in (6, 16) else 'coils', describe)}"
    return f"function {function}: {pdu[1:].hex()}"


def _span(address: int, count: int, what: str, describe: Describe | None) -> str:
    name = describe(address, count) if describe is not None and what == "registers" else None
    return f"{count} {what} at {address}" + (f" ({name})" if name else "")


def _words(data: bytes) -> str:
    words = [data[at : at + 2].hex() for at in range(0, len(data), 2)]
    return " ".join(words[:_LISTED]) + (f" ... {len(words)} in all" if len(words) > _LISTED else "")
