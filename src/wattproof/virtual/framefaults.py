"""What goes wrong between a meter and a bus of frames (M-Bus, HDLC, the IP wrapper), one answer at a time.

``LinkFaults`` stands between a meter's face and the bytes that leave it, as ``line.LineFaults`` does on Modbus. The
rows say on which kind of face each fault acts: M for M-Bus, H for HDLC, W for the wrapper. What only the protocol
knows, such as where its check sum is, the face does itself (``Face.spoil``).

Order of events for one request (abb-meters.md 3.13)::

    silent | drop  ->  execution  ->  disconnect | drop-answer  ->  faults of the frame  ->  garble, truncate
    ->  leading-bytes, echo in front  ->  late, slow
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from wattproof.errors import InvalidValue
from wattproof.virtual.faults import ENDED, Choice, Count, Faults, Flag, Kind, Number, OnFace, Row, shown
from wattproof.virtual.switchboard import Switchboard, Switched

if TYPE_CHECKING:
    from wattproof.virtual.framed import Face

PERCENT, SECONDS = Number(0, 100, "%"), Number(0, 600, "s real")


@dataclass(frozen=True, slots=True)
class LinkFault:
    """One row: on which kinds of face it acts (letters of M, H, W), what it takes, and what it does.

    ``framed``: the face itself spoils its frame.
    """

    name: str
    faces: str
    kind: Kind
    default: object
    effect: str
    framed: bool = False

    def row(self, source: str) -> Row:
        """The row of a family's closed table."""
        return Row(self.name, self.kind, self.default, f"{self.effect} ({' '.join(self.faces)})", source)


_ROWS = (
    LinkFault("silent", "MHW", Count(), "all", "The next N requests are neither executed nor answered."),
    LinkFault("drop", "MHW", PERCENT, Decimal(10), "The request is lost: neither executed nor answered."),
    LinkFault("drop-answer", "MHW", PERCENT, Decimal(10), "The request is executed, its answer is lost."),
    LinkFault("late", "MHW", SECONDS, Decimal(1), "Every answer comes this much later than allowed."),
    LinkFault("slow", "MH", Number(0, 60, "s real"), Decimal("0.05"), "Silence between the characters of an answer."),
    LinkFault("disconnect", "MHW", PERCENT, Decimal(10), "The connection is closed instead of the answer."),
    LinkFault("wrong-address", "MHW", Flag(), True, "Answers carry address + 1, check sums right.", framed=True),
    LinkFault("bad-checksum", "MH", PERCENT, Decimal(100), "CS or FCS of the answer + 1.", framed=True),
    LinkFault("bad-hcs", "H", PERCENT, Decimal(100), "HCS of the answer + 1, FCS right.", framed=True),
    LinkFault(
        "collision",
        "MH",
        Choice(("address", "number")),
        "address",
        "A second meter answers at once, bitwise and of both; same address or same identification number.",
        framed=True,
    ),
    LinkFault("garble", "MHW", PERCENT, Decimal(10), "One random bit of the answer is inverted, sums not adapted."),
    LinkFault("truncate", "MHW", PERCENT, Decimal(10), "The answer ends after a random part of its bytes."),
    LinkFault("leading-bytes", "MH", PERCENT, Decimal(10), "1 to 8 random bytes before the answer."),
    LinkFault("echo", "MH", Flag(), True, "The request is sent back before the answer."),
)
LINK_FAULTS: Mapping[str, LinkFault] = {row.name: row for row in _ROWS}
#: The name of a face by the letter of its kind: what ``"face"`` of a change restricts a fault to.
FACE_NAMES: Mapping[str, str] = {"M": "mbus", "H": "cosem", "W": "cosem"}


def link_rows(source: str) -> tuple[Row, ...]:
    """The faults of the link as rows of a family's closed table."""
    return tuple(row.row(source) for row in _ROWS)


class Delivery(NamedTuple):
    """What leaves instead of one answer. ``delay`` and ``pace`` (between characters) are real nanoseconds, on top of
    the face's own delay; ``close``: the connection is closed instead."""

    data: bytes = b""
    delay: int = 0
    pace: int = 0
    close: bool = False


class Struck(NamedTuple):
    """The faults that hit a request, in the order of the table, and those that were drawn for."""

    hits: tuple[str, ...] = ()
    drawn: frozenset[str] = frozenset()


UNSTRUCK = Struck()


class LinkFaults:
    """The faults of the link in force on one meter.

    :param faults: all faults in force; those of the link are looked up there, and their hits told.
    :param rng: seeded; only asked here, for the seed of each fault's own stream.
    """

    __slots__ = ("_faults", "_seed", "_streams", "only")

    def __init__(self, faults: Faults, rng: random.Random) -> None:
        self._faults = faults
        self._seed = rng.getrandbits(64)
        self._streams: dict[str, random.Random] = {}
        #: The face that a fault is restricted to, by its name.
        self.only: dict[str, str] = {}

    def strike(self, kind: str, *, connection: bool, before: Struck = UNSTRUCK) -> Struck:
        """Draw for a request on a face of this kind; with what was drawn ``before`` for the same request, only for
        what has come into force since."""
        active = self._faults.active
        if not active:
            return UNSTRUCK
        hits = []
        for name, row in LINK_FAULTS.items():
            if name not in active or not self._acts(row, kind, connection):
                continue
            if name in before.drawn:
                hit = name in before.hits
            else:
                hit = row.kind is not PERCENT or self._stream(name).random() * 100 < cast(Decimal, active[name])
            if hit:
                hits.append(name)
        return Struck(tuple(hits), frozenset(active))

    def loses(self, hits: tuple[str, ...]) -> str:
        """The fault that took the request before it was executed, ``""`` if none did; told as a hit."""
        for name in ("silent", "drop"):
            if name in hits and self._faults.hit(name):
                return name
        return ""

    def deliver(self, hits: tuple[str, ...], face: Face, request: Any, answer: bytes) -> Delivery:
        """The fate of one answer: a whole frame that ``face`` has made for ``request``."""
        if not hits:
            return Delivery(answer)
        if "disconnect" in hits and self._faults.hit("disconnect"):
            return Delivery(close=True)
        if "drop-answer" in hits and self._faults.hit("drop-answer"):
            return Delivery()
        data = answer
        for name in hits:
            if LINK_FAULTS[name].framed:
                spoilt = face.spoil(name, self._faults.active.get(name), request, data, self._stream(name))
                if spoilt is not None and self._faults.hit(name):
                    data = spoilt
        data = self._damage(hits, data)
        if "leading-bytes" in hits and self._faults.hit("leading-bytes"):
            stream = self._stream("leading-bytes")
            data = stream.randbytes(stream.randint(1, 8)) + data
        if "echo" in hits and self._faults.hit("echo"):
            data = request.encode() + data
        return Delivery(data, self._seconds("late", hits), self._seconds("slow", hits))

    def _damage(self, hits: tuple[str, ...], data: bytes) -> bytes:
        if "garble" in hits and data and self._faults.hit("garble"):
            bit = self._stream("garble").randrange(len(data) * 8)
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            data = bytes(damaged)
        if "truncate" in hits and len(data) > 1 and self._faults.hit("truncate"):
            data = data[: self._stream("truncate").randrange(1, len(data))]
        return data

    def _acts(self, row: LinkFault, kind: str, connection: bool) -> bool:
        only = self.only.get(row.name)
        return kind in row.faces and only in (None, FACE_NAMES[kind]) and (connection or row.name != "disconnect")

    def _seconds(self, name: str, hits: tuple[str, ...]) -> int:
        if name not in hits or not self._faults.hit(name):
            return 0
        return round(cast(Decimal, self._faults.active[name]) * 10**9)

    def _stream(self, name: str) -> random.Random:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = random.Random(f"{self._seed}:{name}")
        return stream


class Linked(Switched, Protocol):
    """A meter with faults of the link."""

    @property
    def link(self) -> LinkFaults: ...


class FacedSwitchboard(Switchboard):
    """The closed tables of a family whose link faults may be restricted to one of its faces (``OnFace``).

    Such a family has no Modbus faults; those of its links are in force like its other ones.
    """

    def is_bus_fault(self, name: str) -> bool:
        return False

    def read_faults(self, meter: Switched, faults: Mapping[str, object]) -> dict[str, object]:
        bare = {name: value.value if isinstance(value, OnFace) else value for name, value in faults.items()}
        values = super().read_faults(meter, bare)
        for name, value in faults.items():
            if isinstance(value, OnFace) and values[name] is not ENDED:
                values[name] = OnFace(_face(name, value.face), values[name])
        return values

    def put_fault(self, meter: Switched, name: str, value: object) -> None:
        only = cast(Linked, meter).link.only
        only.pop(name, None)
        if isinstance(value, OnFace):
            only[name] = value.face
            value = value.value
        super().put_fault(meter, name, value)

    def in_force(self, meter: Switched) -> dict[str, object]:
        only = cast(Linked, meter).link.only
        return {
            name: {"value": shown(value), "face": only[name]} if name in only else value
            for name, value in super().in_force(meter).items()
        }


def _face(name: str, face: str) -> str:
    """The face that a fault of the link can be restricted to. Raises ``InvalidValue``."""
    row = LINK_FAULTS.get(name)
    if row is None:
        raise InvalidValue(f"fault {name}: acts on the meter itself; only faults of the link are restricted to a face")
    known = {FACE_NAMES[kind] for kind in row.faces}
    if face not in known:
        raise InvalidValue(f"fault {name}: does not act on face {face!r}; write {', '.join(sorted(known))}")
    return face
