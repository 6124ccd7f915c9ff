"""What goes wrong between a meter and its wire: the bus faults, one table, applied to one answer at a time.

``LineFaults`` stands between anything that answers requests and the bytes that leave it: a virtual meter today, a
proxy in front of a real one as well. It does no I/O and knows no clock; chance comes from a seeded generator, one
stream a fault, drawn once for every request in the order of arrival; for a fault that comes into force while a request
is under way, when it does. Equal seed and equal requests give equal hits, whatever other fault is active.

Order of events for one request (bsm.md 28.4)::

    drop | exception  ->  execution  ->  disconnect | drop-answer  ->  wrong-unit, wrong-transaction  ->  frame
    ->  collision, garble, truncate  ->  echo, foreign-traffic, line-noise in front  ->  late
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from wattproof.errors import UnknownName

if TYPE_CHECKING:
    from wattproof.wire.modbus.framing.messages import Request

#: Turns a request's addressing and a PDU into the bytes of one frame.
Encoder = Callable[["Request", bytes], bytes]
Value = bool | int | float | Decimal


class Kind(NamedTuple):
    """What the value of a fault may be: its limits, and the value of a fault named without one."""

    default: Value
    low: int
    high: int


#: ``percent`` is drawn anew for each request, ``seconds`` are real ones, ``code`` is a Modbus exception code.
KINDS: Mapping[str, Kind] = {
    "percent": Kind(10, 0, 100),
    "seconds": Kind(5, 0, 600),
    "code": Kind(4, 1, 11),
    "flag": Kind(True, 0, 1),
}


@dataclass(frozen=True, slots=True)
class LineFault:
    """One row of bsm.md 28.4: name, key of ``KINDS``, effect, and on what else than Modbus RTU and ASCII it acts."""

    name: str
    kind: str
    effect: str
    tcp: bool = True
    optical: bool = True

    @property
    def default(self) -> Value:
        """The value of this fault when it is named without one."""
        return KINDS[self.kind].default


_ROWS = (
    LineFault("drop", "percent", "The request is lost: neither executed nor answered."),
    LineFault("drop-answer", "percent", "The request is executed, its answer is lost."),
    LineFault("late", "seconds", "Every answer comes this much later."),
    LineFault(
        "garble",
        "percent",
        "One random bit of the answer is inverted, check sums not adapted; on Modbus TCP in the PDU.",
    ),
    LineFault("truncate", "percent", "The answer ends after a random part of its bytes."),
    LineFault("wrong-unit", "flag", "Answers carry unit + 1 (247 becomes 1); the check sum is right.", optical=False),
    LineFault("wrong-transaction", "flag", "Modbus TCP answers carry transaction id + 1; not on RTU.", optical=False),
    LineFault("exception", "code", "Every Modbus request gets this exception and is not executed.", optical=False),
    LineFault(
        "disconnect", "percent", "The connection is closed instead of the answer, after execution; not on a line."
    ),
    LineFault("line-noise", "percent", "1 to 8 random bytes before the answer; not on Modbus TCP.", tcp=False),
    LineFault(
        "foreign-traffic",
        "percent",
        "Another unit's request and answer before the answer; not on Modbus TCP.",
        tcp=False,
    ),
    LineFault("echo", "flag", "The request is sent back before the answer; not on Modbus TCP.", tcp=False),
    LineFault(
        "collision",
        "flag",
        "A second meter answers at once: bitwise and of both answers; not on Modbus TCP.",
        tcp=False,
    ),
)
LINE_FAULTS: Mapping[str, LineFault] = {row.name: row for row in _ROWS}


class Delivery(NamedTuple):
    """What leaves instead of one answer: frames in front of it, its own bytes (empty: none), and how.

    ``delay`` is in real nanoseconds, on top of the meter's own. ``close``: the connection is closed instead.
    """

    before: tuple[bytes, ...] = ()
    data: bytes = b""
    delay: int = 0
    close: bool = False


def _ignore(event: str, details: Mapping[str, object]) -> None:
    """The journal of a line that nobody watches."""


class LineFaults:
    """The bus faults in force on one meter, and what they do to its answers.

    :param rng: seeded; only asked here, for the seed of each fault's own stream.
    """

    __slots__ = ("_active", "_seed", "_streams", "changed", "journal")

    def __init__(self, rng: random.Random) -> None:
        self._seed = rng.getrandbits(64)
        self._active: dict[str, Value] = {}
        self._streams: dict[str, random.Random] = {}
        #: Called after every change of ``active``.
        self.changed: Callable[[], None] = _no_matter
        #: Where hits are reported.
        self.journal: Callable[[str, Mapping[str, object]], None] = _ignore

    @property
    def active(self) -> Mapping[str, Value]:
        """Names in force with their values, in the order of the table; another object after every change."""
        return self._active

    def set(self, name: str, value: Value) -> None:
        """Begin a fault. The value is already judged by the limits of its row.

        :raises UnknownName: no such bus fault.
        """
        if name not in LINE_FAULTS:
            raise UnknownName(f"no bus fault {name!r}: known are {', '.join(LINE_FAULTS)}")
        present = {**self._active, name: value}
        self._active = {known: present[known] for known in LINE_FAULTS if known in present}
        self.changed()

    def clear(self, name: str) -> None:
        """End a fault; nothing happens if it is not in force."""
        if name in self._active:
            self._active = {known: value for known, value in self._active.items() if known != name}
            self.changed()

    def strike(self, *, tcp: bool = False, optical: bool = False, connection: bool = True) -> tuple[str, ...]:
        """Which faults hit the request that just arrived, in the order of the table.

        Every percent fault in force draws once. A fault that cannot act on this transport draws and does not hit.
        """
        return self.strike_again((), {}, tcp=tcp, optical=optical, connection=connection)

    def strike_again(
        self,
        hits: tuple[str, ...],
        drawn: Mapping[str, Value],
        *,
        tcp: bool = False,
        optical: bool = False,
        connection: bool = True,
    ) -> tuple[str, ...]:
        """The hits of a request that was drawn for while ``drawn`` was ``active``, which has changed since.

        What is still in force keeps its draw, what has come since draws now, and what has ended hits no more.
        """
        found = []
        for name, value in self._active.items():
            row = LINE_FAULTS[name]
            if drawn.get(name) == value:
                hit = name in hits
            else:
                hit = row.kind != "percent" or self._stream(name).random() * 100 < value
            acts = (row.tcp or not tcp) and (row.optical or not optical) and (connection or name != "disconnect")
            if hit and acts and not (name == "wrong-transaction" and not tcp):
                found.append(name)
        return tuple(found)

    def exception_answer(self, request: Request) -> bytes:
        """The answer of the fault ``exception``."""
        self._hit("exception", code=int(self._active["exception"]))
        return bytes((request.pdu[0] | 0x80, int(self._active["exception"])))

    def lose(self) -> None:
        """Report that the fault ``drop`` took a request."""
        self._hit("drop")

    def deliver(
        self, hits: tuple[str, ...], request: Request, answer: bytes | None, encode: Encoder, *, tcp: bool
    ) -> Delivery:
        """The fate of one Modbus answer.

        :param hits: what ``strike`` said when the request came.
        :param answer: PDU, ``None`` if the meter stays silent (then nothing is sent whatever the faults).
        :param tcp: Modbus TCP, where ``garble`` spares the header of seven bytes.
        """
        if answer is None:
            return Delivery()
        lost = self._lost(hits)
        if lost is not None:
            return lost
        addressed = request
        if "wrong-unit" in hits:
            addressed = addressed._replace(unit=1 if request.unit >= 247 else request.unit + 1)
            self._hit("wrong-unit", unit=addressed.unit)
        if "wrong-transaction" in hits:
            addressed = addressed._replace(transaction=(request.transaction + 1) & 0xFFFF)
            self._hit("wrong-transaction", transaction=addressed.transaction)
        data = encode(addressed, answer)
        if "collision" in hits:
            data = _wired_and(data, encode(addressed, self._other_answer(request, answer)))
            self._hit("collision")
        data = self._damage(hits, data, spared=7 if tcp else 0)
        before = []
        if "echo" in hits:
            before.append(encode(request, request.pdu))
            self._hit("echo")
        if "foreign-traffic" in hits:
            before.extend(self._foreign_frames(request, encode))
        return Delivery(tuple(before), self._noise(hits) + data, self._late(hits))

    def deliver_text(self, hits: tuple[str, ...], request: bytes, answer: bytes) -> Delivery:
        """The fate of one message of an optical head (EN 62056-21)."""
        lost = self._lost(hits)
        if lost is not None:
            return lost
        data = answer
        if "collision" in hits:
            stream = self._stream("collision")
            digits = bytes(stream.randrange(0x30, 0x3A) if 0x30 <= byte <= 0x39 else byte for byte in data)
            data = _wired_and(data, digits)
            self._hit("collision")
        data = self._damage(hits, data, spared=0)
        before = []
        if "echo" in hits:
            before.append(request)
            self._hit("echo")
        if "foreign-traffic" in hits:
            serial = self._stream("foreign-traffic").randrange(10**8)
            before.extend((b"/?%08d!\r\n" % serial, b"/OTH5METER%08d\r\n" % serial))
            self._hit("foreign-traffic")
        return Delivery(tuple(before), self._noise(hits) + data, self._late(hits))

    def _lost(self, hits: tuple[str, ...]) -> Delivery | None:
        if "disconnect" in hits:
            self._hit("disconnect")
            return Delivery(close=True)
        if "drop-answer" in hits:
            self._hit("drop-answer")
            return Delivery()
        return None

    def _damage(self, hits: tuple[str, ...], data: bytes, *, spared: int) -> bytes:
        if "garble" in hits and len(data) > spared:
            bit = self._stream("garble").randrange(spared * 8, len(data) * 8)
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            data = bytes(damaged)
            self._hit("garble", byte=bit // 8, bit=bit % 8)
        if "truncate" in hits and len(data) > 1:
            kept = self._stream("truncate").randrange(1, len(data))
            self._hit("truncate", kept=kept, of=len(data))
            data = data[:kept]
        return data

    def _noise(self, hits: tuple[str, ...]) -> bytes:
        if "line-noise" not in hits:
            return b""
        stream = self._stream("line-noise")
        noise = stream.randbytes(stream.randint(1, 8))
        self._hit("line-noise", bytes=noise.hex())
        return noise

    def _late(self, hits: tuple[str, ...]) -> int:
        if "late" not in hits:
            return 0
        seconds = self._active.get("late", 0)
        self._hit("late", seconds=int(seconds) if seconds == int(seconds) else float(seconds))
        return round(seconds * 10**9)

    def _foreign_frames(self, request: Request, encode: Encoder) -> tuple[bytes, bytes]:
        """Another unit is asked for a few registers and answers."""
        stream = self._stream("foreign-traffic")
        unit = (request.unit + stream.randrange(1, 247) - 1) % 247 + 1
        count = stream.randint(1, 10)
        other = request._replace(unit=unit, pdu=struct.pack(">BHH", 3, stream.randrange(0xFF00), count))
        self._hit("foreign-traffic", unit=unit)
        return encode(other, other.pdu), encode(other, bytes((3, 2 * count)) + stream.randbytes(2 * count))

    def _other_answer(self, request: Request, answer: bytes) -> bytes:
        """What a meter with other readings answers: same form, other registers. A written value is echoed alike."""
        if answer[0] not in (1, 2, 3, 4, 23):
            return answer
        return answer[:2] + self._stream("collision").randbytes(len(answer) - 2)

    def _stream(self, name: str) -> random.Random:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = random.Random(f"{self._seed}:{name}")
        return stream

    def _hit(self, name: str, **details: object) -> None:
        self.journal("fault-hit", {"fault": name, **details})


def _wired_and(one: bytes, other: bytes) -> bytes:
    """Two drivers on one pair: a 0 of either wins; where only one sends, its bytes stand."""
    both = bytes(a & b for a, b in zip(one, other, strict=False))
    longer = one if len(one) >= len(other) else other
    return both + longer[len(both) :]


def _no_matter() -> None:
    """The ``changed`` of a line that nobody runs."""
