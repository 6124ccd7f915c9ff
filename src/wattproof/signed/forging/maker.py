"""What the maker of a format gives to the forge, and the session that every format tells: 12.34 kWh in one hour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from wattproof.signed.curves import Curve, PublicKey
from wattproof.signed.encoding import decode
from wattproof.signed.formats.bsm import Value
from wattproof.signed.formats.samples import Sample
from wattproof.signed.records import Moment

_LAST_DIGIT = re.compile(r"[0-9](?=[^0-9]*\Z)")
_LAST_LETTER = re.compile(r"[A-Za-z](?=[^A-Za-z]*\Z)")
_NEXT = {"9": "0", "z": "a", "Z": "A"}

#: The signed fields of one record by name. A maker writes its text and its signed bytes from these alone.
Draft: TypeAlias = dict[str, Any]


class Literal(str):
    """A number as it is written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One charging session: who signs, when (Unix seconds), from which reading to which (Wh), on which pages.

    ``wrong_order`` asks for an end in the place of the begin, ``missing_page`` for a page that is not there.
    ``public_key`` goes beside or into the records, if any does.
    """

    serial: str
    curve: str
    wrong_order: bool = False
    missing_page: bool = False
    public_key: PublicKey | None = None
    times: tuple[int, int] = (1_740_819_600, 1_740_823_200)
    offset: int = 60  # minutes east of UTC
    readings: tuple[int, int] = (100_100, 112_440)
    user: str = "1F2D3A4F5506C7"
    point: str = "DE*TST*E0001"

    @property
    def pages(self) -> tuple[int, int]:
        """Page numbers of begin and end."""
        return (12, 14) if self.missing_page else (12, 13)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record with its signature (canonical DER), the curve that lies on, and the key that goes beside it, if any."""

    draft: Draft
    signature: bytes
    curve: Curve
    public_key: PublicKey | None


class Maker(Protocol):
    """One format. ``curves``: the usual one first. ``fields``: names that ``tampered`` takes. ``serial``: the usual
    identity text of the signer. ``lacks``: variants that the format cannot have."""

    @property
    def token(self) -> str: ...
    @property
    def curves(self) -> tuple[str, ...]: ...
    @property
    def fields(self) -> tuple[str, ...]: ...
    @property
    def serial(self) -> str: ...
    @property
    def lacks(self) -> tuple[str, ...]: ...

    def drafts(self, story: Story) -> list[Draft]:
        """The records of the session, begin first. Raises ``InvalidValue`` for a serial that the format cannot hold."""
        ...

    def signed(self, draft: Draft, story: Story) -> bytes:
        """Exactly the bytes that are hashed (SHA-256, see :class:`OwnHash`) and signed."""
        ...

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        """The file around the records."""
        ...


@runtime_checkable
class OwnHash(Protocol):
    """A maker whose records are not all hashed with SHA-256."""

    def hash_of(self, curve: str) -> str: ...


def samples(story: Story) -> list[Sample]:
    """Begin and end of the story, as the writers of formats take them."""
    return [
        Sample(moment, energy, seconds, page, story.offset, 100_000 + seconds - story.times[0])
        for moment, energy, seconds, page in zip(
            (Moment.BEGIN, Moment.END), story.readings, story.times, story.pages, strict=True
        )
    ]


def raw(signature: bytes, curve: Curve) -> bytes:
    """r and s side by side."""
    parts, size = decode(curve, signature), curve.order_bytes
    return parts.r.to_bytes(size, "big") + parts.s.to_bytes(size, "big")


def changed(draft: Draft, field: str) -> Draft:
    """The draft with another value in one field; fields of the only reading inside ``RD`` are found too."""
    if field not in draft and "RD" in draft:
        return {**draft, "RD": [changed(reading, field) for reading in draft["RD"]]}
    return {**draft, field: _another(draft[field])}


def _another(value: Any) -> Any:
    """A value of the same kind that differs: another last digit (or letter), a number one higher."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, Value):
        return Value(value.raw + 1, value.scale)
    if isinstance(value, list):
        return [*value[:-1], _another(value[-1])]
    if isinstance(value, bytes):
        return _another_octets(value)
    text = _another_text(str(value))
    return Literal(text) if isinstance(value, Literal) else text


def _another_octets(data: bytes) -> bytes:
    text = data.decode("latin-1")
    if text.isascii() and text.isprintable():
        return _another_text(text).encode("ascii")
    return data[:-1] + bytes((data[-1] ^ 1,))


def _another_text(text: str) -> str:
    for pattern in (_LAST_DIGIT, _LAST_LETTER):
        if found := pattern.search(text):
            swapped = _NEXT.get(found[0]) or chr(ord(found[0]) + 1)
            return text[: found.start()] + swapped + text[found.end() :]
    return text + "E"
